/* TRUST.md C13 to C17: what clock readings count for, and what a wrong clock can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "race.h"
#include "sync/engine_impl.h"

#define HOUR_MS INT64_C(3600000)
#define YEARS_MS (INT64_C(80) * 365 * 24 * HOUR_MS)

static struct engine *
engine_of(struct race *r, size_t n)
{
	return r->o.nodes[n].engine;
}

static void
hear(struct race *r, size_t n, uint64_t peer_ms)
{
	struct engine *e = engine_of(r, n);
	uint64_t now = engine_now_ms(e);

	assert_int_equal(clock_hear(e, engine_self(e)->parent, now, now, peer_ms, &r->o.diag), RC_OK);
	memcpy(r->o.nodes[n].origin, engine_self(e)->origin, ORIGIN_BYTES);
}

static void
say(struct race *r, size_t who, size_t of, uint64_t since_ms, int64_t shift_ms)
{
	r->o.now_ms += 1000;
	assert_int_equal(clock_hear_say(engine_of(r, who), r->o.nodes[of].origin, since_ms, shift_ms, &r->o.diag),
	    RC_OK);
}

static enum clock_badge
badge(struct race *r, size_t n)
{
	struct clock_report report;

	assert_int_equal(clock_hear_report(engine_of(r, n), &report, &r->o.diag), RC_OK);
	return report.badge;
}

/* C13: the correction with the latest beginning counts, of equal ones that of the highest author; order stays. */
static void
test_effective(void **state)
{
	const uint64_t t = 1600000000000;
	struct race r;
	const uint8_t *a;
	struct engine *e;

	(void)state;
	race_init(&r);
	e = engine_of(&r, RACE_PROVINCE);
	a = r.o.nodes[RACE_A1].origin;
	assert_true(clock_effective(e, a, HLC_MAKE(t)) == HLC_MAKE(t));
	say(&r, RACE_PROVINCE, RACE_A1, t, -HOUR_MS);
	assert_true(clock_effective(e, a, HLC_MAKE(t) - 1) == HLC_MAKE(t) - 1);
	assert_true(clock_effective(e, a, HLC_MAKE(t)) == HLC_MAKE(t) - 1); /* never before the one before */
	assert_true(clock_effective(e, a, HLC_MAKE(t + 2 * HOUR_MS)) == HLC_MAKE(t + HOUR_MS));
	say(&r, RACE_PROVINCE, RACE_A1, t + 4 * HOUR_MS, HOUR_MS);
	assert_true(clock_effective(e, a, HLC_MAKE(t + 4 * HOUR_MS)) == HLC_MAKE(t + 5 * HOUR_MS));
	assert_true(clock_effective(e, a, HLC_MAKE(t + 2 * HOUR_MS)) == HLC_MAKE(t + HOUR_MS));
	/* The district says something else from the same reading on: the province's stands. */
	office_sync(&r.o);
	say(&r, RACE_DISTRICT, RACE_A1, t, 7 * HOUR_MS);
	office_sync(&r.o);
	assert_true(clock_effective(e, a, HLC_MAKE(t + 2 * HOUR_MS)) == HLC_MAKE(t + HOUR_MS));
	assert_true(clock_effective(engine_of(&r, RACE_A2), a, HLC_MAKE(t + 2 * HOUR_MS)) ==
	    HLC_MAKE(t + HOUR_MS));
	assert_true(clock_effective(e, r.o.nodes[RACE_A2].origin, HLC_MAKE(t)) == HLC_MAKE(t));
	race_fini(&r);
}

/* C13: a correction among the letters of a race changes who is later, whatever the order they come in. */
static void
test_race_with_correction(void **state)
{
	struct race r;
	uint64_t since;

	(void)state;
	race_init(&r);
	since = r.o.now_ms + 500;
	race_set(&r, RACE_A2, office_int("score", 70));
	r.o.now_ms += 10 * 60 * 1000;
	race_set(&r, RACE_A1, office_int("score", 60));
	say(&r, RACE_PROVINCE, RACE_A1, since, -HOUR_MS);
	r.letters[r.count++] = office_letter(&r.o, RACE_PROVINCE, OFFICE_T, REACH_DOWN);
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), "70|60");
	race_fini(&r);
}

/* C16: not taken, in no digest; taken when time has come. */
static void
test_future_waits(void **state)
{
	uint8_t before[HASH_BYTES], after[HASH_BYTES];
	struct race r;

	(void)state;
	race_init(&r);
	office_digest(&r.o, RACE_PROVINCE, before);
	r.o.nodes[RACE_A1].skew_ms = 2 * HOUR_MS;
	race_set(&r, RACE_A1, office_int("score", 60));
	race_tell(&r, RACE_PROVINCE, 0);
	assert_int_equal(r.o.applied.commits_new, 0);
	assert_int_equal(r.o.applied.held_back, 1);
	office_digest(&r.o, RACE_PROVINCE, after);
	assert_memory_equal(before, after, HASH_BYTES);
	/* What follows on it waits, too; what has nothing to do with it does not. */
	race_set(&r, RACE_A1, office_int("score", 61));
	race_set(&r, RACE_A2, office_int("score", 62));
	race_tell(&r, RACE_PROVINCE, 1);
	assert_int_equal(r.o.applied.held_back, 1);
	race_tell(&r, RACE_PROVINCE, 2);
	assert_int_equal(r.o.applied.commits_new, 1);
	r.o.now_ms += 3 * (uint64_t)HOUR_MS;
	race_tell(&r, RACE_PROVINCE, 0);
	race_tell(&r, RACE_PROVINCE, 1);
	assert_int_equal(r.o.applied.commits_new, 1);
	assert_int_equal(office_number(&r.o, RACE_PROVINCE, "SELECT count(*) FROM sync_waiting"), 0);
	engine_sanity(engine_of(&r, RACE_PROVINCE));
	race_fini(&r);
}

/* C14, C17: in 2099; with the parent's word it goes on under a new name, and all it wrote is taken at once. */
static void
test_ahead(void **state)
{
	uint8_t old[ORIGIN_BYTES];
	struct race r;
	struct engine *e;

	(void)state;
	race_init(&r);
	e = engine_of(&r, RACE_A1);
	r.o.nodes[RACE_A1].skew_ms = YEARS_MS;
	office_set(&r.o, RACE_A1, &r.key, office_int("score", 60));
	memcpy(old, r.o.nodes[RACE_A1].origin, ORIGIN_BYTES);
	hear(&r, RACE_A1, r.o.now_ms);
	assert_memory_not_equal(old, r.o.nodes[RACE_A1].origin, ORIGIN_BYTES);
	assert_true(engine_now_ms(e) == r.o.now_ms);
	assert_int_equal(badge(&r, RACE_A1), CLOCK_AHEAD);
	/* Somebody else's later edit counts as later. */
	r.o.now_ms += 60 * 1000;
	office_set(&r.o, RACE_A2, &r.key, office_int("score", 70));
	assert_int_equal(office_send(&r.o, RACE_A1, RACE_PROVINCE), RC_OK);
	assert_int_equal(r.o.applied.held_back, 0);
	assert_true(engine_of(&r, RACE_PROVINCE)->clock.others <= r.o.now_ms);
	office_sync(&r.o);
	assert_string_equal(office_open(&r.o, RACE_PROVINCE, &r.key, "score"), "70|60");
	assert_string_equal(office_open(&r.o, RACE_A1, &r.key, "score"), "70|60");
	/* And its own next one is later again, though its machine's clock is still wrong. */
	office_set(&r.o, RACE_A1, &r.key, office_int("score", 80));
	office_sync(&r.o);
	assert_string_equal(office_cell(&r.o, RACE_PROVINCE, "item", &r.key, "score"), "80");
	/* Hearing it again changes nothing. */
	memcpy(old, r.o.nodes[RACE_A1].origin, ORIGIN_BYTES);
	hear(&r, RACE_A1, r.o.now_ms);
	assert_memory_equal(old, r.o.nodes[RACE_A1].origin, ORIGIN_BYTES);
	/* The machine is set right: so is the engine, without a word. */
	r.o.nodes[RACE_A1].skew_ms = 0;
	assert_true(engine_now_ms(e) == r.o.now_ms);
	race_fini(&r);
}

/* C15: in 1970 it works; what it writes is later than what it holds, and after contact as late as it was. */
static void
test_behind(void **state)
{
	struct race r;
	uint64_t late;

	(void)state;
	race_init(&r);
	r.o.nodes[RACE_A1].skew_ms = -(int64_t)r.o.now_ms;
	assert_int_equal(badge(&r, RACE_A1), CLOCK_BEHIND);
	office_set(&r.o, RACE_A2, &r.key, office_int("score", 70));
	r.o.now_ms += 2 * (uint64_t)HOUR_MS;
	late = r.o.now_ms;
	office_set(&r.o, RACE_A1, &r.key, office_int("score", 60));
	r.o.now_ms += 1000;
	hear(&r, RACE_A1, r.o.now_ms);
	assert_true(engine_now_ms(engine_of(&r, RACE_A1)) == r.o.now_ms);
	office_sync(&r.o);
	assert_string_equal(office_open(&r.o, RACE_PROVINCE, &r.key, "score"), "60|70");
	assert_true(engine_of(&r, RACE_PROVINCE)->clock.others + CLOCK_TOLERANCE_MS > late);
	assert_int_equal(office_number(&r.o, RACE_PROVINCE, "SELECT count(*) FROM clock_correction"), 2);
	race_fini(&r);
}

/* A parent in 2099 drags nobody; one in 1970 is not believed either. */
static void
test_parent_wrong(void **state)
{
	struct race r;
	uint64_t now;

	(void)state;
	race_init(&r);
	now = engine_now_ms(engine_of(&r, RACE_A1));
	hear(&r, RACE_A1, r.o.now_ms + YEARS_MS);
	assert_true(engine_now_ms(engine_of(&r, RACE_A1)) == now);
	assert_int_equal(badge(&r, RACE_A1), CLOCK_UNSURE);
	hear(&r, RACE_A1, r.o.now_ms);
	assert_int_equal(badge(&r, RACE_A1), CLOCK_OK);
	hear(&r, RACE_A1, 1000);
	assert_true(engine_now_ms(engine_of(&r, RACE_A1)) == now);
	assert_int_equal(office_number(&r.o, RACE_A1, "SELECT count(*) FROM clock_correction"), 0);
	/* A third one's commit that lies as far ahead is proof. */
	r.o.nodes[RACE_A2].skew_ms = 3 * HOUR_MS;
	race_set(&r, RACE_A2, office_int("score", 62));
	race_tell(&r, RACE_A1, 0);
	assert_int_equal(r.o.applied.held_back, 1);
	hear(&r, RACE_A1, r.o.now_ms + 3 * HOUR_MS);
	assert_true(engine_now_ms(engine_of(&r, RACE_A1)) == r.o.now_ms + 3 * HOUR_MS);
	race_tell(&r, RACE_A1, 0);
	assert_int_equal(r.o.applied.commits_new, 1);
	race_fini(&r);
}

/* Who may correct whom. */
static void
test_right(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	assert_int_equal(clock_hear_say(engine_of(&r, RACE_A1), r.o.nodes[RACE_DISTRICT].origin, 0, 1, &r.o.diag),
	    RC_DENIED);
	assert_int_equal(clock_hear_say(engine_of(&r, RACE_A1), r.o.nodes[RACE_A2].origin, 0, 1, &r.o.diag), RC_DENIED);
	diag_init(&r.o.diag);
	assert_int_equal(clock_hear_say(engine_of(&r, RACE_DISTRICT), r.o.nodes[RACE_A2].origin, 0, 1, &r.o.diag),
	    RC_OK);
	race_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effective),
		cmocka_unit_test(test_race_with_correction),
		cmocka_unit_test(test_future_waits),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_parent_wrong),
		cmocka_unit_test(test_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
