/* What is reported, stamped and paid. */
#include "catalogue_tables.h"
#include "check.h"

#define COUNT_MAX INT64_C(1000000000000)

static const char *const PERIOD_UNIQUE[] = { "product", "period", NULL };

static const struct catalogue_column PERIOD_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "the product"),
	COL_TEXT(2, "period", APPEND, 8, .required = true,
	    .note = "2026, 2026-H1, 2026-Q3 or 2026-07"),
	COL_INT(3, "quantity", OWNER, 0, COUNT_MAX, .note = "sold, in measure"),
	COL_TEXT(4, "measure", OWNER, 32, .note = "kg, bottle, visitor …"),
	COL_MONEY(5, "revenue", OWNER, .note = "đồng"),
	COL_INT(6, "jobs", OWNER, 0, 1000000, .note = "people at work"),
	COL_DATE(7, "closed_on", OWNER, .note = "from then on only adjustments"),
	COL_INT(8, "quantity_adjustment", COUNTER, -COUNT_MAX, COUNT_MAX,
	    .note = "corrections after closing, added up"),
	COL_MONEY(9, "revenue_adjustment", COUNTER, .note = "corrections after closing, added up"),
	COL_TEXT(10, "note", LWW, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_reports_period = {
	.number = 38,
	.name = "period_report",
	.key_column = "id",
	TABLE_UNDER("product"),
	.owner = OWNER_UNIT,
	.unique = PERIOD_UNIQUE,
	COLUMNS(PERIOD_COLUMNS),
	.save_check = check_records_period_report,
	.note = "production and sales of a period",
};

static const struct catalogue_column BATCH_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "the product"),
	COL_KEY(2, "producer", APPEND, "producer", .note = "who holds the stamps"),
	COL_TEXT(3, "series", APPEND, 32, .note = "letters before the number"),
	COL_INT(4, "serial_from", APPEND, 0, COUNT_MAX, .required = true, .note = "first number"),
	COL_INT(5, "serial_to", APPEND, 0, COUNT_MAX, .required = true, .note = "last number"),
	COL_INT(6, "stars", APPEND, 3, 5, .note = "stars printed on them"),
	COL_DATE(7, "issued_on", APPEND, .note = "when"),
	COL_TEXT(8, "note", APPEND, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_reports_stamp_batch = {
	.number = 39,
	.name = "stamp_batch",
	.key_column = "id",
	TABLE_UNDER("product"),
	.level_min = LEVEL_PROVINCE,
	.is_insert_only = true,
	COLUMNS(BATCH_COLUMNS),
	.save_check = check_records_stamp_batch,
	.note = "a run of stamps that the province issued for a product",
};

static const struct catalogue_column STAMP_USE_COLUMNS[] = {
	COL_KEY(1, "stamp_batch", APPEND, "stamp_batch", .required = true, .note = "its batch"),
	COL_INT(2, "used", COUNTER, 0, COUNT_MAX, .note = "stamps put on goods, added up"),
	COL_INT(3, "spoiled", COUNTER, 0, COUNT_MAX, .note = "stamps lost or spoiled, added up"),
	COL_DATE(4, "counted_on", LWW, .note = "when it was last counted"),
	COL_TEXT(5, "note", LWW, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_reports_stamp_use = {
	.number = 40,
	.name = "stamp_use",
	.key_column = "id",
	TABLE_UNDER("stamp_batch"),
	COLUMNS(STAMP_USE_COLUMNS),
	.note = "what became of a batch; every office adds, nobody overwrites",
};

static const struct catalogue_column SUPPORT_COLUMNS[] = {
	COL_UNIT(1, "unit", APPEND, .required = true, .note = "office whose ledger it is"),
	COL_TEXT(2, "programme", APPEND, 255, .note = "policy or programme"),
	COL_MONEY(3, "amount", APPEND, .required = true, .note = "đồng; a correction is negative"),
	COL_TEXT(4, "source", APPEND, 255, .note = "central, province, district, commune, other"),
	COL_TEXT(5, "purpose", APPEND, TITLE_BYTES, .searchable = true, .note = "what for"),
	COL_DATE(6, "date", APPEND, .note = "when"),
	COL_KEY(7, "producer", APPEND, "producer", .note = "who got it"),
	COL_KEY(8, "product", APPEND, "product", .note = "for which product"),
	COL_TEXT(9, "document_no", APPEND, 128, .note = "voucher or decision"),
};

const struct catalogue_table catalogue_reports_support = {
	.number = 41,
	.name = "support_entry",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	.is_insert_only = true,
	COLUMNS(SUPPORT_COLUMNS),
	.note = "an entry of a ledger of support; sums are worked out",
};
