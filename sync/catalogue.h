/* sync/catalogue.h - what the engine is told about the tables it replicates.
 *
 * The engine knows no word of the domain: whoever uses it hands it one constant `struct catalogue`.  A catalogue is
 * static data, lives as long as the program, and only ever grows: tables and columns keep their number, type, policy
 * and rights for ever; a change is a new column.
 *
 * The engine makes the SQL tables from it (catalogue_ddl): every one is STRICT, WITHOUT ROWID, with its key column
 * first, the declared columns in order, and the hidden version column `_v` last.
 */
#ifndef SYNC_CATALOGUE_H
#define SYNC_CATALOGUE_H

#include "mem.h"

struct statements;

#define KEY_BYTES		16	/* a minted row key */
#define KEY_TEXT_BYTES_MAX	96	/* a key the domain names itself */
#define UNIT_BYTES_MAX		32	/* a unit's key: code@valid_from */
#define NAME_BYTES_MAX		48	/* a table's or column's name */
#define COLUMNS_MAX		48	/* of one table */
#define TABLES_MAX		64

/* What becomes of concurrent writes of one column (MERGE.md). */
enum policy {
	POLICY_REVIEW = 1,	/* siblings stay an open conflict until a person writes a value */
	POLICY_RANK,		/* a lower level never supersedes a higher one's value */
	POLICY_LWW,		/* last writer by hybrid clock; losers stay in the history only */
	POLICY_OWNER,		/* only the row's owner writes; among the owner's nodes as review */
	POLICY_APPEND,		/* inserted once, never changed */
	POLICY_COUNTER,		/* INTEGER, replicated as +n, shown as the sum */
};

enum column_type {
	COLUMN_INTEGER = 1,
	COLUMN_TEXT,
	COLUMN_BLOB,
	COLUMN_KEY,		/* the 16-byte key of a row of @ref */
	COLUMN_UNIT,		/* the text key of a unit */
};

enum reach {
	REACH_UP = 0,		/* held by the unit's nodes and those of all its ancestors */
	REACH_DOWN = 1,		/* and by everything below as well */
};

/* How a new row finds the unit it is addressed to; it never changes afterwards. */
enum scope_rule {
	SCOPE_COLUMN = 1,	/* by its COLUMN_UNIT column @scope_column */
	SCOPE_PARENT,		/* where the row is that its COLUMN_KEY column @scope_column names */
	SCOPE_ROOT,		/* at the root unit of the tree */
};

enum owner_rule {
	OWNER_NONE = 0,
	OWNER_UNIT,		/* nodes that serve the row's own unit */
	OWNER_AUTHOR,		/* the person named in TEXT column @owner_column when the row was inserted */
};

/* Levels of units, low to high; a credential carries one. */
enum level {
	LEVEL_NONE = 0,
	LEVEL_COMMUNE = 1,
	LEVEL_DISTRICT = 2,
	LEVEL_PROVINCE = 3,
	LEVEL_MAX = 3,
};

struct catalogue_column {
	uint16_t number;		/* on the wire; unique in the table; never reused */
	const char *name;
	enum column_type type;
	enum policy policy;
	const char *ref;		/* table that a COLUMN_KEY or a text key in COLUMN_TEXT names; or NULL */
	const char *const *choices;	/* allowed TEXT values, NULL-terminated; or NULL for any */
	int64_t min, max;		/* INTEGER: allowed range when min < max; TEXT/BLOB: max = bytes, 0 = 4096 */
	bool required;			/* must not be NULL at save */
	bool searchable;		/* found without case and diacritics */
	enum level level_min;		/* lowest level that may write this column; 0 = the table's */
	const char *note;		/* one line for people */
};

struct catalogue_table {
	uint16_t number;
	const char *name;
	const char *key_column;		/* "id" for minted keys; the domain's own name otherwise */
	bool has_text_key;		/* TEXT key the domain names, else a minted BLOB of KEY_BYTES */
	enum scope_rule scope;
	const char *scope_column;
	enum reach reach;
	enum owner_rule owner;
	const char *owner_column;
	enum level level_min;		/* lowest level that may write rows here; 0 = any */
	bool is_insert_only;		/* POLICY_APPEND in every column: no update, no delete */
	const char *const *unique; /* columns that together must differ between rows; checked at save only; or NULL */
	const struct catalogue_column *columns;
	size_t columns_count;
	/* A rule of the domain over one row just written, run inside the transaction of a local save; or NULL.  A
	 * refusal (RC_INPUT, RC_DENIED, RC_CONFLICT, with a diag) rolls the whole save back.  Never run on what
	 * others saved. */
	enum rc (*save_check)(struct statements *rules, struct span key, bool is_insert, struct diag *d);
	const char *note;
};

struct catalogue {
	uint32_t version;			/* schema version this program writes */
	const struct catalogue_table *const *tables;
	size_t tables_count;
	/* The table that holds the tree of units, and its columns.  Its key is the unit's key. */
	const char *unit_table;
	const char *unit_parent_column;		/* COLUMN_UNIT, NULL at a root */
	const char *unit_level_column;		/* TEXT: "commune", "district", "province" */
	const char *const *ddl_extra;		/* further SQL (indexes, views), NULL-terminated; or NULL */
};

const struct catalogue_table *catalogue_table_find(const struct catalogue *c, struct span name);
const struct catalogue_table *catalogue_table_numbered(const struct catalogue *c, uint64_t number);
/* Index of the column in t->columns, or -1. */
int catalogue_column_find(const struct catalogue_table *t, struct span name);
int catalogue_column_numbered(const struct catalogue_table *t, uint64_t number);
enum level catalogue_level(struct span name);
const char *catalogue_level_name(enum level level);

/* Write the CREATE TABLE statements and guards for @t to @out. */
void catalogue_ddl(const struct catalogue_table *t, struct bytes *out);

/* Check @c itself: numbers and names unique, limits met, referred tables there.  Run once at start and in tests. */
RC_CHECK enum rc catalogue_sanity(const struct catalogue *c, struct diag *d);

/* Is @name safe to stand in SQL as a bare identifier? */
bool catalogue_ident_ok(const char *name);

#endif
