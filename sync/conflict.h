/* sync/conflict.h - what waits for a person: open siblings, and commits that were not accepted.  Reader too.
 *
 * A conflict is one cell (or one row's being there at all) with several values that nobody has settled.  Its id is the
 * same on every node that holds the same siblings: the first bytes of a hash over table, key, column and siblings, in
 * hex.  A further sibling makes another id, so that nobody settles what he has not seen.
 */
#ifndef SYNC_CONFLICT_H
#define SYNC_CONFLICT_H

#include "engine.h"
#include "save.h"
#include "value.h"

#define CONFLICT_ID_CHARS 12

struct conflict_sibling {
	struct value value;
	bool is_deleted;		/* this side deleted the row */
	bool is_shown;
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;		/* key of the unit that the writing node serves */
	struct span author;
	uint64_t hlc;		/* as it stands in the commit */
	uint64_t effective;	/* what it counts for: the time to show to people */
	enum level level;
};

struct conflict {
	char id[CONFLICT_ID_CHARS + 1];
	const struct catalogue_table *table;
	struct span key;
	const struct catalogue_column *column;	/* NULL: delete against edit */
	bool is_suggestion; /* POLICY_RANK: the shown value stands by rank; the others are suggestions */
	const struct conflict_sibling *siblings;	/* shown first, then newest first */
	size_t siblings_count;
};

typedef enum rc (*conflict_fn)(void *ctx, const struct conflict *c);

RC_CHECK enum rc conflict_each(struct engine *e, conflict_fn fn, void *ctx, struct diag *d);
uint64_t conflict_count(struct engine *e);

/* Settle conflict @id inside @s: by sibling number @take (from 0, as listed), or with @value when @take is negative.
 * For delete against edit, @take names whose side stands. */
RC_CHECK enum rc conflict_resolve(struct save *s, const char *id, int take, const struct value *value,
    struct diag *d);

struct quarantined {
	uint64_t id;				/* local number */
	char commit[COMMIT_NAME_CHARS + 1];
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;			/* of the writing node */
	struct span author;
	struct span reason;
	uint64_t hlc;				/* as it stands in the commit */
	uint64_t effective;			/* what it counts for: the time to show to people */
};
typedef enum rc (*quarantined_fn)(void *ctx, const struct quarantined *q);
RC_CHECK enum rc conflict_quarantine_each(struct engine *e, quarantined_fn fn, void *ctx, struct diag *d);
uint64_t conflict_quarantine_count(struct engine *e);

#endif
