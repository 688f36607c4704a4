#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/table_print.h"

static const struct table_column g_columns[] = { { "product", false }, { "points", true },
	{ "unit", false } };

static void
assert_emits(const struct table_print *t, const char *expected)
{
	struct bytes out;

	bytes_init(&out);
	assert_int_equal(table_print_emit(t, &out), RC_OK);
	assert_string_equal(bytes_cstr(&out), expected);
	bytes_free(&out);
}

static void
columns_line_up_by_display_width(void **state)
{
	struct table_print t;

	(void)state;
	table_print_init(&t, g_columns, 3);
	table_print_cstr(&t, "Nước mắm Nhượng");
	table_print_int64(&t, 91);
	table_print_cstr(&t, "18538");
	table_print_cstr(&t, "米");
	table_print_int64(&t, -5);
	table_print_cstr(&t, "1");
	assert_emits(&t,
	    "product          points  unit\n"
	    "Nước mắm Nhượng      91  18538\n"
	    "米                   -5  1\n");
	table_print_fini(&t);
}

static void
no_line_ends_in_blanks(void **state)
{
	struct table_print t;

	(void)state;
	table_print_init(&t, g_columns, 3);
	table_print_cstr(&t, "a");
	table_print_cstr(&t, NULL);
	table_print_cstr(&t, "");
	assert_emits(&t, "product  points  unit\na\n");
	table_print_fini(&t);
}

static void
table_without_rows_is_its_titles(void **state)
{
	struct table_print t;

	(void)state;
	table_print_init(&t, g_columns, 2);
	assert_emits(&t, "product  points\n");
	table_print_fini(&t);
}

static void
long_cells_are_cut(void **state)
{
	struct table_print t;
	char text[TABLE_COLUMN_WIDTH_MAX + 2], expected[256];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)snprintf(expected, sizeof(expected), "product\n%.*s\n%.*s…\n", TABLE_COLUMN_WIDTH_MAX,
	    text, TABLE_COLUMN_WIDTH_MAX - 1, text);
	table_print_init(&t, g_columns, 1);
	table_print_cell(&t, span_of(text, TABLE_COLUMN_WIDTH_MAX));
	table_print_cstr(&t, text);
	assert_emits(&t, expected);
	table_print_fini(&t);
}

static void
cells_cannot_drive_a_terminal(void **state)
{
	struct table_print t;

	(void)state;
	table_print_init(&t, g_columns, 1);
	table_print_cstr(&t, "a\x1B[31m\nb");
	assert_emits(&t, "product\na [31m b\n");
	table_print_fini(&t);
}

static void
lost_memory_is_reported(void **state)
{
	struct table_print t;
	struct bytes out;
	uint64_t n;

	(void)state;
	bytes_init(&out);
	for (n = 1; n <= 3; n++) {
		mem_fault_set(n);
		table_print_init(&t, g_columns, 1);
		table_print_cstr(&t, "a");
		assert_int_equal(table_print_emit(&t, &out), RC_NOMEM);
		mem_fault_set(0);
		table_print_fini(&t);
		bytes_clear(&out);
	}
	bytes_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_line_up_by_display_width),
		cmocka_unit_test(no_line_ends_in_blanks),
		cmocka_unit_test(table_without_rows_is_its_titles),
		cmocka_unit_test(long_cells_are_cut),
		cmocka_unit_test(cells_cannot_drive_a_terminal),
		cmocka_unit_test(lost_memory_is_reported),
	};

	return cmocka_run_group_tests_name("table_print", tests, NULL, NULL);
}
