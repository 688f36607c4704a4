#include "stream.h"

#include "commit.h"
#include "engine_impl.h"

#include <sodium.h>
#include <string.h>

#define SLOTS_FIRST 64

size_t
stream_count(const struct engine *e)
{
	return e->streams_count;
}

struct stream *
stream_at(const struct engine *e, uint32_t sid)
{
	INVARIANT(sid >= 1);
	INVARIANT(sid <= e->streams_count);
	return e->streams[sid - 1];
}

bool
stream_version_ok(const struct engine *e, uint64_t v)
{
	return VERSION_SEQ(v) != 0 && VERSION_SID(v) != 0 && v >> STREAM_SEQ_BITS <= e->streams_count;
}

bool
stream_is_own(const struct engine *e, const struct stream *s)
{
	return memcmp(s->origin, e->self.origin, ORIGIN_BYTES) == 0;
}

/* --- look-up by name: open addressing over stream numbers --------------------------------------------------------- */

static size_t
slot_start(const struct engine *e, const uint8_t *origin, unit_id u, enum reach reach)
{
	uint64_t h = 0;
	size_t i;

	for (i = 0; i < ORIGIN_BYTES; i++)
		h = h << 8 | origin[i];
	h = (h ^ ((uint64_t)u << 1 | (uint64_t)reach)) * UINT64_C(0x9E3779B97F4A7C15);
	return (size_t)(h >> 32) & (e->stream_slots_count - 1);
}

static void
slot_put(struct engine *e, const struct stream *s)
{
	size_t i = slot_start(e, s->origin, s->unit, s->reach);

	while (e->stream_slots[i] != 0)
		i = (i + 1) & (e->stream_slots_count - 1);
	e->stream_slots[i] = s->sid;
}

static bool
slots_grow(struct engine *e)
{
	size_t i, count = e->stream_slots_count == 0 ? SLOTS_FIRST : e->stream_slots_count * 2;
	uint32_t *slots = mem_array(count, sizeof(*slots));

	if (slots == NULL)
		return false;
	mem_free(e->stream_slots);
	e->stream_slots = slots;
	e->stream_slots_count = count;
	for (i = 0; i < e->streams_count; i++)
		slot_put(e, e->streams[i]);
	return true;
}

struct stream *
stream_find(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], unit_id u, enum reach reach)
{
	size_t i;

	if (e->stream_slots_count == 0)
		return NULL;
	for (i = slot_start(e, origin, u, reach); e->stream_slots[i] != 0; i = (i + 1) & (e->stream_slots_count - 1)) {
		struct stream *s = e->streams[e->stream_slots[i] - 1];

		if (s->unit == u && s->reach == reach && memcmp(s->origin, origin, ORIGIN_BYTES) == 0)
			return s;
	}
	return NULL;
}

/* --- hashes ------------------------------------------------------------------------------------------------------- */

static void
name_put(const struct engine *e, const struct stream *s, const char *purpose, struct bytes *out)
{
	struct span unit = unit_key(e, s->unit);

	bytes_str(out, purpose);
	bytes_put(out, s->origin, ORIGIN_BYTES);
	bytes_byte(out, (uint8_t)unit.n);
	bytes_put(out, unit.p, unit.n);
	bytes_byte(out, (uint8_t)s->reach);
}

void
stream_hash_zero(const struct engine *e, const struct stream *s, uint8_t out[HASH_BYTES])
{
	uint8_t store[128];
	struct bytes b = { store, 0, sizeof(store), false };	/* a name always fits: never grows */

	name_put(e, s, "sync stream 1", &b);
	(void)crypto_generichash(out, HASH_BYTES, b.p, b.n, NULL, 0);
}

void
stream_hash_next(const uint8_t prev[HASH_BYTES], struct span body, uint8_t out[HASH_BYTES])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
	(void)crypto_generichash_update(&state, prev, HASH_BYTES);
	(void)crypto_generichash_update(&state, body.p, body.n);
	(void)crypto_generichash_final(&state, out, HASH_BYTES);
}

static enum rc
hash_step(void *ctx, uint64_t seq, struct span body)
{
	uint8_t hash[HASH_BYTES];

	(void)seq;
	stream_hash_next(ctx, body, hash);
	memcpy(ctx, hash, HASH_BYTES);
	return RC_OK;
}

/* From the newest seal at or before it. */
enum rc
stream_hash_at(struct engine *e, const struct stream *s, uint64_t seq, uint8_t out[HASH_BYTES], struct diag *d)
{
	static const char sql[] = "SELECT v, hash FROM sync_seal WHERE v BETWEEN ?1 AND ?2 ORDER BY v DESC LIMIT 1";
	sqlite3_stmt *stmt;
	uint64_t from = 0;
	enum rc rc;

	INVARIANT(seq <= s->head_seq);
	if (seq == s->head_seq) {
		memcpy(out, s->head_hash, HASH_BYTES);
		return RC_OK;
	}
	stream_hash_zero(e, s, out);
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, 0));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(s->sid, seq));
	if (sqlite3_step(stmt) == SQLITE_ROW && value_of_column(stmt, 1).s.n == HASH_BYTES) {
		memcpy(out, value_of_column(stmt, 1).s.p, HASH_BYTES);
		from = VERSION_SEQ((uint64_t)sqlite3_column_int64(stmt, 0));
	}
	engine_done(stmt);
	return from == seq ? RC_OK : log_each(e, s->sid, from + 1, seq, hash_step, out, d);
}

/* --- memory and table ------------------------------------------------------------------------- */

static void
stream_origin_fill(const struct engine *e, struct stream *s)
{
	const struct origin_entry *o = origin_find(e, s->origin);

	s->level = o == NULL ? LEVEL_NONE : o->level;
	s->origin_unit = o == NULL ? UNIT_NONE : o->unit;
}

static struct stream *
stream_add(struct engine *e, const uint8_t *origin, unit_id u, enum reach reach)
{
	struct stream **grown, *s;

	if (e->streams_count == e->streams_cap) {
		size_t cap = e->streams_cap == 0 ? 64 : e->streams_cap * 2;

		if ((grown = mem_grow(e->streams, cap, sizeof(*grown))) == NULL)
			return NULL;
		e->streams = grown;
		e->streams_cap = cap;
	}
	if ((e->streams_count + 1) * 2 > e->stream_slots_count && !slots_grow(e))
		return NULL;
	if ((s = mem_alloc(sizeof(*s))) == NULL)
		return NULL;
	s->sid = (uint32_t)(e->streams_count + 1);
	s->unit = u;
	s->reach = reach;
	memcpy(s->origin, origin, ORIGIN_BYTES);
	stream_origin_fill(e, s);
	stream_hash_zero(e, s, s->head_hash);
	e->streams[e->streams_count++] = s;
	slot_put(e, s);
	return s;
}

enum rc
stream_open(struct engine *e, const uint8_t origin[ORIGIN_BYTES], unit_id u, enum reach reach, struct stream **out,
    struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_stream(sid, origin, unit, reach) VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *stmt;
	struct stream *s = stream_find(e, origin, u, reach);
	enum rc rc;

	if (s != NULL && s->is_stored) {
		*out = s;
		return RC_OK;
	}
	if (s == NULL && (s = stream_add(e, origin, u, reach)) == NULL)
		return RC_NOMEM;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, s->sid);
	if (value_bind(stmt, 2, value_blob(span_of(s->origin, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 3, value_text(unit_key(e, u))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(stmt, 4, (int)reach);
	if ((rc = engine_run(e, stmt, "adding a stream", d)) != RC_OK)
		return rc;
	stream_origin_fill(e, s);
	s->is_stored = true;
	*out = s;
	return RC_OK;
}

/* --- reload: what the database holds becomes what memory holds -------------------------------------------------- */

static enum rc
newest_seal(struct engine *e, struct stream *s, struct diag *d)
{
	static const char sql[] = "SELECT v, hash FROM sync_seal WHERE v BETWEEN ?1 AND ?2 ORDER BY v DESC LIMIT 1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	s->sealed_seq = 0;
	stream_hash_zero(e, s, s->head_hash);
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(s->sid, 0));
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(s->sid, STREAM_SEQ_MAX));
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		struct value hash = value_of_column(stmt, 1);

		if (hash.s.n == HASH_BYTES) {
			memcpy(s->head_hash, hash.s.p, HASH_BYTES);
			s->sealed_seq = VERSION_SEQ((uint64_t)sqlite3_column_int64(stmt, 0));
		}
	} else if (code != SQLITE_DONE) {
		rc = engine_sqlite_rc(e, code, "reading seals", d);
	}
	engine_done(stmt);
	return rc;
}

struct head_walk {
	struct stream *s;
	struct engine *e;
};

static enum rc
head_step(void *ctx, uint64_t seq, struct span body)
{
	struct head_walk *w = ctx;
	uint8_t hash[HASH_BYTES];

	if (seq != w->s->head_seq + 1)
		return RC_CORRUPT;
	if (seq > w->s->sealed_seq) {
		stream_hash_next(w->s->head_hash, body, hash);
		memcpy(w->s->head_hash, hash, HASH_BYTES);
		w->s->unsealed_bytes += body.n;
	}
	w->s->head_seq = seq;
	return commit_hlc(body, &w->s->head_hlc);
}

/* The head is what the log says: the chain is recomputed from the newest seal on. */
enum rc
stream_head_reload(struct engine *e, struct stream *s, struct diag *d)
{
	struct head_walk w = { s, e };
	enum rc rc;

	s->head_hlc = 0;
	s->unsealed_bytes = 0;
	s->changed = ++e->change_tick;
	s->frontier_tick = 0;
	if ((rc = newest_seal(e, s, d)) != RC_OK)
		return rc;
	s->head_seq = s->sealed_seq == 0 ? 0 : s->sealed_seq - 1;	/* from the sealed one on, for its clock */
	rc = log_each(e, s->sid, s->head_seq + 1, STREAM_SEQ_MAX, head_step, &w, d);
	if (rc == RC_PEER || rc == RC_CORRUPT || (rc == RC_OK && s->head_seq < s->sealed_seq))
		return diag_fail(d, RC_CORRUPT, "the log is damaged after commit %llu of stream %u",
		    (unsigned long long)s->head_seq, s->sid);
	if (rc == RC_OK)
		clock_witness(e, s, s->head_hlc);
	return rc;
}

/* Forget the streams that a rolled-back transaction had added. */
static void
streams_forget(struct engine *e, size_t stored)
{
	size_t i;

	if (e->streams_count == stored)
		return;
	while (e->streams_count > stored)
		mem_free(e->streams[--e->streams_count]);
	memset(e->stream_slots, 0, e->stream_slots_count * sizeof(*e->stream_slots));
	for (i = 0; i < e->streams_count; i++)
		slot_put(e, e->streams[i]);
}

enum rc
stream_reload(struct engine *e, struct diag *d)
{
	static const char sql[] = "SELECT sid, origin, unit, reach FROM sync_stream ORDER BY sid";
	sqlite3_stmt *stmt;
	uint32_t stored = 0, sid;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct value origin = value_of_column(stmt, 1), unit = value_of_column(stmt, 2);
		unit_id u;

		sid = (uint32_t)sqlite3_column_int64(stmt, 0);
		if (sid != ++stored || origin.s.n != ORIGIN_BYTES) {
			rc = diag_fail(d, RC_CORRUPT, "the list of streams is damaged at %u", sid);
		} else if (sid > e->streams_count) {
			u = unit_intern(e, unit.s);
			if (u == UNIT_NONE || stream_add(e, origin.s.p, u,
			    (enum reach)sqlite3_column_int(stmt, 3)) == NULL)
				rc = RC_NOMEM;
		}
	}
	engine_done(stmt);
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading streams", d);
	if (rc == RC_OK)
		streams_forget(e, stored);
	e->unsealed_bytes = 0;
	e->unsealed_streams = 0;
	for (sid = 1; rc == RC_OK && sid <= e->streams_count; sid++) {
		struct stream *s = stream_at(e, sid);

		s->is_stored = true;
		stream_origin_fill(e, s);
		rc = stream_head_reload(e, s, d);
		if (stream_is_own(e, s) && s->sealed_seq < s->head_seq) {
			e->unsealed_bytes += s->unsealed_bytes;
			e->unsealed_streams++;
		}
	}
	return rc;
}
