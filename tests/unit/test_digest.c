/* The canonical state: what is in it, what is not, and that it is one number over all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

enum { PROVINCE, A1, A2 };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
	(void)office_join(o, OFFICE_A);
	(void)office_join(o, OFFICE_A);
	office_sync(o);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	office_fini(*state);
	free(*state);
	return 0;
}

struct walk {
	char text[4096];
};

static enum rc
walk_step(void *ctx, const struct digest_row *row)
{
	struct walk *w = ctx;
	size_t at = strlen(w->text);

	(void)snprintf(w->text + at, sizeof(w->text) - at, "%s%s%s/%zu ", row->table->name,
	    row->is_deleted ? "-" : "+", span_eq(row->unit, span_str(OFFICE_A)) ? "A" : "",
	    row->siblings_count);
	assert_true(row->is_deleted == (row->values == NULL));
	return RC_OK;
}

static const char *
walk(struct office *o, size_t n, const char *unit, struct walk *w)
{
	memset(w, 0, sizeof(*w));
	assert_int_equal(
	    digest_each(o->nodes[n].engine, span_str(unit), walk_step, w, &o->diag), RC_OK);
	return w->text;
}

/* By table name, then key; deleted rows and siblings are in it. */
static void
test_rows(void **state)
{
	struct office *o = *state;
	struct save_key one = office_item(o, A1, OFFICE_A, "one"),
			two = office_item(o, A1, OFFICE_A, "two");
	struct walk w;

	(void)office_item(o, A1, OFFICE_A, "three");
	office_sync(o);
	assert_int_equal(office_drop(o, A1, "item", &one), RC_OK);
	office_set(o, A1, &two, office_int("score", 1));
	office_set(o, A2, &two, office_int("score", 2));
	office_sync(o);
	assert_string_equal(walk(o, A1, OFFICE_A, &w), "item-A/0 item+A/1 item+A/0 ");
	assert_string_equal(walk(o, A1, "", &w),
	    "item-A/0 item+A/1 item+A/0 node+/0 node+/0 node+/0 unit+/0 unit+/0 unit+/0 unit+/0 ");
}

static void
test_unknown_unit(void **state)
{
	struct office *o = *state;
	struct walk w;

	assert_int_equal(
	    digest_each(o->nodes[A1].engine, span_str("zz"), walk_step, &w, &o->diag), RC_INPUT);
}

/* Each kind of change moves the digest; nothing else does. */
static void
test_moves(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, A1, OFFICE_A, "one");
	uint8_t before[HASH_BYTES], after[HASH_BYTES];

	office_digest(o, A1, before);
	office_reopen(o, A1, office_catalogue());
	office_digest(o, A1, after);
	assert_memory_equal(before, after, HASH_BYTES);
	office_set(o, A1, &key, office_text("memo", ""));
	office_digest(o, A1, after);
	assert_memory_not_equal(before, after, HASH_BYTES);
	office_digest(o, A1, before);
	assert_int_equal(office_drop(o, A1, "item", &key), RC_OK);
	office_digest(o, A1, after);
	assert_memory_not_equal(before, after, HASH_BYTES);
}

/* An open sibling is part of the state: two nodes of which one had lost it would not be equal. */
static void
test_siblings_count(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, A1, OFFICE_A, "one");
	uint8_t shown[HASH_BYTES], open[HASH_BYTES];
	struct office_letter l;

	office_sync(o);
	office_set(o, A1, &key, office_int("score", 1));
	l = office_letter_a(o, A1);
	office_set(o, A2, &key, office_int("score", 2));
	office_digest(o, A2, shown);
	assert_int_equal(office_deliver(o, A2, &l), RC_OK);
	assert_string_equal(office_cell(o, A2, "item", &key, "score"), "2");
	office_digest(o, A2, open);
	assert_memory_not_equal(shown, open, HASH_BYTES);
	office_letter_free(&l);
}

/* NULL, 0, '' and the like are all different. */
static void
test_row_bytes(void **state)
{
	const struct catalogue_table *t =
	    catalogue_table_find(office_catalogue(), span_str("notice"));
	struct value values[] = { value_null(), value_int(0), value_text(span_str("")),
		value_blob(span_str("")), value_int(-1), value_text(span_str("0")) };
	struct digest_row row = { .table = t, .key = span_str("k"), .unit = span_str("u") };
	struct bytes out[6];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		bytes_init(&out[i]);
		row.values = &values[i];
		digest_row_emit(&row, &out[i]);
		for (size_t j = 0; j < i; j++)
			assert_false(span_eq(span_bytes(&out[i]), span_bytes(&out[j])));
	}
	for (size_t i = 0; i < 6; i++)
		bytes_free(&out[i]);
}

/* Heads: equal exactly when both hold the same of what both may hold. */
static void
test_heads(void **state)
{
	struct office *o = *state;
	uint8_t here[DIGEST_HEADS_BYTES], there[DIGEST_HEADS_BYTES];
	struct engine *up = o->nodes[PROVINCE].engine, *down = o->nodes[A1].engine;

	for (int round = 0; round < 2; round++) {
		digest_heads(
		    up, unit_find(up, span_str(OFFICE_T)), unit_find(up, span_str(OFFICE_A)), here);
		digest_heads(down, unit_find(down, span_str(OFFICE_T)),
		    unit_find(down, span_str(OFFICE_A)), there);
		assert_memory_equal(here, there, DIGEST_HEADS_BYTES);
		/* What the commune may not hold does not count. */
		(void)office_item(o, PROVINCE, OFFICE_B, "other");
	}
	(void)office_item(o, A1, OFFICE_A, "new");
	digest_heads(
	    down, unit_find(down, span_str(OFFICE_T)), unit_find(down, span_str(OFFICE_A)), there);
	assert_memory_not_equal(here, there, DIGEST_HEADS_BYTES);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rows),
		TEST(test_unknown_unit),
		TEST(test_moves),
		TEST(test_siblings_count),
		TEST(test_row_bytes),
		TEST(test_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
