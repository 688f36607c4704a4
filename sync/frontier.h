/* sync/frontier.h - what a commit had seen of other streams, so that causal order can be checked, not hoped for.
 *
 * A commit in stream T names streams that every holder of T also holds, each with the number seen; only what changed
 * since the commit before in T.  A receiver takes the commit when it holds all of them (P4).
 */
#ifndef SYNC_FRONTIER_H
#define SYNC_FRONTIER_H

#include "commit.h"
#include "engine_impl.h"

/* The causes of the next commit of our stream @t, allocated in *@out (mem_free), and recorded as told. */
RC_CHECK enum rc frontier_collect(struct engine *e, struct stream *t, struct commit_cause **out, size_t *count,
    struct diag *d);

/* Does this replica hold every cause of @c?  RC_GAP names the first that is missing. */
RC_CHECK enum rc frontier_check(struct engine *e, const struct commit *c, struct diag *d);

/* And every version that @c in @s replaces?  RC_GAP. */
RC_CHECK enum rc frontier_refs_check(const struct engine *e, const struct stream *s, const struct commit *c);

#endif
