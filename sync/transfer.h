/* sync/transfer.h - an immutable string of bytes for one peer, on its way there piece by piece.
 *
 * Format (rules W10 to W12):
 *
 *   transfer := u8 dictionary (0 none, 1 ours) · one zstd frame, window at most 2^TRANSFER_WINDOW_LOG, holding
 *   records  := records × (length · u8 kind · content)        length: of kind and content together
 *   kind     := 1 frame (frame.h) | 2 vector (vector.h), as the first record only
 *               | 3 receipts (receipt.h), one behind the other, as the last record only
 *
 * Its name is the first bytes of the BLAKE2b-256 of the (compressed) bytes.  The compressor is flushed after every
 * frame, so that each can be applied when its last byte arrives.  The dictionary is for transfers of one frame: longer
 * ones do better without.
 */
#ifndef SYNC_TRANSFER_H
#define SYNC_TRANSFER_H

#include "exchange_impl.h"
#include "frame.h"

enum {
#ifdef TEST_LIMITS
	TRANSFER_TARGET_BYTES = 2 * 1024,	/* compressed; a sender puts what goes beyond into a further one */
	TRANSFER_UNPACKED_TARGET_BYTES = 8 * 1024,	/* the same, of what it unpacks to */
	TRANSFER_UNPACKED_BYTES_MAX = FRAME_BYTES_MAX + 64 * 1024,	/* refused above, however small it came */
#else
	TRANSFER_TARGET_BYTES = 768 * 1024,
	TRANSFER_UNPACKED_TARGET_BYTES = 16 * 1024 * 1024,
	TRANSFER_UNPACKED_BYTES_MAX = 32 * 1024 * 1024,
#endif
	TRANSFER_BYTES_MAX = 4 * 1024 * 1024,	/* refused above */
	TRANSFER_WINDOW_LOG = 19,
	TRANSFER_LEVEL = 12,
	TRANSFER_DICTIONARY = 1,		/* number of the dictionary of format 1 */
	RECORD_BYTES_MAX = FRAME_BYTES_MAX + 1,
	RECORD_FRAME = 1,
	RECORD_VECTOR = 2,
	RECORD_RECEIPTS = 3,
};

_Static_assert(TRANSFER_UNPACKED_BYTES_MAX >= TRANSFER_UNPACKED_TARGET_BYTES + FRAME_BYTES_MAX,
    "what we send is taken");

/* What a transfer shall hold. */
enum {
	TRANSFER_FRAMES = 1 << 0,
	TRANSFER_VECTOR = 1 << 1,
	TRANSFER_RECEIPTS = 1 << 2,	/* alone, or behind whatever else there is */
};

/* Once they hold @end bytes, they hold stream @sid up to @seq. */
struct transfer_mark {
	uint64_t end;
	uint64_t seq;
	uint32_t sid;
	uint32_t commits;
};

struct transfer {
	uint8_t id[TRANSFER_ID_BYTES];
	struct bytes content;
	struct transfer_mark *marks;
	size_t marks_count, marks_cap, marks_done;
	uint64_t acked;			/* they hold at least that many bytes of it */
	uint64_t built_tick;		/* of the engine: older than that, nothing was left out but for size */
	uint8_t digest[DIGEST_HEADS_BYTES];	/* of our heads when it was made */
	struct bytes bounds;		/* of its plan (plan.h): it can be made again, byte for byte */
	uint64_t receipts;		/* local number of the last receipt in it; 0: none */
	bool has_vector;
	bool is_short;			/* more is to follow in a further transfer */
	/* Invariants (transfer_sanity):
	 * X1. marks[].end never decreases, and the last is at most content.n.
	 * X2. acked <= content.n. */
};

/* Make what @p lacks by our beliefs, and our vector, as @what says.  RC_OK with *@out NULL: there is nothing to send.
 * Takes time in proportion to what is sent, at most a transfer full. */
RC_CHECK enum rc transfer_new(struct engine *e, struct peer *p, unsigned what, struct transfer **out,
    struct diag *d);

/* Make the transfer @id once more, of which @bounds were kept.  *@out is NULL when that is not possible any more. */
RC_CHECK enum rc transfer_again(struct engine *e, struct peer *p, struct span bounds,
    const uint8_t id[TRANSFER_ID_BYTES], struct transfer **out, struct diag *d);
void transfer_free(struct transfer *t);

/* They hold the first @n bytes of @t: raises the beliefs, with the last byte that of receipts, too.  *@commits (may be
 * NULL) grows by what is newly known to be there.  Returns false when @n is beyond its end, which changes nothing. */
bool transfer_ack(struct transfer *t, struct belief *b, uint64_t n, uint64_t *commits);
/* They hold all the commits in @t, wherever they had them from. */
void transfer_ack_commits(const struct transfer *t, struct belief *b);

void transfer_sanity(const struct transfer *t);

/* The name of the transfer with these bytes. */
void transfer_id(struct span content, uint8_t out[TRANSFER_ID_BYTES]);

#endif
