/* A frame in three passes, inside one transaction:
 *   1. decode every commit that is new here and follow the hash chains (W25, W26);
 *   2. check that every stream's seal fits its chain, and its author's credential leads to the root (W27);
 *   3. in order, one by one: causes held (W29), clock in order (W28), entitled; append to the log; take effect or be
 *      quarantined (W30).
 * Any failure rolls the whole frame back. */
#include "apply_impl.h"

#include "authority.h"
#include "credential.h"
#include "frontier.h"
#include "merge.h"

#include <string.h>

struct decoded {
	struct commit commit;
	struct span body;
	size_t stream;			/* index in the frame */
	uint64_t seq;
};

struct framed_stream {
	struct stream *s;
	uint64_t next_seq;		/* of the frame's next commit */
	uint64_t chain_seq;		/* the chain reaches so far */
	uint64_t chain_hlc;
	uint8_t chain[HASH_BYTES];
};

struct applying_frame {
	struct engine *e;
	const struct apply_frame *f;
	struct framed_stream *streams;
	struct decoded *commits;
	size_t commits_count;
	struct credential *fresh;	/* credentials that come in this frame */
	size_t fresh_count;
	struct apply_result *r;
};

/* --- pass 1 ----------------------------------------------------------------------------------- */

static enum rc
streams_begin(struct applying_frame *a, struct diag *d)
{
	size_t i, j;
	enum rc rc;

	for (i = 0; i < a->f->streams_count; i++) {
		const struct apply_stream *in = &a->f->streams[i];
		struct framed_stream *fs = &a->streams[i];
		unit_id u;

		if (in->unit.n == 0 || in->unit.n > UNIT_BYTES_MAX || in->first_seq == 0 ||
		    in->last_seq < in->first_seq || in->last_seq > STREAM_SEQ_MAX)
			return diag_fail(d, RC_PEER, "a frame names a stream that cannot be");
		for (j = 0; j < i; j++)
			if (memcmp(a->f->streams[j].origin, in->origin, ORIGIN_BYTES) == 0 &&
			    a->f->streams[j].reach == in->reach && span_eq(a->f->streams[j].unit, in->unit))
				return diag_fail(d, RC_PEER, "a frame names a stream twice");
		if ((u = unit_intern(a->e, in->unit)) == UNIT_NONE)
			return RC_NOMEM;
		if ((rc = stream_open(a->e, in->origin, u, in->reach, &fs->s, d)) != RC_OK)
			return rc;
		if (stream_is_own(a->e, fs->s) && in->last_seq > fs->s->head_seq)
			return diag_fail(d, RC_PEER, "a frame holds commits under this node's own name that it never "
			    "made: another node uses the same key");
		if (in->first_seq > fs->s->head_seq + 1)
			return diag_fail(d, RC_GAP, "commits %llu to %llu of a stream of unit %.*s are missing",
			    (unsigned long long)fs->s->head_seq + 1, (unsigned long long)in->first_seq - 1,
			    (int)in->unit.n, (const char *)in->unit.p);
		fs->next_seq = in->first_seq;
		fs->chain_seq = fs->s->head_seq;
		fs->chain_hlc = fs->s->head_hlc;
		memcpy(fs->chain, fs->s->head_hash, HASH_BYTES);
	}
	return RC_OK;
}

/* Credentials in the frame count for its own seals: a stream may begin with the credential that proves it. */
static enum rc
fresh_collect(struct applying_frame *a, const struct commit *c)
{
	struct credential *grown;
	size_t i;

	for (i = 0; i < c->ops_count; i++) {
		if (c->ops[i].table != credential_table.number || c->ops[i].kind != COMMIT_INSERT)
			continue;
		grown = mem_grow(a->fresh, a->fresh_count + 1, sizeof(*grown));
		if (grown == NULL)
			return RC_NOMEM;
		a->fresh = grown;
		if (credential_of_op(&c->ops[i], &a->fresh[a->fresh_count]) == RC_OK)
			a->fresh_count++;
	}
	return RC_OK;
}

static enum rc
commit_decode(struct applying_frame *a, const struct apply_commit *in, struct diag *d)
{
	struct decoded *dc = &a->commits[a->commits_count];
	struct framed_stream *fs;
	uint8_t hash[HASH_BYTES];
	enum rc rc;

	if (in->stream >= a->f->streams_count)
		return diag_fail(d, RC_PEER, "a frame's commit belongs to no stream of it");
	fs = &a->streams[in->stream];
	if (fs->next_seq > a->f->streams[in->stream].last_seq)
		return diag_fail(d, RC_PEER, "a frame holds more commits of a stream than its seal covers");
	dc->seq = fs->next_seq++;
	if (dc->seq <= fs->s->head_seq) {
		a->r->commits_known++;
		return RC_OK;
	}
	dc->stream = in->stream;
	dc->body = in->body;
	if ((rc = commit_parse(&dc->commit, in->body, fs->s->origin, dc->seq, d)) != RC_OK)
		return rc;
	a->commits_count++;
	if ((rc = commit_check_canonical(&dc->commit, in->body, fs->s->origin, dc->seq)) != RC_OK)
		return rc != RC_PEER ? rc : diag_fail(d, rc, "commit %llu is not in canonical form",
		    (unsigned long long)dc->seq);
	if (dc->commit.hlc <= fs->chain_hlc)
		return diag_fail(d, RC_PEER, "commit %llu is not later than the one before it",
		    (unsigned long long)dc->seq);
	stream_hash_next(fs->chain, in->body, hash);
	memcpy(fs->chain, hash, HASH_BYTES);
	fs->chain_seq = dc->seq;
	fs->chain_hlc = dc->commit.hlc;
	return fresh_collect(a, &dc->commit);
}

/* --- pass 2 ----------------------------------------------------------------------------------- */

static const struct credential *
fresh_find(const struct applying_frame *a, const uint8_t *origin)
{
	size_t i;

	for (i = 0; i < a->fresh_count; i++)
		if (memcmp(a->fresh[i].origin, origin, ORIGIN_BYTES) == 0)
			return &a->fresh[i];
	return NULL;
}

/* The key of @origin, if its credential is known here, or came in this frame and leads to one that is. */
static enum rc
origin_key(struct applying_frame *a, const uint8_t *origin, uint8_t pubkey[PUBKEY_BYTES], struct diag *d)
{
	static const uint8_t none[ORIGIN_BYTES];
	const struct origin_entry *known = origin_find(a->e, origin);
	const struct credential *c, *issuer;
	unsigned depth;

	if (known != NULL) {
		memcpy(pubkey, known->pubkey, PUBKEY_BYTES);
		return RC_OK;
	}
	c = fresh_find(a, origin);
	if (c == NULL)
		return diag_fail(d, RC_GAP, "a stream's author has no credential that is known here");
	memcpy(pubkey, c->pubkey, PUBKEY_BYTES);
	for (depth = 0; depth < CREDENTIAL_CHAIN_MAX; depth++) {
		if (memcmp(c->issuer, none, ORIGIN_BYTES) == 0)
			return credential_proof_ok(c, a->e->self.root_pubkey) ? RC_OK
			    : diag_fail(d, RC_PEER, "a credential is not signed by the root key of this tree");
		known = origin_find(a->e, c->issuer);
		if (known != NULL)
			return credential_proof_ok(c, known->pubkey) ? RC_OK
			    : diag_fail(d, RC_PEER, "a credential's signature does not check");
		issuer = fresh_find(a, c->issuer);
		if (issuer == NULL)
			return diag_fail(d, RC_GAP, "a credential's issuer is not known here");
		if (!credential_proof_ok(c, issuer->pubkey))
			return diag_fail(d, RC_PEER, "a credential's signature does not check");
		c = issuer;
	}
	return diag_fail(d, RC_PEER, "a chain of more than %d credentials", CREDENTIAL_CHAIN_MAX);
}

static enum rc
seals_check(struct applying_frame *a, struct diag *d)
{
	uint8_t pubkey[PUBKEY_BYTES];
	size_t i;
	enum rc rc;

	for (i = 0; i < a->f->streams_count; i++) {
		const struct apply_stream *in = &a->f->streams[i];
		struct framed_stream *fs = &a->streams[i];

		if (fs->next_seq != in->last_seq + 1)
			return diag_fail(d, RC_PEER, "a frame lacks commits that its seal covers");
		if (in->last_seq <= fs->s->head_seq)
			continue;	/* nothing new of it */
		if ((rc = origin_key(a, in->origin, pubkey, d)) != RC_OK)
			return rc;
		if (!seal_ok(a->e, fs->s, fs->chain_seq, fs->chain, fs->chain_hlc, pubkey, in->signature))
			return diag_fail(d, RC_PEER, "the seal on commit %llu of a stream of unit %.*s does not fit: "
			    "forged or damaged", (unsigned long long)in->last_seq, (int)in->unit.n,
			    (const char *)in->unit.p);
	}
	return RC_OK;
}

/* --- pass 3 ----------------------------------------------------------------------------------- */

static enum rc
version_hlc(struct engine *e, uint64_t v, uint64_t *hlc, struct diag *d)
{
	const struct stream *s = stream_at(e, VERSION_SID(v));
	struct bytes body;
	enum rc rc;

	if (s->head_seq == VERSION_SEQ(v)) {
		*hlc = s->head_hlc;
		return RC_OK;
	}
	bytes_init(&body);
	rc = log_body(e, v, &body, d);
	if (rc == RC_OK)
		rc = commit_hlc(span_bytes(&body), hlc);
	bytes_free(&body);
	return rc == RC_NOTFOUND ? diag_fail(d, RC_PEER, "a commit names a version that is not there") : rc;
}

/* Clock readings follow causes: senders rely on it for their order (PROTOCOL.md). */
static enum rc
clock_check(struct engine *e, const struct stream *s, const struct commit *c, struct diag *d)
{
	uint64_t hlc, v, last = 0;
	size_t i, j;
	enum rc rc;

	for (i = 0; i < c->frontier_count; i++) {
		const struct commit_cause *f = &c->frontier[i];
		const struct stream *cause = stream_find(e, f->origin, unit_find(e, f->unit), f->reach);

#ifdef BUG_P4_NO_FRONTIER_CHECK
		if (cause == NULL || cause->head_seq < f->seq)
			continue;
#endif
		INVARIANT(cause != NULL);	/* frontier_check found it */
		if (f->seq == 0)
			return diag_fail(d, RC_PEER, "a commit names a cause without a number");
		if ((rc = version_hlc(e, VERSION(cause->sid, f->seq), &hlc, d)) != RC_OK)
			return rc;
		if (hlc >= c->hlc)
			return diag_fail(d, RC_PEER, "a commit claims to be earlier than its cause");
	}
	for (i = 0; i < c->ops_count; i++) {
		for (j = 0; j < c->ops[i].prevs_count; j++) {
			if (c->ops[i].prevs[j].origin == 0)
				continue;	/* the same stream: in order anyway */
			if ((rc = merge_prev_version(e, s, c, &c->ops[i].prevs[j], &v, d)) != RC_OK)
				return rc;
			if (v == last)
				continue;
			if ((rc = version_hlc(e, v, &hlc, d)) != RC_OK)
				return rc;
			if (hlc >= c->hlc)
				return diag_fail(d, RC_PEER, "a commit claims to be earlier than what it replaces");
			last = v;
		}
	}
	return RC_OK;
}

static enum rc
quarantine_put(struct engine *e, uint64_t v, const struct diag *why, bool is_deferred, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_quarantine(v, reason, is_deferred) VALUES(?1, ?2, ?3)";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	if (value_bind(stmt, 2, value_text(span_str(why->text))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(stmt, 3, is_deferred ? 1 : 0);
	return engine_run(e, stmt, "writing the quarantine", d);
}

/* The tables that the engine itself lives by changed: read them again. */
static enum rc
tables_follow(struct engine *e, const struct commit *c, struct diag *d)
{
	const struct catalogue_table *units = catalogue_table_find(&e->catalogue, span_str(e->catalogue.unit_table));
	bool is_units = false, is_nodes = false;
	enum rc rc;
	size_t i;

	for (i = 0; i < c->ops_count; i++) {
		is_units = is_units || c->ops[i].table == units->number;
		is_nodes = is_nodes || c->ops[i].table == credential_table.number;
	}
	if (is_units && (rc = unit_reload(e, d)) != RC_OK)
		return rc;
	return is_nodes ? origin_reload(e, d) : RC_OK;
}

enum rc
apply_commit_one(struct engine *e, struct stream *s, const struct commit *c, struct span body, struct apply_result *r,
    struct diag *d)
{
	struct diag why;
	enum rc rc, verdict;
	uint64_t v = VERSION(s->sid, s->head_seq + 1);

	if ((rc = frontier_check(e, c, d)) != RC_OK || (rc = clock_check(e, s, c, d)) != RC_OK)
		return rc;
	diag_init(&why);
	verdict = authority_check(e, s, c, &why);
	if (verdict != RC_OK && verdict != RC_DENIED && verdict != RC_CONFLICT)
		return diag_fail(d, verdict, "%s", why.text);
	if ((rc = log_append(e, s, c->hlc, body, d)) != RC_OK)
		return rc;
	if (verdict != RC_OK) {
		r->commits_quarantined++;
		return quarantine_put(e, v, &why, verdict == RC_CONFLICT, d);
	}
	if ((rc = apply_rows(e, s, c, v, r, d)) != RC_OK)
		return rc;
	return tables_follow(e, c, d);
}

static enum rc
commits_apply(struct applying_frame *a, struct diag *d)
{
	size_t i;
	enum rc rc;

	for (i = 0; i < a->commits_count; i++) {
		const struct decoded *dc = &a->commits[i];
		const struct apply_stream *in = &a->f->streams[dc->stream];
		struct stream *s = a->streams[dc->stream].s;

		if (s->origin_unit == UNIT_NONE)
			return diag_fail(d, RC_GAP, "a stream's author has no accepted credential here");
		if (!unit_holds(a->e, a->e->self_unit, s->unit, s->reach))
			return diag_fail(d, RC_PEER,
			    "a frame holds commits for unit %.*s, which this node does not serve", (int)in->unit.n,
			    (const char *)in->unit.p);
		if ((rc = apply_commit_one(a->e, s, &dc->commit, dc->body, a->r, d)) != RC_OK)
			return rc;
		a->r->commits_new++;
		if (dc->seq == in->last_seq && (rc = seal_put(a->e, s, in->signature, d)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc
frame_run(struct applying_frame *a, struct diag *d)
{
	size_t i;
	enum rc rc;

	if ((rc = streams_begin(a, d)) != RC_OK)
		return rc;
	for (i = 0; i < a->f->commits_count; i++)
		if ((rc = commit_decode(a, &a->f->commits[i], d)) != RC_OK)
			return rc;
	if ((rc = seals_check(a, d)) != RC_OK)
		return rc;
	return commits_apply(a, d);
}

enum rc
apply_frame(struct engine *e, const struct apply_frame *f, struct apply_result *r, struct diag *d)
{
	struct applying_frame a = { .e = e, .f = f, .r = r };
	enum rc rc;
	size_t i;

	memset(r, 0, sizeof(*r));
	if (f->streams_count > FRAME_STREAMS_MAX || f->commits_count > FRAME_COMMITS_MAX)
		return diag_fail(d, RC_PEER, "a frame of %zu streams and %zu commits is too large", f->streams_count,
		    f->commits_count);
	a.streams = mem_array(f->streams_count, sizeof(*a.streams));
	a.commits = mem_array(f->commits_count, sizeof(*a.commits));
	rc = a.streams == NULL || a.commits == NULL ? RC_NOMEM : engine_begin(e, d);
	if (rc == RC_OK) {
		save_guard(e, false);
		rc = frame_run(&a, d);
		save_guard(e, true);
		e->v_now = 0;
		if (rc == RC_OK && a.r->commits_new > 0)
			rc = engine_commit_tx(e, d);
		else
			engine_rollback(e);
	}
	for (i = 0; a.commits != NULL && i < a.commits_count; i++)
		commit_free(&a.commits[i].commit);
	mem_free(a.commits);
	mem_free(a.streams);
	mem_free(a.fresh);
	if (rc != RC_OK)
		memset(r, 0, sizeof(*r));
	return rc;
}
