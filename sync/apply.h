/* sync/apply.h - received commits become part of this replica.
 *
 * A frame is what is applied at once, in one durable transaction: commits of one or more streams in causal order (by
 * clock reading), and for every stream in it a seal on that stream's last commit.  Checked before anything becomes
 * visible: that every origin's credential is known and leads to the root, numbers without gap, the hash chain up to
 * the seal, the seal's signature, canonical form, clock readings that grow within a stream, causes held,
 * entitlement.
 * A commit that is well formed but lacks the right to do what it does is stored, relayed and quarantined: it never
 * takes effect and blocks nothing (RC_OK).
 */
#ifndef SYNC_APPLY_H
#define SYNC_APPLY_H

#include "stream.h"

#define FRAME_STREAMS_MAX	512
#define FRAME_COMMITS_MAX	4096

/* A stream of which a peer may hold another branch than we do (TRUST.md): its commits are compared with ours from the
 * first on, until one differs or all are found common. */
struct apply_suspect {
	uint32_t sid;
	uint64_t seq;			/* common up to here */
	uint8_t hash[HASH_BYTES];	/* of the chain there */
};

enum apply_verdict {
	APPLY_FITS = 0,
	APPLY_UNFIT,			/* its seal does not fit what we hold before it: RC_GAP */
	APPLY_OURS,			/* our own name, proved by seal, goes on elsewhere: RC_CONFLICT */
	APPLY_FORKED,			/* two branches were found; what was done is told in the result: RC_OK */
};

struct apply_stream {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;
	enum reach reach;
	uint64_t first_seq;		/* number of its first commit in the frame */
	uint64_t last_seq;		/* the sealed one */
	uint8_t signature[SIGNATURE_BYTES];
	struct apply_suspect *suspect;	/* compare; brought forward on RC_OK.  NULL: what is held is common */
	enum apply_verdict verdict;	/* out */
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
	bool is_from_above;		/* the sender stands above us: where histories fork, we yield */
};

struct apply_result {
	uint64_t commits_new;		/* taken by this frame */
	uint64_t commits_known;		/* held before: skipped unread */
	uint64_t commits_quarantined;
	uint64_t conflicts_opened;
	uint64_t held_back;		/* streams of the frame that were not taken: TRUST.md C16 */
	uint64_t forks;			/* streams found forked */
};

/* Apply @f.  RC_OK: everything in it is durable and held, or evidence of a fork (C9).  RC_GAP: a number or a cause
 * is missing here, or a seal does not fit what is held before it (the stream's verdict says so); nothing was
 * taken.  RC_CONFLICT: it holds commits of ours that we do not: take a new incarnation, then apply again (C7, C8);
 * nothing was taken.  RC_PEER: forged or broken; nothing was taken.  RC_DISK, RC_FULL, RC_NOMEM: nothing was taken. */
RC_CHECK enum rc apply_frame(struct engine *e, const struct apply_frame *f, struct apply_result *r, struct diag *d);

#endif
