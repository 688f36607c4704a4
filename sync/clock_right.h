/* sync/clock_right.h - who may say what somebody's clock readings count for: whoever has the same key, or serves a unit
 * strictly above (TRUST.md). */
#ifndef SYNC_CLOCK_RIGHT_H
#define SYNC_CLOCK_RIGHT_H

#include "commit.h"
#include "credential.h"
#include "engine_impl.h"

/* Is @op the insertion of a correction, whole?  @out gets what it says. */
bool clock_right_read(const struct commit_op *op, struct clock_shift *out);

/* May the author of @c in @s correct @origin?  @fresh: credentials that count beside those known. */
bool clock_right_may(struct engine *e, const struct stream *s, const struct commit *c,
    const uint8_t origin[ORIGIN_BYTES], const struct credential *fresh, size_t fresh_count);

/* authority_check's question about one row: RC_OK, RC_DENIED, or RC_CONFLICT while @op's origin is not known here. */
RC_CHECK enum rc clock_right_check(struct engine *e, const struct stream *s, const struct commit *c,
    const struct commit_op *op, struct diag *why);

#endif
