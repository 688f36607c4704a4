/* A frame in three passes, inside one transaction:
 *   1. decode every commit that is new here and follow the hash chains (W25, W26);
 *   2. check that every stream's seal fits its chain, and its author's credential leads to the root (W27);
 *   3. put the commits in order, causes first (W29, C17), and leave out the streams that must wait (C16); then one by
 *      one: entitled; append to the log; take effect or be quarantined (W30).
 * Any failure rolls the whole frame back. */
#include "apply_impl.h"

#include "apply_fresh.h"
#include "apply_order.h"
#include "clock_right.h"
#include "clock_wait.h"
#include "control.h"
#include "credential.h"
#include "fork.h"

#include <string.h>

struct decoded {
	struct commit commit;
	struct span body;
	size_t stream;			/* index in the frame */
	uint64_t seq;
};

struct framed_stream {
	struct stream *s;
	bool must_wait;			/* what it follows on waits (C16) */
	bool is_unfit;			/* does not follow on what is held */
	uint64_t fork_seq;		/* of a suspect: the first number under which there are two commits; 0: none */
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
	struct apply_fresh fresh;	/* credentials that come in this frame */
	struct apply_result *r;
	bool has_written;		/* there is something to make durable */
	bool lends;			/* corrections in the frame count before they are judged */
	bool *holds;			/* by stream: its fork is not settled in this frame; NULL: none */
	bool is_false;			/* it has to be tried once more */
};

/* --- pass 1 ----------------------------------------------------------------------------------- */

/* Where the comparison of a suspect goes on. */
static enum rc
suspect_begin(struct engine *e, struct framed_stream *fs, struct apply_stream *in, struct diag *d)
{
	if (in->first_seq == 1) {		/* or anew */
		fs->chain_seq = fs->chain_hlc = 0;
		stream_hash_zero(e, fs->s, fs->chain);
		return RC_OK;
	}
	if (in->first_seq != in->suspect->seq + 1) {
		in->verdict = APPLY_UNFIT;
		return diag_fail(d, RC_GAP, "a stream that is compared does not go on where it stopped");
	}
	fs->chain_seq = in->suspect->seq;
	fs->chain_hlc = 0;
	memcpy(fs->chain, in->suspect->hash, HASH_BYTES);
	return RC_OK;
}

static enum rc
streams_begin(struct applying_frame *a, struct diag *d)
{
	size_t i, j;
	enum rc rc;

	for (i = 0; i < a->f->streams_count; i++) {
		struct apply_stream *in = &a->f->streams[i];
		struct framed_stream *fs = &a->streams[i];
		unit_id u;

		in->verdict = APPLY_FITS;

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
		if (in->first_seq > fs->s->head_seq + 1 &&
		    (rc = clock_wait_has(a->e, fs->s, in->first_seq - 1, &fs->must_wait, d)) != RC_OK)
			return rc;
		fs->next_seq = in->first_seq;
		if (fs->must_wait)
			continue;	/* what is before it waits, too */
		if (in->first_seq > fs->s->head_seq + 1)
			return diag_fail(d, RC_GAP, "commits %llu to %llu of a stream of unit %.*s are missing",
			    (unsigned long long)fs->s->head_seq + 1, (unsigned long long)in->first_seq - 1,
			    (int)in->unit.n, (const char *)in->unit.p);
		fs->chain_seq = fs->s->head_seq;
		fs->chain_hlc = fs->s->head_hlc;
		memcpy(fs->chain, fs->s->head_hash, HASH_BYTES);
		if (in->suspect != NULL && (rc = suspect_begin(a->e, fs, in, d)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* Commit @seq of a suspect against ours: when they are the same, the chain goes on.  Else the fork begins here. */
static enum rc
commit_compare(struct applying_frame *a, struct framed_stream *fs, uint64_t seq, struct span body, struct diag *d)
{
	uint8_t hash[HASH_BYTES];
	struct bytes ours;
	enum rc rc;

	bytes_init(&ours);
	rc = log_body(a->e, VERSION(fs->s->sid, seq), &ours, d);
	if (rc == RC_OK && !span_eq(span_bytes(&ours), body)) {
		fs->fork_seq = seq;
	} else if (rc == RC_OK) {
		a->r->commits_known++;
		stream_hash_next(fs->chain, body, hash);
		memcpy(fs->chain, hash, HASH_BYTES);
		fs->chain_seq = seq;
		rc = commit_hlc(body, &fs->chain_hlc);
	}
	bytes_free(&ours);
	return rc == RC_NOTFOUND ? RC_CORRUPT : rc;
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
	if (fs->must_wait)
		return RC_OK;
	if (dc->seq <= fs->s->head_seq && fs->fork_seq == 0) {
		if (a->f->streams[in->stream].suspect == NULL) {
			a->r->commits_known++;
			return RC_OK;
		}
		if ((rc = commit_compare(a, fs, dc->seq, in->body, d)) != RC_OK || fs->fork_seq == 0)
			return rc;
	}
	dc->stream = in->stream;
	dc->body = in->body;
	if ((rc = commit_parse(&dc->commit, in->body, fs->s->origin, dc->seq, d)) != RC_OK)
		return rc;
	a->commits_count++;
	if ((rc = commit_check_canonical(&dc->commit, in->body, fs->s->origin, dc->seq)) != RC_OK)
		return rc != RC_PEER ? rc : diag_fail(d, rc, "commit %llu is not in canonical form",
		    (unsigned long long)dc->seq);
	if (HLC_MS(dc->commit.hlc) > CLOCK_LAST_MS)	/* W28 */
		return diag_fail(d, RC_PEER, "commit %llu has a clock reading beyond the year 9999",
		    (unsigned long long)dc->seq);
	if (dc->commit.hlc <= fs->chain_hlc && a->f->streams[in->stream].suspect == NULL && fs->chain_seq > 0 &&
	    fs->chain_seq == fs->s->head_seq)
		fs->is_unfit = true;	/* what we hold before it may be another branch */
	else if (dc->commit.hlc <= fs->chain_hlc)
		return diag_fail(d, RC_PEER, "commit %llu is not later than the one before it",
		    (unsigned long long)dc->seq);
	stream_hash_next(fs->chain, in->body, hash);
	memcpy(fs->chain, hash, HASH_BYTES);
	fs->chain_seq = dc->seq;
	fs->chain_hlc = dc->commit.hlc;
	return apply_fresh_collect(&a->fresh, &dc->commit);
}

/* --- pass 2 ----------------------------------------------------------------------------------- */

static enum rc
seals_check(struct applying_frame *a, struct diag *d)
{
	uint8_t pubkey[PUBKEY_BYTES];
	bool is_unfit = false, is_ours = false;
	size_t i;
	enum rc rc;

	for (i = 0; i < a->f->streams_count; i++) {
		struct apply_stream *in = &a->f->streams[i];
		struct framed_stream *fs = &a->streams[i];
		bool fits;

		if (fs->next_seq != in->last_seq + 1)
			return diag_fail(d, RC_PEER, "a frame lacks commits that its seal covers");
		if (in->last_seq <= fs->s->head_seq && in->suspect == NULL)
			continue;	/* nothing new of it */
		if (fs->must_wait)
			continue;
		rc = apply_fresh_key(a->e, &a->fresh, in->origin, pubkey, a->e->clock.waiting > 0 ? NULL : d);
		fs->must_wait = rc == RC_GAP && a->e->clock.waiting > 0;	/* its credential waits, it seems */
		if (fs->must_wait)
			continue;
		if (rc != RC_OK)
			return diag_fail(d, rc, "a stream's author cannot be told");
		fits = !fs->is_unfit &&
		    seal_ok(a->e, fs->s, fs->chain_seq, fs->chain, fs->chain_hlc, pubkey, in->signature);
		if (!fits && in->suspect == NULL && fs->s->head_seq > 0) {
			in->verdict = APPLY_UNFIT;	/* perhaps what is held before it is another branch */
			is_unfit = true;
			continue;
		}
		if (fits && stream_is_own(a->e, fs->s) && (in->last_seq > fs->s->head_seq || fs->fork_seq != 0)) {
			in->verdict = APPLY_OURS;	/* W36 */
			is_ours = true;
		}
		if (!fits)
			return diag_fail(d, RC_PEER, "the seal on commit %llu of a stream of unit %.*s does not fit: "
			    "forged or damaged", (unsigned long long)in->last_seq, (int)in->unit.n,
			    (const char *)in->unit.p);
	}
	if (is_unfit)
		return diag_fail(d, RC_GAP, "a stream does not follow on what is held here");
	return !is_ours ? RC_OK : diag_fail(d, RC_CONFLICT, "this node's name goes on elsewhere: it was put back from "
	    "an older copy, or a copy of it is at work");
}

/* --- pass 3 ----------------------------------------------------------------------------------- */

/* Two branches of one stream are known now: ours yields to one from above (C9), any other is kept as evidence. */
static enum rc
forks_settle(struct applying_frame *a, struct diag *d)
{
	size_t i;
	enum rc rc = RC_OK;

	for (i = 0; i < a->f->streams_count && rc == RC_OK; i++) {
		struct framed_stream *fs = &a->streams[i];

		if (fs->fork_seq == 0)
			continue;
		if (a->holds != NULL && a->holds[i]) {
			fs->must_wait = true;
			continue;
		}
		a->f->streams[i].verdict = APPLY_FORKED;
		a->r->forks++;
		a->has_written = true;
		rc = a->f->is_from_above ? fork_yield(a->e, fs->s, fs->fork_seq, d)
		    : fork_note(a->e, fs->s, fs->fork_seq, false, d);
	}
	return rc;
}

/* The corrections of clocks that come in this frame, from those who may make them: what they correct may come with
 * them, though nothing of the frame has been judged yet. */
static enum rc
corrections_lend(struct applying_frame *a, struct clock_shift **lent, size_t *count)
{
	struct clock_shift *grown;
	size_t i, j;

	for (i = 0; i < a->commits_count; i++) {
		const struct decoded *dc = &a->commits[i];
		const struct stream *s = a->streams[dc->stream].s;

		for (j = 0; j < dc->commit.ops_count; j++) {
			struct clock_shift shift;

			if (!clock_right_read(&dc->commit.ops[j], &shift) || !clock_right_may(a->e, s, &dc->commit,
			    shift.origin, a->fresh.at, a->fresh.count))
				continue;
			if ((grown = mem_grow(*lent, *count + 1, sizeof(*grown))) == NULL)
				return RC_NOMEM;
			*lent = grown;
			(*lent)[(*count)++] = shift;
		}
	}
	return RC_OK;
}

/* Which commits are applied, in which order (C17), and which streams wait (C16). */
static enum rc
order_make(struct applying_frame *a, struct apply_part *parts, uint32_t *order, size_t *count, struct diag *d)
{
	struct apply_item *items = mem_array(a->commits_count + 1, sizeof(*items));
	struct clock_shift *lent = NULL;
	size_t i, lent_count = 0;
	enum rc rc = items == NULL ? RC_NOMEM : RC_OK;

	for (i = 0; rc == RC_OK && i < a->commits_count; i++)
		items[i] = (struct apply_item){ &a->commits[i].commit, a->commits[i].stream, a->commits[i].seq };
	for (i = 0; rc == RC_OK && i < a->f->streams_count; i++) {
		const struct framed_stream *fs = &a->streams[i];

		parts[i] = (struct apply_part){ .s = fs->s, .last_seq = a->f->streams[i].last_seq,
		    .must_wait = fs->must_wait, .is_apart = !fs->must_wait && !a->f->is_from_above &&
		    a->f->streams[i].verdict == APPLY_FORKED };
	}
	if (rc == RC_OK && a->lends)
		rc = corrections_lend(a, &lent, &lent_count);
	a->lends = lent_count > 0;
	if (rc == RC_OK && (rc = clock_lend(a->e, lent, lent_count)) == RC_OK) {
		rc = apply_order(a->e, items, a->commits_count, parts, a->f->streams_count, order, count, d);
		clock_lend_end(a->e);
	}
	mem_free(lent);
	mem_free(items);
	return rc;
}

static enum rc
waiting_note(struct applying_frame *a, const struct apply_part *parts, struct diag *d)
{
	size_t i;
	enum rc rc = RC_OK;

	for (i = 0; i < a->f->streams_count && rc == RC_OK; i++) {
		if (!parts[i].is_waiting)
			continue;
		a->r->held_back++;
		a->has_written = true;
		rc = clock_wait_put(a->e, parts[i].s, parts[i].last_seq, parts[i].future_hlc, d);
	}
	return rc;
}

static enum rc
one_apply(struct applying_frame *a, const struct decoded *dc, struct diag *d)
{
	const struct apply_stream *in = &a->f->streams[dc->stream];
	struct stream *s = a->streams[dc->stream].s;
	enum rc rc;

	if (s->origin_unit == UNIT_NONE)
		apply_fresh_introduce(a->e, &a->fresh, dc->seq, s);
	if (s->origin_unit == UNIT_NONE)
		return diag_fail(d, RC_GAP, "a stream's author has no accepted credential here");
	if (!unit_holds(a->e, a->e->self_unit, s->unit, s->reach))
		return diag_fail(d, RC_PEER, "a frame holds commits for unit %.*s, which this node does not serve",
		    (int)in->unit.n, (const char *)in->unit.p);
	if ((rc = apply_commit_one(a->e, s, &dc->commit, dc->body, a->r, d)) != RC_OK)
		return rc;
	a->r->commits_new++;
	a->has_written = true;
	if (dc->seq != in->last_seq)
		return RC_OK;
	rc = seal_put(a->e, s, in->signature, d);
	return rc == RC_OK ? clock_wait_taken(a->e, s, d) : rc;
}

/* The other branch of a stream that does not yield to it: evidence. */
static enum rc
evidence_keep(struct applying_frame *a, struct diag *d)
{
	size_t i;
	enum rc rc = RC_OK;

	for (i = 0; i < a->commits_count && rc == RC_OK; i++) {
		const struct decoded *dc = &a->commits[i];
		const struct apply_stream *in = &a->f->streams[dc->stream];

		if (in->verdict == APPLY_FORKED && !a->f->is_from_above)
			rc = fork_keep(a->e, a->streams[dc->stream].s, dc->seq, dc->body,
			    dc->seq == in->last_seq ? in->signature : NULL, d);
	}
	return rc;
}

/* The branch that ours yielded to has to wait (C16)?  Then ours stays for now. */
static enum rc
yields_check(struct applying_frame *a, const struct apply_part *parts)
{
	size_t i;

	for (i = 0; i < a->f->streams_count; i++) {
		if (a->streams[i].fork_seq == 0 || !a->f->is_from_above || !parts[i].is_waiting ||
		    (a->holds != NULL && a->holds[i]))
			continue;
		if (a->holds == NULL && (a->holds = mem_array(a->f->streams_count, sizeof(*a->holds))) == NULL)
			return RC_NOMEM;
		a->holds[i] = a->is_false = true;
	}
	return RC_OK;
}

/* Did a correction that was counted before it was judged not come to stand?  Then what it corrected was future. */
static bool
is_taken_falsely(const struct applying_frame *a, const struct apply_part *parts, uint64_t latest_ms)
{
	size_t i;

	for (i = 0; i < a->f->streams_count; i++) {
		const struct stream *s = parts[i].s;

		if (!parts[i].is_waiting && !parts[i].is_apart && clock_counts(a->e, s, s->head_seq) &&
		    HLC_MS(clock_effective(a->e, s->origin, s->head_hlc)) > latest_ms)
			return true;
	}
	return false;
}

static enum rc
commits_apply(struct applying_frame *a, struct diag *d)
{
	struct apply_part *parts = mem_array(a->f->streams_count + 1, sizeof(*parts));
	uint32_t *order = mem_array(a->commits_count + 1, sizeof(*order));
	uint64_t latest_ms = clock_is_behind(a->e) ? UINT64_MAX : clock_now_ms(a->e) + CLOCK_TOLERANCE_MS;
	size_t i, count = 0;
	enum rc rc = parts == NULL || order == NULL ? RC_NOMEM : evidence_keep(a, d);

	if (rc == RC_OK && (rc = order_make(a, parts, order, &count, d)) == RC_OK)
		rc = yields_check(a, parts);
	if (a->is_false)
		count = 0;	/* once more, otherwise */
	for (i = 0; i < count && rc == RC_OK; i++)
		rc = one_apply(a, &a->commits[order[i]], d);
	if (rc == RC_OK && !a->is_false && (rc = waiting_note(a, parts, d)) == RC_OK)
		rc = control_follow(a->e, d);	/* C4 */
	if (rc == RC_OK && !a->is_false && a->lends && is_taken_falsely(a, parts, latest_ms)) {
		a->is_false = true;
		a->lends = false;
	}
	mem_free(order);
	mem_free(parts);
	return rc;
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
	if ((rc = seals_check(a, d)) != RC_OK || (rc = forks_settle(a, d)) != RC_OK)
		return rc;
	return commits_apply(a, d);
}

/* How far the comparison came. */
static void
suspect_end(struct applying_frame *a, size_t i)
{
	struct apply_suspect *suspect = a->f->streams[i].suspect;

	if (suspect == NULL || (a->holds != NULL && a->holds[i]))
		return;
	suspect->seq = a->streams[i].chain_seq;
	memcpy(suspect->hash, a->streams[i].chain, HASH_BYTES);
}

static void
frame_reset(struct applying_frame *a)
{
	size_t i;

	for (i = 0; a->commits != NULL && i < a->commits_count; i++)
		commit_free(&a->commits[i].commit);
	mem_free(a->commits);
	mem_free(a->streams);
	apply_fresh_fini(&a->fresh);
	a->commits = NULL;
	a->streams = NULL;
	a->commits_count = 0;
	a->has_written = a->is_false = false;
}

/* In one transaction; nothing is left of it when a->is_false. */
static enum rc
frame_try(struct applying_frame *a, struct diag *d)
{
	struct engine *e = a->e;
	enum rc rc;

	memset(a->r, 0, sizeof(*a->r));
	a->streams = mem_array(a->f->streams_count, sizeof(*a->streams));
	a->commits = mem_array(a->f->commits_count, sizeof(*a->commits));
	if (a->streams == NULL || a->commits == NULL)
		return RC_NOMEM;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	save_guard(e, false);
	rc = frame_run(a, d);
	save_guard(e, true);
	e->v_now = 0;
	if (rc == RC_OK && a->has_written && !a->is_false)
		return engine_commit_tx(e, d);
	engine_rollback(e);
	return rc;
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
	a.lends = true;
	rc = frame_try(&a, d);
	/* Once more, without the corrections that do not stand, without yielding to what has to wait: each time
	 * less. */
	while (rc == RC_OK && a.is_false) {
		frame_reset(&a);
		rc = frame_try(&a, d);
	}
	for (i = 0; rc == RC_OK && i < f->streams_count; i++)
		suspect_end(&a, i);
	frame_reset(&a);
	mem_free(a.holds);
	if (rc != RC_OK)
		memset(r, 0, sizeof(*r));
	return rc;
}
