/* Covers envelope_length(), envelope_gather(), envelope_*_parse(), envelope_*_emit(), envelope_mac_ok().
 * What is accepted must emit to the same head, whatever the pieces in which it came. */
#include <string.h>

#include "sync/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t g_key[PEER_KEY_BYTES] = { 1, 2, 3 };
static const uint8_t g_from[ORIGIN_BYTES] = { 4 }, g_to[ORIGIN_BYTES] = { 5 };

/* The head of @s of that kind, in pieces of @step bytes; false: it is none. */
static bool
head_gather(struct envelope_head *h, uint8_t kind, struct span s, size_t step)
{
	struct span piece;
	size_t at = 0;

	memset(h, 0, sizeof(*h));
	while (at < s.n && !h->is_whole) {
		piece = span_of(s.p + at, s.n - at < step ? s.n - at : step);
		at += piece.n;
		if (envelope_gather(h, kind, &piece) != RC_OK)
			return false;
		INVARIANT(h->n <= sizeof(h->b));
		INVARIANT(piece.n == 0 || h->is_whole);
	}
	return h->is_whole;
}

static void
head_check(struct span s, const struct bytes *again)
{
	struct envelope_ends ends = { g_key, g_from, g_to, NULL };

	INVARIANT(again->n == s.n);
	INVARIANT(memcmp(again->p, s.p, s.n - ENVELOPE_MAC_BYTES) == 0);
	INVARIANT(envelope_mac_ok(span_bytes(again), &ends));
}

static void
kind_try(uint8_t kind, struct span s)
{
	struct envelope_ends ends = { g_key, g_from, g_to, NULL };
	struct envelope_head h, same;
	struct request q;
	struct reply a;
	struct waiting w;
	struct state_request state;
	uint8_t verdict;
	struct bytes again;
	struct span head;

	if (!head_gather(&h, kind, s, 1)) {
		INVARIANT(!head_gather(&same, kind, s, 7));
		return;
	}
	INVARIANT(head_gather(&same, kind, s, 7));
	INVARIANT(same.n == h.n);
	bytes_init(&again);
	head = span_of(h.b, h.n);
	if (kind == ENVELOPE_REQUEST && envelope_request_parse(&q, head) == RC_OK) {
		envelope_request_emit(&q, &ends, &again);
		head_check(head, &again);
	}
	if (kind == ENVELOPE_REPLY && envelope_reply_parse(&a, head) == RC_OK) {
		envelope_reply_emit(&a, &ends, &again);
		head_check(head, &again);
	}
	if (kind == ENVELOPE_WAITING && envelope_waiting_parse(&w, head) == RC_OK) {
		envelope_waiting_emit(&w, &ends, &again);
		head_check(head, &again);
	}
	if (kind == ENVELOPE_STATE && envelope_state_parse(&state, head) == RC_OK) {
		envelope_state_emit(&state, &ends, &again);
		head_check(head, &again);
	}
	if (kind == ENVELOPE_VERDICT && envelope_verdict_parse(&verdict, head) == RC_OK) {
		envelope_verdict_emit(verdict, &ends, &again);
		head_check(head, &again);
	}
	bytes_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);

	kind_try(ENVELOPE_REQUEST, s);
	kind_try(ENVELOPE_REPLY, s);
	kind_try(ENVELOPE_WAITING, s);
	kind_try(ENVELOPE_STATE, s);
	kind_try(ENVELOPE_VERDICT, s);
	return 0;
}
