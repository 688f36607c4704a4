/* sync/frame.h - the wire form of what is applied at once (struct apply_frame).
 *
 * Format (numbers are varints unless said otherwise):
 *
 *   frame  := count(known) · count(fresh) · known × (gap · count(commits))
 *           · fresh × (origin (8) · blob unit · u8 reach · first seq · count(commits))
 *           · bodies · signatures
 *   bodies := for each stream in that order, for each of its commits in order of number: blob packed body
 *   signatures := for each stream in that order: 64 bytes, the seal on its last commit in this frame
 *
 * A stream is spelled out once in a transfer (fresh) and gets the next number of that transfer's table of names, from
 * 0; later frames name it by that number (known), in ascending order: gap is the number minus the one before, minus 1
 * (the first: the number itself).  A known stream goes on after the last commit that the transfer carried of it.
 * Commits are put back into order by (clock reading, place of the stream in the frame): that order is not sent.
 */
#ifndef SYNC_FRAME_H
#define SYNC_FRAME_H

#include "apply.h"

enum {
#ifdef TEST_LIMITS
	FRAME_TARGET_BYTES = 200,	/* a sender ends the frame before it exceeds this, if it can */
	FRAME_NAMES_MAX = 64,		/* streams that one transfer may name */
#else
	FRAME_TARGET_BYTES = 64 * 1024,
	FRAME_NAMES_MAX = 8192,
#endif
	FRAME_BYTES_MAX = 1024 * 1024,	/* refused above, before anything is allocated for it */
};

struct frame_name {
	uint8_t origin[ORIGIN_BYTES];
	char unit[UNIT_BYTES_MAX];
	size_t unit_n;
	enum reach reach;
	uint64_t next_seq;		/* first number that the next frame may carry */
};

/* The names of one transfer, the same on both sides after the same frames.  All zero: none yet. */
struct frame_names {
	struct frame_name *names;
	size_t count, cap;
};

void frame_names_fini(struct frame_names *n);

/* A parsed frame: borrows bodies and unit keys from the bytes parsed and from the names; frame_fini frees the rest. */
struct frame {
	struct apply_frame f;
};

/* Append @f to @out.  Streams of @f must be in wire order: those known to @n by number, then fresh ones; commits in
 * order of (clock reading, stream) (frame_sort does both).  @n is brought forward. */
RC_CHECK enum rc frame_emit(struct frame_names *n, const struct apply_frame *f, struct bytes *out, struct diag *d);

/* Bring streams and commits of @f into the order that frame_emit wants. */
RC_CHECK enum rc frame_sort(const struct frame_names *n, struct apply_frame *f, struct diag *d);

/* Decode @s, which is exactly one frame.  RC_PEER when it is not canonical or exceeds a limit; @n and *@out are then of
 * no further use but to be freed. */
RC_CHECK enum rc frame_parse(struct frame_names *n, struct span s, struct frame *out, struct diag *d);
void frame_fini(struct frame *f);

#endif
