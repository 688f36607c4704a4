#include "frontier.h"

#include "clock_wait.h"

#include <string.h>

/* What T's commits have told of S so far. */
static enum rc
told_get(struct engine *e, uint32_t t, uint32_t s, uint64_t *seq, struct diag *d)
{
	static const char sql[] = "SELECT seq FROM sync_frontier WHERE t = ?1 AND s = ?2";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	*seq = 0;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, t);
	(void)sqlite3_bind_int64(stmt, 2, s);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*seq = (uint64_t)sqlite3_column_int64(stmt, 0);
	else if (code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading sync_frontier", d);
	engine_done(stmt);
	return rc;
}

static enum rc
told_put(struct engine *e, uint32_t t, uint32_t s, uint64_t seq, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_frontier(t, s, seq) VALUES(?1, ?2, ?3) "
	    "ON CONFLICT(t, s) DO UPDATE SET seq = excluded.seq";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, t);
	(void)sqlite3_bind_int64(stmt, 2, s);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
	return engine_run(e, stmt, "writing sync_frontier", d);
}

enum rc
frontier_collect(struct engine *e, struct stream *t, struct commit_cause **out, size_t *count, struct diag *d)
{
	struct commit_cause *causes = NULL, *grown;
	size_t n = 0, cap = 0;
	uint64_t told, tick = e->change_tick;
	uint32_t sid;
	enum rc rc = RC_OK;

	*out = NULL;
	*count = 0;
	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s == t || s->head_seq == 0 || s->changed <= t->frontier_tick ||
		    !unit_holders_hold(e, t->unit, t->reach, s->unit, s->reach))
			continue;
		if ((rc = told_get(e, t->sid, sid, &told, d)) != RC_OK)
			break;
		if (s->head_seq <= told)
			continue;
		if (n == COMMIT_FRONTIER_MAX) {
			tick = t->frontier_tick;	/* the rest is told by the next commits */
			break;
		}
		if (n == cap) {
			cap = cap == 0 ? 8 : cap * 2;
			if ((grown = mem_grow(causes, cap, sizeof(*causes))) == NULL) {
				rc = RC_NOMEM;
				break;
			}
			causes = grown;
		}
		memcpy(causes[n].origin, s->origin, ORIGIN_BYTES);
		causes[n].unit = unit_key(e, s->unit);
		causes[n].reach = s->reach;
		causes[n++].seq = s->head_seq;
		if ((rc = told_put(e, t->sid, sid, s->head_seq, d)) != RC_OK)
			break;
	}
	if (rc != RC_OK) {
		mem_free(causes);
		return rc;
	}
	t->frontier_tick = tick;
	*out = causes;
	*count = n;
	return RC_OK;
}

enum rc
frontier_check(struct engine *e, const struct commit *c, struct diag *d)
{
	size_t i;

#ifdef BUG_P4_NO_FRONTIER_CHECK
	return RC_OK;
#endif
	for (i = 0; i < c->frontier_count; i++) {
		const struct commit_cause *f = &c->frontier[i];
		unit_id u = unit_find(e, f->unit);
		const struct stream *s = u == UNIT_NONE ? NULL : stream_find(e, f->origin, u, f->reach);

		if ((s == NULL || s->head_seq < f->seq) &&
		    !clock_wait_is_gone(e, f->origin, f->unit, f->reach, f->seq))
			return diag_fail(d, RC_GAP, "a commit was caused by commit %llu of a stream of unit %.*s, "
			    "which is not held here", (unsigned long long)f->seq, (int)f->unit.n,
			    (const char *)f->unit.p);
	}
	return RC_OK;
}

enum rc
frontier_refs_check(const struct engine *e, const struct stream *s, const struct commit *c)
{
	size_t i, j;

	for (i = 0; i < c->ops_count && c->others_count > 0; i++)
		for (j = 0; j < c->ops[i].prevs_count; j++) {
			const struct commit_ref *ref = &c->ops[i].prevs[j];
			const struct stream *other;

			if (ref->origin == 0 || ref->origin > c->others_count)
				continue;
			other = stream_find(e, c->others[ref->origin - 1], s->unit, s->reach);
			if ((other == NULL || other->head_seq < ref->seq) &&
			    !clock_wait_is_gone(e, c->others[ref->origin - 1], unit_key(e, s->unit), s->reach,
			    ref->seq))
				return RC_GAP;
		}
	return RC_OK;
}
