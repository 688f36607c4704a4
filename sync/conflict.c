#include "conflict.h"

#include "merge.h"
#include "row.h"

#include <sodium.h>
#include <string.h>

/* The siblings are part of it: whoever settles a conflict settles what he saw, and a value that came since makes
 * another conflict of it. */
static void
conflict_id(struct conflict *c)
{
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES_MIN], hlc[8];
	uint8_t number = c->column == NULL ? 0 : (uint8_t)c->column->number;
	size_t i, j;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const uint8_t *)c->table->name, strlen(c->table->name) + 1);
	(void)crypto_generichash_update(&state, &number, 1);
	(void)crypto_generichash_update(&state, c->key.p, c->key.n);
	for (i = 0; i < c->siblings_count; i++) {
		for (j = 0; j < sizeof(hlc); j++)
			hlc[j] = (uint8_t)(c->siblings[i].hlc >> (56 - 8 * j));
		(void)crypto_generichash_update(&state, c->siblings[i].origin, ORIGIN_BYTES);
		(void)crypto_generichash_update(&state, hlc, sizeof(hlc));
	}
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	(void)sodium_bin2hex(c->id, CONFLICT_ID_CHARS + 1, hash, CONFLICT_ID_CHARS / 2);
}

static void
sibling_fill(struct engine *e, const struct merge_set *set, size_t at, struct conflict_sibling *out)
{
	const struct merge_version *m = &set->versions[at];
	const struct stream *s = stream_at(e, VERSION_SID(m->v));

	memset(out, 0, sizeof(*out));
	memcpy(out->origin, m->origin, ORIGIN_BYTES);
	out->unit = s->origin_unit == UNIT_NONE ? span_str("") : unit_key(e, s->origin_unit);
	out->author = m->commit.author;
	out->hlc = m->hlc;
	out->effective = m->at;
	out->level = m->level;
	out->is_deleted = m->op->kind == COMMIT_DELETE;
}

typedef enum rc (*found_fn)(void *ctx, struct engine *e, const struct merge_set *set, const struct conflict *c);

static enum rc
cell_report(struct engine *e, const struct merge_set *set, const struct merge_cell *cell, size_t column,
    struct conflict *c, found_fn fn, void *ctx)
{
	struct conflict_sibling *list = mem_array(cell->candidates_count, sizeof(*list));
	size_t i;
	enum rc rc;

	if (list == NULL)
		return RC_NOMEM;
	c->column = &set->t->columns[column];
	c->is_suggestion = c->column->policy == POLICY_RANK &&
	    set->versions[cell->candidates[0]].level > set->versions[cell->candidates[1]].level;
	for (i = 0; i < cell->candidates_count; i++) {
		sibling_fill(e, set, cell->candidates[i], &list[i]);
		(void)merge_writes(set, cell->candidates[i], column, &list[i].value);
		list[i].is_shown = i == 0;
	}
	c->siblings = list;
	c->siblings_count = cell->candidates_count;
	conflict_id(c);
	rc = fn(ctx, e, set, c);
	mem_free(list);
	return rc;
}

/* Delete against edit: the heads are the sides, those that edited (and show) first. */
static enum rc
liveness_report(struct engine *e, const struct merge_set *set, const struct merge_result *m, struct conflict *c,
    found_fn fn, void *ctx)
{
	struct conflict_sibling *list = mem_array(m->heads_count, sizeof(*list));
	size_t i, j, n = 0;
	int pass;
	enum rc rc;

	if (list == NULL)
		return RC_NOMEM;
	for (pass = 0; pass < 2; pass++)
		for (i = m->heads_count; i-- > 0;)
			for (j = 0; j < set->count; j++)
				if (set->versions[j].v == m->heads[i] &&
				    (set->versions[j].op->kind == COMMIT_DELETE) == (pass == 1)) {
					sibling_fill(e, set, j, &list[n]);
					list[n].is_shown = n == 0;
					n++;
				}
	c->column = NULL;
	c->is_suggestion = false;
	c->siblings = list;
	c->siblings_count = n;
	conflict_id(c);
	rc = fn(ctx, e, set, c);
	mem_free(list);
	return rc;
}

static enum rc
row_report(struct engine *e, const struct catalogue_table *t, struct span key, struct span heads, found_fn fn,
    void *ctx, struct diag *d)
{
	struct conflict c = { .table = t, .key = key };
	struct merge_set set;
	struct merge_result m;
	size_t i;
	enum rc rc =
	    merge_gather(e, t, key, (const uint64_t *)(const void *)heads.p, heads.n / sizeof(uint64_t), &set, d);

	if (rc != RC_OK)
		return rc;
	if ((rc = merge_row(&set, &m)) == RC_OK) {
		if (m.is_delete_contested)
			rc = liveness_report(e, &set, &m, &c, fn, ctx);
		for (i = 0; i < t->columns_count && rc == RC_OK && m.is_alive; i++)
			if (m.cells[i].candidates_count > 1)
				rc = cell_report(e, &set, &m.cells[i], i, &c, fn, ctx);
		merge_result_free(&set, &m);
	}
	merge_set_free(&set);
	return rc;
}

static enum rc
entries_each(struct engine *e, found_fn fn, void *ctx, struct diag *d)
{
	static const char sql[] = "SELECT tbl, key, heads FROM sync_row WHERE (flags & 6) <> 0 ORDER BY tbl, key";
	struct bytes copy;
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);

	_Static_assert((ROW_OPEN | ROW_SUGGESTED) == 6, "the flags in the statement");
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading sync_row", d);
	bytes_init(&copy);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
		const struct catalogue_table *t;
		struct span heads;

		if (code != SQLITE_ROW) {
			rc = engine_sqlite_rc(e, code, "reading sync_row", d);
			break;
		}
		t = catalogue_table_numbered(&e->catalogue, (uint64_t)sqlite3_column_int64(stmt, 0));
		heads = value_of_column(stmt, 2).s;
		bytes_clear(&copy);
		bytes_put(&copy, heads.p, heads.n);
		if (t != NULL && !row_heads_ok(e, heads))
			rc = diag_fail(d, RC_CORRUPT, "the entry of a row of %s is damaged", t->name);
		else if ((rc = bytes_rc(&copy)) == RC_OK && t != NULL)
			rc = row_report(e, t, value_of_column(stmt, 1).s, span_bytes(&copy), fn, ctx, d);
	}
	bytes_free(&copy);
	sqlite3_finalize(stmt);
	return rc;
}

struct each {
	conflict_fn fn;
	void *ctx;
};

static enum rc
each_step(void *ctx, struct engine *e, const struct merge_set *set, const struct conflict *c)
{
	struct each *x = ctx;

	(void)e;
	(void)set;
	return x->fn(x->ctx, c);
}

enum rc
conflict_each(struct engine *e, conflict_fn fn, void *ctx, struct diag *d)
{
	struct each x = { fn, ctx };

	return entries_each(e, each_step, &x, d);
}

static enum rc
count_step(void *ctx, struct engine *e, const struct merge_set *set, const struct conflict *c)
{
	uint64_t *n = ctx;

	(void)e;
	(void)set;
	*n += c->is_suggestion ? 0 : 1;
	return RC_OK;
}

uint64_t
conflict_count(struct engine *e)
{
	uint64_t n = 0;

	return entries_each(e, count_step, &n, NULL) == RC_OK ? n : 0;
}

/* --- settling --------------------------------------------------------------------------------- */

struct resolving {
	const char *id;
	int take;
	bool is_found, is_deletion;
	const struct catalogue_table *t;
	const struct catalogue_column *column;
	struct bytes key, value;
	enum value_type type;
	int64_t number;
	size_t siblings_count;
};

static enum rc
resolve_step(void *ctx, struct engine *e, const struct merge_set *set, const struct conflict *c)
{
	struct resolving *r = ctx;
	const struct conflict_sibling *s;

	(void)e;
	(void)set;
	if (strcmp(c->id, r->id) != 0)
		return RC_OK;
	r->is_found = true;
	r->t = c->table;
	r->column = c->column;
	r->siblings_count = c->siblings_count;
	bytes_put(&r->key, c->key.p, c->key.n);
	if (r->take < 0 || (size_t)r->take >= c->siblings_count)
		return bytes_rc(&r->key);
	s = &c->siblings[r->take];
	r->is_deletion = s->is_deleted;
	r->type = s->value.type;
	r->number = s->value.i;
	bytes_put(&r->value, s->value.s.p, s->value.s.n);
	return bytes_rc(&r->value);
}

static enum rc
resolve_write(struct save *s, const struct resolving *r, const struct value *value, struct diag *d)
{
	struct span table, key = span_bytes(&r->key);
	struct save_cell cell;

	if (!r->is_found)
		return diag_fail(d, RC_NOTFOUND, "there is no open conflict %s: it was settled, or a "
		    "further value came; list the conflicts again", r->id);
	table = span_str(r->t->name);
	if (r->take >= 0 && (size_t)r->take >= r->siblings_count)
		return diag_fail(d, RC_INPUT, "conflict %s has values 0 to %zu", r->id, r->siblings_count - 1);
	if (r->column == NULL) {
		if (r->take < 0)
			return diag_fail(
			    d, RC_INPUT, "conflict %s is delete against edit: choose a side with --take", r->id);
		return r->is_deletion ? save_delete(s, table, key, d) : save_row(s, table, key, NULL, 0, NULL, d);
	}
	memset(&cell, 0, sizeof(cell));
	cell.column = span_str(r->column->name);
	cell.is_forced = true;
	if (r->take < 0)
		cell.value = *value;
	else
		cell.value = (struct value){ r->type, r->number, span_bytes(&r->value) };
	return save_row(s, table, key, &cell, 1, NULL, d);
}

enum rc
conflict_resolve(struct save *s, const char *id, int take, const struct value *value, struct diag *d)
{
	struct resolving r = { .id = id, .take = take };
	enum rc rc;

	bytes_init(&r.key);
	bytes_init(&r.value);
	rc = entries_each(save_engine(s), resolve_step, &r, d);
	if (rc == RC_OK)
		rc = resolve_write(s, &r, value, d);
	bytes_free(&r.key);
	bytes_free(&r.value);
	return rc;
}

/* --- quarantine ------------------------------------------------------------------------------- */

enum rc
conflict_quarantine_each(struct engine *e, quarantined_fn fn, void *ctx, struct diag *d)
{
	static const char sql[] = "SELECT v, reason FROM sync_quarantine ORDER BY v";
	sqlite3_stmt *stmt = NULL;
	struct bytes body;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);

	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading the quarantine", d);
	bytes_init(&body);
	while (rc == RC_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		struct quarantined q = { .id = (uint64_t)sqlite3_column_int64(stmt, 0),
		    .reason = value_of_column(stmt, 1).s };
		const struct stream *s;
		struct commit c;

		bytes_clear(&body);
		if (!stream_version_ok(e, q.id)) {
			rc = diag_fail(d, RC_CORRUPT, "the quarantine names a change that is not in the log");
			break;
		}
		s = stream_at(e, VERSION_SID(q.id));
		if ((rc = log_body(e, q.id, &body, d)) != RC_OK ||
		    (rc = commit_parse(&c, span_bytes(&body), s->origin, VERSION_SEQ(q.id), d)) != RC_OK)
			break;
		commit_name(s->origin, c.txn, q.commit);
		memcpy(q.origin, s->origin, ORIGIN_BYTES);
		q.unit = s->origin_unit == UNIT_NONE ? span_str("") : unit_key(e, s->origin_unit);
		q.author = c.author;
		q.hlc = c.hlc;
		q.effective = clock_effective(e, s->origin, c.hlc);
		rc = fn(ctx, &q);
		commit_free(&c);
	}
	bytes_free(&body);
	sqlite3_finalize(stmt);
	return rc;
}

uint64_t
conflict_quarantine_count(struct engine *e)
{
	static const char sql[] = "SELECT count(*) FROM sync_quarantine";
	sqlite3_stmt *stmt = NULL;
	uint64_t n = 0;

	if (sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}
