#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "node/json_write.h"

static void
write_sample(struct bytes *b, bool is_pretty)
{
	struct json_write w;

	json_write_init(&w, b, is_pretty);
	json_write_object(&w);
	json_write_key(&w, "list");
	json_write_array(&w);
	json_write_int64(&w, INT64_MIN);
	json_write_uint64(&w, UINT64_MAX);
	json_write_bool(&w, false);
	json_write_null(&w);
	json_write_array(&w);
	json_write_array_end(&w);
	json_write_array_end(&w);
	json_write_key(&w, "raw");
	json_write_raw(&w, span_str("[1]"));
	json_write_key(&w, "none");
	json_write_cstr(&w, NULL);
	json_write_object_end(&w);
	assert_int_equal(json_write_end(&w), RC_OK);
}

static void
writer_puts_commas_and_colons(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	write_sample(&b, false);
	assert_string_equal(bytes_cstr(&b),
	    "{\"list\":[-9223372036854775808,18446744073709551615,false,null,[]],"
	    "\"raw\":[1],\"none\":null}");
	bytes_free(&b);
}

static void
writer_indents_on_request(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	write_sample(&b, true);
	assert_string_equal(bytes_cstr(&b),
	    "{\n  \"list\": [\n    -9223372036854775808,\n"
	    "    18446744073709551615,\n    false,\n    null,\n    []\n  ],\n  \"raw\": [1],\n  "
	    "\"none\": null\n}");
	bytes_free(&b);
}

static void
writer_escapes_strings(void **state)
{
	struct bytes b;
	struct json_write w;

	(void)state;
	bytes_init(&b);
	json_write_init(&w, &b, false);
	json_write_string(&w, span_of("\"\\/\b\f\n\r\t\x01\x1F\x7F\0\xC4\x91", 14));
	assert_int_equal(json_write_end(&w), RC_OK);
	assert_string_equal(
	    bytes_cstr(&b), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\\u0000\xC4\x91\"");
	bytes_free(&b);
}

static void
writer_replaces_what_is_not_utf8(void **state)
{
	struct bytes b;
	struct json_write w;

	(void)state;
	bytes_init(&b);
	json_write_init(&w, &b, false);
	json_write_string(&w, span_str("a\xFFz\xED\xA0\x80\xE1"));
	assert_int_equal(json_write_end(&w), RC_OK);
	assert_string_equal(
	    bytes_cstr(&b), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
	bytes_free(&b);
}

static void
writer_puts_fixed_point(void **state)
{
	static const struct {
		int64_t v;
		unsigned decimals;
		const char *text;
	} table[] = {
		{ 0, 0, "0" },
		{ 5, 2, "0.05" },
		{ -5, 2, "-0.05" },
		{ 12345, 2, "123.45" },
		{ -100, 2, "-1.00" },
		{ 89, 0, "89" },
		{ INT64_MIN, 18, "-9.223372036854775808" },
		{ INT64_MAX, 1, "922337203685477580.7" },
	};
	struct bytes b;
	struct json_write w;
	size_t i;

	(void)state;
	bytes_init(&b);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bytes_clear(&b);
		json_write_init(&w, &b, false);
		json_write_fixed(&w, table[i].v, table[i].decimals);
		assert_int_equal(json_write_end(&w), RC_OK);
		assert_string_equal(bytes_cstr(&b), table[i].text);
	}
	bytes_free(&b);
}

static void
writer_reports_lost_memory_at_the_end(void **state)
{
	struct bytes b;
	struct json_write w;

	(void)state;
	bytes_init(&b);
	json_write_init(&w, &b, false);
	mem_fault_set(1);
	json_write_array(&w);
	mem_fault_set(0);
	json_write_cstr(&w, "x");
	json_write_array_end(&w);
	assert_int_equal(json_write_end(&w), RC_NOMEM);
	bytes_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writer_puts_commas_and_colons),
		cmocka_unit_test(writer_indents_on_request),
		cmocka_unit_test(writer_escapes_strings),
		cmocka_unit_test(writer_replaces_what_is_not_utf8),
		cmocka_unit_test(writer_puts_fixed_point),
		cmocka_unit_test(writer_reports_lost_memory_at_the_end),
	};

	return cmocka_run_group_tests_name("json_write", tests, NULL, NULL);
}
