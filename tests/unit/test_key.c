/* Row keys: their order, their text, their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/key.h"

static const uint8_t g_origin[ORIGIN_SHORT_BYTES] = { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6 };

static void
test_bytes(void **state)
{
	static const uint8_t expected[KEY_BYTES] = { 0x01, 0x66, 0xca, 0x1f, 0x8a, 0x00, 0, 0, 0, 9,
		0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6 };
	struct key k;

	(void)state;
	key_make(&k, 0x0166ca1f8a00, 9, g_origin);
	assert_memory_equal(k.b, expected, KEY_BYTES);
	assert_int_equal(key_ms(k.b), 0x0166ca1f8a00);
}

/* Older keys are smaller, as bytes and as text. */
static void
test_order(void **state)
{
	char text[2][KEY_TEXT_CHARS + 1];
	struct key k[2];

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		key_make(&k[i % 2], 1541000000000 + i / 20, i % 20, g_origin);
		key_format(k[i % 2].b, text[i % 2]);
		if (i == 0)
			continue;
		assert_true(memcmp(k[i % 2].b, k[1 - i % 2].b, KEY_BYTES) > 0);
		assert_true(strcmp(text[i % 2], text[1 - i % 2]) > 0);
	}
}

static void
test_text_round_trip(void **state)
{
	char text[KEY_TEXT_CHARS + 1];
	struct key k, again;

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		for (unsigned j = 0; j < KEY_BYTES; j++)
			k.b[j] = (uint8_t)(i * 31 + j * 77);
		key_format(k.b, text);
		assert_int_equal(strlen(text), KEY_TEXT_CHARS);
		assert_true(key_parse(span_str(text), &again));
		assert_memory_equal(k.b, again.b, KEY_BYTES);
	}
}

static void
test_upper_case(void **state)
{
	char lower[KEY_TEXT_CHARS + 1], upper[KEY_TEXT_CHARS + 1];
	struct key k, again;

	(void)state;
	key_make(&k, 1541000000000, 77, g_origin);
	key_format(k.b, lower);
	for (size_t i = 0; i <= KEY_TEXT_CHARS; i++)
		upper[i] =
		    (char)(lower[i] >= 'a' && lower[i] <= 'z' ? lower[i] - 'a' + 'A' : lower[i]);
	assert_true(key_parse(span_str(upper), &again));
	assert_memory_equal(k.b, again.b, KEY_BYTES);
}

static void
test_bad_text(void **state)
{
	static const char *const bad[] = { "", "0", "0000000000000000000000000",
		"000000000000000000000000000", "0000000000000000000000000i",
		"0000000000000000000000000l", "0000000000000000000000000o",
		"0000000000000000000000000u", "0000000000000000000000000-",
		"80000000000000000000000000", "0000000000000000000000000 ",
		"zzzzzzzzzzzzzzzzzzzzzzzzzz" };
	char nul[KEY_TEXT_CHARS] = { 0 };
	struct key k;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(key_parse(span_str(bad[i]), &k));
	assert_false(key_parse(span_of(nul, sizeof(nul)), &k));
	assert_true(key_parse(span_str("7zzzzzzzzzzzzzzzzzzzzzzzzz"), &k));
}

static void
test_time(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 1541057400123, "2018-11-01T07:30:00.123Z" },
		{ 4107542399999, "2100-02-28T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ UINT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	char text[TIME_TEXT_CHARS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		key_time_format(times[i].ms, text);
		assert_string_equal(text, times[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_text_round_trip),
		cmocka_unit_test(test_upper_case),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
