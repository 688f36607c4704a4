#include "plan.h"

#include "commit.h"
#include "cursor.h"
#include "engine_impl.h"

#include <string.h>

#define SLOT_NONE	UINT32_MAX
#define INDEX_NONE	SIZE_MAX
#define STREAM_COST	(SIGNATURE_BYTES + 16)	/* of one more stream in a frame, about */

struct plan_stream {
	uint32_t sid;
	uint32_t slot;		/* among the streams of the frame under way; SLOT_NONE */
	uint64_t next;		/* first commit not yet in a frame; past @last: none */
	uint64_t last;		/* newest sealed commit */
	uint64_t next_hlc;	/* of the last commit of the next run */
	uint64_t need;		/* the frame under way must reach this number */
	bool is_first;		/* goes before all others: everyone holds it */
};

struct plan_commit {
	uint32_t slot;
	size_t at, n;		/* in the arena */
};

struct plan {
	struct engine *e;
	struct plan_stream *streams;
	size_t count;
	uint32_t *index;	/* by sid: place in @streams + 1; 0: not in the plan */
	struct bytes arena;	/* bodies of the frame under way */
	struct plan_commit *commits;
	size_t commits_count, commits_cap;
	uint32_t *work;		/* places of streams whose need is not met; each once */
	size_t work_count;
	uint32_t sids[FRAME_STREAMS_MAX];
	struct apply_stream out_streams[FRAME_STREAMS_MAX];
	struct apply_commit *out_commits;
	struct apply_frame out;
};

void
plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	mem_free(plan->streams);
	mem_free(plan->index);
	mem_free(plan->commits);
	mem_free(plan->work);
	mem_free(plan->out_commits);
	bytes_free(&plan->arena);
	mem_free(plan);
}

uint32_t
plan_frame_sid(const struct plan *plan, size_t stream)
{
	return plan->sids[stream];
}

/* What the clock reading at the end of the next run counts for.  Runs go in that order: what a run depends on mostly
 * ended before it, or overlaps its end (of own streams none reaches beyond the epoch, log.c, that it began in); and
 * where a clock was wrong, closure_take brings it along. */
static enum rc
hlc_read(struct engine *e, struct plan_stream *s, struct diag *d)
{
	struct bytes body;
	struct seal seal;
	enum rc rc;

	if (s->next > s->last)
		return RC_OK;
	if ((rc = seal_at_or_after(e, s->sid, s->next, &seal, d)) != RC_OK)
		return diag_fail(d, rc == RC_NOTFOUND ? RC_CORRUPT : rc, "stream %u lacks a seal", s->sid);
	bytes_init(&body);
	rc = log_body(e, VERSION(s->sid, seal.seq), &body, d);
	if (rc == RC_OK)
		rc = commit_hlc(span_bytes(&body), &s->next_hlc);
	s->next_hlc = clock_effective(e, stream_at(e, s->sid)->origin, s->next_hlc);
	bytes_free(&body);
	return rc == RC_OK || rc == RC_NOMEM ? rc : diag_fail(d, RC_CORRUPT, "commit %llu of stream %u is damaged",
	    (unsigned long long)s->next, s->sid);
}

/* ---- what to send */

/* Seal what we are about to send of our own (W14). */
static enum rc
own_seal(struct engine *e, const struct peer *p, struct diag *d)
{
	bool is_open = false;
	enum rc rc = RC_OK;
	uint32_t sid;

	for (sid = 1; rc == RC_OK && sid <= stream_count(e); sid++) {
		struct stream *s = stream_at(e, sid);

		if (s->sealed_seq == s->head_seq || !stream_is_own(e, s) || !peer_shares(e, p, s))
			continue;
		if (!is_open) {
			if ((rc = engine_begin(e, d)) != RC_OK)
				return rc;
			is_open = true;
		}
		rc = seal_own(e, s, d);
	}
	if (rc == RC_OK && is_open)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK && is_open)
		engine_rollback(e);
	return rc;
}

/* How far stream @sid goes by @bounds, which ascend by stream as the callers' questions do; 0: it has no part. */
static uint64_t
bound_next(struct rd *bounds, uint32_t sid)
{
	struct rd ahead = *bounds;
	uint64_t of = rd_varint(&ahead), seq = rd_varint(&ahead);

	if (!rd_ok(&ahead) || of != sid)
		return 0;
	*bounds = ahead;
	return seq;
}

void
plan_bounds(const struct plan *plan, struct bytes *out)
{
	size_t i;

	for (i = 0; i < plan->count; i++) {
		wr_varint(out, plan->streams[i].sid);
		wr_varint(out, plan->streams[i].last);
	}
}

static enum rc
streams_gather(struct plan *plan, const struct peer *p, struct span bounds, struct diag *d)
{
	struct rd r = rd_span(bounds);
	struct engine *e = plan->e;
	enum rc rc = RC_OK;
	uint32_t sid;

	for (sid = 1; rc == RC_OK && sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);
		struct plan_stream *at = &plan->streams[plan->count];
		uint64_t held = belief_get(&p->belief, sid), last = s->sealed_seq, bound;

		if (bounds.n != 0 && (bound = bound_next(&r, sid)) < last)
			last = bound;
		if (last <= held || !peer_shares(e, p, s))
			continue;
#ifdef BUG_P11_FORGET_OLD
		if (HLC_MS(s->head_hlc) + UINT64_C(200) * 24 * 3600 * 1000 < engine_now_ms(e))
			continue;
#endif
		at->sid = sid;
		at->slot = SLOT_NONE;
		at->next = held + 1;
		at->last = last;
		at->is_first = s->unit == e->root_unit && s->reach == REACH_DOWN;
		plan->index[sid] = (uint32_t)++plan->count;
		rc = hlc_read(e, at, d);
	}
	return rc;
}

enum rc
plan_new(struct engine *e, const struct peer *p, struct span bounds, struct plan **out, struct diag *d)
{
	struct plan *plan;
	enum rc rc;

	*out = NULL;
	if (!peer_lacks(e, p))
		return RC_OK;
	if ((rc = own_seal(e, p, d)) != RC_OK)
		return rc;
	if ((plan = mem_alloc(sizeof(*plan))) == NULL)
		return RC_NOMEM;
	plan->e = e;
	plan->streams = mem_array(stream_count(e), sizeof(*plan->streams));
	plan->index = mem_array(stream_count(e) + 1, sizeof(*plan->index));
	plan->work = mem_array(stream_count(e), sizeof(*plan->work));
	rc = plan->streams == NULL || plan->index == NULL || plan->work == NULL ? RC_NOMEM :
	    streams_gather(plan, p, bounds, d);
	if (rc == RC_OK && plan->count > 0)
		*out = plan;
	else
		plan_free(plan);
	return rc;
}

/* ---- one frame */

static enum rc
commit_add(void *ctx, uint64_t seq, struct span body)
{
	struct plan *plan = ctx;
	struct plan_commit *commits;
	size_t cap;

	(void)seq;
	if (plan->commits_count == FRAME_COMMITS_MAX || plan->arena.n + body.n > FRAME_BYTES_MAX / 2)
		return RC_LIMIT;
	if (plan->commits_count == plan->commits_cap) {
		cap = plan->commits_cap == 0 ? 64 : plan->commits_cap * 2;
		if ((commits = mem_grow(plan->commits, cap, sizeof(*commits))) == NULL)
			return RC_NOMEM;
		plan->commits = commits;
		plan->commits_cap = cap;
	}
	commits = &plan->commits[plan->commits_count++];
	commits->at = plan->arena.n;
	commits->n = body.n;
	commits->slot = SLOT_NONE;
	bytes_put(&plan->arena, body.p, body.n);
	return bytes_rc(&plan->arena);
}

static void
need_note(struct plan *plan, size_t i, uint64_t seq)
{
	struct plan_stream *s = &plan->streams[i];

	if (seq < s->next || seq > s->last || seq <= s->need)
		return;
	if (s->need < s->next)
		plan->work[plan->work_count++] = (uint32_t)i;
	s->need = seq;
}

/* Note the causes of a commit that are in the plan.  Reads the head of a body only (commit.h). */
static void
causes_note(struct plan *plan, struct span body)
{
	struct rd r = rd_span(body);
	struct span unit = span_of(NULL, 0), origin;
	uint64_t count, seq;
	uint8_t flags;

	(void)rd_u8(&r);
	(void)rd_varint(&r);
	(void)rd_u64(&r);
	(void)rd_varint(&r);
	(void)rd_blob(&r, AUTHOR_BYTES_MAX);
	(void)rd_fixed(&r, (size_t)rd_varint_max(&r, COMMIT_OTHERS_MAX) * ORIGIN_BYTES);
	for (count = rd_varint_max(&r, COMMIT_FRONTIER_MAX); rd_ok(&r) && count > 0; count--) {
		const struct stream *s;
		unit_id u;

		flags = rd_u8(&r);
		origin = rd_fixed(&r, ORIGIN_BYTES);
		if ((flags & 2) == 0)
			unit = rd_blob(&r, UNIT_BYTES_MAX);
		seq = rd_varint(&r);
		if (!rd_ok(&r) || (u = unit_find(plan->e, unit)) == UNIT_NONE)
			continue;
		s = stream_find(plan->e, origin.p, u, (flags & 1) != 0 ? REACH_DOWN : REACH_UP);
		if (s != NULL && plan->index[s->sid] != 0)
			need_note(plan, plan->index[s->sid] - 1, seq);
	}
}

/* Add the run of stream @i up to its first seal at or after @upto. */
static enum rc
run_take(struct plan *plan, size_t i, uint64_t upto, struct diag *d)
{
	struct plan_stream *s = &plan->streams[i];
	const struct stream *stream = stream_at(plan->e, s->sid);
	struct apply_stream *as;
	size_t from = plan->commits_count;
	struct seal seal;
	enum rc rc;

	if ((rc = seal_at_or_after(plan->e, s->sid, upto, &seal, d)) != RC_OK)
		return diag_fail(d, rc == RC_NOTFOUND ? RC_CORRUPT : rc, "stream %u lacks a seal", s->sid);
	if (s->slot == SLOT_NONE) {
		if (plan->out.streams_count == FRAME_STREAMS_MAX)
			return RC_LIMIT;
		s->slot = (uint32_t)plan->out.streams_count++;
		plan->sids[s->slot] = s->sid;
		as = &plan->out_streams[s->slot];
		memcpy(as->origin, stream->origin, ORIGIN_BYTES);
		as->unit = unit_key(plan->e, stream->unit);
		as->reach = stream->reach;
		as->first_seq = s->next;
	}
	as = &plan->out_streams[s->slot];
	as->last_seq = seal.seq;
	memcpy(as->signature, seal.signature, SIGNATURE_BYTES);
	if ((rc = log_each(plan->e, s->sid, s->next, seal.seq, commit_add, plan, d)) != RC_OK)
		return rc;
	if (plan->commits_count - from != seal.seq - s->next + 1)
		return diag_fail(d, RC_CORRUPT, "stream %u has a gap in the log", s->sid);
	s->next = seal.seq + 1;
	for (; from < plan->commits_count; from++) {
		struct plan_commit *c = &plan->commits[from];

		c->slot = s->slot;
#ifdef BUG_P4_NO_FRONTIER_CHECK
		continue;
#endif
		causes_note(plan, span_of(plan->arena.p + c->at, c->n));
	}
	return hlc_read(plan->e, s, d);
}

/* The stream whose next run ends with the lowest clock reading, those for everyone first; INDEX_NONE: nothing is
 * left. */
static size_t
run_pick(const struct plan *plan)
{
	size_t i, best = INDEX_NONE;

	for (i = 0; i < plan->count; i++) {
		const struct plan_stream *s = &plan->streams[i], *b = &plan->streams[best == INDEX_NONE ? 0 : best];

		if (s->next > s->last)
			continue;
#ifdef BUG_P4_NO_FRONTIER_CHECK
		if (best == INDEX_NONE || s->sid > b->sid) {
			best = i;
			continue;
		}
#endif
		if (best == INDEX_NONE || (s->is_first && !b->is_first) ||
		    (s->is_first == b->is_first && s->next_hlc < b->next_hlc))
			best = i;
	}
	return best;
}

/* How many bytes the next run of stream @i has. */
static enum rc
run_measure(struct plan *plan, size_t i, uint64_t *n, struct diag *d)
{
	static const char sql[] = "SELECT sum(length(body)) FROM sync_log WHERE v BETWEEN ?1 AND ?2";
	const struct plan_stream *s = &plan->streams[i];
	sqlite3_stmt *stmt;
	struct seal seal;
	enum rc rc;
	int code;

	if ((rc = seal_at_or_after(plan->e, s->sid, s->next, &seal, d)) != RC_OK ||
	    (rc = engine_stmt(plan->e, sql, &stmt, d)) != RC_OK)
		return rc == RC_NOTFOUND ? diag_fail(d, RC_CORRUPT, "stream %u lacks a seal", s->sid) : rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, s->next));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(s->sid, seal.seq));
	code = sqlite3_step(stmt);
	*n = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
	rc = code == SQLITE_ROW ? RC_OK : engine_sqlite_rc(plan->e, code, "measuring the log", d);
	engine_done(stmt);
	return rc;
}

/* Take the run of @i and, one after the other, what it turns out to need. */
static enum rc
closure_take(struct plan *plan, size_t i, struct diag *d)
{
	enum rc rc = run_take(plan, i, plan->streams[i].next, d);

	while (rc == RC_OK && plan->work_count > 0) {
		struct plan_stream *s;

		i = plan->work[--plan->work_count];
		s = &plan->streams[i];
		if (s->need >= s->next)
			rc = run_take(plan, i, s->need, d);
	}
	return rc == RC_LIMIT ? diag_fail(d, rc, "what belongs together is too large for one frame") : rc;
}

static enum rc
frame_finish(struct plan *plan)
{
	struct apply_commit *commits = mem_grow(plan->out_commits, plan->commits_count, sizeof(*commits));
	size_t i;

	if (commits == NULL)
		return RC_NOMEM;
	plan->out_commits = commits;
	for (i = 0; i < plan->commits_count; i++) {
		const struct plan_commit *c = &plan->commits[i];

		commits[i].stream = c->slot;
		commits[i].body = span_of(plan->arena.p + c->at, c->n);
	}
	plan->out.commits = commits;
	plan->out.commits_count = plan->commits_count;
	plan->out.streams = plan->out_streams;
	return RC_OK;
}

enum rc
plan_frame(struct plan *plan, struct apply_frame **out, struct diag *d)
{
	bool is_first = false;
	uint64_t run = 0;
	enum rc rc = RC_OK;
	size_t i;

	*out = NULL;
	bytes_clear(&plan->arena);
	plan->commits_count = 0;
	plan->work_count = 0;
	memset(&plan->out, 0, sizeof(plan->out));
	for (i = 0; i < plan->count; i++)
		plan->streams[i].slot = SLOT_NONE;
	while ((i = run_pick(plan)) != INDEX_NONE) {
		if (plan->out.streams_count == 0)
			is_first = plan->streams[i].is_first;
		else if (plan->streams[i].is_first != is_first)
			break;
		/* A run that does not fit waits for the next frame: a relay's runs are frames it got, and must not
		 * grow from node to node. */
		if ((rc = run_measure(plan, i, &run, d)) != RC_OK)
			break;
		if (plan->out.streams_count > 0 &&
		    plan->arena.n + run + plan->out.streams_count * STREAM_COST > FRAME_TARGET_BYTES)
			break;
		if ((rc = closure_take(plan, i, d)) != RC_OK)
			break;
	}
	if (rc != RC_OK || plan->out.streams_count == 0)
		return rc;
	if ((rc = frame_finish(plan)) == RC_OK)
		*out = &plan->out;
	return rc;
}
