#include "clock_hear.h"

#include "clock_wait.h"
#include "commit.h"
#include "cursor.h"
#include "engine_impl.h"
#include "incarnation.h"
#include "save.h"

#include <string.h>

#define DAY_MS		(INT64_C(24) * 3600 * 1000)
#define HOUR_MS		(INT64_C(3600) * 1000)
#define MINUTE_MS	(INT64_C(60) * 1000)
#define TOLERANCE	((int64_t)CLOCK_TOLERANCE_MS)

/* --- corrections ------------------------------------------------------------------------------ */

struct correction {
	uint8_t origin[ORIGIN_BYTES];
	uint64_t since;
	int64_t shift_ms;
};

struct corrections {
	struct correction list[2];
	size_t count;
};

static enum rc
rows_save(void *ctx, struct save *s, struct diag *d)
{
	const struct corrections *c = ctx;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < c->count && rc == RC_OK; i++) {
		uint8_t store[CLOCK_SINCE_BYTES];
		struct bytes b = { store, 0, sizeof(store), false };	/* always fits: never grows */
		struct save_cell cells[] = {
			{ span_str("origin"), value_blob(span_of(c->list[i].origin, ORIGIN_BYTES)), false, false },
			{ span_str("since"), value_blob(span_of(store, sizeof(store))), false, false },
			{ span_str("shift_ms"), value_int(c->list[i].shift_ms), false, false },
		};

		wr_u64(&b, c->list[i].since);
		INVARIANT(b.p == store);
		rc = save_row(s, span_str(clock_table.name), span_of(NULL, 0), cells, 3, NULL, d);
	}
	return rc;
}

static enum rc
corrections_save(struct engine *e, struct corrections *c, struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	struct save_options o = { .is_bulk = false };
	struct save_result result;
	struct save *s;
	enum rc rc;

	if (c->count == 0 || (!e->is_enrolled && memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0))
		return RC_OK;
	if ((rc = save_begin(e, &o, &s, d)) != RC_OK)
		return rc;
	if ((rc = rows_save(c, s, d)) == RC_OK)
		return save_commit(s, &result, d);
	save_abandon(s);
	return rc;
}

static void
correction_add(struct corrections *c, const uint8_t *origin, uint64_t since, int64_t shift_ms)
{
	struct correction *at = &c->list[c->count++];

	memcpy(at->origin, origin, ORIGIN_BYTES);
	at->since = since;
	at->shift_ms = shift_ms;
}

enum rc
clock_hear_say(struct engine *e, const uint8_t origin[ORIGIN_BYTES], uint64_t since_ms, int64_t shift_ms,
    struct diag *d)
{
	struct corrections c = { .count = 0 };

	if (since_ms > CLOCK_LAST_MS || shift_ms > (int64_t)CLOCK_LAST_MS || shift_ms < -(int64_t)CLOCK_LAST_MS)
		return diag_fail(d, RC_INPUT, "a clock correction beyond the year 9999");
	if (origin_find(e, origin) == NULL)
		return diag_fail(d, RC_NOTFOUND, "there is no such node");
	correction_add(&c, origin, HLC_MAKE(since_ms), shift_ms);
	return corrections_save(e, &c, d);
}

/* --- what we wrote ---------------------------------------------------------------------------- */

struct own_readings {
	uint64_t bound;
	uint64_t last;			/* highest at or below the bound; 0: none */
};

static enum rc
reading_see(void *ctx, uint64_t seq, struct span body)
{
	struct own_readings *o = ctx;
	uint64_t hlc;
	enum rc rc = commit_hlc(body, &hlc);

	(void)seq;
	if (rc == RC_OK && hlc <= o->bound && hlc > o->last)
		o->last = hlc;
	return rc;
}

/* The highest reading of our present incarnation at or below @bound. */
static enum rc
own_last(struct engine *e, uint64_t bound, uint64_t *last, struct diag *d)
{
	struct own_readings o = { bound, 0 };
	uint32_t sid;
	enum rc rc = RC_OK;

	for (sid = 1; sid <= stream_count(e) && rc == RC_OK; sid++) {
		const struct stream *s = stream_at(e, sid);

		if (!stream_is_own(e, s) || s->head_seq == 0)
			continue;
		if (s->head_hlc <= bound)
			o.last = s->head_hlc > o.last ? s->head_hlc : o.last;
		else
			rc = log_each(e, sid, 1, s->head_seq, reading_see, &o, d);
	}
	*last = o.last;
	return rc;
}

static uint64_t
own_head(const struct engine *e)
{
	uint64_t head = 0;
	uint32_t sid;

	for (sid = 1; sid <= stream_count(e); sid++)
		if (stream_is_own(e, stream_at(e, sid)) && stream_at(e, sid)->head_hlc > head)
			head = stream_at(e, sid)->head_hlc;
	return head;
}

/* C14: it is @now_ms.  What we wrote beyond the tolerance counts as so much earlier that none of it is later than now,
 * under a name that is not ours any more. */
static enum rc
future_correct(struct engine *e, uint64_t now_ms, int64_t shift_ms, struct diag *d)
{
	uint64_t head = own_head(e), last;
	struct corrections c = { .count = 0 };
	int64_t at_least = (int64_t)now_ms - (int64_t)HLC_MS(head);
	enum rc rc;

	if (HLC_MS(head) <= now_ms + CLOCK_TOLERANCE_MS)
		return RC_OK;
	if ((rc = own_last(e, HLC_MAKE(now_ms + CLOCK_TOLERANCE_MS), &last, d)) != RC_OK)
		return rc;
	correction_add(&c, e->self.origin, last + 1, shift_ms < at_least ? shift_ms : at_least);
	return incarnation_take_with(e, rows_save, &c, d);
}

/* --- the offset ------------------------------------------------------------------------------- */

static enum rc
offset_put(struct engine *e, int64_t offset_ms, int64_t peer_ms, struct diag *d)
{
	enum rc rc = engine_begin(e, d);

	if (rc != RC_OK)
		return rc;
	if ((rc = clock_offset_set(e, offset_ms, peer_ms, d)) == RC_OK)
		return engine_commit_tx(e, d);
	engine_rollback(e);
	return rc;
}

static int64_t
offset_now(const struct engine *e)
{
	return (int64_t)(clock_now_ms(e) - e->env.now_ms(e->env.ctx));
}

/* Only that a difference was heard, for people; written when it says something new. */
static enum rc
difference_note(struct engine *e, int64_t peer_ms, struct diag *d)
{
	const struct clock_state *c = &e->clock;
	int64_t change = peer_ms - c->peer_ms;
	bool is_old = c->offset_ms != 0 &&
	    (int64_t)(e->env.now_ms(e->env.ctx) - c->offset_env_ms) > 6 * HOUR_MS;

	if (c->has_heard && !is_old && change < MINUTE_MS && change > -MINUTE_MS && c->offset_ms == offset_now(e))
		return RC_OK;
	return offset_put(e, offset_now(e), peer_ms, d);
}

/* --- whom to believe -------------------------------------------------------------------------- */

static bool
has_key_of(const struct engine *e, const uint8_t *a, const uint8_t *b)
{
	const struct origin_entry *x = origin_find(e, a), *y = origin_find(e, b);

	return memcmp(a, b, ORIGIN_BYTES) == 0 ||
	    (x != NULL && y != NULL && memcmp(x->pubkey, y->pubkey, PUBKEY_BYTES) == 0);
}

struct witness {
	struct engine *e;
	const uint8_t *peer;
	uint64_t peer_ms;
	bool is_found;
};

/* A third node's commit lies as far in our future as the parent's clock says. */
static enum rc
witness_look(void *ctx, const struct clock_waiting *w)
{
	struct witness *x = ctx;

	if (w->effective_ms != 0 && w->ahead_ms > CLOCK_TOLERANCE_MS && origin_find(x->e, w->origin) != NULL &&
	    w->effective_ms <= x->peer_ms + CLOCK_TOLERANCE_MS && !has_key_of(x->e, w->origin, x->peer) &&
	    !incarnation_is_ours(x->e, w->origin))
		x->is_found = true;
	return RC_OK;
}

/* C15: is it proved that our clock is behind, not the parent's ahead? */
static enum rc
behind_prove(struct engine *e, const uint8_t *peer, uint64_t peer_ms, int64_t before, bool *is_proved, struct diag *d)
{
	struct witness w = { e, peer, peer_ms, false };
	enum rc rc = clock_wait_each(e, witness_look, &w, d);

	/* Whoever goes by the parent's clock already, follows it. */
	*is_proved = clock_is_behind(e) || w.is_found || (offset_now(e) != 0 && before <= DAY_MS);
	return rc;
}

/* C15: what was written since our clock fell behind counts for as long ago as the machine's clock says, but none of it
 * as later than now. */
static enum rc
forward_correct(struct engine *e, int64_t before, struct diag *d)
{
	struct corrections c = { .count = 0 };
	uint64_t since = e->clock.behind, last = own_head(e), now, env = engine_env_ms(e), ago;
	int64_t shift, most;
	enum rc rc;

	if ((rc = offset_put(e, offset_now(e) + before, 0, d)) != RC_OK)
		return rc;
	if (since == 0 || last < since)
		return RC_OK;
	now = clock_now_ms(e);
	ago = env > e->clock.behind_env_ms ? env - e->clock.behind_env_ms : 0;
	shift = (int64_t)now - (int64_t)ago - (int64_t)HLC_MS(since);
	most = (int64_t)now - (int64_t)HLC_MS(last);
	if (shift > most)
		shift = most;
	if (shift <= 0)
		return RC_OK;
	correction_add(&c, e->self.origin, since, shift);
	correction_add(&c, e->self.origin, last + 1, 0);
	return corrections_save(e, &c, d);
}

enum rc
clock_hear(struct engine *e, const uint8_t peer[ORIGIN_BYTES], uint64_t asked_ms, uint64_t answered_ms,
    uint64_t peer_ms, struct diag *d)
{
	uint64_t now;
	int64_t before;			/* the parent's clock stands so far before ours */
	bool is_proved;
	enum rc rc;

	if (!has_key_of(e, peer, e->self.parent) || answered_ms < asked_ms || peer_ms > CLOCK_LAST_MS ||
	    answered_ms - asked_ms > CLOCK_TOLERANCE_MS)	/* the link was slower than the clocks may differ */
		return RC_OK;
	before = (int64_t)peer_ms - (int64_t)(asked_ms + (answered_ms - asked_ms) / 2);
	if (peer_ms < CLOCK_FIRST_MS || peer_ms + CLOCK_TOLERANCE_MS < e->clock.others)
		return difference_note(e, before, d);	/* it is behind itself */
	if (asked_ms > peer_ms + CLOCK_TOLERANCE_MS) {
		rc = offset_put(e, offset_now(e) + before, 0, d);
		return rc == RC_OK ? future_correct(e, peer_ms, before, d) : rc;
	}
	if (peer_ms > answered_ms + CLOCK_TOLERANCE_MS) {
		rc = behind_prove(e, peer, peer_ms, before, &is_proved, d);
		if (rc == RC_OK)
			rc = is_proved ? forward_correct(e, before, d) : difference_note(e, before, d);
	} else {
		rc = difference_note(e, before, d);
	}
	/* What lies in the future of both clocks we wrote before the machine's was set back. */
	now = clock_now_ms(e);
	return rc == RC_OK ? future_correct(e, now < peer_ms ? now : peer_ms, 0, d) : rc;
}

enum rc
clock_hear_nobody(struct engine *e, struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];

	if (memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0 || clock_is_behind(e))
		return RC_OK;
	return future_correct(e, clock_now_ms(e), 0, d);
}

/* --- for people ------------------------------------------------------------------------------- */

static enum rc
waiting_count(void *ctx, const struct clock_waiting *w)
{
	(void)w;
	++*(uint64_t *)ctx;
	return RC_OK;
}

enum rc
clock_hear_report(struct engine *e, struct clock_report *out, struct diag *d)
{
	enum rc rc = clock_load(e, d);

	memset(out, 0, sizeof(*out));
	if (rc != RC_OK || (rc = clock_wait_each(e, waiting_count, &out->held_back, d)) != RC_OK)
		return rc;
	out->now_ms = clock_now_ms(e);
	out->offset_ms = offset_now(e);
	out->has_heard = e->clock.has_heard;
	out->peer_ms = e->clock.peer_ms;
	if (clock_is_behind(e) || out->offset_ms > TOLERANCE)
		out->badge = CLOCK_BEHIND;
	else if (out->offset_ms < -TOLERANCE)
		out->badge = CLOCK_AHEAD;
	else if (out->peer_ms > TOLERANCE || out->peer_ms < -TOLERANCE)
		out->badge = CLOCK_UNSURE;
	return RC_OK;
}

const char *
clock_hear_badge_name(enum clock_badge badge)
{
	static const char *const names[] = { "ok", "ahead", "behind", "unsure" };

	return names[badge];
}
