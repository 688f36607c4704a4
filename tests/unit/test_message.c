#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/message.h"
#include "node/text.h"

#define SPECIFIERS_BYTES_MAX 64

static const char *const g_ids[] = {
#define X(id, en, vi) #id,
#include "node/messages.def"
#undef X
};

/* The conversions of @format one after the other, without what is between them; false for a lone percent sign. */
static bool
specifiers(const char *format, char out[SPECIFIERS_BYTES_MAX])
{
	size_t n = 0, len;

	for (; (format = strchr(format, '%')) != NULL; format += len) {
		if (format[1] == '%') {
			len = 2;
			continue;
		}
		len = 1 + strspn(format + 1, "-+ #0123456789.*hljztL");
		if (format[len] == '\0' || strchr("diouxXcsp", format[len]) == NULL)
			return false;
		len++;
		if (n + len >= SPECIFIERS_BYTES_MAX)
			return false;
		memcpy(out + n, format, len);
		n += len;
	}
	out[n] = '\0';
	return true;
}

static void
languages_take_the_same_arguments(void **state)
{
	char en[SPECIFIERS_BYTES_MAX], vi[SPECIFIERS_BYTES_MAX];
	unsigned id;

	(void)state;
	for (id = 0; id < MSG_COUNT; id++) {
		if (!specifiers(message_in(MESSAGE_ENGLISH, (enum message_id)id), en))
			fail_msg("%s: bad conversion in English", g_ids[id]);
		if (!specifiers(message_in(MESSAGE_VIETNAMESE, (enum message_id)id), vi))
			fail_msg("%s: bad conversion in Vietnamese", g_ids[id]);
		if (strcmp(en, vi) != 0)
			fail_msg("%s: \"%s\" against \"%s\"", g_ids[id], en, vi);
	}
}

static void
comparing_conversions_can_fail(void **state)
{
	char a[SPECIFIERS_BYTES_MAX], b[SPECIFIERS_BYTES_MAX];

	(void)state;
	assert_true(specifiers("100%% of %s: %5.*d %zu", a));
	assert_string_equal(a, "%s%5.*d%zu");
	assert_true(specifiers("%zu %s", b));
	assert_string_not_equal(a, b);
	assert_false(specifiers("100% ", b));
	assert_false(specifiers("%n", b));
}

static void
texts_are_nfc_in_both_languages(void **state)
{
	struct bytes out;
	unsigned id, language;
	const char *text;

	(void)state;
	bytes_init(&out);
	for (id = 0; id < MSG_COUNT; id++) {
		for (language = 0; language < MESSAGE_LANGUAGE_COUNT; language++) {
			text = message_in((enum message_language)language, (enum message_id)id);
			bytes_clear(&out);
			assert_int_equal(text_nfc(span_str(text), &out), RC_OK);
			if (text[0] == '\0' || strcmp(bytes_cstr(&out), text) != 0)
				fail_msg("%s", g_ids[id]);
		}
	}
	bytes_free(&out);
}

static void
environment(const char *lc_all, const char *lc_messages, const char *lang)
{
	assert_int_equal(setenv("LC_ALL", lc_all, 1), 0);
	assert_int_equal(setenv("LC_MESSAGES", lc_messages, 1), 0);
	assert_int_equal(setenv("LANG", lang, 1), 0);
}

static void
environment_chooses_vietnamese(void **state)
{
	static const char *const names[] = { "vi", "vi_VN", "vi_VN.UTF-8", "vi.UTF-8", "vi@latin",
		"vi-VN" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		environment("", "", names[i]);
		assert_int_equal(message_language_of_environment(), MESSAGE_VIETNAMESE);
	}
}

static void
environment_else_chooses_english(void **state)
{
	static const char *const names[] = { "", "C", "en_US.UTF-8", "vie", "v", "VI" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		environment("", "", names[i]);
		assert_int_equal(message_language_of_environment(), MESSAGE_ENGLISH);
	}
	assert_int_equal(unsetenv("LC_ALL"), 0);
	assert_int_equal(unsetenv("LC_MESSAGES"), 0);
	assert_int_equal(unsetenv("LANG"), 0);
	assert_int_equal(message_language_of_environment(), MESSAGE_ENGLISH);
}

static void
first_variable_that_is_set_decides(void **state)
{
	(void)state;
	environment("C", "vi_VN", "vi_VN");
	assert_int_equal(message_language_of_environment(), MESSAGE_ENGLISH);
	environment("", "vi_VN", "C");
	assert_int_equal(message_language_of_environment(), MESSAGE_VIETNAMESE);
	environment("vi_VN", "C", "C");
	assert_int_equal(message_language_of_environment(), MESSAGE_VIETNAMESE);
}

static void
language_in_force_is_the_one_set(void **state)
{
	(void)state;
	assert_int_equal(message_language(), MESSAGE_ENGLISH);
	assert_string_equal(message(MSG_SAVED), "saved");
	message_language_set(MESSAGE_VIETNAMESE);
	assert_string_equal(message(MSG_SAVED), "đã lưu");
	message_language_set(MESSAGE_ENGLISH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(languages_take_the_same_arguments),
		cmocka_unit_test(comparing_conversions_can_fail),
		cmocka_unit_test(texts_are_nfc_in_both_languages),
		cmocka_unit_test(environment_chooses_vietnamese),
		cmocka_unit_test(environment_else_chooses_english),
		cmocka_unit_test(first_variable_that_is_set_decides),
		cmocka_unit_test(language_in_force_is_the_one_set),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
