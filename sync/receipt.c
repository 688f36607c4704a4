/* The bytes of a receipt: both directions, and the signature. */
#include "receipt.h"

#include "cursor.h"
#include "engine_impl.h"

#include "credential.h"

#include <string.h>

#define MS_BYTES 6

static const char PURPOSE[] = "sync receipt 1";

_Static_assert(RECEIPT_STREAMS_MAX <= RECEIPT_STREAMS_TAKEN_MAX, "what is made is taken");

static void
ms_write(struct bytes *out, uint64_t ms)
{
	unsigned shift;

	for (shift = 8 * MS_BYTES; shift > 0; shift -= 8)
		wr_u8(out, (uint8_t)(ms >> (shift - 8)));
}

static uint64_t
ms_read(struct rd *rd)
{
	uint64_t ms = 0;
	unsigned i;

	for (i = 0; i < MS_BYTES; i++)
		ms = ms << 8 | rd_u8(rd);
	return ms;
}

void
receipt_emit(const struct receipt *r, struct bytes *out)
{
	size_t i;

	bytes_put(out, r->holder, ORIGIN_BYTES);
	wr_blob(out, r->unit);
	ms_write(out, r->ms);
	wr_varint(out, r->streams_count);
	for (i = 0; i < r->streams_count; i++) {
		bytes_put(out, r->streams[i].origin, ORIGIN_BYTES);
		wr_varint(out, r->streams[i].seq);
		bytes_put(out, r->streams[i].hash, RECEIPT_HASH_BYTES);
	}
	wr_varint(out, r->quarantined_count);
	for (i = 0; i < r->quarantined_count; i++) {
		wr_varint(out, r->quarantined[i].place);
		wr_varint(out, r->quarantined[i].seq);
		wr_blob(out, r->quarantined[i].reason);
	}
}

void
receipt_write(struct engine *e, const struct receipt *r, struct bytes *out)
{
	uint8_t signature[SIGNATURE_BYTES];
	size_t begin = out->n;

	INVARIANT(memcmp(r->holder, e->self.origin, ORIGIN_BYTES) == 0);
	receipt_emit(r, out);
	if (out->failed)
		return;
	credential_sign(e, span_str(PURPOSE), span_of(out->p + begin, out->n - begin), signature);
	bytes_put(out, signature, SIGNATURE_BYTES);
}

static void
streams_read(struct receipt *r, struct rd *rd)
{
	size_t i;

	r->streams_count = (size_t)rd_varint_max(rd, RECEIPT_STREAMS_TAKEN_MAX);
	for (i = 0; rd_ok(rd) && i < r->streams_count; i++) {
		struct receipt_stream *s = &r->streams[i];
		struct span origin = rd_fixed(rd, ORIGIN_BYTES), hash;

		s->seq = rd_varint_max(rd, STREAM_SEQ_MAX);
		hash = rd_fixed(rd, RECEIPT_HASH_BYTES);
		if (!rd_ok(rd) || s->seq == 0 ||
		    (i > 0 && memcmp(r->streams[i - 1].origin, origin.p, ORIGIN_BYTES) >= 0)) {
			rd_fail(rd);
			return;
		}
		memcpy(s->origin, origin.p, ORIGIN_BYTES);
		memcpy(s->hash, hash.p, RECEIPT_HASH_BYTES);
	}
}

static void
quarantined_read(struct receipt *r, struct rd *rd)
{
	size_t i;

	r->quarantined_count = (size_t)rd_varint_max(rd, RECEIPT_QUARANTINED_MAX);
	for (i = 0; rd_ok(rd) && i < r->quarantined_count; i++) {
		struct receipt_quarantined *q = &r->quarantined[i];

		q->place = (size_t)rd_varint(rd);
		q->seq = rd_varint(rd);
		q->reason = rd_blob(rd, RECEIPT_REASON_BYTES_MAX);
		if (!rd_ok(rd) || q->place >= r->streams_count || q->seq == 0 || q->seq > r->streams[q->place].seq ||
		    (i > 0 && (q->place < q[-1].place || (q->place == q[-1].place && q->seq <= q[-1].seq)))) {
			rd_fail(rd);
			return;
		}
	}
}

void
receipt_read(struct receipt *r, struct rd *rd)
{
	const uint8_t *begin = rd->p;
	struct span holder = rd_fixed(rd, ORIGIN_BYTES);

	memset(r, 0, sizeof(*r));
	r->unit = rd_blob(rd, UNIT_BYTES_MAX);
	r->ms = ms_read(rd);
	streams_read(r, rd);
	quarantined_read(r, rd);
	(void)rd_fixed(rd, SIGNATURE_BYTES);
	if (rd_ok(rd) && (r->unit.n == 0 || r->streams_count == 0))
		rd_fail(rd);
	if (!rd_ok(rd))
		return;
	memcpy(r->holder, holder.p, ORIGIN_BYTES);
	r->whole = span_of(begin, (size_t)(rd->p - begin));
}

bool
receipt_is_signed(const struct receipt *r, const uint8_t pubkey[PUBKEY_BYTES])
{
	size_t n = r->whole.n - SIGNATURE_BYTES;

	return credential_verify(pubkey, span_str(PURPOSE), span_of(r->whole.p, n), r->whole.p + n);
}

const struct receipt_stream *
receipt_stream_find(const struct receipt *r, const uint8_t origin[ORIGIN_BYTES])
{
	size_t i;

	for (i = 0; i < r->streams_count; i++)
		if (memcmp(r->streams[i].origin, origin, ORIGIN_BYTES) == 0)
			return &r->streams[i];
	return NULL;
}
