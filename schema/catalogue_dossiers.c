/* Dossiers: what a producer hands in, what is frozen of it, and its way through the offices. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const DOSSIER_KINDS[] = { "first", "upgrade", "reevaluation", NULL };
static const char *const FINDINGS[] = { "meets", "partly", "not_met", NULL };

static const struct catalogue_column DOSSIER_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "its product"),
	COL_KEY(2, "cycle", REVIEW, "cycle", .note = "its cycle"),
	COL_KEY(3, "round", REVIEW, "round", .note = "the round it is meant for"),
	COL_CHOICE(4, "kind", REVIEW, DOSSIER_KINDS, .note = "first, upgrade or reevaluation"),
	COL_CODE(5, "regime", RANK, "regime", .note = "regime it is pinned to when it is submitted"),
	COL_CODE(6, "criteria_set", RANK, "criteria_set", .note = "form it is scored with"),
	COL_TEXT(7, "slip_no", REVIEW, 64, .note = "number of the registration slip"),
	COL_DATE(8, "registered_on", REVIEW, .note = "date of the registration form"),
	COL_DATE(9, "submitted_on", REVIEW, .note = "handed in complete; the clock starts"),
	COL_DATE(10, "due_on", REVIEW, .note = "last day of the commune's assessment"),
	COL_INT(11, "self_score", REVIEW, 0, 100, .note = "points by self-assessment"),
	COL_INT(12, "aimed_stars", REVIEW, 1, 5, .note = "stars the producer aims at"),
	COL_TEXT(13, "note", LWW, PROSE_BYTES, .note = "remarks"),
};

const struct catalogue_table catalogue_dossiers_dossier = {
	.number = 23,
	.name = "dossier",
	.key_column = "id",
	TABLE_UNDER("product"),
	COLUMNS(DOSSIER_COLUMNS),
	.save_check = check_records_dossier,
	.note = "a dossier in the making; what was submitted is its snapshot",
};

static const struct catalogue_column SNAPSHOT_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "its dossier"),
	COL_INT(2, "version", APPEND, 1, 9999, .note = "first, second … submission"),
	COL_TEXT(3, "content", APPEND, 49152, .note = "the forms as submitted, canonical JSON"),
	COL_HASH(4, "hash", APPEND, .required = true, .note = "hash of content and of the evidence"),
	COL_INT(5, "evidence_count", APPEND, 0, 100000, .note = "pieces of evidence in it"),
	COL_DATE(6, "taken_on", APPEND, .note = "when it was frozen"),
};

const struct catalogue_table catalogue_dossiers_snapshot = {
	.number = 24,
	.name = "dossier_snapshot",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	.is_insert_only = true,
	COLUMNS(SNAPSHOT_COLUMNS),
	.save_check = check_records_snapshot,
	.note = "a dossier as it was submitted, frozen by copying; later edits are the next version",
};

static const struct catalogue_column EVIDENCE_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "its dossier"),
	COL_CODE(2, "proof_type", REVIEW, "proof_type", .note = "kind of paper"),
	COL_CODE(3, "criterion", REVIEW, "criterion", .note = "criterion it speaks for"),
	COL_TEXT(4, "title", REVIEW, TITLE_BYTES, .searchable = true, .note = "what it is"),
	COL_HASH(5, "file_hash", APPEND, .note = "the file; another file is another row"),
	COL_TEXT(6, "file_name", APPEND, 255, .note = "name it came with"),
	COL_TEXT(7, "media_type", APPEND, 128, .note = "application/pdf, image/jpeg …"),
	COL_INT(8, "file_bytes", APPEND, 0, INT64_C(1) << 40, .note = "size"),
	COL_INT(9, "pages", REVIEW, 0, 100000, .note = "pages"),
	COL_DATE(10, "issued_on", REVIEW, .note = "date of the paper"),
	COL_DATE(11, "expires_on", REVIEW, .note = "when it lapses"),
	COL_TEXT(12, "note", LWW, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_dossiers_evidence = {
	.number = 25,
	.name = "evidence",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	COLUMNS(EVIDENCE_COLUMNS),
	.note = "a piece of evidence; the bytes travel beside the record, by their hash",
};

static const struct catalogue_column ASSESSMENT_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "its dossier"),
	COL_TEXT(2, "report_no", OWNER, 128, .note = "number of the report (form 03)"),
	COL_CHOICE(3, "origin", OWNER, FINDINGS, .note = "finding 1: local origin"),
	COL_TEXT(4, "origin_text", OWNER, PROSE_BYTES, .note = "finding 1 in words"),
	COL_CHOICE(5, "labour", OWNER, FINDINGS, .note = "finding 2: local labour"),
	COL_TEXT(6, "labour_text", OWNER, PROSE_BYTES, .note = "finding 2 in words"),
	COL_CHOICE(7, "idea", OWNER, FINDINGS, .note = "finding 3: origin of the idea"),
	COL_TEXT(8, "idea_text", OWNER, PROSE_BYTES, .note = "finding 3 in words"),
	COL_CHOICE(9, "identity", OWNER, FINDINGS, .note = "finding 4: local identity"),
	COL_TEXT(10, "identity_text", OWNER, PROSE_BYTES, .note = "finding 4 in words"),
	COL_DATE(11, "met_on", OWNER, .note = "day of the meeting"),
	COL_TEXT(12, "signer", OWNER, 255, .note = "who signed, by office"),
	COL_DATE(13, "signed_on", OWNER, .note = "day of the signature"),
	COL_HASH(14, "signed_file_hash", OWNER, .note = "the signed report"),
	COL_KEY(15, "replaces", OWNER, "commune_assessment", .note = "the one it takes the place of"),
};

const struct catalogue_table catalogue_dossiers_assessment = {
	.number = 26,
	.name = "commune_assessment",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	.owner = OWNER_UNIT,
	COLUMNS(ASSESSMENT_COLUMNS),
	.save_check = check_records_assessment,
	.note = "the commune's report on a dossier (form 03); only the commune writes it",
};

static const struct catalogue_column FORWARDING_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "its dossier"),
	COL_UNIT(2, "from_unit", APPEND, .note = "who sends"),
	COL_UNIT(3, "to_unit", APPEND, .note = "to whom"),
	COL_TEXT(4, "letter_no", APPEND, 128, .note = "number of the request letter"),
	COL_DATE(5, "sent_on", APPEND, .note = "when"),
	COL_KEY(6, "snapshot", APPEND, "dossier_snapshot", .note = "the version that was sent"),
	COL_HASH(7, "content_hash", APPEND, .note = "hash of all that was sent"),
	COL_INT(8, "samples_count", APPEND, 0, 1000, .note = "samples sent along"),
	COL_TEXT(9, "note", APPEND, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_dossiers_forwarding = {
	.number = 27,
	.name = "forwarding",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	.is_insert_only = true,
	COLUMNS(FORWARDING_COLUMNS),
	.note = "a dossier was sent on",
};

static const struct catalogue_column RECEIPT_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "its dossier"),
	COL_TEXT(2, "slip_no", APPEND, 64, .note = "number-…/PĐK-province-commune-year"),
	COL_UNIT(3, "receiver_unit", APPEND, .note = "who received"),
	COL_DATE(4, "received_on", APPEND, .note = "when"),
	COL_DATE(5, "due_on", APPEND, .note = "last day to answer"),
	COL_BOOL(6, "is_complete", APPEND, .note = "1 = nothing was missing"),
	COL_TEXT(7, "missing", APPEND, PROSE_BYTES, .note = "what was missing"),
	COL_KEY(8, "snapshot", APPEND, "dossier_snapshot", .note = "the version received"),
	COL_HASH(9, "content_hash", APPEND, .note = "hash of what was received"),
};

const struct catalogue_table catalogue_dossiers_receipt = {
	.number = 28,
	.name = "receipt_slip",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	.is_insert_only = true,
	COLUMNS(RECEIPT_COLUMNS),
	.save_check = check_records_receipt,
	.note = "a dossier was received; proof of the time",
};
