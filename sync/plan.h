/* sync/plan.h - which commits a peer lacks, cut into frames.
 *
 * A frame ends every stream in it at a seal, and holds or follows every cause of what it holds (W14, W15).  The unit of
 * choice is the run: the commits of one stream up to its next seal.  The run that ends with the lowest clock reading
 * goes first; runs that its commits depend on are pulled in; runs are added until the frame is large enough.
 * Commits addressed to the root with reach down (units, credentials) go before all others, in frames of their own.
 *
 * A plan is made, drained and freed within one call: nothing is saved meanwhile.
 */
#ifndef SYNC_PLAN_H
#define SYNC_PLAN_H

#include "exchange_impl.h"
#include "frame.h"

struct plan;

/* Seals our own streams where needed (a transaction of its own).  RC_OK with *@out NULL: the peer lacks nothing.
 * @bounds: what plan_bounds wrote of an earlier plan, to make it once more whatever was saved since; or empty. */
RC_CHECK enum rc plan_new(struct engine *e, const struct peer *p, struct span bounds, struct plan **out,
    struct diag *d);

/* Append to @out where the plan ends, stream by stream: (stream number, commit number), local to this database. */
void plan_bounds(const struct plan *plan, struct bytes *out);

/* The next frame, borrowed until the next call; *@out is NULL after the last.  Streams carry their sids in
 * plan_frame_sids(), in order of the frame's streams before frame_sort. */
RC_CHECK enum rc plan_frame(struct plan *plan, struct apply_frame **out, struct diag *d);
uint32_t plan_frame_sid(const struct plan *plan, size_t stream);

void plan_free(struct plan *plan);

#endif
