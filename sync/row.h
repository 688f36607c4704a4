/* sync/row.h - access to rows of catalogue tables, and the side table of rows that are not plain.
 *
 * A plain row is there, has one head (the version in `_v`), and every cell of it has one candidate.  All others have an
 * entry in sync_row: deleted rows, rows with several heads, rows with open siblings or suggestions.
 */
#ifndef SYNC_ROW_H
#define SYNC_ROW_H

#include "engine_impl.h"

#define ROW_UPDATES_MAX 8		/* prepared UPDATE statements kept per table */
#define ROW_SWEEPS_MAX 16

enum {
	ROW_DEAD = 1,			/* deleted; no row in its table */
	ROW_OPEN = 2,			/* siblings that wait for a person */
	ROW_SUGGESTED = 4,		/* a lower level's value stands beside a higher one's */
};

struct row_sweep_stmt {			/* row_sweep.h */
	uint64_t set, read;
	bool is_range;
	sqlite3_stmt *stmt;
};

struct table_plan {
	const struct catalogue_table *t;
	uint64_t all;			/* mask of every column */
	uint64_t rank, counter;		/* masks by policy */
	uint64_t required;		/* mask of columns that a new row must give */
	uint64_t unique_mask;		/* columns that shall be unique together */
	const struct catalogue_table *ref[COLUMNS_MAX];	/* whom a column refers to, or NULL */
	uint8_t name_bytes[COLUMNS_MAX];
	int scope_at, owner_at;		/* columns, or -1 */
	sqlite3_stmt *get, *insert, *drop;
	sqlite3_stmt *owner;		/* whom a row names as its owner; made when first needed */
	sqlite3_stmt *unique;		/* is there another row with these values? made when first needed */
	struct {
		uint64_t mask;
		sqlite3_stmt *stmt;
	} updates[ROW_UPDATES_MAX];
	struct row_sweep_stmt sweeps[ROW_SWEEPS_MAX];
	size_t updates_next, sweeps_next;
};

RC_CHECK enum rc row_plan(struct engine *e, size_t table_index, struct table_plan **out, struct diag *d);
RC_CHECK enum rc row_plan_of(struct engine *e, const struct catalogue_table *t, struct table_plan **out,
    struct diag *d);
/* Index of the column, or -1. */
int row_column(const struct table_plan *p, struct span name);
void row_plan_free(struct table_plan *p);
/* An SQLite code. */
int row_key_bind(sqlite3_stmt *stmt, int at, const struct table_plan *p, struct span key);

/* Read the row: @values has room for every column and borrows until row_get_done(); *@v is its version.  RC_NOTFOUND.
 * */
RC_CHECK enum rc row_get(struct engine *e, struct table_plan *p, struct span key, struct value *values, uint64_t *v,
    struct diag *d);
void row_get_done(struct table_plan *p);

/* Append whom the row names as its owner to @out; the table has an owner column.  RC_NOTFOUND. */
RC_CHECK enum rc row_owner_get(struct engine *e, struct table_plan *p, struct span key, struct bytes *out,
    struct diag *d);

/* Writers.  @v becomes the row's version.  *@done says whether a row was touched: an insertion finds the key taken, an
 * update finds no row, or (with @expected != 0) not that version. */
RC_CHECK enum rc row_insert(struct engine *e, struct table_plan *p, struct span key, const struct value *values,
    uint64_t v, bool *done, struct diag *d);
RC_CHECK enum rc row_update(struct engine *e, struct table_plan *p, struct span key, uint64_t mask,
    const struct value *values, uint64_t v, uint64_t expected, bool *done, struct diag *d);
RC_CHECK enum rc row_delete(struct engine *e, struct table_plan *p, struct span key, bool *done, struct diag *d);

/* Is there another row with the same values in the columns that shall be unique? */
RC_CHECK enum rc row_has_double(struct engine *e, struct table_plan *p, struct span key, const struct value *values,
    bool *out, struct diag *d);

/* RC_CORRUPT: the row @key of @t carries a version that cannot be. */
RC_CHECK enum rc row_version_fail(const struct catalogue_table *t, struct span key, struct diag *d);
/* Can @heads, which stand in the database, be the heads of an entry? */
bool row_heads_ok(const struct engine *e, struct span heads);

/* The entry of a row that is not plain: its heads as versions, in *@heads (u64s in host order).  RC_NOTFOUND: plain or
 * not there at all. */
RC_CHECK enum rc row_entry_get(struct engine *e, const struct table_plan *p, struct span key, struct bytes *heads,
    unsigned *flags, struct diag *d);
RC_CHECK enum rc row_entry_put(struct engine *e, const struct table_plan *p, struct span key, const uint64_t *heads,
    size_t heads_count, unsigned flags, struct diag *d);
RC_CHECK enum rc row_entry_drop(struct engine *e, const struct table_plan *p, struct span key, struct diag *d);

#endif
