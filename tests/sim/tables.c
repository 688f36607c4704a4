#include "tests/sim/tables.h"

#include <string.h>

#include "sync/rc.h"

#define COLUMNS(a) .columns = (a), .columns_count = sizeof(a) / sizeof((a)[0])
#define TITLE_BYTES_MAX 4000
#define LOOSE_COLUMNS_MAX 8

static const char *const LEVELS[] = { "commune", "district", "province", NULL };

static const struct catalogue_column UNIT_COLUMNS[] = {
	{ .number = 1, .name = "parent", .type = COLUMN_UNIT, .policy = POLICY_REVIEW },
	{ .number = 2,
	    .name = "level",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .choices = LEVELS,
	    .required = true },
	{ .number = 3, .name = "name", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
};

static const struct catalogue_column PAGE_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2,
	    .name = "title",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .max = TITLE_BYTES_MAX,
	    .required = true },
	{ .number = 3,
	    .name = "body",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .max = TITLE_BYTES_MAX },
	{ .number = 4, .name = "size", .type = COLUMN_INTEGER, .policy = POLICY_REVIEW },
	{ .number = 5,
	    .name = "photo",
	    .type = COLUMN_BLOB,
	    .policy = POLICY_REVIEW,
	    .max = TITLE_BYTES_MAX },
};

static const struct catalogue_column FACT_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2, .name = "grade", .type = COLUMN_INTEGER, .policy = POLICY_RANK },
	{ .number = 3, .name = "remark", .type = COLUMN_TEXT, .policy = POLICY_RANK },
};

static const struct catalogue_column TAG_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2, .name = "color", .type = COLUMN_TEXT, .policy = POLICY_LWW },
	{ .number = 3, .name = "weight", .type = COLUMN_INTEGER, .policy = POLICY_LWW },
};

static const struct catalogue_column SHEET_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2,
	    .name = "taste",
	    .type = COLUMN_INTEGER,
	    .policy = POLICY_OWNER,
	    .min = 0,
	    .max = 1000000 },
	{ .number = 3, .name = "story", .type = COLUMN_TEXT, .policy = POLICY_OWNER },
};

static const struct catalogue_column DIARY_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2,
	    .name = "person",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_APPEND },
	{ .number = 3, .name = "entry", .type = COLUMN_TEXT, .policy = POLICY_OWNER },
};

static const struct catalogue_column EVENT_COLUMNS[] = {
	{ .number = 1,
	    .name = "page",
	    .type = COLUMN_KEY,
	    .policy = POLICY_APPEND,
	    .ref = "page",
	    .required = true },
	{ .number = 2,
	    .name = "cites",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_APPEND,
	    .max = TITLE_BYTES_MAX },
	{ .number = 3, .name = "amount", .type = COLUMN_INTEGER, .policy = POLICY_APPEND },
};

static const struct catalogue_column STAMP_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2, .name = "used", .type = COLUMN_INTEGER, .policy = POLICY_COUNTER },
	{ .number = 3, .name = "spoilt", .type = COLUMN_INTEGER, .policy = POLICY_COUNTER },
	{ .number = 4, .name = "label", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
};

static const struct catalogue_column NOTE_COLUMNS[] = {
	{ .number = 1,
	    .name = "page",
	    .type = COLUMN_KEY,
	    .policy = POLICY_APPEND,
	    .ref = "page",
	    .required = true },
	{ .number = 2,
	    .name = "text",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .max = TITLE_BYTES_MAX },
};

static const struct catalogue_column NOTICE_COLUMNS[] = {
	{ .number = 1, .name = "text", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
	{ .number = 2, .name = "weight", .type = COLUMN_INTEGER, .policy = POLICY_LWW },
};

static const struct catalogue_column ORDER_COLUMNS[] = {
	{ .number = 1,
	    .name = "unit",
	    .type = COLUMN_UNIT,
	    .policy = POLICY_APPEND,
	    .required = true },
	{ .number = 2, .name = "text", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
	{ .number = 3, .name = "grade", .type = COLUMN_INTEGER, .policy = POLICY_RANK },
	{ .number = 4, .name = "color", .type = COLUMN_TEXT, .policy = POLICY_LWW },
	{ .number = 5, .name = "done", .type = COLUMN_INTEGER, .policy = POLICY_COUNTER },
	{ .number = 6,
	    .name = "seal",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .level_min = LEVEL_DISTRICT },
};

static const struct catalogue_table TABLES[TABLES_COUNT] = {
	[TABLES_UNIT] = { .number = 1,
	    .name = "unit",
	    .key_column = "id",
	    .has_text_key = true,
	    .scope = SCOPE_ROOT,
	    .reach = REACH_DOWN,
	    .level_min = LEVEL_PROVINCE,
	    COLUMNS(UNIT_COLUMNS) },
	[TABLES_PAGE] = { .number = 2,
	    .name = "page",
	    .key_column = "id",
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    COLUMNS(PAGE_COLUMNS) },
	[TABLES_FACT] = { .number = 3,
	    .name = "fact",
	    .key_column = "id",
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    COLUMNS(FACT_COLUMNS) },
	[TABLES_TAG] = { .number = 4,
	    .name = "tag",
	    .key_column = "code",
	    .has_text_key = true,
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    COLUMNS(TAG_COLUMNS) },
	[TABLES_SHEET] = { .number = 5,
	    .name = "sheet",
	    .key_column = "id",
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    .owner = OWNER_UNIT,
	    COLUMNS(SHEET_COLUMNS) },
	[TABLES_DIARY] = { .number = 6,
	    .name = "diary",
	    .key_column = "id",
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    .owner = OWNER_AUTHOR,
	    .owner_column = "person",
	    COLUMNS(DIARY_COLUMNS) },
	[TABLES_EVENT] = { .number = 7,
	    .name = "event",
	    .key_column = "id",
	    .scope = SCOPE_PARENT,
	    .scope_column = "page",
	    .reach = REACH_UP,
	    .is_insert_only = true,
	    COLUMNS(EVENT_COLUMNS) },
	[TABLES_STAMP] = { .number = 8,
	    .name = "stamp",
	    .key_column = "id",
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_UP,
	    COLUMNS(STAMP_COLUMNS) },
	[TABLES_NOTE] = { .number = 9,
	    .name = "note",
	    .key_column = "id",
	    .scope = SCOPE_PARENT,
	    .scope_column = "page",
	    .reach = REACH_UP,
	    COLUMNS(NOTE_COLUMNS) },
	[TABLES_NOTICE] = { .number = 10,
	    .name = "notice",
	    .key_column = "id",
	    .scope = SCOPE_ROOT,
	    .reach = REACH_DOWN,
	    .level_min = LEVEL_PROVINCE,
	    COLUMNS(NOTICE_COLUMNS) },
	[TABLES_ORDER] = { .number = 11,
	    .name = "task",
	    .key_column = "code",
	    .has_text_key = true,
	    .scope = SCOPE_COLUMN,
	    .scope_column = "unit",
	    .reach = REACH_DOWN,
	    COLUMNS(ORDER_COLUMNS) },
};

#define LIST(t) \
	{ \
		&(t)[0], &(t)[1], &(t)[2], &(t)[3], &(t)[4], &(t)[5], &(t)[6], &(t)[7], &(t)[8], \
		    &(t)[9], &(t)[10] \
	}
_Static_assert(TABLES_COUNT == 11, "LIST names every table");

static const struct catalogue_table *const STRICT_LIST[TABLES_COUNT] = LIST(TABLES);

static const struct catalogue STRICT = {
	.version = 1,
	.tables = STRICT_LIST,
	.tables_count = TABLES_COUNT,
	.unit_table = "unit",
	.unit_parent_column = "parent",
	.unit_level_column = "level",
};

const struct catalogue *
tables_catalogue(void)
{
	return &STRICT;
}

const struct catalogue *
tables_catalogue_loose(void)
{
	static struct catalogue_table tables[TABLES_COUNT];
	static struct catalogue_column columns[TABLES_COUNT][LOOSE_COLUMNS_MAX];
	static const struct catalogue_table *const list[TABLES_COUNT] = LIST(tables);
	static struct catalogue loose;

	for (size_t i = 0; i < TABLES_COUNT; i++) {
		tables[i] = TABLES[i];
		INVARIANT(tables[i].columns_count <= LOOSE_COLUMNS_MAX);
		for (size_t c = 0; c < tables[i].columns_count; c++) {
			columns[i][c] = TABLES[i].columns[c];
			columns[i][c].level_min = LEVEL_NONE;
			if (columns[i][c].policy == POLICY_OWNER)
				columns[i][c].policy = POLICY_REVIEW;
		}
		tables[i].columns = columns[i];
		tables[i].level_min = LEVEL_NONE;
		tables[i].owner = OWNER_NONE;
		tables[i].owner_column = NULL;
	}
	loose = STRICT;
	loose.tables = list;
	return &loose;
}

const struct catalogue_table *
tables_at(enum tables_number n)
{
	INVARIANT(n < TABLES_COUNT);
	return &TABLES[n];
}

enum tables_number
tables_of(const struct catalogue_table *t)
{
	for (unsigned n = 0; n < TABLES_COUNT; n++)
		if (strcmp(TABLES[n].name, t->name) == 0)
			return (enum tables_number)n;
	return TABLES_COUNT;
}
