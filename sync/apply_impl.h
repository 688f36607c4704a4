/* sync/apply_impl.h - shared by apply*.c only. */
#ifndef SYNC_APPLY_IMPL_H
#define SYNC_APPLY_IMPL_H

#include "apply.h"
#include "commit.h"
#include "engine_impl.h"

/* Write the rows of the valid commit @c, which stands in the log as version @v. */
RC_CHECK enum rc apply_rows(struct engine *e, const struct stream *s, const struct commit *c, uint64_t v,
    struct apply_result *r, struct diag *d);

/* Judge @c, append it to the log, and let it take effect or quarantine it; what `verify` replays, too. */
RC_CHECK enum rc apply_commit_one(struct engine *e, struct stream *s, const struct commit *c, struct span body,
    struct apply_result *r, struct diag *d);

#endif
