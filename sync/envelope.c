#include "envelope.h"

#include "cursor.h"
#include "transfer.h"

#include <sodium.h>
#include <string.h>

#define TIME_MS_MAX	((UINT64_C(1) << 48) - 1)
#define OFFSET_MAX	TRANSFER_BYTES_MAX

_Static_assert(PIECE_BYTES_MAX + ENVELOPE_BYTES_MAX <= REQUEST_BODY_BYTES_MAX, "a request fits its limit");
_Static_assert(PIECE_BYTES_MAX + ENVELOPE_BYTES_MAX <= REPLY_BODY_BYTES_MAX, "a reply fits its limit");

/* ---- the mac (W2) */

static void
mac_make(struct span message, const struct envelope_ends *ends, uint8_t out[ENVELOPE_MAC_BYTES])
{
	static const char domain[] = "sync message 1";
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, ends->key, PEER_KEY_BYTES, ENVELOPE_MAC_BYTES);
	(void)crypto_generichash_update(&state, (const uint8_t *)domain, sizeof(domain) - 1);
	(void)crypto_generichash_update(&state, ends->from, ORIGIN_BYTES);
	(void)crypto_generichash_update(&state, ends->to, ORIGIN_BYTES);
	if (ends->nonce != NULL)
		(void)crypto_generichash_update(&state, ends->nonce, ENVELOPE_NONCE_BYTES);
	(void)crypto_generichash_update(&state, message.p, message.n);
	(void)crypto_generichash_final(&state, out, ENVELOPE_MAC_BYTES);
}

bool
envelope_mac_ok(struct span s, const struct envelope_ends *ends)
{
	uint8_t mac[ENVELOPE_MAC_BYTES];
	size_t n = s.n - ENVELOPE_MAC_BYTES;

	INVARIANT(s.n > ENVELOPE_MAC_BYTES);
	mac_make(span_of(s.p, n), ends, mac);
	return sodium_memcmp(mac, s.p + n, ENVELOPE_MAC_BYTES) == 0;
}

/* ---- the frame around a head (W1) */

/* The head that was written to @out after @start gets its length and its mac. */
static void
head_finish(struct bytes *out, size_t start, const struct envelope_ends *ends)
{
	uint8_t mac[ENVELOPE_MAC_BYTES];

	if (out->failed)
		return;
	INVARIANT(out->n - start - 2 <= ENVELOPE_HEAD_BYTES_MAX);
	out->p[start + 1] = (uint8_t)(out->n - start - 2);
	mac_make(span_of(out->p + start, out->n - start), ends, mac);
	bytes_put(out, mac, sizeof(mac));
}

static size_t
head_start(struct bytes *out, uint8_t kind)
{
	size_t start = out->n;

	wr_u8(out, kind);
	wr_u8(out, 0);
	return start;
}

size_t
envelope_length(struct span s, uint8_t kind)
{
	if (s.n > 0 && s.p[0] != kind)
		return SIZE_MAX;
	if (s.n < 2)
		return 0;
	if (s.p[1] > ENVELOPE_HEAD_BYTES_MAX)
		return SIZE_MAX;
	return (size_t)2 + s.p[1] + ENVELOPE_MAC_BYTES;
}

enum rc
envelope_gather(struct envelope_head *h, uint8_t kind, struct span *s)
{
	size_t length;

	while (!h->is_whole && s->n > 0) {
		h->b[h->n++] = *s->p++;
		s->n--;
		length = envelope_length(span_of(h->b, h->n), kind);
		if (length == SIZE_MAX)
			return RC_PEER;
		h->is_whole = length == h->n;
	}
	return RC_OK;
}

/* A cursor over the head alone. */
static struct rd
head_open(struct span s, uint8_t kind)
{
	struct rd r = rd_over(s.p, 0);

	if (s.n < 2 || envelope_length(s, kind) != s.n) {
		rd_fail(&r);
		return r;
	}
	return rd_over(s.p + 2, s.p[1]);
}

static void
fixed_read(struct rd *r, void *to, size_t n)
{
	struct span s = rd_fixed(r, n);

	if (s.n == n)
		memcpy(to, s.p, n);
}

static void
time_write(struct bytes *b, uint64_t ms)
{
	if (ms > TIME_MS_MAX)
		ms = TIME_MS_MAX;
	wr_u8(b, (uint8_t)(ms >> 40));
	wr_u8(b, (uint8_t)(ms >> 32));
	wr_u32(b, (uint32_t)ms);
}

static uint64_t
time_read(struct rd *r)
{
	uint64_t high = rd_u8(r);

	high = high << 8 | rd_u8(r);
	return high << 32 | rd_u32(r);
}

static void
piece_write(struct bytes *b, const struct intake_piece *piece)
{
	bytes_put(b, piece->id, TRANSFER_ID_BYTES);
	wr_varint(b, piece->total);
	wr_varint(b, piece->offset);
}

/* W4: a transfer is not empty, within its limit, and the piece begins within it. */
static void
piece_read(struct rd *r, struct intake_piece *piece)
{
	fixed_read(r, piece->id, TRANSFER_ID_BYTES);
	piece->total = rd_varint_max(r, TRANSFER_BYTES_MAX);
	piece->offset = rd_varint_max(r, piece->total);
	if (piece->total == 0)
		rd_fail(r);
}

static uint8_t
flags_read(struct rd *r, uint8_t known)
{
	uint8_t flags = rd_u8(r);

	if ((flags & ~known) != 0)
		rd_fail(r);
	return flags;
}

/* ---- request */

void
envelope_request_emit(const struct request *q, const struct envelope_ends *ends, struct bytes *out)
{
	size_t start = head_start(out, ENVELOPE_REQUEST);

	bytes_put(out, q->from, ORIGIN_BYTES);
	bytes_put(out, q->to, ENVELOPE_TO_BYTES);
	bytes_put(out, q->nonce, ENVELOPE_NONCE_BYTES);
	time_write(out, q->now_ms);
	bytes_put(out, q->digest, DIGEST_HEADS_BYTES);
	wr_u8(out, q->flags);
	wr_varint(out, q->want);
	if ((q->flags & REQUEST_HELD) != 0) {
		bytes_put(out, q->held_id, TRANSFER_ID_BYTES);
		wr_varint(out, q->held);
	}
	if ((q->flags & REQUEST_UPLOAD) != 0)
		piece_write(out, &q->piece);
	head_finish(out, start, ends);
}

enum rc
envelope_request_parse(struct request *q, struct span s)
{
	struct rd r = head_open(s, ENVELOPE_REQUEST);

	memset(q, 0, sizeof(*q));
	fixed_read(&r, q->from, ORIGIN_BYTES);
	fixed_read(&r, q->to, ENVELOPE_TO_BYTES);
	fixed_read(&r, q->nonce, ENVELOPE_NONCE_BYTES);
	q->now_ms = time_read(&r);
	fixed_read(&r, q->digest, DIGEST_HEADS_BYTES);
	q->flags = flags_read(&r, REQUEST_FLAGS);
	q->want = rd_varint_max(&r, PIECE_BYTES_MAX);
	if ((q->flags & REQUEST_HELD) != 0) {
		fixed_read(&r, q->held_id, TRANSFER_ID_BYTES);
		q->held = rd_varint_max(&r, OFFSET_MAX);
	}
	if ((q->flags & REQUEST_UPLOAD) != 0)
		piece_read(&r, &q->piece);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

/* ---- reply */

void
envelope_reply_emit(const struct reply *a, const struct envelope_ends *ends, struct bytes *out)
{
	size_t start = head_start(out, ENVELOPE_REPLY);

	time_write(out, a->now_ms);
	bytes_put(out, a->digest, DIGEST_HEADS_BYTES);
	wr_u8(out, a->flags);
	if ((a->flags & REPLY_UPLOAD) != 0)
		wr_varint(out, a->held);
	if ((a->flags & REPLY_DOWNLOAD) != 0)
		piece_write(out, &a->piece);
	head_finish(out, start, ends);
}

enum rc
envelope_reply_parse(struct reply *a, struct span s)
{
	struct rd r = head_open(s, ENVELOPE_REPLY);

	memset(a, 0, sizeof(*a));
	a->now_ms = time_read(&r);
	fixed_read(&r, a->digest, DIGEST_HEADS_BYTES);
	a->flags = flags_read(&r, REPLY_FLAGS);
	if ((a->flags & REPLY_UPLOAD) != 0)
		a->held = rd_varint_max(&r, OFFSET_MAX);
	if ((a->flags & REPLY_DOWNLOAD) != 0)
		piece_read(&r, &a->piece);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

/* ---- waiting request */

void
envelope_waiting_emit(const struct waiting *w, const struct envelope_ends *ends, struct bytes *out)
{
	size_t start = head_start(out, ENVELOPE_WAITING);

	bytes_put(out, w->from, ORIGIN_BYTES);
	bytes_put(out, w->to, ENVELOPE_TO_BYTES);
	time_write(out, w->now_ms);
	bytes_put(out, w->digest, DIGEST_HEADS_BYTES);
	head_finish(out, start, ends);
}

enum rc
envelope_waiting_parse(struct waiting *w, struct span s)
{
	struct rd r = head_open(s, ENVELOPE_WAITING);

	memset(w, 0, sizeof(*w));
	fixed_read(&r, w->from, ORIGIN_BYTES);
	fixed_read(&r, w->to, ENVELOPE_TO_BYTES);
	w->now_ms = time_read(&r);
	fixed_read(&r, w->digest, DIGEST_HEADS_BYTES);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

/* ---- state request and its verdict */

void
envelope_state_emit(const struct state_request *q, const struct envelope_ends *ends, struct bytes *out)
{
	size_t start = head_start(out, ENVELOPE_STATE);

	bytes_put(out, q->from, ORIGIN_BYTES);
	bytes_put(out, q->to, ENVELOPE_TO_BYTES);
	bytes_put(out, q->nonce, ENVELOPE_NONCE_BYTES);
	wr_varint(out, q->schema);
	bytes_put(out, q->digest, DIGEST_HEADS_BYTES);
	bytes_put(out, q->state, HASH_BYTES);
	head_finish(out, start, ends);
}

enum rc
envelope_state_parse(struct state_request *q, struct span s)
{
	struct rd r = head_open(s, ENVELOPE_STATE);

	memset(q, 0, sizeof(*q));
	fixed_read(&r, q->from, ORIGIN_BYTES);
	fixed_read(&r, q->to, ENVELOPE_TO_BYTES);
	fixed_read(&r, q->nonce, ENVELOPE_NONCE_BYTES);
	q->schema = (uint32_t)rd_varint_max(&r, UINT32_MAX);
	fixed_read(&r, q->digest, DIGEST_HEADS_BYTES);
	fixed_read(&r, q->state, HASH_BYTES);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

void
envelope_verdict_emit(uint8_t verdict, const struct envelope_ends *ends, struct bytes *out)
{
	size_t start = head_start(out, ENVELOPE_VERDICT);

	wr_u8(out, verdict);
	head_finish(out, start, ends);
}

enum rc
envelope_verdict_parse(uint8_t *verdict, struct span s)
{
	struct rd r = head_open(s, ENVELOPE_VERDICT);

	*verdict = rd_u8(&r);
	return rd_done(&r) && *verdict > 0 && *verdict <= ENVELOPE_VERDICT_MAX ? RC_OK : RC_PEER;
}
