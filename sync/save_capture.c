/* Capture: what a save touched.  save_row and save_delete tell it themselves; the SQL of save_exec is followed through
 * SQLite's preupdate hook.  The hook also fires for statements that fail and inside savepoints that roll back: a save
 * whose statement failed is dead, and savepoints are refused.
 *
 * Outside a save the hook stands guard: a change of a replicated table by plain SQL is not committed. */
#include "save_impl.h"

#include <string.h>

#define BLOCK_BYTES_FIRST	(4 * 1024)
#define BLOCK_BYTES_MAX		(256 * 1024)

struct save_block {
	struct save_block *next;
	size_t n;
	max_align_t data[];
};

void *
save_take(struct save *s, size_t n)
{
	size_t size = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	struct save_block *b;
	uint8_t *at;

	if (s->arena.blocks == NULL || s->arena.left < size) {
		size_t want = s->arena.blocks == NULL ? BLOCK_BYTES_FIRST : s->arena.blocks->n * 2;

		if (want > BLOCK_BYTES_MAX)
			want = BLOCK_BYTES_MAX;
		if (want < size)
			want = size;
		if ((b = mem_grow(NULL, 1, sizeof(*b) + want)) == NULL)
			return NULL;
		b->n = want;
		b->next = s->arena.blocks;
		s->arena.blocks = b;
		s->arena.left = want;
	}
	/* The free part of a block is its front: taken from the back. */
	at = (uint8_t *)s->arena.blocks->data + s->arena.left - size;
	s->arena.left -= size;
	return at;
}

void
save_arena_free(struct save *s)
{
	struct save_block *b, *next;

	for (b = s->arena.blocks; b != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	s->arena.blocks = NULL;
	s->arena.left = 0;
}

void
save_arena_trim(struct save *s)
{
	struct save_block *b = s->arena.blocks, *next;

	for (; b != NULL && b->next != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	s->arena.blocks = b;
	s->arena.left = b == NULL ? 0 : b->n;
}

/* --- rows by key ------------------------------------------------------------------------------ */

static size_t
slot_start(const struct save *s, const struct table_plan *p, struct span key)
{
	uint64_t h = UINT64_C(1469598103934665603) ^ p->t->number;
	size_t i;

	for (i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 29) & (s->slots_count - 1);
}

static bool
rows_grow(struct save *s)
{
	size_t i, cap = s->rows_cap == 0 ? 32 : s->rows_cap * 2;
	struct save_captured *rows = mem_grow(s->rows, cap, sizeof(*rows));
	uint32_t *slots;

	if (rows == NULL)
		return false;
	s->rows = rows;
	if ((slots = mem_array(cap * 2, sizeof(*slots))) == NULL)
		return false;
	mem_free(s->slots);
	s->slots = slots;
	s->slots_count = cap * 2;
	s->rows_cap = cap;	/* last: without slots the rows cannot be found */
	for (i = 0; i < s->rows_count; i++) {
		size_t at = slot_start(s, rows[i].plan, rows[i].key);

		while (slots[at] != 0)
			at = (at + 1) & (s->slots_count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	return true;
}

struct save_captured *
save_captured(struct save *s, struct table_plan *p, struct span key, bool *is_new)
{
	struct save_captured *r;
	uint8_t *copy;
	size_t at;

	*is_new = false;
	if (s->slots_count > 0) {
		for (at = slot_start(s, p, key); s->slots[at] != 0; at = (at + 1) & (s->slots_count - 1)) {
			r = &s->rows[s->slots[at] - 1];
			if (r->plan == p && span_eq(r->key, key))
				return r;
		}
	}
	if (s->rows_count >= SAVE_ROWS_MAX || (s->rows_count == s->rows_cap && !rows_grow(s)) ||
	    (copy = save_take(s, key.n + 1)) == NULL)
		return NULL;
	memcpy(copy, key.p, key.n);
	for (at = slot_start(s, p, key); s->slots[at] != 0;)
		at = (at + 1) & (s->slots_count - 1);
	s->slots[at] = (uint32_t)++s->rows_count;
	r = &s->rows[s->rows_count - 1];
	memset(r, 0, sizeof(*r));
	r->plan = p;
	r->key = span_of(copy, key.n);
	r->scope = SIZE_MAX;
	*is_new = true;
	return r;
}

/* --- scopes ----------------------------------------------------------------------------------- */

enum rc
save_scope(struct save *s, unit_id u, enum reach reach, size_t *out, struct diag *d)
{
	struct save_scope *grown;
	enum rc rc;
	size_t i;

	for (i = 0; i < s->scopes_count; i++)
		if (s->scopes[i].unit == u && s->scopes[i].reach == reach) {
			*out = i;
			return RC_OK;
		}
	if (s->scopes_count == SAVE_SCOPES_MAX)
		return diag_fail(d, RC_LIMIT, "a save may touch at most %d units; save it in parts", SAVE_SCOPES_MAX);
	if (s->scopes_count == s->scopes_cap) {
		size_t cap = s->scopes_cap == 0 ? 8 : s->scopes_cap * 2;

		if ((grown = mem_grow(s->scopes, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		s->scopes = grown;
		s->scopes_cap = cap;
	}
	grown = &s->scopes[s->scopes_count];
	memset(grown, 0, sizeof(*grown));
	grown->unit = u;
	grown->reach = reach;
	if ((rc = stream_open(s->e, s->e->self.origin, u, reach, &grown->stream, d)) != RC_OK)
		return rc;
	grown->base_seq = grown->stream->head_seq;
	*out = s->scopes_count++;
	return RC_OK;
}

uint64_t
save_scope_version(const struct save *s, size_t scope)
{
	const struct save_scope *sc = &s->scopes[scope];

	return VERSION(sc->stream->sid, sc->base_seq + sc->part + 1);
}

void
save_scope_count(struct save *s, size_t scope, size_t bytes)
{
	struct save_scope *sc = &s->scopes[scope];

	if (s->o.is_bulk && sc->part_rows > 0 &&
	    (sc->part_bytes + bytes > SAVE_PART_BYTES || sc->part_rows >= SAVE_PART_ROWS)) {
		sc->part++;
		sc->part_bytes = 0;
		sc->part_rows = 0;
	}
	sc->part_bytes += bytes;
	sc->part_rows++;
}

/* --- what a row became ------------------------------------------------------------------------------------------- */

static bool
value_copy(struct save *s, struct value v, struct value *out)
{
	uint8_t *copy;

	*out = v;
	if (v.s.n == 0)
		return true;
	if ((copy = save_take(s, v.s.n)) == NULL)
		return false;
	memcpy(copy, v.s.p, v.s.n);
	out->s.p = copy;
	return true;
}

enum rc
save_captured_cell(struct save *s, struct save_captured *r, size_t column, struct value old, struct value now,
    bool is_forced)
{
	struct save_cell_change *c, *grown;
	size_t i;

	for (i = 0; i < r->cells_count; i++) {
		c = &r->cells[i];
		if (c->column != column)
			continue;
		c->is_forced = c->is_forced || is_forced;
		return value_copy(s, now, &c->now) ? RC_OK : RC_NOMEM;
	}
	if (r->cells_count == r->cells_cap) {
		size_t cap = r->cells_cap == 0 ? 2 : r->cells_cap * 2;

		if ((grown = save_take(s, cap * sizeof(*grown))) == NULL)
			return RC_NOMEM;
		if (r->cells_count > 0)
			memcpy(grown, r->cells, r->cells_count * sizeof(*grown));
		r->cells = grown;
		r->cells_cap = cap;
	}
	c = &r->cells[r->cells_count++];
	c->column = (uint8_t)column;
	c->is_forced = is_forced;
	return value_copy(s, old, &c->old) && value_copy(s, now, &c->now) ? RC_OK : RC_NOMEM;
}

enum rc
save_captured_owner(struct save *s, struct save_captured *r, struct value owner)
{
	struct value copy;

	if (!value_copy(s, owner, &copy))
		return RC_NOMEM;
	r->owner = copy.s;
	r->has_owner = true;
	return RC_OK;
}

/* --- the hook --------------------------------------------------------------------------------- */

static struct value
value_of(sqlite3_value *v)
{
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		return value_int(sqlite3_value_int64(v));
	case SQLITE_TEXT: {
		const void *p = sqlite3_value_text(v);

		return value_text(span_of(p, (size_t)sqlite3_value_bytes(v)));
	}
	case SQLITE_BLOB: {
		const void *p = sqlite3_value_blob(v);

		return value_blob(span_of(p, (size_t)sqlite3_value_bytes(v)));
	}
	default:
		return value_null();
	}
}

/* *@out is NULL for a table that is not the catalogue's. */
static enum rc
plan_named(struct engine *e, const char *name, struct table_plan **out)
{
	size_t i;

	*out = NULL;
	for (i = 0; i < e->catalogue.tables_count; i++)
		if (strcmp(e->catalogue.tables[i]->name, name) == 0)
			return row_plan(e, i, out, NULL);
	return RC_OK;
}

/* The old and the new value of a column, as the hook knows them; NULL for the side that there is not. */
static enum rc
hook_values(struct save *s, int op, size_t column, struct value *old, struct value *now)
{
	sqlite3_value *v;

	*old = *now = value_null();
	if (op != SQLITE_INSERT) {
		if (sqlite3_preupdate_old(s->e->db, (int)column + 1, &v) != SQLITE_OK)
			return RC_NOMEM;
		*old = value_of(v);
	}
	if (op != SQLITE_DELETE) {
		if (sqlite3_preupdate_new(s->e->db, (int)column + 1, &v) != SQLITE_OK)
			return RC_NOMEM;
		*now = value_of(v);
	}
	return RC_OK;
}

/* Note the columns that changed, or of a row that comes or goes those not NULL. */
static enum rc
hook_cells(struct save *s, struct save_captured *r, int op, size_t *bytes)
{
	const struct catalogue_table *t = r->plan->t;
	uint64_t mask = op == SQLITE_UPDATE && s->exec_table == t ? s->exec_columns : r->plan->all;
	struct value old, now;
	enum rc rc;
	size_t i;

	for (i = 0; i < t->columns_count; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		if ((rc = hook_values(s, op, i, &old, &now)) != RC_OK)
			return rc;
		/* A row that was gone and comes back: all columns count, also those that are NULL now. */
		if (value_eq(old, now) && !(op == SQLITE_INSERT && r->existed))
			continue;
		if ((rc = save_captured_cell(s, r, i, old, now, false)) != RC_OK)
			return rc;
		*bytes += now.s.n + 6;
	}
	return RC_OK;
}

/* The scope of a row that was there, when this save has begun it already: nothing may be written from here. */
static size_t
scope_begun(const struct save *s, uint64_t old_v)
{
	const struct stream *st = stream_at(s->e, VERSION_SID(old_v));
	size_t i;

	for (i = 0; i < s->scopes_count; i++)
		if (s->scopes[i].unit == st->unit && s->scopes[i].reach == st->reach)
			return i;
	return SIZE_MAX;
}

static enum rc
row_seen(struct save *s, struct table_plan *p, int op)
{
	struct save_captured *r;
	sqlite3_value *key = NULL, *other = NULL, *v = NULL;
	struct value k;
	size_t bytes = 24;
	bool is_new;
	enum rc rc;

	if ((op == SQLITE_INSERT ? sqlite3_preupdate_new(s->e->db, 0, &key)
	    : sqlite3_preupdate_old(s->e->db, 0, &key)) != SQLITE_OK)
		return RC_NOMEM;
	k = value_of(key);
	if (op == SQLITE_UPDATE && (sqlite3_preupdate_new(s->e->db, 0, &other) != SQLITE_OK ||
	    !value_eq(k, value_of(other))))
		return RC_DENIED;	/* a key never changes */
	if ((r = save_captured(s, p, k.s, &is_new)) == NULL)
		return s->rows_count >= SAVE_ROWS_MAX ? RC_LIMIT : RC_NOMEM;
	if (is_new && op != SQLITE_INSERT) {
		if (sqlite3_preupdate_old(s->e->db, (int)p->t->columns_count + 1, &v) != SQLITE_OK)
			return RC_NOMEM;
		r->existed = true;
		r->old_v = (uint64_t)sqlite3_value_int64(v);
		r->scope = scope_begun(s, r->old_v);
	}
	r->exists = op != SQLITE_DELETE;
	r->now_v = s->e->v_now;
	if ((rc = hook_cells(s, r, op, &bytes)) != RC_OK)
		return rc;
	/* What the next row of the statement will carry: rows of one scope mostly follow each other. */
	if (r->scope != SIZE_MAX)
		s->exec_scope = r->scope;
	save_scope_count(s, s->exec_scope, bytes);
	s->e->v_now = save_scope_version(s, s->exec_scope);
	return RC_OK;
}

static void
on_preupdate(void *ctx, sqlite3 *db, int op, const char *database, const char *name, sqlite3_int64 a, sqlite3_int64 b)
{
	struct engine *e = ctx;
	struct save *s = e->save;
	struct table_plan *p;
	enum rc rc = RC_OK;

	(void)db;
	(void)database;
	(void)a;
	(void)b;
	if (s == NULL) {
		e->is_stray = e->is_stray || catalogue_table_find(&e->catalogue, span_str(name)) != NULL;
		return;
	}
	if (s->last_name == name) {
		p = s->last_plan;
	} else if ((rc = plan_named(e, name, &p)) == RC_OK) {
		s->last_name = name;
		s->last_plan = p;
	}
	if (rc == RC_OK && p != NULL)
		rc = row_seen(s, p, op);
	if (rc != RC_OK && s->hook_rc == RC_OK)
		s->hook_rc = rc;
}

/* While a save or a received frame writes rows, it knows by itself what it writes: no hook, no cost. */
void
save_guard(struct engine *e, bool is_on)
{
	if (e->is_writer)
		(void)sqlite3_preupdate_hook(e->db, is_on ? on_preupdate : NULL, e);
}

/* The authorizer tells at preparing which columns an UPDATE sets, so that the hook need not compare all of them; and it
 * keeps out what the hook could not follow. */
static int
on_authorize(void *ctx, int action, const char *a, const char *b, const char *database, const char *trigger)
{
	struct save *s = ctx;
	const struct catalogue_table *t;
	int column;

	(void)database;
	(void)trigger;
	switch (action) {
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
	case SQLITE_PRAGMA:
		return SQLITE_DENY;
	case SQLITE_UPDATE:
		if ((t = catalogue_table_find(&s->e->catalogue, span_str(a))) == NULL)
			return SQLITE_OK;
		if (s->exec_table != t) {
			s->exec_columns = s->exec_table == NULL ? 0 : UINT64_MAX;
			s->exec_table = t;
		}
		if ((column = catalogue_column_find(t, span_str(b))) >= 0)
			s->exec_columns |= UINT64_C(1) << column;
		return SQLITE_OK;
	default:
		return SQLITE_OK;
	}
}

void
save_watch_begin(struct save *s)
{
	s->exec_table = NULL;
	s->exec_columns = 0;
	(void)sqlite3_set_authorizer(s->e->db, on_authorize, s);
	save_guard(s->e, true);
}

void
save_watch_end(struct save *s)
{
	save_guard(s->e, false);
	(void)sqlite3_set_authorizer(s->e->db, NULL, NULL);
}
