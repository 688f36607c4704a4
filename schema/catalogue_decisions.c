/* Decisions about stars, and what inspections find. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const AUTHORITIES[] = { "district", "province", "central", NULL };
static const char *const RECOGNITION_KINDS[] = {
	"first", "upgrade", "reevaluation", "fallback", "imported", NULL
};
/* Article 8 of QĐ 26/2026: false information; criteria no longer met; breach of law; misuse of the mark; production
 * stopped; other conclusions. */
static const char *const GROUNDS[] = { "a", "b", "c", "d", "đ", "e", NULL };
static const char *const INSPECTION_KINDS[] = { "post_check", "periodic", "surprise", NULL };
static const char *const PROPOSALS[] = { "none", "remedy", "reduce", "revoke", NULL };

static const struct catalogue_column RECOGNITION_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "the product"),
	COL_INT(2, "stars", APPEND, 3, 5, .required = true, .note = "3, 4 or 5"),
	COL_TEXT(3, "decision_no", APPEND, 128, .searchable = true, .note = "number and symbol"),
	COL_CHOICE(4, "authority", APPEND, AUTHORITIES, .note = "level that decided"),
	COL_DATE(5, "decided_on", APPEND, .note = "date of the decision"),
	COL_DATE(6, "valid_from", APPEND, .note = "first day; the date of the decision if empty"),
	COL_DATE(7, "expires_on", APPEND, .note = "last day; 36 months if empty"),
	COL_CODE(8, "regime", APPEND, "regime", .note = "regime it was given under"),
	COL_CHOICE(9, "kind", APPEND, RECOGNITION_KINDS, .note = "first, upgrade, reevaluation …"),
	COL_KEY(10, "dossier", APPEND, "dossier", .note = "the dossier"),
	COL_KEY(11, "result", APPEND, "result", .note = "the council's result"),
	COL_TEXT(12, "certificate_no", APPEND, 128, .note = "number of the certificate"),
	COL_TEXT(13, "certificate_name", APPEND, 255, .note = "product name on the certificate"),
	COL_HASH(14, "file_hash", APPEND, .note = "the signed decision"),
};

const struct catalogue_table catalogue_decisions_recognition = {
	.number = 35,
	.name = "recognition",
	.key_column = "id",
	TABLE_UNDER("product"),
	.level_min = LEVEL_DISTRICT,
	.is_insert_only = true,
	COLUMNS(RECOGNITION_COLUMNS),
	.save_check = check_decisions_recognition,
	.note = "a decision that gives stars; the status today is worked out from all of them",
};

static const struct catalogue_column REVOCATION_COLUMNS[] = {
	COL_KEY(1, "recognition", APPEND, "recognition", .required = true, .note = "what is revoked"),
	COL_CHOICE(2, "ground", APPEND, GROUNDS, .required = true,
	    .note = "a false information, b criteria no longer met, c breach of law, d misuse "
	    "of the mark, đ production stopped, e other conclusions"),
	COL_TEXT(3, "reason", APPEND, PROSE_BYTES, .note = "what happened"),
	COL_DATE(4, "concluded_on", APPEND, .note = "date of the conclusion it rests on"),
	COL_TEXT(5, "decision_no", APPEND, 128, .note = "number and symbol"),
	COL_DATE(6, "decided_on", APPEND, .note = "date of the decision"),
	COL_DATE(7, "effective_from", APPEND, .note = "first day without; the decision's if empty"),
	COL_CHOICE(8, "authority", APPEND, AUTHORITIES, .note = "level that decided"),
	COL_HASH(9, "file_hash", APPEND, .note = "the signed decision"),
};

const struct catalogue_table catalogue_decisions_revocation = {
	.number = 36,
	.name = "revocation",
	.key_column = "id",
	TABLE_UNDER("recognition"),
	.level_min = LEVEL_DISTRICT,
	.is_insert_only = true,
	COLUMNS(REVOCATION_COLUMNS),
	.save_check = check_decisions_revocation,
	.note = "a decision that takes stars back; on the same day it wins",
};

static const struct catalogue_column INSPECTION_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "what was inspected"),
	COL_CHOICE(2, "kind", APPEND, INSPECTION_KINDS, .note = "post-check, periodic, surprise"),
	COL_DATE(3, "inspected_on", APPEND, .note = "when"),
	COL_UNIT(4, "inspector_unit", APPEND, .note = "who inspected"),
	COL_TEXT(5, "finding", APPEND, PROSE_BYTES, .note = "what was found"),
	COL_BOOL(6, "is_violation", APPEND, .note = "1 = a rule was broken"),
	COL_CHOICE(7, "proposal", APPEND, PROPOSALS,
	    .note = "what is proposed; a proposal revokes nothing"),
	COL_TEXT(8, "report_no", APPEND, 128, .note = "number of the report"),
	COL_HASH(9, "file_hash", APPEND, .note = "the signed report"),
};

const struct catalogue_table catalogue_decisions_inspection = {
	.number = 37,
	.name = "inspection",
	.key_column = "id",
	TABLE_UNDER("product"),
	.is_insert_only = true,
	COLUMNS(INSPECTION_COLUMNS),
	.save_check = check_decisions_inspection,
	.note = "a check on the spot, by any competent body",
};
