#include "save_impl.h"

#include "credential.h"

#include <string.h>

#define SPARE_ROWS_MAX 256	/* a larger save gives its memory back */

void
save_spare_free(struct save *s)
{
	if (s == NULL)
		return;
	save_arena_free(s);
	mem_free(s->rows);
	mem_free(s->slots);
	mem_free(s->scopes);
	mem_free(s);
}

/* A save in the memory of the one before, if that was a small one: forms come one after the other. */
static struct save *
save_alloc(struct engine *e)
{
	struct save *s = e->save_spare, kept;

	if (s == NULL)
		return mem_alloc(sizeof(*s));
	e->save_spare = NULL;
	kept = *s;
	memset(s, 0, sizeof(*s));
	s->arena = kept.arena;
	s->rows = kept.rows;
	s->rows_cap = kept.rows_cap;
	s->slots = kept.slots;
	s->slots_count = kept.slots_count;
	if (s->slots != NULL)
		memset(s->slots, 0, s->slots_count * sizeof(*s->slots));
	s->scopes = kept.scopes;
	s->scopes_cap = kept.scopes_cap;
	return s;
}

enum rc
save_begin(struct engine *e, const struct save_options *o, struct save **out, struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	struct save *s;
	enum rc rc;

	*out = NULL;
	INVARIANT(e->save == NULL);
	if (o->author.n > AUTHOR_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "the author's name has %zu bytes, at most %d are allowed", o->author.n,
		    AUTHOR_BYTES_MAX);
	if ((s = save_alloc(e)) == NULL)
		return RC_NOMEM;
	s->e = e;
	s->o = *o;
	s->exec_scope = SIZE_MAX;
	if (o->author.n > 0)
		memcpy(s->author, o->author.p, o->author.n);
	s->o.author = span_of(s->author, o->author.n);
	s->unit = o->unit.n == 0 ? e->self_unit : unit_find(e, o->unit);
	if (s->unit == UNIT_NONE) {
		rc = diag_fail(d, RC_INPUT, "there is no unit '%.*s' in the list of units",
		    (int)(o->unit.n > 40 ? 40 : o->unit.n), (const char *)o->unit.p);
		goto err0;
	}
	if (!unit_is_within(e, s->unit, e->self_unit)) {
		rc = diag_fail(d, RC_DENIED, "unit %.*s is not below this node's unit %s", (int)o->unit.n,
		    (const char *)o->unit.p, e->self.unit);
		goto err0;
	}
	/* A node's first commit must come after its credential, in clock and in cause. */
	if (!e->is_enrolled && memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0) {
		rc = diag_fail(d, RC_CONFLICT, "this node has not yet received its own credential: reconcile with its "
		    "parent once before saving");
		goto err0;
	}
	if ((rc = engine_begin(e, d)) != RC_OK)
		goto err0;
	s->txn = s->mint_hlc = engine_tick(e);
	e->save = s;
	save_guard(e, false);
	*out = s;
	return RC_OK;

err0:
	save_spare_free(s);
	return rc;
}

static void
save_free(struct save *s)
{
	struct engine *e = s->e;
	size_t i;

	e->save = NULL;
	e->v_now = 0;
	save_guard(e, true);
	for (i = 0; i < s->scopes_count; i++)
		mem_free(s->scopes[i].causes);
	if (e->save_spare != NULL || s->rows_cap > SPARE_ROWS_MAX || s->scopes_cap > SPARE_ROWS_MAX) {
		save_spare_free(s);
		return;
	}
	save_arena_trim(s);
	e->save_spare = s;
}

struct engine *
save_engine(const struct save *s)
{
	return s->e;
}

void
save_abandon(struct save *s)
{
	struct engine *e = s->e;

	save_free(s);
	engine_rollback(e);
}

static bool
saves_nodes(const struct save *s)
{
	size_t i;

	for (i = 0; i < s->rows_count; i++)
		if (s->rows[i].plan->t == &credential_table)
			return true;
	return false;
}

enum rc
save_commit(struct save *s, struct save_result *r, struct diag *d)
{
	struct engine *e = s->e;
	bool is_units = false, is_nodes;
	enum rc rc;

	memset(r, 0, sizeof(*r));
	rc = s->is_dead ? diag_fail(d, RC_BUG, "a save that failed was committed") : save_write(s, r, &is_units, d);
	is_nodes = rc == RC_OK && saves_nodes(s);
	save_free(s);
	/* What is kept in memory follows first: once the save is durable, nothing may fail any more. */
	if (rc == RC_OK && is_units && (rc = unit_reload(e, d)) == RC_OK)
		rc = unit_check_tree(e, d);
	if (rc == RC_OK && is_nodes)
		rc = origin_reload(e, d);
	if (rc == RC_OK && r->commits_count > 0)
		rc = engine_commit_tx(e, d);
	else
		engine_rollback(e);
	return rc;
}

/* --- rows ------------------------------------------------------------------------------------- */

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
key_take(struct save *s, const struct catalogue_table *t, struct span key, struct save_key *out, struct diag *d)
{
	if (key.n == 0 && t->has_text_key)
		return diag_fail(
		    d, RC_INPUT, "rows of %s are named by their %s: it must be given", t->name, t->key_column);
	if (key.n == 0) {
		key_mint(s, out);
		return RC_OK;
	}
	if (t->has_text_key ? key.n > KEY_TEXT_BYTES_MAX || !save_check_text(key) : key.n != KEY_BYTES)
		return diag_fail(d, RC_INPUT, "%s: the key is not one", t->name);
	memcpy(out->b, key.p, key.n);
	out->n = key.n;
	return RC_OK;
}

static size_t
values_bytes(const struct value *values, const struct save_cell *cells, size_t n)
{
	size_t i, bytes = 24;

	for (i = 0; i < n; i++)
		bytes += (values != NULL ? values[i].s.n : cells[i].value.s.n) + 12;
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

/* Capture an insertion.  A row that was there before this save and was deleted in it counts with all its columns. */
static enum rc
row_note(struct save *s, struct table_plan *p, struct span key, const struct value *values, size_t scope)
{
	struct save_captured *r;
	bool is_new;
	size_t i;
	enum rc rc;

	if ((r = save_captured(s, p, key, &is_new)) == NULL)
		return s->rows_count >= SAVE_ROWS_MAX ? RC_LIMIT : RC_NOMEM;
	r->exists = true;
	r->scope = scope;
	r->now_v = save_scope_version(s, scope);
	for (i = 0; i < p->t->columns_count; i++) {
		if (values[i].type == VALUE_NULL && !r->existed)
			continue;
		if ((rc = save_captured_cell(s, r, i, value_null(), values[i], false)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc
row_add(struct save *s, struct table_plan *p, struct span key, const struct save_cell *cells, size_t count,
    struct diag *d)
{
	const struct catalogue_table *t = p->t;
	struct value values[COLUMNS_MAX];
	struct bytes heads;
	unsigned flags = 0;
	unit_id u;
	size_t i, scope;
	bool done;
	enum rc rc;

	if ((rc = save_check_cells(s, p, cells, count, true, d)) != RC_OK)
		return rc;
	for (i = 0; i < t->columns_count; i++)
		values[i] = value_null();
	if (t->scope == SCOPE_COLUMN)
		values[p->scope_at] = value_text(unit_key(s->e, s->unit));
	for (i = 0; i < count; i++)
		values[row_column(p, cells[i].column)] = cells[i].value;
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
	save_scope_count(s, scope, values_bytes(values, NULL, t->columns_count));
	rc = row_insert(s->e, p, key, values, save_scope_version(s, scope), &done, d);
	if (rc == RC_OK && !done)
		rc = diag_fail(d, RC_CONFLICT, "%s: there is a row with this key", t->name);
	return rc == RC_OK ? row_note(s, p, key, values, scope) : rc;
}

/* What a change of an existing row writes: @now starts as what stands there. */
struct row_change {
	struct value now[COLUMNS_MAX];
	uint64_t mask, forced;
};

static enum rc
change_collect(const struct table_plan *p, const struct save_cell *cells, size_t count, struct row_change *c,
    struct diag *d)
{
	const struct catalogue_table *t = p->t;
	size_t i;

	for (i = 0; i < count; i++) {
		int at = row_column(p, cells[i].column);
		struct value v = cells[i].value;

		if (cells[i].is_delta && v.type == VALUE_INT && c->now[at].type == VALUE_INT &&
		    __builtin_add_overflow(v.i, c->now[at].i, &v.i))
			return diag_fail(d, RC_INPUT, "%s.%s: the sum is too large", t->name, t->columns[at].name);
		if (cells[i].is_delta && v.type == VALUE_INT && t->columns[at].min < t->columns[at].max &&
		    (v.i < t->columns[at].min || v.i > t->columns[at].max))
			return diag_fail(d, RC_INPUT, "%s.%s: the sum %lld is outside %lld to %lld", t->name,
			    t->columns[at].name, (long long)v.i, (long long)t->columns[at].min,
			    (long long)t->columns[at].max);
		if (t->scope == SCOPE_COLUMN && at == p->scope_at &&
		    !value_eq(c->now[at], v))
			return diag_fail(d, RC_INPUT, "%s.%s: a row stays with the unit it was made for", t->name,
			    t->columns[at].name);
		if (cells[i].is_forced && t->columns[at].policy != POLICY_COUNTER)
			c->forced |= UINT64_C(1) << at;
		if (!value_eq(c->now[at], v))
			c->mask |= UINT64_C(1) << at;
		c->now[at] = v;
	}
	return RC_OK;
}

static enum rc
change_note(struct save *s, struct table_plan *p, struct span key, const struct value *old,
    const struct row_change *c, uint64_t old_v, size_t scope)
{
	struct save_captured *r;
	bool is_new;
	size_t i;
	enum rc rc;

	if ((r = save_captured(s, p, key, &is_new)) == NULL)
		return s->rows_count >= SAVE_ROWS_MAX ? RC_LIMIT : RC_NOMEM;
	if (is_new) {
		r->existed = true;
		r->old_v = old_v;
		if (p->owner_at >= 0 && (rc = save_captured_owner(s, r, old[p->owner_at])) != RC_OK)
			return rc;
	}
	r->exists = true;
	r->scope = scope;
	r->now_v = save_scope_version(s, scope);
	r->is_touched = r->is_touched || (c->mask | c->forced) == 0;
	for (i = 0; i < p->t->columns_count; i++)
		if (((c->mask | c->forced) >> i & 1) != 0 &&
		    (rc = save_captured_cell(s, r, i, old[i], c->now[i], (c->forced >> i & 1) != 0)) != RC_OK)
			return rc;
	return RC_OK;
}

static enum rc
row_change(struct save *s, struct table_plan *p, struct span key, const struct save_cell *cells, size_t count,
    const struct value *old, uint64_t v, struct diag *d)
{
	const struct stream *st = stream_at(s->e, VERSION_SID(v));
	struct row_change c = { .mask = 0 };
	size_t scope;
	bool done;
	enum rc rc;

	memcpy(c.now, old, p->t->columns_count * sizeof(*old));
	if ((rc = change_collect(p, cells, count, &c, d)) != RC_OK)
		return rc;
	if (c.mask == 0 && c.forced == 0 && count > 0)
		return RC_OK;
	if (p->t->is_insert_only)
		return diag_fail(
		    d, RC_DENIED, "rows of %s are never changed once they stand: add a new one", p->t->name);
	if ((rc = save_scope(s, st->unit, st->reach, &scope, d)) != RC_OK)
		return rc;
	save_scope_count(s, scope, values_bytes(NULL, cells, count));
	if ((rc = change_note(s, p, key, old, &c, v, scope)) != RC_OK)
		return rc;
	return row_update(s->e, p, key, c.mask, c.now, save_scope_version(s, scope), 0, &done, d);
}

/* Was there a row with this key, now deleted?  Such a one may be put back. */
static enum rc
was_there(struct save *s, struct table_plan *p, struct span key, struct diag *d)
{
	char text[KEY_TEXT_CHARS + 1];
	struct bytes heads;
	unsigned flags;
	enum rc rc;

	bytes_init(&heads);
	rc = row_entry_get(s->e, p, key, &heads, &flags, d);
	bytes_free(&heads);
	if (rc != RC_NOTFOUND)
		return rc;
	key_format(key.p, text);
	return diag_fail(d, rc, "%s: there is no row %s", p->t->name, text);
}

/* Rows of one form mostly go to one table. */
static const struct catalogue_table *
table_named(struct save *s, struct span name)
{
	if (s->last_table == NULL || !span_eq(span_str(s->last_table->name), name))
		s->last_table = catalogue_table_find(&s->e->catalogue, name);
	return s->last_table;
}

/* The columns that have to be read to change @cells; unknown names are found out later. */
static uint64_t
cells_mask(const struct table_plan *p, const struct save_cell *cells, size_t count)
{
	uint64_t mask = p->owner_at >= 0 ? UINT64_C(1) << p->owner_at : 0;
	size_t i;
	int at;

	for (i = 0; i < count; i++)
		if ((at = row_column(p, cells[i].column)) >= 0)
			mask |= UINT64_C(1) << at;
	return mask;
}

static enum rc
row_write(struct save *s, struct span table, struct span key, const struct save_cell *cells, size_t count,
    struct save_key *k, struct diag *d)
{
	const struct catalogue_table *t = table_named(s, table);
	struct value values[COLUMNS_MAX];
	struct table_plan *p;
	uint64_t v;
	enum rc rc;

	if (t == NULL)
		return diag_fail(d, RC_INPUT, "there is no table '%.*s'", (int)(table.n > 60 ? 60 : table.n),
		    (const char *)table.p);
	if (count > t->columns_count)
		return diag_fail(d, RC_INPUT, "%s has %zu columns, %zu are given", t->name, t->columns_count, count);
	if ((rc = row_plan_of(s->e, t, &p, d)) != RC_OK || (rc = key_take(s, t, key, k, d)) != RC_OK)
		return rc;
	rc = key.n == 0 ? RC_NOTFOUND : row_get_some(s->e, p, span_of(k->b, k->n),
	    cells_mask(p, cells, count), values, &v, d);
	if (rc == RC_OK) {
		rc = save_check_cells(s, p, cells, count, false, d);
		if (rc == RC_OK)
			rc = row_change(s, p, span_of(k->b, k->n), cells, count, values, v, d);
		row_get_some_done(p);
	} else if (rc == RC_NOTFOUND) {
		if (!t->has_text_key && key.n != 0 && (rc = was_there(s, p, key, d)) != RC_OK)
			return rc;
		rc = row_add(s, p, span_of(k->b, k->n), cells, count, d);
	}
	return rc;
}

static enum rc
save_end(struct save *s, enum rc rc, struct diag *d)
{
	if (rc == RC_OK && s->hook_rc != RC_OK)
		rc = diag_fail(d, s->hook_rc,
		    s->hook_rc == RC_DENIED      ? "a key never changes: add a row and delete the old"
			: s->hook_rc == RC_LIMIT ? "a save may touch at most 2,097,152 rows"
						 : "no memory for the save");
	s->e->v_now = 0;
	s->exec_scope = SIZE_MAX;
	if (rc != RC_OK)
		s->is_dead = true;
	return rc;
}

enum rc
save_row(struct save *s, struct span table, struct span key, const struct save_cell *cells, size_t cells_count,
    struct save_key *key_out, struct diag *d)
{
	struct save_key k = { { 0 }, 0 };
	enum rc rc;

	INVARIANT(!s->is_dead);
	rc = save_end(s, row_write(s, table, key, cells, cells_count, &k, d), d);
	if (key_out != NULL)
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
		rc = s->rows_count >= SAVE_ROWS_MAX ? RC_LIMIT : RC_NOMEM;
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
	const struct catalogue_table *t = catalogue_table_find(&s->e->catalogue, table);
	struct table_plan *p;
	enum rc rc;

	INVARIANT(!s->is_dead);
	if (t == NULL)
		rc = diag_fail(d, RC_INPUT, "there is no table '%.*s'", (int)(table.n > 60 ? 60 : table.n),
		    (const char *)table.p);
	else if (t->is_insert_only)
		rc = diag_fail(d, RC_DENIED, "rows of %s are never deleted", t->name);
	else if ((rc = row_plan_of(s->e, t, &p, d)) == RC_OK)
		rc = row_drop(s, p, key, d);
	return save_end(s, rc, d);
}

enum rc
save_exec(struct save *s, const char *sql, struct diag *d)
{
	enum rc rc;

	INVARIANT(!s->is_dead);
	if ((rc = save_scope(s, s->unit, REACH_UP, &s->exec_scope, d)) == RC_OK) {
		s->e->v_now = save_scope_version(s, s->exec_scope);
		s->parent_plan = NULL;
		save_watch_begin(s);
		rc = engine_exec(s->e, sql, d);
		save_watch_end(s);
	}
	return save_end(s, rc, d);
}
