/* sync/settle.h - write the outcome of a merge into the tables. */
#ifndef SYNC_SETTLE_H
#define SYNC_SETTLE_H

#include "row.h"

struct settle_counts {
	uint64_t suggestions;		/* cells where a lower level's new value does not show */
	uint64_t opened;		/* rows that became open */
};

/* Recompute the row from its heads so far (entry, or version in the row) and @more, and write what it is. */
RC_CHECK enum rc settle_row(struct engine *e, struct table_plan *p, struct span key, const uint64_t *more,
    size_t more_count, struct settle_counts *counts, struct diag *d);

/* The same for every row of @c; @v, which is @c, counts as more, unless it is 0.  Rows of tables not known here
 * never were.  For commits whose standing changed. */
struct commit;
RC_CHECK enum rc settle_commit(struct engine *e, const struct commit *c, uint64_t v, struct diag *d);

/* Set only the version of a row. */
RC_CHECK enum rc settle_version(struct engine *e, struct table_plan *p, struct span key, uint64_t v, struct diag *d);

#endif
