/* sync/row_sweep.h - one UPDATE of many rows, each with values of its own.
 *
 * The statement asks about every row as it stands on it: what the row holds is seen, compared and replaced in one visit
 * of its page, and what a statement costs besides is paid once for all of them.
 *
 *   UPDATE t SET c = sync_cell(0, c), …, _v = sync_v()
 *   WHERE key BETWEEN … AND … AND sync_take(key, _v, columns to read …)
 *
 * sync_take() shows the row to @found, which answers whether the row is written and with what; sync_cell() and sync_v()
 * hand that over.  SQLite takes one row after the other; should it ever not, the sweep fails, and nothing is mixed up.
 *
 * Failure: the rows before the one that failed may be written: the transaction has to be rolled back.
 */
#ifndef SYNC_ROW_SWEEP_H
#define SYNC_ROW_SWEEP_H

#include "row.h"

struct row_found {
	struct span key;
	uint64_t v;			/* the version that the row carries */
	const struct value *old;	/* what stands in the columns that are read, ascending; borrowed by the call */
	const struct value *given;	/* row_sweep_where: values of its expressions, in their order; borrowed */
	/* the answer */
	uint64_t now_v;			/* version that the row gets; 0: it stays as it is */
	const struct value *now;	/* for each column that is set, ascending; good until the next call */
	uint64_t kept;			/* of these, by the same count, the ones that stay as they are */
};
typedef enum rc (*row_found_fn)(void *ctx, struct row_found *f, struct diag *d);

struct row_sweep {
	struct table_plan *plan;
	uint64_t set, read;		/* columns, by place in the table */
	row_found_fn found;
	void *ctx;
	/* inside */
	size_t read_count, given_count, set_count;
	struct value old[COLUMNS_MAX], given[COLUMNS_MAX];
	const struct value *now;
	uint64_t kept;
	size_t left;			/* values of the row taken last that were not fetched yet */
	bool is_lost;			/* SQLite did not take one row after the other */
	enum rc rc;
	struct diag *d;
};

/* Visit the rows with these keys: distinct, in ascending order; and perhaps a few that lie between them, which @found
 * leaves as they are.  A key without a row is passed over. */
RC_CHECK enum rc row_sweep_keys(struct engine *e, struct row_sweep *w, const struct span *keys, size_t count,
    struct diag *d);

/* Visit the rows that meet @where, SQL without a subquery over columns of the row (NULL: all rows), and work out
 * @exprs for each: one for every column in w->set, ascending.  @args are ?1, ?2 … */
struct row_sweep_sql {
	const char *where;
	const char *const *exprs;
	const struct value *args;
	size_t args_count;
};
RC_CHECK enum rc row_sweep_where(struct engine *e, struct row_sweep *w, const struct row_sweep_sql *q, struct diag *d);

/* Register what the statements call. */
RC_CHECK enum rc row_sweep_functions(struct engine *e, struct diag *d);

#endif
