#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "schema/rules_code.h"
#include "schema/rules_council.h"
#include "schema/rules_dates.h"
#include "schema/rules_recognition.h"
#include "schema/rules_stars.h"

static int32_t
day(const char *text)
{
	int32_t out = 0;

	if (!rules_day_parse(span_str(text), &out))
		fail_msg("%s is no day", text);
	return out;
}

static void
assert_day(int32_t got, const char *want)
{
	char text[RULES_DAY_TEXT_BYTES];

	rules_day_text(got, text);
	assert_string_equal(text, want);
}

/* ---- stars */

static void
test_band_at_its_bounds(void **state)
{
	static const struct {
		int64_t threshold;
		int32_t stars;
	} bands[] = { { 90, 5 }, { 70, 4 }, { 50, 3 }, { 30, 2 } };
	static const int64_t counts[] = { 1, 7, 9, 11, 15 };

	(void)state;
	for (size_t i = 0; i < sizeof(bands) / sizeof(bands[0]); i++)
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			int64_t exact = bands[i].threshold * counts[k];

			assert_int_equal(rules_band(exact, counts[k]), bands[i].stars);
			assert_int_equal(rules_band(exact - 1, counts[k]), bands[i].stars - 1);
			assert_int_equal(rules_band(exact + 1, counts[k]), bands[i].stars);
		}
	assert_int_equal(rules_band(100 * 9, 9), 5);
	assert_int_equal(rules_band(0, 9), 1);
}

static void
test_average_is_cut_not_rounded(void **state)
{
	char text[RULES_AVERAGE_BYTES];

	(void)state;
	rules_average_text(89995, 1000, text);		/* 89.995 */
	assert_string_equal(text, "89.99");
	assert_int_equal(rules_band(89995, 1000), 4);
	rules_average_text(989, 11, text);		/* 89.909… */
	assert_string_equal(text, "89.90");
	rules_average_text(809, 9, text);		/* 89.888… */
	assert_string_equal(text, "89.88");
	rules_average_text(900, 9, text);
	assert_string_equal(text, "100.00");
	rules_average_text(0, 7, text);
	assert_string_equal(text, "0.00");
}

/* Criteria 1.4, 2.2, 2.3 and 3.1 of set 9, fish sauce, and a yes/no. */
static const struct rules_option LINKAGE[] = { { 0, 0 }, { 1, 0 }, { 2, 4 }, { 3, 5 } };
static const struct rules_option PACKING[] = { { 0, 0 }, { 1, 0 }, { 2, 3 }, { 3, 0 } };
static const struct rules_option LABEL[] = { { 1, 3 }, { 2, 0 }, { 3, 4 } };
static const struct rules_option KIND[] = { { 1, 0 }, { 2, 0 }, { 3, 0 } };

static const struct rules_criterion FORM[] = {
	{ RULES_OPTIONS, 0, 1, 3, 3, LINKAGE, 4 },
	{ RULES_OPTIONS, 0, 2, 7, 3, PACKING, 4 },
	{ RULES_OPTIONS, 0, 2, 7, 3, LABEL, 3 },
	{ RULES_YES_NO, 0, 2, 7, 1, NULL, 0 },
	{ RULES_OPTIONS, 0, 3, 3, 3, KIND, 3 },
};
#define FORM_COUNT (sizeof(FORM) / sizeof(FORM[0]))

static void
test_gate_is_the_highest_met(void **state)
{
	static const struct {
		int32_t points[FORM_COUNT];
		int32_t gate;
	} cases[] = {
		{ { 3, 2, 3, 0, 0 }, 5 },
		{ { 3, 3, 3, 1, 3 }, 5 },
		{ { 2, 2, 3, 0, 0 }, 4 },
		{ { 1, 2, 3, 1, 3 }, 3 },	/* linkage below the mark for 4 */
		{ { 3, 2, 2, 1, 3 }, 3 },	/* label below the mark for 4 */
		{ { 3, 3, 0, 1, 3 }, RULES_GATE_NONE },
		{ { 3, 1, 3, 1, 3 }, RULES_GATE_NONE },
		{ { 3, 2, RULES_POINTS_NONE, 1, 3 }, RULES_GATE_NONE },
		{ { RULES_POINTS_NONE, 2, 1, RULES_POINTS_NONE, RULES_POINTS_NONE }, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rules_gate(FORM, cases[i].points, FORM_COUNT), cases[i].gate);
}

static void
test_form_without_marks_has_all_gates_open(void **state)
{
	static const int32_t nothing = RULES_POINTS_NONE;

	(void)state;
	assert_int_equal(rules_gate(&FORM[4], &nothing, 1), 5);
}

static void
test_gate_of_zero_points_needs_a_choice(void **state)
{
	static const struct rules_option marked[] = { { 0, 3 }, { 1, 0 } };
	static const struct rules_criterion c = { RULES_OPTIONS, 0, 1, 1, 1, marked, 2 };
	static const int32_t zero = 0, none = RULES_POINTS_NONE;

	(void)state;
	assert_int_equal(rules_gate(&c, &zero, 1), 5);
	assert_int_equal(rules_gate(&c, &none, 1), RULES_GATE_NONE);
}

static void
test_stars_are_the_lower_of_band_and_gate(void **state)
{
	(void)state;
	assert_int_equal(rules_stars(5, 5, false), 5);
	assert_int_equal(rules_stars(5, 4, false), 4);
	assert_int_equal(rules_stars(5, 3, false), 3);
	assert_int_equal(rules_stars(3, 5, false), 3);
	assert_int_equal(rules_stars(5, RULES_GATE_NONE, false), 2);
	assert_int_equal(rules_stars(1, RULES_GATE_NONE, false), 1);
	assert_int_equal(rules_stars(2, 5, false), 2);
}

static void
test_eliminated_has_no_stars(void **state)
{
	(void)state;
	assert_int_equal(rules_stars(5, 5, true), 0);
	assert_int_equal(rules_stars(1, RULES_GATE_NONE, true), 0);
}

static void
test_sheet_is_added_by_part(void **state)
{
	static const int32_t points[] = { 3, 2, 3, 1, RULES_POINTS_NONE };
	static const int32_t max[RULES_PARTS] = { 40, 25, 35 };
	struct rules_total total;

	(void)state;
	assert_int_equal(rules_sheet_total(FORM, points, FORM_COUNT, max, &total), FORM_COUNT);
	assert_int_equal(total.total, 9);
	assert_int_equal(total.parts[0], 9);
	assert_int_equal(total.parts[1], 0);
}

static void
test_sheet_names_the_bad_line(void **state)
{
	static const int32_t not_offered[] = { 3, 2, 3, 2, 1 };
	static const int32_t fine[] = { 3, 2, 3, 1, 3 };
	static const int32_t small[RULES_PARTS] = { 9, 25, 35 };
	static const int32_t max[RULES_PARTS] = { 40, 25, 35 };
	struct rules_criterion tight[FORM_COUNT];
	struct rules_total total;

	(void)state;
	assert_int_equal(rules_sheet_total(FORM, not_offered, FORM_COUNT, max, &total), 3);
	assert_int_equal(rules_sheet_total(FORM, fine, FORM_COUNT, small, &total), 4);
	memcpy(tight, FORM, sizeof(tight));
	tight[1].section_max = tight[2].section_max = tight[3].section_max = 5;
	assert_int_equal(rules_sheet_total(tight, fine, FORM_COUNT, max, &total), 3);
}

static void
test_points_that_may_be_given(void **state)
{
	static const struct rules_criterion free_points = { RULES_POINTS, 0, 1, 5, 5, NULL, 0 };

	(void)state;
	assert_true(rules_points_are_allowed(&FORM[2], 0));
	assert_true(rules_points_are_allowed(&FORM[2], 3));
	assert_false(rules_points_are_allowed(&FORM[2], 4));
	assert_false(rules_points_are_allowed(&FORM[2], -2));
	assert_true(rules_points_are_allowed(&FORM[3], 1));
	assert_false(rules_points_are_allowed(&FORM[3], 2));
	assert_true(rules_points_are_allowed(&free_points, 4));
	assert_false(rules_points_are_allowed(&free_points, 6));
}

/* ---- council */

static void
test_quorum(void **state)
{
	struct rules_attendance a = { 12, 9, RULES_QUORUM_PERCENT, true };

	(void)state;
	assert_true(rules_quorum_is_met(&a));
	a.present = 8;
	assert_false(rules_quorum_is_met(&a));
	a = (struct rules_attendance){ 11, 9, RULES_QUORUM_PERCENT, true };	/* 8.25 needed */
	assert_true(rules_quorum_is_met(&a));
	a.is_chair_present = false;
	assert_false(rules_quorum_is_met(&a));
	a = (struct rules_attendance){ 0, 0, RULES_QUORUM_PERCENT, true };
	assert_false(rules_quorum_is_met(&a));
	a = (struct rules_attendance){ 3, 4, RULES_QUORUM_PERCENT, true };
	assert_false(rules_quorum_is_met(&a));
}

static void
test_spread_of_more_than_ten(void **state)
{
	static const int32_t ten[] = { 80, 75, 85, 77 }, eleven[] = { 80, 74, 85 };

	(void)state;
	assert_int_equal(rules_spread(ten, 4), RULES_SPREAD_MAX);
	assert_true(rules_spread(eleven, 3) > RULES_SPREAD_MAX);
	assert_int_equal(rules_spread(NULL, 0), 0);
	assert_int_equal(rules_sum(ten, 4), 317);
}

static void
test_forwarding_threshold(void **state)
{
	(void)state;
	assert_true(rules_may_forward(630, 7, 90));
	assert_false(rules_may_forward(629, 7, 90));
	assert_false(rules_may_forward(0, 0, 0));
}

/* ---- dates */

static void
test_days_are_real(void **state)
{
	static const char *const bad[] = {
		"2026-02-29", "2025-04-31", "2026-13-01", "2026-00-10", "2026-01-00", "2026-1-01", "26-01-01",
		"2026/01/01", "2026-01-01 ", "", "1899-12-31", "2100-02-29", "20a6-01-01",
	};
	int32_t out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rules_day_parse(span_str(bad[i]), &out));
	assert_int_equal(day("1970-01-01"), 0);
	assert_int_equal(day("1969-12-31"), -1);
	assert_int_equal(day("2024-02-29"), 19782);
	assert_int_equal(day("2000-02-29") + 1, day("2000-03-01"));
}

static void
test_days_round_trip(void **state)
{
	int32_t last = day("2130-01-01");

	(void)state;
	for (int32_t d = day("1900-01-01"); d < last; d++) {
		char text[RULES_DAY_TEXT_BYTES];

		rules_day_text(d, text);
		assert_int_equal(day(text), d);
	}
}

static void
test_certificate_ends_with_its_month(void **state)
{
	(void)state;
	assert_day(rules_certificate_expiry(day("2024-10-15"), 36), "2027-10-15");
	assert_day(rules_certificate_expiry(day("2024-02-29"), 36), "2027-02-28");
	assert_day(rules_certificate_expiry(day("2023-02-28"), 36), "2026-02-28");
	assert_day(rules_day_add_months(day("2025-01-31"), 1), "2025-02-28");
	assert_day(rules_day_add_months(day("2023-12-31"), 2), "2024-02-29");
	assert_day(rules_day_add_months(day("2026-11-30"), 3), "2027-02-28");
	assert_day(rules_day_add_months(day("2026-03-31"), -1), "2026-02-28");
}

static void
test_renewal_window(void **state)
{
	int32_t expiry = day("2027-10-15");

	(void)state;
	assert_false(rules_renewal_is_open(expiry, expiry - 181));
	assert_true(rules_renewal_is_open(expiry, expiry - 180));
	assert_true(rules_renewal_is_open(expiry, expiry - 120));
	assert_false(rules_renewal_is_open(expiry, expiry - 119));
}

static void
test_fifteen_working_days(void **state)
{
	int32_t holidays[3];

	(void)state;
	assert_day(rules_working_deadline(day("2026-06-01"), 15, NULL, 0), "2026-06-22");	/* a Monday */
	assert_day(rules_working_deadline(day("2026-06-05"), 15, NULL, 0), "2026-06-26");	/* a Friday */
	assert_day(rules_working_deadline(day("2026-06-06"), 15, NULL, 0), "2026-06-26");	/* a Saturday */
	assert_day(rules_working_deadline(day("2026-06-06"), 1, NULL, 0), "2026-06-08");
	holidays[0] = day("2026-09-02");
	holidays[1] = day("2026-09-01");
	holidays[2] = day("2026-09-05");	/* a Saturday: it does not count twice */
	assert_day(rules_working_deadline(day("2026-08-28"), 3, holidays, 3), "2026-09-04");
	assert_day(rules_working_deadline(day("2026-08-28"), 0, holidays, 3), "2026-08-28");
	assert_false(rules_day_is_working(day("1969-12-28"), NULL, 0));	/* a Sunday before the epoch */
}

static void
test_periods(void **state)
{
	static const char *const good[] = { "2026", "2026-H1", "2026-H2", "2026-Q1", "2026-Q4", "2026-01", "2026-12" };
	static const char *const bad[] = { "", "26", "2026-", "2026-H3", "2026-Q0", "2026-Q5", "2026-13", "2026-00",
		"2026-1", "2026-011", "2026-h1" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(rules_period_is_ok(span_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rules_period_is_ok(span_str(bad[i])));
}

/* ---- codes */

static void
test_product_code(void **state)
{
	static const char *const bad[] = { "42-18538-07-2026", "42-18538-0-2026", "42-1853-7-2026", "4-18538-7-2026",
		"42-18538-7-26", "42-18538-7-2026-", "42-18538--2026", "42-18538-100000-2026", "42 18538 7 2026", "",
		"42-436-18538-7-2026", "42-18538-7-2017" };
	struct rules_code c;
	char text[RULES_CODE_BYTES];

	(void)state;
	assert_true(rules_code_parse(span_str("42-18538-7-2026"), &c));
	assert_int_equal(c.province, 42);
	assert_int_equal(c.commune, 18538);
	assert_int_equal(c.number, 7);
	assert_int_equal(c.year, 2026);
	assert_true(rules_code_text(&c, text));
	assert_string_equal(text, "42-18538-7-2026");
	c = (struct rules_code){ 1, 4, 99999, 2026 };
	assert_true(rules_code_text(&c, text));
	assert_string_equal(text, "01-00004-99999-2026");
	assert_true(rules_code_parse(span_str(text), &c));
	c.number = 0;
	assert_false(rules_code_text(&c, text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rules_code_parse(span_str(bad[i]), &c));
	assert_true(rules_code_is_legacy(span_str("42-436-18538-7-2022")));
	assert_false(rules_code_is_legacy(span_str("42-18538-7-2022")));
}

/* ---- recognition */

static struct rules_recognition
recognised(const char *from, int32_t stars, const char *number)
{
	struct rules_recognition r = { .effective_day = day(from), .stars = stars, .filed_day = RULES_DAY_NONE };

	r.decision_no = span_str(number);
	r.expires_day = rules_certificate_expiry(r.effective_day, RULES_CERTIFICATE_MONTHS);
	return r;
}

static void
test_standing_through_its_life(void **state)
{
	struct rules_recognition r = recognised("2024-10-15", 4, "2394");
	struct rules_decisions d = { .recognitions = &r, .recognitions_count = 1 };
	int32_t expiry = day("2027-10-15");

	(void)state;
	assert_int_equal(rules_standing_on(&d, day("2024-10-14")).state, RULES_UNRECOGNISED);
	assert_int_equal(rules_standing_on(&d, day("2024-10-15")).state, RULES_ACTIVE);
	assert_int_equal(rules_standing_on(&d, expiry - 181).state, RULES_ACTIVE);
	assert_int_equal(rules_standing_on(&d, expiry - 180).state, RULES_EXPIRING);
	assert_int_equal(rules_standing_on(&d, expiry).state, RULES_EXPIRING);
	assert_int_equal(rules_standing_on(&d, expiry).stars, 4);
	assert_int_equal(rules_standing_on(&d, expiry + 1).state, RULES_EXPIRED);
	assert_int_equal(rules_standing_on(&d, expiry + 1).stars, 0);
	r.filed_day = expiry - 150;
	assert_int_equal(rules_standing_on(&d, expiry - 151).state, RULES_EXPIRING);
	assert_int_equal(rules_standing_on(&d, expiry - 150).state, RULES_REEVAL_FILED);
	assert_int_equal(rules_standing_on(&d, expiry + 1).state, RULES_EXTENDED);
	r.filed_day = expiry - 10;	/* late */
	assert_int_equal(rules_standing_on(&d, expiry).state, RULES_EXPIRING);
	assert_int_equal(rules_standing_on(&d, expiry + 180).state, RULES_EXTENDED);
	assert_int_equal(rules_standing_on(&d, expiry + 180).stars, 4);
	assert_int_equal(rules_standing_on(&d, expiry + 181).state, RULES_EXPIRED);
}

static void
test_older_decision_never_lowers_a_newer(void **state)
{
	struct rules_recognition r[2] = { recognised("2024-10-15", 4, "2394"), recognised("2020-12-31", 3, "4001") };
	struct rules_decisions d = { .recognitions = r, .recognitions_count = 2 };
	struct rules_standing s = rules_standing_on(&d, day("2025-01-01"));

	(void)state;
	assert_int_equal(s.stars, 4);
	assert_int_equal(s.recognition, 0);
	assert_int_equal(rules_recognition_state(&d, 1, day("2025-01-01")), RULES_SUPERSEDED);
	assert_int_equal(rules_recognition_state(&d, 1, day("2021-01-01")), RULES_ACTIVE);
}

static void
test_revocation_wins(void **state)
{
	struct rules_recognition r[2] = { recognised("2021-03-01", 3, "77"), recognised("2023-03-01", 4, "99") };
	struct rules_revocation v = { .recognition = 1, .effective_day = day("2023-03-01") };
	struct rules_decisions d = { r, 2, &v, 1 };

	(void)state;
	/* On the same day the revocation wins, and what was superseded does not come back. */
	assert_int_equal(rules_standing_on(&d, day("2023-03-01")).state, RULES_REVOKED);
	assert_int_equal(rules_standing_on(&d, day("2023-03-01")).stars, 0);
	assert_int_equal(rules_standing_on(&d, day("2023-02-28")).stars, 3);
	/* It holds for the same decision entered twice. */
	r[0] = r[1];
	assert_int_equal(rules_standing_on(&d, day("2023-06-01")).state, RULES_REVOKED);
	/* A revocation of an older recognition leaves the newer one. */
	r[0] = recognised("2021-03-01", 3, "77");
	v.recognition = 0;
	assert_int_equal(rules_standing_on(&d, day("2023-06-01")).state, RULES_ACTIVE);
	/* A later recognition counts again. */
	v = (struct rules_revocation){ .recognition = 0, .effective_day = day("2022-01-01") };
	assert_int_equal(rules_standing_on(&d, day("2022-06-01")).state, RULES_REVOKED);
	assert_int_equal(rules_standing_on(&d, day("2023-03-01")).stars, 4);
}

static void
test_same_day_is_told_by_number(void **state)
{
	struct rules_recognition r[2] = { recognised("2024-10-15", 4, "2395"), recognised("2024-10-15", 3, "2394") };
	struct rules_decisions d = { .recognitions = r, .recognitions_count = 2 };

	(void)state;
	assert_int_equal(rules_standing_on(&d, day("2024-10-15")).stars, 4);
	assert_string_equal(rules_standing_name(RULES_SUPERSEDED), "SUPERSEDED");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_band_at_its_bounds),
		cmocka_unit_test(test_average_is_cut_not_rounded),
		cmocka_unit_test(test_gate_is_the_highest_met),
		cmocka_unit_test(test_form_without_marks_has_all_gates_open),
		cmocka_unit_test(test_gate_of_zero_points_needs_a_choice),
		cmocka_unit_test(test_stars_are_the_lower_of_band_and_gate),
		cmocka_unit_test(test_eliminated_has_no_stars),
		cmocka_unit_test(test_sheet_is_added_by_part),
		cmocka_unit_test(test_sheet_names_the_bad_line),
		cmocka_unit_test(test_points_that_may_be_given),
		cmocka_unit_test(test_quorum),
		cmocka_unit_test(test_spread_of_more_than_ten),
		cmocka_unit_test(test_forwarding_threshold),
		cmocka_unit_test(test_days_are_real),
		cmocka_unit_test(test_days_round_trip),
		cmocka_unit_test(test_certificate_ends_with_its_month),
		cmocka_unit_test(test_renewal_window),
		cmocka_unit_test(test_fifteen_working_days),
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_product_code),
		cmocka_unit_test(test_standing_through_its_life),
		cmocka_unit_test(test_older_decision_never_lowers_a_newer),
		cmocka_unit_test(test_revocation_wins),
		cmocka_unit_test(test_same_day_is_told_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
