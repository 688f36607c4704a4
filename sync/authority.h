/* sync/authority.h - may this commit do what it does?  The same question at save and at every receiver, answered from
 * what is replicated only, so that all nodes answer alike (P7). */
#ifndef SYNC_AUTHORITY_H
#define SYNC_AUTHORITY_H

#include "commit.h"
#include "engine_impl.h"

/* Is @c of a form that can take effect at all (C5)?  RC_DENIED: it is broken, for good: wrong types, wrong addresses,
 * keys that others minted, credentials that prove nothing.  RC_CONFLICT: not to be judged yet, it needs a newer
 * schema than this program knows.  Anything else is an error of ours. */
RC_CHECK enum rc authority_form(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why);

/* May its author do what @c, which is in good form, does?  RC_DENIED: it lacks the right, @why says which rule. */
RC_CHECK enum rc authority_check(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why);

#endif
