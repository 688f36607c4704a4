/* Rounds over bad links, with wrong beliefs, against broken bytes: nothing is lost, nothing starts over, nothing is
 * taken that does not prove itself. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define ROUNDS_MAX 50

enum {
#ifdef TEST_LIMITS
	COST_CUT = 1024,
	CONNECTIONS_MAX = 4000,
#else
	COST_CUT = 4096,
	CONNECTIONS_MAX = 30,
#endif
};

/* The root, a commune's node, and something to say on both sides. */
struct pair {
	struct rig r;
	size_t a;
	struct sqlite3 *root_copy, *a_copy;
	uint64_t now_ms;
};

static void
pair_make(struct pair *p)
{
	rig_init(&p->r);
	p->a = rig_join(&p->r, RIG_UNIT_A);
	rig_items(&p->r, 0, RIG_UNIT_A, 30, NULL);
	assert_true(rig_round(&p->r, p->a, 0));
	assert_true(rig_round(&p->r, p->a, 0));
	rig_change(&p->r, p->a, 1, 3, 1);
	rig_items(&p->r, p->a, RIG_UNIT_A, 2, NULL);
	rig_change(&p->r, 0, 5, 3, 1);
	rig_items(&p->r, 0, RIG_UNIT_A, 2, NULL);
	p->root_copy = rig_copy(&p->r, 0);
	p->a_copy = rig_copy(&p->r, p->a);
	p->now_ms = p->r.now_ms;
}

static struct sqlite3 *
copy_of(struct sqlite3 *db)
{
	sqlite3_backup *backup;
	struct sqlite3 *copy;

	assert_int_equal(sqlite3_open(":memory:", &copy), SQLITE_OK);
	assert_non_null(backup = sqlite3_backup_init(copy, "main", db, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	return copy;
}

/* As it was when it was made; the link is whole again. */
static void
pair_reset(struct pair *p)
{
	rig_restore(&p->r, 0, copy_of(p->root_copy));
	rig_restore(&p->r, p->a, copy_of(p->a_copy));
	p->r.now_ms = p->now_ms;
	memset(&p->r.link, 0, sizeof(p->r.link));
	p->r.link.piece_bytes = 1000;
}

static void
pair_fini(struct pair *p)
{
	rig_fini(&p->r);
	sqlite3_close(p->root_copy);
	sqlite3_close(p->a_copy);
}

static void
exec(struct rig *r, size_t n, const char *sql)
{
	struct sqlite3 *copy = rig_copy(r, n);

	assert_int_equal(sqlite3_exec(copy, sql, NULL, NULL, NULL), SQLITE_OK);
	rig_restore(r, n, copy);
}

static uint64_t
count_of(struct rig *r, size_t n, const char *sql)
{
	sqlite3_stmt *stmt;
	uint64_t count;

	assert_int_equal(sqlite3_prepare_v2(r->nodes[n].db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	count = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return count;
}

/* ---- cuts */

/* W12, W21, W22: the first connection dies after every number of bytes; @restarts: what was in memory dies as well. */
static void
cut_everywhere(bool restarts)
{
	struct pair p;
	uint64_t whole;
	size_t cut;

	pair_make(&p);
	pair_reset(&p);
	assert_true(rig_round(&p.r, p.a, 0));
	rig_assert_equal(&p.r, p.a, 0);
	whole = p.r.link.up_bytes + p.r.link.down_bytes;
	for (cut = 1; cut <= whole; cut += restarts ? 7 : 3) {
		struct ask *ask;

		pair_reset(&p);
		p.r.link.cut_bytes = cut;
		p.r.link.cut_only = 1;
		p.r.link.piece_bytes = 1 + cut % 97;
		assert_int_equal(ask_new(p.r.nodes[p.a].engine, p.r.nodes[0].origin, &ask, &p.r.diag), RC_OK);
		rig_connect(&p.r, ask, 0);
		ask_free(ask);
		if (restarts) {
			rig_restart(&p.r, 0);
			rig_restart(&p.r, p.a);
		}
		assert_true(rig_round(&p.r, p.a, 0));
		rig_assert_equal(&p.r, p.a, 0);
		assert_int_equal(count_of(&p.r, 0, "SELECT count(*) FROM sync_partial"), 0);
		assert_int_equal(count_of(&p.r, p.a, "SELECT count(*) FROM sync_partial"), 0);
	}
	pair_fini(&p);
}

static void
test_cut_everywhere(void **state)
{
	(void)state;
	cut_everywhere(false);
}

static void
test_cut_and_restart_everywhere(void **state)
{
	(void)state;
	cut_everywhere(true);
}

/* W21: every connection is cut after the same few bytes; what is carried in all stays near what is needed. */
static void
cut_always(size_t cut_bytes, bool is_up)
{
	struct rig r;
	size_t a, i, rounds = 0;
	uint64_t whole;

	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, a, 0));
	for (i = 0; i < 30; i++)
		rig_items(&r, is_up ? a : 0, RIG_UNIT_A, 50, NULL);
	struct sqlite3 *here = rig_copy(&r, a), *there = rig_copy(&r, 0);
	r.link.up_bytes = r.link.down_bytes = 0;
	assert_true(rig_round(&r, a, 0));
	whole = r.link.up_bytes + r.link.down_bytes;
	rig_restore(&r, a, here);
	rig_restore(&r, 0, there);
	r.link.up_bytes = r.link.down_bytes = 0;
	r.link.connections = 0;
	r.link.cut_bytes = cut_bytes;
	do {
		assert_true(rig_round(&r, a, 0));
	} while (!r.counts.is_equal && ++rounds < ROUNDS_MAX);
	rig_assert_equal(&r, a, 0);
	assert_true(r.link.connections > 3);
#ifndef TEST_LIMITS
	if (cut_bytes >= 4096)
		assert_in_range(r.link.up_bytes + r.link.down_bytes, whole, whole * 13 / 10);
#endif
	rig_fini(&r);
}

static void
test_cut_every_4_kb(void **state)
{
	(void)state;
	cut_always(4096, false);
	cut_always(4096, true);
}

static void
test_cut_every_1_kb(void **state)
{
	(void)state;
	cut_always(1024, false);
	cut_always(1024, true);
}

/* W22: every process makes one connection, which is cut, and dies; an officer goes on saving.  It comes through. */
static void
one_connection_each(bool is_up)
{
	struct rig r;
	struct ask *ask;
	size_t a, i, n = 0;

	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, a, 0));
	for (i = 0; i < 30; i++)
		rig_items(&r, is_up ? a : 0, RIG_UNIT_A, 50, NULL);
	r.link.cut_bytes = COST_CUT;
	r.link.connections = 0;
	do {
		if (n % 4 == 1 && n < 16)
			rig_items(&r, a, RIG_UNIT_A, 1, NULL);
		rig_restart(&r, a);
		assert_int_equal(ask_new(r.nodes[a].engine, r.nodes[0].origin, &ask, &r.diag), RC_OK);
		rig_connect(&r, ask, 0);
		r.counts = *ask_counts(ask);
		ask_free(ask);
	} while (++n < CONNECTIONS_MAX && !r.counts.is_equal);
	rig_assert_equal(&r, a, 0);
	rig_fini(&r);
}

static void
test_one_connection_each(void **state)
{
	(void)state;
	one_connection_each(false);
	one_connection_each(true);
}

/* ---- repetition and loss */

struct tape {
	struct bytes request;
};

static void
on_tap(void *ctx, bool is_request, struct span body)
{
	struct tape *t = ctx;

	if (is_request && t->request.n == 0)
		bytes_put(&t->request, body.p, body.n);
}

/* W13: a request that comes twice changes nothing the second time. */
static void
test_duplicate(void **state)
{
	struct tape tape;
	struct bytes reply;
	struct answer *answer;
	struct pair p;
	uint64_t commits;
	int i;

	(void)state;
	pair_make(&p);
	bytes_init(&tape.request);
	bytes_init(&reply);
	p.r.link.tap = on_tap;
	p.r.link.tap_ctx = &tape;
	assert_true(rig_round(&p.r, p.a, 0));
	rig_assert_equal(&p.r, p.a, 0);
	commits = count_of(&p.r, 0, "SELECT count(*) FROM sync_log");
	for (i = 0; i < 3; i++) {
		bytes_clear(&reply);
		assert_int_equal(answer_new(p.r.nodes[0].engine, &answer, &p.r.diag), RC_OK);
		assert_int_equal(answer_bytes(answer, span_bytes(&tape.request), &p.r.diag), RC_OK);
		assert_int_equal(answer_end(answer, true, &reply, &p.r.diag), RC_OK);
		assert_int_equal(answer_commits_new(answer), 0);
		answer_free(answer);
	}
	assert_int_equal(count_of(&p.r, 0, "SELECT count(*) FROM sync_log"), commits);
	assert_true(rig_round(&p.r, p.a, 0));
	rig_assert_equal(&p.r, p.a, 0);
	bytes_free(&tape.request);
	bytes_free(&reply);
	pair_fini(&p);
}

/* The replies of the first connections get lost: the request was applied, and is not needed again. */
static void
test_lost_replies(void **state)
{
	struct pair p;
	struct ask *ask;
	int i;

	(void)state;
	pair_make(&p);
	p.r.link.is_deaf = true;
	assert_int_equal(ask_new(p.r.nodes[p.a].engine, p.r.nodes[0].origin, &ask, &p.r.diag), RC_OK);
	for (i = 0; i < 3; i++) {
		rig_connect(&p.r, ask, 0);
		assert_int_equal(ask_state(ask), ASK_MORE);
	}
	ask_free(ask);
	p.r.link.is_deaf = false;
	assert_true(rig_round(&p.r, p.a, 0));
	rig_assert_equal(&p.r, p.a, 0);
	pair_fini(&p);
}

/* ---- wrong beliefs */

/* W16, W18: what a node believes of the other is gone, on one side or both, or is a lie. */
static void
test_wrong_beliefs(void **state)
{
	static const char *const lies[] = {
		"DELETE FROM sync_belief",
		"DELETE FROM sync_belief WHERE sid = 0",
		"DELETE FROM sync_belief WHERE sid > 0",
		"UPDATE sync_belief SET seq = seq + 1 WHERE sid > 0",
		"UPDATE sync_belief SET seq = 1000 WHERE sid > 0",
		"UPDATE sync_belief SET seq = max(seq - 1, 0) WHERE sid > 0",
	};
	struct pair p;
	size_t i, where;

	(void)state;
	pair_make(&p);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		for (where = 1; where <= 3; where++) {
			pair_reset(&p);
			if ((where & 1) != 0)
				exec(&p.r, 0, lies[i]);
			if ((where & 2) != 0)
				exec(&p.r, p.a, lies[i]);
			if (!rig_round(&p.r, p.a, 0))
				fail_msg("lie %zu at %zu: %s", i, where, p.r.diag.text);
			rig_assert_equal(&p.r, p.a, 0);
#ifndef TEST_LIMITS
			assert_in_range(p.r.counts.requests, 1, 4);
#endif
		}
	}
	pair_fini(&p);
}

/* An older copy of the root's database, from before it received what the other sent: it gets it again. */
static void
test_restored_copy(void **state)
{
	struct rig r;
	struct sqlite3 *old;
	size_t a;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	rig_items(&r, 0, RIG_UNIT_A, 5, NULL);
	assert_true(rig_round(&r, a, 0));
	rig_items(&r, a, RIG_UNIT_A, 5, NULL);
	assert_true(rig_round(&r, a, 0));
	old = rig_copy(&r, 0);
	rig_items(&r, a, RIG_UNIT_A, 5, NULL);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	rig_restore(&r, 0, old);
	assert_false(rig_equal(&r, a, 0));
	/* W18: nobody believes to owe anything, but the digests differ: vectors find it. */
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	/* W18: the root goes on from the middle of what the other holds: a gap, then vectors. */
	old = rig_copy(&r, 0);
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	rig_restore(&r, 0, old);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	rig_fini(&r);
}

/* ---- broken bytes */

/* W2, W4, W10, W11: one bit of the request is flipped.  It is refused, and nothing of it is taken; the next round is
 * not worse for it. */
static void
test_garbled_request(void **state)
{
	struct pair p;
	uint64_t before;
	size_t i, whole;

	(void)state;
	pair_make(&p);
	pair_reset(&p);
	assert_true(rig_round(&p.r, p.a, 0));
	whole = (size_t)p.r.link.up_bytes - RIG_REQUEST_HEAD * p.r.link.connections;
	before = count_of(&p.r, 0, "SELECT count(*) FROM sync_log");
	for (i = 1; i <= whole; i += 5) {
		struct ask *ask;

		pair_reset(&p);
		before = count_of(&p.r, 0, "SELECT count(*) FROM sync_log");
		p.r.link.flip_request = i;
		p.r.link.is_deaf = true;
		p.r.round_rc = RC_OK;
		assert_int_equal(ask_new(p.r.nodes[p.a].engine, p.r.nodes[0].origin, &ask, &p.r.diag), RC_OK);
		rig_connect(&p.r, ask, 0);
		ask_free(ask);
		/* Only a bit that means nothing to the compressor may go unnoticed until the name is checked. */
		if (p.r.round_rc == RC_OK || count_of(&p.r, 0, "SELECT count(*) FROM sync_log") != before)
			assert_true(i > 60);
		p.r.link.flip_request = 0;
		p.r.link.is_deaf = false;
		/* A piece that was broken unnoticed spoils its transfer: that is found at its end, and made anew. */
		if (!rig_round(&p.r, p.a, 0))
			assert_true(rig_round(&p.r, p.a, 0));
		rig_assert_equal(&p.r, p.a, 0);
	}
	pair_fini(&p);
}

static void
test_garbled_reply(void **state)
{
	struct pair p;
	size_t i, whole;

	(void)state;
	pair_make(&p);
	pair_reset(&p);
	assert_true(rig_round(&p.r, p.a, 0));
	whole = (size_t)p.r.link.down_bytes - RIG_REPLY_HEAD * p.r.link.connections;
	for (i = 1; i <= whole; i += 5) {
		pair_reset(&p);
		p.r.link.flip_reply = i;
		if (!rig_round(&p.r, p.a, 0))
			assert_true(p.r.round_rc == RC_PEER || p.r.round_rc == RC_GAP);
		p.r.link.flip_reply = 0;
		if (!rig_round(&p.r, p.a, 0))
			assert_true(rig_round(&p.r, p.a, 0));
		rig_assert_equal(&p.r, p.a, 0);
	}
	pair_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_cut_and_restart_everywhere),
		cmocka_unit_test(test_cut_every_4_kb),
		cmocka_unit_test(test_cut_every_1_kb),
		cmocka_unit_test(test_one_connection_each),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_lost_replies),
		cmocka_unit_test(test_wrong_beliefs),
		cmocka_unit_test(test_restored_copy),
		cmocka_unit_test(test_garbled_request),
		cmocka_unit_test(test_garbled_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
