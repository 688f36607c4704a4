#include "catalogue.h"

#include <string.h>

static const char *const g_level_names[] = { "", "commune", "district", "province" };

const struct catalogue_table *
catalogue_table_find(const struct catalogue *c, struct span name)
{
	size_t i;

	for (i = 0; i < c->tables_count; i++)
		if (span_eq(span_str(c->tables[i]->name), name))
			return c->tables[i];
	return NULL;
}

const struct catalogue_table *
catalogue_table_numbered(const struct catalogue *c, uint64_t number)
{
	size_t i;

	for (i = 0; i < c->tables_count; i++)
		if (c->tables[i]->number == number)
			return c->tables[i];
	return NULL;
}

int
catalogue_column_find(const struct catalogue_table *t, struct span name)
{
	size_t i;

	for (i = 0; i < t->columns_count; i++)
		if (span_eq(span_str(t->columns[i].name), name))
			return (int)i;
	return -1;
}

int
catalogue_column_numbered(const struct catalogue_table *t, uint64_t number)
{
	size_t i;

	for (i = 0; i < t->columns_count; i++)
		if (t->columns[i].number == number)
			return (int)i;
	return -1;
}

enum level
catalogue_level(struct span name)
{
	size_t i;

	for (i = 1; i <= LEVEL_MAX; i++)
		if (span_eq(span_str(g_level_names[i]), name))
			return (enum level)i;
	return LEVEL_NONE;
}

const char *
catalogue_level_name(enum level level)
{
	return (unsigned)level <= LEVEL_MAX ? g_level_names[level] : "";
}

bool
catalogue_ident_ok(const char *name)
{
	size_t i, n = strlen(name);

	if (n == 0 || n > NAME_BYTES_MAX || !(name[0] >= 'a' && name[0] <= 'z'))
		return false;
	for (i = 0; i < n; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') && name[i] != '_')
			return false;
	return true;
}

static const char *
sql_type(enum column_type type)
{
	switch (type) {
	case COLUMN_INTEGER:
		return "INTEGER";
	case COLUMN_BLOB:
	case COLUMN_KEY:
		return "BLOB";
	default:
		return "TEXT";
	}
}

/* The CHECK refuses a writer that does not know the engine (no function sync_check) as well as one that forgot the
 * version; the trigger does the same for deletions, which no CHECK sees.  Columns carry no further constraint: nothing
 * may make a valid commit fail to apply. */
void
catalogue_ddl(const struct catalogue_table *t, struct bytes *out)
{
	size_t i;

	bytes_fmt(out, "CREATE TABLE \"%s\"(\n  \"%s\" %s NOT NULL PRIMARY KEY", t->name, t->key_column,
	    t->has_text_key ? "TEXT" : "BLOB");
	for (i = 0; i < t->columns_count; i++)
		bytes_fmt(out, ",\n  \"%s\" %s", t->columns[i].name, sql_type(t->columns[i].type));
	/* SQLite skips a CHECK when an UPDATE sets none of the columns it names: it names all, behind what is true. */
	bytes_str(out, ",\n  _v INTEGER NOT NULL,\n  CHECK(sync_check(_v) OR (");
	for (i = 0; i < t->columns_count; i++)
		bytes_fmt(out, "\"%s\" IS NULL AND ", t->columns[i].name);
	bytes_str(out, "_v IS NULL))\n) STRICT, WITHOUT ROWID;\n");
	bytes_fmt(out, "CREATE TRIGGER \"%s_guard\" BEFORE DELETE ON \"%s\" BEGIN "
	    "SELECT RAISE(ABORT, 'rows are deleted through the program only') WHERE NOT sync_check(NULL); END;\n",
	    t->name, t->name);
}

static enum rc
column_sanity(const struct catalogue *c, const struct catalogue_table *t, size_t at, struct diag *d)
{
	const struct catalogue_column *col = &t->columns[at];
	size_t i;

	if (!catalogue_ident_ok(col->name) || col->number == 0 || col->number > 255)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s has a bad name or number", t->name, col->name);
	if (strcmp(col->name, t->key_column) == 0)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s is the key", t->name, col->name);
	for (i = 0; i < at; i++)
		if (t->columns[i].number == col->number || strcmp(t->columns[i].name, col->name) == 0)
			return diag_fail(d, RC_BUG, "catalogue: %s.%s stands twice", t->name, col->name);
	if (col->policy < POLICY_REVIEW || col->policy > POLICY_COUNTER ||
	    col->type < COLUMN_INTEGER || col->type > COLUMN_UNIT)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s has no policy or type", t->name, col->name);
	if (col->policy == POLICY_COUNTER && col->type != COLUMN_INTEGER)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s: a counter is an INTEGER", t->name, col->name);
	if (col->policy == POLICY_OWNER && t->owner == OWNER_NONE)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s: the table names no owner", t->name, col->name);
	if (t->is_insert_only && col->policy != POLICY_APPEND)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s: the table is insert-only", t->name, col->name);
	if (col->ref != NULL && catalogue_table_find(c, span_str(col->ref)) == NULL)
		return diag_fail(d, RC_BUG, "catalogue: %s.%s refers to no table", t->name, col->name);
	return RC_OK;
}

static enum rc
table_sanity(const struct catalogue *c, size_t at, struct diag *d)
{
	const struct catalogue_table *t = c->tables[at];
	int scope = t->scope_column == NULL ? -1 : catalogue_column_find(t, span_str(t->scope_column));
	int owner = t->owner_column == NULL ? -1 : catalogue_column_find(t, span_str(t->owner_column));
	enum rc rc;
	size_t i;

	if (!catalogue_ident_ok(t->name) || !catalogue_ident_ok(t->key_column) || t->number == 0)
		return diag_fail(d, RC_BUG, "catalogue: table %s has a bad name or number", t->name);
	for (i = 0; i < at; i++)
		if (c->tables[i]->number == t->number || strcmp(c->tables[i]->name, t->name) == 0)
			return diag_fail(d, RC_BUG, "catalogue: table %s stands twice", t->name);
	if (t->columns_count == 0 || t->columns_count > COLUMNS_MAX)
		return diag_fail(d, RC_BUG, "catalogue: table %s has %zu columns", t->name, t->columns_count);
	if ((t->scope == SCOPE_COLUMN && (scope < 0 || t->columns[scope].type != COLUMN_UNIT)) ||
	    (t->scope == SCOPE_PARENT &&
	    (scope < 0 || t->columns[scope].type != COLUMN_KEY || t->columns[scope].ref == NULL)) ||
	    t->scope < SCOPE_COLUMN || t->scope > SCOPE_ROOT)
		return diag_fail(d, RC_BUG, "catalogue: table %s: bad scope", t->name);
	if (t->owner == OWNER_AUTHOR && (owner < 0 || t->columns[owner].type != COLUMN_TEXT))
		return diag_fail(d, RC_BUG, "catalogue: table %s: bad owner column", t->name);
	for (i = 0; i < t->columns_count; i++)
		if ((rc = column_sanity(c, t, i, d)) != RC_OK)
			return rc;
	for (i = 0; t->unique != NULL && t->unique[i] != NULL; i++)
		if (catalogue_column_find(t, span_str(t->unique[i])) < 0)
			return diag_fail(d, RC_BUG, "catalogue: table %s: unique names no column", t->name);
	return RC_OK;
}

enum rc
catalogue_sanity(const struct catalogue *c, struct diag *d)
{
	const struct catalogue_table *units;
	enum rc rc;
	size_t i;

	if (c->tables_count == 0 || c->tables_count > TABLES_MAX - 1)
		return diag_fail(d, RC_BUG, "catalogue: %zu tables", c->tables_count);
	for (i = 0; i < c->tables_count; i++)
		if ((rc = table_sanity(c, i, d)) != RC_OK)
			return rc;
	units = catalogue_table_find(c, span_str(c->unit_table));
	if (units == NULL || !units->has_text_key ||
	    catalogue_column_find(units, span_str(c->unit_parent_column)) < 0 ||
	    catalogue_column_find(units, span_str(c->unit_level_column)) < 0)
		return diag_fail(d, RC_BUG, "catalogue: the unit table is not as declared");
	return RC_OK;
}
