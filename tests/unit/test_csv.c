#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/csv.h"
#include "node/csv_write.h"

/* Read all rows of @text into @out: fields in [], rows in lines.  The answer is that of the first failure. */
static enum rc
read_all(const char *text, size_t n, bool has_header, struct bytes *out, struct diag *d)
{
	struct csv c;
	bool is_row = true;
	size_t i;
	enum rc rc;

	diag_init(d);
	bytes_clear(out);
	rc = csv_init(&c, span_of(text, n), "f.csv", d);
	if (rc == RC_OK && has_header)
		rc = csv_header(&c, NULL, 0, d);
	while (rc == RC_OK && is_row) {
		rc = csv_next(&c, &is_row, d);
		for (i = 0; rc == RC_OK && is_row && i < c.field_count; i++)
			bytes_fmt(out, "[%.*s]", (int)csv_field(&c, i).n,
			    (const char *)csv_field(&c, i).p);
		if (rc == RC_OK && is_row)
			bytes_byte(out, '\n');
	}
	csv_fini(&c);
	return rc;
}

static void
assert_reads(const char *text, const char *rows)
{
	struct bytes out;
	struct diag d;

	bytes_init(&out);
	if (read_all(text, strlen(text), false, &out, &d) != RC_OK)
		fail_msg("%s", d.text);
	assert_string_equal(bytes_cstr(&out), rows);
	bytes_free(&out);
}

static void
assert_refuses(const char *text, size_t n, const char *why)
{
	struct bytes out;
	struct diag d;

	bytes_init(&out);
	assert_int_equal(read_all(text, n, true, &out, &d), RC_INPUT);
	assert_string_equal(d.text, why);
	bytes_free(&out);
}

static void
reads_plain_fields(void **state)
{
	(void)state;
	assert_reads("a,b,c\r\n1,,3\r\n", "[a][b][c]\n[1][][3]\n");
}

static void
reads_lf_and_a_last_line_without_end(void **state)
{
	(void)state;
	assert_reads("a,b\n1,2", "[a][b]\n[1][2]\n");
	assert_reads("a,b\n1,", "[a][b]\n[1][]\n");
}

static void
reads_quotes(void **state)
{
	(void)state;
	assert_reads("\"a\",\"b \"\"x\"\"\",\"\"\n\"1,2\",\"l1\nl2\",\"\"\"\"\n",
	    "[a][b \"x\"][]\n[1,2][l1\nl2][\"]\n");
}

static void
reads_crlf_within_quotes_as_lf(void **state)
{
	(void)state;
	assert_reads("\"a\r\nb\rc\r\n\"", "[a\nb\rc\n]\n");
	assert_reads("\"a\r\r\nb\"", "[a\nb]\n");
}

static void
skips_the_byte_order_mark(void **state)
{
	(void)state;
	assert_reads("\xEF\xBB\xBF"
		     "a,b\n",
	    "[a][b]\n");
	assert_reads("\xEF\xBB\xBF\"a\",b\n", "[a][b]\n");
}

static void
finds_the_separator_outside_quotes(void **state)
{
	(void)state;
	assert_reads("a\n1,2\n", "[a]\n[1][2]\n");
	assert_reads("a;b\n1,5;2\n", "[a][b]\n[1,5][2]\n");
	assert_reads("\"a;;;\",b\n1;2,3\n", "[a;;;][b]\n[1;2][3]\n");
	assert_reads("\"a,\n,,\";b\n", "[a,\n,,][b]\n");
}

static void
skips_rows_of_nothing(void **state)
{
	(void)state;
	assert_reads("a,b\n\n1,2\r\n,\r\n\r\n", "[a][b]\n[1][2]\n");
	assert_reads("", "");
	assert_reads("a\n\"\"\n", "[a]\n[]\n"); /* quoted nothing is something */
}

static void
ignores_empty_fields_beyond_the_header(void **state)
{
	struct bytes out;
	struct diag d;
	const char *text = "a;b;;\n1;2;;;;\n";

	(void)state;
	bytes_init(&out);
	assert_int_equal(read_all(text, strlen(text), true, &out, &d), RC_OK);
	assert_string_equal(bytes_cstr(&out), "[1][2]\n");
	bytes_free(&out);
}

static void
errors_name_line_and_column(void **state)
{
	(void)state;
	assert_refuses("a,b\n1,\"x\n\n", 11,
	    "f.csv, line 2, column 2 (b): a quote is opened here and never closed");
	assert_refuses(
	    "a,b\n1,x\"\n", 9, "f.csv, line 2, column 2 (b): a quote stands in the wrong place");
	assert_refuses("a,b\n\"x\ny\"z,1\n", 14,
	    "f.csv, line 3, column 1 (a): a quote stands in the wrong place");
	assert_refuses("a,b\n\n1,2,3\n", 11,
	    "f.csv, line 3, column 3: more fields than the header has columns");
	assert_refuses(
	    "a,b\n1\n", 6, "f.csv, line 2, column 2 (b): the line ends before its last column");
	assert_refuses("a,b\n1,x\0y\n", 10, "f.csv, line 2, column 2 (b): a NUL byte");
	assert_refuses("a,b\n\"\n\n\",\xE9\n", 11,
	    "f.csv, line 4, column 2 (b): not UTF-8; save the file as \"CSV UTF-8\"");
	assert_refuses("a,b\n1\r,2\n", 9, "f.csv, line 2, column 1 (a): a lone carriage return");
}

static void
lines_are_counted_with_either_end(void **state)
{
	static const char crlf[] = "a,b\r\n1,2\r\n3,\"\r\n";
	static const char lf[] = "a,b\n1,2\n3,\"\n";
	const char *why = "f.csv, line 3, column 2 (b): a quote is opened here and never closed";

	(void)state;
	assert_refuses(crlf, sizeof(crlf) - 1, why);
	assert_refuses(lf, sizeof(lf) - 1, why);
}

static void
goes_on_after_a_bad_row(void **state)
{
	const char *text = "a,b\n1,2,3\n4\n5,6\n";
	struct csv c;
	struct diag d;
	bool is_row;

	(void)state;
	diag_init(&d);
	assert_int_equal(csv_init(&c, span_str(text), "f.csv", &d), RC_OK);
	assert_int_equal(csv_header(&c, NULL, 0, &d), RC_OK);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_INPUT);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_INPUT);
	assert_false(c.is_broken);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_OK);
	assert_true(is_row);
	assert_int_equal(c.row_line, 4);
	assert_true(span_eq(csv_field(&c, 1), span_str("6")));
	assert_int_equal(csv_field(&c, 2).n, 0);
	assert_int_equal(csv_field(&c, CSV_NONE).n, 0);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_OK);
	assert_false(is_row);
	csv_fini(&c);
}

static void
never_goes_on_after_a_bad_quote(void **state)
{
	struct csv c;
	struct diag d;
	bool is_row;

	(void)state;
	diag_init(&d);
	assert_int_equal(csv_init(&c, span_str("a\nx\"\nb\n"), "f.csv", &d), RC_OK);
	assert_int_equal(csv_header(&c, NULL, 0, &d), RC_OK);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_INPUT);
	assert_true(c.is_broken);
	assert_int_equal(csv_next(&c, &is_row, &d), RC_INPUT);
	assert_false(is_row);
	csv_fini(&c);
}

static enum rc
read_header(const char *text, struct csv_column *columns, size_t count, struct diag *d)
{
	struct csv c;
	enum rc rc;

	diag_init(d);
	rc = csv_init(&c, span_str(text), "f.csv", d);
	if (rc == RC_OK)
		rc = csv_header(&c, columns, count, d);
	csv_fini(&c);
	return rc;
}

static void
header_finds_columns_by_search_form(void **state)
{
	struct csv_column columns[] = {
		{ "T\xC3\xAAn s\xE1\xBA\xA3n ph\xE1\xBA\xA9m", true, 0 },
		{ "phone", false, 0 },
		{ "unit", true, 0 },
	};
	struct diag d;

	(void)state;
	assert_int_equal(
	    read_header("Unit; T\xC3\x8AN  S\xE1\xBA\xA2N PH\xE1\xBA\xA8M \n", columns, 3, &d),
	    RC_OK);
	assert_int_equal(columns[0].at, 1);
	assert_true(columns[1].at == CSV_NONE);
	assert_int_equal(columns[2].at, 0);
}

static void
header_reports_unknown_duplicate_and_missing_columns(void **state)
{
	struct csv_column columns[] = { { "code", true, 0 }, { "name", true, 0 } };
	struct diag d;

	(void)state;
	assert_int_equal(read_header("code,name,colour\n", columns, 2, &d), RC_INPUT);
	assert_string_equal(
	    d.text, "f.csv, line 1, column 3 (colour): this column is not known here");
	assert_int_equal(read_header("code,name,Code\n", columns, 2, &d), RC_INPUT);
	assert_string_equal(
	    d.text, "f.csv, line 1, column 3 (Code): this column stands twice in the header");
	assert_int_equal(read_header("code\n", columns, 2, &d), RC_INPUT);
	assert_string_equal(d.text, "f.csv, line 1: column \"name\" is missing");
	assert_int_equal(read_header("\n", columns, 2, &d), RC_INPUT);
	assert_string_equal(d.text, "f.csv, line 1, column 1: the file has no header line");
}

static void
title_is_found_again(void **state)
{
	struct csv c;
	struct diag d;
	size_t at;

	(void)state;
	diag_init(&d);
	assert_int_equal(
	    csv_init(&c, span_str("a,\xC4\x90\xC6\xA1n v\xE1\xBB\x8B\n"), "f.csv", &d), RC_OK);
	assert_int_equal(csv_header(&c, NULL, 0, &d), RC_OK);
	assert_int_equal(csv_find(&c, "don vi", &at), RC_OK);
	assert_int_equal(at, 1);
	assert_true(span_eq(csv_title(&c, 1), span_str("\xC4\x90\xC6\xA1n v\xE1\xBB\x8B")));
	assert_int_equal(csv_find(&c, "b", &at), RC_NOTFOUND);
	assert_int_equal(csv_title(&c, 2).n, 0);
	csv_fini(&c);
}

static void
takes_fields_up_to_the_limit(void **state)
{
	struct bytes text, out;
	struct diag d;
	unsigned i;

	(void)state;
	bytes_init(&text);
	bytes_init(&out);
	for (i = 1; i <= CSV_FIELDS_MAX; i++)
		bytes_fmt(&text, "%sc%u", i == 1 ? "" : ",", i);
	assert_int_equal(read_all(bytes_cstr(&text), text.n, false, &out, &d), RC_OK);
	bytes_str(&text, ",more");
	assert_int_equal(read_all(bytes_cstr(&text), text.n, false, &out, &d), RC_INPUT);
	bytes_free(&text);
	bytes_free(&out);
}

static void
every_failed_allocation_is_reported(void **state)
{
	struct bytes out;
	struct diag d;
	uint64_t n;
	enum rc rc = RC_NOMEM;

	(void)state;
	bytes_init(&out);
	bytes_str(&out, "so that only the reader allocates");
	for (n = 1; rc != RC_OK; n++) {
		mem_fault_set(n);
		rc = read_all("a,\xC4\x91\n1,2\n", 9, true, &out, &d);
		mem_fault_set(0);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_true(n > 4);
	bytes_free(&out);
}

static void
assert_writes(const struct csv_write_options *options, const char *const *fields, const char *text)
{
	struct csv_write w;
	struct bytes out;

	bytes_init(&out);
	csv_write_init(&w, &out, options);
	for (; *fields != NULL; fields++)
		csv_write_cstr(&w, *fields);
	csv_write_row_end(&w);
	assert_string_equal(bytes_cstr(&out), text);
	bytes_free(&out);
}

static void
writer_quotes_when_needed(void **state)
{
	static const struct csv_write_options options = { ',', false, false };
	const char *const fields[] = { "a", "b,c", "d;e", "say \"x\"", "l1\nl2", " f", "", "=1",
		NULL };

	(void)state;
	assert_writes(
	    &options, fields, "a,\"b,c\",\"d;e\",\"say \"\"x\"\"\",\"l1\nl2\",\" f\",,=1\r\n");
}

static void
writer_marks_a_row_of_nothing(void **state)
{
	static const struct csv_write_options options = { ';', true, false };
	const char *const fields[] = { "", "", NULL };

	(void)state;
	assert_writes(&options, fields, "\xEF\xBB\xBF;\"\"\r\n");
}

static void
writer_guards_formulas_but_not_numbers(void **state)
{
	static const struct csv_write_options options = { ';', false, true };
	const char *const fields[] = { "=1+1", "+84 912", "@x", "-a", "-", "\tx", "\rx", "-5",
		"-1,5", "-1.5", "--1", "'=x", "'x", "5", NULL };

	(void)state;
	assert_writes(&options, fields,
	    "'=1+1;'+84 912;'@x;'-a;'-;\"'\tx\";\"'\rx\";-5;\"-1,5\";-1.5;'--1;''=x;'x;5\r\n");
}

static void
unguarding_gives_back_what_was_written(void **state)
{
	static const char *const texts[] = { "=1", "'=1", "''=1", "'x", "x", "", "'", "-5", "'-5",
		"+5", "@" };
	static const struct csv_write_options options = { ',', false, true };
	struct csv_write w;
	struct bytes out;
	size_t i;

	(void)state;
	bytes_init(&out);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bytes_clear(&out);
		csv_write_init(&w, &out, &options);
		csv_write_cstr(&w, texts[i]);
		assert_true(span_eq(csv_unguard(span_bytes(&out)), span_str(texts[i])));
	}
	bytes_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_plain_fields),
		cmocka_unit_test(reads_lf_and_a_last_line_without_end),
		cmocka_unit_test(reads_quotes),
		cmocka_unit_test(reads_crlf_within_quotes_as_lf),
		cmocka_unit_test(skips_the_byte_order_mark),
		cmocka_unit_test(finds_the_separator_outside_quotes),
		cmocka_unit_test(skips_rows_of_nothing),
		cmocka_unit_test(ignores_empty_fields_beyond_the_header),
		cmocka_unit_test(errors_name_line_and_column),
		cmocka_unit_test(lines_are_counted_with_either_end),
		cmocka_unit_test(goes_on_after_a_bad_row),
		cmocka_unit_test(never_goes_on_after_a_bad_quote),
		cmocka_unit_test(header_finds_columns_by_search_form),
		cmocka_unit_test(header_reports_unknown_duplicate_and_missing_columns),
		cmocka_unit_test(title_is_found_again),
		cmocka_unit_test(takes_fields_up_to_the_limit),
		cmocka_unit_test(every_failed_allocation_is_reported),
		cmocka_unit_test(writer_quotes_when_needed),
		cmocka_unit_test(writer_marks_a_row_of_nothing),
		cmocka_unit_test(writer_guards_formulas_but_not_numbers),
		cmocka_unit_test(unguarding_gives_back_what_was_written),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
