/* Producers and their products. */
#include "catalogue_tables.h"
#include "check.h"

/* DN doanh nghiệp (enterprise), HTX hợp tác xã (cooperative), THT tổ hợp tác (cooperative group), HKD hộ kinh doanh
 * (household business), TT trang trại (farm), HOI hội (association, tourism operating centre). */
static const char *const PRODUCER_TYPES[] = { "DN", "HTX", "THT", "HKD", "TT", "HOI", NULL };
static const char *const CODE_KINDS[] = { "official", "alias", NULL };

static const struct catalogue_column PRODUCER_COLUMNS[] = {
	COL_TEXT(1, "name", REVIEW, 255, .required = true, .searchable = true,
	    .note = "name on the registration"),
	COL_CHOICE(2, "type", REVIEW, PRODUCER_TYPES,
	    .note = "DN enterprise, HTX cooperative, THT cooperative group, HKD household "
	    "business, TT farm, HOI association"),
	COL_UNIT(3, "unit", APPEND, .required = true, .note = "commune where it is seated"),
	COL_TEXT(4, "address", REVIEW, TITLE_BYTES, .searchable = true, .note = "seat"),
	COL_TEXT(5, "phone", REVIEW, 64, .note = "telephone"),
	COL_TEXT(6, "email", REVIEW, 255, .note = "e-mail address"),
	COL_TEXT(7, "tax_no", REVIEW, 32, .note = "tax number"),
	COL_TEXT(8, "reg_no", REVIEW, 64, .note = "number of the business registration"),
	COL_DATE(9, "reg_date", REVIEW, .note = "date of the business registration"),
	COL_TEXT(10, "rep_name", REVIEW, 255, .searchable = true, .note = "legal representative"),
	COL_TEXT(11, "rep_title", REVIEW, 128, .note = "the representative's office: director …"),
	COL_TEXT(12, "website", LWW, 255, .note = "web site or shop page"),
	COL_TEXT(13, "status", REVIEW, 64, .note = "active, stopped, or the office's own word"),
	COL_BOOL(14, "is_verified", RANK, .level_min = LEVEL_DISTRICT,
	    .note = "1 = a higher office has seen the papers"),
	COL_DATE(15, "verified_on", RANK, .level_min = LEVEL_DISTRICT, .note = "when it saw them"),
	COL_UNIT(16, "seat_unit", RANK, .level_min = LEVEL_DISTRICT,
	    .note = "commune of today, where a merger or split moved the seat"),
	COL_TEXT(17, "note", LWW, PROSE_BYTES, .note = "remarks"),
};

const struct catalogue_table catalogue_products_producer = {
	.number = 12,
	.name = "producer",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	COLUMNS(PRODUCER_COLUMNS),
	.note = "an OCOP subject: who makes and registers products",
};

static const struct catalogue_column PRODUCT_COLUMNS[] = {
	COL_TEXT(1, "name", REVIEW, 255, .required = true, .searchable = true,
	    .note = "name of the product"),
	COL_KEY(2, "producer", REVIEW, "producer", .note = "who makes it"),
	COL_UNIT(3, "unit", APPEND, .required = true, .note = "commune that looks after it"),
	COL_TEXT(4, "group_id", RANK, KEY_TEXT_BYTES_MAX,
	    .note = "group with its regulation: QD26-09 of product_group, or a set of an older one; "
	    "a higher office's choice stands"),
	COL_TEXT(5, "subgroup", REVIEW, 255, .note = "what it is, in the office's words"),
	COL_TEXT(6, "description", REVIEW, PROSE_BYTES, .searchable = true, .note = "description"),
	COL_TEXT(7, "spec", REVIEW, 2048, .note = "packing, net weight, grade"),
	COL_TEXT(8, "status", REVIEW, 64,
	    .note = "the office's own word: idea, active, stopped …; the state is in cycle_event"),
	COL_TEXT(9, "story", REVIEW, PROSE_BYTES, .note = "the product story"),
	COL_TEXT(10, "certificate_name", RANK, 255, .level_min = LEVEL_DISTRICT,
	    .note = "name as the certificate has it"),
	COL_UNIT(11, "seat_unit", RANK, .level_min = LEVEL_DISTRICT,
	    .note = "commune of today, where a merger or split moved it"),
	COL_INT(12, "started_year", LWW, 1900, 2200, .note = "year in which production began"),
	COL_TEXT(13, "note", LWW, PROSE_BYTES, .note = "remarks"),
};

const struct catalogue_table catalogue_products_product = {
	.number = 13,
	.name = "product",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	COLUMNS(PRODUCT_COLUMNS),
	.note = "a product that takes part, or means to",
};

static const char *const CODE_UNIQUE[] = { "code", NULL };

static const struct catalogue_column CODE_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "whose code it is"),
	COL_TEXT(2, "code", APPEND, 32, .required = true, .searchable = true,
	    .note = "province-commune-number-year; T-H-X-number-year for an alias"),
	COL_CHOICE(3, "kind", APPEND, CODE_KINDS, .note = "official, or an alias of older lists"),
	COL_DATE(4, "allocated_on", APPEND, .note = "when it was given"),
};

const struct catalogue_table catalogue_products_code = {
	.number = 14,
	.name = "product_code",
	.key_column = "id",
	TABLE_UNDER("product"),
	.is_insert_only = true,
	.unique = CODE_UNIQUE,
	COLUMNS(CODE_COLUMNS),
	.save_check = check_records_product_code,
	.note = "an official code, given once and never reused",
};
