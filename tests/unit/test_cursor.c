#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/cursor.h"

static uint64_t
read_varint(const char *p, size_t n, bool *is_done)
{
	struct rd r = rd_over(p, n);
	uint64_t v = rd_varint(&r);

	*is_done = rd_done(&r);
	return v;
}

static void
varint_round_trips_at_every_length(void **state)
{
	struct bytes b;
	struct rd r;
	unsigned shift;
	uint64_t v;

	(void)state;
	bytes_init(&b);
	for (shift = 0; shift < 64; shift++) {
		for (v = (UINT64_C(1) << shift) - 1; v <= (UINT64_C(1) << shift); v++) {
			bytes_clear(&b);
			wr_varint(&b, v);
			r = rd_span(span_bytes(&b));
			assert_true(rd_varint(&r) == v);
			assert_true(rd_done(&r));
		}
	}
	bytes_clear(&b);
	wr_varint(&b, UINT64_MAX);
	assert_int_equal(b.n, VARINT_BYTES_MAX);
	r = rd_span(span_bytes(&b));
	assert_true(rd_varint(&r) == UINT64_MAX);
	assert_true(rd_done(&r));
	bytes_free(&b);
}

static void
varint_is_little_endian_base_128(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b);
	wr_varint(&b, 300);
	assert_true(span_eq(span_bytes(&b), span_of("\xAC\x02", 2)));
	bytes_free(&b);
}

static void
varint_takes_only_the_shortest_form(void **state)
{
	bool is_done;

	(void)state;
	assert_true(read_varint("\x00", 1, &is_done) == 0);
	assert_true(is_done);
	(void)read_varint("\x80\x00", 2, &is_done);
	assert_false(is_done);
	(void)read_varint("\xFF\x80\x00", 3, &is_done);
	assert_false(is_done);
}

static void
varint_stops_at_64_bits(void **state)
{
	bool is_done;

	(void)state;
	assert_true(
	    read_varint("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, &is_done) == UINT64_MAX);
	assert_true(is_done);
	assert_true(read_varint("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10, &is_done) == 0);
	assert_false(is_done);
	(void)read_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, &is_done);
	assert_false(is_done);
}

static void
varint_fails_when_cut(void **state)
{
	bool is_done;

	(void)state;
	assert_true(read_varint("\xAC", 1, &is_done) == 0);
	assert_false(is_done);
	assert_true(read_varint("", 0, &is_done) == 0);
	assert_false(is_done);
}

static void
varint_max_is_inclusive(void **state)
{
	struct rd r = rd_over("\x05\x06", 2);

	(void)state;
	assert_int_equal(rd_varint_max(&r, 5), 5);
	assert_int_equal(rd_varint_max(&r, 5), 0);
	assert_false(rd_ok(&r));
}

static void
signed_is_zigzag(void **state)
{
	static const int64_t values[] = { 0, -1, 1, -64, 64, INT64_MAX, INT64_MIN };
	static const size_t sizes[] = { 1, 1, 1, 1, 2, 10, 10 };
	struct bytes b;
	struct rd r;
	size_t i;

	(void)state;
	bytes_init(&b);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		bytes_clear(&b);
		wr_signed(&b, values[i]);
		assert_int_equal(b.n, sizes[i]);
		r = rd_span(span_bytes(&b));
		assert_true(rd_signed(&r) == values[i]);
		assert_true(rd_done(&r));
	}
	bytes_free(&b);
}

static void
fixed_numbers_are_big_endian(void **state)
{
	struct bytes b;
	struct rd r;

	(void)state;
	bytes_init(&b);
	wr_u8(&b, 0xFE);
	wr_u32(&b, 0x01020304);
	wr_u64(&b, UINT64_C(0x8102030405060708));
	assert_true(span_eq(
	    span_bytes(&b), span_of("\xFE\x01\x02\x03\x04\x81\x02\x03\x04\x05\x06\x07\x08", 13)));
	r = rd_span(span_bytes(&b));
	assert_int_equal(rd_u8(&r), 0xFE);
	assert_int_equal(rd_u32(&r), 0x01020304);
	assert_true(rd_u64(&r) == UINT64_C(0x8102030405060708));
	assert_true(rd_done(&r));
	bytes_free(&b);
}

static void
half_a_u64_reads_as_zero(void **state)
{
	struct rd r = rd_over("\x01\x02\x03\x04\x05\x06\x07", 7);
	uint64_t v = rd_u64(&r);

	(void)state;
	assert_false(rd_ok(&r));
	assert_true(v == 0);
}

static void
blob_round_trips(void **state)
{
	struct bytes b;
	struct rd r;

	(void)state;
	bytes_init(&b);
	wr_blob(&b, span_str("cu đơ"));
	wr_blob(&b, span_of(NULL, 0));
	r = rd_span(span_bytes(&b));
	assert_true(span_eq(rd_blob(&r, 7), span_str("cu đơ")));
	assert_int_equal(rd_blob(&r, 0).n, 0);
	assert_true(rd_done(&r));
	bytes_free(&b);
}

static void
blob_meets_its_limit_and_the_end(void **state)
{
	struct rd above = rd_over("\x03"
				  "abc",
	    4);
	struct rd beyond = rd_over("\x04"
				   "abc",
	    4);
	struct rd huge = rd_over("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
				 "abc",
	    13);

	(void)state;
	assert_int_equal(rd_blob(&above, 2).n, 0);
	assert_false(rd_ok(&above));
	assert_int_equal(rd_blob(&beyond, 100).n, 0);
	assert_false(rd_ok(&beyond));
	assert_int_equal(rd_blob(&huge, SIZE_MAX).n, 0);
	assert_false(rd_ok(&huge));
}

static void
failure_is_sticky(void **state)
{
	struct rd r = rd_over("\x01\x02\x03\x04\x05", 5);

	(void)state;
	assert_int_equal(rd_u8(&r), 1);
	rd_fail(&r);
	assert_int_equal(rd_u8(&r), 0);
	assert_int_equal(rd_u32(&r), 0);
	assert_true(rd_u64(&r) == 0);
	assert_true(rd_varint(&r) == 0);
	assert_true(rd_signed(&r) == 0);
	assert_int_equal(rd_fixed(&r, 0).n, 0);
	assert_int_equal(rd_blob(&r, 5).n, 0);
	assert_int_equal(rd_left(&r), 0);
	assert_false(rd_ok(&r));
	assert_false(rd_done(&r));
}

static void
done_asks_for_every_byte(void **state)
{
	struct rd r = rd_over("ab", 2);

	(void)state;
	assert_int_equal(rd_left(&r), 2);
	assert_int_equal(rd_u8(&r), 'a');
	assert_true(rd_ok(&r));
	assert_false(rd_done(&r));
	assert_int_equal(rd_u8(&r), 'b');
	assert_true(rd_done(&r));
}

static void
nothing_is_done_at_once(void **state)
{
	struct rd r = rd_over(NULL, 0);

	(void)state;
	assert_true(rd_done(&r));
	assert_int_equal(rd_fixed(&r, 0).n, 0);
	assert_true(rd_done(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varint_round_trips_at_every_length),
		cmocka_unit_test(varint_is_little_endian_base_128),
		cmocka_unit_test(varint_takes_only_the_shortest_form),
		cmocka_unit_test(varint_stops_at_64_bits),
		cmocka_unit_test(varint_fails_when_cut),
		cmocka_unit_test(varint_max_is_inclusive),
		cmocka_unit_test(signed_is_zigzag),
		cmocka_unit_test(fixed_numbers_are_big_endian),
		cmocka_unit_test(half_a_u64_reads_as_zero),
		cmocka_unit_test(blob_round_trips),
		cmocka_unit_test(blob_meets_its_limit_and_the_end),
		cmocka_unit_test(failure_is_sticky),
		cmocka_unit_test(done_asks_for_every_byte),
		cmocka_unit_test(nothing_is_done_at_once),
	};

	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
