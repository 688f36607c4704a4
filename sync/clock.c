#include "clock.h"

#include "cursor.h"
#include "engine_impl.h"
#include "incarnation.h"
#include "release.h"
#include "revocation.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS		(UINT64_C(24) * 3600 * 1000)
#define READING_MAX	(HLC_MAKE(CLOCK_LAST_MS) | 0xFFFF)

static const struct catalogue_column g_clock_columns[] = {
	{ .number = CLOCK_ORIGIN, .name = "origin", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = ORIGIN_BYTES,
	  .required = true, .note = "whose readings" },
	{ .number = CLOCK_SINCE, .name = "since", .type = COLUMN_BLOB, .policy = POLICY_APPEND,
	  .max = CLOCK_SINCE_BYTES, .required = true, .note = "the first reading it counts for, big-endian" },
	{ .number = CLOCK_SHIFT, .name = "shift_ms", .type = COLUMN_INTEGER, .policy = POLICY_APPEND, .required = true,
	  .note = "they count as so much later; negative: earlier" },
};

const struct catalogue_table clock_table = {
	.number = 1003,
	.name = "clock_correction",
	.key_column = "id",
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	.is_insert_only = true,
	.columns = g_clock_columns,
	.columns_count = sizeof(g_clock_columns) / sizeof(g_clock_columns[0]),
	.note = "what clock readings count for",
};

const char *
clock_tables_ddl(void)
{
	return "CREATE TABLE sync_waiting(\n"
	    "\torigin BLOB NOT NULL,     -- whose commits were not taken\n"
	    "\tunit TEXT NOT NULL,\n"
	    "\treach INTEGER NOT NULL,\n"
	    "\tseq INTEGER NOT NULL,     -- the highest number of them\n"
	    "\thlc INTEGER NOT NULL,     -- the highest reading among them; 0: they depend on others that wait\n"
	    "\tPRIMARY KEY(origin, unit, reach)\n"
	    ") STRICT, WITHOUT ROWID;\n";
}

/* --- what a reading counts for ---------------------------------------------------------------- */

static int
shift_cmp(const void *pa, const void *pb)
{
	const struct clock_shift *a = pa, *b = pb;
	int c = memcmp(a->origin, b->origin, ORIGIN_BYTES);

	if (c != 0)
		return c;
	if (a->since != b->since)
		return a->since < b->since ? -1 : 1;
	if (a->level != b->level)
		return a->level < b->level ? -1 : 1;
	return memcmp(a->key.b, b->key.b, KEY_BYTES);
}

/* The last entry of @origin at or below @hlc; NULL: none. */
static const struct clock_shift *
shift_find(const struct clock_state *c, const uint8_t *origin, uint64_t hlc)
{
	size_t low = 0, high = c->count, middle;

	while (low < high) {
		int order;

		middle = low + (high - low) / 2;
		order = memcmp(c->shifts[middle].origin, origin, ORIGIN_BYTES);
		if (order < 0 || (order == 0 && c->shifts[middle].since <= hlc))
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && memcmp(c->shifts[low - 1].origin, origin, ORIGIN_BYTES) == 0 ? &c->shifts[low - 1] : NULL;
}

static uint64_t
shifted(uint64_t hlc, int64_t shift_ms)
{
	uint64_t ms = HLC_MS(hlc), by;

	if (shift_ms >= 0) {
		by = (uint64_t)shift_ms;
		return ms >= CLOCK_LAST_MS || by > CLOCK_LAST_MS - ms ? READING_MAX :
		    HLC_MAKE(ms + by) | (hlc & 0xFFFF);
	}
	by = 0 - (uint64_t)shift_ms;
	return by > ms ? 0 : HLC_MAKE(ms - by) | (hlc & 0xFFFF);
}

/* C13. */
uint64_t
clock_effective(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], uint64_t hlc)
{
	const struct clock_shift *s;
	uint64_t effective;

	if (hlc > READING_MAX)
		hlc = READING_MAX;
	if (e->clock.count == 0 || (s = shift_find(&e->clock, origin, hlc)) == NULL)
		return hlc;
	effective = shifted(hlc, s->shift_ms);
	return effective > s->floor ? effective : s->floor;
}

/* --- our own clock ---------------------------------------------------------------------------- */

/* The offset is dropped when the machine's clock was set right itself: when it has run as far forward as the offset
 * was to bring it, or when without the offset it stands nearer to what is held of others than with it. */
static int64_t
offset_now(const struct clock_state *c, uint64_t env_ms)
{
	uint64_t by, with;

	if (c->offset_ms >= 0) {
		by = (uint64_t)c->offset_ms;
		return by > DAY_MS && env_ms + CLOCK_TOLERANCE_MS >= c->offset_env_ms + by ? 0 : c->offset_ms;
	}
	by = 0 - (uint64_t)c->offset_ms;
	if (by > env_ms)
		return 0;
	with = env_ms - by;
	return with + CLOCK_TOLERANCE_MS < c->others && env_ms + CLOCK_TOLERANCE_MS >= c->others &&
	    env_ms < c->others + (c->others - with) ? 0 : c->offset_ms;
}

uint64_t
clock_now_ms(const struct engine *e)
{
	uint64_t now = e->env.now_ms(e->env.ctx);

	now += (uint64_t)offset_now(&e->clock, now);
	return now < CLOCK_LAST_MS - DAY_MS ? now : CLOCK_LAST_MS - DAY_MS;
}

/* C15.  A node that has not yet received its own credential knows nothing, and judges nobody. */
bool
clock_is_behind(const struct engine *e)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	uint64_t now = clock_now_ms(e);
	bool is_new = !e->is_enrolled && memcmp(e->self.origin, e->self.base, ORIGIN_BYTES) == 0 &&
	    memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0;

	return is_new || now < CLOCK_FIRST_MS || now + CLOCK_TOLERANCE_MS < e->clock.others;
}

/* C16. */
bool
clock_is_future(const struct engine *e, uint64_t effective)
{
#ifdef BUG_P14_TAKE_FUTURE
	return false;
#endif
	return HLC_MS(effective) > clock_now_ms(e) + CLOCK_TOLERANCE_MS && !clock_is_behind(e);
}

/* While behind, the clock runs from the highest reading held of others. */
static uint64_t
lifted_ms(struct engine *e)
{
	struct clock_state *c = &e->clock;
	uint64_t env = e->env.now_ms(e->env.ctx), now;

	if (c->lift_ms == 0 || env < c->lift_env_ms || c->lift_ms + (env - c->lift_env_ms) < c->others) {
		now = clock_now_ms(e);
		c->lift_ms = c->others > now ? c->others : now;
		c->lift_env_ms = env;
	}
	now = c->lift_ms + (env - c->lift_env_ms);
	return now < CLOCK_LAST_MS - DAY_MS ? now : CLOCK_LAST_MS - DAY_MS;
}

uint64_t
clock_running_ms(struct engine *e)
{
	return clock_is_behind(e) ? lifted_ms(e) : clock_now_ms(e);
}

bool
clock_counts(const struct engine *e, const struct stream *s, uint64_t seq)
{
	struct engine *writable = (struct engine *)(uintptr_t)e;	/* it changes nothing but its statements */
	bool is_lifted = false;

	return seq <= revocation_cut(e, s, true, NULL) ||
	    (release_lifts_revocation(writable, s, seq, true, &is_lifted, NULL) == RC_OK && is_lifted);
}

static void
reading_count(struct engine *e, const struct stream *s, uint64_t hlc)
{
	bool is_own = stream_is_own(e, s), is_ours = is_own || incarnation_is_ours(e, s->origin);
	uint64_t counts = clock_effective(e, s->origin, hlc);

	if (!is_ours && !clock_counts(e, s, s->head_seq))
		return;
	/* What an earlier incarnation of ours wrote in the future is no measure for what we write now. */
	if (is_ours && !is_own && clock_is_future(e, counts))
		return;
	if (is_own && hlc > counts)
		counts = hlc;
	if (counts > e->hlc)
		e->hlc = counts;
	if (!is_ours && HLC_MS(counts) > e->clock.others)
		e->clock.others = HLC_MS(counts);
}

/* Others first: whether our own clock is behind depends on them. */
static void
readings_count(struct engine *e)
{
	uint32_t sid;
	int pass;

	e->hlc = 0;
	e->clock.others = 0;
	memcpy(e->clock.named, e->self.origin, ORIGIN_BYTES);
	for (pass = 0; pass < 2; pass++)
		for (sid = 1; sid <= stream_count(e); sid++) {
			const struct stream *s = stream_at(e, sid);

			if (s->head_seq > 0 && incarnation_is_ours(e, s->origin) == (pass == 1))
				reading_count(e, s, s->head_hlc);
		}
}

void
clock_witness(struct engine *e, const struct stream *s, uint64_t hlc)
{
	reading_count(e, s, hlc);
}

uint64_t
clock_tick(struct engine *e)
{
	uint64_t now;

	if (memcmp(e->clock.named, e->self.origin, ORIGIN_BYTES) != 0)
		readings_count(e);	/* another incarnation: the old one's readings do not bind it */
	if (clock_is_behind(e)) {
		now = HLC_MAKE(lifted_ms(e));
	} else {
		now = HLC_MAKE(clock_now_ms(e));
		e->clock.lift_ms = 0;
	}
#ifdef BUG_P14_LOCAL_CLOCK_WINS
	e->hlc = now - 1;
#endif
	e->hlc = now > e->hlc ? now : e->hlc + 1;
	/* From where on a correction will have to count; if it cannot be noted now, the next save will. */
	if (e->is_in_tx && e->is_writer && (e->clock.behind != 0) != (e->clock.lift_ms != 0) &&
	    clock_behind_set(e, e->clock.lift_ms != 0 ? e->hlc : 0, NULL) != RC_OK)
		e->clock.behind = 0;
	return e->hlc;
}

/* --- what the database holds ------------------------------------------------------------------ */

static enum rc
meta_number_get(struct engine *e, const char *name, uint64_t *numbers, size_t count, struct diag *d)
{
	struct bytes b;
	struct rd r;
	size_t i;
	enum rc rc;

	memset(numbers, 0, count * sizeof(*numbers));
	bytes_init(&b);
	rc = engine_meta_get(e, name, &b, d);
	if (rc == RC_OK && b.n == count * sizeof(*numbers)) {
		r = rd_span(span_bytes(&b));
		for (i = 0; i < count; i++)
			numbers[i] = rd_u64(&r);
	}
	bytes_free(&b);
	return rc;
}

static enum rc
meta_number_set(struct engine *e, const char *name, const uint64_t *numbers, size_t count, struct diag *d)
{
	uint8_t store[64];
	struct bytes b = { store, 0, sizeof(store), false };	/* always fits: never grows */
	size_t i;

	for (i = 0; i < count; i++)
		wr_u64(&b, numbers[i]);
	INVARIANT(b.p == store);
	return engine_meta_set(e, name, span_bytes(&b), d);
}

enum rc
clock_offset_set(struct engine *e, int64_t offset_ms, int64_t peer_ms, struct diag *d)
{
	uint64_t env = e->env.now_ms(e->env.ctx), numbers[3] = { (uint64_t)offset_ms, env, (uint64_t)peer_ms };
	enum rc rc = meta_number_set(e, "clock_offset", numbers, 3, d);

	if (rc != RC_OK)
		return rc;
	e->clock.offset_ms = offset_ms;
	e->clock.offset_env_ms = env;
	e->clock.peer_ms = peer_ms;
	e->clock.has_heard = true;
	return RC_OK;
}

enum rc
clock_behind_set(struct engine *e, uint64_t behind, struct diag *d)
{
	uint64_t env = e->env.now_ms(e->env.ctx), numbers[2] = { behind, env };
	enum rc rc = meta_number_set(e, "clock_behind", numbers, 2, d);

	if (rc != RC_OK)
		return rc;
	e->clock.behind = behind;
	e->clock.behind_env_ms = env;
	return RC_OK;
}

static enum rc
metas_load(struct engine *e, struct diag *d)
{
	struct clock_state *c = &e->clock;
	uint64_t numbers[3];
	enum rc rc = meta_number_get(e, "clock_offset", numbers, 3, d);

	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	c->has_heard = rc == RC_OK;
	c->offset_ms = (int64_t)numbers[0];
	c->offset_env_ms = numbers[1];
	c->peer_ms = (int64_t)numbers[2];
	rc = meta_number_get(e, "clock_behind", numbers, 2, d);
	c->behind = numbers[0];
	c->behind_env_ms = numbers[1];
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc
waiting_count(struct engine *e, struct diag *d)
{
	static const char sql[] = "SELECT count(*) FROM sync_waiting";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		e->clock.waiting = (uint64_t)sqlite3_column_int64(stmt, 0);
	else
		rc = engine_sqlite_rc(e, code, "reading what waits", d);
	engine_done(stmt);
	return rc;
}

/* Keep the last of each (origin, since), which is that of the highest author, and find the floors. */
static void
shifts_finish(struct clock_shift *list, size_t *count)
{
	size_t i, n = 0;

	if (*count > 1)
		qsort(list, *count, sizeof(*list), shift_cmp);
	for (i = 0; i < *count; i++) {
		bool is_again = n > 0 && memcmp(list[n - 1].origin, list[i].origin, ORIGIN_BYTES) == 0;

		if (is_again && list[n - 1].since == list[i].since)
			n--;
		list[n++] = list[i];
	}
	*count = n;
	for (i = 0; i < n; i++) {
		uint64_t before = list[i].since == 0 ? 0 : list[i].since - 1, counts = before;

		if (i > 0 && memcmp(list[i - 1].origin, list[i].origin, ORIGIN_BYTES) == 0) {
			counts = shifted(before, list[i - 1].shift_ms);
			counts = counts > list[i - 1].floor ? counts : list[i - 1].floor;
		}
		list[i].floor = counts;
	}
}

static enum rc
shift_add(struct engine *e, sqlite3_stmt *stmt, struct clock_shift **list, size_t *count, size_t *cap)
{
	struct value key = value_of_column(stmt, 0), origin = value_of_column(stmt, 1),
	    since = value_of_column(stmt, 2);
	uint64_t v = (uint64_t)sqlite3_column_int64(stmt, 4);
	struct clock_shift *grown, *s;
	struct rd r;

	if (key.s.n != KEY_BYTES || origin.s.n != ORIGIN_BYTES || since.s.n != CLOCK_SINCE_BYTES ||
	    VERSION_SID(v) == 0 || VERSION_SID(v) > stream_count(e))
		return RC_OK;		/* nobody could have saved it: verify will tell */
	if (*count == *cap) {
		*cap = *cap == 0 ? 8 : *cap * 2;
		if ((grown = mem_grow(*list, *cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		*list = grown;
	}
	s = &(*list)[(*count)++];
	memset(s, 0, sizeof(*s));
	memcpy(s->key.b, key.s.p, KEY_BYTES);
	memcpy(s->origin, origin.s.p, ORIGIN_BYTES);
	r = rd_span(since.s);
	s->since = rd_u64(&r);
	s->shift_ms = sqlite3_column_int64(stmt, 3);
	s->level = stream_at(e, VERSION_SID(v))->level;
	return RC_OK;
}

static enum rc
shifts_read(struct engine *e, struct clock_shift **out, size_t *count, struct diag *d)
{
	static const char sql[] = "SELECT id, origin, since, shift_ms, _v FROM clock_correction";
	sqlite3_stmt *stmt;
	size_t cap = 0;
	enum rc rc;
	int code = SQLITE_DONE;

	*out = NULL;
	*count = 0;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = shift_add(e, stmt, out, count, &cap);
	engine_done(stmt);
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading clock corrections", d);
	if (rc == RC_OK) {
		shifts_finish(*out, count);
		return RC_OK;
	}
	mem_free(*out);
	*out = NULL;
	*count = 0;
	return rc;
}

enum rc
clock_lend(struct engine *e, const struct clock_shift *more, size_t count)
{
	struct clock_state *c = &e->clock;
	struct clock_shift *list;
	size_t all = c->count + count;

	INVARIANT(!c->is_lent);
	if (count == 0)
		return RC_OK;
	if ((list = mem_array(all, sizeof(*list))) == NULL)
		return RC_NOMEM;
	if (c->count > 0)
		memcpy(list, c->shifts, c->count * sizeof(*list));
	memcpy(list + c->count, more, count * sizeof(*list));
	shifts_finish(list, &all);
	c->own_shifts = c->shifts;
	c->own_count = c->count;
	c->shifts = list;
	c->count = all;
	c->is_lent = true;
	return RC_OK;
}

void
clock_lend_end(struct engine *e)
{
	struct clock_state *c = &e->clock;

	if (!c->is_lent)
		return;
	mem_free(c->shifts);
	c->shifts = c->own_shifts;
	c->count = c->own_count;
	c->is_lent = false;
}

void
clock_free(struct engine *e)
{
	clock_lend_end(e);
	mem_free(e->clock.shifts);
	e->clock.shifts = NULL;
	e->clock.count = 0;
}

enum rc
clock_load(struct engine *e, struct diag *d)
{
	enum rc rc;

	clock_free(e);
	if ((rc = shifts_read(e, &e->clock.shifts, &e->clock.count, d)) != RC_OK ||
	    (rc = metas_load(e, d)) != RC_OK || (rc = waiting_count(e, d)) != RC_OK)
		return rc;
	readings_count(e);
	return RC_OK;
}

enum rc
clock_swap(struct engine *e, struct clock_shift **old, size_t *old_count, struct diag *d)
{
	struct clock_shift *now;
	size_t count;
	enum rc rc;

	INVARIANT(!e->clock.is_lent);
	if ((rc = shifts_read(e, &now, &count, d)) != RC_OK)
		return rc;
	*old = e->clock.shifts;
	*old_count = e->clock.count;
	e->clock.shifts = now;
	e->clock.count = count;
	readings_count(e);
	return RC_OK;
}
