/* The yearly cycle: calendar, ideas, plans, meetings, and the state of every product in it. */
#include "catalogue_tables.h"
#include "check.h"

static const char *const ROUND_LEVELS[] = { "district", "province", "central", NULL };
static const char *const IDEA_KINDS[] = { "new", "existing", NULL };
static const char *const REVIEW_VERDICTS[] = { "approved", "returned", "rejected", NULL };
static const char *const EVENT_KINDS[] = {
	"awareness", "training_plan", "training_implementation", "promotion", "fair", "contest",
	"study_tour", "other", NULL
};
static const char *const ACTOR_ROLES[] = {
	"producer", "commune", "district", "province", "advisory", "council", "central", NULL
};

#define STEP(num, n, what) \
	COL_DATE(num, "step" #n "_from", REVIEW, .note = "step " #n ", " what ": first day"), \
	COL_DATE((num) + 1, "step" #n "_to", REVIEW, .note = "step " #n ": last day")

static const struct catalogue_column CYCLE_COLUMNS[] = {
	COL_INT(1, "year", REVIEW, 2018, 2200, .required = true, .note = "year of the cycle"),
	COL_TEXT(2, "name", REVIEW, 255, .searchable = true, .note = "title, if it has one"),
	COL_UNIT(3, "unit", REVIEW, .note = "province whose calendar it is"),
	COL_CODE(4, "regime", REVIEW, "regime", .note = "regime it is held under"),
	STEP(5, 1, "awareness"),
	STEP(7, 2, "ideas"),
	STEP(9, 3, "training: the plan"),
	STEP(11, 4, "plans"),
	STEP(13, 5, "training: the implementation"),
	STEP(15, 6, "implementation"),
	STEP(17, 7, "evaluation"),
	STEP(19, 8, "promotion"),
	COL_TEXT(21, "note", LWW, PROSE_BYTES, .note = "remarks"),
};

const struct catalogue_table catalogue_cycle_cycle = {
	.number = 15,
	.name = "cycle",
	.key_column = "id",
	TABLE_PUBLISHED,
	COLUMNS(CYCLE_COLUMNS),
	.save_check = check_records_cycle,
	.note = "a year's calendar; its steps are windows, not a lock",
};

static const struct catalogue_column ROUND_COLUMNS[] = {
	COL_KEY(1, "cycle", REVIEW, "cycle", .note = "its cycle"),
	COL_TEXT(2, "name", REVIEW, 255, .note = "title: round 1 of 2026"),
	COL_CHOICE(3, "level", REVIEW, ROUND_LEVELS, .note = "level that evaluates"),
	COL_DATE(4, "opens_on", REVIEW, .note = "first day for dossiers"),
	COL_DATE(5, "dossiers_by", REVIEW, .note = "last day for dossiers"),
	COL_DATE(6, "evaluate_before", REVIEW, .note = "evaluation done before"),
	COL_TEXT(7, "note", LWW, PROSE_BYTES, .note = "remarks"),
};

const struct catalogue_table catalogue_cycle_round = {
	.number = 16,
	.name = "round",
	.key_column = "id",
	TABLE_PUBLISHED,
	COLUMNS(ROUND_COLUMNS),
	.save_check = check_records_round,
	.note = "an evaluation round with its deadlines",
};

static const struct catalogue_column IDEA_COLUMNS[] = {
	COL_UNIT(1, "unit", APPEND, .required = true, .note = "commune that received it"),
	COL_KEY(2, "cycle", OWNER, "cycle", .note = "its cycle"),
	COL_KEY(3, "producer", OWNER, "producer", .note = "who proposes it"),
	COL_KEY(4, "product", OWNER, "product", .note = "the product it is about or became"),
	COL_CHOICE(5, "kind", OWNER, IDEA_KINDS, .note = "new or existing product"),
	COL_TEXT(6, "title", OWNER, TITLE_BYTES, .searchable = true, .note = "short title"),
	COL_TEXT(7, "text", OWNER, PROSE_BYTES, .note = "the idea"),
	COL_DATE(8, "received_on", OWNER, .note = "when the commune took it in"),
	COL_TEXT(9, "slip_no", OWNER, 64, .note = "number of the receipt"),
	COL_TEXT(10, "advice", RANK, PROSE_BYTES, .level_min = LEVEL_DISTRICT,
	    .note = "comment of the office that decides; the decision is in cycle_event"),
};

const struct catalogue_table catalogue_cycle_idea = {
	.number = 17,
	.name = "idea",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_UP,
	.owner = OWNER_UNIT,
	COLUMNS(IDEA_COLUMNS),
	.note = "a product idea from the people (step 2)",
};

static const struct catalogue_column PLAN_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "its product"),
	COL_KEY(2, "cycle", APPEND, "cycle", .note = "its cycle"),
	COL_KEY(3, "idea", APPEND, "idea", .note = "the idea it carries out"),
	COL_INT(4, "version", APPEND, 1, 9999, .note = "first, second … version"),
	COL_TEXT(5, "title", APPEND, TITLE_BYTES, .note = "short title"),
	COL_TEXT(6, "text", APPEND, 32768, .note = "the plan"),
	COL_HASH(7, "file_hash", APPEND, .note = "the plan as a file"),
	COL_MONEY(8, "capital", APPEND, .note = "capital needed, đồng"),
	COL_MONEY(9, "support_asked", APPEND, .note = "of which asked from the State, đồng"),
	COL_DATE(10, "submitted_on", APPEND, .note = "when it was handed in"),
};

const struct catalogue_table catalogue_cycle_plan = {
	.number = 18,
	.name = "business_plan",
	.key_column = "id",
	TABLE_UNDER("product"),
	.is_insert_only = true,
	COLUMNS(PLAN_COLUMNS),
	.note = "a version of a business plan (step 4); a correction is the next version",
};

static const struct catalogue_column PLAN_REVIEW_COLUMNS[] = {
	COL_KEY(1, "business_plan", APPEND, "business_plan", .required = true,
	    .note = "the version that was read"),
	COL_CHOICE(2, "verdict", APPEND, REVIEW_VERDICTS, .required = true, .note = "what came out"),
	COL_TEXT(3, "reason", APPEND, PROSE_BYTES, .note = "why; what to change"),
	COL_DATE(4, "decided_on", APPEND, .note = "when"),
	COL_TEXT(5, "document_no", APPEND, 128, .note = "number of the letter or decision"),
};

const struct catalogue_table catalogue_cycle_plan_review = {
	.number = 19,
	.name = "plan_review",
	.key_column = "id",
	TABLE_UNDER("business_plan"),
	.level_min = LEVEL_DISTRICT,
	.is_insert_only = true,
	COLUMNS(PLAN_REVIEW_COLUMNS),
	.note = "the word of a higher office on a plan",
};

static const struct catalogue_column EVENT_COLUMNS[] = {
	COL_UNIT(1, "unit", APPEND, .required = true, .note = "office that holds it"),
	COL_KEY(2, "cycle", OWNER, "cycle", .note = "its cycle"),
	COL_CHOICE(3, "kind", OWNER, EVENT_KINDS, .note = "awareness, training, promotion …"),
	COL_TEXT(4, "title", OWNER, TITLE_BYTES, .searchable = true, .note = "what it is called"),
	COL_TEXT(5, "place", OWNER, TITLE_BYTES, .note = "where"),
	COL_DATE(6, "starts_on", OWNER, .note = "first day"),
	COL_DATE(7, "ends_on", OWNER, .note = "last day"),
	COL_INT(8, "people_count", OWNER, 0, 1000000, .note = "people who came, counted"),
	COL_TEXT(9, "content", OWNER, PROSE_BYTES, .note = "what was done"),
};

const struct catalogue_table catalogue_cycle_event_held = {
	.number = 20,
	.name = "event",
	.key_column = "id",
	.scope = SCOPE_COLUMN,
	.scope_column = "unit",
	.reach = REACH_DOWN,
	.owner = OWNER_UNIT,
	COLUMNS(EVENT_COLUMNS),
	.save_check = check_records_event,
	.note = "a meeting, training, fair (steps 1, 3, 5, 8); those below the organiser see it",
};

static const struct catalogue_column ATTENDANCE_COLUMNS[] = {
	COL_KEY(1, "event", APPEND, "event", .required = true, .note = "where"),
	COL_KEY(2, "producer", APPEND, "producer", .note = "for whom the person came"),
	COL_TEXT(3, "participant", LWW, 255, .note = "name, where the list needs one"),
	COL_TEXT(4, "organisation", LWW, 255, .note = "office or group, where there is no producer"),
	COL_TEXT(5, "note", LWW, 2048, .note = "remarks"),
};

const struct catalogue_table catalogue_cycle_attendance = {
	.number = 21,
	.name = "attendance",
	.key_column = "id",
	TABLE_UNDER("event"),
	COLUMNS(ATTENDANCE_COLUMNS),
	.note = "who came; stays with the organiser and the offices above, never goes down",
};

static const struct catalogue_column TRANSITION_COLUMNS[] = {
	COL_KEY(1, "product", APPEND, "product", .required = true, .note = "the product"),
	COL_KEY(2, "cycle", APPEND, "cycle", .note = "its cycle"),
	COL_KEY(3, "dossier", APPEND, "dossier", .note = "its dossier, from DOSSIER_DRAFT on"),
	COL_TEXT(4, "from_state", APPEND, 32, .note = "state before; empty for the first"),
	COL_TEXT(5, "to_state", APPEND, 32, .required = true, .note = "state after"),
	COL_TEXT(6, "reason", APPEND, PROSE_BYTES,
	    .note = "why; needed to return, reject, eliminate or withdraw"),
	COL_CHOICE(7, "actor_role", APPEND, ACTOR_ROLES, .note = "in what role it was decided"),
	COL_DATE(8, "date", APPEND, .note = "the day it counts from"),
	COL_CODE(9, "regime", APPEND, "regime", .note = "regime, where no dossier pins one"),
	COL_TEXT(10, "document_no", APPEND, 128, .note = "letter, minutes or decision"),
};

const struct catalogue_table catalogue_cycle_transition = {
	.number = 22,
	.name = "cycle_event",
	.key_column = "id",
	TABLE_UNDER("product"),
	.is_insert_only = true,
	COLUMNS(TRANSITION_COLUMNS),
	.save_check = check_cycle_transition,
	.note = "a step of a product through the cycle; the state is what these add up to",
};
