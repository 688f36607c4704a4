/* Our own receipts: made when a peer asks that they concern and something of others has come since (W33). */
#include "receipt_impl.h"

#include "cursor.h"
#include "engine_impl.h"
#include "exchange_impl.h"

#include <stdlib.h>
#include <string.h>

void
receipt_state_free(struct receipt_state *s)
{
	mem_free(s->told);
	memset(s, 0, sizeof(*s));
}

void
receipt_state_forget(struct receipt_state *s)
{
	s->is_loaded = false;
}

/* ---- what our receipts say */

static bool
told_room(struct receipt_state *s, size_t count)
{
	struct receipt_told *told;

	if (count < s->told_count)
		return true;
	count = (count + 1) * 2;
	if ((told = mem_grow(s->told, count, sizeof(*told))) == NULL)
		return false;
	memset(told + s->told_count, 0, (count - s->told_count) * sizeof(*told));
	s->told = told;
	s->told_count = count;
	return true;
}

static enum rc
own_read(struct engine *e, struct receipt_state *s, struct diag *d)
{
	static const char sql[] = "SELECT bytes FROM sync_receipt WHERE holder = ?1";
	struct receipt r;
	sqlite3_stmt *stmt;
	size_t i;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(e->self.origin, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct rd rd = rd_span(value_of_column(stmt, 0).s);
		unit_id u;

		receipt_read(&r, &rd);
		if (!rd_done(&rd) || (u = unit_find(e, r.unit)) == UNIT_NONE)
			continue;	/* soft: another is made */
		for (i = 0; i < r.streams_count; i++) {
			const struct stream *at = stream_find(e, r.streams[i].origin, u, REACH_UP);

			if (at != NULL)
				s->told[at->sid].seq = (uint32_t)r.streams[i].seq;
		}
	}
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	return rc;
}

/* The one number that @sql gives. */
static enum rc
number_read(struct engine *e, const char *sql, uint64_t *out, struct diag *d)
{
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	code = sqlite3_step(stmt);
	*out = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	return rc;
}

/* How much of each stream stands in quarantine: read again when the log grew and the quarantine is another. */
static enum rc
quarantine_follow(struct engine *e, struct receipt_state *s, struct diag *d)
{
	static const char sql_print[] = "SELECT coalesce(sum(v % 1000003 + 1), 0) FROM sync_quarantine";
	static const char sql[] = "SELECT v >> 24, count(*) FROM sync_quarantine GROUP BY 1";
	sqlite3_stmt *stmt;
	uint64_t print, sid;
	enum rc rc;
	size_t i;
	int code;

	if (s->is_loaded && s->quarantine_tick == e->change_tick)
		return RC_OK;
	if ((rc = number_read(e, sql_print, &print, d)) != RC_OK)
		return rc;
	if (!s->is_loaded || print != s->quarantine_print) {
		if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
			return rc;
		for (i = 0; i < s->told_count; i++)
			s->told[i].quarantined_now = 0;
		while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
			sid = (uint64_t)sqlite3_column_int64(stmt, 0);
			if (sid < s->told_count)
				s->told[sid].quarantined_now = (uint32_t)sqlite3_column_int64(stmt, 1);
		}
		rc = engine_sqlite_rc(e, code, "reading the quarantine", d);
		engine_done(stmt);
	}
	s->quarantine_tick = e->change_tick;
	s->quarantine_print = print;
	return rc;
}

enum rc
receipt_state_load(struct engine *e, struct receipt_state **out, struct diag *d)
{
	static const char sql[] = "SELECT coalesce(max(n), 0) FROM sync_receipt";
	struct exchange *x = exchange_of(e);
	struct receipt_state *s;
	enum rc rc;
	size_t i;

	if (x == NULL || !told_room(&x->receipts, stream_count(e)))
		return RC_NOMEM;
	s = *out = &x->receipts;
	if (s->is_loaded)
		return RC_OK;
	memset(s->told, 0, s->told_count * sizeof(*s->told));
	if ((rc = number_read(e, sql, &s->newest, d)) != RC_OK || (rc = own_read(e, s, d)) != RC_OK ||
	    (rc = quarantine_follow(e, s, d)) != RC_OK)
		return rc;
	for (i = 0; i < s->told_count; i++)
		s->told[i].quarantined = s->told[i].quarantined_now;
	s->is_loaded = true;
	return RC_OK;
}

/* ---- making them */

bool
receipt_is_for(const struct engine *e, const struct peer *p, unit_id u)
{
	return unit_is_within(e, p->unit, e->self_unit) && unit_is_within(e, u, p->unit);
}

/* Must @s be told anew?  What only we wrote is no reason. */
static bool
is_untold(const struct engine *e, const struct receipt_state *state, const struct stream *s)
{
	const struct receipt_told *t = &state->told[s->sid];

	return s->reach == REACH_UP && s->head_seq != 0 && !stream_is_own(e, s) &&
	    (t->seq != s->head_seq || t->quarantined != t->quarantined_now);
}

enum rc
receipt_is_due(struct engine *e, struct peer *p, bool *out, struct diag *d)
{
	struct receipt_state *s;
	uint32_t sid;
	enum rc rc;

	*out = false;
	if (p->receipts_tick == e->change_tick)
		return RC_OK;
	if ((rc = receipt_state_load(e, &s, d)) != RC_OK || (rc = quarantine_follow(e, s, d)) != RC_OK)
		return rc;
	for (sid = 1; !*out && sid <= stream_count(e); sid++)
		*out = is_untold(e, s, stream_at(e, sid)) && receipt_is_for(e, p, stream_at(e, sid)->unit);
	if (!*out)
		p->receipts_tick = e->change_tick;
	return RC_OK;
}

static int
stream_cmp(const void *a, const void *b)
{
	const struct stream *const *x = a, *const *y = b;

	return memcmp((*x)->origin, (*y)->origin, ORIGIN_BYTES);
}

/* The streams of others addressed to @u, those written to last; by origin. */
static size_t
streams_pick(const struct engine *e, unit_id u, const struct stream *out[RECEIPT_STREAMS_MAX])
{
	size_t count = 0, i, oldest;
	uint32_t sid;

	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->unit != u || s->reach != REACH_UP || s->head_seq == 0 || stream_is_own(e, s))
			continue;
		if (count < RECEIPT_STREAMS_MAX) {
			out[count++] = s;
			continue;
		}
		for (i = 1, oldest = 0; i < count; i++)
			if (out[i]->head_hlc < out[oldest]->head_hlc)
				oldest = i;
		if (out[oldest]->head_hlc < s->head_hlc)
			out[oldest] = s;
	}
	qsort(out, count, sizeof(*out), stream_cmp);
	return count;
}

/* At most RECEIPT_REASON_BYTES_MAX of it, whole characters. */
static struct span
reason_cut(struct span s)
{
	size_t n = RECEIPT_REASON_BYTES_MAX;

	if (s.n <= n)
		return s;
	while (n > 0 && (s.p[n] & 0xC0) == 0x80)
		n--;
	return span_of(s.p, n);
}

/* Add what stands in quarantine of stream @place, newest first, until @r is full. */
static enum rc
quarantined_add(struct engine *e, struct receipt *r, size_t place, uint32_t sid, struct bytes *reasons, struct diag *d)
{
	static const char sql[] = "SELECT v, reason FROM sync_quarantine WHERE v BETWEEN ?1 AND ?2 ORDER BY v DESC";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(sid, 1));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(sid, r->streams[place].seq));
	while (r->quarantined_count < RECEIPT_QUARANTINED_MAX && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct receipt_quarantined *q = &r->quarantined[r->quarantined_count++];
		struct span reason = reason_cut(value_of_column(stmt, 1).s);

		q->place = place;
		q->seq = VERSION_SEQ((uint64_t)sqlite3_column_int64(stmt, 0));
		q->reason = span_of(reasons->p + reasons->n, reason.n);
		bytes_put(reasons, reason.p, reason.n);
	}
	rc = engine_sqlite_rc(e, code, "reading the quarantine", d);
	engine_done(stmt);
	return rc;
}

static int
quarantined_cmp(const void *a, const void *b)
{
	const struct receipt_quarantined *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Fill @r with what we hold of @u. */
static enum rc
own_fill(struct engine *e, struct receipt_state *state, const struct peer *p, unit_id u, struct receipt *r,
    struct bytes *reasons, struct diag *d)
{
	const struct stream *streams[RECEIPT_STREAMS_MAX];
	enum rc rc = RC_OK;
	size_t i;

	memset(r, 0, sizeof(*r));
	memcpy(r->holder, e->self.origin, ORIGIN_BYTES);
	r->unit = unit_key(e, u);
	r->ms = engine_now_ms(e) & ((UINT64_C(1) << 48) - 1);
	r->streams_count = streams_pick(e, u, streams);
	for (i = 0; rc == RC_OK && i < r->streams_count; i++) {
		struct receipt_stream *at = &r->streams[i];

		memcpy(at->origin, streams[i]->origin, ORIGIN_BYTES);
		at->seq = streams[i]->head_seq;
#ifdef BUG_P9_EARLY_RECEIPT
		/* What they have will be here soon. */
		if (belief_get(&p->belief, streams[i]->sid) > at->seq)
			at->seq = belief_get(&p->belief, streams[i]->sid);
#endif
		memcpy(at->hash, streams[i]->head_hash, RECEIPT_HASH_BYTES);
		if (state->told[streams[i]->sid].quarantined_now != 0)
			rc = quarantined_add(e, r, i, streams[i]->sid, reasons, d);
	}
	(void)p;
	qsort(r->quarantined, r->quarantined_count, sizeof(*r->quarantined), quarantined_cmp);
	return rc;
}

/* Our receipt for @u, signed and kept. */
static enum rc
own_make(struct engine *e, struct receipt_state *state, const struct peer *p, unit_id u, struct diag *d)
{
	struct bytes reasons, was, bytes;
	struct receipt r, old;
	bool has_old = false;
	uint64_t forks = 0;
	enum rc rc;
	uint32_t sid;

	bytes_init(&reasons);
	bytes_init(&was);
	bytes_init(&bytes);
	/* Reserved, so that nothing moves what is pointed to. */
	if (bytes_room(&reasons, RECEIPT_QUARANTINED_MAX * RECEIPT_REASON_BYTES_MAX) == NULL)
		rc = RC_NOMEM;
	else if ((rc = own_fill(e, state, p, u, &r, &reasons, d)) == RC_OK)
		rc = receipt_kept(e, &r, &was, &old, &has_old, d);
	if (rc == RC_OK && has_old && r.ms <= old.ms && !receipt_is_newer(&r, &old))
		r.ms = old.ms + 1;	/* our clock was set back */
	if (rc == RC_OK) {
		receipt_write(e, &r, &bytes);
		r.whole = span_bytes(&bytes);
		rc = bytes_rc(&bytes);
	}
	if (rc == RC_OK)
		rc = receipt_keep(e, state, &r, has_old ? &old : NULL, &forks, d);
	for (sid = 1; rc == RC_OK && sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->unit != u || s->reach != REACH_UP)
			continue;
		state->told[sid].seq = (uint32_t)s->head_seq;
		state->told[sid].quarantined = state->told[sid].quarantined_now;
	}
	bytes_free(&bytes);
	bytes_free(&was);
	bytes_free(&reasons);
	return rc;
}

enum rc
receipt_make(struct engine *e, struct peer *p, struct diag *d)
{
	struct receipt_state *state;
	unsigned made = 0;
	uint32_t sid;
	enum rc rc;

	if ((rc = receipt_state_load(e, &state, d)) != RC_OK || (rc = quarantine_follow(e, state, d)) != RC_OK)
		return rc;
	for (sid = 1; rc == RC_OK && sid <= stream_count(e) && made < RECEIPTS_MADE_MAX; sid++) {
		const struct stream *s = stream_at(e, sid);

		if (!is_untold(e, state, s) || !receipt_is_for(e, p, s->unit))
			continue;
		rc = own_make(e, state, p, s->unit, d);
		made++;
	}
	return rc;
}
