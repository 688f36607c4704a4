/* The tree of units: who is below whom, and who holds what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

#define UNITS 4

static const char *const g_units[UNITS] = { OFFICE_T, OFFICE_D, OFFICE_A, OFFICE_B };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
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

static struct engine *
engine_of(void **state)
{
	return ((struct office *)*state)->nodes[0].engine;
}

static unit_id
unit(struct engine *e, const char *key)
{
	return unit_find(e, span_str(key));
}

static void
unit_put(struct office *o, const char *key, const char *parent)
{
	struct save_cell cells[] = { office_text("parent", parent),
		office_text("level", "commune") };
	struct save_key k = office_key(key);

	assert_int_equal(office_put(o, 0, "unit", &k, cells, 2), RC_OK);
}

static void
test_tree(void **state)
{
	struct engine *e = engine_of(state);

	assert_int_equal(unit_parent(e, unit(e, OFFICE_A)), unit(e, OFFICE_D));
	assert_int_equal(unit_parent(e, unit(e, OFFICE_T)), UNIT_NONE);
	assert_int_equal(unit_level(e, unit(e, OFFICE_D)), LEVEL_DISTRICT);
	assert_true(unit_is_known(e, unit(e, OFFICE_B)));
	assert_true(span_eq(unit_key(e, unit(e, OFFICE_B)), span_str(OFFICE_B)));
	assert_int_equal(unit(e, "nowhere"), UNIT_NONE);
}

static void
test_within(void **state)
{
	static const bool expected[UNITS][UNITS] = {
		/* [unit][top] */
		{ true, false, false, false },
		{ true, true, false, false },
		{ true, true, true, false },
		{ true, true, false, true },
	};
	struct engine *e = engine_of(state);

	for (size_t u = 0; u < UNITS; u++)
		for (size_t top = 0; top < UNITS; top++)
			assert_int_equal(
			    unit_is_within(e, unit(e, g_units[u]), unit(e, g_units[top])),
			    expected[u][top]);
	assert_false(unit_is_within(e, UNIT_NONE, unit(e, OFFICE_A)));
}

/* Up: the unit and all above it.  Down: everything below as well. */
static void
test_holds(void **state)
{
	struct engine *e = engine_of(state);

	for (size_t h = 0; h < UNITS; h++)
		for (size_t u = 0; u < UNITS; u++) {
			bool above = unit_is_within(e, unit(e, g_units[u]), unit(e, g_units[h]));
			bool below = unit_is_within(e, unit(e, g_units[h]), unit(e, g_units[u]));

			assert_int_equal(
			    unit_holds(e, unit(e, g_units[h]), unit(e, g_units[u]), REACH_UP),
			    above);
			assert_int_equal(
			    unit_holds(e, unit(e, g_units[h]), unit(e, g_units[u]), REACH_DOWN),
			    above || below);
		}
}

/* Said of all holders only if it is true of each one. */
static void
test_holders_hold(void **state)
{
	struct engine *e = engine_of(state);
	size_t yes = 0;

	for (size_t i = 0; i < UNITS * 2 * UNITS * 2; i++) {
		unit_id u = unit(e, g_units[i % UNITS]), v = unit(e, g_units[i / UNITS % UNITS]);
		enum reach ru = (enum reach)(i / 16 % 2), rv = (enum reach)(i / 32);

		if (!unit_holders_hold(e, u, ru, v, rv))
			continue;
		yes++;
		for (size_t h = 0; h < UNITS; h++)
			if (unit_holds(e, unit(e, g_units[h]), u, ru))
				assert_true(unit_holds(e, unit(e, g_units[h]), v, rv));
	}
	/* And each stream's holders hold that stream, and what goes to everyone. */
	assert_true(yes >= 24);
	for (size_t i = 0; i < UNITS * 2; i++)
		assert_true(unit_holders_hold(e, unit(e, g_units[i % UNITS]),
		    (enum reach)(i / UNITS), unit(e, OFFICE_T), REACH_DOWN));
}

/* A code that was given to another unit later means the newest; with a day, the one of that day. */
static void
test_resolve(void **state)
{
	struct engine *e = engine_of(state);

	unit_put(*state, "xa@2025-07-01", OFFICE_T);
	unit_put(*state, "xa-1@2030-01-01", OFFICE_T);
	assert_int_equal(unit_resolve(e, span_str("xa")), unit(e, "xa@2025-07-01"));
	assert_int_equal(unit_resolve(e, span_str("xa@2025-07-01")), unit(e, "xa@2025-07-01"));
	assert_int_equal(unit_resolve(e, span_str("xa@2025-06-30")), unit(e, OFFICE_A));
	assert_int_equal(unit_resolve(e, span_str("xa@2010-01-01")), unit(e, OFFICE_A));
	assert_int_equal(unit_resolve(e, span_str("xa@2009-12-31")), UNIT_NONE);
	assert_int_equal(unit_resolve(e, span_str("x")), UNIT_NONE);
	assert_int_equal(unit_resolve(e, span_str("")), UNIT_NONE);
}

/* A unit that changes its parent is followed at once; what was below it comes along. */
static void
test_new_parent(void **state)
{
	struct engine *e = engine_of(state);
	struct save_cell cell = office_text("parent", OFFICE_T);
	struct save_key key = office_key(OFFICE_A);

	assert_int_equal(office_put(*state, 0, "unit", &key, &cell, 1), RC_OK);
	assert_false(unit_is_within(e, unit(e, OFFICE_A), unit(e, OFFICE_D)));
	assert_false(unit_holds(e, unit(e, OFFICE_D), unit(e, OFFICE_A), REACH_UP));
}

/* A chain of parents that bites its tail is refused, and nothing of it remains. */
static void
test_loop(void **state)
{
	struct engine *e = engine_of(state);
	struct save_cell cell = office_text("parent", OFFICE_A);
	struct save_key key = office_key(OFFICE_D);

	assert_int_equal(office_put(*state, 0, "unit", &key, &cell, 1), RC_INPUT);
	assert_true(unit_is_within(e, unit(e, OFFICE_A), unit(e, OFFICE_D)));
	assert_false(unit_is_within(e, unit(e, OFFICE_D), unit(e, OFFICE_A)));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tree),
		TEST(test_within),
		TEST(test_holds),
		TEST(test_holders_hold),
		TEST(test_resolve),
		TEST(test_new_parent),
		TEST(test_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
