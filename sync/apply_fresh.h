/* sync/apply_fresh.h - the credentials that come in a frame: they count for its own seals, so that a stream may begin
 * with the credential that proves it. */
#ifndef SYNC_APPLY_FRESH_H
#define SYNC_APPLY_FRESH_H

#include "commit.h"
#include "stream.h"

struct credential;

struct apply_fresh {			/* all zero: none yet */
	struct credential *at;
	size_t count;
};

/* Add those that @c inserts. */
RC_CHECK enum rc apply_fresh_collect(struct apply_fresh *f, const struct commit *c);
void apply_fresh_fini(struct apply_fresh *f);

/* The key of @origin, if its credential is known here, or came in this frame and leads to one that is.  RC_GAP:
 * neither; RC_PEER: forged. */
RC_CHECK enum rc apply_fresh_key(const struct engine *e, const struct apply_fresh *f,
    const uint8_t origin[ORIGIN_BYTES], uint8_t pubkey[PUBKEY_BYTES], struct diag *d);

/* The author of a stream that begins, with commit @seq, with its own credential: a node that goes on under a new name
 * (C7).  Its right to do so is judged with the commit. */
void apply_fresh_introduce(struct engine *e, const struct apply_fresh *f, uint64_t seq, struct stream *s);

#endif
