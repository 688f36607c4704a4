/* The rows of a form: each is checked, written and captured.  Rows that follow each other in one table with the same
 * columns are changed by one statement (row_sweep.h), which shows what stood there to whoever captures it. */
#include "save_impl.h"

#include "row_sweep.h"

#include <string.h>

#define RUN_ROWS_MAX 32	/* gathered at once */

/* --- keys ------------------------------------------------------------------------------------------------------ */

/* The key's counter is the clock's counter and an index, so that two saves never mint the same key. */
static void
key_mint(struct save *s, struct save_key *out)
{
	struct key k;

	if (s->mint_index > 0xFFFF) {
		s->mint_hlc = engine_tick(s->e);
		s->mint_index = 0;
	}
	key_make(&k, HLC_MS(s->mint_hlc), (uint32_t)(s->mint_hlc & 0xFFFF) << 16 | s->mint_index++, s->e->self.origin);
	memcpy(out->b, k.b, KEY_BYTES);
	out->n = KEY_BYTES;
}

static enum rc
key_check(const struct catalogue_table *t, struct span key, struct diag *d)
{
	if (key.n == 0 && t->has_text_key)
		return diag_fail(
		    d, RC_INPUT, "rows of %s are named by their %s: it must be given", t->name, t->key_column);
	if (key.n != 0 &&
	    (t->has_text_key ? key.n > KEY_TEXT_BYTES_MAX || !value_text_ok(key) : key.n != KEY_BYTES))
		return diag_fail(d, RC_INPUT, "%s: the key is not one", t->name);
	return RC_OK;
}

/* --- the columns that a row names ------------------------------------------------------------------------------- */

static bool
shape_is_of(const struct save_shape *sh, const struct save_change *c)
{
	size_t i;

	if (c->cells_count != sh->count)
		return false;
	for (i = 0; i < sh->count; i++)
		if (!span_eq(c->cells[i].column, span_str(sh->plan->t->columns[sh->at[i]].name)))
			return false;
	return true;
}

static enum rc
table_find(struct save *s, struct span name, struct table_plan **out, struct diag *d)
{
	const struct catalogue_table *t;
	enum rc rc;

	if (s->plan == NULL || !span_eq(name, span_str(s->plan->t->name))) {
		if ((t = catalogue_table_find(&s->e->catalogue, name)) == NULL)
			return diag_fail(d, RC_INPUT, "there is no table '%.*s'", (int)(name.n > 60 ? 60 : name.n),
			    (const char *)name.p);
		if ((rc = row_plan_of(s->e, t, &s->plan, d)) != RC_OK)
			return rc;
	}
	*out = s->plan;
	return RC_OK;
}

static enum rc
shape_make(struct save *s, const struct save_change *c, struct save_shape *sh, struct diag *d)
{
	size_t i;
	enum rc rc;

	if ((rc = table_find(s, c->table, &sh->plan, d)) != RC_OK)
		return rc;
	if (c->cells_count > sh->plan->t->columns_count)
		return diag_fail(d, RC_INPUT, "%s has %zu columns, %zu are given", sh->plan->t->name,
		    sh->plan->t->columns_count, c->cells_count);
	sh->count = c->cells_count;
	sh->set = 0;
	for (i = 0; i < c->cells_count; i++) {
		struct span name = c->cells[i].column;
		int at = row_column(sh->plan, name);

		if (at < 0)
			return diag_fail(d, RC_INPUT, "table %s has no column '%.*s'", sh->plan->t->name,
			    (int)(name.n > 60 ? 60 : name.n), (const char *)name.p);
		if ((sh->set >> at & 1) != 0)
			return diag_fail(d, RC_INPUT, "%s.%s is given twice", sh->plan->t->name,
			    sh->plan->t->columns[at].name);
		sh->set |= UINT64_C(1) << at;
		sh->at[i] = (uint8_t)at;
	}
	return RC_OK;
}

/* --- new rows ---------------------------------------------------------------------------------------------------- */

static size_t
values_bytes(const struct value *values, size_t n)
{
	size_t i, bytes = 24;

	for (i = 0; i < n; i++)
		bytes += values[i].s.n + 12;
	return bytes;
}

/* A row that belongs to a person belongs to whoever saves it, unless it says otherwise. */
static void
owner_default(const struct save *s, const struct table_plan *p, struct value *values)
{
	int at = p->t->owner == OWNER_AUTHOR ? p->owner_at : -1;

	if (at >= 0 && values[at].type == VALUE_NULL && s->o.author.n > 0)
		values[at] = value_text(s->o.author);
}

static enum rc
captured_failure(const struct save *s, struct diag *d)
{
	if (s->rows_count < SAVE_ROWS_MAX)
		return diag_fail(d, RC_NOMEM, "no memory for the save");
	return diag_fail(d, RC_LIMIT, "a save may touch at most 2,097,152 rows");
}

/* Capture an insertion.  A row that was there before this save and was deleted in it counts with all its columns. */
static enum rc
row_note(struct save *s, struct table_plan *p, struct span key, const struct value *values, size_t scope,
    bool is_minted, struct diag *d)
{
	struct save_captured *r;
	bool is_new;
	size_t i;
	enum rc rc;

	if ((r = save_captured(s, p, key, &is_new)) == NULL)
		return captured_failure(s, d);
	r->exists = true;
	r->is_minted = is_minted;
	r->scope = scope;
	r->now_v = save_scope_version(s, scope);
	if (!save_captured_room(s, r, p->t->columns_count))
		return RC_NOMEM;
	for (i = 0; i < p->t->columns_count; i++) {
		if (values[i].type == VALUE_NULL && !r->existed)
			continue;
		if ((rc = save_captured_cell(s, r, i, value_null(), values[i], false)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc
row_add(struct save *s, const struct save_shape *sh, struct span key, const struct save_cell *cells, bool is_minted,
    struct diag *d)
{
	struct table_plan *p = sh->plan;
	const struct catalogue_table *t = p->t;
	struct value values[COLUMNS_MAX];
	struct bytes heads;
	unsigned flags = 0;
	unit_id u;
	size_t i, scope;
	bool done;
	enum rc rc;

	if ((rc = save_check_cells(s, sh, cells, true, d)) != RC_OK)
		return rc;
	for (i = 0; i < t->columns_count; i++)
		values[i] = value_null();
	if (t->scope == SCOPE_COLUMN)
		values[p->scope_at] = value_text(unit_key(s->e, s->unit));
	for (i = 0; i < sh->count; i++)
		values[sh->at[i]] = cells[i].value;
	owner_default(s, p, values);
	if ((rc = save_check_scope(s, p, values, &u, d)) != RC_OK)
		return rc;
	bytes_init(&heads);
	rc = row_entry_get(s->e, p, key, &heads, &flags, d);
	if (rc == RC_OK && heads.n >= sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, heads.p, sizeof(v));
		if (stream_at(s->e, VERSION_SID(v))->unit != u)
			rc = diag_fail(d, RC_CONFLICT, "%s: a deleted row of another unit has this key", t->name);
	}
	bytes_free(&heads);
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	if ((rc = save_scope(s, u, t->reach, &scope, d)) != RC_OK)
		return rc;
	save_scope_count(s, scope, values_bytes(values, t->columns_count));
	rc = row_insert(s->e, p, key, values, save_scope_version(s, scope), &done, d);
	if (rc == RC_OK && !done)
		rc = diag_fail(d, RC_CONFLICT, "%s: there is a row with this key", t->name);
	return rc == RC_OK ? row_note(s, p, key, values, scope, is_minted, d) : rc;
}

/* --- changes of rows that are there ------------------------------------------------------------------------------- */

static enum rc
delta_add(const struct catalogue_table *t, const struct catalogue_column *col, struct value old, struct value *v,
    struct diag *d)
{
	if (v->type != VALUE_INT)
		return RC_OK;
	if (old.type == VALUE_INT && __builtin_add_overflow(v->i, old.i, &v->i))
		return diag_fail(d, RC_INPUT, "%s.%s: the sum is too large", t->name, col->name);
	if (col->min < col->max && (v->i < col->min || v->i > col->max))
		return diag_fail(d, RC_INPUT, "%s.%s: the sum %lld is outside %lld to %lld", t->name, col->name,
		    (long long)v->i, (long long)col->min, (long long)col->max);
	return RC_OK;
}

uint64_t
save_change_reads(const struct table_plan *p, uint64_t set)
{
	return set | (p->owner_at >= 0 ? UINT64_C(1) << p->owner_at : 0);
}

/* How many columns of @mask stand before @column. */
static size_t
place_of(uint64_t mask, unsigned column)
{
	return (size_t)__builtin_popcountll(mask & ((UINT64_C(1) << column) - 1));
}

/* What the rows of one statement need beside their values. */
struct noting {
	struct save *s;
	const struct row_sweep *w;
	const struct save_shape *sh;
	const struct row_found *f;
	uint64_t written;		/* cells */
};

static enum rc
change_note(const struct noting *n, const struct save_cell *cells, const struct value *now, size_t *scope,
    struct diag *d)
{
	struct save *s = n->s;
	struct table_plan *p = n->sh->plan;
	const struct stream *st = stream_at(s->e, VERSION_SID(n->f->v));
	struct save_captured *r;
	size_t i, bytes = 24;
	bool is_new;
	enum rc rc;

	if (p->t->is_insert_only)
		return diag_fail(
		    d, RC_DENIED, "rows of %s are never changed once they stand: add a new one", p->t->name);
	if ((rc = save_scope(s, st->unit, st->reach, scope, d)) != RC_OK)
		return rc;
	for (i = 0; i < n->sh->count; i++)
		bytes += cells[i].value.s.n + 12;
	save_scope_count(s, *scope, bytes);
	if ((r = save_captured(s, p, n->f->key, &is_new)) == NULL)
		return captured_failure(s, d);
	if (is_new) {
		r->existed = true;
		r->old_v = n->f->v;
		if (p->owner_at >= 0 && (rc = save_captured_owner(s, r,
		    n->f->old[place_of(n->w->read, (unsigned)p->owner_at)])) != RC_OK)
			return rc;
		if (!save_captured_room(s, r, n->sh->count))
			return RC_NOMEM;
	}
	r->exists = true;
	r->scope = *scope;
	r->now_v = save_scope_version(s, *scope);
	r->is_touched = r->is_touched || n->written == 0;
	for (i = 0; i < n->sh->count; i++) {
		unsigned at = n->sh->at[i];

		if ((n->written >> i & 1) != 0 && (rc = save_captured_cell(s, r, at,
		    n->f->old[place_of(n->w->read, at)], now[place_of(n->w->set, at)],
		    cells[i].is_forced && p->t->columns[at].policy != POLICY_COUNTER)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc
save_change_found(struct save *s, const struct row_sweep *w, const struct save_shape *sh,
    const struct save_cell *cells, struct value *now, struct row_found *f, struct diag *d)
{
	struct noting n = { s, w, sh, f, 0 };
	const struct catalogue_table *t = sh->plan->t;
	size_t i, place, scope;
	enum rc rc;

	f->kept = ~UINT64_C(0);
	for (i = 0; i < sh->count; i++) {
		const struct catalogue_column *col = &t->columns[sh->at[i]];
		struct value v = cells[i].value, old = f->old[place_of(w->read, sh->at[i])];
		bool is_same;

		if (cells[i].is_delta && (rc = delta_add(t, col, old, &v, d)) != RC_OK)
			return rc;
		is_same = value_eq(old, v);
		if (!is_same && t->scope == SCOPE_COLUMN && sh->at[i] == sh->plan->scope_at)
			return diag_fail(d, RC_INPUT, "%s.%s: a row stays with the unit it was made for", t->name,
			    col->name);
		if (!is_same || (cells[i].is_forced && col->policy != POLICY_COUNTER))
			n.written |= UINT64_C(1) << i;
		place = place_of(w->set, sh->at[i]);
		f->kept &= ~(UINT64_C(1) << place);
		now[place] = v;
	}
	if (n.written == 0 && sh->count > 0)
		return RC_OK;
	if ((rc = change_note(&n, cells, now, &scope, d)) != RC_OK)
		return rc;
	f->now = now;
	f->now_v = save_scope_version(s, scope);
	return RC_OK;
}

/* Rows of one table, by ascending key. */
struct run_row {
	struct span key;
	const struct save_change *change;
	const struct save_shape *shape;
	bool is_found;
};
struct run {
	struct save *s;
	struct row_sweep sweep;
	struct run_row rows[RUN_ROWS_MAX];
	size_t count, next;
	struct save_shape shapes[RUN_ROWS_MAX];
	size_t shapes_count;
	const struct save_change *at;	/* the one looked at last: whose fault a failure is */
	struct value now[COLUMNS_MAX];
};

static enum rc
run_found(void *ctx, struct row_found *f, struct diag *d)
{
	struct run *run = ctx;
	struct run_row *row;

	while (run->next < run->count && span_cmp(run->rows[run->next].key, f->key) < 0)
		run->next++;
	if (run->next == run->count || !span_eq(run->rows[run->next].key, f->key))
		return RC_OK;		/* between ours */
	row = &run->rows[run->next++];
	row->is_found = true;
	run->at = row->change;
	return save_change_found(run->s, &run->sweep, row->shape, row->change->cells, run->now, f, d);
}

/* Into its place by key; false when the key is there already. */
static bool
run_put(struct run *run, const struct save_change *c, const struct save_shape *sh)
{
	size_t i = run->count;

	while (i > 0 && span_cmp(run->rows[i - 1].key, c->key) > 0)
		i--;
	if (i > 0 && span_eq(run->rows[i - 1].key, c->key))
		return false;
	memmove(&run->rows[i + 1], &run->rows[i], (run->count - i) * sizeof(run->rows[0]));
	run->rows[i] = (struct run_row){ c->key, c, sh, false };
	run->count++;
	return true;
}

/* Gather what one statement can change: rows of one table with keys of their own.  Rows that a text names may be new,
 * and then known to those that follow: one by one.  The first shape is made already. */
static enum rc
run_gather(struct run *run, const struct save_change *c, size_t count, struct diag *d)
{
	const struct catalogue_table *t = run->shapes[0].plan->t;
	struct save_shape *sh = &run->shapes[0];
	size_t i, max = t->has_text_key ? 1 : RUN_ROWS_MAX;
	enum rc rc;

	run->sweep.set = 0;
	for (i = 0; i < count && i < max; i++) {
		if (i > 0 && (c[i].key.n == 0 || !span_eq(c[i].table, span_str(t->name))))
			break;
		run->at = &c[i];
		if (!shape_is_of(sh, &c[i])) {
			sh = &run->shapes[run->shapes_count++];
			if ((rc = shape_make(run->s, &c[i], sh, d)) != RC_OK)
				return rc;
		}
		if ((rc = key_check(t, c[i].key, d)) != RC_OK)
			return rc;
		if (!run_put(run, &c[i], sh))
			break;
		if ((rc = save_check_cells(run->s, sh, c[i].cells, false, d)) != RC_OK)
			return rc;
		run->sweep.set |= sh->set;
	}
	return RC_OK;
}

/* Was there a row with this key, now deleted?  Such a one may be put back. */
static enum rc
was_there(struct save *s, const struct table_plan *p, struct span key, struct diag *d)
{
	char text[KEY_TEXT_CHARS + 1];
	struct bytes heads;
	unsigned flags;
	enum rc rc;

	if (p->t->has_text_key)
		return RC_OK;
	bytes_init(&heads);
	rc = row_entry_get(s->e, p, key, &heads, &flags, d);
	bytes_free(&heads);
	if (rc != RC_NOTFOUND)
		return rc;
	key_format(key.p, text);
	return diag_fail(d, rc, "%s: there is no row %s", p->t->name, text);
}

static enum rc
run_write(struct run *run, struct diag *d)
{
	struct span keys[RUN_ROWS_MAX];
	struct row_sweep *w = &run->sweep;
	size_t i;
	enum rc rc;

	w->plan = run->shapes[0].plan;
	w->read = save_change_reads(w->plan, w->set);
	w->found = run_found;
	w->ctx = run;
	for (i = 0; i < run->count; i++)
		keys[i] = run->rows[i].key;
	run->next = 0;
	rc = row_sweep_keys(run->s->e, w, keys, run->count, d);
	for (i = 0; i < run->count && rc == RC_OK; i++) {
		if (run->rows[i].is_found)
			continue;
		run->at = run->rows[i].change;
		if ((rc = was_there(run->s, w->plan, run->rows[i].key, d)) == RC_OK)
			rc = row_add(run->s, run->rows[i].shape, run->rows[i].key, run->at->cells, false,
			    d);
	}
	return rc;
}

/* --- what callers see --------------------------------------------------------------------------------------------- */

/* Write some of the rows, at least the first; their number is *@n, or that of those before the one that failed. */
static enum rc
rows_write(struct save *s, const struct save_change *c, size_t count, struct save_key *keys, size_t *n,
    struct diag *d)
{
	struct run run;
	size_t i;
	enum rc rc;

	*n = 0;
	run.s = s;
	run.count = 0;
	run.shapes_count = 1;
	if ((rc = shape_make(s, c, &run.shapes[0], d)) != RC_OK)
		return rc;
	if (c->key.n == 0 && !run.shapes[0].plan->t->has_text_key) {
		key_mint(s, keys);
		rc = row_add(s, &run.shapes[0], span_of(keys->b, keys->n), c->cells, true, d);
		*n = rc == RC_OK ? 1 : 0;
		return rc;
	}
	if ((rc = run_gather(&run, c, count, d)) == RC_OK)
		rc = run_write(&run, d);
	*n = rc == RC_OK ? run.count : (size_t)(run.at - c);
	for (i = 0; i < *n; i++) {
		memmove(keys[i].b, c[i].key.p, c[i].key.n);	/* perhaps the same place */
		keys[i].n = c[i].key.n;
	}
	return rc;
}

enum rc
save_rows(struct save *s, const struct save_change *changes, size_t count, struct save_key *keys, size_t *failed,
    struct diag *d)
{
	size_t at, n;
	enum rc rc = RC_OK;

	INVARIANT(!s->is_dead);
	for (at = 0; at < count && rc == RC_OK; at += n)
		rc = rows_write(s, changes + at, count - at, keys + at, &n, d);
	s->e->v_now = 0;
	if (rc != RC_OK)
		s->is_dead = true;
	*failed = at;
	return rc;
}

enum rc
save_row(struct save *s, struct span table, struct span key, const struct save_cell *cells, size_t cells_count,
    struct save_key *key_out, struct diag *d)
{
	struct save_change c = { table, key, cells, cells_count };
	struct save_key k = { { 0 }, 0 };
	size_t failed;
	enum rc rc = save_rows(s, &c, 1, &k, &failed, d);

	if (rc == RC_OK && key_out != NULL)
		*key_out = k;
	return rc;
}

static enum rc
row_drop(struct save *s, struct table_plan *p, struct span key, struct diag *d)
{
	struct value old[COLUMNS_MAX];
	struct save_captured *r;
	bool is_new, done;
	uint64_t v;
	size_t i, scope;
	enum rc rc = row_get(s->e, p, key, old, &v, d);

	if (rc != RC_OK)
		return rc == RC_NOTFOUND ? diag_fail(d, rc, "%s: there is no such row", p->t->name) : rc;
	rc = save_scope(s, stream_at(s->e, VERSION_SID(v))->unit, p->t->reach, &scope, d);
	if (rc == RC_OK && (r = save_captured(s, p, key, &is_new)) == NULL)
		rc = captured_failure(s, d);
	if (rc == RC_OK) {
		if (is_new) {
			r->existed = true;
			r->old_v = v;
		}
		r->exists = false;
		r->scope = scope;
		for (i = 0; i < p->t->columns_count && rc == RC_OK; i++)
			if (old[i].type != VALUE_NULL)
				rc = save_captured_cell(s, r, i, old[i], value_null(), false);
	}
	row_get_done(p);
	if (rc != RC_OK)
		return rc;
	save_scope_count(s, scope, 24);
	s->parent_plan = NULL;
	return row_delete(s->e, p, key, &done, d);
}

enum rc
save_delete(struct save *s, struct span table, struct span key, struct diag *d)
{
	struct table_plan *p;
	enum rc rc;

	INVARIANT(!s->is_dead);
	if ((rc = table_find(s, table, &p, d)) == RC_OK)
		rc = p->t->is_insert_only ? diag_fail(d, RC_DENIED, "rows of %s are never deleted", p->t->name)
		    : row_drop(s, p, key, d);
	s->e->v_now = 0;
	if (rc != RC_OK)
		s->is_dead = true;
	return rc;
}
