/* The laws of merging, by their numbers in MERGE.md: small races between a few nodes, delivered
 * in every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "race.h"
#include "sync/merge.h"

/* ---- one law a test */

/* M1: a row whose insertion is not valid does not live, whoever edits it. */
static void
test_no_life_without_insertion(void **state)
{
	struct race r;
	struct save_key key;
	struct save_cell cells[] = { office_text("unit", OFFICE_A), office_text("name", "x"),
		office_text("stamp", "mine") };

	(void)state;
	race_init(&r);
	office_reopen(&r.o, RACE_A1, office_catalogue_lax());
	memset(&key, 0, sizeof(key));
	assert_int_equal(office_put(&r.o, RACE_A1, "item", &key, cells, 3), RC_OK);
	race_post(&r, RACE_A1);
	office_set(&r.o, RACE_A1, &key, office_text("name", "y"));
	race_post(&r, RACE_A1);
	race_run(&r);
	assert_string_equal(office_cell(&r.o, RACE_READER, "item", &key, "name"), "");
	assert_int_equal(conflict_quarantine_count(r.o.nodes[RACE_READER].engine), 1);
	race_fini(&r);
}

/* M2: a write supersedes what its author had seen. */
static void
test_seen_is_superseded(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 60));
	race_tell(&r, RACE_A2, 0);
	race_set(&r, RACE_A2, office_int("score", 70));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "70");
	assert_string_equal(race_open(&r, "score"), "");
	race_fini(&r);
}

/* M2, M17: what an invalid version had replaced stays replaced for who saw through it; the
 * invalid one shows nowhere. */
static void
test_graph_runs_through_invalid(void **state)
{
	struct race r;
	struct save_cell cells[] = { office_int("score", 60), office_text("stamp", "mine") };

	(void)state;
	race_init(&r);
	office_reopen(&r.o, RACE_A1, office_catalogue_lax());
	assert_int_equal(
	    office_put(&r.o, RACE_A1, "item", &r.key, cells, 2), RC_OK); /* invalid: the stamp */
	race_post(&r, RACE_A1);
	race_set(&r, RACE_A1, office_int("score", 70));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "70");
	assert_string_equal(race_open(&r, "score"), "");
	assert_string_equal(race_shown(&r, "stamp"), "-");
	race_fini(&r);
}

/* M3: two offices of one level: the later clock reading shows, both stay.  The scores of two
 * offices, 90 and then 70, are never merged by size. */
static void
test_review_keeps_siblings(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 90));
	race_set(&r, RACE_A2, office_int("score", 70));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "70");
	assert_string_equal(race_open(&r, "score"), "70|90");
	assert_int_equal(conflict_count(r.o.nodes[RACE_READER].engine), 1);
	race_fini(&r);
}

/* M3: the higher level shows, though it wrote first. */
static void
test_level_shows_first(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_DISTRICT, office_int("score", 80));
	race_set(&r, RACE_A1, office_int("score", 90));
	race_set(&r, RACE_PROVINCE, office_int("score", 70));
	race_set(&r, RACE_A2, office_int("score", 60));
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), "70|80|60|90");
	race_fini(&r);
}

/* M3: the same clock reading: the greater origin. */
static void
test_origin_breaks_the_tie(void **state)
{
	struct race r;
	bool is_a1 = false;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 90));
	r.o.now_ms -= 1000;
	race_set(&r, RACE_A2, office_int("score", 70));
	assert_int_equal(r.letters[0].hlc, r.letters[1].hlc);
	is_a1 = memcmp(r.o.nodes[RACE_A1].origin, r.o.nodes[RACE_A2].origin, ORIGIN_BYTES) > 0;
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), is_a1 ? "90|70" : "70|90");
	race_fini(&r);
}

/* M18: writes of different columns do not meet. */
static void
test_different_columns(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 90));
	race_set(&r, RACE_A2, office_text("kind", "food"));
	race_set(&r, RACE_DISTRICT, office_text("memo", "m"));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "90");
	assert_string_equal(race_shown(&r, "kind"), "food");
	assert_string_equal(race_shown(&r, "memo"), "m");
	assert_int_equal(conflict_count(r.o.nodes[RACE_READER].engine), 0);
	race_fini(&r);
}

/* M4: a lower level's write stands beside what it saw, as a suggestion; it supersedes its own
 * level's. */
static void
test_rank_suggests(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_DISTRICT, office_text("grade", "B"));
	race_tell(&r, RACE_A1, 0);
	race_set(&r, RACE_A1, office_text("grade", "A"));
	assert_int_equal(r.o.result.suggestions_count, 1);
	assert_string_equal(office_cell(&r.o, RACE_A1, "item", &r.key, "grade"), "B");
	race_run(&r);
	assert_string_equal(race_shown(&r, "grade"), "B");
	assert_string_equal(race_open(&r, "grade"), "B|A?");
	assert_int_equal(conflict_count(r.o.nodes[RACE_READER].engine), 0);
	race_fini(&r);
}

/* M4: a higher level that saw the suggestion ends it; equal levels that did not see each other
 * are as `review`. */
static void
test_rank_decides(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_DISTRICT, office_text("grade", "B"));
	race_tell(&r, RACE_A1, 0);
	race_set(&r, RACE_A1, office_text("grade", "A"));
	race_tell(&r, RACE_PROVINCE, 0);
	race_tell(&r, RACE_PROVINCE, 1);
	race_set(&r, RACE_PROVINCE, office_text("grade", "A+"));
	race_run(&r);
	assert_string_equal(race_shown(&r, "grade"), "A+");
	assert_string_equal(race_open(&r, "grade"), "");
	race_fini(&r);

	race_init(&r);
	race_set(&r, RACE_A1, office_text("grade", "D"));
	race_set(&r, RACE_A2, office_text("grade", "E"));
	race_run(&r);
	assert_string_equal(race_open(&r, "grade"), "E|D");
	race_fini(&r);
}

/* M5: last writer, whatever its level; nothing stays open. */
static void
test_lww(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_PROVINCE, office_text("memo", "first"));
	race_set(&r, RACE_A1, office_text("memo", "second"));
	race_set(&r, RACE_A2, office_text("memo", "third"));
	race_run(&r);
	assert_string_equal(race_shown(&r, "memo"), "third");
	assert_string_equal(race_open(&r, "memo"), "");
	race_fini(&r);
}

/* M6: the same value twice is agreement, also beside a third value. */
static void
test_equal_values(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 90));
	race_set(&r, RACE_A2, office_int("score", 90));
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), "");
	race_set(&r, RACE_DISTRICT, office_int("score", 70));
	race_set(&r, RACE_PROVINCE, office_int("score", 90));
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), "90|70");
	race_fini(&r);
}

/* M7: a counter is the sum of what was added, seen or not. */
static void
test_counter_sums(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("stock", 5));
	race_set(&r, RACE_A2, office_delta("stock", 3));
	race_tell(&r, RACE_DISTRICT, 0);
	race_set(&r, RACE_DISTRICT, office_delta("stock", -1));
	race_set(&r, RACE_A1, office_int("stock", 7));
	race_run(&r);
	assert_string_equal(race_shown(&r, "stock"), "9");
	assert_string_equal(race_open(&r, "stock"), "");
	race_fini(&r);
}

/* M8: an edit that no deletion had seen keeps the row, and somebody must decide. */
static void
test_delete_against_edit(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_drop(&r, RACE_A1);
	race_set(&r, RACE_A2, office_int("score", 70));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "70");
	assert_string_equal(race_shown(&r, "name"), "tea");
	assert_string_equal(race_open(&r, NULL), "edit|x");
	race_fini(&r);
}

/* M8: a deletion that saw the edit deletes; two deletions are one. */
static void
test_delete_that_saw(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A2, office_int("score", 70));
	race_tell(&r, RACE_A1, 0);
	race_drop(&r, RACE_A1);
	race_drop(&r, RACE_DISTRICT);
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "");
	assert_int_equal(conflict_count(r.o.nodes[RACE_READER].engine), 0);
	race_fini(&r);
}

/* M10: a letter that comes again changes nothing. */
static void
test_duplicates(void **state)
{
	struct race r;
	uint8_t before[HASH_BYTES], after[HASH_BYTES];

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_delta("stock", 4));
	race_set(&r, RACE_A2, office_int("score", 70));
	race_run(&r);
	office_digest(&r.o, RACE_READER, before);
	for (size_t i = 0; i < r.count; i++) {
		race_tell(&r, RACE_READER, i);
		assert_int_equal(r.o.applied.commits_known, 1);
		assert_int_equal(r.o.applied.commits_new, 0);
	}
	office_digest(&r.o, RACE_READER, after);
	assert_memory_equal(before, after, HASH_BYTES);
	race_fini(&r);
}

/* M11: a resolution ends what it saw, and nothing else. */
static void
test_resolution(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_set(&r, RACE_A1, office_int("score", 90));
	race_set(&r, RACE_A2, office_int("score", 70));
	race_tell(&r, RACE_DISTRICT, 0);
	race_tell(&r, RACE_DISTRICT, 1);
	race_set(&r, RACE_DISTRICT, office_forced(office_int("score", 70)));
	race_run(&r);
	assert_string_equal(race_shown(&r, "score"), "70");
	assert_string_equal(race_open(&r, "score"), "");
	race_set(&r, RACE_PROVINCE, office_int("score", 55));
	race_run(&r);
	assert_string_equal(race_open(&r, "score"), "55|70");
	race_fini(&r);
}

/* M13: of two insertions that bring different values of an `append` column one shows, and
 * nothing is to decide. */
static void
test_append(void **state)
{
	struct race r;
	struct save_cell one[] = { office_text("unit", OFFICE_A), office_text("text", "one") };
	struct save_cell two[] = { office_text("unit", OFFICE_A), office_text("text", "two") };
	struct save_key key = office_key("L1");

	(void)state;
	race_init(&r);
	assert_int_equal(office_put(&r.o, RACE_A1, "label", &key, one, 2), RC_OK);
	race_post(&r, RACE_A1);
	assert_int_equal(office_put(&r.o, RACE_A2, "label", &key, two, 2), RC_OK);
	race_post(&r, RACE_A2);
	race_run(&r);
	assert_string_equal(office_cell(&r.o, RACE_READER, "label", &key, "text"), "two");
	assert_string_equal(office_cell(&r.o, RACE_READER, "label", &key, "unit"), OFFICE_A);
	race_fini(&r);
}

/* M13, M14: who inserts a key again neither takes the row over nor writes into the owner's columns. */
static void
test_owner_key_again(void **state)
{
	static const struct catalogue_column columns[] = {
		{ .number = 1, .name = "member", .type = COLUMN_TEXT, .policy = POLICY_APPEND },
		{ .number = 2, .name = "points", .type = COLUMN_INTEGER, .policy = POLICY_OWNER },
	};
	static const struct catalogue_table sheet = { .number = 2, .name = "sheet", .key_column = "code",
		.has_text_key = true, .owner = OWNER_AUTHOR, .owner_column = "member", .columns = columns,
		.columns_count = 2 };
	static const uint8_t numbers[] = { 1, 2 }, origins[2][ORIGIN_BYTES] = { { 1 }, { 2 } };
	struct value an[] = { value_text(span_str("an")), value_int(80) };
	struct value bo[] = { value_text(span_str("bo")), value_int(90) };
	struct commit_op ops[] = {
		{ .table = 2, .kind = COMMIT_INSERT, .columns = numbers, .values = an, .columns_count = 2 },
		{ .table = 2, .kind = COMMIT_INSERT, .columns = numbers, .values = bo, .columns_count = 2 },
	};
	struct merge_version versions[] = {
		{ .v = 1, .hlc = 1, .origin = origins[0], .is_valid = true, .op = &ops[0],
		    .commit = { .author = span_str("an") } },
		{ .v = 2, .hlc = 2, .origin = origins[1], .is_valid = true, .op = &ops[1],
		    .commit = { .author = span_str("bo") } },
	};
	uint64_t seen[2] = { 0, 0 };
	struct merge_set set = { .t = &sheet, .versions = versions, .count = 2, .seen = seen, .words = 1 };
	struct merge_result m;

	(void)state;
	assert_int_equal(merge_row(&set, &m), RC_OK);
	assert_true(m.is_alive);
	assert_int_equal(m.flags, 0);
	assert_true(span_eq(m.values[0].s, span_str("an")));
	assert_int_equal(m.values[1].i, 80);
	merge_result_free(&set, &m);
}

/* M14: the owner's two nodes are as `review` to each other. */
static void
test_owner(void **state)
{
	struct race r;
	struct save_cell cells[] = { office_text("unit", OFFICE_A), office_text("text", "0") };
	struct save_cell one = office_text("text", "1"), two = office_text("text", "2");
	struct save_key key = { .n = 0 };

	(void)state;
	race_init(&r);
	assert_int_equal(office_put(&r.o, RACE_A1, "report", &key, cells, 2), RC_OK);
	office_sync(&r.o);
	assert_int_equal(office_put(&r.o, RACE_A1, "report", &key, &one, 1), RC_OK);
	race_post(&r, RACE_A1);
	assert_int_equal(office_put(&r.o, RACE_A2, "report", &key, &two, 1), RC_OK);
	race_post(&r, RACE_A2);
	race_run(&r);
	assert_string_equal(office_open(&r.o, RACE_READER, &key, "text"), "2|1");
	race_fini(&r);
}

/* M16: an insertion over a deletion starts everything anew, counters and rank too; what it had
 * not seen stays. */
static void
test_reinsertion(void **state)
{
	struct race r;
	struct save_cell cells[] = { office_text("unit", OFFICE_A),
		office_text("name", "tea again"), office_int("stock", 2),
		office_text("grade", "Z") };

	(void)state;
	race_init(&r);
	office_set(&r.o, RACE_PROVINCE, &r.key, office_text("grade", "A"));
	office_set(&r.o, RACE_A1, &r.key, office_int("stock", 40));
	office_sync(&r.o);
	race_drop(&r, RACE_A1);
	assert_int_equal(office_put(&r.o, RACE_A1, "item", &r.key, cells, 4), RC_OK);
	race_post(&r, RACE_A1);
	race_run(&r);
	assert_string_equal(race_shown(&r, "name"), "tea again");
	assert_string_equal(race_shown(&r, "stock"), "2");
	assert_string_equal(race_shown(&r, "grade"), "Z");
	assert_string_equal(race_shown(&r, "score"), "-");
	race_set(&r, RACE_A2, office_int("score", 70));
	race_set(&r, RACE_A2, office_delta("stock", 5));
	race_run(&r);
	assert_string_equal(race_shown(&r, "stock"), "7");
	assert_string_equal(race_open(&r, "score"), "70|-");
	race_fini(&r);
}

/* M9: five writes of all kinds, in all 120 orders. */
static void
test_all_orders(void **state)
{
	struct race r;

	(void)state;
	race_init(&r);
	race_drop(&r, RACE_A1);
	race_set(&r, RACE_A2, office_text("grade", "E"));
	race_set(&r, RACE_DISTRICT, office_delta("stock", 3));
	race_tell(&r, RACE_DISTRICT, 1);
	race_set(&r, RACE_DISTRICT, office_text("grade", "F"));
	race_set(&r, RACE_PROVINCE, office_text("memo", "x"));
	race_run(&r);
	assert_string_equal(race_open(&r, NULL), "edit|edit|x");
	assert_string_equal(race_shown(&r, "grade"), "F");
	race_fini(&r);
}

/* ---- M15 at random: rows that took the short path are what the whole merge says */

static uint32_t
chance(uint64_t *seed, uint32_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % n;
}

static void
random_step(struct race *r, uint64_t *seed)
{
	static const char *const names[] = { "a", "b", "c" };
	struct save_cell cells[4] = { office_text("unit", OFFICE_A),
		office_text("name", names[chance(seed, 3)]) };
	size_t n = chance(seed, 4);
	enum rc rc;

	switch (chance(seed, 8)) {
	case 0:
		rc = office_drop(&r->o, n, "item", &r->key);
		break;
	case 1:
		rc = office_put(&r->o, n, "item", &r->key, cells, 2);
		break;
	case 2:
		cells[2] = office_text("grade", names[chance(seed, 3)]);
		rc = office_put(&r->o, n, "item", &r->key, cells + 2, 1);
		break;
	case 3:
		cells[2] = office_int("score", chance(seed, 3));
		cells[3] = office_text("memo", names[chance(seed, 3)]);
		rc = office_put(&r->o, n, "item", &r->key, cells + 2, 2);
		break;
	case 4:
		cells[2] = office_int("stock", chance(seed, 10));
		rc = office_put(&r->o, n, "item", &r->key, cells + 2, 1);
		break;
	default:
		rc = office_send(&r->o, n, chance(seed, 5));
		assert_true(rc == RC_OK || rc == RC_GAP);
		return;
	}
	/* A row that is gone cannot be deleted or changed by a part. */
	assert_true(rc == RC_OK || rc == RC_NOTFOUND || rc == RC_INPUT);
}

static void
test_short_path(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		uint64_t at = seed;
		struct race r;

		race_init(&r);
		for (size_t i = 0; i < 40; i++) {
			random_step(&r, &at);
			if (i % 8 == 7)
				race_assert_settled(&r.o, i / 8 % 5);
		}
		office_sync(&r.o);
		for (size_t n = 0; n < r.o.count; n++) {
			race_assert_settled(&r.o, n);
			office_assert_equal(&r.o, 0, n);
		}
		race_fini(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_life_without_insertion),
		cmocka_unit_test(test_seen_is_superseded),
		cmocka_unit_test(test_graph_runs_through_invalid),
		cmocka_unit_test(test_review_keeps_siblings),
		cmocka_unit_test(test_level_shows_first),
		cmocka_unit_test(test_origin_breaks_the_tie),
		cmocka_unit_test(test_different_columns),
		cmocka_unit_test(test_rank_suggests),
		cmocka_unit_test(test_rank_decides),
		cmocka_unit_test(test_lww),
		cmocka_unit_test(test_equal_values),
		cmocka_unit_test(test_counter_sums),
		cmocka_unit_test(test_delete_against_edit),
		cmocka_unit_test(test_delete_that_saw),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_resolution),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_owner_key_again),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_reinsertion),
		cmocka_unit_test(test_all_orders),
		cmocka_unit_test(test_short_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
