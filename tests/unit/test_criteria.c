/* What schema/data holds, loaded into the tables it is meant for. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/criteria.h"
#include "schema_db.h"

static struct sqlite3 *g_db;

static int
setup(void **state)
{
	(void)state;
	g_db = schema_db_open();
	schema_db_load_criteria(g_db);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	schema_db_close(g_db);
	return 0;
}

static void
test_counts(void **state)
{
	(void)state;
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criteria_set WHERE version = 'QD26'"), 26);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion WHERE criteria_set LIKE 'QD26-%'"
	    " AND kind <> 'group'"), 787);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion WHERE criteria_set LIKE 'QD26-%'"
	    " AND kind = 'yes_no'"), 22);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion_option"
	    " WHERE criterion LIKE 'QD26-%'"), 2535);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criteria_set WHERE version = 'QD1048'"
	    " AND status = 'published'"), 25);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM product_group"), 26);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM regime"), 5);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM proof_type"), 18);
}

static void
test_parts_add_up(void **state)
{
	(void)state;
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criteria_set WHERE version = 'QD26' AND total = 100"
	    " AND part_a = 40 AND part_b = 25 AND part_c = 35"), 26);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM (SELECT criteria_set, part, sum(max) AS n FROM"
	    " criterion WHERE criteria_set LIKE 'QD26-%' AND kind <> 'group' GROUP BY criteria_set, part)"
	    " WHERE n = CASE part WHEN 'A' THEN 40 WHEN 'B' THEN 25 ELSE 35 END"), 78);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criteria_set s WHERE total <> (SELECT"
	    " coalesce(sum(max), 0) FROM criterion WHERE criteria_set = s.set_id AND kind <> 'group')"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criteria_set WHERE version = 'QD1048'"
	    " AND total = 98"), 3);
}

static void
test_best_option_is_the_maximum(void **state)
{
	(void)state;
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion c WHERE kind = 'options' AND max <>"
	    " coalesce((SELECT max(points) FROM criterion_option WHERE criterion = c.criterion_id), -1)"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion c WHERE kind <> 'options' AND EXISTS"
	    " (SELECT 1 FROM criterion_option WHERE criterion = c.criterion_id)"), 0);
	/* A group is worth what its parts are. */
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion g WHERE kind = 'group' AND max <>"
	    " (SELECT sum(max) FROM criterion WHERE parent = g.criterion_id)"), 0);
}

static void
test_keys_refer(void **state)
{
	(void)state;
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion_option WHERE option_id <>"
	    " criterion || '/' || position"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion_option WHERE criterion NOT IN"
	    " (SELECT criterion_id FROM criterion)"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion WHERE criteria_set NOT IN"
	    " (SELECT set_id FROM criteria_set)"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM elimination_rule WHERE criterion IS NOT NULL AND"
	    " criterion NOT IN (SELECT criterion_id FROM criterion)"), 0);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM product_group WHERE group_id NOT IN"
	    " (SELECT set_id FROM criteria_set)"), 0);
}

static void
test_shapes_of_the_law_are_kept(void **state)
{
	(void)state;
	/* Three levels: tea 6.1.1 …, coffee 6.2.2. */
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion WHERE parent IS NOT NULL"
	    " AND criteria_set LIKE 'QD26-%'"), 12);
	/* One of two cases: tourism 8, 9, 15. */
	assert_int_equal(schema_db_int(g_db, "SELECT count(DISTINCT criterion) FROM criterion_option"
	    " WHERE case_number = 2"), 3);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion_option WHERE criterion = 'QD26-26/8'"
	    " AND points = 3"), 2);
	/* Only with a story. */
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM criterion WHERE code = '5.2'"
	    " AND notes = 'Chỉ áp dụng khi có câu chuyện sản phẩm' AND criteria_set = 'QD26-09'"), 1);
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM elimination_rule WHERE kind = 'dossier'"), 25);
	assert_true(schema_db_int(g_db, "SELECT count(*) FROM elimination_rule WHERE kind = 'stop'") > 0);
	assert_true(schema_db_int(g_db, "SELECT count(*) FROM elimination_rule WHERE kind = 'not_evaluated'") > 0);
	/* The nine corrections of the transcription are told. */
	assert_int_equal(schema_db_int(g_db, "SELECT sum((length(notes) - length(replace(notes, 'Transcription:', '')))"
	    " / length('Transcription:')) FROM criteria_set WHERE version = 'QD26'"), 9);
}

static void
test_seed_is_not_rescaled(void **state)
{
	(void)state;
	assert_int_equal(schema_db_int(g_db, "SELECT total FROM criteria_set WHERE set_id = 'SEED-2018'"), 89);
	assert_int_equal(schema_db_int(g_db, "SELECT part_a FROM criteria_set WHERE set_id = 'SEED-2018'"), 35);
	assert_int_equal(schema_db_int(g_db, "SELECT max FROM criterion WHERE criterion_id = 'SEED-2018/A3'"
	    " AND kind = 'group'"), 11);
}

static void
form_open(const char *set_id, struct criteria_form *f)
{
	struct diag d;

	diag_init(&d);
	if (criteria_form_load(g_db, span_str(set_id), f, &d) != RC_OK)
		fail_msg("%s: %s", set_id, d.text);
}

/* The least points with which line @c meets the gate of @star; without a gate, its lowest option. */
static int32_t
least_for(const struct rules_criterion *c, int32_t star)
{
	int32_t mark = 0, points = c->options_count == 0 ? 0 : c->max;

	for (size_t i = 0; i < c->options_count; i++) {
		const struct rules_option *o = &c->options[i];

		if (o->min_for_star <= star && o->min_for_star > mark) {
			mark = o->min_for_star;
			points = o->points;
		} else if (mark == 0 && o->points < points) {
			points = o->points;
		}
	}
	return points;
}

static void
test_gates_alone_are_no_stars(void **state)
{
	int32_t lo = 100, hi = 0;

	(void)state;
	for (int number = 1; number <= 25; number++) {
		int32_t points[CRITERIA_LINES_MAX];
		struct rules_total total;
		struct criteria_form f;
		char set_id[16];

		snprintf(set_id, sizeof(set_id), "QD26-%02d", number);
		form_open(set_id, &f);
		for (size_t i = 0; i < f.count; i++)
			points[i] = least_for(&f.lines[i], 5);
		assert_int_equal(rules_gate(f.lines, points, f.count), 5);
		assert_int_equal(rules_sheet_total(f.lines, points, f.count, f.part_max, &total), f.count);
		lo = total.total < lo ? total.total : lo;
		hi = total.total > hi ? total.total : hi;
		criteria_form_free(&f);
	}
	assert_int_equal(lo, 42);
	assert_int_equal(hi, 60);
}

static void
test_every_form_gives_its_total(void **state)
{
	sqlite3_stmt *stmt;
	int count = 0;

	(void)state;
	assert_int_equal(sqlite3_prepare_v2(g_db, "SELECT set_id, total FROM criteria_set WHERE total > 0", -1, &stmt,
	    NULL), SQLITE_OK);
	for (; sqlite3_step(stmt) == SQLITE_ROW; count++) {
		int32_t points[CRITERIA_LINES_MAX];
		struct rules_total total;
		struct criteria_form f;

		form_open((const char *)sqlite3_column_text(stmt, 0), &f);
		for (size_t i = 0; i < f.count; i++)
			points[i] = f.lines[i].max;
		assert_int_equal(rules_sheet_total(f.lines, points, f.count, f.part_max, &total), f.count);
		assert_int_equal(total.total, sqlite3_column_int(stmt, 1));
		assert_int_equal(rules_gate(f.lines, points, f.count), 5);
		criteria_form_free(&f);
	}
	sqlite3_finalize(stmt);
	assert_int_equal(count, 26 + 25 + 1);
}

static size_t
line_of(const struct criteria_form *f, const char *key)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->keys[i], key) == 0)
			return i;
	fail_msg("no line %s", key);
	return 0;
}

static void
test_fish_sauce_misses_one_gate(void **state)
{
	int32_t points[CRITERIA_LINES_MAX];
	struct rules_total total;
	struct criteria_form f;

	(void)state;
	form_open("QD26-09", &f);
	for (size_t i = 0; i < f.count; i++)
		points[i] = f.lines[i].max;
	points[line_of(&f, "QD26-09/6.5")] = 2;		/* taste: **** is 2, ***** is 4 */
	assert_int_equal(rules_sheet_total(f.lines, points, f.count, f.part_max, &total), f.count);
	assert_int_equal(total.total, 98);
	assert_int_equal(rules_band(total.total, 1), 5);
	assert_int_equal(rules_gate(f.lines, points, f.count), 4);
	points[line_of(&f, "QD26-09/1.1")] = RULES_POINTS_NONE;	/* origin of the fish: *** is 1 */
	assert_int_equal(rules_gate(f.lines, points, f.count), RULES_GATE_NONE);
	assert_int_equal(rules_stars(5, RULES_GATE_NONE, false), 2);
	criteria_form_free(&f);
}

static void
test_sheet_is_read(void **state)
{
	static const char sheet[] = "sheet-of-a-test.";
	int32_t points[CRITERIA_LINES_MAX];
	struct criteria_form f;
	struct diag d;

	(void)state;
	diag_init(&d);
	form_open("QD26-09", &f);
	schema_db_exec(g_db, "INSERT INTO score (id, sheet, criterion, points, _v) VALUES"
	    " (randomblob(16), CAST('sheet-of-a-test.' AS BLOB), 'QD26-09/1.1', 5, 1),"
	    " (randomblob(16), CAST('sheet-of-a-test.' AS BLOB), 'QD26-09/7', 3, 1)");
	assert_int_equal(criteria_sheet_points(g_db, span_of(sheet, 16), &f, points, &d), RC_OK);
	assert_int_equal(points[line_of(&f, "QD26-09/1.1")], 5);
	assert_int_equal(points[line_of(&f, "QD26-09/7")], 3);
	assert_int_equal(points[line_of(&f, "QD26-09/1.2")], RULES_POINTS_NONE);
	schema_db_exec(g_db, "DELETE FROM score");
	criteria_form_free(&f);
}

static void
test_unknown_form(void **state)
{
	struct criteria_form f;
	struct diag d;

	(void)state;
	diag_init(&d);
	assert_int_equal(criteria_form_load(g_db, span_str("QD26-27"), &f, &d), RC_NOTFOUND);
	assert_non_null(strstr(d.text, "QD26-27"));
	diag_init(&d);
	assert_int_equal(criteria_form_load(g_db, span_str("QD1048-10"), &f, &d), RC_NOTFOUND);
}

static void
test_form_survives_no_memory(void **state)
{
	struct criteria_form f;
	struct diag d;
	enum rc rc = RC_NOMEM;

	(void)state;
	for (uint64_t k = 1; rc != RC_OK && k < 100; k++) {
		diag_init(&d);
		mem_fault_set(k);
		rc = criteria_form_load(g_db, span_str("QD26-09"), &f, &d);
		mem_fault_set(0);
		assert_true(rc == RC_OK || rc == RC_NOMEM);
	}
	assert_int_equal(rc, RC_OK);
	criteria_form_free(&f);
}

static void
test_units_map_to_units(void **state)
{
	(void)state;
	schema_db_load(g_db, "schema/data/unit-mapping.csv", "unit_mapping");
	assert_int_equal(schema_db_int(g_db, "SELECT count(DISTINCT new_unit) FROM unit_mapping"
	    " WHERE new_unit LIKE '%@2025-07-01'"), 69);
	/* The three stages compose: 262 units of 2018 reach the 69 of today in 265 pairs. */
	assert_int_equal(schema_db_int(g_db, "SELECT count(*) FROM (SELECT DISTINCT a.old_unit, c.new_unit FROM"
	    " unit_mapping a JOIN unit_mapping b ON b.old_unit = a.new_unit JOIN unit_mapping c ON"
	    " c.old_unit = b.new_unit WHERE a.old_unit LIKE '%@2017-10-15')"), 265);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_parts_add_up),
		cmocka_unit_test(test_best_option_is_the_maximum),
		cmocka_unit_test(test_keys_refer),
		cmocka_unit_test(test_shapes_of_the_law_are_kept),
		cmocka_unit_test(test_seed_is_not_rescaled),
		cmocka_unit_test(test_gates_alone_are_no_stars),
		cmocka_unit_test(test_every_form_gives_its_total),
		cmocka_unit_test(test_fish_sauce_misses_one_gate),
		cmocka_unit_test(test_sheet_is_read),
		cmocka_unit_test(test_unknown_form),
		cmocka_unit_test(test_form_survives_no_memory),
		cmocka_unit_test(test_units_map_to_units),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
