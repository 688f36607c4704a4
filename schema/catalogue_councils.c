/* Councils and their scores.  All of it but the result is addressed to the council's unit, so that no commune ever
 * holds who scored what. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const COUNCIL_KINDS[] = { "council", "advisory", NULL };
static const char *const MEMBER_ROLES[] = {
	"chair", "deputy", "secretary", "member", "expert", NULL
};
static const char *const SESSION_MODES[] = { "meeting", "written", NULL };
static const char *const SHEET_STATUSES[] = { "open", "locked", NULL };

static const struct catalogue_column COUNCIL_COLUMNS[] = {
	COL_TEXT(1, "name", OWNER, TITLE_BYTES, .searchable = true, .note = "what it is called"),
	COL_UNIT(2, "unit", APPEND, .required = true, .note = "office that set it up"),
	COL_CHOICE(3, "kind", OWNER, COUNCIL_KINDS, .note = "council or advisory team"),
	COL_KEY(4, "round", OWNER, "round", .note = "its round"),
	COL_TEXT(5, "decision_no", OWNER, 128, .note = "decision that set it up"),
	COL_DATE(6, "decided_on", OWNER, .note = "date of the decision"),
	COL_INT(7, "quorum_percent", OWNER, 1, 100, .note = "of the members; 75 if empty"),
	COL_INT(8, "spread_max", OWNER, 0, 100,
	    .note = "totals may differ by so many points; 10 if empty"),
	COL_TEXT(9, "status", OWNER, 64, .note = "the office's own word"),
};

const struct catalogue_table catalogue_councils_council = {
	.number = 29,
	.name = "council",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	.owner = OWNER_UNIT,
	.level_min = LEVEL_DISTRICT,
	COLUMNS(COUNCIL_COLUMNS),
	.note = "an evaluation council or advisory team",
};

static const struct catalogue_column MEMBER_COLUMNS[] = {
	COL_KEY(1, "council", APPEND, "council", .required = true, .note = "its council"),
	COL_TEXT(2, "member", OWNER, KEY_TEXT_BYTES_MAX, .required = true, .note = "user name"),
	COL_CHOICE(3, "role", OWNER, MEMBER_ROLES, .note = "chair, secretary, member …"),
	COL_TEXT(4, "organisation", OWNER, 255, .note = "the office the member speaks for"),
	COL_BOOL(5, "is_voting", OWNER, .note = "1 or empty = scores; 0 = does not"),
};

const struct catalogue_table catalogue_councils_member = {
	.number = 30,
	.name = "council_member",
	.key_column = "id",
	TABLE_UNDER("council"),
	.owner = OWNER_UNIT,
	.level_min = LEVEL_DISTRICT,
	COLUMNS(MEMBER_COLUMNS),
	.note = "a seat in a council",
};

static const struct catalogue_column SESSION_COLUMNS[] = {
	COL_KEY(1, "council", APPEND, "council", .required = true, .note = "its council"),
	COL_DATE(2, "held_on", OWNER, .note = "when"),
	COL_TEXT(3, "place", OWNER, TITLE_BYTES, .note = "where"),
	COL_CHOICE(4, "mode", OWNER, SESSION_MODES, .note = "meeting, or written opinions"),
	COL_INT(5, "members_present", OWNER, 0, 1000, .note = "members who came"),
	COL_BOOL(6, "is_chair_present", OWNER, .note = "1 = the chair or who stands in was there"),
	COL_DATE(7, "closed_on", OWNER, .note = "when it was closed"),
	COL_TEXT(8, "minutes", OWNER, 32768, .note = "minutes"),
	COL_HASH(9, "minutes_hash", OWNER, .note = "the signed minutes"),
};

const struct catalogue_table catalogue_councils_session = {
	.number = 31,
	.name = "council_session",
	.key_column = "id",
	TABLE_UNDER("council"),
	.owner = OWNER_UNIT,
	.level_min = LEVEL_DISTRICT,
	COLUMNS(SESSION_COLUMNS),
	.note = "a sitting of a council",
};

static const struct catalogue_column SHEET_COLUMNS[] = {
	COL_KEY(1, "council", APPEND, "council", .required = true, .note = "its council"),
	COL_KEY(2, "session", OWNER, "council_session", .note = "the sitting"),
	COL_KEY(3, "dossier", APPEND, "dossier", .note = "what is scored"),
	COL_TEXT(4, "member", APPEND, KEY_TEXT_BYTES_MAX,
	    .note = "user name of the one person who scores on it"),
	COL_CODE(5, "criteria_set", APPEND, "criteria_set", .note = "the form"),
	COL_CHOICE(6, "status", OWNER, SHEET_STATUSES, .note = "open (or empty), then locked"),
	COL_DATE(7, "locked_on", OWNER, .note = "when it was locked"),
	COL_TEXT(8, "comment", OWNER, PROSE_BYTES, .note = "the member's remarks"),
};

const struct catalogue_table catalogue_councils_sheet = {
	.number = 32,
	.name = "score_sheet",
	.key_column = "id",
	TABLE_UNDER("council"),
	.owner = OWNER_AUTHOR,
	.owner_column = "member",
	.level_min = LEVEL_DISTRICT,
	COLUMNS(SHEET_COLUMNS),
	.note = "one member's form for one dossier; nobody else writes on it",
};

static const char *const SCORE_UNIQUE[] = { "sheet", "criterion", NULL };

static const struct catalogue_column SCORE_COLUMNS[] = {
	COL_KEY(1, "sheet", APPEND, "score_sheet", .required = true, .note = "its sheet"),
	/* Not a reference to the engine: the rule at save looks the criterion up together with its options. */
	COL_TEXT(2, "criterion", APPEND, KEY_TEXT_BYTES_MAX, .required = true,
	    .note = "what is scored: QD26-09/1.1"),
	COL_INT(3, "points", OWNER, 0, 100, .required = true,
	    .note = "one of the values the criterion allows; 0 = no option chosen"),
	COL_TEXT(4, "comment", OWNER, PROSE_BYTES, .note = "why"),
	COL_CODE(5, "chosen_option", OWNER, "criterion_option",
	    .note = "the option, where points alone do not tell"),
	COL_TEXT(6, "member", APPEND, KEY_TEXT_BYTES_MAX, .note = "user name of who scores"),
};

const struct catalogue_table catalogue_councils_score = {
	.number = 33,
	.name = "score",
	.key_column = "id",
	TABLE_UNDER("sheet"),
	.owner = OWNER_AUTHOR,
	.owner_column = "member",
	.level_min = LEVEL_DISTRICT,
	.unique = SCORE_UNIQUE,
	COLUMNS(SCORE_COLUMNS),
	.save_check = check_councils_score,
	.note = "the points of one member for one criterion",
};

static const struct catalogue_column RESULT_COLUMNS[] = {
	COL_KEY(1, "dossier", APPEND, "dossier", .required = true, .note = "what was evaluated"),
	COL_KEY(2, "session", APPEND, "council_session", .note = "the sitting"),
	COL_INT(3, "points_sum", APPEND, 0, 100000, .note = "sum of the locked sheets' totals"),
	COL_INT(4, "sheets_count", APPEND, 0, 1000, .note = "sheets in the sum"),
	COL_INT(5, "spread", APPEND, 0, 100, .note = "highest less lowest total"),
	COL_INT(6, "band", APPEND, 1, 5, .note = "stars by the average alone"),
	COL_INT(7, "gate", APPEND, 0, 5, .note = "stars by the minimum options; 0 = not even 3"),
	COL_INT(8, "stars", APPEND, 0, 5, .note = "what comes out; 0 = eliminated"),
	COL_BOOL(9, "is_eliminated", APPEND, .note = "1 = an elimination rule was confirmed"),
	COL_CODE(10, "elimination_rule", APPEND, "elimination_rule", .note = "which one"),
	COL_TEXT(11, "sheets", APPEND, 4096, .note = "keys of the sheets it rests on, by spaces"),
	COL_HASH(12, "sheets_hash", APPEND, .note = "hash of these sheets' contents"),
	COL_HASH(13, "minutes_hash", APPEND, .note = "the signed minutes"),
	COL_TEXT(14, "consolidated", APPEND, PROSE_BYTES,
	    .note = "options the council agreed on for the gates: criterion=points, by spaces"),
	COL_DATE(15, "decided_on", APPEND, .note = "when"),
	COL_TEXT(16, "note", APPEND, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_councils_result = {
	.number = 34,
	.name = "result",
	.key_column = "id",
	TABLE_UNDER("dossier"),
	.level_min = LEVEL_DISTRICT,
	.is_insert_only = true,
	COLUMNS(RESULT_COLUMNS),
	.save_check = check_councils_result,
	.note = "a council's result, which the commune sees; it cites the sheets, without names",
};
