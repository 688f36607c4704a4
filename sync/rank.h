/* sync/rank.h - which node stands above which, when one revokes the other (TRUST.md, C3).
 *
 * The order is strict, and a function of the credentials known, in force or not: so it does not change with what it
 * decides.  Higher counts: the root unit's nodes by their nearness to the root key, below them all others by level.
 */
#ifndef SYNC_RANK_H
#define SYNC_RANK_H

#include "engine_impl.h"

/* Compute the rank of every origin anew, if credentials came to be known since. */
void rank_refresh(struct engine *e);

/* Does @by stand above @of? */
bool rank_is_above(const struct engine *e, const struct origin_entry *by, const struct origin_entry *of);

#endif
