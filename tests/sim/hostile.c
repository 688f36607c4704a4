#include "tests/sim/hostile_impl.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/revocation.h"
#include "sync/stream.h"

const struct unit_of HOSTILE_UNITS[HOSTILE_UNITS_COUNT] = {
	{ "p@2000-01-01", NULL, "province" },
	{ "da@2000-01-01", "p@2000-01-01", "district" },
	{ "db@2000-01-01", "p@2000-01-01", "district" },
	{ "a1@2000-01-01", "da@2000-01-01", "commune" },
	{ "a2@2000-01-01", "da@2000-01-01", "commune" },
	{ "b1@2000-01-01", "db@2000-01-01", "commune" },
};

const struct place HOSTILE_PLACES[NODES] = {
	[PROVINCE] = { 0, 0, LEVEL_PROVINCE },
	[DISTRICT_A] = { 1, PROVINCE, LEVEL_DISTRICT },
	[DISTRICT_B] = { 2, PROVINCE, LEVEL_DISTRICT },
	[COMMUNE_A1] = { 3, DISTRICT_A, LEVEL_COMMUNE },
	[COMMUNE_A2] = { 4, DISTRICT_A, LEVEL_COMMUNE },
	[COMMUNE_B1] = { 5, DISTRICT_B, LEVEL_COMMUNE },
	[SECOND_PC] = { 3, DISTRICT_A, LEVEL_COMMUNE },	/* in the office of A1 */
};

void
hostile_failed(struct hostile *h, const char *fmt, ...)
{
	va_list ap;

	if (h->has_failed)
		return;
	h->has_failed = true;
	va_start(ap, fmt);
	(void)vsnprintf(h->why, HOSTILE_WHY_BYTES_MAX, fmt, ap);
	va_end(ap);
}

void
hostile_told(struct hostile *h, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (const char *p = line; *p != '\0'; p++)
		h->trace = (h->trace ^ (uint8_t)*p) * FNV_PRIME;
	if (h->is_verbose)
		printf("%" PRIu64 " %s\n", h->now_ms, line);
}

static struct hostile_node *
node_draw(struct hostile *h)
{
	return &h->nodes[prng_below(&h->prng, NODES)];
}

static void
meet_some(struct hostile *h)
{
	struct hostile_node *n = node_draw(h);
	struct hostile_node *to = &h->nodes[HOSTILE_PLACES[n->index].parent];

	if (prng_chance(&h->prng, 1, 5))	/* a stick, a neighbour */
		to = node_draw(h);
	if (n != to && HOSTILE_PLACES[n->index].level <= HOSTILE_PLACES[to->index].level)
		(void)hostile_meet(h, n, to);
}

static void
copy_some(struct hostile *h)
{
	struct hostile_node *n = node_draw(h);

	if (n->index == PROVINCE || (n->is_bad && (h->bad & BAD_TWO_FACED) == 0))
		return;
	if (n->twin == NULL) {
		hostile_node_copy(n);
	} else {
		hostile_node_swap(n);
	}
}

static void
revoke_bad(struct hostile *h)
{
	struct hostile_node *n = &h->nodes[h->bad_at];
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if (n->is_revoked || n->index == PROVINCE)
		return;
	rc = revocation_save(h->nodes[PROVINCE].engine, n->origin, span_str("an"), span_str("stolen"), &d);
	hostile_told(h, "node %zu is revoked: %s %s", n->index, rc_name(rc), rc == RC_OK ? "" : d.text);
	if (rc == RC_NOTFOUND)
		return;		/* the province has not heard of it */
	if (rc != RC_OK) {
		hostile_failed(h, "the province cannot revoke: %s: %s", rc_name(rc), d.text);
		return;
	}
	n->is_revoked = true;
	h->counts->revoked++;
}

static void
bad_step(struct hostile *h)
{
	struct hostile_node *n = &h->nodes[h->bad_at];

	if ((h->bad & BAD_OVERSTEPS) != 0 && prng_chance(&h->prng, 1, BAD_ONE_IN))
		hostile_overstep(h, n);
	if ((h->bad & BAD_REPLAYS) != 0)
		hostile_replay(h);
	if ((h->bad & BAD_FUTURE) != 0)
		n->skew_ms = prng_chance(&h->prng, 1, 2) ? 80 * YEAR_MS : 0;
	if ((h->bad & BAD_TWO_FACED) != 0 && n->twin != NULL && prng_chance(&h->prng, 1, 2))
		hostile_node_swap(n);
	hostile_work(h, n, n->is_revoked ? "late" : "bad");
}

static void
step(struct hostile *h)
{
	uint64_t dice = prng_below(&h->prng, 100);
	struct hostile_node *n = node_draw(h);

	h->now_ms += MINUTE_MS;
	if (dice < 35) {
		if (!n->is_bad)
			hostile_work(h, n, "good");
	} else if (dice < 75) {
		meet_some(h);
	} else if (dice < 90) {
		bad_step(h);
	} else if (dice < 98) {
		copy_some(h);
	} else {
		revoke_bad(h);
	}
}

static void
quarantine_tell(const struct hostile_node *n)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(n->db, "SELECT v >> 24, v & 16777215, verdict, reason FROM sync_quarantine", -1, &stmt,
	    NULL) == SQLITE_OK)
		while (sqlite3_step(stmt) == SQLITE_ROW)
			printf("node %zu: quarantine: stream %d, commit %d: %d, %s\n", n->index,
			    sqlite3_column_int(stmt, 0), sqlite3_column_int(stmt, 1), sqlite3_column_int(stmt, 2),
			    (const char *)sqlite3_column_text(stmt, 3));
	(void)sqlite3_finalize(stmt);
}

/* Which streams are not held alike, and why commits do not count. */
static void
heads_tell(const struct hostile *h)
{
	for (size_t i = 0; i < NODES; i++) {
		struct engine *e = h->nodes[i].engine;

		quarantine_tell(&h->nodes[i]);
		for (uint32_t sid = 1; sid <= stream_count(e); sid++) {
			const struct stream *s = stream_at(e, sid);
			struct span unit = unit_key(e, s->unit);

			printf("node %zu: stream %u: %02x%02x %.*s %d up to %" PRIu64 ", %02x%02x\n", i, sid,
			    s->origin[0], s->origin[1],
			    (int)unit.n, (const char *)unit.p, (int)s->reach, s->head_seq, s->head_hash[0],
			    s->head_hash[1]);
		}
	}
}

/* Everybody honest meets everybody else honest until nothing moves.  The bad node is gone: whoever had it for a
 * parent asks the province itself. */
static void
heal(struct hostile *h)
{
	bool is_quiet = false;

	h->is_calm = true;
	for (unsigned k = 0; k < SWEEPS_MAX && !is_quiet && !h->has_failed; k++) {
		is_quiet = true;
		h->now_ms += 2 * 60 * MINUTE_MS;	/* what was sent in vain goes again after an hour */
		for (size_t i = NODES - 1; i > 0 && !h->has_failed; i--) {
			struct hostile_node *n = &h->nodes[i], *to = &h->nodes[HOSTILE_PLACES[i].parent];

			if (n->is_bad)
				continue;
			if (to->is_bad)
				to = &h->nodes[PROVINCE];
			is_quiet = hostile_meet(h, n, to) && is_quiet;
		}
	}
	if (!is_quiet && !h->has_failed && h->is_verbose)
		heads_tell(h);
	if (!is_quiet && !h->has_failed)
		hostile_failed(h, "P8: honest nodes do not become equal");
}

/* Both copies of whoever was copied have to come, or what one of them holds is lost with it. */
static void
heal_copies(struct hostile *h)
{
	heal(h);
	for (size_t i = 0; i < NODES && !h->has_failed; i++) {
		if (h->nodes[i].twin == NULL || h->nodes[i].is_bad)
			continue;
		hostile_node_swap(&h->nodes[i]);
		heal(h);
	}
}

static void
world_make(struct hostile *h, uint64_t seed)
{
	uint8_t root_seed[SEED_BYTES];

	h->now_ms = START_MS;
	h->trace = UINT64_C(0xcbf29ce484222325);
	prng_seed(&h->prng, seed);
	prng_fill(&h->prng, root_seed, sizeof(root_seed));
	credential_keys(root_seed, h->root_pubkey);
	h->bad = 1 + (unsigned)prng_below(&h->prng, 63);
	h->bad_at = 1 + (size_t)prng_below(&h->prng, NODES - 1);
	for (size_t i = 0; i < NODES; i++) {
		h->nodes[i].h = h;
		h->nodes[i].index = i;
		h->nodes[i].skew_ms = (int64_t)prng_below(&h->prng, 8 * MINUTE_MS) - (int64_t)(4 * MINUTE_MS);
		h->nodes[i].is_bad = i == h->bad_at;
		prng_seed(&h->nodes[i].prng, prng_next(&h->prng));
	}
	hostile_told(h, "the bad node is %zu, and does %u", h->bad_at, h->bad);
	h->is_calm = true;
	for (size_t i = 0; i < NODES && !h->has_failed; i++) {
		h->now_ms += MINUTE_MS;
		if (hostile_node_make(h, i, root_seed) && i == PROVINCE)
			hostile_units_save(h);
		if (i != PROVINCE && !h->has_failed)
			(void)hostile_meet(h, &h->nodes[i], &h->nodes[HOSTILE_PLACES[i].parent]);
	}
	/* All are known at the province, or a district's revocation would take those with it that it had admitted
	 * unheard. */
	for (size_t k = 0; k < 2; k++)
		for (size_t i = NODES - 1; i > 0 && !h->has_failed; i--)
			(void)hostile_meet(h, &h->nodes[i], &h->nodes[HOSTILE_PLACES[i].parent]);
	h->is_calm = false;
}

bool
hostile_run(uint64_t seed, bool is_verbose, struct hostile_counts *counts, uint64_t *trace,
    char why[HOSTILE_WHY_BYTES_MAX])
{
	struct hostile *h = calloc(1, sizeof(*h));
	uint64_t steps;
	bool is_good;

	INVARIANT(h != NULL);
	h->is_verbose = is_verbose;
	h->counts = counts;
	h->why = why;
	why[0] = '\0';
	bytes_init(&h->recorded);
	world_make(h, seed);
	steps = STEPS_MIN + prng_below(&h->prng, STEPS_MORE);
	for (uint64_t i = 0; i < steps && !h->has_failed; i++)
		step(h);
	if (!h->has_failed)
		heal_copies(h);
	if (!h->has_failed)
		hostile_check(h);
	is_good = !h->has_failed;
	*trace = h->trace;
	for (size_t i = 0; i < NODES; i++) {
		hostile_node_close(&h->nodes[i]);
		(void)sqlite3_close(h->nodes[i].db);
		(void)sqlite3_close(h->nodes[i].twin);
	}
	bytes_free(&h->recorded);
	free(h->honest);
	free(h);
	return is_good;
}
