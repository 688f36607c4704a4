/* sync/belief.h - what we believe that one peer holds: for each stream the highest number.
 *
 * Soft state: a wrong belief costs a comparison of vectors, never data.  It is raised by what the peer acknowledged or
 * sent us, set by its vector and by equal digests (W16), kept in memory by stream number, and written to sync_belief
 * by belief_flush at the end of something: a transfer, a round.
 */
#ifndef SYNC_BELIEF_H
#define SYNC_BELIEF_H

#include "stream.h"

struct belief {
	uint32_t *seqs;		/* by stream number; the top bit: not yet written */
	size_t count;
	bool is_loaded;
	bool is_known;		/* the peer's vector or an equal digest was seen once; else every number is a guess */
	bool is_known_written;
	bool is_dirty;
	uint64_t done_id;	/* their newest transfer that we hold whole (its name as a number), */
	uint64_t done_total;	/* and its size; 0: none, or they know */
	uint64_t receipts;	/* they have our receipts up to this local number (receipt_impl.h) */
};

/* Read what the database has of @peer, once.  Everything else needs that first. */
RC_CHECK enum rc belief_load(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct belief *b, struct diag *d);

/* Write what changed, in a transaction of its own; nothing when nothing did.  Or within the open transaction, and note
 * that it was written once that is durable. */
RC_CHECK enum rc belief_flush(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct belief *b, struct diag *d);
RC_CHECK enum rc belief_put(struct engine *e, const uint8_t peer[ORIGIN_BYTES], const struct belief *b,
    struct diag *d);
void belief_written(struct belief *b);

uint64_t belief_get(const struct belief *b, uint32_t sid);
void belief_set(struct belief *b, uint32_t sid, uint64_t seq);		/* forgotten without memory */
void belief_raise(struct belief *b, uint32_t sid, uint64_t seq);
void belief_know(struct belief *b);
void belief_receipts(struct belief *b, uint64_t n);			/* they have those up to @n */

/* Forget what was believed of streams after number @last: after a rollback there are none.  The rest stands: whoever
 * sent it does not send it again. */
void belief_trim(struct belief *b, size_t last);

/* Forget what is in memory, written or not; the next load reads again. */
void belief_fini(struct belief *b);

#endif
