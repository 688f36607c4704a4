#include "clock_wait.h"

#include "engine_impl.h"
#include "revocation.h"

#include <string.h>

enum rc
clock_wait_put(struct engine *e, const struct stream *s, uint64_t seq, uint64_t hlc, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_waiting(origin, unit, reach, seq, hlc) VALUES(?1, ?2, ?3, ?4, ?5) "
	    "ON CONFLICT(origin, unit, reach) DO UPDATE SET seq = max(seq, excluded.seq), hlc = max(hlc, excluded.hlc)";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(s->origin, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(stmt, 2, value_text(unit_key(e, s->unit))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(stmt, 3, (int)s->reach);
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)seq);
	(void)sqlite3_bind_int64(stmt, 5, (int64_t)(hlc > INT64_MAX ? INT64_MAX : hlc));
	e->clock.waiting++;	/* or as many as before: it only says that there are some */
	return engine_run(e, stmt, "noting what waits", d);
}

/* The statement @sql with the name of @s in its first three parameters. */
static enum rc
named_stmt(struct engine *e, const char *sql, const struct stream *s, sqlite3_stmt **out, struct diag *d)
{
	enum rc rc = engine_stmt(e, sql, out, d);

	if (rc != RC_OK)
		return rc;
	if (value_bind(*out, 1, value_blob(span_of(s->origin, ORIGIN_BYTES))) != SQLITE_OK ||
	    value_bind(*out, 2, value_text(unit_key(e, s->unit))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(*out, 3, (int)s->reach);
	return RC_OK;
}

enum rc
clock_wait_has(struct engine *e, const struct stream *s, uint64_t seq, bool *out, struct diag *d)
{
	static const char sql[] = "SELECT seq FROM sync_waiting WHERE origin = ?1 AND unit = ?2 AND reach = ?3";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	*out = false;
	if (e->clock.waiting == 0)
		return RC_OK;
	if ((rc = named_stmt(e, sql, s, &stmt, d)) != RC_OK)
		return rc;
	code = sqlite3_step(stmt);
	*out = code == SQLITE_ROW && seq > s->head_seq && seq <= (uint64_t)sqlite3_column_int64(stmt, 0);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading what waits", d);
	engine_done(stmt);
	return rc;
}

enum rc
clock_wait_taken(struct engine *e, const struct stream *s, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_waiting WHERE origin = ?1 AND unit = ?2 AND reach = ?3 "
	    "AND seq <= ?4";
	sqlite3_stmt *stmt;
	enum rc rc;

	if (e->clock.waiting == 0)
		return RC_OK;
	if ((rc = named_stmt(e, sql, s, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 4, (int64_t)s->head_seq);
	return engine_run(e, stmt, "noting what waits no more", d);
}

static enum rc
waiting_read(struct engine *e, sqlite3_stmt *stmt, struct clock_waiting *w)
{
	struct value origin = value_of_column(stmt, 0);
	uint64_t hlc = (uint64_t)sqlite3_column_int64(stmt, 3), now = clock_now_ms(e);

	memset(w, 0, sizeof(*w));
	if (origin.s.n != ORIGIN_BYTES)
		return RC_CORRUPT;
	memcpy(w->origin, origin.s.p, ORIGIN_BYTES);
	w->unit = value_of_column(stmt, 1).s;
	w->seq = (uint64_t)sqlite3_column_int64(stmt, 2);
	if (hlc != 0)
		w->effective_ms = HLC_MS(clock_effective(e, w->origin, hlc));
	w->ahead_ms = w->effective_ms > now ? w->effective_ms - now : 0;
	return RC_OK;
}

enum rc
clock_wait_each(struct engine *e, clock_waiting_fn fn, void *ctx, struct diag *d)
{
	static const char sql[] = "SELECT origin, unit, seq, hlc FROM sync_waiting ORDER BY origin, unit, reach";
	sqlite3_stmt *stmt;
	struct clock_waiting w;
	enum rc rc;
	int code = SQLITE_DONE;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		if ((rc = waiting_read(e, stmt, &w)) == RC_OK)
			rc = fn(ctx, &w);
	engine_done(stmt);
	return rc == RC_OK && code != SQLITE_DONE ? engine_sqlite_rc(e, code, "reading what waits", d) : rc;
}

struct looking {
	struct engine *e;
	bool has_future, has_past, has_any;
};

static enum rc
look(void *ctx, const struct clock_waiting *w)
{
	struct looking *l = ctx;

	const struct origin_entry *by = origin_find(l->e, w->origin);

	l->has_any = true;
	if (by != NULL && revocation_of(l->e, by->pubkey) != NULL)
		l->has_past = true;	/* its readings are worth nothing any more */
	else if (w->effective_ms != 0 && clock_is_future(l->e, HLC_MAKE(w->effective_ms)))
		l->has_future = true;
	else if (w->effective_ms != 0)
		l->has_past = true;
	return RC_OK;
}

enum rc
clock_wait_is_over(struct engine *e, bool *out, struct diag *d)
{
	struct looking l = { .e = e };
	enum rc rc = e->clock.waiting == 0 ? RC_OK : clock_wait_each(e, look, &l, d);

	*out = rc == RC_OK && (l.has_past || !l.has_future);
	if (rc == RC_OK && !l.has_any)
		e->clock.waiting = 0;
	return rc;
}

static uint64_t
stream_name_hash(const uint8_t origin[ORIGIN_BYTES], struct span unit, enum reach reach)
{
	uint64_t name = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)reach;
	size_t i;

	for (i = 0; i < ORIGIN_BYTES; i++)
		name = (name ^ origin[i]) * UINT64_C(0x100000001b3);
	for (i = 0; i < unit.n; i++)
		name = (name ^ unit.p[i]) * UINT64_C(0x100000001b3);
	return name;
}

bool
clock_wait_is_gone(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span unit, enum reach reach,
    uint64_t seq)
{
	const struct origin_entry *by = origin_find(e, origin);
	unit_id u = unit_find((struct engine *)(uintptr_t)e, unit);
	const struct stream *s = u == UNIT_NONE ? NULL : stream_find(e, origin, u, reach);
	uint64_t name;
	size_t i;

	/* Beyond the cut of a revocation it has no effect anywhere. */
	if (by != NULL && (s != NULL ? !clock_counts(e, s, seq) : revocation_of(e, by->pubkey) != NULL))
		return true;
	if (!origin_has_siblings(e, origin))
		return false;
	name = stream_name_hash(origin, unit, reach);
	for (i = 0; i < CLOCK_GAPS_MAX; i++)
		if (e->clock.gaps[i].name == name && e->clock.gaps[i].seq == seq &&
		    e->clock.gaps[i].times >= CLOCK_GONE_TIMES)
			return true;
	return e->is_lenient;
}

bool
clock_wait_is_gap(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span unit, enum reach reach,
    uint64_t seq)
{
	struct clock_gap gap = { stream_name_hash(origin, unit, reach), seq, 1 };
	size_t i;

	for (i = 0; i < CLOCK_GAPS_MAX; i++)
		if (e->clock.gaps[i].name == gap.name && e->clock.gaps[i].seq == gap.seq)
			return e->clock.gaps[i].times++ >= CLOCK_GAP_TIMES;
	e->clock.gaps[e->clock.gaps_next++ % CLOCK_GAPS_MAX] = gap;
	return false;
}
