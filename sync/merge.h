/* sync/merge.h - the state of one row as a pure function of the versions of it that are held (MERGE.md).
 *
 * merge_gather collects the versions of a row: from given heads back through every version they had replaced.
 * merge_row computes from them, and from nothing else, what the row is.  Order of arrival plays no part: versions are
 * sorted before anything is looked at, by (what their clock reading counts for, origin), and none before one that it
 * had seen: a version counts as later than all that it replaces, whatever the clocks said.
 */
#ifndef SYNC_MERGE_H
#define SYNC_MERGE_H

#include "commit.h"
#include "row.h"

struct merge_version {
	uint64_t v;
	uint64_t hlc;			/* as it stands in the commit */
	uint64_t at;			/* what it counts for (clock.h), above that of all it replaces */
	const uint8_t *origin;		/* ORIGIN_BYTES */
	enum level level;
	bool is_valid;			/* not quarantined */
	struct commit commit;		/* owned */
	const struct commit_op *op;	/* on this row */
};

struct merge_set {
	const struct catalogue_table *t;
	struct merge_version *versions;	/* sorted by (at, origin, v), which is causal order */
	size_t count, cap;
	uint64_t *seen;			/* count × words bits: seen[i] has bit j when i had seen j (transitively) */
	size_t words;
};

/* What a row is.  Arrays are owned: merge_result_free. */
struct merge_cell {
	uint32_t *candidates;		/* indices into the set, the shown one first, then newest first */
	size_t candidates_count;	/* distinct values only */
};
struct merge_result {
	bool is_alive;
	bool is_delete_contested;	/* a deletion and an edit stand side by side */
	unsigned flags;			/* ROW_* */
	struct value values[COLUMNS_MAX];
	struct merge_cell cells[COLUMNS_MAX];
	uint64_t *heads;		/* versions, in that order */
	size_t heads_count;
};

/* @heads: versions to start from.  RC_PEER: one of them does not touch this row, or is not held.  What a version claims
 * to replace and does not fit is ignored (TRUST.md C12). */
RC_CHECK enum rc merge_gather(struct engine *e, const struct catalogue_table *t, struct span key,
    const uint64_t *heads, size_t heads_count, struct merge_set *out, struct diag *d);
void merge_set_free(struct merge_set *s);
bool merge_seen(const struct merge_set *s, size_t by, size_t what);

RC_CHECK enum rc merge_row(const struct merge_set *s, struct merge_result *out);
void merge_result_free(const struct merge_set *s, struct merge_result *r);

/* Does version @i write column index @column, and what?  Insertions write every column. */
bool merge_writes(const struct merge_set *s, size_t i, size_t column, struct value *out);

/* The version that @ref of commit @c in stream @s names.  RC_GAP when its stream is not held. */
RC_CHECK enum rc merge_prev_version(struct engine *e, const struct stream *s, const struct commit *c,
    const struct commit_ref *ref, uint64_t *out, struct diag *d);

/* Is @v a version of this row that is held here? */
RC_CHECK enum rc merge_fits(struct engine *e, const struct catalogue_table *t, struct span key, uint64_t v, bool *out,
    struct diag *d);

/* Is version @v quarantined? */
RC_CHECK enum rc merge_is_quarantined(struct engine *e, uint64_t v, bool *out, struct diag *d);

#endif
