#include "belief.h"

#include "engine_impl.h"

#include <string.h>

#define UNWRITTEN	(UINT32_C(1) << 31)
#define SEQ_MASK	(UNWRITTEN - 1)
#define SID_KNOWN	0	/* no stream has this number: the row says that the beliefs mean something */
#define SID_DONE_ID	(-1)	/* so that a new process, too, can tell them what it holds whole: */
#define SID_DONE_TOTAL	(-2)	/* beside the beliefs, because it is true no longer than they are */
#define SID_RECEIPTS	(-3)
#define BELIEF_STREAMS_MAX (UINT32_C(1) << 24)

_Static_assert(STREAM_SEQ_MAX <= SEQ_MASK, "a number and the mark fit into 32 bits");

uint64_t
belief_get(const struct belief *b, uint32_t sid)
{
	return sid < b->count ? b->seqs[sid] & SEQ_MASK : 0;
}

static bool
belief_room(struct belief *b, uint32_t sid)
{
	size_t count = b->count == 0 ? 16 : b->count;
	uint32_t *seqs;

	if (sid < b->count)
		return true;
	if (sid > BELIEF_STREAMS_MAX)
		return false;
	while (count <= sid)
		count *= 2;
	if ((seqs = mem_grow(b->seqs, count, sizeof(*seqs))) == NULL)
		return false;
	memset(seqs + b->count, 0, (count - b->count) * sizeof(*seqs));
	b->seqs = seqs;
	b->count = count;
	return true;
}

void
belief_set(struct belief *b, uint32_t sid, uint64_t seq)
{
	if (seq > STREAM_SEQ_MAX)
		seq = STREAM_SEQ_MAX;
	if (belief_get(b, sid) == seq || !belief_room(b, sid))
		return;
	b->seqs[sid] = (uint32_t)seq | UNWRITTEN;
	b->is_dirty = true;
}

void
belief_raise(struct belief *b, uint32_t sid, uint64_t seq)
{
	if (seq > belief_get(b, sid))
		belief_set(b, sid, seq);
}

void
belief_know(struct belief *b)
{
	if (b->is_known)
		return;
	b->is_known = true;
	b->is_known_written = false;
	b->is_dirty = true;
}

void
belief_receipts(struct belief *b, uint64_t n)
{
	if (n <= b->receipts)
		return;
	b->receipts = n;
	b->is_dirty = true;
}

void
belief_trim(struct belief *b, size_t last)
{
	size_t i;

	for (i = last + 1; i < b->count; i++)
		b->seqs[i] = 0;
}

void
belief_fini(struct belief *b)
{
	mem_free(b->seqs);
	memset(b, 0, sizeof(*b));
}

enum rc
belief_load(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct belief *b, struct diag *d)
{
	static const char sql[] = "SELECT sid, seq FROM sync_belief WHERE peer = ?1";
	sqlite3_stmt *stmt;
	int64_t sid, seq;
	enum rc rc;
	int code;

	if (b->is_loaded)
		return RC_OK;
	belief_fini(b);
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(peer, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
		if (code != SQLITE_ROW) {
			rc = engine_sqlite_rc(e, code, "reading what a peer holds", d);
			break;
		}
		sid = sqlite3_column_int64(stmt, 0);
		seq = sqlite3_column_int64(stmt, 1);
		if (sid == SID_KNOWN) {
			b->is_known = b->is_known_written = true;
		} else if (sid == SID_DONE_ID) {
			b->done_id = (uint64_t)seq;
		} else if (sid == SID_DONE_TOTAL) {
			b->done_total = (uint64_t)seq;
		} else if (sid == SID_RECEIPTS) {
			b->receipts = (uint64_t)seq;
		} else if (sid > 0 && (uint64_t)sid <= stream_count(e) && seq >= 0) {
			if (belief_room(b, (uint32_t)sid))
				b->seqs[sid] = (uint32_t)seq & SEQ_MASK;
			else
				rc = RC_NOMEM;
		}
	}
	engine_done(stmt);
	b->is_loaded = rc == RC_OK;
	return rc;
}

static enum rc
belief_write(struct engine *e, const uint8_t peer[ORIGIN_BYTES], int64_t sid, uint64_t seq, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_belief(peer, sid, seq) VALUES(?1, ?2, ?3) "
	    "ON CONFLICT(peer, sid) DO UPDATE SET seq = excluded.seq";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 2, sid);
	(void)sqlite3_bind_int64(stmt, 3, (int64_t)seq);
	if (value_bind(stmt, 1, value_blob(span_of(peer, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	return engine_run(e, stmt, "noting what a peer holds", d);
}

enum rc
belief_put(struct engine *e, const uint8_t peer[ORIGIN_BYTES], const struct belief *b, struct diag *d)
{
	enum rc rc = RC_OK;
	size_t i;

	if (b->is_known && !b->is_known_written)
		rc = belief_write(e, peer, SID_KNOWN, 1, d);
	if (rc == RC_OK && b->done_total != 0 &&
	    (rc = belief_write(e, peer, SID_DONE_ID, b->done_id, d)) == RC_OK)
		rc = belief_write(e, peer, SID_DONE_TOTAL, b->done_total, d);
	if (rc == RC_OK && b->receipts != 0)
		rc = belief_write(e, peer, SID_RECEIPTS, b->receipts, d);
	for (i = 1; rc == RC_OK && i < b->count; i++)
		if ((b->seqs[i] & UNWRITTEN) != 0)
			rc = belief_write(e, peer, (int64_t)i, b->seqs[i] & SEQ_MASK, d);
	return rc;
}

void
belief_written(struct belief *b)
{
	size_t i;

	for (i = 1; i < b->count; i++)
		b->seqs[i] &= SEQ_MASK;
	b->is_known_written = b->is_known;
	b->is_dirty = false;
}

enum rc
belief_flush(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct belief *b, struct diag *d)
{
	enum rc rc;

	if (!b->is_dirty)
		return RC_OK;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	if ((rc = belief_put(e, peer, b, d)) == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK) {
		engine_rollback(e);
		return rc;
	}
	belief_written(b);
	return RC_OK;
}
