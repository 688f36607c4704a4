/* What waits for a person: the list, its ids, and how an entry is settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

enum { PROVINCE, A1, A2 };

struct clash {
	struct office o;
	struct save_key key;
};

static int
setup(void **state)
{
	struct clash *x = calloc(1, sizeof(*x));

	office_init(&x->o);
	(void)office_join(&x->o, OFFICE_A);
	(void)office_join(&x->o, OFFICE_A);
	x->key = office_item(&x->o, A1, OFFICE_A, "tea");
	office_sync(&x->o);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct clash *x = *state;

	office_fini(&x->o);
	free(x);
	return 0;
}

/* The scores of two offices that had not seen each other: 90, then 70. */
static void
scores_clash(struct clash *x)
{
	office_set(&x->o, A1, &x->key, office_int("score", 90));
	office_set(&x->o, A2, &x->key, office_int("score", 70));
	office_sync(&x->o);
}

/* The tea deleted at one office and scored at the other. */
static void
deletion_clash(struct clash *x)
{
	assert_int_equal(office_drop(&x->o, A1, "item", &x->key), RC_OK);
	office_set(&x->o, A2, &x->key, office_int("score", 70));
	office_sync(&x->o);
}

struct id_search {
	const char *column;
	char id[CONFLICT_ID_CHARS + 1];
};

static enum rc
id_step(void *ctx, const struct conflict *c)
{
	struct id_search *s = ctx;

	if (s->column == NULL ? c->column == NULL
			      : c->column != NULL && strcmp(c->column->name, s->column) == 0)
		memcpy(s->id, c->id, sizeof(s->id));
	return RC_OK;
}

/* The id under which node 0 lists the conflict about @column; "" when it lists none. */
static const char *
id_of(struct clash *x, const char *column)
{
	static struct id_search s;

	memset(&s, 0, sizeof(s));
	s.column = column;
	assert_int_equal(conflict_each(x->o.nodes[0].engine, id_step, &s, &x->o.diag), RC_OK);
	return s.id;
}

static enum rc
resolve(struct clash *x, size_t n, const char *id, int take, const struct value *value)
{
	struct save *s = office_begin(&x->o, n, "chi");
	enum rc rc = conflict_resolve(s, id, take, value, &x->o.diag);

	if (rc == RC_OK)
		return save_commit(s, &x->o.result, &x->o.diag);
	save_abandon(s);
	return rc;
}

/* Settled on every node, to that value. */
static void
settled(struct clash *x, const char *score)
{
	office_sync(&x->o);
	for (size_t n = 0; n < x->o.count; n++) {
		assert_int_equal(conflict_count(x->o.nodes[n].engine), 0);
		assert_string_equal(office_cell(&x->o, n, "item", &x->key, "score"), score);
		office_assert_equal(&x->o, PROVINCE, n);
	}
}

static enum rc
list_step(void *ctx, const struct conflict *c)
{
	struct clash *x = ctx;

	assert_string_equal(c->id, id_of(x, "score"));
	assert_string_equal(c->table->name, "item");
	assert_int_equal(c->siblings_count, 2);
	assert_int_equal(c->siblings[0].value.i, 70);
	assert_memory_equal(c->siblings[0].origin, x->o.nodes[A2].origin, ORIGIN_BYTES);
	assert_memory_equal(c->siblings[1].origin, x->o.nodes[A1].origin, ORIGIN_BYTES);
	assert_true(span_eq(c->siblings[1].unit, span_str(OFFICE_A)));
	assert_true(span_eq(c->siblings[1].author, span_str("an")));
	assert_int_equal(c->siblings[1].level, LEVEL_COMMUNE);
	assert_true(c->siblings[0].hlc > c->siblings[1].hlc);
	assert_false(c->is_suggestion);
	return RC_OK;
}

/* Every node lists the same, under the same id: who, where, when, what. */
static void
test_list(void **state)
{
	struct clash *x = *state;

	scores_clash(x);
	for (size_t n = 0; n < x->o.count; n++) {
		assert_int_equal(conflict_count(x->o.nodes[n].engine), 1);
		assert_int_equal(
		    conflict_each(x->o.nodes[n].engine, list_step, x, &x->o.diag), RC_OK);
	}
}

/* A value that came after somebody looked makes another conflict of it: what was seen can no longer be settled. */
static void
test_ids(void **state)
{
	struct clash *x = *state;
	char seen[CONFLICT_ID_CHARS + 1];

	scores_clash(x);
	memcpy(seen, id_of(x, "score"), sizeof(seen));
	assert_int_equal(strlen(seen), CONFLICT_ID_CHARS);
	office_set(&x->o, A1, &x->key, office_int("score", 55));
	office_sync(&x->o);
	assert_string_not_equal(seen, id_of(x, "score"));
	assert_int_equal(resolve(x, 0, seen, 0, NULL), RC_NOTFOUND);
}

static void
test_take_shown(void **state)
{
	struct clash *x = *state;

	scores_clash(x);
	assert_int_equal(resolve(x, PROVINCE, id_of(x, "score"), 0, NULL), RC_OK);
	settled(x, "70");
}

static void
test_take_other(void **state)
{
	struct clash *x = *state;

	scores_clash(x);
	assert_int_equal(resolve(x, A1, id_of(x, "score"), 1, NULL), RC_OK);
	settled(x, "90");
}

static void
test_set(void **state)
{
	struct clash *x = *state;
	struct value v = value_int(80);

	scores_clash(x);
	assert_int_equal(resolve(x, A2, id_of(x, "score"), -1, &v), RC_OK);
	settled(x, "80");
}

/* Two people settle it at once, differently: that is a new conflict, of their two decisions. */
static void
test_settled_twice(void **state)
{
	struct clash *x = *state;

	scores_clash(x);
	assert_int_equal(resolve(x, A1, id_of(x, "score"), 1, NULL), RC_OK);
	assert_int_equal(resolve(x, A2, id_of(x, "score"), 0, NULL), RC_OK);
	office_sync(&x->o);
	assert_string_equal(office_open(&x->o, PROVINCE, &x->key, "score"), "70|90");
	assert_int_equal(resolve(x, PROVINCE, id_of(x, "score"), 0, NULL), RC_OK);
	settled(x, "70");
}

static void
test_refused(void **state)
{
	struct clash *x = *state;
	struct value bad = value_int(1000);

	scores_clash(x);
	assert_int_equal(resolve(x, A1, "000000000000", 0, NULL), RC_NOTFOUND);
	assert_int_equal(resolve(x, A1, id_of(x, "score"), 2, NULL), RC_INPUT);
	assert_non_null(strstr(x->o.diag.text, "values 0 to 1"));
	assert_int_equal(resolve(x, A1, id_of(x, "score"), -1, &bad), RC_INPUT);
	assert_int_equal(conflict_count(x->o.nodes[A1].engine), 1);
}

static void
test_keep_the_row(void **state)
{
	struct clash *x = *state;

	deletion_clash(x);
	assert_string_equal(office_open(&x->o, A1, &x->key, NULL), "edit|x");
	assert_int_equal(resolve(x, A1, id_of(x, NULL), 0, NULL), RC_OK);
	settled(x, "70");
}

static void
test_delete_the_row(void **state)
{
	struct clash *x = *state;

	deletion_clash(x);
	assert_int_equal(resolve(x, A1, id_of(x, NULL), 1, NULL), RC_OK);
	settled(x, "");
}

static void
test_side_must_be_taken(void **state)
{
	struct clash *x = *state;
	struct value v = value_int(1);

	deletion_clash(x);
	assert_int_equal(resolve(x, A1, id_of(x, NULL), -1, &v), RC_INPUT);
	assert_non_null(strstr(x->o.diag.text, "choose a side"));
}

/* A suggestion is listed, but is no conflict; who ranks higher may take it up. */
static void
test_suggestion(void **state)
{
	struct clash *x = *state;

	office_set(&x->o, PROVINCE, &x->key, office_text("grade", "B"));
	office_sync(&x->o);
	office_set(&x->o, A1, &x->key, office_text("grade", "A"));
	office_sync(&x->o);
	assert_string_equal(office_open(&x->o, A2, &x->key, "grade"), "B|A?");
	assert_int_equal(conflict_count(x->o.nodes[A2].engine), 0);
	assert_int_equal(resolve(x, PROVINCE, id_of(x, "grade"), 1, NULL), RC_OK);
	office_sync(&x->o);
	assert_string_equal(office_cell(&x->o, A2, "item", &x->key, "grade"), "A");
	assert_string_equal(office_open(&x->o, A2, &x->key, "grade"), "");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_ids),
		TEST(test_take_shown),
		TEST(test_take_other),
		TEST(test_set),
		TEST(test_settled_twice),
		TEST(test_refused),
		TEST(test_keep_the_row),
		TEST(test_delete_the_row),
		TEST(test_side_must_be_taken),
		TEST(test_suggestion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
