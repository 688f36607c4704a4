#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/json_read.h"

#define TEXT_BYTES_FOR_TEST ((size_t)1 << 20)

struct sample {
	const char *name;
	const char *text;
	size_t n; /* 0: strlen */
};

/* Documents that must be taken. */
static const struct sample g_good[] = {
	{ "empty array", "[]", 0 },
	{ "empty object", "{}", 0 },
	{ "blanks everywhere", " \t\r\n[ \t\r\n1 \t\r\n, \t\r\n{ \"a\" : 2 } ] \t\r\n", 0 },
	{ "scalar string", "\"\"", 0 },
	{ "scalar number", "-0", 0 },
	{ "scalar literal", "null", 0 },
	{ "literals", "[true,false,null]", 0 },
	{ "zero", "[0]", 0 },
	{ "minus zero", "[-0.0]", 0 },
	{ "fraction", "[123.456]", 0 },
	{ "exponent", "[1e5,1E5,1e+5,1e-5,0e1,1.5e300]", 0 },
	{ "exponent beyond double", "[1e400,-1e400,1e-400]", 0 },
	{ "simple escapes", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", 0 },
	{ "unicode escape", "[\"\\u0111\\u01A0\\uFFFF\"]", 0 },
	{ "surrogate pair", "[\"\\uD834\\uDD1E\"]", 0 },
	{ "escaped control", "[\"\\u0001\"]", 0 },
	{ "raw DEL", "[\"\x7f\"]", 0 },
	{ "utf-8 of each length", "[\"a\xC4\x91\xE1\xBB\x83\xF0\x9F\x8D\x9A\"]", 0 },
	{ "last code point", "[\"\xF4\x8F\xBF\xBF\"]", 0 },
	{ "empty key", "{\"\":0}", 0 },
	{ "keys that differ in case", "{\"a\":1,\"A\":2}", 0 },
	{ "same key at two levels", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 0 },
	{ "digits and quotes inside strings", "{\"1\":\"-2\\\"3\",\"\\\"\":4}", 0 },
	{ "mark inside a string", "[\"\xEF\xBB\xBF\"]", 0 },
};

/* Documents that must be refused. */
static const struct sample g_bad[] = {
	{ "nothing", "", 0 },
	{ "blanks only", " \n", 0 },
	{ "byte order mark", "\xEF\xBB\xBF[]", 0 },
	{ "UTF-16", "[\0]\0", 4 },
	{ "trailing bracket", "[]]", 0 },
	{ "trailing word", "[] x", 0 },
	{ "trailing NUL", "[]\0", 3 },
	{ "two documents", "1 2", 0 },
	{ "open array", "[1", 0 },
	{ "open array after comma", "[1,", 0 },
	{ "open object", "{\"a\":1", 0 },
	{ "wrong closing bracket", "[1}", 0 },
	{ "wrong closing brace", "{\"a\":1]", 0 },
	{ "comma at the end of an array", "[1,]", 0 },
	{ "comma at the end of an object", "{\"a\":1,}", 0 },
	{ "comma at the start", "[,1]", 0 },
	{ "two commas", "[1,,2]", 0 },
	{ "no comma", "[1 2]", 0 },
	{ "no colon", "{\"a\" 1}", 0 },
	{ "two colons", "{\"a\"::1}", 0 },
	{ "no value", "{\"a\":}", 0 },
	{ "no key", "{:1}", 0 },
	{ "number as a key", "{1:1}", 0 },
	{ "bare key", "{a:1}", 0 },
	{ "single quotes", "['a']", 0 },
	{ "comment", "[1/*x*/]", 0 },
	{ "capital literal", "[True]", 0 },
	{ "cut literal", "[tru]", 0 },
	{ "long literal", "[nulll]", 0 },
	{ "NaN", "[NaN]", 0 },
	{ "Infinity", "[-Infinity]", 0 },
	{ "leading zero", "[01]", 0 },
	{ "leading zero after minus", "[-01]", 0 },
	{ "leading plus", "[+1]", 0 },
	{ "lone minus", "[-]", 0 },
	{ "no digit before the point", "[.5]", 0 },
	{ "no digit after the point", "[1.]", 0 },
	{ "no digit before the exponent", "[1.e5]", 0 },
	{ "no digit in the exponent", "[1e]", 0 },
	{ "sign only in the exponent", "[1e+]", 0 },
	{ "hexadecimal", "[0x1]", 0 },
	{ "two points", "[1.2.3]", 0 },
	{ "number with a NUL", "[1\0]", 4 },
	{ "open string", "[\"a", 0 },
	{ "open string after a backslash", "[\"a\\", 0 },
	{ "raw line feed", "[\"a\nb\"]", 0 },
	{ "raw tab", "[\"a\tb\"]", 0 },
	{ "raw NUL", "[\"a\0b\"]", 7 },
	{ "escaped NUL", "[\"a\\u0000b\"]", 0 },
	{ "escaped NUL in a key", "{\"a\\u0000\":1}", 0 },
	{ "unknown escape", "[\"\\x41\"]", 0 },
	{ "short unicode escape", "[\"\\u12\"]", 0 },
	{ "bad hexadecimal", "[\"\\u12G4\"]", 0 },
	{ "lone high surrogate", "[\"\\uD834\"]", 0 },
	{ "lone low surrogate", "[\"\\uDD1E\"]", 0 },
	{ "surrogates swapped", "[\"\\uDD1E\\uD834\"]", 0 },
	{ "two high surrogates", "[\"\\uD834\\uDB33\"]", 0 },
	{ "high surrogate and a letter", "[\"\\uD834\\u0041\"]", 0 },
	{ "overlong slash", "[\"\xC0\xAF\"]", 0 },
	{ "overlong three bytes", "[\"\xE0\x80\xAF\"]", 0 },
	{ "surrogate in UTF-8", "[\"\xED\xA0\x80\"]", 0 },
	{ "beyond Unicode", "[\"\xF4\x90\x80\x80\"]", 0 },
	{ "cut UTF-8", "[\"\xE1\xBB\"]", 0 },
	{ "lone continuation byte", "[\"\x80\"]", 0 },
	{ "Latin-1", "[\"\xE9\"]", 0 },
	{ "no-break space between tokens", "[\xC2\xA0]", 0 },
	{ "form feed between tokens", "[\f]", 0 },
	{ "duplicate key", "{\"a\":1,\"b\":2,\"a\":1}", 0 },
	{ "duplicate key by escape", "{\"a\":1,\"\\u0061\":2}", 0 },
	{ "duplicate key deep", "[{\"x\":[{\"k\":1,\"k\":2}]}]", 0 },
	{ "duplicate empty key", "{\"\":1,\"\":1}", 0 },
};

static enum rc
read_n(struct json *json, const char *text, size_t n, struct diag *d)
{
	diag_init(d);
	return json_read(json, span_of(text, n), TEXT_BYTES_FOR_TEST, d);
}

static enum rc
read_text(struct json *json, const char *text, struct diag *d)
{
	return read_n(json, text, strlen(text), d);
}

static void
takes_good_documents(void **state)
{
	struct json json;
	struct diag d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(g_good) / sizeof(g_good[0]); i++) {
		if (read_text(&json, g_good[i].text, &d) != RC_OK)
			fail_msg("%s: %s", g_good[i].name, d.text);
		json_fini(&json);
	}
}

static void
refuses_bad_documents(void **state)
{
	struct json json;
	struct diag d;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(g_bad) / sizeof(g_bad[0]); i++) {
		n = g_bad[i].n != 0 ? g_bad[i].n : strlen(g_bad[i].text);
		if (read_n(&json, g_bad[i].text, n, &d) != RC_INPUT)
			fail_msg("%s: not refused", g_bad[i].name);
		if (strncmp(d.text, "JSON, line ", 11) != 0)
			fail_msg("%s: no place in \"%s\"", g_bad[i].name, d.text);
		json_fini(&json);
	}
}

static void
assert_place(const char *text, const char *place)
{
	struct json json;
	struct diag d;

	assert_int_not_equal(read_text(&json, text, &d), RC_OK);
	if (strncmp(d.text, place, strlen(place)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", d.text, place);
	json_fini(&json);
}

static void
errors_name_line_and_column(void **state)
{
	(void)state;
	assert_place("[1,\n  x]", "JSON, line 2, column 3:");
	assert_place(
	    "[\"\xC4\x91\xC4\x91\",x]", "JSON, line 1, column 7:"); /* characters, not bytes */
	assert_place("\xEF\xBB\xBF{}", "JSON, line 1, column 1: a byte order mark");
	assert_place("[\"abc", "JSON, line 1, column 2:"); /* where the string begins */
	assert_place("[\"a\xFF\"]", "JSON, line 1, column 4:");
	assert_place("[\"a\\ud800\"]", "JSON, line 1, column 4:");
}

static void
duplicate_is_named_where_it_stands_again(void **state)
{
	(void)state;
	assert_place("{\"b\": {\"n\": [1, -2.5e3, \"7\"]},\n \"a\": 1,\n \"b\": 2}",
	    "JSON, line 3, column 2:");
}

static void
nest(struct bytes *b, unsigned depth, const char *open, const char *close)
{
	unsigned i;

	for (i = 0; i < depth; i++)
		bytes_str(b, open);
	bytes_str(b, "0");
	for (i = 0; i < depth; i++)
		bytes_str(b, close);
}

static enum rc
read_nested(unsigned depth, const char *open, const char *close)
{
	struct bytes b;
	struct json json;
	struct diag d;
	enum rc rc;

	bytes_init(&b);
	nest(&b, depth, open, close);
	rc = read_text(&json, bytes_cstr(&b), &d);
	json_fini(&json);
	bytes_free(&b);
	return rc;
}

static void
takes_depth_up_to_the_limit(void **state)
{
	(void)state;
	assert_int_equal(read_nested(32, "[", "]"), RC_OK);
	assert_int_equal(read_nested(33, "[", "]"), RC_LIMIT);
	assert_int_equal(read_nested(32, "{\"a\":", "}"), RC_OK);
	assert_int_equal(read_nested(33, "{\"a\":", "}"), RC_LIMIT);
	assert_int_equal(read_nested(100000, "[", "]"), RC_LIMIT);
}

static void
takes_size_up_to_the_limit(void **state)
{
	struct json json;
	struct diag d;

	(void)state;
	diag_init(&d);
	assert_int_equal(json_read(&json, span_str("[12]"), 4, &d), RC_OK);
	json_fini(&json);
	assert_int_equal(json_read(&json, span_str("[12]"), 3, &d), RC_LIMIT);
	json_fini(&json);
}

static void
refuses_too_many_values(void **state)
{
	struct bytes b;
	struct json json;
	struct diag d;
	size_t i;

	(void)state;
	bytes_init(&b);
	bytes_str(&b, "[0");
	for (i = 2; i < JSON_NODES_MAX; i++)
		bytes_str(&b, ",0");
	bytes_str(&b, "]");
	assert_int_equal(read_text(&json, bytes_cstr(&b), &d), RC_OK);
	assert_int_equal(json_count(json.root), JSON_NODES_MAX - 1);
	json_fini(&json);
	b.n--;
	bytes_str(&b, ",0]");
	assert_int_equal(read_text(&json, bytes_cstr(&b), &d), RC_LIMIT);
	json_fini(&json);
	bytes_free(&b);
}

static void
takes_numbers_up_to_their_length(void **state)
{
	char text[128] = "";
	struct json json;
	struct diag d;
	struct span number;

	(void)state;
	memset(text, '7', JSON_NUMBER_BYTES_MAX);
	assert_int_equal(read_text(&json, text, &d), RC_OK);
	assert_true(json_number_text(json.root, &number));
	assert_int_equal(number.n, JSON_NUMBER_BYTES_MAX);
	json_fini(&json);
	text[JSON_NUMBER_BYTES_MAX] = '7';
	assert_int_equal(read_text(&json, text, &d), RC_LIMIT);
	json_fini(&json);
}

static void
int64_takes_whole_numbers_in_range(void **state)
{
	static const struct {
		const char *text;
		bool is_taken;
		int64_t v;
	} table[] = {
		{ "0", true, 0 },
		{ "-1", true, -1 },
		{ "1000000000000000", true, INT64_C(1000000000000000) },
		{ "-1000000000000000", true, INT64_C(-1000000000000000) },
		{ "1000000000000001", false, 0 },
		{ "-1000000000000001", false, 0 },
		{ "9007199254740993", false, 0 },
		{ "9223372036854775807", false, 0 },
		{ "9223372036854775808", false, 0 },
		{ "99999999999999999999999999", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "0.5", false, 0 },
		{ "-0", false, 0 },
		{ "\"1\"", false, 0 },
		{ "true", false, 0 },
		{ "null", false, 0 },
	};
	struct json json;
	struct diag d;
	int64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(read_text(&json, table[i].text, &d), RC_OK);
		v = 77;
		if (json_int64(json.root, &v) != table[i].is_taken)
			fail_msg("%s", table[i].text);
		assert_true(v == (table[i].is_taken ? table[i].v : 77));
		json_fini(&json);
	}
}

static void
number_text_is_as_written(void **state)
{
	static const char *const numbers[] = {
		"9007199254740993",
		"-9223372036854775808",
		"18446744073709551615",
		"0.30000000000000004",
		"1E+2",
		"-0.0",
		"1e400",
	};
	struct json json;
	struct diag d;
	struct span text;
	struct bytes b;
	const struct cJSON *v;
	size_t i;

	(void)state;
	bytes_init(&b);
	bytes_str(&b, "{\"9\":[\"-8\",{},[]],\"list\":[true");
	for (i = 0; i < 7; i++)
		bytes_fmt(&b, ", %s", numbers[i]);
	bytes_str(&b, "]}");
	assert_int_equal(read_text(&json, bytes_cstr(&b), &d), RC_OK);
	v = json_first(json_member(json.root, "list"));
	for (i = 0; i < 7; i++) {
		v = json_next(v);
		assert_true(json_number_text(v, &text));
		assert_true(span_eq(text, span_str(numbers[i])));
	}
	assert_null(json_next(v));
	json_fini(&json);
	bytes_free(&b);
}

static void
getters_say_no_to_other_kinds_and_to_nothing(void **state)
{
	struct json json;
	struct diag d;
	struct span s;
	int64_t v;
	bool b;

	(void)state;
	assert_int_equal(read_text(&json, "{\"a\":\"x\"}", &d), RC_OK);
	assert_null(json_member(json.root, "A"));
	assert_null(json_member(json_member(json.root, "a"), "b"));
	assert_null(json_item(json.root, 0));
	assert_null(json_first(json_member(json.root, "a")));
	assert_null(json_next(NULL));
	assert_null(json_name(json.root));
	assert_false(json_string(json.root, &s));
	assert_false(json_string(NULL, &s));
	assert_false(json_int64(NULL, &v));
	assert_false(json_bool(NULL, &b));
	assert_false(json_is_null(NULL));
	assert_false(json_number_text(json_member(json.root, "a"), &s));
	assert_int_equal(json_kind(NULL), JSON_NONE);
	assert_int_equal(json_count(NULL), 0);
	json_fini(&json);
}

static void
getters_reach_every_kind(void **state)
{
	struct json json;
	struct diag d;
	struct span s;
	bool b = false;

	(void)state;
	assert_int_equal(read_text(&json, "[null,true,\"\\u0111\\n\",[],{\"k\":5}]", &d), RC_OK);
	assert_int_equal(json_count(json.root), 5);
	assert_true(json_is_null(json_item(json.root, 0)));
	assert_true(json_bool(json_item(json.root, 1), &b));
	assert_true(b);
	assert_true(json_string(json_item(json.root, 2), &s));
	assert_true(span_eq(s, span_str("\xC4\x91\n")));
	assert_int_equal(json_kind(json_item(json.root, 3)), JSON_ARRAY);
	assert_string_equal(json_name(json_first(json_item(json.root, 4))), "k");
	assert_null(json_item(json.root, 5));
	json_fini(&json);
}

static void
unknown_member_is_found(void **state)
{
	static const char *const names[] = { "table", "key" };
	struct json json;
	struct diag d;

	(void)state;
	assert_int_equal(read_text(&json, "{\"key\":1,\"table\":2}", &d), RC_OK);
	assert_null(json_unknown_member(json.root, names, 2));
	json_fini(&json);
	assert_int_equal(read_text(&json, "{\"key\":1,\"Table\":2}", &d), RC_OK);
	assert_string_equal(json_unknown_member(json.root, names, 2), "Table");
	json_fini(&json);
}

static void
many_members_are_compared_in_time(void **state)
{
	struct bytes b;
	struct json json;
	struct diag d;
	unsigned i;

	(void)state;
	bytes_init(&b);
	bytes_str(&b, "{");
	for (i = 0; i < 50000; i++)
		bytes_fmt(&b, "\"k%u\":0,", i * 7919U);
	bytes_str(&b, "\"k7919\":0}");
	assert_int_equal(read_text(&json, bytes_cstr(&b), &d), RC_INPUT);
	json_fini(&json);
	bytes_free(&b);
}

static void
every_failed_allocation_is_reported(void **state)
{
	struct json json;
	struct diag d;
	uint64_t n;
	enum rc rc = RC_NOMEM;

	(void)state;
	for (n = 1; rc != RC_OK; n++) {
		mem_fault_set(n);
		rc = read_text(&json, "{\"a\":[1,\"x\",{}],\"b\":null}", &d);
		mem_fault_set(0);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
		json_fini(&json);
	}
	assert_true(n > 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_good_documents),
		cmocka_unit_test(refuses_bad_documents),
		cmocka_unit_test(errors_name_line_and_column),
		cmocka_unit_test(duplicate_is_named_where_it_stands_again),
		cmocka_unit_test(takes_depth_up_to_the_limit),
		cmocka_unit_test(takes_size_up_to_the_limit),
		cmocka_unit_test(refuses_too_many_values),
		cmocka_unit_test(takes_numbers_up_to_their_length),
		cmocka_unit_test(int64_takes_whole_numbers_in_range),
		cmocka_unit_test(number_text_is_as_written),
		cmocka_unit_test(getters_say_no_to_other_kinds_and_to_nothing),
		cmocka_unit_test(getters_reach_every_kind),
		cmocka_unit_test(unknown_member_is_found),
		cmocka_unit_test(many_members_are_compared_in_time),
		cmocka_unit_test(every_failed_allocation_is_reported),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
