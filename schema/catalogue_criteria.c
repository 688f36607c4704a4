/* The law as data: documents, regimes, criteria sets, product groups. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const SET_STATUSES[] = { "draft", "published", "historical", NULL };
static const char *const CRITERION_KINDS[] = { "options", "yes_no", "points", "group", NULL };
static const char *const ELIMINATION_KINDS[] = {
	"dossier", "product", "stop", "not_evaluated", NULL
};

static const struct catalogue_column DOCUMENT_COLUMNS[] = {
	COL_TEXT(1, "number", REVIEW, 128, .required = true, .searchable = true,
	    .note = "number and symbol: 26/2026/QĐ-TTg"),
	COL_DATE(2, "issued_on", REVIEW, .note = "date of the document"),
	COL_TEXT(3, "issuer", REVIEW, 255, .note = "who issued it"),
	COL_TEXT(4, "title", REVIEW, TITLE_BYTES, .searchable = true, .note = "what it is about"),
	COL_DATE(5, "effective_from", REVIEW, .note = "first day in force"),
	COL_DATE(6, "effective_to", REVIEW, .note = "last day in force; empty while it is"),
	COL_HASH(7, "file_hash", REVIEW, .note = "the signed file"),
};

const struct catalogue_table catalogue_criteria_legal_document = {
	.number = 4,
	.name = "legal_document",
	.key_column = "id",
	TABLE_PUBLISHED,
	COLUMNS(DOCUMENT_COLUMNS),
	.note = "a decision, plan or letter that the programme rests on",
};

static const struct catalogue_column REGIME_COLUMNS[] = {
	COL_DATE(1, "valid_from", REVIEW, .required = true, .note = "first day in force"),
	COL_DATE(2, "valid_to", REVIEW, .note = "last day in force; empty while it is"),
	COL_TEXT(3, "basis", REVIEW, TITLE_BYTES, .note = "the decision it rests on"),
	COL_INT(4, "part_a", REVIEW, 0, 100, .note = "maximum of part A"),
	COL_INT(5, "part_b", REVIEW, 0, 100, .note = "maximum of part B"),
	COL_INT(6, "part_c", REVIEW, 0, 100, .note = "maximum of part C"),
	COL_TEXT(7, "levels", REVIEW, 128, .note = "levels that take part, low to high, by spaces"),
	COL_TEXT(8, "scoring", REVIEW, 128, .note = "levels with a scoring council"),
	COL_TEXT(9, "partial_assessment", REVIEW, 128,
	    .note = "levels that assess some findings without points"),
	COL_INT(10, "forward_district_ge", REVIEW, 0, 100,
	    .note = "average from which a district forwards"),
	COL_INT(11, "forward_province_ge", REVIEW, 0, 100,
	    .note = "average from which the province forwards"),
	COL_TEXT(12, "recognise_3", REVIEW, 32, .note = "level that recognises 3 stars"),
	COL_TEXT(13, "recognise_4", REVIEW, 32, .note = "level that recognises 4 stars"),
	COL_TEXT(14, "recognise_5", REVIEW, 32, .note = "level that recognises 5 stars"),
	COL_TEXT(15, "no_certificate", REVIEW, 32, .note = "stars that get no certificate"),
	COL_INT(16, "validity_months", REVIEW, 0, 600, .note = "a recognition lasts so long"),
	COL_TEXT(17, "gates", REVIEW, TITLE_BYTES, .note = "how minimum options are marked"),
	COL_INT(18, "commune_working_days", REVIEW, 0, 365,
	    .note = "working days the commune has for its assessment"),
	COL_TEXT(19, "province_rounds", REVIEW, 255,
	    .note = "dossiers by/evaluated before, MM-DD/MM-DD, by spaces"),
	COL_TEXT(20, "central_rounds", REVIEW, 255, .note = "the same at central level"),
	COL_INT(21, "renewal_from_days", REVIEW, 0, 3650,
	    .note = "renewal may be filed from so many days before expiry"),
	COL_INT(22, "renewal_to_days", REVIEW, 0, 3650,
	    .note = "and until so many days before expiry"),
	COL_INT(23, "reevaluation_max_days", REVIEW, 0, 3650,
	    .note = "days from a full dossier to the result"),
	COL_INT(24, "late_extension_max_days", REVIEW, 0, 3650,
	    .note = "a late filer keeps validity at most so long past expiry"),
	COL_INT(25, "revocation_days", REVIEW, 0, 3650, .note = "days from conclusion to revocation"),
	COL_INT(26, "transition_first_days", REVIEW, 0, 3650,
	    .note = "pending first and upgrade dossiers end under the old rules in so many days"),
	COL_INT(27, "transition_reevaluation_days", REVIEW, 0, 3650,
	    .note = "pending re-evaluations likewise"),
};

const struct catalogue_table catalogue_criteria_regime = {
	.number = 5,
	.name = "regime",
	.key_column = "regime_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(REGIME_COLUMNS),
	.note = "who scores and recognises, under which decision; a dossier is pinned to one",
};

static const struct catalogue_column SET_COLUMNS[] = {
	COL_TEXT(1, "regulation", REVIEW, TITLE_BYTES, .note = "the decision it comes from"),
	COL_TEXT(2, "version", REVIEW, 64, .required = true, .note = "QD26, QD1048, SEED-2018"),
	COL_INT(3, "number", REVIEW, 0, 999, .note = "number of the set in the regulation"),
	COL_TEXT(4, "name", REVIEW, TITLE_BYTES, .required = true, .searchable = true,
	    .note = "the products it is for"),
	COL_INT(5, "total", REVIEW, 0, 100, .note = "sum of the parts as transcribed"),
	COL_INT(6, "part_a", REVIEW, 0, 100, .note = "maximum of part A"),
	COL_TEXT(7, "part_a_name", REVIEW, TITLE_BYTES, .note = "title of part A"),
	COL_INT(8, "part_b", REVIEW, 0, 100, .note = "maximum of part B"),
	COL_TEXT(9, "part_b_name", REVIEW, TITLE_BYTES, .note = "title of part B"),
	COL_INT(10, "part_c", REVIEW, 0, 100, .note = "maximum of part C"),
	COL_TEXT(11, "part_c_name", REVIEW, TITLE_BYTES, .note = "title of part C"),
	COL_CHOICE(12, "status", REVIEW, SET_STATUSES,
	    .note = "draft; published: scored with, never changed; historical: not scored with"),
	COL_DATE(13, "effective_from", REVIEW, .note = "first day in force"),
	COL_TEXT(14, "source", REVIEW, TITLE_BYTES, .note = "where the text was taken from"),
	COL_TEXT(15, "notes", REVIEW, PROSE_BYTES,
	    .note = "notes of the regulation and of the transcription, a line each"),
};

const struct catalogue_table catalogue_criteria_set = {
	.number = 6,
	.name = "criteria_set",
	.key_column = "set_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(SET_COLUMNS),
	.note = "one scoring form of one regulation; key QD26-09",
};

static const struct catalogue_column CRITERION_COLUMNS[] = {
	COL_CODE(1, "criteria_set", REVIEW, "criteria_set", .required = true, .note = "its form"),
	COL_TEXT(2, "part", REVIEW, 8, .note = "A, B or C"),
	COL_TEXT(3, "section", REVIEW, 16, .note = "number of the section within the form"),
	COL_TEXT(4, "section_name", REVIEW, TITLE_BYTES, .note = "title of the section"),
	COL_INT(5, "section_max", REVIEW, 0, 100, .note = "maximum of the section"),
	COL_TEXT(6, "section_notes", REVIEW, PROSE_BYTES, .note = "notes of the section"),
	COL_CODE(7, "parent", REVIEW, "criterion", .note = "the criterion this one is a part of"),
	COL_TEXT(8, "code", REVIEW, 32, .required = true, .note = "number in the form: 1.1"),
	COL_TEXT(9, "name", REVIEW, 2048, .required = true, .searchable = true,
	    .note = "what is asked"),
	COL_INT(10, "max", REVIEW, 0, 100, .note = "most points it can give"),
	COL_CHOICE(11, "kind", REVIEW, CRITERION_KINDS,
	    .note = "options: one of a list; yes_no: 0 or max; points: 0 to max; group: not scored"),
	COL_INT(12, "position", REVIEW, 0, 9999, .note = "order within the form"),
	COL_BOOL(13, "is_section", REVIEW,
	    .note = "1 = the form scores the section itself, it has no criteria below"),
	COL_TEXT(14, "notes", REVIEW, PROSE_BYTES, .note = "notes of the regulation, a line each"),
	COL_TEXT(15, "source_id", REVIEW, 64, .note = "its id in the source of the transcription"),
};

const struct catalogue_table catalogue_criteria_criterion = {
	.number = 7,
	.name = "criterion",
	.key_column = "criterion_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(CRITERION_COLUMNS),
	.save_check = check_criteria_criterion,
	.note = "a line of a scoring form; key QD26-09/1.1",
};

static const struct catalogue_column OPTION_COLUMNS[] = {
	COL_CODE(1, "criterion", REVIEW, "criterion", .required = true, .note = "its criterion"),
	COL_INT(2, "position", REVIEW, 1, 999, .note = "order within the criterion"),
	COL_TEXT(3, "text", REVIEW, PROSE_BYTES, .required = true, .note = "the wording"),
	COL_INT(4, "points", REVIEW, 0, 100, .required = true, .note = "what it gives"),
	COL_INT(5, "min_for_star", REVIEW, 3, 5,
	    .note = "gate: the least option with which so many stars can be had"),
	COL_INT(6, "case_number", REVIEW, 1, 9,
	    .note = "where the form says choose one of two cases: which of them"),
	COL_TEXT(7, "case_name", REVIEW, TITLE_BYTES, .note = "the case in words"),
	COL_TEXT(8, "notes", REVIEW, PROSE_BYTES, .note = "note of the regulation"),
};

const struct catalogue_table catalogue_criteria_option = {
	.number = 8,
	.name = "criterion_option",
	.key_column = "option_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(OPTION_COLUMNS),
	.save_check = check_criteria_option,
	.note = "an answer that a criterion allows; key QD26-09/1.1/3",
};

static const struct catalogue_column ELIMINATION_COLUMNS[] = {
	COL_CODE(1, "criteria_set", REVIEW, "criteria_set", .required = true, .note = "its form"),
	COL_CODE(2, "criterion", REVIEW, "criterion", .note = "the line it stands at, if at one"),
	COL_CHOICE(3, "kind", REVIEW, ELIMINATION_KINDS, .note = "dossier: refused; product: "
	    "eliminated; stop: no further scoring; not_evaluated: not taken at all"),
	COL_TEXT(4, "text", REVIEW, PROSE_BYTES, .required = true, .note = "the wording"),
	COL_TEXT(5, "predicate", REVIEW, 255, .note = "as a formula, where the source gives one"),
};

const struct catalogue_table catalogue_criteria_elimination = {
	.number = 9,
	.name = "elimination_rule",
	.key_column = "rule_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(ELIMINATION_COLUMNS),
	.note = "what puts a product out of the evaluation; key QD26-09/E1",
};

static const struct catalogue_column PROOF_COLUMNS[] = {
	COL_TEXT(1, "version", REVIEW, 64, .note = "regulation that asks for it"),
	COL_INT(2, "number", REVIEW, 1, 99, .note = "order in the list"),
	COL_TEXT(3, "title", REVIEW, TITLE_BYTES, .required = true, .note = "the paper"),
	COL_BOOL(4, "is_required", REVIEW, .note = "1 = a dossier without it is not complete"),
	COL_TEXT(5, "explanation", REVIEW, PROSE_BYTES, .note = "guidance given with it"),
};

const struct catalogue_table catalogue_criteria_proof_type = {
	.number = 10,
	.name = "proof_type",
	.key_column = "proof_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(PROOF_COLUMNS),
	.note = "a kind of evidence that a dossier holds; key QD1048/3",
};

static const struct catalogue_column GROUP_COLUMNS[] = {
	COL_TEXT(1, "industry_code", REVIEW, 16, .note = "I to VI"),
	COL_TEXT(2, "industry_vi", REVIEW, 255, .note = "the industry"),
	COL_TEXT(3, "group_vi", REVIEW, 255, .note = "the group in it"),
	COL_TEXT(4, "subgroup_vi", REVIEW, 255, .searchable = true, .note = "the products"),
	COL_TEXT(5, "name_en", REVIEW, 255, .note = "the products, in English"),
	COL_TEXT(6, "managing_ministry", REVIEW, 128, .note = "who manages the trade"),
	COL_BOOL(7, "requires_5_samples", REVIEW, .note = "1 = five samples go with a dossier"),
};

const struct catalogue_table catalogue_criteria_group = {
	.number = 11,
	.name = "product_group",
	.key_column = "group_id",
	.has_text_key = true,
	TABLE_PUBLISHED,
	COLUMNS(GROUP_COLUMNS),
	.note = "one of the 26 product groups; its key names its criteria set too",
};
