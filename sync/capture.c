/* Capture: what a save touched, as SQLite's preupdate hook reports it.  The hook also fires for statements that fail
 * and inside savepoints that roll back, so it only notes keys and what stood there before; save_commit reads what
 * became of each row and drops those that did not change. */
#include "save_impl.h"

#include <string.h>

#define BLOCK_BYTES (64 * 1024)

struct save_block {
	struct save_block *next;
	max_align_t data[];
};

void *
save_take(struct save *s, size_t n)
{
	size_t size = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	struct save_block *b;
	uint8_t *at;

	if (s->arena.blocks == NULL || s->arena.left < size) {
		size_t want = size > BLOCK_BYTES ? size : BLOCK_BYTES;

		if ((b = mem_alloc(sizeof(*b) + want)) == NULL)
			return NULL;
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

/* --- rows by key ---------------------------------------------------------------------------------------------------- */

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
	s->rows_cap = cap;
	if ((slots = mem_array(cap * 2, sizeof(*slots))) == NULL)
		return false;
	mem_free(s->slots);
	s->slots = slots;
	s->slots_count = cap * 2;
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
	*is_new = true;
	return r;
}

/* --- scopes ---------------------------------------------------------------------------------------------------------- */

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

/* --- the hook --------------------------------------------------------------------------------------------------------- */

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

static struct table_plan *
plan_named(struct engine *e, const char *name)
{
	struct table_plan *p = NULL;
	size_t i;

	for (i = 0; i < e->catalogue.tables_count; i++)
		if (strcmp(e->catalogue.tables[i]->name, name) == 0)
			return row_plan(e, i, &p, NULL) == RC_OK ? p : NULL;
	return NULL;
}

/* Remember what stood in the row before this save. */
static enum rc
old_keep(struct save *s, struct save_captured *r)
{
	size_t i, n = r->plan->t->columns_count, bytes = 0;
	struct value *old = save_take(s, (n + 1) * sizeof(*old));
	sqlite3_value *v;
	uint8_t *copy;

	if (old == NULL)
		return RC_NOMEM;
	for (i = 0; i <= n; i++) {
		if (sqlite3_preupdate_old(s->e->db, (int)i + 1, &v) != SQLITE_OK)
			return RC_NOMEM;
		old[i] = value_of(v);
		bytes += old[i].s.n;
	}
	if ((copy = save_take(s, bytes + 1)) == NULL)
		return RC_NOMEM;
	for (i = 0; i < n; i++) {
		if (old[i].s.n == 0)
			continue;
		memcpy(copy, old[i].s.p, old[i].s.n);
		old[i].s.p = copy;
		copy += old[i].s.n;
	}
	r->existed = true;
	r->old_v = (uint64_t)old[n].i;
	r->old = old;
	return RC_OK;
}

/* Roughly what the change will take in the commit; only save_exec needs it here, save_row counts by itself. */
static size_t
estimate(struct save *s, const struct table_plan *p, int op)
{
	size_t i, bytes = 24;
	sqlite3_value *a, *b;

	for (i = 1; op != SQLITE_DELETE && i <= p->t->columns_count; i++) {
		if (sqlite3_preupdate_new(s->e->db, (int)i, &b) != SQLITE_OK)
			continue;
		if (op == SQLITE_UPDATE && (sqlite3_preupdate_old(s->e->db, (int)i, &a) != SQLITE_OK ||
		    value_eq(value_of(a), value_of(b))))
			continue;
		bytes += value_of(b).s.n + 4;
	}
	return bytes;
}

static enum rc
captured_scope(struct save *s, const struct save_captured *r, size_t *out)
{
	const struct stream *st;

	if (!r->existed)
		return save_scope(s, s->unit, r->plan->t->reach, out, NULL);
	st = stream_at(s->e, VERSION_SID(r->old_v));
	return save_scope(s, st->unit, st->reach, out, NULL);
}

static enum rc
row_seen(struct save *s, struct table_plan *p, int op)
{
	struct save_captured *r;
	sqlite3_value *key = NULL, *other = NULL;
	struct value k;
	bool is_new;
	size_t scope;
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
	if (is_new && op != SQLITE_INSERT && (rc = old_keep(s, r)) != RC_OK)
		return rc;
	if (s->exec_scope != SIZE_MAX) {
		size_t bytes = estimate(s, p, op);

		if ((rc = captured_scope(s, r, &scope)) != RC_OK)
			return rc;
		save_scope_count(s, scope, bytes);
		s->exec_scope = scope;
		s->e->v_now = save_scope_version(s, scope);
	}
	return RC_OK;
}

static void
on_preupdate(void *ctx, sqlite3 *db, int op, const char *database, const char *name, sqlite3_int64 a, sqlite3_int64 b)
{
	struct engine *e = ctx;
	struct save *s = e->save;
	struct table_plan *p;
	enum rc rc;

	(void)db;
	(void)database;
	(void)a;
	(void)b;
	if (e->is_applying)
		return;
	if (s != NULL && s->last_name == name) {
		p = s->last_plan;
	} else {
		p = plan_named(e, name);
		if (s != NULL) {
			s->last_name = name;
			s->last_plan = p;
		}
	}
	if (p == NULL)
		return;
	if (s == NULL) {
		e->is_stray = true;
		return;
	}
	if ((rc = row_seen(s, p, op)) != RC_OK && s->hook_rc == RC_OK)
		s->hook_rc = rc;
}

/* A change of a replicated table outside a save must not become durable. */
static int
on_commit(void *ctx)
{
	struct engine *e = ctx;
	bool is_refused = e->is_stray;

	e->is_stray = false;
	return is_refused ? 1 : 0;
}

/* sync_check(v): does the row being written carry the version under way?  Always, for whoever only reads. */
static void
fn_check(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct engine *e = sqlite3_user_data(ctx);

	(void)n;
	sqlite3_result_int(ctx, sqlite3_value_type(v[0]) == SQLITE_NULL || e->v_now == 0 ||
	    (uint64_t)sqlite3_value_int64(v[0]) == e->v_now);
}

/* sync_v(): the version under way, for SQL of save_exec. */
static void
fn_v(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct engine *e = sqlite3_user_data(ctx);

	(void)n;
	(void)v;
	sqlite3_result_int64(ctx, (sqlite3_int64)e->v_now);
}

enum rc
engine_functions(struct engine *e, struct diag *d)
{
	int code = sqlite3_create_function_v2(e->db, "sync_check", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS, e, fn_check, NULL,
	    NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(e->db, "sync_v", 0, SQLITE_UTF8, e, fn_v, NULL, NULL, NULL);
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "registering functions", d);
	if (e->is_writer) {
		(void)sqlite3_preupdate_hook(e->db, on_preupdate, e);
		(void)sqlite3_commit_hook(e->db, on_commit, e);
	}
	return RC_OK;
}

const char *
engine_ddl(void)
{
	return
	    "CREATE TABLE sync_meta(name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_stream(sid INTEGER PRIMARY KEY, origin BLOB NOT NULL, unit TEXT NOT NULL,"
	    " reach INTEGER NOT NULL, UNIQUE(origin, unit, reach)) STRICT;\n"
	    "CREATE TABLE sync_log(v INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;\n"
	    "CREATE TABLE sync_seal(v INTEGER PRIMARY KEY, hash BLOB NOT NULL, signature BLOB NOT NULL) STRICT;\n"
	    "CREATE TABLE sync_row(tbl INTEGER NOT NULL, key BLOB NOT NULL, heads BLOB NOT NULL,"
	    " flags INTEGER NOT NULL, PRIMARY KEY(tbl, key)) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_frontier(t INTEGER NOT NULL, s INTEGER NOT NULL, seq INTEGER NOT NULL,"
	    " PRIMARY KEY(t, s)) STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_quarantine(v INTEGER PRIMARY KEY, reason TEXT NOT NULL, is_deferred INTEGER NOT NULL)"
	    " STRICT;\n";
}
