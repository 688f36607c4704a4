#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/mem.h"

/* An impossible size must come back as NULL also under the address sanitizer, which else stops there. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void
allocation_is_zeroed(void **state)
{
	static const uint8_t zeros[100];
	uint8_t *p = mem_alloc(100), *q = mem_array(10, 10);

	(void)state;
	assert_memory_equal(p, zeros, 100);
	assert_memory_equal(q, zeros, 100);
	mem_free(p);
	mem_free(q);
}

static void
allocation_of_nothing_is_an_address(void **state)
{
	void *a = mem_alloc(0), *b = mem_array(0, 8), *c = mem_grow(NULL, 0, 8);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_non_null(c);
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(NULL);
}

static void
overflow_is_refused(void **state)
{
	char *p = mem_alloc(4);
	volatile size_t half = SIZE_MAX / 2 + 1;

	(void)state;
	assert_null(mem_array(half, 2));
	assert_null(mem_grow(p, half, 2));
	p[3] = 'x'; /* kept */
	mem_free(p);
}

static void
grow_keeps_what_was_there(void **state)
{
	char *p = mem_strdup("cu");

	(void)state;
	p = mem_grow(p, 1000, 1);
	assert_non_null(p);
	assert_string_equal(p, "cu");
	mem_free(p);
}

static void
fault_hits_the_nth_allocation_once(void **state)
{
	void *a, *b;

	(void)state;
	mem_fault_set(2);
	a = mem_alloc(1);
	b = mem_alloc(1);
	assert_non_null(a);
	assert_null(b);
	b = mem_alloc(1);
	assert_non_null(b);
	mem_free(a);
	mem_free(b);
}

static void
fault_reaches_every_kind_of_allocation(void **state)
{
	(void)state;
	mem_fault_set(1);
	assert_null(mem_array(1, 1));
	mem_fault_set(1);
	assert_null(mem_grow(NULL, 1, 1));
	mem_fault_set(1);
	assert_null(mem_strdup("x"));
	mem_fault_set(0);
}

static void
bytes_grow_as_needed(void **state)
{
	struct bytes b;
	unsigned i;

	(void)state;
	bytes_init(&b);
	for (i = 0; i < 3000; i++)
		bytes_byte(&b, (uint8_t)i);
	assert_int_equal(b.n, 3000);
	for (i = 0; i < 3000; i++)
		assert_int_equal(b.p[i], (uint8_t)i);
	assert_int_equal(bytes_rc(&b), RC_OK);
	bytes_free(&b);
}

static void
bytes_format_text_of_any_length(void **state)
{
	struct bytes b;
	char text[1001];

	(void)state;
	memset(text, 'x', 1000);
	text[1000] = '\0';
	bytes_init(&b);
	bytes_fmt(&b, "%d", 7);
	bytes_fmt(&b, "%s", text);
	assert_int_equal(b.n, 1001);
	assert_int_equal(b.p[0], '7');
	assert_int_equal(b.p[1000], 'x');
	bytes_free(&b);
}

static void
bytes_cstr_does_not_count_its_nul(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	assert_string_equal(bytes_cstr(&b), "");
	bytes_str(&b, "ab");
	assert_string_equal(bytes_cstr(&b), "ab");
	assert_int_equal(b.n, 2);
	bytes_str(&b, "c");
	assert_string_equal(bytes_cstr(&b), "abc");
	bytes_free(&b);
}

static void
bytes_failure_is_sticky_until_cleared(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	mem_fault_set(1);
	bytes_str(&b, "lost");
	bytes_str(&b, "ignored");
	assert_int_equal(b.n, 0);
	assert_int_equal(bytes_rc(&b), RC_NOMEM);
	assert_null(bytes_room(&b, 1));
	assert_null(bytes_cstr(&b));
	bytes_clear(&b);
	bytes_str(&b, "kept");
	assert_int_equal(bytes_rc(&b), RC_OK);
	assert_int_equal(b.n, 4);
	bytes_free(&b);
}

static void
bytes_refuse_an_impossible_size(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	assert_null(bytes_room(&b, SIZE_MAX / 2));
	assert_int_equal(bytes_rc(&b), RC_NOMEM);
	bytes_free(&b);
}

static void
bytes_are_usable_after_free(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	bytes_str(&b, "a");
	bytes_free(&b);
	assert_int_equal(b.n, 0);
	bytes_str(&b, "b");
	assert_int_equal(b.n, 1);
	bytes_free(&b);
}

static void
spans_compare_bytewise_then_by_length(void **state)
{
	(void)state;
	assert_true(span_cmp(span_str("a"), span_str("b")) < 0);
	assert_true(span_cmp(span_str("b"), span_str("ab")) > 0);
	assert_true(span_cmp(span_str("a"), span_str("ab")) < 0);
	assert_true(span_cmp(span_str("ab"), span_str("a")) > 0);
	assert_true(span_cmp(span_str("\xFF"), span_str("\x01")) > 0);
	assert_int_equal(span_cmp(span_of(NULL, 0), span_str("")), 0);
}

static void
spans_are_equal_with_equal_bytes(void **state)
{
	(void)state;
	assert_true(span_eq(span_of("a\0b", 3), span_of("a\0b", 3)));
	assert_false(span_eq(span_of("a\0b", 3), span_of("a\0c", 3)));
	assert_false(span_eq(span_str("a"), span_str("ab")));
	assert_true(span_eq(span_of(NULL, 0), span_str("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocation_is_zeroed),
		cmocka_unit_test(allocation_of_nothing_is_an_address),
		cmocka_unit_test(overflow_is_refused),
		cmocka_unit_test(grow_keeps_what_was_there),
		cmocka_unit_test(fault_hits_the_nth_allocation_once),
		cmocka_unit_test(fault_reaches_every_kind_of_allocation),
		cmocka_unit_test(bytes_grow_as_needed),
		cmocka_unit_test(bytes_format_text_of_any_length),
		cmocka_unit_test(bytes_cstr_does_not_count_its_nul),
		cmocka_unit_test(bytes_failure_is_sticky_until_cleared),
		cmocka_unit_test(bytes_refuse_an_impossible_size),
		cmocka_unit_test(bytes_are_usable_after_free),
		cmocka_unit_test(spans_compare_bytewise_then_by_length),
		cmocka_unit_test(spans_are_equal_with_equal_bytes),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
