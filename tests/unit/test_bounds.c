/* What another node can make this one hold: memory and names that nothing asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "office.h"
#include "rig.h"
#include "sync/cursor.h"
#include "sync/engine_impl.h"
#include "sync/intake.h"
#include "sync/transfer.h"
#include "sync/vector.h"

#define MEGABYTE ((size_t)1 << 20)

/* ---- names in frames that are refused */

static void
test_refused_names_are_forgotten(void **state)
{
	struct office *o = calloc(1, sizeof(*o));
	struct apply_stream s[2] = { 0 };
	struct apply_commit c[2] = { 0 };
	struct apply_frame f = { 0 };
	struct office_letter l;
	struct engine *e;
	char unit[16];
	size_t a, i, units, streams;

	(void)state;
	office_init(o);
	a = office_join(o, OFFICE_A);
	(void)office_item(o, a, OFFICE_A, "a");
	l = office_letter_a(o, a);
	office_letter_frame(&l, s, c, &f);
	s[1] = s[0];
	c[1] = c[0];
	e = o->nodes[0].engine;
	units = e->units_count;
	streams = stream_count(e);
	for (i = 0; i < 50; i++) {
		(void)snprintf(unit, sizeof(unit), "u%zu", i);
		s[1].unit = span_str(unit);
		s[1].first_seq = s[1].last_seq = 1;
		f.streams_count = 2;
		assert_int_equal(office_apply(o, 0, &f), RC_PEER);
		assert_int_equal(e->units_count, units);
		assert_int_equal(stream_count(e), streams);
		assert_int_equal(unit_find(e, span_str(unit)), UNIT_NONE);
		engine_sanity(e);
	}
	/* The tree and what hangs on it are as before. */
	assert_true(unit_is_within(e, unit_find(e, span_str(OFFICE_A)), unit_find(e, span_str(OFFICE_D))));
	assert_int_equal(office_deliver(o, 0, &l), RC_OK);
	office_letter_free(&l);
	office_fini(o);
	free(o);
}

/* ---- transfers that unpack to much */

struct pair {
	struct rig r;
	size_t a;
	struct peer *root;		/* as the node of A sees it */
};

static void
pair_make(struct pair *p)
{
	rig_init(&p->r);
	p->a = rig_join(&p->r, RIG_UNIT_A);
	assert_true(rig_round(&p->r, p->a, 0));
	assert_int_equal(peer_get(p->r.nodes[p->a].engine, p->r.nodes[0].origin, &p->root, &p->r.diag), RC_OK);
}

/* Feed @n bytes of a transfer under its right name.  *@held: the most that the node held of it meanwhile. */
static enum rc
feed_packed(struct pair *p, const uint8_t *packed, size_t n, size_t *held)
{
	struct engine *e = p->r.nodes[p->a].engine;
	struct intake_piece piece = { .total = n };
	struct intake_news news = { 0 };
	size_t at, step;
	enum rc rc = RC_OK;

	*held = 0;
	transfer_id(span_of(packed, n), piece.id);
	diag_init(&p->r.diag);
	assert_int_equal(intake_begin(e, p->root, &piece, &p->r.diag), RC_OK);
	for (at = 0; rc == RC_OK && at < n; at += step) {
		step = n - at < 100 ? n - at : 100;
		rc = intake_feed(e, p->root, &piece, at, span_of(packed + at, step), &news, &p->r.diag);
		if (intake_bytes(p->root->in) > *held)
			*held = intake_bytes(p->root->in);
	}
	return rc;
}

/* Feed @raw, compressed. */
static enum rc
feed(struct pair *p, struct span raw, size_t *held)
{
	size_t cap = ZSTD_compressBound(raw.n) + 1, n;
	uint8_t *packed = malloc(cap);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	enum rc rc;

	packed[0] = 0;
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, TRANSFER_WINDOW_LOG)));
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)));
	n = ZSTD_compress2(zstd, packed + 1, cap - 1, raw.p, raw.n);
	assert_false(ZSTD_isError(n));
	ZSTD_freeCCtx(zstd);
	rc = feed_packed(p, packed, n + 1, held);
	free(packed);
	return rc;
}

/* W10: what is no single zstd frame of our kind, and what it does not unpack to. */
static void
test_malformed_zstd(void **state)
{
#define FRAME "\x28\xb5\x2f\xfd"
#define VECTOR "\x20\x03\x19\x00\x00\x02\x02\x00"	/* three bytes, stored: an empty vector */
#define CASE(bytes, what) { bytes, sizeof(bytes) - 1, what }
	static const struct {
		const char *bytes;
		size_t n;
		const char *what;
	} cases[] = {
		CASE("\x00", "nothing but the dictionary's number"),
		CASE("\x07" FRAME VECTOR, "an unknown dictionary"),
		CASE("\x00\x28\xb5\x2f\xfe" VECTOR, "another magic number"),
		CASE("\x00" FRAME "\x20\x03\x19\x00\x00\x02\x02", "one byte short"),
		CASE("\x00" FRAME VECTOR "\x00", "one byte more"),
		CASE("\x00" FRAME VECTOR FRAME VECTOR, "two frames"),
		CASE("\x00\x50\x2a\x4d\x18\x04\x00\x00\x00" "abcd", "a frame to be skipped"),
		CASE("\x00\x50\x2a\x4d\x18\xff\xff\xff\xff" "abcd", "one of four gigabytes"),
		CASE("\x00" FRAME "\x21\x05\x03\x19\x00\x00\x02\x02\x00", "a dictionary of its own"),
		CASE("\x00" FRAME "\x28\x03\x19\x00\x00\x02\x02\x00", "a reserved bit"),
		CASE("\x00" FRAME "\x00\xf8\x19\x00\x00\x02\x02\x00", "a window of terabytes"),
		CASE("\x00" FRAME "\xe0\x00\x00\x00\x00\x00\x00\x00\x80\x19\x00\x00\x02\x02\x00", "a content of 2^63"),
		CASE("\x00" FRAME "\xa0\xff\xff\xff\x7f\x19\x00\x00\x02\x02\x00", "a content of 2^31"),
		CASE("\x00" FRAME "\x20\x03\x1f\x00\x00\x02\x02\x00", "a block of no kind"),
		CASE("\x00" FRAME "\x20\x09\x19\x00\x00\x02\x02\x00", "less content than it says"),
		CASE("\x00" FRAME "\x20\x03\x19\x00\x00\x02\x09\x00", "a record of no kind"),
		CASE("\x00" FRAME "\x20\x03\x19\x00\x00\x00\x02\x00", "a record of nothing"),
		CASE("\x00" FRAME "\x20\x03\x19\x00\x00\xff\xff\xff", "a length without an end"),
	};
	struct pair p;
	size_t held, i;

	(void)state;
	pair_make(&p);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (feed_packed(&p, (const uint8_t *)cases[i].bytes, cases[i].n, &held) != RC_PEER)
			fail_msg("%s: taken", cases[i].what);
	assert_null(p.root->in);
	assert_int_equal(feed_packed(&p, (const uint8_t *)"\x00" FRAME VECTOR, 13, &held), RC_OK);
	rig_fini(&p.r);
}

/* W10, W12: a few kilobytes that unpack to a hundred megabytes are refused with the first of them. */
static void
test_zeros(void **state)
{
	uint8_t *zeros = calloc(100, MEGABYTE);
	struct pair p;
	struct bytes raw;
	size_t held;

	(void)state;
	pair_make(&p);
	assert_int_equal(feed(&p, span_of(zeros, 100 * MEGABYTE), &held), RC_PEER);
	assert_null(p.root->in);
	assert_true(held < MEGABYTE + (1u << TRANSFER_WINDOW_LOG));

	/* The longest record there is, of nothing. */
	bytes_init(&raw);
	wr_varint(&raw, RECORD_BYTES_MAX);
	wr_u8(&raw, RECORD_FRAME);
	bytes_put(&raw, zeros, 100 * MEGABYTE);
	assert_int_equal(feed(&p, span_bytes(&raw), &held), RC_PEER);
	assert_true(held < 8 * MEGABYTE);
	bytes_free(&raw);
	free(zeros);
	rig_fini(&p.r);
}

/* W10: a transfer of true records is bounded as a whole too.  The vector alone may fill a record; with short limits the
 * next record is one too much before it is whole. */
static void
test_sum(void **state)
{
	uint8_t name[VECTOR_NAME_BYTES] = { 0 }, hash[VECTOR_HASH_BYTES] = { 0 };
	struct pair p;
	struct bytes raw, vector;
	size_t held, i, count = (RECORD_BYTES_MAX - 8) / (VECTOR_NAME_BYTES + 1 + VECTOR_HASH_BYTES);
	enum rc rc;

	(void)state;
	pair_make(&p);
	bytes_init(&raw);
	bytes_init(&vector);
	wr_varint(&vector, count);
	for (i = 0; i < count; i++) {
		name[0] = (uint8_t)(i >> 16);
		name[1] = (uint8_t)(i >> 8);
		name[2] = (uint8_t)i;
		bytes_put(&vector, name, sizeof(name));
		wr_varint(&vector, 1);
		bytes_put(&vector, hash, sizeof(hash));
	}
	wr_varint(&raw, vector.n + 1);
	wr_u8(&raw, RECORD_VECTOR);
	bytes_put(&raw, vector.p, vector.n);
	assert_int_equal(feed(&p, span_bytes(&raw), &held), RC_OK);	/* as many names as go in: all unknown */
	wr_varint(&raw, RECORD_BYTES_MAX);
	wr_u8(&raw, RECORD_FRAME);
	for (i = 0; i < RECORD_BYTES_MAX; i++)
		bytes_byte(&raw, 0);
	rc = feed(&p, span_bytes(&raw), &held);
	assert_int_equal(rc, RC_PEER);
#ifdef TEST_LIMITS
	assert_non_null(strstr(p.r.diag.text, "unpacks to too much"));
#endif
	assert_true(held < 8 * MEGABYTE);
	/* A count that no bytes can follow, near 2^63 and beyond what is there. */
	bytes_clear(&raw);
	bytes_clear(&vector);
	wr_varint(&vector, UINT64_MAX >> 1);
	wr_varint(&raw, vector.n + 1);
	wr_u8(&raw, RECORD_VECTOR);
	bytes_put(&raw, vector.p, vector.n);
	assert_int_equal(feed(&p, span_bytes(&raw), &held), RC_PEER);
	bytes_free(&raw);
	bytes_free(&vector);
	rig_fini(&p.r);
}

/* Lengths near 2^31 and 2^63 in every varint of a frame's head, as of a record's: refused before memory is taken. */
static void
test_huge_lengths(void **state)
{
	static const uint64_t huge[] = { UINT64_C(1) << 31, (UINT64_C(1) << 31) - 1, UINT64_C(1) << 32,
		(UINT64_C(1) << 63) - 1, UINT64_C(1) << 63, UINT64_MAX };
	struct pair p;
	struct bytes raw, frame;
	size_t held, i, place;

	(void)state;
	pair_make(&p);
	bytes_init(&raw);
	bytes_init(&frame);
	for (i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		bytes_clear(&raw);
		wr_varint(&raw, huge[i]);
		bytes_put(&raw, "\1\1\1", 3);
		assert_int_equal(feed(&p, span_bytes(&raw), &held), RC_PEER);
		assert_true(held < 2 * MEGABYTE);
		for (place = 0; place < 6; place++) {
			bytes_clear(&raw);
			bytes_clear(&frame);
			wr_varint(&frame, place == 0 ? huge[i] : 0);		/* known streams */
			wr_varint(&frame, place == 1 ? huge[i] : 1);		/* fresh ones */
			bytes_put(&frame, "\1\2\3\4\5\6\7", ORIGIN_BYTES);
			wr_varint(&frame, place == 2 ? huge[i] : 1);		/* length of the unit */
			wr_u8(&frame, 'u');
			wr_u8(&frame, 0);
			wr_varint(&frame, place == 3 ? huge[i] : 1);		/* first number */
			wr_varint(&frame, place == 4 ? huge[i] : 1);		/* commits */
			wr_varint(&frame, place == 5 ? huge[i] : 1);		/* length of a body */
			bytes_put(&frame, "b", 1);
			while (frame.n < 200)
				bytes_byte(&frame, 0);
			wr_varint(&raw, frame.n + 1);
			wr_u8(&raw, RECORD_FRAME);
			bytes_put(&raw, frame.p, frame.n);
			assert_int_equal(feed(&p, span_bytes(&raw), &held), RC_PEER);
			assert_true(held < 2 * MEGABYTE);
		}
	}
	bytes_free(&raw);
	bytes_free(&frame);
	rig_fini(&p.r);
}

/* What is unfinished for long is forgotten, in memory and in the database; what came lately is not. */
static void
test_sweep(void **state)
{
	const uint64_t age_ms = 1000000;
	struct intake_piece piece = { .total = 1000 };
	struct intake_news news = { 0 };
	struct engine *e;
	struct pair p;

	(void)state;
	pair_make(&p);
	e = p.r.nodes[p.a].engine;
	assert_int_equal(intake_begin(e, p.root, &piece, &p.r.diag), RC_OK);
	assert_int_equal(intake_feed(e, p.root, &piece, 0, span_of("\0\x28\xb5", 3), &news, &p.r.diag), RC_OK);
	assert_int_equal(intake_save(e, p.root, &p.r.diag), RC_OK);
	p.r.now_ms += age_ms / 2;
	exchange_sweep(e, age_ms);
	assert_int_equal(intake_held(p.root, piece.id), 3);
	p.r.now_ms += age_ms;
	exchange_sweep(e, age_ms);
	assert_null(p.root->in);
	rig_restart(&p.r, p.a);
	e = p.r.nodes[p.a].engine;
	assert_int_equal(peer_get(e, p.r.nodes[0].origin, &p.root, &p.r.diag), RC_OK);
	assert_int_equal(intake_load(e, p.root, &p.r.diag), RC_OK);
	assert_null(p.root->in);
	rig_fini(&p.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_names_are_forgotten),
		cmocka_unit_test(test_malformed_zstd),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_huge_lengths),
		cmocka_unit_test(test_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
