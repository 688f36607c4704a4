/* Rows of a received commit.  Nearly all are plain: the row is new, or stands at exactly the version that the change
 * replaced, and is written by a statement that asks for just that.  All others go through the whole merge; M15: the
 * outcome is the same. */
#include "apply_impl.h"
#include "merge.h"
#include "row_sweep.h"
#include "settle.h"

#include <string.h>

#define RUN_ROWS_MAX 32	/* gathered at once */

struct applying {
	struct engine *e;
	const struct stream *s;
	const struct commit *c;
	uint64_t v;
	struct apply_result *r;
};

static enum rc
op_settle(struct applying *a, struct table_plan *p, const struct commit_op *op, struct diag *d)
{
	struct settle_counts counts = { 0, 0 };
	enum rc rc = settle_row(a->e, p, op->key, &a->v, 1, &counts, d);

	a->r->conflicts_opened += counts.opened;
	return rc;
}

static bool
is_plain(struct applying *a, const struct table_plan *p, const struct commit_op *op, enum rc *rc, struct diag *d)
{
	struct bytes heads;
	unsigned flags;

	bytes_init(&heads);
	*rc = row_entry_get(a->e, p, op->key, &heads, &flags, d);
	bytes_free(&heads);
	if (*rc != RC_NOTFOUND)
		return false;
	*rc = RC_OK;
	return true;
}

static uint64_t
op_values(const struct table_plan *p, const struct commit_op *op, struct value *values)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < op->columns_count; i++) {
		int at = catalogue_column_numbered(p->t, op->columns[i]);

		INVARIANT(at >= 0);	/* authority_check knew them all */
		values[at] = op->values[i];
		mask |= UINT64_C(1) << at;
	}
	return mask;
}

static enum rc
op_insert(struct applying *a, struct table_plan *p, const struct commit_op *op, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	bool done = false;
	size_t i;
	enum rc rc;

	if (op->kind == COMMIT_INSERT && is_plain(a, p, op, &rc, d)) {
		for (i = 0; i < p->t->columns_count; i++)
			values[i] = value_null();
		(void)op_values(p, op, values);
		rc = row_insert(a->e, p, op->key, values, a->v, &done, d);
		if (rc != RC_OK || done)
			return rc;
	}
	return op_settle(a, p, op, d);
}

/* A counter's change is added to what stands there. */
static enum rc
counters_add(struct applying *a, struct table_plan *p, const struct commit_op *op, uint64_t prev, uint64_t mask,
    struct value *values, bool *is_there, struct diag *d)
{
	struct value now[COLUMNS_MAX];
	uint64_t v;
	size_t i;
	enum rc rc = row_get(a->e, p, op->key, now, &v, d);

	*is_there = rc == RC_OK && v == prev;
	for (i = 0; rc == RC_OK && i < p->t->columns_count; i++)
		if (((mask & p->counter) >> i & 1) != 0 && values[i].type == VALUE_INT && now[i].type == VALUE_INT)
			values[i].i = (int64_t)((uint64_t)values[i].i + (uint64_t)now[i].i);
	if (rc == RC_OK)
		row_get_done(p);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* --- plain changes: many rows by one statement ------------------------------------------------------------------ */

struct run_row {
	struct span key;
	const struct commit_op *op;
	uint64_t prev;			/* the version that it replaces */
	bool is_done;
};
struct run {				/* rows of one table, by ascending key */
	struct applying *a;
	struct row_sweep sweep;
	struct run_row rows[RUN_ROWS_MAX];
	size_t count, next;
	struct value now[COLUMNS_MAX];
};

static enum rc
run_found(void *ctx, struct row_found *f, struct diag *d)
{
	struct run *run = ctx;
	const struct table_plan *p = run->sweep.plan;
	struct run_row *row;
	size_t i, place;

	(void)d;
	while (run->next < run->count && span_cmp(run->rows[run->next].key, f->key) < 0)
		run->next++;
	if (run->next == run->count || !span_eq(run->rows[run->next].key, f->key))
		return RC_OK;		/* between ours */
	row = &run->rows[run->next++];
	if (row->prev != f->v)
		return RC_OK;		/* not what it replaces: not plain */
	f->kept = ~UINT64_C(0);
	for (i = 0; i < row->op->columns_count; i++) {
		int at = catalogue_column_numbered(p->t, row->op->columns[i]);

		INVARIANT(at >= 0);	/* authority_check knew them all */
		place = (size_t)__builtin_popcountll(run->sweep.set & ((UINT64_C(1) << at) - 1));
		run->now[place] = row->op->values[i];
		f->kept &= ~(UINT64_C(1) << place);
	}
	f->now = run->now;
	f->now_v = run->a->v;
	row->is_done = true;
	return RC_OK;
}

/* Write what was gathered; what turns out not to be plain goes through the merge. */
static enum rc
run_write(struct run *run, struct diag *d)
{
	struct span keys[RUN_ROWS_MAX];
	size_t i;
	enum rc rc;

	if (run->count == 0)
		return RC_OK;
	for (i = 0; i < run->count; i++)
		keys[i] = run->rows[i].key;
	run->next = 0;
	rc = row_sweep_keys(run->a->e, &run->sweep, keys, run->count, d);
	for (i = 0; i < run->count && rc == RC_OK; i++)
		if (!run->rows[i].is_done)
			rc = op_settle(run->a, run->sweep.plan, run->rows[i].op, d);
	run->count = 0;
	return rc;
}

static enum rc
run_put(struct run *run, struct table_plan *p, const struct commit_op *op, uint64_t mask, uint64_t prev,
    struct diag *d)
{
	size_t i = run->count;
	enum rc rc;

	while (i > 0 && span_cmp(run->rows[i - 1].key, op->key) > 0)
		i--;
	if (run->count == RUN_ROWS_MAX || (run->count > 0 && run->sweep.plan != p) ||
	    (i > 0 && span_eq(run->rows[i - 1].key, op->key))) {
		if ((rc = run_write(run, d)) != RC_OK)
			return rc;
		i = 0;
	}
	if (run->count == 0) {
		run->sweep.plan = p;
		run->sweep.set = 0;
		run->sweep.found = run_found;
		run->sweep.ctx = run;
	}
	run->sweep.set |= mask;
	run->sweep.read = 0;
	memmove(&run->rows[i + 1], &run->rows[i], (run->count - i) * sizeof(run->rows[0]));
	run->rows[i] = (struct run_row){ op->key, op, prev, false };
	run->count++;
	return RC_OK;
}

static enum rc
op_update(struct applying *a, struct run *run, struct table_plan *p, const struct commit_op *op, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	uint64_t mask, prev;
	bool done = false, is_there = true;
	enum rc rc;

	mask = op_values(p, op, values);
	if (op->prevs_count != 1 || ((mask & p->rank) != 0 && a->s->level < LEVEL_MAX) || mask == 0)
		return op_settle(a, p, op, d);
	if (merge_prev_version(a->e, a->s, a->c, &op->prevs[0], &prev, NULL) != RC_OK)
		return op_settle(a, p, op, d);	/* C12 */
	if (!is_plain(a, p, op, &rc, d))
		return rc != RC_OK ? rc : op_settle(a, p, op, d);
	if ((mask & p->counter) == 0)
		return run_put(run, p, op, mask, prev, d);
	if ((rc = counters_add(a, p, op, prev, mask, values, &is_there, d)) != RC_OK)
		return rc;
	if (is_there && (rc = row_update(a->e, p, op->key, mask, values, a->v, prev, &done, d)) != RC_OK)
		return rc;
	return done ? RC_OK : op_settle(a, p, op, d);
}

static enum rc
op_delete(struct applying *a, struct table_plan *p, const struct commit_op *op, struct diag *d)
{
	struct value now[COLUMNS_MAX];
	uint64_t prev, v;
	bool done;
	enum rc rc;

	if (op->prevs_count != 1)
		return op_settle(a, p, op, d);
	if (merge_prev_version(a->e, a->s, a->c, &op->prevs[0], &prev, NULL) != RC_OK)
		return op_settle(a, p, op, d);	/* C12 */
	if (!is_plain(a, p, op, &rc, d))
		return rc != RC_OK ? rc : op_settle(a, p, op, d);
	rc = row_get(a->e, p, op->key, now, &v, d);
	if (rc == RC_OK)
		row_get_done(p);
	if (rc == RC_NOTFOUND || (rc == RC_OK && v != prev))
		return op_settle(a, p, op, d);
	if (rc != RC_OK || (rc = row_delete(a->e, p, op->key, &done, d)) != RC_OK)
		return rc;
	return row_entry_put(a->e, p, op->key, &a->v, 1, ROW_DEAD, d);
}

enum rc
apply_rows(struct engine *e, const struct stream *s, const struct commit *c, uint64_t v, struct apply_result *r,
    struct diag *d)
{
	struct applying a = { e, s, c, v, r };
	struct run run;
	struct table_plan *p = NULL;
	enum rc rc = RC_OK;
	size_t i;

	run.a = &a;
	run.count = 0;
	for (i = 0; i < c->ops_count && rc == RC_OK; i++) {
		const struct commit_op *op = &c->ops[i];

		/* Changes that were gathered come before whatever else the commit does to a row. */
		if (op->kind != COMMIT_UPDATE && (rc = run_write(&run, d)) != RC_OK)
			break;
		if (p == NULL || p->t->number != op->table)
			if ((rc = row_plan_of(e, catalogue_table_numbered(&e->catalogue, op->table), &p, d)) != RC_OK)
				return rc;
		if (op->kind == COMMIT_UPDATE)
			rc = op_update(&a, &run, p, op, d);
		else if (op->kind == COMMIT_DELETE)
			rc = op_delete(&a, p, op, d);
		else
			rc = op_insert(&a, p, op, d);
	}
	return rc == RC_OK ? run_write(&run, d) : rc;
}
