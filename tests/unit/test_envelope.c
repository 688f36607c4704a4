/* Heads of requests, replies and waiting requests (rules W1 to W4 of PROTOCOL.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/envelope.h"
#include "sync/transfer.h"

static const uint8_t KEY[PEER_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t FROM[ORIGIN_BYTES] = { 4 }, TO[ORIGIN_BYTES] = { 5 };
static const uint8_t NONCE[ENVELOPE_NONCE_BYTES] = { 6 };

static const struct envelope_ends ENDS = { KEY, FROM, TO, NULL };

static struct request
request_full(void)
{
	struct request q = { .flags = REQUEST_FLAGS, .now_ms = 1541000000123, .want = 70000, .held = 300 };

	memcpy(q.from, FROM, sizeof(q.from));
	memcpy(q.to, TO, sizeof(q.to));
	memset(q.nonce, 7, sizeof(q.nonce));
	memset(q.digest, 8, sizeof(q.digest));
	memset(q.held_id, 9, sizeof(q.held_id));
	memset(q.piece.id, 10, sizeof(q.piece.id));
	q.piece.total = 1000;
	q.piece.offset = 1000;
	return q;
}

/* What was written is read, and every prefix is known to be one. */
static void
test_round_trip(void **state)
{
	struct request q = request_full(), same;
	struct bytes out;
	size_t i;

	(void)state;
	bytes_init(&out);
	envelope_request_emit(&q, &ENDS, &out);
	assert_int_equal(envelope_length(span_bytes(&out), ENVELOPE_REQUEST), out.n);
	assert_int_equal(envelope_request_parse(&same, span_bytes(&out)), RC_OK);
	assert_memory_equal(&same, &q, sizeof(q));
	assert_true(envelope_mac_ok(span_bytes(&out), &ENDS));
	for (i = 0; i < out.n; i++) {
		assert_int_equal(envelope_length(span_of(out.p, i), ENVELOPE_REQUEST), i < 2 ? 0 : out.n);
		assert_int_equal(envelope_request_parse(&same, span_of(out.p, i)), RC_PEER);
	}
	bytes_free(&out);
}

/* W1: another kind, format or length is no message; unknown flags and longer forms of numbers are refused. */
static void
test_framing(void **state)
{
	struct request q = request_full(), same;
	struct reply a = { .flags = REPLY_UPLOAD };
	struct bytes out;

	(void)state;
	bytes_init(&out);
	envelope_request_emit(&q, &ENDS, &out);
	assert_int_equal(envelope_length(span_bytes(&out), ENVELOPE_REPLY), SIZE_MAX);
	out.p[0] = 0x21;
	assert_int_equal(envelope_length(span_bytes(&out), ENVELOPE_REQUEST), SIZE_MAX);
	out.p[0] = ENVELOPE_REQUEST;
	out.p[1] = ENVELOPE_HEAD_BYTES_MAX + 1;
	assert_int_equal(envelope_length(span_bytes(&out), ENVELOPE_REQUEST), SIZE_MAX);
	q.flags = REQUEST_FLAGS + 1;
	bytes_clear(&out);
	envelope_request_emit(&q, &ENDS, &out);
	assert_int_equal(envelope_request_parse(&same, span_bytes(&out)), RC_PEER);
	/* One byte more in the head than its fields need. */
	bytes_clear(&out);
	envelope_reply_emit(&a, &ENDS, &out);
	assert_int_equal(envelope_reply_parse(&a, span_bytes(&out)), RC_OK);
	out.p[1]++;
	bytes_byte(&out, 0);
	assert_int_equal(envelope_reply_parse(&a, span_bytes(&out)), RC_PEER);
	bytes_free(&out);
}

/* W2, W3: the mac holds for one key, one sender, one receiver, one request, and every bit of the head. */
static void
test_mac(void **state)
{
	static const uint8_t other[PEER_KEY_BYTES] = { 9 };
	const struct envelope_ends right = { KEY, FROM, TO, NONCE };
	const struct envelope_ends wrong[] = {
		{ other, FROM, TO, NONCE },
		{ KEY, other, TO, NONCE },
		{ KEY, FROM, other, NONCE },
		{ KEY, TO, FROM, NONCE },
		{ KEY, FROM, TO, other },
		{ KEY, FROM, TO, NULL },
	};
	struct reply a = { .flags = REPLY_UPLOAD, .held = 77, .now_ms = 1541000000123 };
	struct bytes out;
	size_t i;

	(void)state;
	bytes_init(&out);
	envelope_reply_emit(&a, &right, &out);
	assert_true(envelope_mac_ok(span_bytes(&out), &right));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(envelope_mac_ok(span_bytes(&out), &wrong[i]));
	for (i = 0; i < out.n * 8; i++) {
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_false(envelope_mac_ok(span_bytes(&out), &right));
		out.p[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	bytes_free(&out);
}

/* W4: a transfer is not empty, not too large, and its piece begins within it. */
static void
test_piece_bounds(void **state)
{
	static const struct {
		uint64_t total, offset;
		bool is_ok;
	} cases[] = {
		{ 1, 0, true }, { 1, 1, true }, { TRANSFER_BYTES_MAX, TRANSFER_BYTES_MAX, true },
		{ 0, 0, false }, { 1, 2, false }, { TRANSFER_BYTES_MAX + 1, 0, false }, { UINT64_MAX, 0, false },
	};
	struct reply a = { .flags = REPLY_DOWNLOAD }, same;
	struct bytes out;

	(void)state;
	bytes_init(&out);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes_clear(&out);
		a.piece.total = cases[i].total;
		a.piece.offset = cases[i].offset;
		envelope_reply_emit(&a, &ENDS, &out);
		assert_int_equal(envelope_reply_parse(&same, span_bytes(&out)),
		    cases[i].is_ok ? RC_OK : RC_PEER);
	}
	bytes_free(&out);
}

static void
test_waiting(void **state)
{
	struct waiting w = { .now_ms = UINT64_MAX }, same;
	struct bytes out;

	(void)state;
	bytes_init(&out);
	memcpy(w.from, FROM, sizeof(w.from));
	envelope_waiting_emit(&w, &ENDS, &out);
	assert_int_equal(envelope_waiting_parse(&same, span_bytes(&out)), RC_OK);
	assert_int_equal(same.now_ms, (UINT64_C(1) << 48) - 1);		/* a clock beyond the field stands at its end */
	bytes_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_piece_bounds),
		cmocka_unit_test(test_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
