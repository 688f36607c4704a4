/* sync/clock_wait.h - commits that came and were not taken: those from beyond the tolerance in our future, and what
 * depends on them (TRUST.md C16).  They are in no vector and no digest; that they wait is kept, in sync_waiting. */
#ifndef SYNC_CLOCK_WAIT_H
#define SYNC_CLOCK_WAIT_H

#include "stream.h"

/* Commits of @s up to number @seq wait; @hlc: the highest reading of those from the future, 0 when they only depend on
 * others (inside the open transaction). */
RC_CHECK enum rc clock_wait_put(struct engine *e, const struct stream *s, uint64_t seq, uint64_t hlc, struct diag *d);

/* Is commit @seq of @s known to wait? */
RC_CHECK enum rc clock_wait_has(struct engine *e, const struct stream *s, uint64_t seq, bool *out, struct diag *d);

/* The head of @s moved: what is held waits no more (inside the open transaction). */
RC_CHECK enum rc clock_wait_taken(struct engine *e, const struct stream *s, struct diag *d);

/* Might something of what waits be taken, if it came again now? */
RC_CHECK enum rc clock_wait_is_over(struct engine *e, bool *out, struct diag *d);

/* Commit @seq of that stream, a cause, is missing: true when it was found missing CLOCK_GAP_TIMES before, so that it
 * seems that nobody has it. */
bool clock_wait_is_gap(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span unit, enum reach reach,
    uint64_t seq);

/* Is that cause gone for good (C12)?  Its author goes on under another name, and comparing vectors did not bring it: it
 * stood on a branch that yielded, and nobody has it any more.  Or it is beyond the cut of a revocation.  Nobody waits
 * for it. */
bool clock_wait_is_gone(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span unit, enum reach reach,
    uint64_t seq);

/* What waits, for people.  Reader too. */
struct clock_waiting {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;		/* that the commits are addressed to */
	uint64_t seq;
	uint64_t effective_ms;		/* 0: they depend on others that wait */
	uint64_t ahead_ms;		/* so far in our future */
};
typedef enum rc (*clock_waiting_fn)(void *ctx, const struct clock_waiting *w);
RC_CHECK enum rc clock_wait_each(struct engine *e, clock_waiting_fn fn, void *ctx, struct diag *d);

#endif
