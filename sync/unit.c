#include "unit.h"

#include "engine_impl.h"

#include <string.h>

/* Units are few (a country has some 3,400) and looked up by key only when a stream or a row is first met: the table is
 * kept in order of interning, and a look-up compares lengths and last bytes before all else. */
unit_id
unit_find(struct engine *e, struct span key)
{
	size_t i;

	for (i = 0; i < e->units_count; i++)
		if (e->units[i].key.n == key.n && key.n > 0 &&
		    memcmp(e->units[i].key.p, key.p, key.n) == 0)
			return (unit_id)i;
	return UNIT_NONE;
}

unit_id
unit_intern(struct engine *e, struct span key)
{
	unit_id u = unit_find(e, key);
	struct unit *grown;
	uint8_t *copy;

	if (u != UNIT_NONE)
		return u;
	if (e->units_count == e->units_cap) {
		size_t cap = e->units_cap == 0 ? 64 : e->units_cap * 2;

		if ((grown = mem_grow(e->units, cap, sizeof(*grown))) == NULL)
			return UNIT_NONE;
		e->units = grown;
		e->units_cap = cap;
	}
	if ((copy = mem_alloc(key.n + 1)) == NULL)
		return UNIT_NONE;
	memcpy(copy, key.p, key.n);
	u = (unit_id)e->units_count++;
	e->units[u] = (struct unit){ .key = { copy, key.n }, .parent = UNIT_NONE };
	return u;
}

struct span
unit_key(const struct engine *e, unit_id u)
{
	INVARIANT(u < e->units_count);
	return e->units[u].key;
}

unit_id
unit_parent(const struct engine *e, unit_id u)
{
	return u < e->units_count ? e->units[u].parent : UNIT_NONE;
}

enum level
unit_level(const struct engine *e, unit_id u)
{
	return u < e->units_count ? e->units[u].level : LEVEL_NONE;
}

bool
unit_is_known(const struct engine *e, unit_id u)
{
	return u < e->units_count && e->units[u].is_known;
}

bool
unit_is_within(const struct engine *e, unit_id u, unit_id top)
{
	unsigned depth;

	/* Everything is below the root, also what its list of units does not (yet) name. */
	if (top != UNIT_NONE && top == e->root_unit)
		return true;
	for (depth = 0; u != UNIT_NONE && depth < UNIT_DEPTH_MAX; depth++) {
		if (u == top)
			return true;
		u = unit_parent(e, u);
	}
	return false;
}

static bool
was_within(const struct engine *e, unit_id u, unit_id top, unsigned depth)
{
	size_t i;

	if (u == top)
		return true;
	for (i = 0; depth < UNIT_DEPTH_MAX && u < e->units_count && i < e->units[u].parents_count; i++)
		if (was_within(e, e->units[u].parents[i], top, depth + 1))
			return true;
	return false;
}

bool
unit_was_within(const struct engine *e, unit_id u, unit_id top)
{
	return (top != UNIT_NONE && top == e->root_unit) || was_within(e, u, top, 0);
}

bool
unit_holds(const struct engine *e, unit_id holder, unit_id u, enum reach reach)
{
	if (unit_is_within(e, u, holder))
		return true;
	return reach == REACH_DOWN && unit_is_within(e, holder, u);
}

bool
unit_holders_hold(const struct engine *e, unit_id u, enum reach reach, unit_id v, enum reach other)
{
	if (reach == REACH_UP && unit_is_within(e, v, u))
		return true;
	return other == REACH_DOWN && unit_is_within(e, u, v);
}

static struct span
unit_code(struct span key)
{
	const uint8_t *at = key.n == 0 ? NULL : memchr(key.p, '@', key.n);

	return at == NULL ? key : span_of(key.p, (size_t)(at - key.p));
}

/* YYYY-MM-DD, as far as order needs it. */
static bool
is_day(struct span s)
{
	size_t i;

	for (i = 0; i < s.n && i < 10; i++)
		if (i == 4 || i == 7 ? s.p[i] != '-' : s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n == 10;
}

unit_id
unit_resolve(struct engine *e, struct span text)
{
	struct span code = unit_code(text);
	unit_id best = UNIT_NONE;
	size_t i;

	if (text.n > code.n && !is_day(span_of(text.p + code.n + 1, text.n - code.n - 1)))
		return UNIT_NONE;

	/* Keys of one code differ in their date only, so the newest is the greatest; with a day, the newest that had
	 * begun by then. */
	for (i = 0; i < e->units_count; i++) {
		struct span key = e->units[i].key;

		if (!e->units[i].is_known || !span_eq(unit_code(key), code))
			continue;
		if (text.n > code.n && span_cmp(key, text) > 0)
			continue;
		if (best == UNIT_NONE || span_cmp(key, e->units[best].key) > 0)
			best = (unit_id)i;
	}
	return best;
}

enum rc
unit_check_tree(const struct engine *e, struct diag *d)
{
	unit_id u, up;
	unsigned depth;

	for (u = 0; u < e->units_count; u++) {
		up = unit_parent(e, u);
		for (depth = 0; up != UNIT_NONE && up != u && depth < UNIT_DEPTH_MAX; depth++)
			up = unit_parent(e, up);
		if (up != UNIT_NONE)
			return diag_fail(d, RC_INPUT, "unit %.*s would stand below itself", (int)e->units[u].key.n,
			    (const char *)e->units[u].key.p);
	}
	return RC_OK;
}

/* --- reading the table -------------------------------------------------------------------------- */

enum rc
unit_edge_add(struct engine *e, struct span key, struct span parent_key)
{
	unit_id u = unit_intern(e, key), parent = unit_intern(e, parent_key), *grown;
	struct unit *unit;
	size_t i;

	if (u == UNIT_NONE || parent == UNIT_NONE)
		return RC_NOMEM;
	unit = &e->units[u];
	for (i = 0; i < unit->parents_count; i++)
		if (unit->parents[i] == parent)
			return RC_OK;
	if ((grown = mem_grow(unit->parents, unit->parents_count + 1, sizeof(*grown))) == NULL)
		return RC_NOMEM;
	unit->parents = grown;
	unit->parents[unit->parents_count++] = parent;
	return RC_OK;
}

bool
unit_edge_is(const struct engine *e, unit_id u, unit_id parent)
{
	size_t i;

	for (i = 0; u < e->units_count && i < e->units[u].parents_count; i++)
		if (e->units[u].parents[i] == parent)
			return true;
	return false;
}

void
unit_edges_clear(struct engine *e)
{
	size_t i;

	for (i = 0; i < e->units_count; i++)
		e->units[i].parents_count = 0;
}

static enum rc
unit_take(struct engine *e, sqlite3_stmt *stmt)
{
	struct value key = value_of_column(stmt, 0), parent = value_of_column(stmt, 1);
	unit_id u = unit_intern(e, key.s), up = UNIT_NONE;

	if (parent.type == VALUE_TEXT && parent.s.n > 0)
		up = unit_intern(e, parent.s);
	if (u == UNIT_NONE || (up == UNIT_NONE && parent.type == VALUE_TEXT && parent.s.n > 0))
		return RC_NOMEM;
	e->units[u].parent = up;
	e->units[u].level = catalogue_level(value_of_column(stmt, 2).s);
	e->units[u].is_known = true;
	return RC_OK;
}

static enum rc
rows_take(struct engine *e, const char *sql, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);
	enum rc rc = RC_OK;

	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading the tree of units", d);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = unit_take(e, stmt);
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading the tree of units", d);
	sqlite3_finalize(stmt);
	return rc;
}

void
unit_forget(struct engine *e, size_t kept)
{
	size_t i, k, n;

	while (e->units_count > kept) {
		struct unit *u = &e->units[--e->units_count];

		mem_free((void *)(uintptr_t)u->key.p);
		mem_free(u->parents);
	}
	for (i = 0; i < e->units_count; i++) {
		struct unit *u = &e->units[i];

		for (k = n = 0; k < u->parents_count; k++)
			if (u->parents[k] < kept)
				u->parents[n++] = u->parents[k];
		u->parents_count = n;
	}
}

enum rc
unit_reload(struct engine *e, struct diag *d)
{
	const struct catalogue *c = &e->catalogue;
	const struct catalogue_table *t = catalogue_table_find(c, span_str(c->unit_table));
	struct bytes sql;
	enum rc rc;
	size_t i;

	for (i = 0; i < e->units_count; i++) {
		e->units[i].parent = UNIT_NONE;
		e->units[i].level = LEVEL_NONE;
		e->units[i].is_known = false;
	}
	bytes_init(&sql);
	bytes_fmt(&sql, "SELECT \"%s\", \"%s\", \"%s\" FROM \"%s\"", t->key_column, c->unit_parent_column,
	    c->unit_level_column, t->name);
	rc = bytes_cstr(&sql) == NULL ? RC_NOMEM : rows_take(e, (char *)sql.p, d);
	bytes_free(&sql);
	return rc;
}
