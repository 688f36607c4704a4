/* What a branch of ours said before it had to yield is said again, under our present incarnation (C10).
 *
 * Each commit becomes a new one with the same changes by the same author.  What it had replaced it replaces again: of
 * other streams, and of its own below the fork, by the same numbers; of the branch itself, by the numbers that those
 * commits got anew.  So it stands beside what the other branch did, as what was written apart from it, never over
 * it. */
#include "apply_impl.h"
#include "authority.h"
#include "fork.h"
#include "frontier.h"
#include "incarnation.h"

#include <stdlib.h>
#include <string.h>

struct again {
	struct engine *e;
	const struct stream *was;	/* the stream that the commit stood in */
	struct stream *s;		/* the one that it goes to */
	uint64_t fork_seq;
	uint8_t others[COMMIT_OTHERS_MAX + 1][ORIGIN_BYTES];
	size_t others_count;
	uint64_t txn_was, txn;		/* commits of one save stay one save */
};

/* Version under which evidence (@sid, @seq) was written again; 0: it was not. */
static enum rc
again_version(struct engine *e, uint32_t sid, uint64_t seq, uint64_t *v, struct diag *d)
{
	static const char sql[] = "SELECT again FROM sync_evidence WHERE sid = ?1 AND side = 0 AND seq = ?2";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);
	int code;

	*v = 0;
	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, sid);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*v = (uint64_t)sqlite3_column_int64(stmt, 0);
	else if (code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading evidence", d);
	engine_done(stmt);
	return rc;
}

static uint32_t
other_index(const struct again *a, const uint8_t *origin)
{
	uint32_t k = 0;

	while (k < a->others_count && memcmp(a->others[k], origin, ORIGIN_BYTES) != 0)
		k++;
	return k;
}

static enum rc
other_add(struct again *a, const uint8_t *origin)
{
	if (memcmp(origin, a->s->origin, ORIGIN_BYTES) == 0 || other_index(a, origin) < a->others_count)
		return RC_OK;
	if (a->others_count == COMMIT_OTHERS_MAX)
		return RC_LIMIT;
	memcpy(a->others[a->others_count++], origin, ORIGIN_BYTES);
	return RC_OK;
}

static int
origin_cmp(const void *a, const void *b)
{
	return memcmp(a, b, ORIGIN_BYTES);
}

/* Which version @ref of the old commit means now.  Its stream is *@origin's; 0 in *@seq: nothing any more. */
static enum rc
ref_resolve(const struct again *a, const struct commit *c, const struct commit_ref *ref, const uint8_t **origin,
    uint64_t *seq, struct diag *d)
{
	uint64_t v;
	enum rc rc;

	*seq = ref->seq;
	*origin = ref->origin == 0 ? a->was->origin : c->others[ref->origin - 1];
	if (ref->origin != 0 || ref->seq < a->fork_seq)
		return RC_OK;
	if ((rc = again_version(a->e, a->was->sid, ref->seq, &v, d)) != RC_OK)
		return rc;
	*seq = VERSION_SEQ(v);
	if (v != 0)
		*origin = stream_at(a->e, VERSION_SID(v))->origin;
	return RC_OK;
}

/* The references of @c, in terms of the new commit. */
static enum rc
refs_map(struct again *a, struct commit *c, struct commit_ref *refs, struct diag *d)
{
	const uint8_t *origin;
	uint64_t seq;
	size_t i, j, pass;
	enum rc rc = RC_OK;

	a->others_count = 0;
	for (pass = 0; pass < 2; pass++) {	/* first the names, then the numbers */
		struct commit_ref *at = refs;

		for (i = 0; i < c->ops_count; i++) {
			struct commit_op *op = &c->ops[i];
			size_t kept = 0;

			for (j = 0; j < op->prevs_count; j++) {
				if ((rc = ref_resolve(a, c, &op->prevs[j], &origin, &seq, d)) != RC_OK)
					return rc;
				if (seq == 0)
					continue;
				if (pass == 0 && (rc = other_add(a, origin)) != RC_OK)
					return diag_fail(d, rc, "a commit replaces values of too many nodes");
				if (pass == 1)
					at[kept] = (struct commit_ref){ memcmp(origin, a->s->origin, ORIGIN_BYTES) ==
					    0 ? 0 : other_index(a, origin) + 1, seq };
				kept++;
			}
			if (pass == 1) {
				op->prevs = at;
				op->prevs_count = kept;
				if (kept == 0 && op->kind == COMMIT_REINSERT)
					op->kind = COMMIT_INSERT;
			}
			at += kept;
		}
		if (pass == 0)
			qsort(a->others, a->others_count, ORIGIN_BYTES, origin_cmp);
	}
	c->others = (const uint8_t (*)[ORIGIN_BYTES])a->others;
	c->others_count = a->others_count;
	return RC_OK;
}

static enum rc
again_note(struct engine *e, uint32_t sid, uint64_t seq, uint64_t v, struct diag *d)
{
	static const char sql[] = "UPDATE sync_evidence SET again = ?3 WHERE sid = ?1 AND side = 0 AND seq = ?2";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, sid);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)v);
	return engine_run(e, stmt, "noting what was written again", d);
}

/* @body, which was commit @seq of the branch, becomes the newest commit of ours. */
static enum rc
commit_again(struct again *a, uint64_t seq, struct commit *c, struct diag *d)
{
	struct commit_ref *refs;
	struct apply_result result;
	struct bytes body;
	size_t i, n = 1;
	uint64_t v = VERSION(a->s->sid, a->s->head_seq + 1);
	enum rc rc;

	for (i = 0; i < c->ops_count; i++)
		n += c->ops[i].prevs_count;
	if ((refs = mem_array(n, sizeof(*refs))) == NULL)
		return RC_NOMEM;
	memset(&result, 0, sizeof(result));
	bytes_init(&body);
	c->frontier = NULL;
	c->frontier_count = 0;
	if ((rc = refs_map(a, c, refs, d)) == RC_OK &&
	    (rc = frontier_collect(a->e, a->s, &c->frontier, &c->frontier_count, d)) == RC_OK) {
		c->hlc = engine_tick(a->e);
		a->txn = c->txn == a->txn_was ? a->txn : c->hlc;
		a->txn_was = c->txn;
		c->txn = a->txn;
		rc = commit_emit(c, a->s->origin, a->s->head_seq + 1, &body, d);
	}
	if (rc == RC_OK && (rc = authority_check(a->e, a->s, c, d)) == RC_OK &&
	    (rc = log_append(a->e, a->s, c->hlc, span_bytes(&body), d)) == RC_OK &&
	    (rc = apply_rows(a->e, a->s, c, v, &result, d)) == RC_OK)
		rc = again_note(a->e, a->was->sid, seq, v, d);
	mem_free(c->frontier);
	c->frontier = NULL;
	c->frontier_count = 0;
	mem_free(refs);
	bytes_free(&body);
	return rc;
}

/* The oldest commit of a branch of ours that yielded and was not yet written again: by clock, so causes come first. */
static enum rc
next_find(struct engine *e, struct again *a, uint64_t *seq, struct bytes *body, struct diag *d)
{
	/* The clock reading stands behind the format and the schema version, which is below 128. */
	static const char sql[] = "SELECT v.sid, v.seq, v.body, f.seq FROM sync_evidence v "
	    "JOIN sync_fork f ON f.sid = v.sid WHERE v.side = 0 AND v.again IS NULL "
	    "ORDER BY substr(v.body, 3, 8), v.sid";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);
	int code = SQLITE_DONE;

	if (rc != RC_OK)
		return rc;
	rc = RC_NOTFOUND;
	while (rc == RC_NOTFOUND && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		const struct stream *s = stream_at(e, (uint32_t)sqlite3_column_int64(stmt, 0));
		struct value v = value_of_column(stmt, 2);

		if (!incarnation_is_ours(e, s->origin))
			continue;
		a->was = s;
		*seq = (uint64_t)sqlite3_column_int64(stmt, 1);
		a->fork_seq = (uint64_t)sqlite3_column_int64(stmt, 3);
		bytes_put(body, v.s.p, v.s.n);
		rc = bytes_rc(body);
	}
	engine_done(stmt);
	if (rc == RC_NOTFOUND && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading evidence", d);
	return rc;
}

static enum rc
branch_write(struct engine *e, uint64_t *count, struct diag *d)
{
	struct again a = { .e = e };
	struct commit c;
	struct bytes body;
	uint64_t seq = 0;
	enum rc rc;

	bytes_init(&body);
	while ((rc = next_find(e, &a, &seq, &body, d)) == RC_OK) {
		rc = stream_open(e, e->self.origin, a.was->unit, a.was->reach, &a.s, d);
		if (rc == RC_OK)
			rc = commit_parse_copy(&c, span_bytes(&body), a.was->origin, seq, d);
		if (rc != RC_OK)
			break;
		rc = commit_again(&a, seq, &c, d);
		commit_free(&c);
		/* What we may no longer write stays evidence, and is told. */
		if (rc == RC_DENIED || rc == RC_CONFLICT || rc == RC_LIMIT)
			rc = again_note(e, a.was->sid, seq, 0, d);
		if (rc != RC_OK)
			break;
		bytes_clear(&body);
		(*count)++;
	}
	bytes_free(&body);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc
fork_write_again(struct engine *e, uint64_t *count, struct diag *d)
{
	enum rc rc;

	*count = 0;
#ifdef BUG_P15_BRANCH_FORGOTTEN
	return RC_OK;
#endif
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	save_guard(e, false);
	rc = branch_write(e, count, d);
	save_guard(e, true);
	e->v_now = 0;
	if (rc == RC_OK && *count > 0)
		return engine_commit_tx(e, d);
	engine_rollback(e);
	return rc;
}
