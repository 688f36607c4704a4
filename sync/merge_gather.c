#include "merge.h"

#include <stdlib.h>
#include <string.h>

void
merge_set_free(struct merge_set *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		commit_free(&s->versions[i].commit);
	mem_free(s->versions);
	mem_free(s->seen);
	memset(s, 0, sizeof(*s));
}

enum rc
merge_is_quarantined(struct engine *e, uint64_t v, bool *out, struct diag *d)
{
	static const char sql[] = "SELECT 1 FROM sync_quarantine WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	code = sqlite3_step(stmt);
	*out = code == SQLITE_ROW;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading the quarantine", d);
	engine_done(stmt);
	return rc;
}

/* M10: a version counts once. */
static bool
is_gathered(const struct merge_set *s, uint64_t v)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->versions[i].v == v)
			return true;
	return false;
}

/* A commit's bytes stay alive behind its decoded form: they are its first block of memory.  RC_NOTFOUND: it is not
 * held, or does not touch the row. */
static enum rc
version_load(struct engine *e, struct merge_set *s, uint64_t v, struct span key, struct bytes *body, struct diag *d)
{
	const struct stream *st;
	struct merge_version *m, *grown;
	enum rc rc;

	if (VERSION_SID(v) == 0 || VERSION_SID(v) > stream_count(e))
		return RC_NOTFOUND;
	st = stream_at(e, VERSION_SID(v));
	if (s->count == s->cap) {
		size_t cap = s->cap == 0 ? 8 : s->cap * 2;

		if ((grown = mem_grow(s->versions, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		s->versions = grown;
		s->cap = cap;
	}
	m = &s->versions[s->count];
	memset(m, 0, sizeof(*m));
	bytes_clear(body);
	if ((rc = log_body(e, v, body, d)) == RC_OK)
		rc = commit_parse_copy(&m->commit, span_bytes(body), st->origin, VERSION_SEQ(v), d);
	if (rc != RC_OK)
		return rc;
	m->op = commit_op_find(&m->commit, s->t->number, key);
	if (m->op == NULL) {
		commit_free(&m->commit);
		return RC_NOTFOUND;
	}
	s->count++;
	m->v = v;
	m->hlc = m->commit.hlc;
	m->at = clock_effective(e, st->origin, m->hlc);
	m->origin = st->origin;
	m->level = st->level;
	if ((rc = merge_is_quarantined(e, v, &m->is_valid, d)) != RC_OK)
		return rc;
	m->is_valid = !m->is_valid;
	return RC_OK;
}

enum rc
merge_fits(struct engine *e, const struct catalogue_table *t, struct span key, uint64_t v, bool *out, struct diag *d)
{
	struct merge_set s = { .t = t };
	struct bytes body;
	enum rc rc;

	bytes_init(&body);
	rc = version_load(e, &s, v, key, &body, d);
	*out = rc == RC_OK;
	merge_set_free(&s);
	bytes_free(&body);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc
merge_prev_version(struct engine *e, const struct stream *s, const struct commit *c, const struct commit_ref *ref,
    uint64_t *out, struct diag *d)
{
	const struct stream *other = s;

	if (ref->origin > c->others_count)
		return diag_fail(d, RC_PEER, "a commit refers to an origin that it does not name");
	if (ref->origin > 0)
		other = stream_find(e, c->others[ref->origin - 1], s->unit, s->reach);
	if (other == NULL || ref->seq > STREAM_SEQ_MAX)
		return diag_fail(d, RC_GAP, "a commit replaces a version of a stream that is not held");
	*out = VERSION(other->sid, ref->seq);
	return RC_OK;
}

/* M9: the order in which all is looked at is the versions' own. */
static int
version_cmp(const void *pa, const void *pb)
{
	const struct merge_version *a = pa, *b = pb;
	int c;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if ((c = memcmp(a->origin, b->origin, ORIGIN_BYTES)) != 0)
		return c;
	return a->v < b->v ? -1 : a->v > b->v;
}

#define INDEX_NONE SIZE_MAX

static size_t
version_index(const struct merge_set *s, uint64_t v)
{
	size_t i = 0;

	while (i < s->count && s->versions[i].v != v)
		i++;
	return i < s->count ? i : INDEX_NONE;
}

/* The version that @i says it replaces with its @j-th reference; INDEX_NONE when that is none of this row's (C12). */
static size_t
prev_index(struct engine *e, const struct merge_set *s, size_t i, size_t j)
{
	const struct merge_version *m = &s->versions[i];
	uint64_t v;

	if (merge_prev_version(e, stream_at(e, VERSION_SID(m->v)), &m->commit, &m->op->prevs[j], &v, NULL) != RC_OK)
		return INDEX_NONE;
	return version_index(s, v);
}

/* Raise what version @i counts for above all that it replaces; false while one of those is not done. */
static bool
version_raise(struct engine *e, struct merge_set *s, const bool *is_done, size_t i, bool is_forced)
{
	struct merge_version *m = &s->versions[i];
	uint64_t at = m->at;
	size_t j, k;

	for (j = 0; j < m->op->prevs_count; j++) {
		if ((k = prev_index(e, s, i, j)) == INDEX_NONE || k == i)
			continue;
		if (!is_done[k]) {
			if (!is_forced)
				return false;
			continue;	/* C12: a ring; broken where the order of readings says */
		}
		if (s->versions[k].at >= at)
			at = s->versions[k].at + 1;
	}
	m->at = at;
	return true;
}

/* C13: what a version counts for is its corrected reading, but never less than what its author had seen counts for. */
static enum rc
versions_raise(struct engine *e, struct merge_set *s)
{
	bool *is_done = mem_array(s->count + 1, sizeof(*is_done)), has_moved;
	size_t i, left = s->count, first;

	if (is_done == NULL)
		return RC_NOMEM;
	while (left > 0) {
		has_moved = false;
		first = INDEX_NONE;
		for (i = s->count; i-- > 0;) {		/* they were gathered backwards */
			if (is_done[i])
				continue;
			if (version_raise(e, s, is_done, i, false)) {
				is_done[i] = has_moved = true;
				left--;
			} else if (first == INDEX_NONE || version_cmp(&s->versions[i], &s->versions[first]) < 0) {
				first = i;
			}
		}
		if (has_moved || left == 0)
			continue;
		is_done[first] = version_raise(e, s, is_done, first, true);
		left--;
	}
	mem_free(is_done);
	return RC_OK;
}

/* seen[i] = what i replaced, and all that those had seen.  Versions are in causal order. */
static enum rc
seen_compute(struct engine *e, struct merge_set *s)
{
	size_t i, j, w, at;

	s->words = (s->count + 63) / 64;
	if ((s->seen = mem_array(s->count * s->words, sizeof(*s->seen))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < s->count; i++)
		for (j = 0; j < s->versions[i].op->prevs_count; j++) {
			at = prev_index(e, s, i, j);
			if (at == INDEX_NONE || at >= i)
				continue;	/* C12 */
			for (w = 0; w < s->words; w++)
				s->seen[i * s->words + w] |= s->seen[at * s->words + w];
			s->seen[i * s->words + at / 64] |= UINT64_C(1) << (at % 64);
		}
	return RC_OK;
}

bool
merge_seen(const struct merge_set *s, size_t by, size_t what)
{
	return (s->seen[by * s->words + what / 64] >> (what % 64) & 1) != 0;
}

enum rc
merge_gather(struct engine *e, const struct catalogue_table *t, struct span key, const uint64_t *heads,
    size_t heads_count, struct merge_set *out, struct diag *d)
{
	struct bytes body;
	enum rc rc = RC_OK;
	size_t i, j;
	uint64_t v;

	memset(out, 0, sizeof(*out));
	out->t = t;
	bytes_init(&body);
	for (i = 0; i < heads_count && rc == RC_OK; i++)
		if (!is_gathered(out, heads[i]) && (rc = version_load(e, out, heads[i], key, &body, d)) == RC_NOTFOUND)
			rc = diag_fail(d, RC_PEER, "a row refers to a version that is not held, or does not touch it");
	for (i = 0; i < out->count && rc == RC_OK; i++) {
		for (j = 0; j < out->versions[i].op->prevs_count && rc == RC_OK; j++) {
			const struct merge_version *m = &out->versions[i];

			if (merge_prev_version(e, stream_at(e, VERSION_SID(m->v)), &m->commit, &m->op->prevs[j], &v,
			    NULL) != RC_OK || is_gathered(out, v))
				continue;
			rc = version_load(e, out, v, key, &body, d);
			rc = rc == RC_NOTFOUND ? RC_OK : rc;	/* C12 */
		}
	}
	bytes_free(&body);
	if (rc == RC_OK && (rc = versions_raise(e, out)) == RC_OK && out->count > 1)
		qsort(out->versions, out->count, sizeof(*out->versions), version_cmp);
	if (rc == RC_OK)
		rc = seen_compute(e, out);
	if (rc != RC_OK)
		merge_set_free(out);
	return rc;
}
