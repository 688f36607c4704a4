/* Verify: every commit of the log is judged and applied anew, in order of clock reading, in an empty replica; its
 * seals are checked on the way; at the end both states are compared row by row. */
#include "verify.h"

#include "apply_impl.h"
#include "control.h"
#include "credential.h"
#include "cursor.h"
#include "digest.h"
#include "fork.h"
#include "frontier.h"
#include "merge.h"
#include "row.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct verifying {
	struct engine *e, *scratch;
	struct verify_result *r;
	struct diag *d;
};

/* --- seals: along each stream, the chain against every seal stored ------------------------------------------------ */

struct chain_walk {
	struct verifying *w;
	const struct stream *s;
	const struct origin_entry *origin;
	uint64_t seq, hlc;
	uint8_t hash[HASH_BYTES];
	uint64_t seal_seq;		/* the next seal; 0: none left */
	struct seal seal;
};

static enum rc
seal_next(struct chain_walk *c)
{
	enum rc rc = seal_at_or_after(c->w->e, c->s->sid, c->seq + 1, &c->seal, c->w->d);

	c->seal_seq = rc == RC_OK ? c->seal.seq : 0;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc
chain_step(void *ctx, uint64_t seq, struct span body)
{
	struct chain_walk *c = ctx;
	uint8_t hash[HASH_BYTES];
	uint64_t hlc;

	if (seq != c->seq + 1)
		return diag_fail(c->w->d, RC_DIFFER, "stream %u: commit %llu is missing from the log", c->s->sid,
		    (unsigned long long)c->seq + 1);
	if (commit_hlc(body, &hlc) != RC_OK || hlc <= c->hlc)
		return diag_fail(c->w->d, RC_DIFFER, "stream %u: commit %llu is damaged or out of order", c->s->sid,
		    (unsigned long long)seq);
	stream_hash_next(c->hash, body, hash);
	memcpy(c->hash, hash, HASH_BYTES);
	c->seq = seq;
	c->hlc = hlc;
	if (seq != c->seal_seq)
		return RC_OK;
	if (memcmp(c->hash, c->seal.hash, HASH_BYTES) != 0 ||
	    (c->origin != NULL &&
	    !seal_ok(c->w->e, c->s, seq, c->hash, hlc, c->origin->pubkey, c->seal.signature)))
		return diag_fail(c->w->d, RC_DIFFER,
		    "stream %u: the seal on commit %llu does not fit what the log holds", c->s->sid,
		    (unsigned long long)seq);
	c->w->r->seals++;
	return seal_next(c);
}

static enum rc
on_fork(void *ctx, const struct fork *f)
{
	(void)f;
	*(bool *)ctx = true;
	return RC_OK;
}

/* A credential may have stood on a branch that yielded.  What its node wrote is quarantined then, which the rebuild
 * checks; its seals were checked when they came, and cannot be any more. */
static bool
has_forks(struct engine *e)
{
	bool is_any = false;

	return fork_each(e, on_fork, &is_any, NULL) == RC_OK && is_any;
}

static enum rc
chains_check(struct verifying *w)
{
	uint32_t sid;
	enum rc rc;

	for (sid = 1; sid <= stream_count(w->e); sid++) {
		struct chain_walk c = { .w = w, .s = stream_at(w->e, sid) };

		c.origin = origin_find(w->e, c.s->origin);
		if (c.origin == NULL && c.s->head_seq == 0)
			continue;	/* named by what waits; nothing of it is held */
		if (c.origin == NULL && !has_forks(w->e))
			return diag_fail(w->d, RC_DIFFER, "stream %u has no credential", sid);
		stream_hash_zero(w->e, c.s, c.hash);
		if ((rc = seal_next(&c)) != RC_OK ||
		    (rc = log_each(w->e, sid, 1, STREAM_SEQ_MAX, chain_step, &c, w->d)) != RC_OK)
			return rc;
		if (c.seq != c.s->head_seq || memcmp(c.hash, c.s->head_hash, HASH_BYTES) != 0)
			return diag_fail(w->d, RC_DIFFER, "stream %u: the log ends with commit %llu, not with %llu",
			    sid, (unsigned long long)c.seq, (unsigned long long)c.s->head_seq);
		if (!stream_is_own(w->e, c.s) && c.s->sealed_seq != c.s->head_seq)
			return diag_fail(w->d, RC_DIFFER, "stream %u: commits after %llu are not covered by a seal",
			    sid, (unsigned long long)c.s->sealed_seq);
		w->r->streams++;
	}
	return RC_OK;
}

/* --- what the database says of this node, against its credential --------------------------------------------- */

static enum rc
identity_check(struct verifying *w)
{
	const struct engine_identity *self = engine_self(w->e);
	struct credential own;
	enum rc rc = credential_get(w->e, self->origin, &own);

	if (rc != RC_OK)
		return rc != RC_NOTFOUND ? rc : diag_fail(w->d, RC_DIFFER, "this node's own credential is missing");
	return strcmp(own.unit, self->unit) == 0 ? RC_OK : diag_fail(w->d, RC_DIFFER,
	    "the database says that this node serves unit %s, its credential says %s", self->unit, own.unit);
}

/* --- rebuild: merge the streams by clock reading ---------------------------------------------- */

struct cursor_of {
	const struct stream *s;
	uint64_t seq, hlc;		/* the next commit; seq 0: at the end */
	bool is_blocked;		/* until another stream goes on */
};

static enum rc
cursor_load(struct verifying *w, struct cursor_of *c, struct bytes *body)
{
	enum rc rc;

	if (c->seq > c->s->head_seq) {
		c->seq = 0;
		return RC_OK;
	}
	bytes_clear(body);
	if ((rc = log_body(w->e, VERSION(c->s->sid, c->seq), body, w->d)) != RC_OK)
		return rc;
	return commit_hlc(span_bytes(body), &c->hlc);
}

static struct cursor_of *
cursor_first(struct cursor_of *cursors, size_t count)
{
	struct cursor_of *first = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		struct cursor_of *c = &cursors[i];

		if (c->seq != 0 && !c->is_blocked && (first == NULL || c->hlc < first->hlc ||
		    (c->hlc == first->hlc && memcmp(c->s->origin, first->s->origin, ORIGIN_BYTES) < 0)))
			first = c;
	}
	return first;
}

static void
cursors_unblock(struct cursor_of *cursors, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		cursors[i].is_blocked = false;
}

/* Nothing moves any more: does one of them wait for a cause that is gone (C12)? */
static struct cursor_of *
lenient_first(struct verifying *w, struct cursor_of *cursors, size_t count)
{
	if (w->scratch->is_lenient || control_follow(w->scratch, w->d) != RC_OK)
		return NULL;
	w->scratch->is_lenient = true;
	cursors_unblock(cursors, count);
	return cursor_first(cursors, count);
}

static enum rc
commit_replay(struct verifying *w, struct cursor_of *c, struct bytes *body)
{
	struct apply_result r;
	struct commit commit;
	struct stream *s;
	unit_id u;
	enum rc rc;

	memset(&r, 0, sizeof(r));
	bytes_clear(body);
	if ((rc = log_body(w->e, VERSION(c->s->sid, c->seq), body, w->d)) != RC_OK)
		return rc;
	if ((u = unit_intern(w->scratch, unit_key(w->e, c->s->unit))) == UNIT_NONE)
		return RC_NOMEM;
	if ((rc = stream_open(w->scratch, c->s->origin, u, c->s->reach, &s, w->d)) != RC_OK ||
	    (rc = commit_parse(&commit, span_bytes(body), s->origin, c->seq, w->d)) != RC_OK)
		return rc;
	if (clock_counts(w->scratch, s, c->seq) && (rc = frontier_check(w->scratch, &commit, NULL)) == RC_OK)
		rc = frontier_refs_check(w->scratch, s, &commit);
	if (rc == RC_GAP) {		/* C17: its causes come first, whatever the clocks say */
		commit_free(&commit);
		c->is_blocked = true;
		return RC_OK;
	}
	if (rc == RC_OK)
		rc = apply_commit_one(w->scratch, s, &commit, span_bytes(body), &r, w->d);
	commit_free(&commit);
	if (rc == RC_GAP || rc == RC_PEER)
		rc = RC_DIFFER;
	w->r->commits++;
	return rc;
}

static enum rc
rebuild(struct verifying *w)
{
	size_t i, count = stream_count(w->e);
	struct cursor_of *cursors = mem_array(count, sizeof(*cursors)), *c;
	struct bytes body;
	enum rc rc = RC_OK;

	bytes_init(&body);
	if (cursors == NULL)
		return RC_NOMEM;
	for (i = 0; i < count && rc == RC_OK; i++) {
		cursors[i] = (struct cursor_of){ .s = stream_at(w->e, (uint32_t)i + 1), .seq = 1 };
		rc = cursor_load(w, &cursors[i], &body);
	}
	if (rc == RC_OK)
		rc = engine_begin(w->scratch, w->d);
	save_guard(w->scratch, false);
	while (rc == RC_OK && ((c = cursor_first(cursors, count)) != NULL ||
	    (c = lenient_first(w, cursors, count)) != NULL)) {
		if ((rc = commit_replay(w, c, &body)) != RC_OK || c->is_blocked)
			continue;
		c->seq++;
		rc = cursor_load(w, c, &body);
		w->scratch->is_lenient = false;
		cursors_unblock(cursors, count);
	}
	for (i = 0; i < count && rc == RC_OK; i++)
		if (cursors[i].seq != 0)
			rc = diag_fail(w->d, RC_DIFFER, "stream %u: commit %llu was caused by one that is not there",
			    cursors[i].s->sid, (unsigned long long)cursors[i].seq);
	if (rc == RC_OK)
		rc = control_follow(w->scratch, w->d);
	save_guard(w->scratch, true);
	w->scratch->v_now = 0;
	if (rc == RC_OK)
		rc = engine_commit_tx(w->scratch, w->d);
	mem_free(cursors);
	bytes_free(&body);
	return rc;
}

/* C1, C4: what is in force does not depend on how it came about: the same commits are in quarantine, whatever the
 * order. */
static enum rc
quarantines_compare(struct verifying *w)
{
	uint32_t sid;
	uint64_t seq;
	bool was, is;
	enum rc rc;

	for (sid = 1; sid <= stream_count(w->e); sid++) {
		const struct stream *s = stream_at(w->e, sid), *other;

		other = stream_find(w->scratch, s->origin, unit_find(w->scratch, unit_key(w->e, s->unit)), s->reach);
		for (seq = 1; seq <= s->head_seq; seq++) {
			INVARIANT(other != NULL);
			if ((rc = quarantine_has(w->e, VERSION(sid, seq), &was, w->d)) != RC_OK ||
			    (rc = quarantine_has(w->scratch, VERSION(other->sid, seq), &is, w->d)) != RC_OK)
				return rc;
			if (is != was)
				return diag_fail(w->d, RC_DIFFER, "stream %u: commit %llu is %s in the replica, but "
				    "should not be", sid, (unsigned long long)seq, was ? "quarantined" : "in force");
		}
	}
	return RC_OK;
}

/* --- compare ---------------------------------------------------------------------------------- */

struct row_hash {
	const struct catalogue_table *t;
	size_t key_at, key_n;
	uint8_t hash[16];
};

struct row_list {
	struct verifying *w;
	struct row_hash *rows;
	size_t count, cap, at;
	struct bytes keys, bytes;
};

static void
version_emit(struct engine *e, uint64_t v, struct bytes *out)
{
	if (VERSION_SID(v) != 0 && VERSION_SID(v) <= stream_count(e))
		bytes_put(out, stream_at(e, VERSION_SID(v))->origin, ORIGIN_BYTES);
	wr_varint(out, VERSION_SEQ(v));
}

/* Beside what the digest holds of a row, the versions it stands at: the next change will build on them. */
static enum rc
versions_emit(struct engine *e, const struct digest_row *row, struct bytes *out, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	struct table_plan *p;
	struct bytes heads;
	unsigned flags = 0;
	uint64_t v;
	size_t i;
	enum rc rc;

	if ((rc = row_plan_of(e, row->table, &p, d)) != RC_OK)
		return rc;
	rc = row_get(e, p, row->key, values, &v, d);
	if (rc == RC_OK) {
		version_emit(e, v, out);
		row_get_done(p);
	} else if (rc != RC_NOTFOUND) {
		return rc;
	}
	bytes_init(&heads);
	rc = row_entry_get(e, p, row->key, &heads, &flags, d);
	for (i = 0; rc == RC_OK && i + sizeof(v) <= heads.n; i += sizeof(v)) {
		memcpy(&v, heads.p + i, sizeof(v));
		version_emit(e, v, out);
	}
	bytes_free(&heads);
	wr_varint(out, flags);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc
row_hash_make(struct row_list *l, struct engine *e, const struct digest_row *row, uint8_t out[16])
{
	enum rc rc;

	bytes_clear(&l->bytes);
	digest_row_emit(row, &l->bytes);
	if ((rc = versions_emit(e, row, &l->bytes, l->w->d)) != RC_OK || (rc = bytes_rc(&l->bytes)) != RC_OK)
		return rc;
	(void)crypto_generichash(out, 16, l->bytes.p, l->bytes.n, NULL, 0);
	return RC_OK;
}

static enum rc
list_step(void *ctx, const struct digest_row *row)
{
	struct row_list *l = ctx;
	struct row_hash *grown;
	enum rc rc;

	if (l->count == l->cap) {
		size_t cap = l->cap == 0 ? 1024 : l->cap * 2;

		if ((grown = mem_grow(l->rows, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		l->rows = grown;
		l->cap = cap;
	}
	grown = &l->rows[l->count++];
	grown->t = row->table;
	grown->key_at = l->keys.n;
	grown->key_n = row->key.n;
	bytes_put(&l->keys, row->key.p, row->key.n);
	if ((rc = row_hash_make(l, l->w->scratch, row, grown->hash)) != RC_OK)
		return rc;
	return bytes_rc(&l->keys);
}

static enum rc
differ(struct row_list *l, const struct catalogue_table *t, struct span key, const char *what)
{
	char text[KEY_TEXT_CHARS + 1];

	if (t->has_text_key)
		return diag_fail(l->w->d, RC_DIFFER, "%s %.*s %s", t->name, (int)key.n, (const char *)key.p, what);
	key_format(key.p, text);
	return diag_fail(l->w->d, RC_DIFFER, "%s %s %s", t->name, text, what);
}

/* Rows come in the same order from both sides: the first that does not fit is the difference. */
static enum rc
compare_step(void *ctx, const struct digest_row *row)
{
	struct row_list *l = ctx;
	const struct row_hash *other;
	uint8_t hash[16];
	enum rc rc;

	l->w->r->rows++;
	if (l->at == l->count)
		return differ(l, row->table, row->key, "stands in the replica, but not in its log");
	other = &l->rows[l->at++];
	if (strcmp(other->t->name, row->table->name) != 0 ||
	    !span_eq(span_of(l->keys.p + other->key_at, other->key_n), row->key))
		return differ(l, row->table, row->key, "is where the log has another row: one is missing or too many");
	if ((rc = row_hash_make(l, l->w->e, row, hash)) != RC_OK)
		return rc;
	return memcmp(hash, other->hash, sizeof(hash)) == 0 ? RC_OK
	    : differ(l, row->table, row->key, "differs from what its log says");
}

static enum rc
compare(struct verifying *w)
{
	struct row_list l = { .w = w };
	enum rc rc;

	bytes_init(&l.keys);
	bytes_init(&l.bytes);
	if ((rc = digest_each(w->scratch, span_of(NULL, 0), list_step, &l, w->d)) == RC_OK)
		rc = digest_each(w->e, span_of(NULL, 0), compare_step, &l, w->d);
	if (rc == RC_CORRUPT)
		rc = RC_DIFFER;
	if (rc == RC_OK && l.at < l.count)
		rc = differ(&l, l.rows[l.at].t, span_of(l.keys.p + l.rows[l.at].key_at, l.rows[l.at].key_n),
		    "is in the log, but missing from the replica");
	mem_free(l.rows);
	bytes_free(&l.keys);
	bytes_free(&l.bytes);
	return rc;
}

enum rc
verify_replica(struct engine *e, sqlite3 *scratch, struct verify_result *r, struct diag *d)
{
	struct verifying w = { e, NULL, r, d };
	enum rc rc;

	memset(r, 0, sizeof(*r));
	if ((rc = identity_check(&w)) != RC_OK || (rc = chains_check(&w)) != RC_OK ||
	    (rc = engine_open_scratch(&w.scratch, e, scratch, d)) != RC_OK)
		return rc;
	if ((rc = rebuild(&w)) == RC_OK && (rc = quarantines_compare(&w)) == RC_OK)
		rc = compare(&w);
	engine_close(w.scratch);
	return rc;
}
