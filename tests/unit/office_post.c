/* Letters of office.h: commits taken out of one log and put before another engine. */
#include "office.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/engine_impl.h"

#define SEND_MAX 512

static void
post_ok(const struct office *o, enum rc rc, const char *what)
{
	if (rc != RC_OK)
		fail_msg("%s: %s: %s", what, rc_name(rc), o->diag.text);
}

void
office_seal(struct office *o, size_t n)
{
	struct engine *e = o->nodes[n].engine;

	post_ok(o, engine_begin(e, &o->diag), "begin");
	for (uint32_t sid = 1; sid <= stream_count(e); sid++)
		if (stream_is_own(e, stream_at(e, sid)))
			post_ok(o, seal_own(e, stream_at(e, sid), &o->diag), "seal");
	post_ok(o, engine_commit_tx(e, &o->diag), "commit");
}

static struct office_letter
letter_take(struct office *o, size_t n, const struct stream *s, uint64_t seq)
{
	struct engine *e = o->nodes[n].engine;
	struct span unit = unit_key(e, s->unit);
	struct office_letter l;
	struct seal seal;

	memset(&l, 0, sizeof(l));
	memcpy(l.origin, s->origin, ORIGIN_BYTES);
	memcpy(l.unit, unit.p, unit.n);
	l.reach = s->reach;
	l.seq = seq;
	post_ok(o, seal_at_or_after(e, s->sid, seq, &seal, &o->diag), "seal");
	memcpy(l.signature, seal.signature, SIGNATURE_BYTES);
	post_ok(o, log_body(e, VERSION(s->sid, seq), &l.body, &o->diag), "body");
	post_ok(o, commit_hlc(span_bytes(&l.body), &l.hlc), "clock");
	return l;
}

struct office_letter
office_letter(struct office *o, size_t n, const char *unit, enum reach reach)
{
	struct engine *e = o->nodes[n].engine;
	const struct stream *s;

	office_seal(o, n);
	s = stream_find(e, o->nodes[n].origin, unit_find(e, span_str(unit)), reach);
	assert_non_null(s);
	return letter_take(o, n, s, s->head_seq);
}

struct office_letter
office_letter_a(struct office *o, size_t n)
{
	return office_letter(o, n, OFFICE_A, REACH_UP);
}

void
office_letter_free(struct office_letter *l)
{
	bytes_free(&l->body);
}

void
office_letter_frame(const struct office_letter *l, struct apply_stream *s, struct apply_commit *c,
    struct apply_frame *f)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->origin, l->origin, ORIGIN_BYTES);
	s->unit = span_str(l->unit);
	s->reach = l->reach;
	s->first_seq = s->last_seq = l->seq;
	memcpy(s->signature, l->signature, SIGNATURE_BYTES);
	*c = (struct apply_commit){ 0, span_bytes(&l->body) };
	*f = (struct apply_frame){ .streams = s, .streams_count = 1, .commits = c, .commits_count = 1 };
}

enum rc
office_apply(struct office *o, size_t to, const struct apply_frame *f)
{
	diag_init(&o->diag);
	return apply_frame(o->nodes[to].engine, f, &o->applied, &o->diag);
}

enum rc
office_deliver(struct office *o, size_t to, const struct office_letter *l)
{
	struct apply_stream s;
	struct apply_commit c;
	struct apply_frame f;

	office_letter_frame(l, &s, &c, &f);
	return office_apply(o, to, &f);
}

/* ---- whole frames */

struct sending {
	struct office_letter letters[SEND_MAX];
	struct apply_stream streams[SEND_MAX];
	struct apply_commit commits[SEND_MAX];
	size_t letters_count, streams_count;
};

static int
letter_cmp(const void *pa, const void *pb)
{
	const struct office_letter *a = pa, *b = pb;
	int c;

	if (a->hlc != b->hlc)
		return a->hlc < b->hlc ? -1 : 1;
	if ((c = strcmp(a->unit, b->unit)) != 0)
		return c;
	return a->reach != b->reach ? (a->reach < b->reach ? -1 : 1)
				    : memcmp(a->origin, b->origin, ORIGIN_BYTES);
}

static uint64_t
head_at(struct engine *e, const uint8_t *origin, struct span unit, enum reach reach)
{
	unit_id u = unit_find(e, unit);
	const struct stream *s = u == UNIT_NONE ? NULL : stream_find(e, origin, u, reach);

	return s == NULL ? 0 : s->head_seq;
}

static void
stream_gather(struct office *o, size_t from, size_t to, const struct stream *s, struct sending *out)
{
	struct engine *e = o->nodes[from].engine, *there = o->nodes[to].engine;
	struct span unit = unit_key(e, s->unit);
	uint64_t seq, held = head_at(there, s->origin, unit, s->reach);
	unit_id holder = unit_find(e, span_str(engine_self(there)->unit));

	if (held >= s->head_seq || holder == UNIT_NONE || !unit_holds(e, holder, s->unit, s->reach))
		return;
	for (seq = held + 1; seq <= s->head_seq; seq++) {
		assert_true(out->letters_count < SEND_MAX);
		out->letters[out->letters_count++] = letter_take(o, from, s, seq);
	}
	memcpy(out->streams[out->streams_count].origin, s->origin, ORIGIN_BYTES);
	out->streams[out->streams_count].unit = unit;
	out->streams[out->streams_count].reach = s->reach;
	out->streams[out->streams_count].first_seq = held + 1;
	out->streams[out->streams_count].last_seq = s->head_seq;
	memcpy(out->streams[out->streams_count++].signature,
	    out->letters[out->letters_count - 1].signature, SIGNATURE_BYTES);
}

static uint32_t
stream_index(const struct sending *x, const struct office_letter *l)
{
	uint32_t i = 0;

	while (memcmp(x->streams[i].origin, l->origin, ORIGIN_BYTES) != 0 ||
	    x->streams[i].reach != l->reach || !span_eq(x->streams[i].unit, span_str(l->unit)))
		i++;
	return i;
}

enum rc
office_send(struct office *o, size_t from, size_t to)
{
	struct sending *x = calloc(1, sizeof(*x));
	struct engine *e = o->nodes[from].engine;
	struct apply_frame f;
	enum rc rc = RC_OK;
	size_t i;

	assert_non_null(x);
	office_seal(o, from);
	for (uint32_t sid = 1; sid <= stream_count(e); sid++)
		stream_gather(o, from, to, stream_at(e, sid), x);
	qsort(x->letters, x->letters_count, sizeof(x->letters[0]), letter_cmp);
	for (i = 0; i < x->letters_count; i++)
		x->commits[i] = (struct apply_commit){ stream_index(x, &x->letters[i]),
			span_bytes(&x->letters[i].body) };
	f = (struct apply_frame){ .streams = x->streams, .streams_count = x->streams_count, .commits = x->commits,
	    .commits_count = x->letters_count };
	memset(&o->applied, 0, sizeof(o->applied));
	if (x->letters_count > 0)
		rc = office_apply(o, to, &f);
	for (i = 0; i < x->letters_count; i++)
		office_letter_free(&x->letters[i]);
	free(x);
	return rc;
}

void
office_sync(struct office *o)
{
	size_t n, round;

	for (round = 0; round < 2; round++)
		for (n = 1; n < o->count; n++) {
			post_ok(o, office_send(o, n, 0), "up");
			post_ok(o, office_send(o, 0, n), "down");
		}
	for (n = 0; n < o->count; n++)
		engine_sanity(o->nodes[n].engine);
}

void
office_forge(struct office *o, size_t n, const char *unit, enum reach reach, struct commit *c)
{
	struct engine *e = o->nodes[n].engine;
	struct bytes body;
	struct stream *s;

	bytes_init(&body);
	o->now_ms += 1000;
	post_ok(o, engine_begin(e, &o->diag), "begin");
	post_ok(o,
	    stream_open(e, o->nodes[n].origin, unit_intern(e, span_str(unit)), reach, &s, &o->diag),
	    "stream");
	c->schema = c->schema == 0 ? 1 : c->schema;
	c->hlc = c->hlc == 0 ? engine_tick(e) : c->hlc;
	c->txn = c->hlc;
	post_ok(o, commit_emit(c, s->origin, s->head_seq + 1, &body, &o->diag), "emit");
	post_ok(o, log_append(e, s, c->hlc, span_bytes(&body), &o->diag), "append");
	post_ok(o, engine_commit_tx(e, &o->diag), "commit");
	bytes_free(&body);
}
