#include "digest.h"

#include "cursor.h"
#include "merge.h"
#include "row.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	struct engine *e;
	unit_id top;			/* UNIT_NONE: everything */
	const struct catalogue_table *t;
	struct table_plan *p;
	digest_fn fn;
	void *ctx;
};

/* --- one row ---------------------------------------------------------------------------------- */

static int
sibling_cmp(const void *pa, const void *pb)
{
	const struct digest_sibling *a = pa, *b = pb;

	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return value_cmp(a->value, b->value);
}

static enum rc
siblings_collect(const struct merge_set *set, const struct merge_result *m, struct digest_sibling **out, size_t *count)
{
	struct digest_sibling *list;
	size_t i, j, n = m->is_delete_contested ? 1 : 0;

	*out = NULL;
	*count = 0;
	for (i = 0; i < set->t->columns_count; i++)
		if (m->cells[i].candidates_count > 1)
			n += m->cells[i].candidates_count - 1;
	if ((list = mem_array(n + 1, sizeof(*list))) == NULL)
		return RC_NOMEM;
	n = 0;
	for (i = 0; i < set->t->columns_count; i++)
		for (j = 1; j < m->cells[i].candidates_count; j++) {
			list[n].column = i;
			(void)merge_writes(set, m->cells[i].candidates[j], i, &list[n++].value);
		}
	if (m->is_delete_contested)
		list[n++] = (struct digest_sibling){ set->t->columns_count, value_null() };
	qsort(list, n, sizeof(*list), sibling_cmp);
	*out = list;
	*count = n;
	return RC_OK;
}

/* Emit a row that has an entry: deleted, or with siblings. */
static enum rc
entry_emit(struct walk *w, struct digest_row *row, struct span heads, unsigned flags, struct diag *d)
{
	struct digest_sibling *siblings = NULL;
	struct merge_set set;
	struct merge_result m;
	enum rc rc;

	row->is_deleted = (flags & ROW_DEAD) != 0;
	if (row->is_deleted != (row->values == NULL))
		return diag_fail(d, RC_CORRUPT, "a row of %s is %s", w->t->name,
		    row->is_deleted ? "there, though it was deleted" : "missing, though it was not deleted");
	if ((flags & (ROW_OPEN | ROW_SUGGESTED)) == 0)
		return w->fn(w->ctx, row);
	if ((rc = merge_gather(w->e, w->t, row->key, (const uint64_t *)(const void *)heads.p,
	    heads.n / sizeof(uint64_t), &set, d)) != RC_OK)
		return rc;
	if ((rc = merge_row(&set, &m)) == RC_OK) {
		if ((rc = siblings_collect(&set, &m, &siblings, &row->siblings_count)) == RC_OK) {
			row->siblings = siblings;
			rc = w->fn(w->ctx, row);
		}
		merge_result_free(&set, &m);
	}
	mem_free(siblings);
	merge_set_free(&set);
	return rc;
}

static bool
is_wanted(const struct walk *w, uint64_t v, struct digest_row *row)
{
	const struct stream *s = stream_at(w->e, VERSION_SID(v));

	row->unit = unit_key(w->e, s->unit);
	return w->top == UNIT_NONE || unit_is_within(w->e, s->unit, w->top);
}

/* --- one table: its rows and its entries, both in order of key, side by side ------------------ */

struct entries {
	sqlite3_stmt *stmt;
	bool has;
};

static enum rc
entries_next(struct walk *w, struct entries *en, struct diag *d)
{
	int code = sqlite3_step(en->stmt);

	en->has = code == SQLITE_ROW;
	return en->has || code == SQLITE_DONE ? RC_OK : engine_sqlite_rc(w->e, code, "reading sync_row", d);
}

static enum rc
entry_step(struct walk *w, struct entries *en, struct digest_row *row, struct diag *d)
{
	struct bytes heads;
	struct span raw = value_of_column(en->stmt, 1).s;
	uint64_t v;
	enum rc rc = RC_OK;

	bytes_init(&heads);	/* a copy that is aligned for its u64s */
	bytes_put(&heads, raw.p, raw.n);
	if (!row_heads_ok(w->e, raw)) {
		rc = diag_fail(d, RC_CORRUPT, "the entry of a row of %s is damaged", w->t->name);
	} else {
		memcpy(&v, heads.p, sizeof(v));
		if (is_wanted(w, v, row))
			rc = entry_emit(w, row, span_bytes(&heads), (unsigned)sqlite3_column_int(en->stmt, 2), d);
	}
	bytes_free(&heads);
	return rc;
}

/* Entries before @key (all that are left when @key is NULL) have no row: deleted ones. */
static enum rc
dead_step(struct walk *w, struct entries *en, const struct span *key, struct diag *d)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && en->has) {
		struct digest_row row = { .table = w->t, .key = value_of_column(en->stmt, 0).s };

		if (key != NULL && span_cmp(row.key, *key) >= 0)
			break;
		rc = entry_step(w, en, &row, d);
		if (rc == RC_OK)
			rc = entries_next(w, en, d);
	}
	return rc;
}

static enum rc
row_step(struct walk *w, sqlite3_stmt *rows, struct entries *en, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	struct digest_row row = { .table = w->t, .key = value_of_column(rows, 1).s, .values = values };
	size_t i;
	enum rc rc;

	if ((rc = dead_step(w, en, &row.key, d)) != RC_OK)
		return rc;
	for (i = 0; i < w->t->columns_count; i++)
		values[i] = value_of_column(rows, (int)i + 2);
	if (en->has && span_eq(value_of_column(en->stmt, 0).s, row.key)) {
		if ((rc = entry_step(w, en, &row, d)) == RC_OK)
			rc = entries_next(w, en, d);
		return rc;
	}
	if (!stream_version_ok(w->e, (uint64_t)sqlite3_column_int64(rows, 0)))
		return row_version_fail(w->t, row.key, d);
	return is_wanted(w, (uint64_t)sqlite3_column_int64(rows, 0), &row) ? w->fn(w->ctx, &row) : RC_OK;
}

static void
rows_sql(const struct catalogue_table *t, struct bytes *sql)
{
	size_t i;

	bytes_fmt(sql, "SELECT _v, \"%s\"", t->key_column);
	for (i = 0; i < t->columns_count; i++)
		bytes_fmt(sql, ", \"%s\"", t->columns[i].name);
	bytes_fmt(sql, " FROM \"%s\" ORDER BY \"%s\"", t->name, t->key_column);
}

static enum rc
table_walk(struct walk *w, struct diag *d)
{
	static const char entries_sql[] = "SELECT key, heads, flags FROM sync_row WHERE tbl = ?1 ORDER BY key";
	struct entries en = { NULL, false };
	sqlite3_stmt *rows = NULL;
	struct bytes sql;
	enum rc rc = RC_OK;
	int code;

	bytes_init(&sql);
	rows_sql(w->t, &sql);
	if (bytes_cstr(&sql) == NULL)
		rc = RC_NOMEM;
	else if ((code = sqlite3_prepare_v2(w->e->db, (char *)sql.p, -1, &rows, NULL)) != SQLITE_OK ||
	    (code = sqlite3_prepare_v2(w->e->db, entries_sql, -1, &en.stmt, NULL)) != SQLITE_OK)
		rc = engine_sqlite_rc(w->e, code, "reading a table", d);
	if (rc == RC_OK) {
		(void)sqlite3_bind_int(en.stmt, 1, w->t->number);
		rc = entries_next(w, &en, d);
	}
	while (rc == RC_OK && (code = sqlite3_step(rows)) != SQLITE_DONE)
		rc = code == SQLITE_ROW ? row_step(w, rows, &en, d)
		    : engine_sqlite_rc(w->e, code, "reading a table", d);
	if (rc == RC_OK)
		rc = dead_step(w, &en, NULL, d);
	sqlite3_finalize(rows);
	sqlite3_finalize(en.stmt);
	bytes_free(&sql);
	return rc;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(
	    (*(const struct catalogue_table *const *)a)->name, (*(const struct catalogue_table *const *)b)->name);
}

enum rc
digest_each(struct engine *e, struct span unit, digest_fn fn, void *ctx, struct diag *d)
{
	const struct catalogue_table *sorted[TABLES_MAX];
	struct walk w = { .e = e, .top = UNIT_NONE, .fn = fn, .ctx = ctx };
	size_t i, n = e->catalogue.tables_count;
	enum rc rc = RC_OK;

	if (unit.n > 0 && (w.top = unit_find(e, unit)) == UNIT_NONE)
		return diag_fail(d, RC_INPUT, "there is no unit '%.*s' here", (int)(unit.n > 40 ? 40 : unit.n),
		    (const char *)unit.p);
	memcpy(sorted, e->tables, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), name_cmp);
	for (i = 0; i < n && rc == RC_OK; i++) {
		w.t = sorted[i];
		if ((rc = row_plan_of(e, w.t, &w.p, d)) == RC_OK)
			rc = table_walk(&w, d);
	}
	return rc;
}

/* --- the hash --------------------------------------------------------------------------------- */

static void
value_emit(struct bytes *b, struct value v)
{
	wr_u8(b, (uint8_t)v.type);
	if (v.type == VALUE_INT)
		wr_signed(b, v.i);
	else if (v.type != VALUE_NULL)
		wr_blob(b, v.s);
}

void
digest_row_emit(const struct digest_row *row, struct bytes *out)
{
	size_t i;

	wr_blob(out, span_str(row->table->name));
	wr_blob(out, row->key);
	wr_blob(out, row->unit);
	wr_u8(out, row->is_deleted ? 1 : 0);
	for (i = 0; !row->is_deleted && i < row->table->columns_count; i++)
		value_emit(out, row->values[i]);
	wr_varint(out, row->siblings_count);
	for (i = 0; i < row->siblings_count; i++) {
		wr_varint(out, row->siblings[i].column);
		value_emit(out, row->siblings[i].value);
	}
}

struct hashing {
	crypto_generichash_state state;
	struct bytes row;
};

static enum rc
hash_step(void *ctx, const struct digest_row *row)
{
	struct hashing *h = ctx;

	bytes_clear(&h->row);
	digest_row_emit(row, &h->row);
	(void)crypto_generichash_update(&h->state, h->row.p, h->row.n);
	return bytes_rc(&h->row);
}

enum rc
digest_rows(struct engine *e, struct span unit, uint8_t out[HASH_BYTES], struct diag *d)
{
	struct hashing h;
	enum rc rc;

	bytes_init(&h.row);
	(void)crypto_generichash_init(&h.state, NULL, 0, HASH_BYTES);
	rc = digest_each(e, unit, hash_step, &h, d);
	(void)crypto_generichash_final(&h.state, out, HASH_BYTES);
	bytes_free(&h.row);
	return rc;
}
