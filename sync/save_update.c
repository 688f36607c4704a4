/* A bulk change: one statement over all rows that meet a condition.  Each is captured as the statement stands on it. */
#include "save_impl.h"

#include "row_sweep.h"

#include <string.h>

struct updating {
	struct save *s;
	struct row_sweep sweep;
	struct save_shape shape;
	struct save_cell cells[COLUMNS_MAX];
	struct value checked[COLUMNS_MAX], now[COLUMNS_MAX];
	bool is_checked[COLUMNS_MAX];
};

/* A bulk change mostly writes one value everywhere: it is checked once. */
static enum rc
value_check(struct updating *u, size_t i, struct diag *d)
{
	const struct table_plan *p = u->shape.plan;
	struct value v = u->cells[i].value;
	enum rc rc;

	if (p->t->scope == SCOPE_COLUMN && u->shape.at[i] == p->scope_at)
		return RC_OK;	/* compared with what stands there */
	if (u->is_checked[i] && value_eq(v, u->checked[i]))
		return RC_OK;
	if ((rc = save_check_cell(u->s, p, u->shape.at[i], v, d)) != RC_OK)
		return rc;
	u->is_checked[i] = save_value_copy(u->s, v, &u->checked[i]);
	return u->is_checked[i] ? RC_OK : RC_NOMEM;
}

static enum rc
on_found(void *ctx, struct row_found *f, struct diag *d)
{
	struct updating *u = ctx;
	size_t i;
	enum rc rc;

	for (i = 0; i < u->shape.count; i++) {
		u->cells[i].value = f->given[i];
		if ((rc = value_check(u, i, d)) != RC_OK)
			return rc;
	}
	return save_change_found(u->s, &u->sweep, &u->shape, u->cells, u->now, f, d);
}

/* The columns, ascending, and the expressions in that order. */
static enum rc
shape_make(struct updating *u, const struct save_update *q, const char **exprs, struct diag *d)
{
	struct save_shape *sh = &u->shape;
	const struct catalogue_table *t = catalogue_table_find(&u->s->e->catalogue, q->table);
	size_t i, j;
	int at;
	enum rc rc;

	if (t == NULL)
		return diag_fail(d, RC_INPUT, "there is no table '%.*s'", (int)(q->table.n > 60 ? 60 : q->table.n),
		    (const char *)q->table.p);
	if ((rc = row_plan_of(u->s->e, t, &sh->plan, d)) != RC_OK)
		return rc;
	sh->set = 0;
	sh->count = 0;
	for (i = 0; i < q->sets_count; i++) {
		if ((at = row_column(sh->plan, q->sets[i].column)) < 0 || (sh->set >> at & 1) != 0)
			return diag_fail(d, RC_INPUT, "table %s has no column '%.*s', or it is given twice", t->name,
			    (int)(q->sets[i].column.n > 60 ? 60 : q->sets[i].column.n),
			    (const char *)q->sets[i].column.p);
		sh->set |= UINT64_C(1) << at;
		for (j = sh->count++; j > 0 && sh->at[j - 1] > at; j--) {
			sh->at[j] = sh->at[j - 1];
			exprs[j] = exprs[j - 1];
		}
		sh->at[j] = (uint8_t)at;
		exprs[j] = q->sets[i].expr;
	}
	if (sh->count == 0)
		return diag_fail(d, RC_INPUT, "%s: a change of no column", t->name);
	return RC_OK;
}

enum rc
save_update(struct save *s, const struct save_update *q, struct diag *d)
{
	const char *exprs[COLUMNS_MAX];
	struct updating *u;
	struct row_sweep_sql sql = { q->where, exprs, q->args, q->args_count };
	enum rc rc;

	INVARIANT(!s->is_dead);
	if ((u = mem_alloc(sizeof(*u))) == NULL) {
		s->is_dead = true;
		return RC_NOMEM;
	}
	u->s = s;
	if ((rc = shape_make(u, q, exprs, d)) == RC_OK) {
		u->sweep.plan = u->shape.plan;
		u->sweep.set = u->shape.set;
		u->sweep.read = save_change_reads(u->shape.plan, u->shape.set);
		u->sweep.found = on_found;
		u->sweep.ctx = u;
		rc = row_sweep_where(s->e, &u->sweep, &sql, d);
	}
	mem_free(u);
	s->e->v_now = 0;
	if (rc != RC_OK)
		s->is_dead = true;
	return rc;
}
