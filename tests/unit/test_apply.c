/* Frames that are not taken: the right answer, and not a byte of the replica changed. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

enum { PROVINCE, COMMUNE, DISTRICT };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
	assert_int_equal(office_join(o, OFFICE_A), COMMUNE);
	assert_int_equal(office_join(o, OFFICE_D), DISTRICT);
	office_sync(o);
	(void)office_item(o, COMMUNE, OFFICE_A, "first");
	office_sync(o);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	office_fini(*state);
	free(*state);
	return 0;
}

#define UNFIT "does not follow on what is held"

/* Everything that is stored, as one number of rows per table and one digest. */
struct whole {
	uint8_t digest[HASH_BYTES];
	long long rows;
};

static struct whole
whole_take(struct office *o, size_t n)
{
	struct whole w;

	memset(&w, 0, sizeof(w));
	office_digest(o, n, w.digest);
	w.rows = office_number(o, n,
	    "SELECT (SELECT count(*) FROM sync_log) + (SELECT count(*) FROM sync_seal) + "
	    "(SELECT count(*) FROM sync_stream) + (SELECT count(*) FROM sync_row) + "
	    "(SELECT count(*) FROM sync_quarantine) + (SELECT count(*) FROM sync_frontier)");
	return w;
}

/* The frame is answered @rc with @why, and @to is as it was. */
static void
frame_refused(struct office *o, size_t to, const struct apply_frame *f, enum rc rc, const char *why)
{
	struct whole before = whole_take(o, to), after;

	assert_int_equal(office_apply(o, to, f), rc);
	if (strstr(o->diag.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", o->diag.text, why);
	assert_int_equal(o->applied.commits_new, 0);
	after = whole_take(o, to);
	assert_memory_equal(&before, &after, sizeof(before));
	engine_sanity(o->nodes[to].engine);
}

static void
letter_refused(
    struct office *o, size_t to, const struct office_letter *l, enum rc rc, const char *why)
{
	struct apply_stream s;
	struct apply_commit c;
	struct apply_frame f;

	office_letter_frame(l, &s, &c, &f);
	frame_refused(o, to, &f, rc, why);
}

/* What follows is refused until what is missing came (W26). */
static void
test_gap(void **state)
{
	struct office *o = *state;
	struct office_letter one, two;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	one = office_letter_a(o, COMMUNE);
	(void)office_item(o, COMMUNE, OFFICE_A, "b");
	two = office_letter_a(o, COMMUNE);
	letter_refused(o, PROVINCE, &two, RC_GAP, "are missing");
	assert_int_equal(office_deliver(o, PROVINCE, &one), RC_OK);
	assert_int_equal(office_deliver(o, PROVINCE, &two), RC_OK);
	office_letter_free(&one);
	office_letter_free(&two);
}

/* P4: no effect without its cause (W29). */
static void
test_missing_cause(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "a");
	struct office_letter cause = office_letter_a(o, COMMUNE), effect;

	assert_int_equal(office_deliver(o, DISTRICT, &cause), RC_OK);
	office_set(o, DISTRICT, &key, office_int("score", 7));
	effect = office_letter_a(o, DISTRICT);
	letter_refused(o, PROVINCE, &effect, RC_GAP, "was caused by");
	assert_int_equal(office_deliver(o, PROVINCE, &cause), RC_OK);
	assert_int_equal(office_deliver(o, PROVINCE, &effect), RC_OK);
	office_letter_free(&cause);
	office_letter_free(&effect);
}

/* W27: a seal that does not fit what is held before it: perhaps that is another branch (C9). */
static void
test_bad_seal(void **state)
{
	struct office *o = *state;
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	l = office_letter_a(o, COMMUNE);
	l.signature[5] ^= 1;
	letter_refused(o, PROVINCE, &l, RC_GAP, UNFIT);
	office_letter_free(&l);
}

/* P6: any bit of a commit changed on the way is noticed. */
static void
test_bad_chain(void **state)
{
	struct office *o = *state;
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	l = office_letter_a(o, COMMUNE);
	for (size_t i = 0; i < l.body.n; i++) {
		l.body.p[i] ^= 1;
		assert_int_not_equal(office_deliver(o, PROVINCE, &l), RC_OK);
		assert_int_equal(o->applied.commits_new, 0);
		l.body.p[i] ^= 1;
	}
	assert_int_equal(office_deliver(o, PROVINCE, &l), RC_OK);
	office_letter_free(&l);
}

/* Another commit's place: number or stream. */
static void
test_wrong_number(void **state)
{
	struct office *o = *state;
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	(void)office_item(o, COMMUNE, OFFICE_A, "b");
	l = office_letter_a(o, COMMUNE);
	l.seq--;
	letter_refused(o, PROVINCE, &l, RC_GAP, UNFIT);
	l.seq++;
	l.reach = REACH_DOWN;
	l.seq = 1;
	letter_refused(o, PROVINCE, &l, RC_PEER, "the seal");
	l.seq = 0;
	letter_refused(o, PROVINCE, &l, RC_PEER, "cannot be");
	l.seq = STREAM_SEQ_MAX + 1;
	letter_refused(o, PROVINCE, &l, RC_PEER, "cannot be");
	office_letter_free(&l);
}

/* A body that decodes to the same, but is not what emit writes: here a column in a needless
 * coding (W25). */
static void
test_not_canonical(void **state)
{
	static const uint8_t columns[] = { ITEM_UNIT, ITEM_NAME, ITEM_MEMO };
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")),
		value_null() };
	struct commit_op op = { .table = OFFICE_ITEM,
		.kind = COMMIT_UPDATE,
		.key = span_str("0123456789abcdef"),
		.columns = columns,
		.values = values,
		.columns_count = 3 };
	struct commit_ref prev = { 0, 1 };
	struct commit c = { .author = span_str("an"), .ops = &op, .ops_count = 1 };
	struct office_letter l;
	struct office *o = *state;

	op.prevs = &prev;
	op.prevs_count = 1;
	office_forge(o, COMMUNE, OFFICE_A, REACH_UP, &c);
	l = office_letter_a(o, COMMUNE);
	/* prevs: "1, ref" said as "0, count 1, ref" would be longer; the last column's NULL as a
	 * tag is as long. */
	assert_int_equal(l.body.p[l.body.n - 1], 0);
	l.body.p[l.body.n - 1] = 0x08;
	letter_refused(o, PROVINCE, &l, RC_PEER, "not in canonical form");
	office_letter_free(&l);
}

static struct commit_op
item_op(const uint8_t *columns, const struct value *values, size_t count, const char *key)
{
	return (struct commit_op){ .table = OFFICE_ITEM,
		.kind = COMMIT_INSERT,
		.key = span_str(key),
		.columns = columns,
		.values = values,
		.columns_count = count };
}

static const uint8_t g_columns[] = { ITEM_UNIT, ITEM_NAME };

/* One row twice in one commit has no order to be told in. */
static void
test_row_twice(void **state)
{
	struct office *o = *state;
	struct value a[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")) };
	struct value b[] = { value_text(span_str(OFFICE_A)), value_text(span_str("y")) };
	struct commit_op ops[] = { item_op(g_columns, a, 2, "0123456789abcdef"),
		item_op(g_columns, b, 2, "0123456789abcdef") };
	struct commit c = { .author = span_str("an"), .ops = ops, .ops_count = 2 };
	struct office_letter l;

	office_forge(o, COMMUNE, OFFICE_A, REACH_UP, &c);
	l = office_letter_a(o, COMMUNE);
	letter_refused(o, PROVINCE, &l, RC_PEER, "not in canonical form");
	office_letter_free(&l);
}

/* W28. */
static void
test_clock_backwards(void **state)
{
	struct office *o = *state;
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")) };
	struct commit_op op = item_op(g_columns, values, 2, "0123456789abcdef");
	struct commit c = {
		.author = span_str("an"), .ops = &op, .ops_count = 1, .hlc = HLC_MAKE(1000)
	};
	struct office_letter l;

	office_forge(o, COMMUNE, OFFICE_A, REACH_UP, &c);
	l = office_letter_a(o, COMMUNE);
	letter_refused(o, PROVINCE, &l, RC_GAP, UNFIT);
	office_letter_free(&l);
}

/* W28, C17: readings of different streams need not follow causes. */
static void
test_earlier_than_cause(void **state)
{
	struct office *o = *state;
	struct value values[] = { value_text(span_str(OFFICE_D)), value_text(span_str("x")) };
	struct commit_op op = item_op(g_columns, values, 2, "0123456789abcdef");
	struct commit_cause cause = { .unit = span_str(OFFICE_A), .reach = REACH_UP, .seq = 1 };
	struct commit c = { .author = span_str("an"),
		.ops = &op,
		.ops_count = 1,
		.frontier = &cause,
		.frontier_count = 1,
		.hlc = HLC_MAKE(1000) };
	struct office_letter l;

	memcpy(cause.origin, o->nodes[COMMUNE].origin, ORIGIN_BYTES);
	office_forge(o, DISTRICT, OFFICE_D, REACH_UP, &c);
	l = office_letter(o, DISTRICT, OFFICE_D, REACH_UP);
	assert_int_equal(office_deliver(o, PROVINCE, &l), RC_OK);
	assert_int_equal(o->applied.commits_new, 1);
	office_letter_free(&l);
}

/* W28: no clock says that. */
static void
test_clock_beyond(void **state)
{
	struct office *o = *state;
	struct value values[] = { value_text(span_str(OFFICE_D)), value_text(span_str("x")) };
	struct commit_op op = item_op(g_columns, values, 2, "0123456789abcdef");
	struct commit c = { .author = span_str("an"),
		.ops = &op,
		.ops_count = 1,
		.hlc = HLC_MAKE(CLOCK_LAST_MS + 1) };
	struct office_letter l;

	office_forge(o, DISTRICT, OFFICE_D, REACH_UP, &c);
	l = office_letter(o, DISTRICT, OFFICE_D, REACH_UP);
	o->now_ms = CLOCK_LAST_MS; /* it would not be taken as long as it lies in the future */
	letter_refused(o, PROVINCE, &l, RC_PEER, "beyond the year 9999");
	office_letter_free(&l);
}

/* P15: commits under one's own name that one never made: taken under a new one only (C7). */
static void
test_own_name(void **state)
{
	struct office *o = *state;
	struct sqlite3 *before = office_copy(o->nodes[COMMUNE].db);
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	l = office_letter_a(o, COMMUNE);
	office_restore(o, COMMUNE, before);
	letter_refused(o, COMMUNE, &l, RC_CONFLICT, "goes on elsewhere");
	office_letter_free(&l);
}

/* P15: two histories of one stream: the second does not fit where the first is held. */
static void
test_fork(void **state)
{
	struct office *o = *state;
	struct sqlite3 *before = office_copy(o->nodes[COMMUNE].db);
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	office_restore(o, COMMUNE, before);
	(void)office_item(o, COMMUNE, OFFICE_A, "other a");
	(void)office_item(o, COMMUNE, OFFICE_A, "other b");
	l = office_letter_a(o, COMMUNE);
	letter_refused(o, PROVINCE, &l, RC_GAP, UNFIT);
	office_letter_free(&l);
}

/* Compared up to its first commit, which is common. */
static void
suspect_at_one(struct office *o, const struct stream *s, struct apply_suspect *out)
{
	struct engine *e = o->nodes[PROVINCE].engine;
	uint8_t zero[HASH_BYTES];
	struct bytes body;

	bytes_init(&body);
	out->sid = s->sid;
	out->seq = 1;
	stream_hash_zero(e, s, zero);
	assert_int_equal(log_body(e, VERSION(s->sid, 1), &body, &o->diag), RC_OK);
	stream_hash_next(zero, span_bytes(&body), out->hash);
	bytes_free(&body);
}

/* C9: compared from the first commit on: forged, common, or forked; and who yields. */
static void
test_suspect(void **state)
{
	struct office *o = *state;
	struct sqlite3 *before = office_copy(o->nodes[COMMUNE].db);
	struct engine *e = o->nodes[PROVINCE].engine;
	struct apply_suspect suspect = { .seq = 0 };
	struct office_letter one;
	struct apply_stream s;
	struct apply_commit c;
	struct apply_frame f;
	const struct stream *held;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	one = office_letter_a(o, COMMUNE);
	held = stream_find(e, one.origin, unit_find(e, span_str(one.unit)), one.reach);
	assert_non_null(held);
	office_restore(o, COMMUNE, before);
	office_letter_free(&one);
	(void)office_item(o, COMMUNE, OFFICE_A, "other a");
	one = office_letter_a(o, COMMUNE);
	office_letter_frame(&one, &s, &c, &f);
	suspect_at_one(o, held, &suspect);
	assert_int_equal(one.seq, 2);
	s.suspect = &suspect;
	s.signature[7] ^= 1;
	frame_refused(o, PROVINCE, &f, RC_PEER, "forged or damaged");
	s.signature[7] ^= 1;
	assert_int_equal(office_apply(o, PROVINCE, &f), RC_OK);
	assert_int_equal(s.verdict, APPLY_FORKED);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM sync_evidence WHERE side = 1"), 1);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM item WHERE name = 'a'"), 1);
	engine_sanity(e);
	/* From above, ours yields. */
	suspect_at_one(o, held, &suspect);
	f.is_from_above = true;
	assert_int_equal(office_apply(o, PROVINCE, &f), RC_OK);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM sync_evidence WHERE side = 0"), 1);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM item WHERE name = 'a'"), 0);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM item WHERE name = 'other a'"), 1);
	engine_sanity(e);
	office_letter_free(&one);
}

static void
test_unknown_author(void **state)
{
	struct office *o = *state;
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	l = office_letter_a(o, COMMUNE);
	l.origin[0] ^= 1;
	l.seq = 1;
	letter_refused(o, PROVINCE, &l, RC_GAP, "no credential that is known here");
	office_letter_free(&l);
}

/* A commune is told nothing of its neighbour. */
static void
test_foreign_unit(void **state)
{
	struct office *o = *state;
	struct office_letter l;

	(void)office_item(o, PROVINCE, OFFICE_B, "a");
	l = office_letter(o, PROVINCE, OFFICE_B, REACH_UP);
	letter_refused(o, COMMUNE, &l, RC_PEER, "which this node does not serve");
	office_letter_free(&l);
}

/* Frames whose parts do not fit together. */
static void
test_crooked_frames(void **state)
{
	struct office *o = *state;
	struct apply_stream s[2];
	struct apply_commit c[2];
	struct apply_frame f;
	struct office_letter l;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	l = office_letter_a(o, COMMUNE);
	office_letter_frame(&l, s, c, &f);
	s[1] = s[0];
	c[1] = c[0];
	f.streams_count = 2;
	frame_refused(o, PROVINCE, &f, RC_PEER, "names a stream twice");
	f.streams_count = 1;
	f.commits_count = 2;
	frame_refused(o, PROVINCE, &f, RC_PEER, "more commits of a stream than its seal covers");
	f.commits_count = 0;
	frame_refused(o, PROVINCE, &f, RC_PEER, "lacks commits that its seal covers");
	f.commits_count = 1;
	c[0].stream = 1;
	frame_refused(o, PROVINCE, &f, RC_PEER, "belongs to no stream");
	f.streams_count = FRAME_STREAMS_MAX + 1;
	frame_refused(o, PROVINCE, &f, RC_PEER, "is too large");
	office_letter_free(&l);
}

/* One bad commit takes the good ones of its frame with it: nothing of the frame is there. */
static void
test_all_or_nothing(void **state)
{
	struct office *o = *state;
	struct apply_stream s[2];
	struct apply_commit c[2];
	struct apply_frame f;
	struct office_letter good, bad;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	good = office_letter_a(o, COMMUNE);
	(void)office_item(o, DISTRICT, OFFICE_D, "b");
	bad = office_letter(o, DISTRICT, OFFICE_D, REACH_UP);
	office_letter_frame(&bad, &s[1], &c[1], &f);
	office_letter_frame(&good, &s[0], &c[0], &f);
	c[1].stream = 1;
	f.streams_count = f.commits_count = 2;
	s[1].signature[0] ^= 1;
	frame_refused(o, PROVINCE, &f, RC_PEER, "the seal");
	s[1].signature[0] ^= 1;
	assert_int_equal(office_apply(o, PROVINCE, &f), RC_OK);
	assert_int_equal(o->applied.commits_new, 2);
	office_letter_free(&good);
	office_letter_free(&bad);
}

/* A change of a row that says it replaces commit @seq of the commune. */
static void
false_version(struct office *o, uint64_t seq, uint64_t taken)
{
	static const uint8_t columns[] = { ITEM_NAME };
	struct value values[] = { value_text(span_str("x")) };
	struct commit_ref prev = { 1, seq };
	struct commit_op op = { .table = OFFICE_ITEM,
		.kind = COMMIT_UPDATE,
		.key = span_str("0123456789abcdef"),
		.columns = columns,
		.values = values,
		.columns_count = 1,
		.prevs = &prev,
		.prevs_count = 1 };
	uint8_t others[1][ORIGIN_BYTES];
	struct commit c = { .author = span_str("an"),
		.ops = &op,
		.ops_count = 1,
		.others = (const uint8_t(*)[ORIGIN_BYTES])others,
		.others_count = 1 };
	struct office_letter l;

	memcpy(others[0], o->nodes[COMMUNE].origin, ORIGIN_BYTES);
	office_forge(o, DISTRICT, OFFICE_A, REACH_UP, &c);
	l = office_letter_a(o, DISTRICT);
	assert_int_equal(office_deliver(o, PROVINCE, &l), RC_OK);
	assert_int_equal(o->applied.commits_new, taken);
	assert_int_equal(o->applied.held_back, 1 - taken);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM sync_waiting"), 1 - taken);
	engine_sanity(o->nodes[PROVINCE].engine);
	office_letter_free(&l);
}

/* Nobody shall wait for what only its author says was there: his stream does. */
static void
test_version_not_there(void **state)
{
	false_version(*state, 700, 0);
}

/* C12. */
static void
test_version_of_another_row(void **state)
{
	false_version(*state, 1, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_gap),
		TEST(test_missing_cause),
		TEST(test_bad_seal),
		TEST(test_bad_chain),
		TEST(test_wrong_number),
		TEST(test_not_canonical),
		TEST(test_row_twice),
		TEST(test_clock_backwards),
		TEST(test_earlier_than_cause),
		TEST(test_clock_beyond),
		TEST(test_own_name),
		TEST(test_fork),
		TEST(test_suspect),
		TEST(test_unknown_author),
		TEST(test_foreign_unit),
		TEST(test_crooked_frames),
		TEST(test_all_or_nothing),
		TEST(test_version_not_there),
		TEST(test_version_of_another_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
