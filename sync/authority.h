/* sync/authority.h - may this commit do what it does?  The same question at save and at every receiver, answered from
 * what is replicated only, so that all nodes answer alike (P7). */
#ifndef SYNC_AUTHORITY_H
#define SYNC_AUTHORITY_H

#include "commit.h"
#include "engine_impl.h"

/* RC_OK: it may.  RC_DENIED: it may not, @why says which rule.  RC_CONFLICT: not to be judged yet, it needs a newer
 * schema than this program knows.  Anything else is an error of ours. */
RC_CHECK enum rc authority_check(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why);

#endif
