/* sync/release.h - a commit that was quarantined and takes effect after all, by decision of an authority (TRUST.md).
 *
 * A release is a replicated row of the engine's own table `commit_release`: inserted once, addressed to the root with
 * reach down.  It names one commit, by stream, number and hash, and what it lifts: the lack of a right, or a
 * revocation.
 */
#ifndef SYNC_RELEASE_H
#define SYNC_RELEASE_H

#include "commit.h"
#include "engine_impl.h"

#define RELEASE_NOTE_MAX 400

extern const struct catalogue_table release_table;

enum release_lifts {
	RELEASE_RIGHT = 1,
	RELEASE_REVOCATION = 2,
};

/* One that stands; whether it counts is asked for each commit.  Kept by the engine; `unit` is owned. */
struct release {
	uint8_t by[ORIGIN_BYTES];	/* whose decision */
	uint8_t origin[ORIGIN_BYTES];
	struct bytes unit;
	enum reach reach;
	uint64_t seq;
	uint8_t hash[HASH_BYTES];
	enum release_lifts lifts;
};

/* The form of an insertion into the table (C5), and whether its author may decide over that commit. */
RC_CHECK enum rc release_form(const struct commit_op *op, struct diag *why);
RC_CHECK enum rc release_check(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why);

RC_CHECK enum rc release_take(struct engine *e, const struct commit_op *op, const uint8_t by[ORIGIN_BYTES]);
void release_clear(struct engine *e);
bool release_eq(const struct release *a, const struct release *b);
/* The stream and number that @r names, as a version of this replica; 0 when it is not held. */
uint64_t release_version(struct engine *e, const struct release *r);

/* Is @c, commit @seq of @s, released although its author lacked the right?  Then *@out. */
RC_CHECK enum rc release_lifts_right(struct engine *e, const struct stream *s, const struct commit *c, uint64_t seq,
    bool *out, struct diag *d);
/* Is it released from every revocation that binds it?  (@is_self as in revocation_cut.) */
RC_CHECK enum rc release_lifts_revocation(struct engine *e, const struct stream *s, uint64_t seq, bool is_self,
    bool *out, struct diag *d);

/* Release the quarantined commit @v.  RC_NOTFOUND: nothing of that number waits.  RC_DENIED: it is broken, or this node
 * may not decide. */
RC_CHECK enum rc release_save(struct engine *e, uint64_t v, struct span author, struct span note, struct diag *d);

#endif
