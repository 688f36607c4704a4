/* sync/apply.h - received commits become part of this replica.
 *
 * A frame is what is applied at once, in one durable transaction: commits of one or more streams in causal order (by
 * clock reading), and for every stream in it a seal on that stream's last commit.  Checked before anything becomes
 * visible: that every origin's credential is known and leads to the root, numbers without gap, the hash chain up to
 * the seal, the seal's signature, canonical form, clock readings that grow, causes held, entitlement.
 * A commit that is well formed but lacks the right to do what it does is stored, relayed and quarantined: it never
 * takes effect and blocks nothing (RC_OK).
 */
#ifndef SYNC_APPLY_H
#define SYNC_APPLY_H

#include "stream.h"

#define FRAME_STREAMS_MAX	512
#define FRAME_COMMITS_MAX	4096

struct apply_stream {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;
	enum reach reach;
	uint64_t first_seq;		/* number of its first commit in the frame */
	uint64_t last_seq;		/* the sealed one */
	uint8_t signature[SIGNATURE_BYTES];
};

struct apply_commit {
	uint32_t stream;		/* index into the frame's streams; numbers count up from first_seq */
	struct span body;
};

struct apply_frame {
	struct apply_stream *streams;
	size_t streams_count;
	struct apply_commit *commits;
	size_t commits_count;
};

struct apply_result {
	uint64_t commits_new;		/* taken by this frame */
	uint64_t commits_known;		/* held before: skipped unread */
	uint64_t commits_quarantined;
	uint64_t conflicts_opened;
};

/* Apply @f.  RC_OK: everything in it is durable and held.  RC_GAP: a number or a cause is missing here; nothing was
 * taken.  RC_PEER: forged or broken; nothing was taken.  RC_DISK, RC_FULL, RC_NOMEM: nothing was taken. */
RC_CHECK enum rc apply_frame(struct engine *e, const struct apply_frame *f, struct apply_result *r, struct diag *d);

#endif
