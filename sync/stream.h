/* sync/stream.h - streams and their heads: (origin, unit, reach), numbered 1, 2, 3… without gaps, hash-chained.
 *
 * A version (`uint64_t`) names one commit locally: stream number << 24 | commit number.  It is what the hidden column
 * `_v` of every row holds, and the key of the log.  Stream numbers are local and never leave this database.
 */
#ifndef SYNC_STREAM_H
#define SYNC_STREAM_H

#include "unit.h"

#define STREAM_SEQ_BITS		24
#define STREAM_SEQ_MAX		((UINT64_C(1) << STREAM_SEQ_BITS) - 1)
#define VERSION(sid, seq)	((uint64_t)(sid) << STREAM_SEQ_BITS | (seq))
#define VERSION_SID(v)		((uint32_t)((v) >> STREAM_SEQ_BITS))
#define VERSION_SEQ(v)		((v) & STREAM_SEQ_MAX)

struct stream {
	uint32_t sid;			/* from 1 */
	unit_id unit;
	enum reach reach;
	bool is_stored;			/* has its row in sync_stream */
	uint8_t origin[ORIGIN_BYTES];
	enum level level;		/* of the origin's credential */
	unit_id origin_unit;		/* the unit that the origin serves; UNIT_NONE while its credential is unknown */
	uint64_t head_seq;		/* 0: nothing yet */
	uint64_t head_hlc;
	uint64_t sealed_seq;		/* newest seal held */
	uint64_t unsealed_bytes;	/* bodies after it */
	uint64_t changed;		/* e->change_tick of its newest commit */
	uint64_t frontier_tick;		/* own streams: what `changed` values their frontier covers */
	uint8_t head_hash[HASH_BYTES];	/* of commit head_seq; of the empty stream: its name's hash */
	/* Invariants (engine_sanity):
	 * T1. commits 1..head_seq are in the log, no other.
	 * T2. sealed_seq <= head_seq; equal unless the stream is our own.
	 * T3. head_hash is the chain over exactly those commits. */
};

size_t stream_count(const struct engine *e);
struct stream *stream_at(const struct engine *e, uint32_t sid);		/* 1 <= sid <= count; stable until close */
/* May @v, which the database says, be a version at all?  Who edits a database by hand writes anything. */
bool stream_version_ok(const struct engine *e, uint64_t v);
struct stream *stream_find(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], unit_id u, enum reach reach);
/* Find or make (a row of sync_stream, inside the open transaction). */
RC_CHECK enum rc stream_open(struct engine *e, const uint8_t origin[ORIGIN_BYTES], unit_id u, enum reach reach,
    struct stream **out, struct diag *d);
/* Read the head of @s again from the log (inside the open transaction). */
RC_CHECK enum rc stream_head_reload(struct engine *e, struct stream *s, struct diag *d);
bool stream_is_own(const struct engine *e, const struct stream *s);

/* hash(n) = BLAKE2b-256(hash(n-1) ‖ body);  hash(0) = BLAKE2b-256("ocop stream 1" ‖ origin ‖ unit ‖ reach). */
void stream_hash_zero(const struct engine *e, const struct stream *s, uint8_t out[HASH_BYTES]);
void stream_hash_next(const uint8_t prev[HASH_BYTES], struct span body, uint8_t out[HASH_BYTES]);

/* hash(@seq) of a commit that is held. */
RC_CHECK enum rc stream_hash_at(struct engine *e, const struct stream *s, uint64_t seq, uint8_t out[HASH_BYTES],
    struct diag *d);

/* The log: commit bodies, verbatim.  log_* below are in log.c. */
RC_CHECK enum rc log_body(struct engine *e, uint64_t version, struct bytes *out, struct diag *d);
/* Walk commits @from..@to of a stream in order; @body is borrowed for the call.  Stops at the first error. */
typedef enum rc (*log_fn)(void *ctx, uint64_t seq, struct span body);
RC_CHECK enum rc log_each(struct engine *e, uint32_t sid, uint64_t from, uint64_t to, log_fn fn, void *ctx,
    struct diag *d);

/* Append @body as commit head_seq + 1 (inside the open transaction) and move the head; read back and compared.  Seals
 * an own stream when SEAL_BYTES_MAX have gathered since its last seal. */
#define SEAL_BYTES_MAX		(16 * 1024)
#define SEAL_EPOCH_BYTES	(128 * 1024)	/* with the commit that reaches it well below FRAME_BYTES_MAX / 2 */
#define SEAL_EPOCH_STREAMS	256		/* half of FRAME_STREAMS_MAX */
RC_CHECK enum rc log_append(struct engine *e, struct stream *s, uint64_t hlc, struct span body, struct diag *d);

/* Seals: the origin's signature over (stream, number, hash, clock reading). */
struct seal {
	uint64_t seq;
	uint8_t hash[HASH_BYTES];	/* of the chain there, as stored */
	uint8_t signature[SIGNATURE_BYTES];
};
/* Seal our own stream at its head (inside the open transaction); nothing when it is sealed there already. */
RC_CHECK enum rc seal_own(struct engine *e, struct stream *s, struct diag *d);
/* Check @signature as the seal of @s at (@seq, @hash, @hlc) by @pubkey. */
bool seal_ok(const struct engine *e, const struct stream *s, uint64_t seq, const uint8_t hash[HASH_BYTES], uint64_t hlc,
    const uint8_t pubkey[PUBKEY_BYTES], const uint8_t signature[SIGNATURE_BYTES]);
/* Store a checked seal at the head of @s. */
RC_CHECK enum rc seal_put(struct engine *e, struct stream *s, const uint8_t signature[SIGNATURE_BYTES], struct diag *d);
/* The first seal at or after @seq; RC_NOTFOUND when there is none. */
RC_CHECK enum rc seal_at_or_after(struct engine *e, uint32_t sid, uint64_t seq, struct seal *out, struct diag *d);

#endif
