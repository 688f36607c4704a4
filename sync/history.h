/* sync/history.h - who changed what, when, where, from what to what.  Reads the log only.  Reader too. */
#ifndef SYNC_HISTORY_H
#define SYNC_HISTORY_H

#include "engine.h"
#include "save.h"
#include "value.h"

struct history_change {
	const struct catalogue_table *table;
	struct span key;
	const struct catalogue_column *column;	/* NULL: the row itself came or went (@to null = deleted) */
	bool has_from;				/* false: the value before is not known or there was none */
	struct value from, to;
	bool is_lost;				/* superseded by a concurrent write, never seen by its author */
	bool is_delta;				/* counter: @to is what was added */
};

struct history_commit {
	char commit[COMMIT_NAME_CHARS + 1];
	uint64_t version;			/* its local number */
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;			/* that the writing node serves */
	struct span scope_unit;			/* that the rows are addressed to */
	struct span author;
	uint64_t hlc;				/* as it stands in the commit */
	uint64_t effective;			/* what it counts for: the time to show to people */
	bool is_quarantined;
	const struct history_change *changes;
	size_t changes_count;
};

typedef enum rc (*history_fn)(void *ctx, const struct history_commit *c);

/* All commits held, in order of what their clock readings count for, with their changes (from values not filled in). */
RC_CHECK enum rc history_all(struct engine *e, history_fn fn, void *ctx, struct diag *d);

/* The commits that touched one row, in the order that the merge sees them in, with from, to and lost. */
RC_CHECK enum rc history_row(struct engine *e, struct span table, struct span key, history_fn fn, void *ctx,
    struct diag *d);

#endif
