/* Units of the administrative tree, what became of them, and the people who work there. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const LEVELS[] = { "commune", "district", "province", NULL };
static const char *const MAPPING_KINDS[] = {
	"unchanged", "renamed", "merged", "split", "reparented", "unchanged+reparented",
	"renamed+reparented", NULL
};
static const char *const COVERAGES[] = { "full", "partial", "population", NULL };
static const char *const USER_ROLES[] = {
	"officer", "leader", "producer", "secretary", "member", "reader", "administrator", NULL
};

static const struct catalogue_column UNIT_COLUMNS[] = {
	COL_TEXT(1, "code", REVIEW, 16, .required = true,
	    .note = "code in the official list; reused over the years, so never an identity alone"),
	COL_TEXT(2, "name", REVIEW, 255, .required = true, .searchable = true,
	    .note = "name without its type: Hương Sơn"),
	COL_TEXT(3, "type", REVIEW, 64,
	    .note = "Tỉnh, Thành phố, Thị xã, Huyện, Xã, Phường, Thị trấn"),
	COL_TEXT(4, "name_with_type", REVIEW, 255, .searchable = true,
	    .note = "full name: Xã Hương Sơn"),
	COL_TEXT(5, "name_ascii", REVIEW, 255, .note = "name without diacritics"),
	COL_CHOICE(6, "level", REVIEW, LEVELS, .required = true,
	    .note = "commune, district or province"),
	COL_UNIT(7, "parent", REVIEW, .note = "unit above; empty at the root"),
	COL_TEXT(8, "parent_code", REVIEW, 16, .note = "the parent's code as the list has it"),
	COL_DATE(9, "valid_from", REVIEW, .required = true, .note = "first day of this identity"),
	COL_DATE(10, "valid_to", REVIEW, .note = "last day; empty while it exists"),
	COL_TEXT(11, "source", REVIEW, TITLE_BYTES, .note = "where the row was taken from"),
};

const struct catalogue_table catalogue_units_unit = {
	.number = 1,
	.name = "unit",
	.key_column = "unit_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(UNIT_COLUMNS),
	.save_check = check_units_unit,
	.note = "an administrative unit; key code@valid_from, because codes and names come back",
};

static const struct catalogue_column MAPPING_COLUMNS[] = {
	COL_UNIT(1, "old_unit", REVIEW, .required = true, .note = "the unit that was"),
	COL_UNIT(2, "new_unit", REVIEW, .required = true, .note = "a unit that took it over"),
	COL_CHOICE(3, "kind", REVIEW, MAPPING_KINDS, .note = "what happened to it"),
	COL_CHOICE(4, "coverage", REVIEW, COVERAGES,
	    .note = "full: all of it; partial: land and people; population: people only"),
	COL_TEXT(5, "basis", REVIEW, TITLE_BYTES, .note = "resolution, or how it was derived"),
};

const struct catalogue_table catalogue_units_mapping = {
	.number = 2,
	.name = "unit_mapping",
	.key_column = "mapping_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(MAPPING_COLUMNS),
	.note = "successor of a unit; key OLD>NEW; several rows where a unit was split",
};

static const struct catalogue_column USER_COLUMNS[] = {
	COL_TEXT(1, "display_name", REVIEW, 255, .searchable = true,
	    .note = "as shown beside what the person did"),
	COL_CHOICE(2, "role", RANK, USER_ROLES, .note = "what the account is for"),
	COL_UNIT(3, "unit", APPEND, .required = true, .note = "office the account belongs to"),
	COL_BOOL(4, "is_active", RANK, .note = "0 = suspended; a higher office's word stands"),
};

const struct catalogue_table catalogue_units_user = {
	.number = 3,
	.name = "user",
	.key_column = "user_name",
	.has_text_key = true,
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	COLUMNS(USER_COLUMNS),
	.note = "a person with an account at an office; no contact data here",
};
