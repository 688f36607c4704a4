/* A node that was copied or put back goes on under a new name; nothing that either copy wrote is lost, and nothing is
 * overwritten unseen (TRUST.md C7-C11). */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"
#include "sync/fork.h"
#include "sync/incarnation.h"

#define ROUNDS_MAX 8

struct pair {
	struct rig r;
	size_t a;
	uint8_t first[ORIGIN_BYTES];
	struct sqlite3 *copy;		/* of a, after its first round; rig_restore takes it */
};

static void
pair_make(struct pair *p)
{
	rig_init(&p->r);
	p->a = rig_join(&p->r, RIG_UNIT_A);
	assert_true(rig_round(&p->r, p->a, 0));
	rig_items(&p->r, p->a, RIG_UNIT_A, 3, NULL);
	assert_true(rig_round(&p->r, p->a, 0));
	assert_true(p->r.counts.is_equal);
	memcpy(p->first, engine_self(p->r.nodes[p->a].engine)->origin, ORIGIN_BYTES);
	p->copy = rig_copy(&p->r, p->a);
}

static bool
is_renamed(const struct pair *p)
{
	const struct engine_identity *self = engine_self(p->r.nodes[p->a].engine);

	assert_memory_equal(self->base, p->first, ORIGIN_BYTES);
	return memcmp(self->origin, p->first, ORIGIN_BYTES) != 0;
}

static void
meet(struct pair *p)
{
	unsigned i;

	for (i = 0; i < ROUNDS_MAX; i++) {
		assert_true(rig_round(&p->r, p->a, 0));
		if (p->r.counts.is_equal)
			break;
	}
	assert_true(p->r.counts.is_equal);
	rig_assert_equal(&p->r, p->a, 0);
}

static int64_t
ask_int(const struct rig *r, size_t n, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t v;

	assert_int_equal(sqlite3_prepare_v2(r->nodes[n].db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	v = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return v;
}

/* C7: a restored copy has a new name before it writes; its commits follow those of the old name. */
static void
test_restored(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	assert_int_equal(incarnation_mark_due(p.copy, &p.r.diag), RC_OK);
	rig_restore(&p.r, p.a, p.copy);
	assert_true(is_renamed(&p));
	rig_items(&p.r, p.a, RIG_UNIT_A, 2, NULL);
	meet(&p);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 5);
	/* And once is enough. */
	memcpy(p.r.nodes[p.a].origin, engine_self(p.r.nodes[p.a].engine)->origin, ORIGIN_BYTES);
	rig_restart(&p.r, p.a);
	assert_memory_equal(engine_self(p.r.nodes[p.a].engine)->origin, p.r.nodes[p.a].origin, ORIGIN_BYTES);
	meet(&p);
	rig_fini(&p.r);
}

/* C7, C8, W36: an older copy that wrote nothing gets back what it lost, and goes on under a new name. */
static void
test_put_back(void **state)
{
	struct pair p;

	(void)state;
	pair_make(&p);
	rig_items(&p.r, p.a, RIG_UNIT_A, 4, NULL);
	rig_change(&p.r, p.a, 1, 2, 1);
	meet(&p);
	rig_restore(&p.r, p.a, p.copy);
	assert_false(is_renamed(&p));
	meet(&p);
	assert_true(is_renamed(&p));
	assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM item"), 7);
	rig_items(&p.r, p.a, RIG_UNIT_A, 1, NULL);
	meet(&p);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 8);
	rig_fini(&p.r);
}

/* C9, C10, C11, W35: two copies wrote apart.  The second to come yields its name, and says again what it had said. */
static void
test_copies(void **state)
{
	struct sqlite3 *other;
	struct pair p;

	(void)state;
	pair_make(&p);
	rig_items(&p.r, p.a, RIG_UNIT_A, 2, NULL);
	rig_change(&p.r, p.a, 1, 1, 1);
	meet(&p);
	assert_false(is_renamed(&p));
	other = rig_copy(&p.r, p.a);
	rig_restore(&p.r, p.a, p.copy);
	rig_items(&p.r, p.a, RIG_UNIT_A, 3, NULL);
	rig_change(&p.r, p.a, 1, 1, 1);		/* the same row as the other copy did */
	rig_change(&p.r, p.a, 2, 1, 1);
	meet(&p);
	assert_true(is_renamed(&p));
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 8);
	assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM item"), 8);
	assert_true(ask_int(&p.r, p.a, "SELECT count(*) FROM sync_evidence WHERE side = 0 AND again > 0") > 0);
	assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM sync_evidence WHERE side = 0 AND again IS NULL"), 0);
	assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM sync_fork"), 1);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM sync_quarantine"), 0);
	/* The one whose branch stands goes on under its name. */
	rig_restore(&p.r, p.a, other);
	meet(&p);
	assert_false(is_renamed(&p));
	assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM item"), 8);
	rig_items(&p.r, p.a, RIG_UNIT_A, 1, NULL);
	meet(&p);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 9);
	rig_fini(&p.r);
}

static void
meet_others(struct pair *p, size_t from, size_t to)
{
	unsigned i;

	for (i = 0; i < ROUNDS_MAX; i++) {
		assert_true(rig_round(&p->r, from, to));
		if (p->r.counts.is_equal)
			break;
	}
	assert_true(p->r.counts.is_equal);
	rig_assert_equal(&p->r, from, to);
}

/* Everybody knows everybody, and the copy is of now. */
static void
meet_all(struct pair *p, size_t b)
{
	meet_others(p, b, 0);
	meet(p);
	(void)sqlite3_close(p->copy);
	p->copy = rig_copy(&p->r, p->a);
}

/* C9: the branches of two copies meet at nodes that wrote neither: the lower one yields, and nothing is lost once both
 * copies came. */
static void
test_third_party(void **state)
{
	struct sqlite3 *other;
	struct pair p;
	size_t b;

	(void)state;
	pair_make(&p);
	b = rig_join(&p.r, RIG_UNIT_A);		/* a second PC of the same office */
	meet_all(&p, b);
	rig_items(&p.r, p.a, RIG_UNIT_A, 2, NULL);
	rig_change(&p.r, p.a, 1, 1, 1);
	meet(&p);				/* one copy met the root */
	other = rig_copy(&p.r, p.a);
	rig_restore(&p.r, p.a, p.copy);
	rig_items(&p.r, p.a, RIG_UNIT_A, 3, NULL);
	rig_change(&p.r, p.a, 1, 2, 1);
	assert_true(rig_round(&p.r, p.a, b));	/* the other one met the second PC only */
	assert_int_equal(ask_int(&p.r, b, "SELECT count(*) FROM item"), 6);
	meet_others(&p, b, 0);			/* which yields to the root */
	assert_int_equal(ask_int(&p.r, b, "SELECT count(*) FROM item"), 5);
	assert_int_equal(ask_int(&p.r, b, "SELECT count(*) FROM sync_fork WHERE has_yielded"), 1);
	meet(&p);				/* and says again what it had said */
	assert_true(is_renamed(&p));
	meet_others(&p, b, 0);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 8);
	assert_int_equal(ask_int(&p.r, b, "SELECT count(*) FROM item"), 8);
	rig_restore(&p.r, p.a, other);
	meet(&p);
	assert_false(is_renamed(&p));
	rig_assert_equal(&p.r, p.a, b);
	rig_fini(&p.r);
}

/* Neither stands above the other: both branches stay, both sides tell, and the round comes to its end. */
static void
test_neighbours(void **state)
{
	struct sqlite3 *other;
	struct pair p;
	size_t b;

	(void)state;
	pair_make(&p);
	b = rig_join(&p.r, RIG_UNIT_A);
	meet_all(&p, b);
	rig_items(&p.r, p.a, RIG_UNIT_A, 2, NULL);
	meet_others(&p, b, p.a);		/* one branch is with b */
	other = rig_copy(&p.r, p.a);
	rig_restore(&p.r, p.a, p.copy);
	rig_items(&p.r, p.a, RIG_UNIT_A, 3, NULL);
	meet(&p);				/* the other with the root */
	assert_false(is_renamed(&p));
	assert_true(rig_round(&p.r, p.a, b));	/* where the copy hears of its twin */
	assert_true(rig_round(&p.r, p.a, b));
	assert_true(p.r.counts.requests < 12);
	meet_others(&p, b, 0);
	meet(&p);
	meet_others(&p, b, 0);
	rig_restore(&p.r, p.a, other);
	meet(&p);
	assert_true(is_renamed(&p));
	meet_others(&p, b, 0);
	assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 8);
	rig_assert_equal(&p.r, p.a, b);
	rig_fini(&p.r);
}

/* C9, C11: however long the branches are, one round settles it, and both sides know. */
static void
test_lengths(void **state)
{
	static const unsigned lengths[][2] = { { 1, 1 }, { 3, 3 }, { 5, 3 }, { 3, 5 }, { 8, 1 }, { 1, 8 } };
	struct pair p;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair_make(&p);
		for (j = 0; j < lengths[i][0]; j++)
			rig_items(&p.r, p.a, RIG_UNIT_A, 1, NULL);
		meet(&p);
		rig_restore(&p.r, p.a, p.copy);
		for (j = 0; j < lengths[i][1]; j++)
			rig_items(&p.r, p.a, RIG_UNIT_A, 1, NULL);
		assert_true(rig_round(&p.r, p.a, 0));
		rig_assert_equal(&p.r, p.a, 0);
		assert_true(is_renamed(&p));
		assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM item"), 3 + lengths[i][0] + lengths[i][1]);
		assert_int_equal(ask_int(&p.r, p.a, "SELECT count(*) FROM sync_evidence WHERE side = 0"),
		    lengths[i][1]);
		assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM sync_evidence WHERE side = 1"), lengths[i][1]);
		assert_int_equal(ask_int(&p.r, 0, "SELECT count(*) FROM sync_fork WHERE has_yielded = 0"), 1);
		rig_fini(&p.r);
	}
}

/* A copy that waits for news is told, though what came since came by its own name; not for ever. */
static void
test_waiting(void **state)
{
	struct exchange_waiting w;
	struct bytes body;
	struct pair p;
	unsigned i;

	(void)state;
	pair_make(&p);
	bytes_init(&body);
	assert_int_equal(exchange_wait_request(p.r.nodes[p.a].engine, p.r.nodes[0].origin, &body, &p.r.diag), RC_OK);
	assert_int_equal(exchange_wait_open(p.r.nodes[0].engine, span_bytes(&body), &w, &p.r.diag), RC_OK);
	assert_false(exchange_has_news(p.r.nodes[0].engine, &w));
	assert_int_equal(incarnation_mark_due(p.copy, &p.r.diag), RC_OK);
	rig_restore(&p.r, p.a, p.copy);
	rig_items(&p.r, p.a, RIG_UNIT_A, 2, NULL);
	meet(&p);
	for (i = 0; i < 8; i++)
		assert_true(exchange_has_news(p.r.nodes[0].engine, &w));
	assert_false(exchange_has_news(p.r.nodes[0].engine, &w));
	bytes_free(&body);
	rig_fini(&p.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_put_back),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_third_party),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
