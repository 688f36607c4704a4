#include "frame.h"

#include "body_pack.h"
#include "commit.h"
#include "cursor.h"

#include <stdlib.h>
#include <string.h>

#define NAME_NONE SIZE_MAX

static const char *const BROKEN = "the other side sent a broken frame";

void
frame_names_fini(struct frame_names *n)
{
	mem_free(n->names);
	memset(n, 0, sizeof(*n));
}

void
frame_fini(struct frame *f)
{
	mem_free(f->f.streams);
	mem_free(f->f.commits);
	memset(f, 0, sizeof(*f));
}

static size_t
name_find(const struct frame_names *n, const struct apply_stream *s)
{
	size_t i;

	for (i = 0; i < n->count; i++) {
		const struct frame_name *name = &n->names[i];

		if (memcmp(name->origin, s->origin, ORIGIN_BYTES) == 0 && name->reach == s->reach &&
		    span_eq(span_of(name->unit, name->unit_n), s->unit))
			return i;
	}
	return NAME_NONE;
}

/* Make room for @more names, so that those there stay where they are until then; RC_LIMIT beyond W7. */
static enum rc
names_reserve(struct frame_names *n, size_t more)
{
	struct frame_name *names;
	size_t cap = n->cap;

	if (more > FRAME_NAMES_MAX - n->count)
		return RC_LIMIT;
	while (cap < n->count + more)
		cap = cap == 0 ? 4 : cap * 2;
	if (cap == n->cap)
		return RC_OK;
	if ((names = mem_grow(n->names, cap, sizeof(*names))) == NULL)
		return RC_NOMEM;
	n->names = names;
	n->cap = cap;
	return RC_OK;
}

/* There is room for it. */
static struct frame_name *
name_add(struct frame_names *n, const struct apply_stream *s)
{
	struct frame_name *name = &n->names[n->count++];

	INVARIANT(n->count <= n->cap);
	INVARIANT(s->unit.n <= UNIT_BYTES_MAX);
	memset(name, 0, sizeof(*name));
	memcpy(name->origin, s->origin, ORIGIN_BYTES);
	memcpy(name->unit, s->unit.p, s->unit.n);
	name->unit_n = s->unit.n;
	name->reach = s->reach;
	name->next_seq = s->last_seq + 1;
	return name;
}

/* ---- order */

struct stream_place {
	size_t name;		/* NAME_NONE: fresh; those keep the order they had */
	uint32_t old;
};

struct commit_place {
	uint64_t hlc;
	uint64_t seq;
	struct apply_commit commit;
};

static int
stream_place_cmp(const void *a, const void *b)
{
	const struct stream_place *x = a, *y = b;

	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return x->old < y->old ? -1 : x->old > y->old;
}

static int
commit_place_cmp(const void *a, const void *b)
{
	const struct commit_place *x = a, *y = b;

	if (x->hlc != y->hlc)
		return x->hlc < y->hlc ? -1 : 1;
	if (x->commit.stream != y->commit.stream)
		return x->commit.stream < y->commit.stream ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Sort @f's commits by (clock reading, stream).  RC_PEER when a stream's readings do not grow with its numbers. */
static enum rc
commits_sort(struct apply_frame *f)
{
	struct commit_place *places = mem_array(f->commits_count, sizeof(*places));
	uint64_t *next = mem_array(f->streams_count, sizeof(*next));
	enum rc rc = RC_OK;
	size_t i;

	if (places == NULL || next == NULL)
		rc = RC_NOMEM;
	for (i = 0; rc == RC_OK && i < f->commits_count; i++) {
		places[i].commit = f->commits[i];
		places[i].seq = next[f->commits[i].stream]++;
		rc = commit_hlc(f->commits[i].body, &places[i].hlc);
	}
	if (rc == RC_OK) {
		qsort(places, f->commits_count, sizeof(*places), commit_place_cmp);
		memset(next, 0, f->streams_count * sizeof(*next));
	}
	for (i = 0; rc == RC_OK && i < f->commits_count; i++) {
		f->commits[i] = places[i].commit;
		if (places[i].seq != next[places[i].commit.stream]++ || (i > 0 &&
		    places[i].hlc == places[i - 1].hlc && places[i].commit.stream == places[i - 1].commit.stream))
			rc = RC_PEER;		/* W8 */
	}
	mem_free(next);
	mem_free(places);
	return rc;
}

enum rc
frame_sort(const struct frame_names *n, struct apply_frame *f, struct diag *d)
{
	struct stream_place *places = mem_array(f->streams_count, sizeof(*places));
	struct apply_stream *old = mem_array(f->streams_count, sizeof(*old));
	uint32_t *moved = mem_array(f->streams_count, sizeof(*moved));
	enum rc rc = RC_NOMEM;
	size_t i;

	if (places == NULL || old == NULL || moved == NULL)
		goto out;
	for (i = 0; i < f->streams_count; i++) {
		old[i] = f->streams[i];
		places[i] = (struct stream_place){ name_find(n, &old[i]), (uint32_t)i };
	}
	qsort(places, f->streams_count, sizeof(*places), stream_place_cmp);
	for (i = 0; i < f->streams_count; i++) {
		f->streams[i] = old[places[i].old];
		moved[places[i].old] = (uint32_t)i;
	}
	for (i = 0; i < f->commits_count; i++)
		f->commits[i].stream = moved[f->commits[i].stream];
	rc = commits_sort(f);
out:
	mem_free(moved);
	mem_free(old);
	mem_free(places);
	return rc == RC_OK ? RC_OK : diag_fail(d, rc, "cannot put a frame in order");
}

/* ---- emit */

static void
streams_emit(struct frame_names *n, const struct apply_frame *f, size_t known, struct bytes *out)
{
	size_t i, index, before = NAME_NONE;

	wr_varint(out, known);
	wr_varint(out, f->streams_count - known);
	for (i = 0; i < f->streams_count; i++) {
		const struct apply_stream *s = &f->streams[i];

		if (i < known) {
			index = name_find(n, s);
			INVARIANT(i == 0 || index > before);
			INVARIANT(n->names[index].next_seq == s->first_seq);
			wr_varint(out, index - before - 1);
			n->names[index].next_seq = s->last_seq + 1;
			before = index;
		} else {
			bytes_put(out, s->origin, ORIGIN_BYTES);
			wr_blob(out, s->unit);
			wr_u8(out, (uint8_t)s->reach);
			wr_varint(out, s->first_seq);
			(void)name_add(n, s);
		}
		wr_varint(out, s->last_seq - s->first_seq + 1);
	}
}

enum rc
frame_emit(struct frame_names *n, const struct apply_frame *f, struct bytes *out, struct diag *d)
{
	struct bytes packed;
	size_t i, j, known = 0;
	enum rc rc;

	while (known < f->streams_count && name_find(n, &f->streams[known]) != NAME_NONE)
		known++;
	if ((rc = names_reserve(n, f->streams_count - known)) != RC_OK)
		return diag_fail(d, rc, "a transfer names too many streams");
	streams_emit(n, f, known, out);
	bytes_init(&packed);
	for (i = 0; i < f->streams_count; i++) {
		for (j = 0; j < f->commits_count; j++) {
			if (f->commits[j].stream != i)
				continue;
			bytes_clear(&packed);
			body_pack(f->commits[j].body, &packed);
			if (packed.failed)
				out->failed = true;
			wr_blob(out, span_bytes(&packed));
		}
	}
	bytes_free(&packed);
	for (i = 0; i < f->streams_count; i++)
		bytes_put(out, f->streams[i].signature, SIGNATURE_BYTES);
	return bytes_rc(out);
}

/* ---- parse */

/* Read how many commits of @s come, and give them their numbers (W6, W7). */
static void
numbers_parse(struct rd *r, struct apply_stream *s, uint64_t first_seq, size_t *commits)
{
	uint64_t count = rd_varint_max(r, FRAME_COMMITS_MAX - *commits);

	if (count == 0 || first_seq == 0 || first_seq > STREAM_SEQ_MAX - count) {
		rd_fail(r);
		return;
	}
	s->first_seq = first_seq;
	s->last_seq = first_seq + count - 1;
	*commits += (size_t)count;
}

static void
known_parse(struct rd *r, struct frame_names *n, struct apply_stream *s, size_t *index, size_t *commits)
{
	struct frame_name *name;
	uint64_t gap = rd_varint_max(r, FRAME_NAMES_MAX);

	if (!rd_ok(r) || gap >= n->count - *index) {
		rd_fail(r);
		return;
	}
	name = &n->names[*index + gap];
	*index += (size_t)gap + 1;
	memcpy(s->origin, name->origin, ORIGIN_BYTES);
	s->unit = span_of(name->unit, name->unit_n);
	s->reach = name->reach;
	numbers_parse(r, s, name->next_seq, commits);
	name->next_seq = s->last_seq + 1;
}

static void
fresh_parse(struct rd *r, struct frame_names *n, struct apply_stream *s, size_t *commits)
{
	struct span origin = rd_fixed(r, ORIGIN_BYTES);
	struct frame_name *name;
	uint8_t reach;

	s->unit = rd_blob(r, UNIT_BYTES_MAX);
	reach = rd_u8(r);
	if (reach > REACH_DOWN || s->unit.n == 0)
		rd_fail(r);
	s->reach = reach == REACH_DOWN ? REACH_DOWN : REACH_UP;
	numbers_parse(r, s, rd_varint_max(r, STREAM_SEQ_MAX), commits);
	if (!rd_ok(r))
		return;
	memcpy(s->origin, origin.p, ORIGIN_BYTES);
	if (name_find(n, s) != NAME_NONE) {
		rd_fail(r);		/* W5: a name is spelled out once */
		return;
	}
	name = name_add(n, s);
	s->unit = span_of(name->unit, name->unit_n);
}

static enum rc
streams_parse(struct rd *r, struct frame_names *n, struct apply_frame *f, size_t *commits)
{
	size_t known, fresh, i, index = 0;
	enum rc rc;

	known = (size_t)rd_varint_max(r, FRAME_STREAMS_MAX);
	fresh = (size_t)rd_varint_max(r, FRAME_STREAMS_MAX - known);
	if (!rd_ok(r) || known + fresh == 0 || known + fresh > rd_left(r))
		return RC_PEER;
	if ((rc = names_reserve(n, fresh)) != RC_OK)
		return rc == RC_LIMIT ? RC_PEER : rc;
	if ((f->streams = mem_array(known + fresh, sizeof(*f->streams))) == NULL)
		return RC_NOMEM;
	f->streams_count = known + fresh;
	for (i = 0; rd_ok(r) && i < known + fresh; i++) {
		if (i < known)
			known_parse(r, n, &f->streams[i], &index, commits);
		else
			fresh_parse(r, n, &f->streams[i], commits);
	}
	return rd_ok(r) ? RC_OK : RC_PEER;
}

static void
bodies_parse(struct rd *r, struct apply_frame *f)
{
	size_t i, at = 0;
	uint64_t seq;

	for (i = 0; i < f->streams_count; i++) {
		for (seq = f->streams[i].first_seq; seq <= f->streams[i].last_seq; seq++) {
			f->commits[at].stream = (uint32_t)i;
			f->commits[at++].body = body_unpack(rd_blob(r, COMMIT_BYTES_MAX));
		}
	}
	for (i = 0; i < f->streams_count; i++) {
		struct span signature = rd_fixed(r, SIGNATURE_BYTES);

		if (rd_ok(r))
			memcpy(f->streams[i].signature, signature.p, SIGNATURE_BYTES);
	}
}

enum rc
frame_parse(struct frame_names *n, struct span s, struct frame *out, struct diag *d)
{
	struct rd r = rd_span(s);
	struct apply_frame *f = &out->f;
	size_t commits = 0;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if (s.n > FRAME_BYTES_MAX) {
		rc = RC_PEER;
		goto err0;
	}
	if ((rc = streams_parse(&r, n, f, &commits)) != RC_OK)
		goto err0;
	if (commits > rd_left(&r)) {		/* each needs a byte at least */
		rc = RC_PEER;
		goto err0;
	}
	if ((f->commits = mem_array(commits, sizeof(*f->commits))) == NULL) {
		rc = RC_NOMEM;
		goto err0;
	}
	f->commits_count = commits;
	bodies_parse(&r, f);
	rc = rd_done(&r) ? commits_sort(f) : RC_PEER;
	if (rc == RC_OK)
		return RC_OK;
err0:
	frame_fini(out);
	return diag_fail(d, rc, "%s", rc == RC_NOMEM ? "no memory for a frame" : BROKEN);
}
