/* Rounds between engines in one process: what they bring, and what they cost. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#ifdef TEST_LIMITS
enum { COST = 40 };		/* tiny pieces cost many requests: sizes are not judged */
#else
enum { COST = 1 };
#endif

/* The root and a commune's node that hold the same, 200 items among it. */
static size_t
pair_make(struct rig *r)
{
	size_t a;

	rig_init(r);
	a = rig_join(r, RIG_UNIT_A);
	rig_items(r, 0, RIG_UNIT_A, 200, NULL);
	assert_true(rig_round(r, a, 0));
	rig_assert_equal(r, a, 0);
	assert_true(rig_round(r, a, 0));
	memset(&r->link, 0, sizeof(r->link));
	r->link.piece_bytes = 1000;
	return a;
}

static void
cost_is(const struct rig *r, size_t requests, uint64_t bytes)
{
	assert_in_range(r->counts.requests, 1, requests * COST);
	assert_in_range(r->link.up_bytes + r->link.down_bytes, 1, bytes * COST);
}

/* W19: equal digests end the round; one round trip of at most 400 bytes. */
static void
test_nothing_to_do(void **state)
{
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 400);
	assert_int_equal(r.counts.commits_up + r.counts.commits_down, 0);
	assert_int_equal(r.counts.peer_ms, r.counts.asked_ms + 10);
	rig_fini(&r);
}

/* W14: one row is one sealed commit, in one round trip, whichever side changed it. */
static void
test_one_row(void **state)
{
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	rig_change(&r, a, 7, 1, 1);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 600);
	assert_int_equal(r.counts.commits_up, 1);

	r.link.up_bytes = r.link.down_bytes = 0;
	rig_change(&r, 0, 8, 1, 1);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 600);
	assert_int_equal(r.counts.commits_down, 1);
	rig_fini(&r);
}

static void
test_hundred_rows(void **state)
{
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	rig_change(&r, a, 50, 100, 20);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 2500);
	assert_int_equal(r.counts.commits_up, 20);
	rig_fini(&r);
}

static void
test_both_directions(void **state)
{
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	rig_change(&r, a, 10, 10, 2);
	rig_change(&r, 0, 30, 10, 2);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 1500);
	assert_int_equal(r.counts.commits_up, 2);
	assert_int_equal(r.counts.commits_down, 2);
	/* What was sent is not sent again, though nobody acknowledged the download yet. */
	r.link.up_bytes = r.link.down_bytes = 0;
	rig_change(&r, 0, 50, 1, 1);
	rig_change(&r, a, 51, 1, 1);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 900);
	assert_int_equal(r.counts.commits_down, 1);
	rig_fini(&r);
}

/* W15: a new node knows no credentials but its own chain; what it needs to trust the rest comes first. */
static void
test_new_node(void **state)
{
	struct rig r;
	size_t a, b, again;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	b = rig_join(&r, RIG_UNIT_B);
	rig_items(&r, 0, RIG_UNIT_A, 100, NULL);
	rig_items(&r, 0, RIG_UNIT_B, 100, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_true(rig_round(&r, b, 0));
	rig_items(&r, a, RIG_UNIT_A, 20, NULL);
	rig_items(&r, b, RIG_UNIT_B, 20, NULL);
	assert_true(rig_round(&r, b, 0));
	rig_assert_equal(&r, b, 0);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	again = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, again, 0));
	rig_assert_equal(&r, again, 0);
	assert_in_range(r.counts.requests, 1, 3 * COST);
	assert_true(rig_equal(&r, again, a));
	rig_fini(&r);
}

/* Two nodes of one unit meet only through the root, which relays what it did not write. */
static void
test_relay(void **state)
{
	struct rig r;
	size_t a, b, i;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	b = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, a, 0));
	for (i = 0; i < 4; i++) {
		rig_items(&r, a, RIG_UNIT_A, 3, NULL);
		assert_true(rig_round(&r, a, 0));
		assert_true(rig_round(&r, b, 0));
		rig_change(&r, b, i, 1, 1);
		rig_items(&r, b, RIG_UNIT_A, 2, NULL);
		assert_true(rig_round(&r, b, 0));
	}
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	assert_true(rig_equal(&r, a, b));
	/* Neighbours may ask each other as well; they find nothing to do but learn it by digest. */
	assert_true(rig_round(&r, a, b));
	rig_assert_equal(&r, a, b);
	assert_int_equal(r.counts.commits_up + r.counts.commits_down, 0);
	rig_fini(&r);
}

/* W10: what exceeds a transfer goes into further ones. */
static void
test_several_transfers(void **state)
{
	struct rig r;
	size_t a, b, i;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	for (i = 0; i < 40; i++)
		rig_items(&r, 0, RIG_UNIT_A, 50, NULL);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	for (i = 0; i < 20; i++)
		rig_items(&r, a, RIG_UNIT_A, 50, NULL);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	assert_int_equal(r.counts.commits_up, 20);
	b = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, b, 0));
	rig_assert_equal(&r, b, 0);
	rig_fini(&r);
}

/* W20: a waiting request is news when the other side holds something for us, and only then. */
/* A stream with little in it, before and after much in another one: what the small run depends on must not become one
 * frame with it (W14: the epoch). */
static void
test_much_between(void **state)
{
	struct rig r;
	size_t n, i;

	(void)state;
	rig_init(&r);
	n = rig_join(&r, RIG_UNIT_ROOT);
	rig_items(&r, 0, RIG_UNIT_ROOT, 1, NULL);
	for (i = 0; i < 70; i++)
		rig_items(&r, 0, RIG_UNIT_A, 400, NULL);
	rig_items(&r, 0, RIG_UNIT_ROOT, 1, NULL);
	assert_true(rig_round(&r, n, 0));
	assert_true(r.counts.is_equal);
	rig_fini(&r);
}

static void
test_waiting(void **state)
{
	struct exchange_waiting w;
	struct bytes body;
	struct rig r;
	size_t a = pair_make(&r), i;
	struct engine *root = r.nodes[0].engine, *mine = r.nodes[a].engine;

	(void)state;
	bytes_init(&body);
	assert_int_equal(exchange_wait_request(mine, r.nodes[0].origin, &body, &r.diag), RC_OK);
	assert_int_equal(exchange_wait_open(root, span_bytes(&body), &w, &r.diag), RC_OK);
	assert_memory_equal(w.peer, r.nodes[a].origin, ORIGIN_BYTES);
	assert_false(exchange_has_news(root, &w));
	rig_items(&r, 0, RIG_UNIT_B, 1, NULL);
	assert_false(exchange_has_news(root, &w));
	rig_items(&r, 0, RIG_UNIT_A, 1, NULL);
	assert_true(exchange_has_news(root, &w));
	/* A waiting request of before is of no use after it was answered. */
	assert_true(rig_round(&r, a, 0));
	assert_true(rig_round(&r, a, 0));
	assert_false(exchange_has_news(root, &w));
	/* Their own unsent change is no news to them. */
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	bytes_clear(&body);
	assert_int_equal(exchange_wait_request(mine, r.nodes[0].origin, &body, &r.diag), RC_OK);
	assert_int_equal(exchange_wait_open(root, span_bytes(&body), &w, &r.diag), RC_OK);
	assert_false(exchange_has_news(root, &w));
	/* W1, W2: anything else is refused. */
	for (i = 0; i < body.n; i++) {
		enum rc rc;

		body.p[i] ^= 1;
		diag_init(&r.diag);
		rc = exchange_wait_open(root, span_bytes(&body), &w, &r.diag);
		assert_true(rc == RC_PEER || rc == RC_DENIED);
		body.p[i] ^= 1;
		rc = exchange_wait_open(root, span_of(body.p, i), &w, &r.diag);
		assert_int_equal(rc, RC_PEER);
	}
	bytes_free(&body);
	rig_fini(&r);
}

static void
test_backlog(void **state)
{
	struct exchange_backlog backlog;
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	assert_int_equal(exchange_to_send(r.nodes[a].engine, r.nodes[0].origin, &backlog, &r.diag), RC_OK);
	assert_int_equal(backlog.commits, 0);
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_int_equal(exchange_to_send(r.nodes[a].engine, r.nodes[0].origin, &backlog, &r.diag), RC_OK);
	assert_int_equal(backlog.commits, 2);
	assert_in_range(backlog.bytes, 100, 1000);
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(exchange_to_send(r.nodes[a].engine, r.nodes[0].origin, &backlog, &r.diag), RC_OK);
	assert_int_equal(backlog.commits, 0);
	rig_fini(&r);
}

/* W16: beliefs are kept across restarts, so that a restart costs nothing. */
static void
test_restart(void **state)
{
	struct rig r;
	size_t a = pair_make(&r);

	(void)state;
	rig_change(&r, a, 3, 1, 1);
	rig_restart(&r, a);
	rig_restart(&r, 0);
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	cost_is(&r, 1, 600);
	rig_fini(&r);
}

/* W3: who has no credential here is not spoken to. */
static void
test_stranger(void **state)
{
	uint8_t nobody[ORIGIN_BYTES] = { 9 };
	struct engine *root;
	struct rig r, other;
	struct ask *ask;
	size_t a = pair_make(&r), b;

	(void)state;
	assert_int_equal(ask_new(r.nodes[a].engine, nobody, &ask, &r.diag), RC_DENIED);
	assert_null(ask);
	assert_int_equal(ask_new(r.nodes[a].engine, r.nodes[a].origin, &ask, &r.diag), RC_DENIED);
	/* The request reaches another node than it was made for. */
	rig_init(&other);
	b = rig_join(&other, RIG_UNIT_B);
	assert_int_equal(ask_new(other.nodes[b].engine, other.nodes[0].origin, &ask, &other.diag), RC_OK);
	root = other.nodes[0].engine;
	other.nodes[0].engine = r.nodes[a].engine;
	rig_connect(&other, ask, 0);
	assert_int_equal(other.round_rc, RC_DENIED);
	assert_int_equal(ask_state(ask), ASK_MORE);
	ask_free(ask);
	other.nodes[0].engine = root;
	rig_fini(&other);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_one_row),
		cmocka_unit_test(test_hundred_rows),
		cmocka_unit_test(test_both_directions),
		cmocka_unit_test(test_new_node),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_several_transfers),
		cmocka_unit_test(test_much_between),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
