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
	e->units[u] = (struct unit){ { copy, key.n }, UNIT_NONE, LEVEL_NONE, false };
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

unit_id
unit_resolve(struct engine *e, struct span text)
{
	struct span code = unit_code(text);
	unit_id best = UNIT_NONE;
	size_t i;

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
unit_reload(struct engine *e, struct diag *d)
{
	const struct catalogue *c = &e->catalogue;
	const struct catalogue_table *t = catalogue_table_find(c, span_str(c->unit_table));
	struct bytes sql;
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	size_t i;
	int code;

	bytes_init(&sql);
	bytes_fmt(&sql, "SELECT \"%s\", \"%s\", \"%s\" FROM \"%s\"", t->key_column, c->unit_parent_column,
	    c->unit_level_column, t->name);
	if (bytes_cstr(&sql) == NULL)
		rc = RC_NOMEM;
	else if ((code = sqlite3_prepare_v2(e->db, (char *)sql.p, -1, &stmt, NULL)) != SQLITE_OK)
		rc = engine_sqlite_rc(e, code, "reading the tree of units", d);
	for (i = 0; i < e->units_count; i++)
		e->units[i] = (struct unit){ e->units[i].key, UNIT_NONE, LEVEL_NONE, false };
	while (rc == RC_OK && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
		struct value key, parent, level;
		unit_id u, up = UNIT_NONE;

		if (code != SQLITE_ROW) {
			rc = engine_sqlite_rc(e, code, "reading the tree of units", d);
			break;
		}
		key = value_of_column(stmt, 0);
		parent = value_of_column(stmt, 1);
		level = value_of_column(stmt, 2);
		if (parent.type == VALUE_TEXT && parent.s.n > 0 && (up = unit_intern(e, parent.s)) == UNIT_NONE)
			rc = RC_NOMEM;
		if ((u = unit_intern(e, key.s)) == UNIT_NONE)
			rc = RC_NOMEM;
		else
			e->units[u] = (struct unit){ e->units[u].key, up, catalogue_level(level.s), true };
	}
	sqlite3_finalize(stmt);
	bytes_free(&sql);
	e->is_units_stale = false;
	return rc;
}
