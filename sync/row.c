#include "row.h"

#include <string.h>

static enum rc
plan_prepare(struct engine *e, struct bytes *sql, sqlite3_stmt **out, struct diag *d)
{
	enum rc rc = RC_NOMEM;
	int code;

	if (bytes_cstr(sql) != NULL) {
		code = sqlite3_prepare_v3(e->db, (char *)sql->p, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
		rc = code == SQLITE_OK ? RC_OK : engine_sqlite_rc(e, code, "preparing a table", d);
	}
	bytes_clear(sql);
	return rc;
}

static void
insert_sql(const struct catalogue_table *t, struct bytes *sql)
{
	size_t i;

	bytes_fmt(sql, "INSERT INTO \"%s\" VALUES(?1", t->name);
	for (i = 0; i <= t->columns_count; i++)
		bytes_fmt(sql, ",?%zu", i + 2);
	bytes_fmt(sql, ") ON CONFLICT(\"%s\") DO NOTHING", t->key_column);
}

static void
get_sql(const struct catalogue_table *t, struct bytes *sql)
{
	size_t i;

	bytes_str(sql, "SELECT _v");
	for (i = 0; i < t->columns_count; i++)
		bytes_fmt(sql, ",\"%s\"", t->columns[i].name);
	bytes_fmt(sql, " FROM \"%s\" WHERE \"%s\"=?1", t->name, t->key_column);
}

/* What is asked of a table again and again, worked out once. */
static void
plan_describe(const struct engine *e, const struct catalogue_table *t, struct table_plan *p)
{
	size_t i;

	p->t = t;
	p->scope_at = t->scope_column == NULL ? -1 : catalogue_column_find(t, span_str(t->scope_column));
	p->owner_at = t->owner_column == NULL ? -1 : catalogue_column_find(t, span_str(t->owner_column));
	for (i = 0; i < t->columns_count; i++) {
		const struct catalogue_column *c = &t->columns[i];

		p->all |= UINT64_C(1) << i;
		if (c->policy == POLICY_RANK)
			p->rank |= UINT64_C(1) << i;
		if (c->policy == POLICY_COUNTER)
			p->counter |= UINT64_C(1) << i;
		if (c->required)
			p->required |= UINT64_C(1) << i;
		p->name_bytes[i] = (uint8_t)strlen(c->name);
		if (c->ref != NULL)
			p->ref[i] = catalogue_table_find(&e->catalogue, span_str(c->ref));
	}
	for (i = 0; t->unique != NULL && t->unique[i] != NULL; i++)
		p->unique_mask |= UINT64_C(1) << catalogue_column_find(t, span_str(t->unique[i]));
}

int
row_column(const struct table_plan *p, struct span name)
{
	size_t i;

	for (i = 0; i < p->t->columns_count; i++)
		if (p->name_bytes[i] == name.n && memcmp(p->t->columns[i].name, name.p, name.n) == 0)
			return (int)i;
	return -1;
}

enum rc
row_plan(struct engine *e, size_t table_index, struct table_plan **out, struct diag *d)
{
	const struct catalogue_table *t = e->catalogue.tables[table_index];
	struct table_plan *p = e->plans[table_index];
	struct bytes sql;
	enum rc rc;

	*out = p;
	if (p != NULL)
		return RC_OK;
	if ((p = mem_alloc(sizeof(*p))) == NULL)
		return RC_NOMEM;
	plan_describe(e, t, p);
	bytes_init(&sql);
	get_sql(t, &sql);
	if ((rc = plan_prepare(e, &sql, &p->get, d)) != RC_OK)
		goto err0;
	insert_sql(t, &sql);
	if ((rc = plan_prepare(e, &sql, &p->insert, d)) != RC_OK)
		goto err0;
	bytes_fmt(&sql, "DELETE FROM \"%s\" WHERE \"%s\"=?1", t->name, t->key_column);
	if ((rc = plan_prepare(e, &sql, &p->drop, d)) != RC_OK)
		goto err0;
	bytes_free(&sql);
	*out = e->plans[table_index] = p;
	return RC_OK;

err0:
	bytes_free(&sql);
	row_plan_free(p);
	return rc;
}

enum rc
row_plan_of(struct engine *e, const struct catalogue_table *t, struct table_plan **out, struct diag *d)
{
	size_t i;

	for (i = 0; i < e->catalogue.tables_count; i++)
		if (e->catalogue.tables[i] == t)
			return row_plan(e, i, out, d);
	return diag_fail(d, RC_BUG, "table %s is not in the catalogue", t->name);
}

void
row_plan_free(struct table_plan *p)
{
	size_t i;

	if (p == NULL)
		return;
	sqlite3_finalize(p->get);
	sqlite3_finalize(p->insert);
	sqlite3_finalize(p->drop);
	sqlite3_finalize(p->owner);
	sqlite3_finalize(p->unique);
	for (i = 0; i < ROW_UPDATES_MAX; i++)
		sqlite3_finalize(p->updates[i].stmt);
	for (i = 0; i < ROW_SWEEPS_MAX; i++)
		sqlite3_finalize(p->sweeps[i].stmt);
	mem_free(p);
}

int
row_key_bind(sqlite3_stmt *stmt, int at, const struct table_plan *p, struct span key)
{
	return value_bind(stmt, at, p->t->has_text_key ? value_text(key) : value_blob(key));
}

enum rc
row_version_fail(const struct catalogue_table *t, struct span key, struct diag *d)
{
	char text[KEY_TEXT_CHARS + 1] = "";
	struct span said = key;

	if (!t->has_text_key && key.n == KEY_BYTES) {
		key_format(key.p, text);
		said = span_str(text);
	}
	return diag_fail(d, RC_CORRUPT, "%s %.*s differs from what its log says: it names a change that is not there",
	    t->name, (int)said.n, (const char *)said.p);
}

enum rc
row_get(struct engine *e, struct table_plan *p, struct span key, struct value *values, uint64_t *v, struct diag *d)
{
	size_t i;
	int code;

	(void)sqlite3_reset(p->get);
	if (row_key_bind(p->get, 1, p, key) != SQLITE_OK)
		return RC_NOMEM;
	code = sqlite3_step(p->get);
	if (code != SQLITE_ROW) {
		enum rc rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading a row", d);

		(void)sqlite3_reset(p->get);
		return rc;
	}
	*v = (uint64_t)sqlite3_column_int64(p->get, 0);
	if (!stream_version_ok(e, *v)) {
		(void)sqlite3_reset(p->get);
		return row_version_fail(p->t, key, d);
	}
	for (i = 0; i < p->t->columns_count; i++)
		values[i] = value_of_column(p->get, (int)i + 1);
	return RC_OK;
}

void
row_get_done(struct table_plan *p)
{
	(void)sqlite3_reset(p->get);
}

enum rc
row_owner_get(struct engine *e, struct table_plan *p, struct span key, struct bytes *out, struct diag *d)
{
	struct bytes sql;
	struct value v;
	enum rc rc;
	int code;

	if (p->owner == NULL) {
		bytes_init(&sql);
		bytes_fmt(&sql, "SELECT \"%s\" FROM \"%s\" WHERE \"%s\"=?1", p->t->owner_column, p->t->name,
		    p->t->key_column);
		rc = plan_prepare(e, &sql, &p->owner, d);
		bytes_free(&sql);
		if (rc != RC_OK)
			return rc;
	}
	if (row_key_bind(p->owner, 1, p, key) != SQLITE_OK)
		return RC_NOMEM;
	code = sqlite3_step(p->owner);
	if (code == SQLITE_ROW) {
		v = value_of_column(p->owner, 0);
		bytes_put(out, v.s.p, v.s.n);
		rc = bytes_rc(out);
	} else {
		rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading a row", d);
	}
	(void)sqlite3_reset(p->owner);
	return rc;
}

static enum rc
write_step(struct engine *e, sqlite3_stmt *stmt, bool *done, struct diag *d)
{
	int code = sqlite3_step(stmt);
	enum rc rc = RC_OK;

	if (code == SQLITE_DONE)
		*done = sqlite3_changes(e->db) > 0;
	else
		rc = engine_sqlite_rc(e, code, "writing a row", d);
	(void)sqlite3_reset(stmt);
	return rc;
}

enum rc
row_insert(struct engine *e, struct table_plan *p, struct span key, const struct value *values, uint64_t v, bool *done,
    struct diag *d)
{
	int code = row_key_bind(p->insert, 1, p, key);
	size_t i;

	for (i = 0; i < p->t->columns_count && code == SQLITE_OK; i++)
		code = value_bind(p->insert, (int)i + 2, values[i]);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(p->insert, (int)p->t->columns_count + 2, (int64_t)v);
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "writing a row", d);
	e->v_now = v;
	return write_step(e, p->insert, done, d);
}

/* The UPDATE statement for one set of columns; the least recently made one gives way. */
static enum rc
update_stmt(struct engine *e, struct table_plan *p, uint64_t mask, sqlite3_stmt **out, struct diag *d)
{
	struct bytes sql;
	sqlite3_stmt *stmt;
	enum rc rc;
	size_t i;

	for (i = 0; i < ROW_UPDATES_MAX; i++)
		if (p->updates[i].stmt != NULL && p->updates[i].mask == mask) {
			*out = p->updates[i].stmt;
			return RC_OK;
		}
	bytes_init(&sql);
	bytes_fmt(&sql, "UPDATE \"%s\" SET _v=?2", p->t->name);
	for (i = 0; i < p->t->columns_count; i++)
		if ((mask >> i & 1) != 0)
			bytes_fmt(&sql, ",\"%s\"=?%zu", p->t->columns[i].name, i + 4);
	bytes_fmt(&sql, " WHERE \"%s\"=?1 AND (?3=0 OR _v=?3)", p->t->key_column);
	rc = plan_prepare(e, &sql, &stmt, d);
	bytes_free(&sql);
	if (rc != RC_OK)
		return rc;
	i = p->updates_next++ % ROW_UPDATES_MAX;
	sqlite3_finalize(p->updates[i].stmt);
	p->updates[i].mask = mask;
	p->updates[i].stmt = *out = stmt;
	return RC_OK;
}

enum rc
row_update(struct engine *e, struct table_plan *p, struct span key, uint64_t mask, const struct value *values,
    uint64_t v, uint64_t expected, bool *done, struct diag *d)
{
	sqlite3_stmt *stmt;
	enum rc rc;
	size_t i;
	int code;

	if ((rc = update_stmt(e, p, mask, &stmt, d)) != RC_OK)
		return rc;
	code = row_key_bind(stmt, 1, p, key);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(stmt, 2, (int64_t)v);
	if (code == SQLITE_OK)
		code = sqlite3_bind_int64(stmt, 3, (int64_t)expected);
	for (i = 0; i < p->t->columns_count && code == SQLITE_OK; i++)
		if ((mask >> i & 1) != 0)
			code = value_bind(stmt, (int)i + 4, values[i]);
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "writing a row", d);
	e->v_now = v;
	return write_step(e, stmt, done, d);
}

enum rc
row_delete(struct engine *e, struct table_plan *p, struct span key, bool *done, struct diag *d)
{
	if (row_key_bind(p->drop, 1, p, key) != SQLITE_OK)
		return RC_NOMEM;
	if (e->v_now == 0)
		e->v_now = UINT64_MAX;	/* no row carries it: this is a deletion of ours */
	return write_step(e, p->drop, done, d);
}

static void
unique_sql(const struct catalogue_table *t, struct bytes *sql)
{
	size_t i;

	bytes_fmt(sql, "SELECT 1 FROM \"%s\" WHERE \"%s\" <> ?1", t->name, t->key_column);
	for (i = 0; t->unique[i] != NULL; i++)
		bytes_fmt(sql, " AND \"%s\" = ?%zu", t->unique[i], i + 2);
}

enum rc
row_has_double(struct engine *e, struct table_plan *p, struct span key, const struct value *values, bool *out,
    struct diag *d)
{
	struct bytes sql;
	size_t i;
	int code;
	enum rc rc = RC_OK;

	*out = false;
	if (p->t->unique == NULL)
		return RC_OK;
	if (p->unique == NULL) {
		bytes_init(&sql);
		unique_sql(p->t, &sql);
		rc = plan_prepare(e, &sql, &p->unique, d);
		bytes_free(&sql);
		if (rc != RC_OK)
			return rc;
	}
	code = row_key_bind(p->unique, 1, p, key);
	for (i = 0; code == SQLITE_OK && p->t->unique[i] != NULL; i++)
		code = value_bind(p->unique, (int)i + 2,
		    values[catalogue_column_find(p->t, span_str(p->t->unique[i]))]);
	if (code == SQLITE_OK)
		code = sqlite3_step(p->unique);
	*out = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "checking for doubles", d);
	(void)sqlite3_reset(p->unique);
	return rc;
}

/* --- rows that are not plain ------------------------------------------------------------------------------------- */

bool
row_heads_ok(const struct engine *e, struct span heads)
{
	uint64_t v;
	size_t i;

	for (i = 0; i + sizeof(v) <= heads.n; i += sizeof(v)) {
		memcpy(&v, heads.p + i, sizeof(v));
		if (!stream_version_ok(e, v))
			return false;
	}
	return heads.n != 0 && i == heads.n;
}

enum rc
row_entry_get(struct engine *e, const struct table_plan *p, struct span key, struct bytes *heads, unsigned *flags,
    struct diag *d)
{
	static const char sql[] = "SELECT heads, flags FROM sync_row WHERE tbl = ?1 AND key = ?2";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if (e->exceptions == 0)
		return RC_NOTFOUND;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int(stmt, 1, p->t->number);
	if (value_bind(stmt, 2, value_blob(key)) != SQLITE_OK)
		return RC_NOMEM;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		struct value v = value_of_column(stmt, 0);

		bytes_put(heads, v.s.p, v.s.n);
		*flags = (unsigned)sqlite3_column_int(stmt, 1);
		if ((rc = bytes_rc(heads)) == RC_OK && !row_heads_ok(e, v.s))
			rc = diag_fail(d, RC_CORRUPT, "the entry of a row of %s is damaged", p->t->name);
	} else {
		rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading sync_row", d);
	}
	engine_done(stmt);
	return rc;
}

enum rc
row_entry_put(struct engine *e, const struct table_plan *p, struct span key, const uint64_t *heads, size_t heads_count,
    unsigned flags, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_row(tbl, key, heads, flags) VALUES(?1, ?2, ?3, ?4) "
	    "ON CONFLICT(tbl, key) DO UPDATE SET heads = excluded.heads, flags = excluded.flags";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int(stmt, 1, p->t->number);
	if (value_bind(stmt, 2, value_blob(key)) != SQLITE_OK ||
	    value_bind(stmt, 3, value_blob(span_of(heads, heads_count * sizeof(*heads)))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(stmt, 4, (int)flags);
	e->exceptions = 1;
	return engine_run(e, stmt, "writing sync_row", d);
}

enum rc
row_entry_drop(struct engine *e, const struct table_plan *p, struct span key, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_row WHERE tbl = ?1 AND key = ?2";
	sqlite3_stmt *stmt;
	enum rc rc;

	if (e->exceptions == 0)
		return RC_OK;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int(stmt, 1, p->t->number);
	if (value_bind(stmt, 2, value_blob(key)) != SQLITE_OK)
		return RC_NOMEM;
	return engine_run(e, stmt, "writing sync_row", d);
}
