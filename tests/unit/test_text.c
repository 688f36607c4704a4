#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/text.h"

static void
assert_nfc(const char *text, const char *expected)
{
	struct bytes out;

	bytes_init(&out);
	assert_int_equal(text_nfc(span_str(text), &out), RC_OK);
	assert_string_equal(bytes_cstr(&out), expected);
	bytes_free(&out);
}

static void
assert_not_nfc(const char *text, size_t n, enum rc rc)
{
	struct bytes out;

	bytes_init(&out);
	assert_int_equal(text_nfc(span_of(text, n), &out), rc);
	assert_int_equal(out.n, 0);
	bytes_free(&out);
}

static void
assert_fold(const char *text, const char *expected)
{
	struct bytes out;

	bytes_init(&out);
	assert_int_equal(text_fold(span_str(text), &out), RC_OK);
	assert_string_equal(bytes_cstr(&out), expected);
	bytes_free(&out);
}

static bool
finds(const char *text, const char *needle)
{
	struct bytes folded, words;
	bool is_found;

	bytes_init(&folded);
	bytes_init(&words);
	assert_int_equal(text_fold(span_str(text), &folded), RC_OK);
	assert_int_equal(text_fold(span_str(needle), &words), RC_OK);
	is_found = text_has_words(span_bytes(&folded), span_bytes(&words));
	bytes_free(&folded);
	bytes_free(&words);
	return is_found;
}

static void
utf8_check_names_the_first_bad_byte(void **state)
{
	static const struct {
		const char *text;
		size_t bad_at;
	} table[] = {
		{ "\x80", 0 },
		{ "ab\xC0\xAF", 2 },
		{ "\xC1\xBF", 0 },
		{ "\xE0\x9F\xBF", 0 },
		{ "\xED\xA0\x80", 0 },
		{ "đ\xED\xBF\xBF", 2 },
		{ "\xF0\x8F\xBF\xBF", 0 },
		{ "\xF4\x90\x80\x80", 0 },
		{ "\xF5", 0 },
		{ "ab\xC4", 2 },
		{ "ab\xE1\xBB", 2 },
		{ "a\xF0\x9F\x8D", 1 },
		{ "\xC4"
		  "a",
		    0 },
		{ "\xFF", 0 },
	};
	size_t i, bad_at;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bad_at = 99;
		assert_false(text_utf8_check(span_str(table[i].text), &bad_at));
		assert_int_equal(bad_at, table[i].bad_at);
	}
}

static void
utf8_check_takes_the_edges_of_every_length(void **state)
{
	size_t bad_at = 99;

	(void)state;
	assert_true(text_utf8_check(
	    span_of("\0\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
		    "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
		26),
	    &bad_at));
	assert_true(text_utf8_check(span_of(NULL, 0), NULL));
	assert_int_equal(bad_at, 99);
}

static void
nfc_composes_vietnamese(void **state)
{
	(void)state;
	assert_nfc("Nu\xCC\x9Bo\xCC\x9B\xCC\x81"
		   "c ma\xCC\x86\xCC\x81m",
	    "Nước mắm");
	assert_nfc("e\xCC\xA3\xCC\x82 e\xCC\x82\xCC\xA3", "ệ ệ"); /* marks in either order */
	assert_nfc("Cu đơ\tHà Tĩnh\n", "Cu đơ\tHà Tĩnh\n");
	assert_nfc("", "");
}

static void
nfc_refuses_control_characters(void **state)
{
	(void)state;
	assert_not_nfc("a\0b", 3, RC_INPUT);
	assert_not_nfc("a\rb", 3, RC_INPUT);
	assert_not_nfc("\x1B[2J", 4, RC_INPUT);
	assert_not_nfc("\x7F", 1, RC_INPUT);
	assert_not_nfc("\xC2\x85", 2, RC_INPUT);
	assert_not_nfc("\xC0\x80", 2, RC_INPUT);
}

static void
nfc_takes_marks_up_to_the_limit(void **state)
{
	struct bytes text, out;
	unsigned i;

	(void)state;
	bytes_init(&text);
	bytes_init(&out);
	bytes_str(&text, "x");
	for (i = 0; i < TEXT_MARKS_MAX; i++)
		bytes_str(&text, i % 2 == 0 ? "\xCC\x81" : "\xCC\xA3");
	assert_int_equal(text_nfc(span_bytes(&text), &out), RC_OK);
	bytes_clear(&out);
	bytes_str(&text, "\xCC\x81");
	assert_int_equal(text_nfc(span_bytes(&text), &out), RC_LIMIT);
	assert_int_equal(out.n, 0);
	bytes_free(&text);
	bytes_free(&out);
}

static void
nfc_appends(void **state)
{
	struct bytes out;

	(void)state;
	bytes_init(&out);
	bytes_str(&out, "x");
	assert_int_equal(text_nfc(span_str("a\xCC\x81"), &out), RC_OK);
	assert_string_equal(bytes_cstr(&out), "xá");
	bytes_free(&out);
}

static void
nfc_reports_lost_memory(void **state)
{
	struct bytes out;
	uint64_t n;

	(void)state;
	for (n = 1; n <= 2; n++) {
		bytes_init(&out);
		mem_fault_set(n);
		assert_int_equal(text_nfc(span_str("á"), &out), RC_NOMEM);
		mem_fault_set(0);
		bytes_free(&out);
	}
}

static void
fold_strips_case_and_marks(void **state)
{
	(void)state;
	assert_fold("Nước mắm", "nuoc mam");
	assert_fold("NƯỚC MẮM", "nuoc mam");
	assert_fold("Nu\xCC\x9Bo\xCC\x9B\xCC\x81"
		    "c",
	    "nuoc");
	assert_fold("đường Đà Lạt", "duong da lat");
	assert_fold("\xC3\x90\xC6\xB0\xE1\xBB\x9Dng", "duong"); /* eth in place of the letter đ */
	assert_fold("ăâêôơư ẳẵặ", "aaeoou aaa");
	assert_fold("ＯＣＯＰ ①", "ocop 1");
	assert_fold("ΆΊ каШа", "αι каша");
}

static void
fold_collapses_blanks(void **state)
{
	(void)state;
	assert_fold(" \t a \r\n\n b\xC2\xA0\xE3\x80\x80"
		    "c ",
	    "a b c");
	assert_fold("a\xE2\x80\x8B"
		    "b",
	    "ab"); /* zero width */
	assert_fold(" \n", "");
	assert_fold("", "");
}

static void
fold_refuses_what_is_not_utf8(void **state)
{
	struct bytes out;

	(void)state;
	bytes_init(&out);
	assert_int_equal(text_fold(span_str("a\xFF"), &out), RC_INPUT);
	assert_int_equal(out.n, 0);
	bytes_free(&out);
}

static void
words_are_found_without_marks(void **state)
{
	(void)state;
	assert_true(finds("Kẹo Cu đơ Hà Tĩnh", "cu do"));
	assert_true(finds("Nước mắm Cẩm Nhượng", "nuoc mam"));
	assert_true(finds("đường phèn", "duong"));
	assert_true(finds("mật ong (rừng)", "RUNG"));
	assert_true(finds("a", ""));
	assert_true(finds("", ""));
}

static void
words_are_found_only_whole(void **state)
{
	(void)state;
	assert_false(finds("Củ đỗ", "cu d"));
	assert_false(finds("bánh cuốn", "cu"));
	assert_false(finds("ocop2", "ocop"));
	assert_false(finds("", "a"));
	assert_false(finds("ab", "abc"));
	assert_true(finds("bánh cuốn, cu đơ", "cu")); /* the second try fits */
	assert_true(finds("ocop-2", "ocop"));
	assert_false(finds("каша", "аша")); /* letters of any script */
}

static void
width_counts_columns(void **state)
{
	(void)state;
	assert_int_equal(text_width(span_str("Nước mắm")), 8);
	assert_int_equal(text_width(span_str("a\xCC\x81\xCC\xA3")), 1);
	assert_int_equal(text_width(span_str("米")), 2);
	assert_int_equal(text_width(span_str("a\xFF\xFE")), 3);
	assert_int_equal(text_width(span_of(NULL, 0)), 0);
}

static void
cut_keeps_marks_with_their_letter(void **state)
{
	(void)state;
	assert_int_equal(text_cut(span_str("ab\xCC\x81"
					   "c"),
			     2)
			     .n,
	    4);
	assert_int_equal(text_cut(span_str("米米"), 3).n, 3);
	assert_int_equal(text_cut(span_str("đơ"), 5).n, 4);
	assert_int_equal(text_cut(span_str("ab"), 0).n, 0);
}

static void
printable_disarms_terminals(void **state)
{
	struct bytes out;

	(void)state;
	bytes_init(&out);
	text_printable(span_str("a\x1B[2J\n\xC2\x9B"
				"b\xFF\xE2\x80\xAE"
				"đ"),
	    &out);
	assert_string_equal(bytes_cstr(&out), "a [2J  b\xEF\xBF\xBD đ");
	bytes_free(&out);
}

static void
trim_takes_blanks_at_the_ends(void **state)
{
	(void)state;
	assert_true(span_eq(text_trim(span_str(" \r\n\ta b\t ")), span_str("a b")));
	assert_int_equal(text_trim(span_str("  ")).n, 0);
}

static void
int64_is_strict(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		"+1",
		"01",
		"-0",
		"00",
		" 1",
		"1 ",
		"1.0",
		"1e3",
		"0x1",
		"1,000",
		"9223372036854775808",
		"-9223372036854775809",
		"99999999999999999999",
		"18446744073709551616",
		"١",
	};
	int64_t v = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_int64(span_str(bad[i]), &v))
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_int_equal(v, 77);
}

static void
int64_reaches_its_limits(void **state)
{
	int64_t v;

	(void)state;
	assert_true(text_int64(span_str("0"), &v) && v == 0);
	assert_true(text_int64(span_str("-1"), &v) && v == -1);
	assert_true(text_int64(span_str("9223372036854775807"), &v) && v == INT64_MAX);
	assert_true(text_int64(span_str("-9223372036854775808"), &v) && v == INT64_MIN);
}

static void
date_knows_the_calendar(void **state)
{
	static const char *const good[] = {
		"2025-07-01",
		"2024-02-29",
		"2000-02-29",
		"1999-12-31",
		"0001-01-01",
		"9999-12-31",
		"2025-04-30",
	};
	static const char *const bad[] = {
		"",
		"2025-7-1",
		"2025-02-29",
		"1900-02-29",
		"2025-04-31",
		"2025-00-10",
		"2025-13-01",
		"2025-01-00",
		"2025-01-32",
		"0000-01-01",
		"2025/01/01",
		"01-07-2025",
		"2025-01-01 ",
		"2025-01-0a",
		"-025-01-01",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!text_date(span_str(good[i])))
			fail_msg("\"%s\" was refused", good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_date(span_str(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_check_names_the_first_bad_byte),
		cmocka_unit_test(utf8_check_takes_the_edges_of_every_length),
		cmocka_unit_test(nfc_composes_vietnamese),
		cmocka_unit_test(nfc_refuses_control_characters),
		cmocka_unit_test(nfc_takes_marks_up_to_the_limit),
		cmocka_unit_test(nfc_appends),
		cmocka_unit_test(nfc_reports_lost_memory),
		cmocka_unit_test(fold_strips_case_and_marks),
		cmocka_unit_test(fold_collapses_blanks),
		cmocka_unit_test(fold_refuses_what_is_not_utf8),
		cmocka_unit_test(words_are_found_without_marks),
		cmocka_unit_test(words_are_found_only_whole),
		cmocka_unit_test(width_counts_columns),
		cmocka_unit_test(cut_keeps_marks_with_their_letter),
		cmocka_unit_test(printable_disarms_terminals),
		cmocka_unit_test(trim_takes_blanks_at_the_ends),
		cmocka_unit_test(int64_is_strict),
		cmocka_unit_test(int64_reaches_its_limits),
		cmocka_unit_test(date_knows_the_calendar),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
