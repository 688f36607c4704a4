/* What receipts tell: since when a commit is held here, at the parent, at the root, and what they quarantined. */
#include "receipt.h"

#include "commit.h"
#include "cursor.h"
#include "engine_impl.h"
#include "incarnation.h"
#include "revocation.h"

#include <string.h>

/* The unit whose nodes count as our parent; UNIT_NONE at the root. */
static unit_id
parent_unit(const struct engine *e)
{
	const struct origin_entry *parent = origin_find(e, e->self.parent);

	if (e->self_unit == e->root_unit)
		return UNIT_NONE;
	return parent != NULL ? parent->unit : unit_parent(e, e->self_unit);
}

/* When the receipt kept of (@holder, @unit) was signed; 0: there is none. */
static enum rc
kept_ms(struct engine *e, const uint8_t *holder, struct span unit, uint64_t *ms, struct diag *d)
{
	static const char sql[] = "SELECT ms FROM sync_receipt WHERE holder = ?1 AND unit = ?2";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	*ms = 0;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(holder, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 2, value_text(unit)) != SQLITE_OK)
		return RC_NOMEM;
	if ((code = sqlite3_step(stmt)) == SQLITE_ROW)
		*ms = (uint64_t)sqlite3_column_int64(stmt, 0);
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	return rc;
}

/* Does @holder count for @unit?  Not when it is revoked; nor when another incarnation of that node signed later: what
 * the earlier one held, the node may have lost. */
static enum rc
is_current(struct engine *e, const struct origin_entry *holder, struct span unit, bool *out, struct diag *d)
{
	uint64_t ms = 0, other;
	enum rc rc = RC_OK;
	size_t i;

	*out = revocation_of(e, holder->pubkey) == NULL;
	for (i = 0; rc == RC_OK && *out && i < e->origins_count; i++) {
		const struct origin_entry *o = &e->origins[i];

		if (o == holder || memcmp(o->pubkey, holder->pubkey, PUBKEY_BYTES) != 0)
			continue;
		if ((rc = kept_ms(e, o->origin, unit, &other, d)) == RC_OK && other != 0 &&
		    (rc = kept_ms(e, holder->origin, unit, &ms, d)) == RC_OK)
			*out = other < ms || (other == ms && memcmp(o->origin, holder->origin, ORIGIN_BYTES) < 0);
	}
	return rc;
}

static void
earlier(uint64_t *at, uint64_t ms)
{
	if (*at == 0 || ms < *at)
		*at = ms;
}

/* What the marks say of commit @seq of @s. */
static enum rc
marks_read(struct engine *e, const struct stream *s, uint64_t seq, struct receipt_times *out, struct diag *d)
{
	static const char sql[] = "SELECT holder, min(seq), ms FROM sync_receipt_mark WHERE sid = ?1 AND seq >= ?2 "
	    "GROUP BY holder";
	unit_id parent = parent_unit(e);
	bool is_counted = false;
	sqlite3_stmt *stmt;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, s->sid);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span by = value_of_column(stmt, 0).s;
		const struct origin_entry *holder = by.n == ORIGIN_BYTES ? origin_find(e, by.p) : NULL;
		uint64_t ms = (uint64_t)sqlite3_column_int64(stmt, 2);

		if (holder == NULL || (rc = is_current(e, holder, unit_key(e, s->unit), &is_counted, d)) != RC_OK ||
		    !is_counted)
			continue;
		if (incarnation_is_ours(e, holder->origin))
			earlier(&out->here_ms, ms);
		else if (holder->unit == parent)
			earlier(&out->parent_ms, ms);
		if (holder->unit == e->root_unit)
			earlier(&out->root_ms, ms);
	}
	engine_done(stmt);
	return rc == RC_OK && code != SQLITE_DONE ? engine_sqlite_rc(e, code, "reading receipts", d) : rc;
}

enum rc
receipt_times(struct engine *e, uint64_t version, struct receipt_times *out, struct diag *d)
{
	uint32_t sid = VERSION_SID(version);
	const struct stream *s;
	uint64_t hlc = 0;
	struct bytes body;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if (sid == 0 || sid > stream_count(e))
		return RC_OK;
	s = stream_at(e, sid);
	bytes_init(&body);
	if ((rc = log_body(e, version, &body, d)) == RC_OK)
		rc = commit_hlc(span_bytes(&body), &hlc);
	bytes_free(&body);
	if (rc != RC_OK || (rc = marks_read(e, s, VERSION_SEQ(version), out, d)) != RC_OK)
		return rc;
	/* Who wrote it, holds it. */
	if (out->here_ms == 0 || incarnation_is_ours(e, s->origin))
		out->here_ms = HLC_MS(hlc);
	if (s->origin_unit != UNIT_NONE && s->origin_unit == parent_unit(e))
		earlier(&out->parent_ms, HLC_MS(hlc));
	if (s->origin_unit == e->root_unit)
		earlier(&out->root_ms, HLC_MS(hlc));
	if (e->self_unit == e->root_unit)
		earlier(&out->root_ms, out->here_ms);
	return RC_OK;
}

/* ---- receipt by receipt */

/* Does a mark say that @holder has @s up to its head? */
static enum rc
is_covered(struct engine *e, const struct origin_entry *holder, const struct stream *s, bool *out, struct diag *d)
{
	static const char sql[] = "SELECT 1 FROM sync_receipt_mark WHERE sid = ?1 AND holder = ?2 AND seq >= ?3";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 2, value_blob(span_of(holder->origin, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int64(stmt, 1, s->sid);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)s->head_seq);
	code = sqlite3_step(stmt);
	*out = code == SQLITE_ROW;
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	return rc;
}

static enum rc
line_fill(struct engine *e, const struct receipt *r, const struct origin_entry *holder, struct receipt_line *line,
    struct diag *d)
{
	unit_id u = unit_find(e, r->unit);
	enum rc rc = RC_OK;
	uint32_t sid;
	size_t i;

	line->receipt = r;
	line->holder_unit = unit_key(e, holder->unit);
	line->is_complete = true;
	for (i = 0; i < r->streams_count; i++) {
		const struct stream *s = u == UNIT_NONE ? NULL : stream_find(e, r->streams[i].origin, u, REACH_UP);

		line->of[i] = s == NULL ? 0 : s->head_seq;
	}
	for (sid = 1; rc == RC_OK && line->is_complete && sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->unit == u && s->reach == REACH_UP && s->head_seq != 0 && s->origin_unit != holder->unit)
			rc = is_covered(e, holder, s, &line->is_complete, d);
	}
	return rc;
}

enum rc
receipt_each(struct engine *e, receipt_fn fn, void *ctx, struct diag *d)
{
	static const char sql[] = "SELECT holder, unit, is_fork, bytes FROM sync_receipt ORDER BY unit, holder";
	struct receipt_line line;
	struct receipt r;
	bool is_counted = false;
	sqlite3_stmt *stmt;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span by = value_of_column(stmt, 0).s;
		const struct origin_entry *holder = by.n == ORIGIN_BYTES ? origin_find(e, by.p) : NULL;
		struct rd rd = rd_span(value_of_column(stmt, 3).s);

		if (holder == NULL || incarnation_is_ours(e, holder->origin) ||
		    (rc = is_current(e, holder, value_of_column(stmt, 1).s, &is_counted, d)) != RC_OK || !is_counted)
			continue;
		receipt_read(&r, &rd);
		if (!rd_done(&rd))
			continue;	/* damaged: as if it had not come */
		line.is_fork = sqlite3_column_int(stmt, 2) != 0;
		if ((rc = line_fill(e, &r, holder, &line, d)) == RC_OK)
			rc = fn(ctx, &line);
	}
	engine_done(stmt);
	return rc == RC_OK && code != SQLITE_DONE ? engine_sqlite_rc(e, code, "reading receipts", d) : rc;
}

/* ---- sums and lists over them */

struct missing {
	struct engine *e;
	const struct origin_entry *parent;
	uint64_t commits;
	bool is_known;
};

static enum rc
on_missing(void *ctx, const struct receipt_line *line)
{
	struct missing *m = ctx;
	const struct origin_entry *holder = origin_find(m->e, line->receipt->holder);
	size_t i;

	if (memcmp(holder->pubkey, m->parent->pubkey, PUBKEY_BYTES) != 0)
		return RC_OK;
	m->is_known = true;
	for (i = 0; i < line->receipt->streams_count; i++)
		if (line->receipt->streams[i].seq > line->of[i])
			m->commits += line->receipt->streams[i].seq - line->of[i];
	return RC_OK;
}

enum rc
receipt_to_receive(struct engine *e, uint64_t *commits, bool *is_known, struct diag *d)
{
	struct missing m = { e, origin_find(e, e->self.parent), 0, false };
	enum rc rc = m.parent == NULL ? RC_OK : receipt_each(e, on_missing, &m, d);

	*commits = m.commits;
	*is_known = m.is_known;
	return rc;
}

struct listing {
	struct engine *e;
	receipt_quarantined_fn fn;
	void *ctx;
	struct diag *d;
	struct bytes body;
};

static enum rc
on_quarantined(void *ctx, const struct receipt_line *line)
{
	struct listing *l = ctx;
	const struct receipt *r = line->receipt;
	unit_id u = unit_find(l->e, r->unit);
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; rc == RC_OK && u != UNIT_NONE && i < r->quarantined_count; i++) {
		const struct receipt_quarantined *at = &r->quarantined[i];
		const struct stream *s = stream_find(l->e, r->streams[at->place].origin, u, REACH_UP);
		struct quarantined q = { .reason = at->reason };
		struct commit c;

		if (s == NULL || s->head_seq < at->seq)
			continue;
		q.id = VERSION(s->sid, at->seq);
		bytes_clear(&l->body);
		if ((rc = log_body(l->e, q.id, &l->body, l->d)) != RC_OK ||
		    (rc = commit_parse(&c, span_bytes(&l->body), s->origin, at->seq, l->d)) != RC_OK)
			break;
		commit_name(s->origin, c.txn, q.commit);
		memcpy(q.origin, s->origin, ORIGIN_BYTES);
		q.unit = s->origin_unit == UNIT_NONE ? span_str("") : unit_key(l->e, s->origin_unit);
		q.author = c.author;
		q.hlc = c.hlc;
		q.effective = clock_effective(l->e, s->origin, c.hlc);
		rc = l->fn(l->ctx, r->holder, &q);
		commit_free(&c);
	}
	return rc;
}

enum rc
receipt_quarantine_each(struct engine *e, receipt_quarantined_fn fn, void *ctx, struct diag *d)
{
	struct listing l = { .e = e, .fn = fn, .ctx = ctx, .d = d };
	enum rc rc;

	bytes_init(&l.body);
	rc = receipt_each(e, on_quarantined, &l, d);
	bytes_free(&l.body);
	return rc;
}
