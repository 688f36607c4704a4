/* The rules at save: what is refused, and that the refusal says what to do. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/catalogue_tables.h"
#include "schema/rules_states.h"
#include "schema_db.h"

/* Keys of 16 characters, so that they read as text. */
#define PRODUCT	"product........1"
#define DOSSIER	"dossier........1"
#define SHEET	"sheet..........1"
#define BLOB(key) "CAST('" key "' AS BLOB)"

static struct sqlite3 *g_db;
static unsigned g_events;

static int
setup(void **state)
{
	(void)state;
	g_db = schema_db_open();
	schema_db_load_criteria(g_db);
	schema_db_exec(g_db, "SAVEPOINT fresh");
	g_events = 0;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	schema_db_close(g_db);
	return 0;
}

/* Every test begins with the criteria and nothing else. */
static int
fresh(void **state)
{
	(void)state;
	schema_db_exec(g_db, "ROLLBACK TO fresh");
	return 0;
}

static void
assert_refused(enum rc got, enum rc want, const struct diag *d, const char *word)
{
	if (got != want || strstr(d->text, word) == NULL)
		fail_msg("%s instead of %s, without \"%s\": %s", rc_name(got), rc_name(want), word, d->text);
}

static void
assert_fine(enum rc got, const struct diag *d)
{
	if (got != RC_OK)
		fail_msg("%s: %s", rc_name(got), d->text);
}

/* Insert row "row............1" of @table with @columns and @values and check it. */
static enum rc
row(const char *table, const char *columns, const char *values, struct diag *d)
{
	char sql[1024];

	snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE id = " BLOB("row............1"), table);
	schema_db_exec(g_db, sql);
	snprintf(sql, sizeof(sql), "INSERT INTO %s (id, %s, _v) VALUES (" BLOB("row............1") ", %s, 1)", table,
	    columns, values);
	schema_db_exec(g_db, sql);
	return schema_db_check(g_db, table, "row............1", true, d);
}

/* ---- the state machine */

struct step {
	const char *from;
	const char *to;
	const char *role;
	const char *regime;
	const char *reason;
};

static const char *
quoted(const char *s, char *buf, size_t n)
{
	if (s == NULL)
		return "NULL";
	snprintf(buf, n, "'%s'", s);
	return buf;
}

/* Record @s for the product; a refused one is taken back. */
static enum rc
step(struct step s, struct diag *d)
{
	char sql[1024], key[17], b[5][64];
	enum rc rc;

	snprintf(key, sizeof(key), "event....%07u", ++g_events);
	snprintf(sql, sizeof(sql), "INSERT INTO cycle_event (id, product, dossier, from_state, to_state, actor_role, "
	    "regime, reason, _v) VALUES (CAST('%s' AS BLOB), " BLOB(PRODUCT) ", %s, %s, %s, %s, %s, %s, 1)", key,
	    strcmp(s.to, "DOSSIER_SUBMITTED") == 0 ? BLOB(DOSSIER) : "NULL", quoted(s.from, b[0], 64),
	    quoted(s.to, b[1], 64), quoted(s.role, b[2], 64), quoted(s.regime, b[3], 64), quoted(s.reason, b[4], 64));
	schema_db_exec(g_db, sql);
	rc = schema_db_check(g_db, "cycle_event", key, true, d);
	if (rc != RC_OK) {
		snprintf(sql, sizeof(sql), "DELETE FROM cycle_event WHERE id = CAST('%s' AS BLOB)", key);
		schema_db_exec(g_db, sql);
	}
	return rc;
}

static void
dossier_freeze(void)
{
	schema_db_exec(g_db, "INSERT INTO dossier (id, product, _v) VALUES (" BLOB(DOSSIER) ", " BLOB(PRODUCT) ", 1);"
	    "INSERT INTO dossier_snapshot (id, dossier, version, hash, _v) VALUES (randomblob(16), " BLOB(DOSSIER)
	    ", 1, 'ab', 1)");
}

static void
test_every_transition_in_every_regime(void **state)
{
	static const char *const regimes[] = { "SEED-2018", "QD1048", "QD148", "QD1489", "QD26" };
	static const char *const roles[] = {
		"producer", "commune", "district", "province", "advisory", "council", "central"
	};
	size_t count;
	const struct rules_transition *t = rules_transitions(&count);
	struct diag d;

	(void)state;
	dossier_freeze();
	for (size_t i = 0; i < count; i++)
		for (unsigned g = 0; g < 5; g++)
			for (unsigned r = 0; r < 7; r++) {
				const char *from = strcmp(t[i].from, "*") == 0 ? "IMPLEMENTING" : t[i].from;
				bool is_allowed = rules_transition_find(span_str(from), span_str(t[i].to), 1u << g,
				    1u << r) != NULL;
				enum rc rc = step((struct step){ from, t[i].to, roles[r], regimes[g], "why" }, &d);

				assert_true(is_allowed ? rc == RC_OK : rc == RC_INPUT || rc == RC_DENIED);
				if ((t[i].regimes & 1u << g) != 0 && (t[i].roles & 1u << r) != 0)
					assert_int_equal(rc, RC_OK);
				schema_db_exec(g_db, "DELETE FROM cycle_event");
				rc = step((struct step){ from, t[i].to, roles[r], regimes[g], NULL }, &d);
				assert_int_equal(rc == RC_OK, is_allowed && !t[i].needs_reason);
				schema_db_exec(g_db, "DELETE FROM cycle_event");
			}
}

static void
test_regimes_differ_where_the_law_does(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(step((struct step){ "DISTRICT_SCORED", "RECOGNISED", "district", "QD148", NULL }, &d), &d);
	schema_db_exec(g_db, "DELETE FROM cycle_event");
	assert_refused(step((struct step){ "DISTRICT_SCORED", "RECOGNISED", "district", "QD1048", NULL }, &d),
	    RC_INPUT, &d, "QD1048");
	assert_refused(step((struct step){ "DOSSIER_SUBMITTED", "COMMUNE_ASSESSED", "commune", "QD148", NULL }, &d),
	    RC_INPUT, &d, "no step leads");
	assert_refused(step((struct step){ "IDEA_SUBMITTED", "IDEA_ACCEPTED", "district", "QD26", NULL }, &d),
	    RC_DENIED, &d, "district");
	assert_refused(step((struct step){ "NOMINATED_CENTRAL", "RECOGNISED", "province", "QD148", NULL }, &d),
	    RC_DENIED, &d, "province");
}

static void
test_a_whole_way(void **state)
{
	static const struct step way[] = {
		{ "IDEA_DRAFT", "IDEA_SUBMITTED", "commune", NULL, NULL },
		{ "IDEA_SUBMITTED", "IDEA_RETURNED", "province", NULL, "too short" },
		{ "IDEA_RETURNED", "IDEA_SUBMITTED", "commune", NULL, NULL },
		{ "IDEA_SUBMITTED", "IDEA_ACCEPTED", "province", NULL, NULL },
		{ "IDEA_ACCEPTED", "PLAN_DRAFT", "producer", NULL, NULL },
		{ "PLAN_DRAFT", "PLAN_SUBMITTED", "commune", NULL, NULL },
		{ "PLAN_SUBMITTED", "PLAN_APPROVED", "province", NULL, NULL },
		{ "PLAN_APPROVED", "IMPLEMENTING", "commune", NULL, NULL },
		{ "IMPLEMENTING", "DOSSIER_DRAFT", "commune", NULL, NULL },
		{ "DOSSIER_DRAFT", "DOSSIER_SUBMITTED", "commune", NULL, NULL },
		{ "DOSSIER_SUBMITTED", "COMMUNE_RETURNED", "commune", NULL, "a licence is missing" },
		{ "COMMUNE_RETURNED", "DOSSIER_SUBMITTED", "commune", NULL, NULL },
		{ "DOSSIER_SUBMITTED", "COMMUNE_ASSESSED", "commune", NULL, NULL },
		{ "COMMUNE_ASSESSED", "FORWARDED", "commune", NULL, NULL },
		{ "FORWARDED", "PROVINCE_ACCEPTED", "province", NULL, NULL },
		{ "PROVINCE_ACCEPTED", "ADVISORY_REVIEWED", "advisory", NULL, NULL },
		{ "ADVISORY_REVIEWED", "COUNCIL_OPEN", "council", NULL, NULL },
		{ "COUNCIL_OPEN", "COUNCIL_CLOSED", "council", NULL, NULL },
		{ "COUNCIL_CLOSED", "RECOGNISED", "province", NULL, NULL },
		{ "DOSSIER_DRAFT", "DOSSIER_SUBMITTED", "commune", NULL, NULL },	/* the upgrade */
	};
	struct diag d;

	(void)state;
	dossier_freeze();
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++)
		assert_fine(step(way[i], &d), &d);
}

static void
test_a_second_recording_is_told(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(step((struct step){ "IDEA_DRAFT", "IDEA_SUBMITTED", "commune", NULL, NULL }, &d), &d);
	assert_refused(step((struct step){ "IDEA_DRAFT", "IDEA_SUBMITTED", "commune", NULL, NULL }, &d), RC_CONFLICT,
	    &d, "already");
}

static void
test_steps_begin_where_the_product_is(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(step((struct step){ NULL, "IDEA_DRAFT", NULL, NULL, NULL }, &d), &d);
	assert_refused(step((struct step){ "PLAN_DRAFT", "PLAN_SUBMITTED", "commune", NULL, NULL }, &d), RC_CONFLICT,
	    &d, "IDEA_DRAFT");
	assert_refused(step((struct step){ NULL, "IDEA_SUBMITTED", NULL, NULL, NULL }, &d), RC_INPUT, &d,
	    "from_state");
	assert_refused(step((struct step){ "IDEA_DRAFT", "IDEA_DONE", NULL, NULL, NULL }, &d), RC_INPUT, &d,
	    "IDEA_DONE");
	assert_refused(step((struct step){ "DREAM", "IDEA_SUBMITTED", NULL, NULL, NULL }, &d), RC_INPUT, &d, "DREAM");
	/* An end is left by nothing. */
	assert_fine(step((struct step){ "IDEA_DRAFT", "WITHDRAWN", "commune", NULL, "moved away" }, &d), &d);
	assert_refused(step((struct step){ "WITHDRAWN", "WITHDRAWN", "commune", NULL, "again" }, &d), RC_INPUT, &d,
	    "no step");
}

static void
test_entered_from_nowhere_only_at_a_start(void **state)
{
	struct diag d;

	(void)state;
	assert_refused(step((struct step){ NULL, "RECOGNISED", NULL, NULL, NULL }, &d), RC_INPUT, &d, "from_state");
	assert_fine(step((struct step){ NULL, "DOSSIER_DRAFT", NULL, NULL, NULL }, &d), &d);
}

static void
test_submission_needs_a_snapshot(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO dossier (id, product, _v) VALUES (" BLOB(DOSSIER) ", " BLOB(PRODUCT) ", 1)");
	assert_refused(step((struct step){ "DOSSIER_DRAFT", "DOSSIER_SUBMITTED", "commune", NULL, NULL }, &d),
	    RC_CONFLICT, &d, "snapshot");
	assert_refused(row("cycle_event", "product, from_state, to_state",
	    BLOB(PRODUCT) ", 'DOSSIER_DRAFT', 'DOSSIER_SUBMITTED'", &d), RC_INPUT, &d, "dossier is missing");
}

static void
test_regime_is_pinned_by_the_dossier(void **state)
{
	static const char values[] = BLOB(PRODUCT) ", " BLOB(DOSSIER)
	    ", 'DOSSIER_SUBMITTED', 'DISTRICT_SCORED', 'district', 'QD26', '2026-06-01'";
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO dossier (id, product, regime, _v) VALUES (" BLOB(DOSSIER) ", " BLOB(PRODUCT)
	    ", 'QD148', 1)");
	assert_fine(row("cycle_event", "product, dossier, from_state, to_state, actor_role, regime, date", values, &d),
	    &d);
	/* Without a dossier the day tells. */
	assert_fine(row("cycle_event", "product, from_state, to_state, actor_role, date", BLOB(PRODUCT)
	    ", 'DOSSIER_SUBMITTED', 'DISTRICT_SCORED', 'district', '2024-06-01'", &d), &d);
	assert_refused(row("cycle_event", "product, from_state, to_state, actor_role, date", BLOB(PRODUCT)
	    ", 'DOSSIER_SUBMITTED', 'DISTRICT_SCORED', 'district', '2025-07-06'", &d), RC_INPUT, &d, "QD1489");
	/* A regime of tomorrow is not judged by today's table. */
	assert_fine(row("cycle_event", "product, from_state, to_state, actor_role, regime", BLOB(PRODUCT)
	    ", 'DOSSIER_SUBMITTED', 'DISTRICT_SCORED', 'district', 'QD99'", &d), &d);
}

/* ---- scores */

static void
sheet_make(const char *status, const char *member)
{
	char sql[512], b[2][64];

	snprintf(sql, sizeof(sql), "INSERT INTO score_sheet (id, council, criteria_set, status, member, _v) VALUES ("
	    BLOB(SHEET) ", randomblob(16), 'QD26-09', %s, %s, 1)", quoted(status, b[0], 64), quoted(member, b[1], 64));
	schema_db_exec(g_db, sql);
}

static enum rc
score(const char *criterion, int points, struct diag *d)
{
	char values[256];

	snprintf(values, sizeof(values), BLOB(SHEET) ", '%s', %d", criterion, points);
	return row("score", "sheet, criterion, points", values, d);
}

static void
test_score_is_one_of_the_options(void **state)
{
	struct diag d;

	(void)state;
	sheet_make(NULL, NULL);
	assert_fine(score("QD26-09/1.1", 5, &d), &d);
	assert_fine(score("QD26-09/1.1", 0, &d), &d);
	assert_refused(score("QD26-09/1.1", 4, &d), RC_INPUT, &d, "0 (no option), 1, 3, 5");
	assert_fine(score("QD26-09/2.4", 1, &d), &d);
	assert_refused(score("QD26-09/2.4", 2, &d), RC_INPUT, &d, "yes");
	assert_refused(score("QD26-01/1.1", 1, &d), RC_INPUT, &d, "form QD26-09");
	assert_refused(score("QD26-09/99", 1, &d), RC_INPUT, &d, "QD26-09/99");
	/* 1.1 must not be taken for 1.10 or the other way round. */
	assert_refused(score("QD26-09/1.6", 3, &d), RC_INPUT, &d, "0 (no option)");
}

static void
test_score_of_a_group_goes_to_its_parts(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO score_sheet (id, council, _v) VALUES (" BLOB(SHEET) ", randomblob(16), 1)");
	assert_refused(score("QD26-11/6.1", 2, &d), RC_INPUT, &d, "QD26-11/6.1.1");
	assert_fine(score("QD26-11/6.1.1", 2, &d), &d);
	assert_fine(score("SEED-2018/C1.1", 13, &d), &d);
	assert_refused(score("SEED-2018/C1.1", 21, &d), RC_INPUT, &d, "at most 20");
}

static void
test_chosen_option_fits_the_points(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO score_sheet (id, council, _v) VALUES (" BLOB(SHEET) ", randomblob(16), 1)");
	assert_fine(row("score", "sheet, criterion, points, chosen_option", BLOB(SHEET)
	    ", 'QD26-26/8', 3, 'QD26-26/8/4'", &d), &d);
	assert_refused(row("score", "sheet, criterion, points, chosen_option", BLOB(SHEET)
	    ", 'QD26-26/8', 1, 'QD26-26/8/4'", &d), RC_INPUT, &d, "chosen_option");
	assert_refused(row("score", "sheet, criterion, points, chosen_option", BLOB(SHEET)
	    ", 'QD26-26/8', 3, 'QD26-26/15/2'", &d), RC_INPUT, &d, "chosen_option");
}

static void
test_locked_sheet_takes_no_scores(void **state)
{
	struct diag d;

	(void)state;
	sheet_make("locked", NULL);
	assert_refused(score("QD26-09/1.1", 5, &d), RC_CONFLICT, &d, "locked");
}

static void
test_sheet_of_somebody_else(void **state)
{
	struct diag d;

	(void)state;
	sheet_make("open", "member-a");
	assert_fine(score("QD26-09/1.1", 5, &d), &d);
	assert_refused(row("score", "sheet, criterion, points, member", BLOB(SHEET) ", 'QD26-09/1.1', 5, 'member-b'",
	    &d), RC_DENIED, &d, "member-a");
}

static void
test_score_before_any_criteria(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "DELETE FROM criterion; DELETE FROM criterion_option");
	sheet_make(NULL, NULL);
	assert_fine(score("QD26-09/1.1", 4, &d), &d);
}

static void
test_result_fits_its_sum(void **state)
{
	static const char columns[] = "dossier, points_sum, sheets_count, band, gate, stars";
	struct diag d;

	(void)state;
	assert_fine(row("result", columns, "randomblob(16), 810, 9, 5, 4, 4", &d), &d);
	assert_refused(row("result", columns, "randomblob(16), 809, 9, 5, 5, 5", &d), RC_INPUT, &d, "89.88");
	assert_refused(row("result", columns, "randomblob(16), 810, 9, 5, 3, 4", &d), RC_INPUT, &d, "gate 3");
	assert_refused(row("result", columns, "randomblob(16), 810, 9, 5, 0, 3", &d), RC_INPUT, &d, "at most 2");
	assert_refused(row("result", columns, "randomblob(16), 901, 9, 5, 5, 5", &d), RC_INPUT, &d, "cannot be");
	assert_refused(row("result", "dossier, is_eliminated, stars", "randomblob(16), 1, 3", &d), RC_INPUT, &d,
	    "eliminated");
	assert_fine(row("result", "dossier", "randomblob(16)", &d), &d);
}

/* ---- decisions and records */

static void
test_recognition(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(row("recognition", "product, stars", BLOB(PRODUCT) ", 4", &d), &d);
	assert_refused(row("recognition", "product, stars", BLOB(PRODUCT) ", 2", &d), RC_INPUT, &d, "3, 4 and 5");
	assert_refused(row("recognition", "product, stars, authority, regime", BLOB(PRODUCT)
	    ", 3, 'district', 'QD26'", &d), RC_INPUT, &d, "province");
	assert_fine(row("recognition", "product, stars, authority, regime", BLOB(PRODUCT)
	    ", 3, 'district', 'QD148'", &d), &d);
	assert_refused(row("recognition", "product, stars, decided_on", BLOB(PRODUCT) ", 3, '15/10/2024'", &d),
	    RC_INPUT, &d, "2026-07-31");
	assert_refused(row("recognition", "product, stars, valid_from, expires_on", BLOB(PRODUCT)
	    ", 3, '2024-10-15', '2024-10-14'", &d), RC_INPUT, &d, "before");
	assert_refused(row("revocation", "recognition, ground, decided_on", "randomblob(16), 'b', '2024-02-30'", &d),
	    RC_INPUT, &d, "decided_on");
	assert_refused(row("inspection", "product, inspected_on", BLOB(PRODUCT) ", 'May'", &d), RC_INPUT, &d,
	    "inspected_on");
}

static void
test_codes_and_periods(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(row("product_code", "product, code", BLOB(PRODUCT) ", '42-18538-7-2026'", &d), &d);
	assert_refused(row("product_code", "product, code", BLOB(PRODUCT) ", '42-436-18538-7-2022'", &d), RC_INPUT, &d,
	    "alias");
	assert_fine(row("product_code", "product, code, kind", BLOB(PRODUCT) ", '42-436-18538-7-2022', 'alias'", &d),
	    &d);
	assert_fine(row("period_report", "product, period", BLOB(PRODUCT) ", '2026-Q3'", &d), &d);
	assert_refused(row("period_report", "product, period", BLOB(PRODUCT) ", 'Q3 2026'", &d), RC_INPUT, &d,
	    "2026-Q3");
}

static void
test_dates_of_every_kind(void **state)
{
	struct diag d;

	(void)state;
	assert_refused(row("cycle", "year, step3_from, step3_to", "2026, '2026-05-02', '2026-05-01'", &d), RC_INPUT, &d,
	    "step3_to");
	assert_refused(row("round", "opens_on, dossiers_by", "'2026-05-02', '2026-04-30'", &d), RC_INPUT, &d,
	    "dossiers_by");
	assert_refused(row("event", "unit, starts_on", "'18538@2018-01-01', '2026-6-1'", &d), RC_INPUT, &d,
	    "starts_on");
	assert_refused(row("dossier", "product, submitted_on, due_on", BLOB(PRODUCT) ", '2026-06-01', '2026-05-01'",
	    &d), RC_INPUT, &d, "due_on");
	assert_refused(row("receipt_slip", "dossier, received_on", "randomblob(16), 'x'", &d), RC_INPUT, &d,
	    "received_on");
}

static void
test_what_is_frozen_or_signed_is_whole(void **state)
{
	struct diag d;

	(void)state;
	dossier_freeze();
	assert_refused(row("dossier_snapshot", "dossier, version, hash", BLOB(DOSSIER) ", 1, 'cd'", &d), RC_CONFLICT,
	    &d, "version 2");
	assert_fine(row("dossier_snapshot", "dossier, version, hash", BLOB(DOSSIER) ", 2, 'cd'", &d), &d);
	assert_refused(row("commune_assessment", "dossier, origin, signed_on", BLOB(DOSSIER) ", 'meets', '2026-06-01'",
	    &d), RC_INPUT, &d, "four");
	assert_fine(row("commune_assessment", "dossier, origin, labour, idea, identity, signed_on", BLOB(DOSSIER)
	    ", 'meets', 'meets', 'partly', 'meets', '2026-06-01'", &d), &d);
}

static void
test_stamps_do_not_overlap(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO stamp_batch (id, product, series, serial_from, serial_to, _v) VALUES"
	    " (randomblob(16), randomblob(16), 'A', 1, 100, 1)");
	assert_refused(row("stamp_batch", "product, series, serial_from, serial_to", BLOB(PRODUCT) ", 'A', 100, 200",
	    &d), RC_CONFLICT, &d, "begins at 1");
	assert_fine(row("stamp_batch", "product, series, serial_from, serial_to", BLOB(PRODUCT) ", 'A', 101, 200", &d),
	    &d);
	assert_fine(row("stamp_batch", "product, series, serial_from, serial_to", BLOB(PRODUCT) ", 'B', 1, 100", &d),
	    &d);
	assert_refused(row("stamp_batch", "product, serial_from, serial_to", BLOB(PRODUCT) ", 9, 8", &d), RC_INPUT, &d,
	    "swap");
}

static void
test_units_have_their_key_and_parent(void **state)
{
	struct diag d;

	(void)state;
	schema_db_exec(g_db, "INSERT INTO unit (unit_id, code, name, level, parent, valid_from, _v) VALUES"
	    " ('42@2025-07-01', '42', 'a', 'province', NULL, '2025-07-01', 1),"
	    " ('18538@2025-07-01', '18538', 'b', 'commune', '42@2025-07-01', '2025-07-01', 1),"
	    " ('18541@2025-07-01', '18541', 'c', 'commune', NULL, '2025-07-01', 1),"
	    " ('18544', '18544', 'd', 'commune', '42@2025-07-01', '2025-07-01', 1)");
	assert_fine(schema_db_check(g_db, "unit", "42@2025-07-01", true, &d), &d);
	assert_fine(schema_db_check(g_db, "unit", "18538@2025-07-01", true, &d), &d);
	assert_refused(schema_db_check(g_db, "unit", "18541@2025-07-01", true, &d), RC_INPUT, &d, "parent");
	assert_refused(schema_db_check(g_db, "unit", "18544", true, &d), RC_INPUT, &d, "18544@2025-07-01");
}

static void
test_published_criteria_stay(void **state)
{
	struct diag d;

	(void)state;
	assert_fine(schema_db_check(g_db, "criterion", "QD26-09/1.1", true, &d), &d);
	assert_refused(schema_db_check(g_db, "criterion", "QD26-09/1.1", false, &d), RC_CONFLICT, &d, "published");
	assert_refused(schema_db_check(g_db, "criterion_option", "QD26-09/1.1/1", false, &d), RC_CONFLICT, &d,
	    "QD26-09");
	assert_fine(schema_db_check(g_db, "criterion", "SEED-2018/A1.1", false, &d), &d);
}

static void
test_row_taken_away_in_the_same_save(void **state)
{
	const struct catalogue_table *const tables[] = {
		&catalogue_cycle_transition, &catalogue_councils_score, &catalogue_councils_result,
		&catalogue_decisions_recognition, &catalogue_reports_period, &catalogue_reports_stamp_batch,
		&catalogue_products_code, &catalogue_dossiers_snapshot, &catalogue_dossiers_assessment,
		&catalogue_cycle_cycle, &catalogue_units_unit, &catalogue_criteria_criterion,
	};
	struct diag d;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_fine(schema_db_check(g_db, tables[i]->name, "gone...........1", false, &d), &d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_transition_in_every_regime, fresh),
		cmocka_unit_test_setup(test_regimes_differ_where_the_law_does, fresh),
		cmocka_unit_test_setup(test_a_whole_way, fresh),
		cmocka_unit_test_setup(test_a_second_recording_is_told, fresh),
		cmocka_unit_test_setup(test_steps_begin_where_the_product_is, fresh),
		cmocka_unit_test_setup(test_entered_from_nowhere_only_at_a_start, fresh),
		cmocka_unit_test_setup(test_submission_needs_a_snapshot, fresh),
		cmocka_unit_test_setup(test_regime_is_pinned_by_the_dossier, fresh),
		cmocka_unit_test_setup(test_score_is_one_of_the_options, fresh),
		cmocka_unit_test_setup(test_score_of_a_group_goes_to_its_parts, fresh),
		cmocka_unit_test_setup(test_chosen_option_fits_the_points, fresh),
		cmocka_unit_test_setup(test_locked_sheet_takes_no_scores, fresh),
		cmocka_unit_test_setup(test_sheet_of_somebody_else, fresh),
		cmocka_unit_test_setup(test_score_before_any_criteria, fresh),
		cmocka_unit_test_setup(test_result_fits_its_sum, fresh),
		cmocka_unit_test_setup(test_recognition, fresh),
		cmocka_unit_test_setup(test_codes_and_periods, fresh),
		cmocka_unit_test_setup(test_dates_of_every_kind, fresh),
		cmocka_unit_test_setup(test_what_is_frozen_or_signed_is_whole, fresh),
		cmocka_unit_test_setup(test_stamps_do_not_overlap, fresh),
		cmocka_unit_test_setup(test_units_have_their_key_and_parent, fresh),
		cmocka_unit_test_setup(test_published_criteria_stay, fresh),
		cmocka_unit_test_setup(test_row_taken_away_in_the_same_save, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
