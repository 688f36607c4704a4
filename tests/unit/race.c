#include "race.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sync/engine_impl.h"
#include "sync/row.h"
#include "sync/settle.h"

void
race_init(struct race *r)
{
	struct office *o = &r->o;

	memset(r, 0, sizeof(*r));
	office_init(o);
	assert_int_equal(office_join(o, OFFICE_A), RACE_A1);
	assert_int_equal(office_join(o, OFFICE_A), RACE_A2);
	assert_int_equal(office_join(o, OFFICE_D), RACE_DISTRICT);
	assert_int_equal(office_join(o, OFFICE_T), RACE_READER);
	office_sync(o);
	r->key = office_item(o, RACE_A1, OFFICE_A, "tea");
	office_set(o, RACE_A1, &r->key, office_int("score", 50));
	office_set(o, RACE_A1, &r->key, office_text("grade", "C"));
	office_sync(o);
}

void
race_fini(struct race *r)
{
	for (size_t i = 0; i < r->count; i++)
		office_letter_free(&r->letters[i]);
	office_fini(&r->o);
}

void
race_post(struct race *r, size_t n)
{
	assert_true(r->count < RACE_LETTERS_MAX);
	r->letters[r->count++] = office_letter_a(&r->o, n);
}

void
race_set(struct race *r, size_t n, struct save_cell cell)
{
	office_set(&r->o, n, &r->key, cell);
	race_post(r, n);
}

void
race_drop(struct race *r, size_t n)
{
	assert_int_equal(office_drop(&r->o, n, "item", &r->key), RC_OK);
	race_post(r, n);
}

void
race_tell(struct race *r, size_t n, size_t i)
{
	assert_int_equal(office_deliver(&r->o, n, &r->letters[i]), RC_OK);
}

const char *
race_shown(struct race *r, const char *column)
{
	return office_cell(&r->o, RACE_READER, "item", &r->key, column);
}

const char *
race_open(struct race *r, const char *column)
{
	return office_open(&r->o, RACE_READER, &r->key, column);
}

/* ---- all orders */

/* Deliver in @order; what lacks its cause comes again after the others, as from a peer that asks
 * anew. */
static void
deliver_all(struct race *r, const size_t *order)
{
	bool done[RACE_LETTERS_MAX] = { false };
	size_t i, left = r->count, round;
	enum rc rc;

	for (round = 0; left > 0; round++) {
		assert_true(round <= r->count);
		for (i = 0; i < r->count; i++) {
			if (done[order[i]])
				continue;
			rc = office_deliver(&r->o, RACE_READER, &r->letters[order[i]]);
			assert_true(rc == RC_OK || rc == RC_GAP);
			if (rc == RC_OK) {
				done[order[i]] = true;
				left--;
			}
		}
	}
}

void
race_assert_settled(struct office *o, size_t n)
{
	static const char state[] =
	    "SELECT group_concat(x) FROM (SELECT hex(id) || _v AS x FROM item "
	    "UNION ALL SELECT hex(key) || hex(heads) || flags FROM sync_row ORDER BY 1)";
	struct engine *e = o->nodes[n].engine;
	struct settle_counts counts = { 0, 0 };
	uint8_t before[HASH_BYTES], after[HASH_BYTES];
	char *states[2] = { NULL, NULL };
	struct table_plan *p;
	sqlite3_stmt *stmt;

	office_digest(o, n, before);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(
		    sqlite3_prepare_v2(o->nodes[n].db, state, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		states[pass] = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
		sqlite3_finalize(stmt);
		if (pass == 1)
			break;
		assert_int_equal(engine_begin(e, &o->diag), RC_OK);
		save_guard(e, false);
		assert_int_equal(
		    row_plan_of(e, catalogue_table_find(office_catalogue(), span_str("item")), &p,
			&o->diag),
		    RC_OK);
		assert_int_equal(
		    sqlite3_prepare_v2(o->nodes[n].db,
			"SELECT id FROM item UNION SELECT key FROM sync_row", -1, &stmt, NULL),
		    SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW)
			assert_int_equal(settle_row(e, p, value_of_column(stmt, 0).s, NULL, 0,
					     &counts, &o->diag),
			    RC_OK);
		sqlite3_finalize(stmt);
		save_guard(e, true);
		assert_int_equal(engine_commit_tx(e, &o->diag), RC_OK);
		e->v_now = 0;
	}
	assert_string_equal(states[0], states[1]);
	sqlite3_free(states[0]);
	sqlite3_free(states[1]);
	office_digest(o, n, after);
	assert_memory_equal(before, after, HASH_BYTES);
}

static void
swap(size_t *a, size_t *b)
{
	size_t x = *a;

	*a = *b;
	*b = x;
}

/* The next permutation in order of the alphabet; false after the last. */
static bool
order_next(size_t *order, size_t n)
{
	size_t i = n, j = n;

	while (i > 1 && order[i - 2] > order[i - 1])
		i--;
	if (i <= 1)
		return false;
	while (order[j - 1] < order[i - 2])
		j--;
	swap(&order[i - 2], &order[j - 1]);
	for (j = n; i < j; i++, j--)
		swap(&order[i - 1], &order[j - 1]);
	return true;
}

/* M9, M15. */
void
race_run(struct race *r)
{
	struct sqlite3 *base = office_copy(r->o.nodes[RACE_READER].db);
	size_t order[RACE_LETTERS_MAX] = { 0, 1, 2, 3, 4 };
	uint8_t first[HASH_BYTES], digest[HASH_BYTES];
	bool is_first = true;

	do {
		office_restore(&r->o, RACE_READER, office_copy(base));
		deliver_all(r, order);
		office_digest(&r->o, RACE_READER, digest);
		if (is_first)
			memcpy(first, digest, HASH_BYTES);
		assert_memory_equal(first, digest, HASH_BYTES);
		race_assert_settled(&r->o, RACE_READER);
		is_first = false;
	} while (order_next(order, r->count));
	assert_int_equal(sqlite3_close(base), SQLITE_OK);
}
