/* sync/apply_order.h - in which order the commits of one frame are applied, and which of its streams must wait.
 *
 * C17: causes are followed by number.  The frame's order (by clock reading) is gone through again and again; a commit
 * whose causes are not held yet waits for the next pass.  C16: a stream with a commit from beyond the tolerance in our
 * future is not taken, whole, and neither is a stream that depends on one that is not.
 */
#ifndef SYNC_APPLY_ORDER_H
#define SYNC_APPLY_ORDER_H

#include "commit.h"
#include "stream.h"

/* A commit of the frame that is new here. */
struct apply_item {
	const struct commit *commit;
	size_t part;			/* index of its stream in the frame */
	uint64_t seq;
};

/* A stream of the frame. */
struct apply_part {
	struct stream *s;
	uint64_t last_seq;		/* in the frame */
	bool is_apart;			/* its commits are not to be applied at all */
	bool must_wait;			/* what is before it in its stream waits, too */
	/* What apply_order says: */
	bool is_waiting;		/* not taken */
	uint64_t future_hlc;		/* because of this reading; 0: it depends on others */
	uint64_t ready_seq;		/* the stream reaches so far in the order given */
};

/* Write the indices of the commits to be applied, in order, to @order (@items_count), their number to *@count.
 * RC_GAP: a cause is missing, and that is news. */
RC_CHECK enum rc apply_order(struct engine *e, const struct apply_item *items, size_t items_count,
    struct apply_part *parts, size_t parts_count, uint32_t *order, size_t *count, struct diag *d);

#endif
