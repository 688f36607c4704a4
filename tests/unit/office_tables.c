/* The tables of office.h: one column for every policy and type, one table for every rule of
 * scope and ownership. */
#include "office.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const g_levels[] = { "commune", "district", "province", NULL };
static const char *const g_kinds[] = { "food", "craft", NULL };
static const char *const g_label_unique[] = { "unit", "text", NULL };

static const struct catalogue_column g_unit_columns[] = {
	{ .number = 1, .name = "parent", .type = COLUMN_UNIT, .policy = POLICY_REVIEW },
	{ .number = 2,
	    .name = "level",
	    .type = COLUMN_TEXT,
	    .policy = POLICY_REVIEW,
	    .choices = g_levels },
};

/* Listed out of the order of their numbers, as a catalogue may. */
#define ITEM_COLUMNS(append, min_level) \
	{ .number = ITEM_NAME, \
		.name = "name", \
		.type = COLUMN_TEXT, \
		.policy = POLICY_REVIEW, \
		.max = 40, \
		.required = true }, \
	    { .number = ITEM_UNIT, \
		    .name = "unit", \
		    .type = COLUMN_UNIT, \
		    .policy = append, \
		    .required = true }, \
	    { .number = ITEM_GRADE, .name = "grade", .type = COLUMN_TEXT, .policy = POLICY_RANK }, \
	    { .number = ITEM_MEMO, .name = "memo", .type = COLUMN_TEXT, .policy = POLICY_LWW }, \
	    { .number = ITEM_STOCK, \
		    .name = "stock", \
		    .type = COLUMN_INTEGER, \
		    .policy = POLICY_COUNTER }, \
	    { .number = ITEM_SCORE, \
		    .name = "score", \
		    .type = COLUMN_INTEGER, \
		    .policy = POLICY_REVIEW, \
		    .min = 0, \
		    .max = 100 }, \
	    { .number = ITEM_BIRTH, .name = "birth", .type = COLUMN_TEXT, .policy = append }, \
	    { .number = ITEM_STAMP, \
		    .name = "stamp", \
		    .type = COLUMN_TEXT, \
		    .policy = POLICY_REVIEW, \
		    .level_min = min_level }, \
	    { .number = ITEM_PHOTO, \
		    .name = "photo", \
		    .type = COLUMN_BLOB, \
		    .policy = POLICY_REVIEW, \
		    .max = 64 }, \
	    { .number = ITEM_KIND, \
		    .name = "kind", \
		    .type = COLUMN_TEXT, \
		    .policy = POLICY_REVIEW, \
		    .choices = g_kinds }, \
	    { .number = ITEM_BEFORE, \
		    .name = "before", \
		    .type = COLUMN_KEY, \
		    .policy = POLICY_REVIEW, \
		    .ref = "item" },

static const struct catalogue_column g_item[] = { ITEM_COLUMNS(POLICY_APPEND, LEVEL_DISTRICT) };
static const struct catalogue_column g_item_lax[] = { ITEM_COLUMNS(POLICY_REVIEW, LEVEL_NONE) };

static const struct catalogue_column g_part[] = {
	{ .number = 1, .name = "item", .type = COLUMN_KEY, .policy = POLICY_APPEND, .ref = "item" },
	{ .number = 2, .name = "text", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
};

#define SHEET_COLUMNS(owned) \
	{ .number = 1, .name = "unit", .type = COLUMN_UNIT, .policy = POLICY_APPEND }, \
	    { .number = 2, .name = "member", .type = COLUMN_TEXT, .policy = POLICY_APPEND }, \
	    { .number = 3, .name = "points", .type = COLUMN_INTEGER, .policy = owned }, \
	    { .number = 4, .name = "remark", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },

static const struct catalogue_column g_sheet[] = { SHEET_COLUMNS(POLICY_OWNER) };
static const struct catalogue_column g_sheet_lax[] = { SHEET_COLUMNS(POLICY_REVIEW) };

#define TEXT_COLUMNS(owned) \
	{ .number = 1, .name = "unit", .type = COLUMN_UNIT, .policy = POLICY_APPEND }, \
	    { .number = 2, .name = "text", .type = COLUMN_TEXT, .policy = owned },

static const struct catalogue_column g_report[] = { TEXT_COLUMNS(POLICY_OWNER) };
static const struct catalogue_column g_text_lax[] = { TEXT_COLUMNS(POLICY_REVIEW) };
static const struct catalogue_column g_event[] = { TEXT_COLUMNS(POLICY_APPEND) };
static const struct catalogue_column g_notice[] = {
	{ .number = 1, .name = "text", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
};

#define COLUMNS(c) .columns = c, .columns_count = COUNT(c)
#define OF_UNIT .key_column = "id", .scope = SCOPE_COLUMN, .scope_column = "unit"

static const struct catalogue_table g_unit_table = { .number = OFFICE_UNIT,
	.name = "unit",
	.key_column = "id",
	.has_text_key = true,
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	COLUMNS(g_unit_columns) };
static const struct catalogue_table g_item_table = {
	.number = OFFICE_ITEM, .name = "item", OF_UNIT, COLUMNS(g_item)
};
static const struct catalogue_table g_item_lax_table = {
	.number = OFFICE_ITEM, .name = "item", OF_UNIT, COLUMNS(g_item_lax)
};
static const struct catalogue_table g_part_table = { .number = OFFICE_PART,
	.name = "part",
	.key_column = "id",
	.scope = SCOPE_PARENT,
	.scope_column = "item",
	COLUMNS(g_part) };
static const struct catalogue_table g_sheet_table = { .number = OFFICE_SHEET,
	.name = "sheet",
	OF_UNIT,
	.owner = OWNER_AUTHOR,
	.owner_column = "member",
	COLUMNS(g_sheet) };
static const struct catalogue_table g_sheet_lax_table = {
	.number = OFFICE_SHEET, .name = "sheet", OF_UNIT, COLUMNS(g_sheet_lax)
};
static const struct catalogue_table g_report_table = {
	.number = OFFICE_REPORT, .name = "report", OF_UNIT, .owner = OWNER_UNIT, COLUMNS(g_report)
};
static const struct catalogue_table g_report_lax_table = {
	.number = OFFICE_REPORT, .name = "report", OF_UNIT, COLUMNS(g_text_lax)
};
static const struct catalogue_table g_event_table = {
	.number = OFFICE_EVENT, .name = "event", OF_UNIT, .is_insert_only = true, COLUMNS(g_event)
};
static const struct catalogue_table g_event_lax_table = {
	.number = OFFICE_EVENT, .name = "event", OF_UNIT, COLUMNS(g_text_lax)
};
static const struct catalogue_table g_notice_table = { .number = OFFICE_NOTICE,
	.name = "notice",
	.key_column = "code",
	.has_text_key = true,
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	.level_min = LEVEL_PROVINCE,
	COLUMNS(g_notice) };
static const struct catalogue_table g_notice_lax_table = { .number = OFFICE_NOTICE,
	.name = "notice",
	.key_column = "code",
	.has_text_key = true,
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	COLUMNS(g_notice) };
static const struct catalogue_table g_label_table = { .number = OFFICE_LABEL,
	.name = "label",
	.key_column = "code",
	.has_text_key = true,
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.unique = g_label_unique,
	COLUMNS(g_text_lax) };
static const struct catalogue_table g_ruling_table = { .number = OFFICE_RULING,
	.name = "ruling",
	OF_UNIT,
	.level_min = LEVEL_DISTRICT,
	COLUMNS(g_text_lax) };
static const struct catalogue_table g_ruling_lax_table = {
	.number = OFFICE_RULING, .name = "ruling", OF_UNIT, COLUMNS(g_text_lax)
};

static const struct catalogue_table *const g_tables[] = { &g_unit_table, &g_item_table,
	&g_part_table, &g_sheet_table, &g_report_table, &g_event_table, &g_notice_table,
	&g_label_table, &g_ruling_table };
static const struct catalogue_table *const g_tables_lax[] = { &g_unit_table, &g_item_lax_table,
	&g_part_table, &g_sheet_lax_table, &g_report_lax_table, &g_event_lax_table,
	&g_notice_lax_table, &g_label_table, &g_ruling_lax_table };

static const struct catalogue g_catalogue = { .version = 1,
	.tables = g_tables,
	.tables_count = COUNT(g_tables),
	.unit_table = "unit",
	.unit_parent_column = "parent",
	.unit_level_column = "level" };
static const struct catalogue g_catalogue_lax = { .version = 1,
	.tables = g_tables_lax,
	.tables_count = COUNT(g_tables_lax),
	.unit_table = "unit",
	.unit_parent_column = "parent",
	.unit_level_column = "level" };

const struct catalogue *
office_catalogue(void)
{
	return &g_catalogue;
}

const struct catalogue *
office_catalogue_lax(void)
{
	return &g_catalogue_lax;
}
