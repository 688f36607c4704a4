#include "row_sweep.h"

#include <string.h>

#define RANGE_AT 9	/* the last byte of a minted key's counter */
#define RANGE_GAP_MAX 4

/* --- what the statement calls --------------------------------------------------------------------------------- */

static struct value
value_given(sqlite3_value *v)
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

/* A call out of turn: by a statement that is no sweep, or one that SQLite runs in another order. */
static void
sweep_lose(struct row_sweep *w, sqlite3_context *ctx)
{
	if (w != NULL)
		w->is_lost = true;
	sqlite3_result_error(ctx, "rows are changed through the program only", -1);
}

/* sync_take(key, _v, columns read …, expressions …): is the row written? */
static void
fn_take(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct engine *e = sqlite3_user_data(ctx);
	struct row_sweep *w = e->sweep;
	struct row_found f = { .now_v = 0, .kept = 0 };
	size_t i;

	if (w == NULL || w->left != 0 || (size_t)n != 2 + w->read_count + w->given_count) {
		sweep_lose(w, ctx);
		return;
	}
	f.key = value_given(v[0]).s;
	f.v = (uint64_t)sqlite3_value_int64(v[1]);
	if (w->rc == RC_OK && !stream_version_ok(e, f.v))
		w->rc = diag_fail(w->d, RC_CORRUPT, "a row of %s names a change that is not in the log",
		    w->plan->t->name);
	for (i = 0; i < w->read_count; i++)
		w->old[i] = value_given(v[2 + i]);
	for (i = 0; i < w->given_count; i++) {
		w->given[i] = value_given(v[2 + w->read_count + i]);
		if (sqlite3_value_type(v[2 + w->read_count + i]) == SQLITE_FLOAT)
			w->rc = diag_fail(w->d, RC_INPUT, "%s: a value with a fraction", w->plan->t->name);
	}
	f.old = w->old;
	f.given = w->given;
	if (w->rc != RC_OK || (w->rc = w->found(w->ctx, &f, w->d)) != RC_OK) {
		sqlite3_result_error(ctx, "refused", -1);
		return;
	}
	if (f.now_v != 0) {
		w->now = f.now;
		w->kept = f.kept;
		w->left = w->set_count + 1;
		e->v_now = f.now_v;
	}
	sqlite3_result_int(ctx, f.now_v != 0);
}

/* sync_cell(i, old): what the i-th of the columns set becomes. */
static void
fn_cell(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct row_sweep *w = ((struct engine *)sqlite3_user_data(ctx))->sweep;
	size_t i = (size_t)sqlite3_value_int64(v[0]);

	(void)n;
	if (w == NULL || w->left == 0 || i >= w->set_count) {
		sweep_lose(w, ctx);
		return;
	}
	w->left--;
	if ((w->kept >> i & 1) != 0) {
		sqlite3_result_value(ctx, v[1]);
		return;
	}
	switch (w->now[i].type) {
	case VALUE_INT:
		sqlite3_result_int64(ctx, w->now[i].i);
		break;
	case VALUE_TEXT:
		sqlite3_result_text(ctx, w->now[i].s.n == 0 ? "" : (const char *)w->now[i].s.p, (int)w->now[i].s.n,
		    SQLITE_STATIC);
		break;
	case VALUE_BLOB:
		sqlite3_result_blob(ctx, w->now[i].s.n == 0 ? (const void *)"" : w->now[i].s.p, (int)w->now[i].s.n,
		    SQLITE_STATIC);
		break;
	default:
		sqlite3_result_null(ctx);
	}
}

/* sync_v(): the version that the row taken last gets. */
static void
fn_v(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	struct engine *e = sqlite3_user_data(ctx);

	(void)n;
	(void)v;
	if (e->sweep == NULL || e->sweep->left == 0) {
		sweep_lose(e->sweep, ctx);
		return;
	}
	e->sweep->left--;
	sqlite3_result_int64(ctx, (sqlite3_int64)e->v_now);
}

enum rc
row_sweep_functions(struct engine *e, struct diag *d)
{
	int code = sqlite3_create_function_v2(e->db, "sync_take", -1, SQLITE_UTF8, e, fn_take, NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(e->db, "sync_cell", 2, SQLITE_UTF8, e, fn_cell, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(e->db, "sync_v", 0, SQLITE_UTF8, e, fn_v, NULL, NULL, NULL);
	return code == SQLITE_OK ? RC_OK : engine_sqlite_rc(e, code, "registering functions", d);
}

/* --- the statements ------------------------------------------------------------------------------------------- */

/* Without an index: rows are met in the order of their keys, which no change moves.  OR FAIL: whatever fails, all of
 * the transaction goes, so SQLite need not be able to take back the statement alone. */
static void
update_sql(const struct row_sweep *w, struct bytes *sql)
{
	const struct catalogue_table *t = w->plan->t;
	size_t i, at = 0;

	bytes_fmt(sql, "UPDATE OR FAIL \"%s\" NOT INDEXED SET _v=sync_v()", t->name);
	for (i = 0; i < t->columns_count; i++)
		if ((w->set >> i & 1) != 0)
			bytes_fmt(sql, ",\"%s\"=sync_cell(%zu,\"%s\")", t->columns[i].name, at++,
			    t->columns[i].name);
	bytes_str(sql, " WHERE ");
}

static void
take_sql(const struct row_sweep *w, struct bytes *sql)
{
	const struct catalogue_table *t = w->plan->t;
	size_t i;

	bytes_fmt(sql, " AND sync_take(\"%s\",_v", t->key_column);
	for (i = 0; i < t->columns_count; i++)
		if ((w->read >> i & 1) != 0)
			bytes_fmt(sql, ",\"%s\"", t->columns[i].name);
}

static enum rc
sweep_prepare(struct engine *e, struct bytes *sql, unsigned flags, sqlite3_stmt **out, struct diag *d)
{
	int code;

	if (bytes_cstr(sql) == NULL)
		return RC_NOMEM;
	code = sqlite3_prepare_v3(e->db, (char *)sql->p, -1, flags, out, NULL);
	return code == SQLITE_OK ? RC_OK : engine_sqlite_rc(e, code, "preparing a change", d);
}

/* The statement for one key, or for a range of them; the least recently made one gives way. */
static enum rc
keys_stmt(struct engine *e, const struct row_sweep *w, bool is_range, sqlite3_stmt **out, struct diag *d)
{
	struct table_plan *p = w->plan;
	struct row_sweep_stmt *at;
	struct bytes sql;
	sqlite3_stmt *stmt;
	enum rc rc;
	size_t i;

	for (i = 0; i < ROW_SWEEPS_MAX; i++) {
		at = &p->sweeps[i];
		if (at->stmt != NULL && at->set == w->set && at->read == w->read && at->is_range == is_range) {
			*out = at->stmt;
			return RC_OK;
		}
	}
	bytes_init(&sql);
	update_sql(w, &sql);
	bytes_fmt(&sql, "\"%s\" %s", p->t->key_column, is_range ? "BETWEEN ?1 AND ?2" : "= ?1");
	take_sql(w, &sql);
	bytes_str(&sql, ")");
	rc = sweep_prepare(e, &sql, SQLITE_PREPARE_PERSISTENT, &stmt, d);
	bytes_free(&sql);
	if (rc != RC_OK)
		return rc;
	at = &p->sweeps[p->sweeps_next++ % ROW_SWEEPS_MAX];
	sqlite3_finalize(at->stmt);
	*at = (struct row_sweep_stmt){ w->set, w->read, is_range, stmt };
	*out = stmt;
	return RC_OK;
}

static size_t
bits_count(uint64_t mask)
{
	return (size_t)__builtin_popcountll(mask);
}

/* Run the statement over rows that are shown to w->found. */
static enum rc
sweep_step(struct engine *e, struct row_sweep *w, sqlite3_stmt *stmt, struct diag *d)
{
	int code;
	enum rc rc = RC_OK;

	INVARIANT(e->sweep == NULL);
	w->d = d;
	w->rc = RC_OK;
	w->is_lost = false;
	w->left = 0;
	w->read_count = bits_count(w->read);
	w->set_count = bits_count(w->set);
	e->sweep = w;
	code = sqlite3_step(stmt);
	e->sweep = NULL;
	if (w->rc != RC_OK)
		rc = w->rc;
	else if ((w->is_lost || (code == SQLITE_DONE && w->left != 0)) && w->given_count > 0)
		rc = diag_fail(d, RC_INPUT, "%s: rows are chosen without subqueries: look up their keys first",
		    w->plan->t->name);
	else if (w->is_lost || (code == SQLITE_DONE && w->left != 0))
		rc = diag_fail(d, RC_BUG, "%s: SQLite did not take one row after the other", w->plan->t->name);
	else if (code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "changing rows", d);
	(void)sqlite3_reset(stmt);
	return rc;
}

/* Keys that one save minted differ in their counter only, and those of one form by little: how many of the first ones
 * lie so close together that they are best taken as a range.  (A list of keys would be put into a table of its own by
 * SQLite, and cost more than a statement for each.) */
static size_t
range_length(const struct table_plan *p, const struct span *keys, size_t count)
{
	const uint8_t *a = keys[0].p, *b;
	size_t n;

	for (n = 1; n < count && !p->t->has_text_key; n++) {
		b = keys[n].p;
		if (memcmp(a, b, RANGE_AT) != 0 || memcmp(a + RANGE_AT + 1, b + RANGE_AT + 1,
		    KEY_BYTES - RANGE_AT - 1) != 0 || b[RANGE_AT] - a[RANGE_AT] > RANGE_GAP_MAX)
			break;
		a = b;
	}
	return n < 3 ? 1 : n;
}

enum rc
row_sweep_keys(struct engine *e, struct row_sweep *w, const struct span *keys, size_t count, struct diag *d)
{
	sqlite3_stmt *stmt;
	size_t n, at;
	int code;
	enum rc rc;

	w->given_count = 0;
	for (at = 0; at < count; at += n) {
		n = range_length(w->plan, keys + at, count - at);
		if ((rc = keys_stmt(e, w, n > 1, &stmt, d)) != RC_OK)
			return rc;
		code = row_key_bind(stmt, 1, w->plan, keys[at]);
		if (code == SQLITE_OK && n > 1)
			code = row_key_bind(stmt, 2, w->plan, keys[at + n - 1]);
		if (code != SQLITE_OK)
			return RC_NOMEM;
		if ((rc = sweep_step(e, w, stmt, d)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc
row_sweep_where(struct engine *e, struct row_sweep *w, const struct row_sweep_sql *q, struct diag *d)
{
	struct bytes sql;
	sqlite3_stmt *stmt = NULL;
	size_t i;
	int code = SQLITE_OK;
	enum rc rc;

	w->given_count = bits_count(w->set);
	bytes_init(&sql);
	update_sql(w, &sql);
	bytes_fmt(&sql, "(%s)", q->where == NULL ? "1" : q->where);
	take_sql(w, &sql);
	for (i = 0; i < w->given_count; i++)
		bytes_fmt(&sql, ",(%s)", q->exprs[i]);
	bytes_str(&sql, ")");
	rc = sweep_prepare(e, &sql, 0, &stmt, d);
	bytes_free(&sql);
	for (i = 0; rc == RC_OK && i < q->args_count && code == SQLITE_OK; i++)
		code = value_bind(stmt, (int)i + 1, q->args[i]);
	if (rc == RC_OK && code != SQLITE_OK)
		rc = engine_sqlite_rc(e, code, "changing rows", d);
	if (rc == RC_OK)
		rc = sweep_step(e, w, stmt, d);
	sqlite3_finalize(stmt);
	return rc;
}
