/* The wire form of frames: exact, canonical, bounded (rules W5 to W9 of PROTOCOL.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/commit.h"
#include "sync/cursor.h"
#include "sync/frame.h"

#define STREAMS 3
#define COMMITS 6

/* A small frame: three streams, six commits; bodies have a true beginning and then anything. */
struct sample {
	struct apply_frame f;
	struct apply_stream streams[STREAMS];
	struct apply_commit commits[COMMITS];
	struct bytes bodies[COMMITS];
};

static void
body_make(struct bytes *out, uint64_t hlc, const char *text)
{
	bytes_init(out);
	wr_u8(out, SYNC_FORMAT);
	wr_varint(out, 1);
	wr_u64(out, hlc);
	bytes_str(out, text);
}

static void
sample_make(struct sample *s, uint64_t first_seq)
{
	static const struct {
		uint32_t stream;
		uint64_t hlc;
		const char *text;
	} commits[COMMITS] = {
		{ 0, 100, "a" }, { 1, 100, "b" }, { 0, 101, "c" }, { 2, 105, "" }, { 1, 300, "d" }, { 0, 301, "e" },
	};
	static const char *const units[STREAMS] = { "t@2010-01-01", "x1@2010-01-01", "x1@2010-01-01" };
	static const uint64_t counts[STREAMS] = { 3, 2, 1 };
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < STREAMS; i++) {
		memset(s->streams[i].origin, (int)i / 2 + 1, ORIGIN_BYTES);
		s->streams[i].unit = span_str(units[i]);
		s->streams[i].reach = i == 0 ? REACH_DOWN : REACH_UP;
		s->streams[i].first_seq = first_seq;
		s->streams[i].last_seq = first_seq + counts[i] - 1;
		memset(s->streams[i].signature, 'A' + (int)i, SIGNATURE_BYTES);
	}
	for (i = 0; i < COMMITS; i++) {
		body_make(&s->bodies[i], commits[i].hlc, commits[i].text);
		s->commits[i].stream = commits[i].stream;
		s->commits[i].body = span_bytes(&s->bodies[i]);
	}
	s->f = (struct apply_frame){ .streams = s->streams, .streams_count = STREAMS, .commits = s->commits,
	    .commits_count = COMMITS };
}

static void
sample_fini(struct sample *s)
{
	for (size_t i = 0; i < COMMITS; i++)
		bytes_free(&s->bodies[i]);
}

static void
frame_is(const struct apply_frame *a, const struct apply_frame *b)
{
	size_t i;

	assert_int_equal(a->streams_count, b->streams_count);
	assert_int_equal(a->commits_count, b->commits_count);
	for (i = 0; i < a->streams_count; i++) {
		assert_memory_equal(a->streams[i].origin, b->streams[i].origin, ORIGIN_BYTES);
		assert_true(span_eq(a->streams[i].unit, b->streams[i].unit));
		assert_int_equal(a->streams[i].reach, b->streams[i].reach);
		assert_int_equal(a->streams[i].first_seq, b->streams[i].first_seq);
		assert_int_equal(a->streams[i].last_seq, b->streams[i].last_seq);
		assert_memory_equal(a->streams[i].signature, b->streams[i].signature, SIGNATURE_BYTES);
	}
	for (i = 0; i < a->commits_count; i++) {
		assert_int_equal(a->commits[i].stream, b->commits[i].stream);
		assert_true(span_eq(a->commits[i].body, b->commits[i].body));
	}
}

/* W8, W9: what is emitted parses to the same streams, bodies and order. */
static void
test_round_trip(void **state)
{
	struct frame_names here = { 0 }, there = { 0 };
	struct sample s;
	struct frame parsed;
	struct bytes out;
	struct diag d;

	(void)state;
	diag_init(&d);
	bytes_init(&out);
	sample_make(&s, 1);
	assert_int_equal(frame_sort(&here, &s.f, &d), RC_OK);
	assert_int_equal(frame_emit(&here, &s.f, &out, &d), RC_OK);
	assert_int_equal(frame_parse(&there, span_bytes(&out), &parsed, &d), RC_OK);
	frame_is(&parsed.f, &s.f);
	frame_fini(&parsed);
	sample_fini(&s);
	bytes_free(&out);
	frame_names_fini(&here);
	frame_names_fini(&there);
}

/* W5, W6: the second frame of a transfer names streams by number and says no first number. */
static void
test_names_travel_once(void **state)
{
	struct frame_names here = { 0 }, there = { 0 };
	struct bytes first, second;
	struct frame parsed;
	struct sample a, b;
	struct diag d;

	(void)state;
	diag_init(&d);
	bytes_init(&first);
	bytes_init(&second);
	sample_make(&a, 1);
	assert_int_equal(frame_sort(&here, &a.f, &d), RC_OK);
	assert_int_equal(frame_emit(&here, &a.f, &first, &d), RC_OK);
	sample_make(&b, 1);
	for (size_t i = 0; i < STREAMS; i++) {
		uint64_t count = a.streams[i].last_seq;

		b.streams[i].first_seq = count + 1;
		b.streams[i].last_seq = 2 * count;
	}
	assert_int_equal(frame_sort(&here, &b.f, &d), RC_OK);
	assert_int_equal(frame_emit(&here, &b.f, &second, &d), RC_OK);
	assert_true(second.n < first.n);
	assert_null(memmem(second.p, second.n, "t@2010-01-01", 12));

	assert_int_equal(frame_parse(&there, span_bytes(&first), &parsed, &d), RC_OK);
	frame_fini(&parsed);
	assert_int_equal(frame_parse(&there, span_bytes(&second), &parsed, &d), RC_OK);
	frame_is(&parsed.f, &b.f);
	frame_fini(&parsed);
	/* Without the names of the first one the second means nothing. */
	frame_names_fini(&there);
	assert_int_equal(frame_parse(&there, span_bytes(&second), &parsed, &d), RC_PEER);
	/* Nor may the first one come twice: it spells out what is named already. */
	frame_names_fini(&there);
	assert_int_equal(frame_parse(&there, span_bytes(&first), &parsed, &d), RC_OK);
	frame_fini(&parsed);
	assert_int_equal(frame_parse(&there, span_bytes(&first), &parsed, &d), RC_PEER);
	sample_fini(&a);
	sample_fini(&b);
	bytes_free(&first);
	bytes_free(&second);
	frame_names_fini(&here);
	frame_names_fini(&there);
}

/* Parse @s; what is accepted must emit to the same bytes.  Says whether it was. */
static bool
parses_canonically(struct span s)
{
	struct frame_names parse = { 0 }, emit = { 0 };
	struct frame f;
	struct bytes out;
	struct diag d;
	bool is_ok;

	diag_init(&d);
	bytes_init(&out);
	is_ok = frame_parse(&parse, s, &f, &d) == RC_OK;
	if (is_ok) {
		assert_int_equal(frame_emit(&emit, &f.f, &out, &d), RC_OK);
		assert_true(span_eq(span_bytes(&out), s));
		frame_fini(&f);
	} else {
		assert_true(d.text[0] != '\0');
	}
	bytes_free(&out);
	frame_names_fini(&parse);
	frame_names_fini(&emit);
	return is_ok;
}

/* No prefix is a frame, and a flipped bit is refused or is another frame's only form. */
static void
test_broken_is_refused(void **state)
{
	struct frame_names names = { 0 };
	struct sample s;
	struct bytes out;
	struct diag d;
	size_t i, bit;

	(void)state;
	diag_init(&d);
	bytes_init(&out);
	sample_make(&s, 1);
	assert_int_equal(frame_sort(&names, &s.f, &d), RC_OK);
	assert_int_equal(frame_emit(&names, &s.f, &out, &d), RC_OK);
	assert_true(parses_canonically(span_bytes(&out)));
	for (i = 0; i < out.n; i++)
		assert_false(parses_canonically(span_of(out.p, i)));
	for (i = 0; i < out.n; i++) {
		for (bit = 0; bit < 8; bit++) {
			out.p[i] ^= (uint8_t)(1u << bit);
			(void)parses_canonically(span_bytes(&out));
			out.p[i] ^= (uint8_t)(1u << bit);
		}
	}
	bytes_byte(&out, 0);
	assert_false(parses_canonically(span_bytes(&out)));
	sample_fini(&s);
	bytes_free(&out);
	frame_names_fini(&names);
}

/* Emit the head of a frame with one fresh stream and @count commits of one byte each that cannot be read. */
static void
head_make(struct bytes *out, uint64_t known, uint64_t fresh, uint64_t first_seq, uint64_t count)
{
	bytes_clear(out);
	wr_varint(out, known);
	wr_varint(out, fresh);
	bytes_put(out, "\1\1\1\1\1\1\1\1", ORIGIN_BYTES);
	wr_blob(out, span_str("t@1"));
	wr_u8(out, REACH_UP);
	wr_varint(out, first_seq);
	wr_varint(out, count);
}

/* W6, W7: counts and numbers meet their limits before anything is made of them. */
static void
test_limits(void **state)
{
	static const struct {
		uint64_t known, fresh, first_seq, count;
	} bad[] = {
		{ 0, 0, 1, 1 },
		{ 1, 0, 1, 1 },
		{ 0, FRAME_STREAMS_MAX + 1, 1, 1 },
		{ FRAME_STREAMS_MAX, 1, 1, 1 },
		{ 0, 1, 0, 1 },
		{ 0, 1, 1, 0 },
		{ 0, 1, 1, FRAME_COMMITS_MAX + 1 },
		{ 0, 1, 1, UINT64_MAX },
		{ 0, 1, STREAM_SEQ_MAX, 1 },
		{ 0, 1, UINT64_MAX, 1 },
		{ 0, 1, 1, 1000 },		/* more commits than bytes are left */
	};
	struct frame_names names = { 0 };
	struct frame f;
	struct bytes out;
	struct diag d;

	(void)state;
	bytes_init(&out);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		diag_init(&d);
		head_make(&out, bad[i].known, bad[i].fresh, bad[i].first_seq, bad[i].count);
		for (size_t n = 0; n < 100; n++)
			bytes_byte(&out, 1);
		assert_int_equal(frame_parse(&names, span_bytes(&out), &f, &d), RC_PEER);
		frame_names_fini(&names);
	}
	bytes_free(&out);
}

/* W8: a clock that stands still or goes back within a stream is refused, by the sorter and by the parser. */
static void
test_clock_must_grow(void **state)
{
	struct frame_names names = { 0 };
	struct sample s;
	struct frame f;
	struct bytes out;
	struct diag d;

	(void)state;
	diag_init(&d);
	bytes_init(&out);
	sample_make(&s, 1);
	bytes_free(&s.bodies[2]);
	body_make(&s.bodies[2], 100, "c");
	s.commits[2].body = span_bytes(&s.bodies[2]);
	assert_int_equal(frame_sort(&names, &s.f, &d), RC_PEER);
	assert_int_equal(frame_emit(&names, &s.f, &out, &d), RC_OK);
	frame_names_fini(&names);
	assert_int_equal(frame_parse(&names, span_bytes(&out), &f, &d), RC_PEER);
	sample_fini(&s);
	bytes_free(&out);
	frame_names_fini(&names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_names_travel_once),
		cmocka_unit_test(test_broken_is_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_clock_must_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
