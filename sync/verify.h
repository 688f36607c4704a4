/* sync/verify.h - recheck everything: hashes, numbers, seals, rights; rebuild the state from the log and compare. */
#ifndef SYNC_VERIFY_H
#define SYNC_VERIFY_H

#include "engine.h"

struct verify_result {
	uint64_t streams, commits, seals, rows;
};

/* @scratch is an empty database of the caller's, into which the state is rebuilt.  RC_DIFFER with the first
 * difference named in @d; RC_OK when there is none.  Takes time in proportion to the log. */
RC_CHECK enum rc verify_replica(struct engine *e, struct sqlite3 *scratch, struct verify_result *r, struct diag *d);

#endif
