#include "tests/sim/world.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/world_events.h"
#include "tests/sim/link.h"
#include "tests/sim/own.h"
#include "tests/sim/record.h"
#include "tests/sim/tree.h"
#include "tests/sim/workload.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define START_MS UINT64_C(1541030400000) /* 2018-11-01 */
#define SWEEP_AGE_MS (7 * DAY_MS)
#define SAVES_MIN 20
#define SAVES_MORE 60
#define CALLS_TO_FAULT 40
#define COMPARE_ONE_IN 8 /* states, of those that changed */
#define EVENTS_PER_RUN 20000
#define WILD_ONE_IN 6 /* worlds: clocks in 1970 and 2099 */

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct world *
world_new(uint64_t seed, const struct world_options *o, struct cover *cover)
{
	struct world *w = calloc(1, sizeof(*w));

	INVARIANT(w != NULL);
	w->seed = seed;
	w->options = *o;
	w->cover = cover;
	w->trace = FNV_OFFSET;
	w->now_ms = START_MS;
	prng_seed(&w->prng, seed);
	disk_seed_sqlite((unsigned)(seed & 0x7fffffff) + 1);
	w->model = model_new();
	w->has_wild_clocks = o->has_wild_clocks || prng_chance(&w->prng, 1, WILD_ONE_IN);
	w->saves_left = SAVES_MIN + prng_below(&w->prng, SAVES_MORE);
	tree_make(w);
	w->has_faults = !o->has_no_faults;
	return w;
}

void
world_free(struct world *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->links_count; i++)
		link_free(w->links[i]);
	for (size_t i = 0; i < w->nodes_count; i++) {
		record_free(w->nodes[i]->record);
		node_free(w->nodes[i]);
	}
	model_free(w->model);
	free(w);
}

void
world_fail(struct world *w, const char *what, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->has_failed)
		return;
	w->has_failed = true;
	n = snprintf(w->why, sizeof(w->why), "%s: ", what);
	va_start(ap, fmt);
	(void)vsnprintf(w->why + n, sizeof(w->why) - (size_t)n, fmt, ap);
	va_end(ap);
}

const char *
world_progress(const struct world *w)
{
	return w->jump_ms > 0 ? "P11" : "P8";
}

void
world_trace(struct world *w, const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line), "%" PRIu64 " ", w->now_ms);
	va_start(ap, fmt);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	for (const char *p = line; *p != '\0'; p++)
		w->trace = (w->trace ^ (uint8_t)*p) * FNV_PRIME;
	if (w->options.is_verbose)
		puts(line);
}

bool
world_fault(struct world *w, uint64_t num, uint64_t den)
{
	return w->has_faults && prng_chance(&w->prng, num, den);
}

/* --- after a call --- */

static bool
on_new_forbidden(struct node *n, const struct stream *s, uint32_t stream, uint32_t seq)
{
	(void)n;
	(void)s;
	(void)stream;
	(void)seq;
	return false; /* own_look said so */
}

static void
death_cover(struct node *n)
{
	static const enum cover_kind power[] = {
		[NODE_IDLE] = COVER_POWER_IDLE,
		[NODE_SAVES] = COVER_POWER_SAVE,
		[NODE_ASKS] = COVER_POWER_ASK,
		[NODE_ANSWERS] = COVER_POWER_ANSWER,
		[NODE_STARTS] = COVER_POWER_START,
	};
	static const enum cover_kind other[] = {
		[FAULT_KILL] = COVER_KILL,
		[FAULT_IO] = COVER_IO_ERROR,
		[FAULT_SYNC] = COVER_SYNC_ERROR,
		[FAULT_FULL] = COVER_DISK_FULL,
		[FAULT_MEMORY] = COVER_MEMORY,
	};

	if (n->fault == FAULT_POWER)
		cover_add(n->world->cover, power[n->work]);
	else if (n->fault != FAULT_NONE)
		cover_add(n->world->cover, other[n->fault]);
}

static void
node_dies(struct world *w, struct node *n)
{
	if (n->fault == FAULT_NONE && n->is_starved)
		n->fault = FAULT_MEMORY;
	world_trace(
	    w, "node %zu dies of fault %d in work %d", n->index, (int)n->fault, (int)n->work);
	if (n->fault == FAULT_NONE)
		world_fail(w, "P1", "node %zu gave up without cause", n->index);
	death_cover(n);
	for (size_t i = 0; i < w->links_count; i++)
		link_node_dies(w->links[i], n);
	n->is_forgetful = n->fault == FAULT_IO || n->fault == FAULT_SYNC;
	if (!disk_is_down(n->disk))
		disk_kill(n->disk);
	node_stop(n);
	n->fault = FAULT_NONE;
	n->work = NODE_IDLE;
	n->changes++;
	world_schedule(w, MINUTE_MS + prng_below(&w->prng, HOUR_MS), EVENT_RESTART, n->index);
}

static void
node_look(struct world *w, struct node *n)
{
	struct model_vector now;

	own_look(n);
	if (w->has_failed)
		return;
	node_observe(n, &now, on_new_forbidden);
	check_step(n, &now);
	if (!model_vector_eq(&now, &n->held)) {
		n->held = now;
		n->changes++;
		own_check_future(n);
	}
	check_receipts(n);
}

void
world_after(struct world *w, struct node *n, enum rc rc)
{
	uint64_t changes = n->changes;

	if (w->has_failed)
		return;
	if (rc == RC_CORRUPT && !disk_is_down(n->disk))
		world_fail(w, "P1", "node %zu finds its database damaged", n->index);
	if (disk_is_down(n->disk) || engine_is_broken(n->engine)) {
		node_dies(w, n);
		return;
	}
	if (rc == RC_FULL)
		cover_add(w->cover, COVER_DISK_FULL);
	node_look(w, n);
	if (w->has_failed || n->changes == changes)
		return;
	engine_sanity(n->engine);
	if (prng_chance(&w->prng, 1, COMPARE_ONE_IN))
		check_state(n);
}

/* --- events --- */

static void
on_save(struct world *w, struct node *n)
{
	struct model_vector before;

	if (!node_is_up(n) || !node_is_welcome(n))
		return;
	before = n->held;
	workload_save(n);
	if (node_is_up(n) && !w->has_failed && !model_vector_eq(&before, &n->held)) {
		engine_sanity(n->engine);
		if (prng_chance(&w->prng, 1, COMPARE_ONE_IN))
			check_state(n);
	}
}

void
world_round_schedule(struct world *w, const struct link *l)
{
	if (w->saves_left > 0)
		world_schedule(w, prng_below(&w->prng, 40 * MINUTE_MS), EVENT_ROUND, l->index);
}

static uint64_t
latency(struct world *w)
{
	return 20 +
	    prng_below(&w->prng, prng_chance(&w->prng, 1, 10) ? 10 * MINUTE_MS : 2 * SECOND_MS);
}

static void
on_round(struct world *w, struct link *l)
{
	if (l->phase != LINK_IDLE) {
		world_round_schedule(w, l);
		return;
	}
	l->budget = world_fault(w, 1, 6) ? 300 + (size_t)prng_below(&w->prng, 4096) : 0;
	l->budget_left = l->budget;
	if (link_start(l))
		world_schedule(w, latency(w), EVENT_STEP, l->index);
	else
		world_round_schedule(w, l);
}

static void
on_step(struct world *w, struct link *l)
{
	if (l->phase != LINK_IDLE && (l->is_down || !link_step(l)))
		link_stop(l);
	if (l->phase != LINK_IDLE)
		world_schedule(w, latency(w), EVENT_STEP, l->index);
	else
		world_round_schedule(w, l);
}

static void
on_fault(struct world *w, struct node *n)
{
	uint64_t dice = prng_below(&w->prng, 100);
	uint64_t calls = 1 + prng_below(&w->prng, CALLS_TO_FAULT);

	if (!node_is_up(n) || n->fault != FAULT_NONE || !w->has_faults)
		return;
	if (dice < 45) {
		n->fault = FAULT_POWER;
		disk_crash_at(n->disk, calls);
	} else if (dice < 60) {
		n->fault = FAULT_POWER;
		disk_crash(n->disk);
		world_after(w, n, RC_OK);
	} else if (dice < 75) {
		n->fault = FAULT_KILL;
		disk_kill_at(n->disk, calls);
	} else if (dice < 83) {
		n->fault = FAULT_IO;
		disk_fail_at(n->disk, calls, SQLITE_IOERR_WRITE);
	} else if (dice < 91) {
		n->fault = FAULT_SYNC;
		disk_fail_at(n->disk, calls, SQLITE_IOERR_FSYNC);
	} else {
		n->fault = FAULT_FULL;
		disk_full_set(n->disk, disk_bytes_used(n->disk) + prng_below(&w->prng, 40000));
		world_schedule(w, 2 * HOUR_MS, EVENT_SPACE, n->index);
	}
}

static void
on_space(struct node *n)
{
	disk_full_set(n->disk, UINT64_MAX);
	if (n->fault == FAULT_FULL)
		n->fault = FAULT_NONE;
}

static void
on_restart(struct world *w, struct node *n)
{
	struct diag d;
	enum rc rc;

	if (node_is_up(n) || !n->is_joined)
		return;
	diag_init(&d);
	disk_up(n->disk);
	n->work = NODE_STARTS;
	/* After a failed sync the power stays on until the next start has written everything once more:
	 * what the system forgot to write is there for SQLite to see, and nobody can tell. */
	if (!n->is_forgetful && world_fault(w, 1, 6)) {
		n->fault = FAULT_POWER;
		disk_crash_at(n->disk, 1 + prng_below(&w->prng, 6));
	}
	rc = node_start(n, &d);
	world_trace(w, "node %zu restarts: %s", n->index, rc_name(rc));
	if (rc != RC_OK && disk_is_down(n->disk)) {
		death_cover(n);
		n->fault = FAULT_NONE;
		world_schedule(w, MINUTE_MS, EVENT_RESTART, n->index);
		return;
	}
	if (rc == RC_FULL) {
		world_schedule(w, 3 * HOUR_MS, EVENT_RESTART, n->index);
		return;
	}
	if (rc != RC_OK) {
		world_fail(w, "P1", "node %zu does not start again: %s: %s", n->index, rc_name(rc),
		    d.text);
		return;
	}
	n->is_forgetful = false;
	record_settle(n);
	world_after(w, n, RC_OK);
	n->work = NODE_IDLE;
	if (node_is_up(n) && !w->has_failed) {
		engine_sanity(n->engine);
		check_receipts_of(n);
		check_state(n);
	}
}

static void
on_away(struct world *w, struct node *n)
{
	if (!w->has_faults)
		return;
	cover_add(w->cover, COVER_AWAY);
	for (size_t i = 0; i < w->links_count; i++)
		if (w->links[i]->asker == n || w->links[i]->answerer == n) {
			w->links[i]->is_down = true;
			world_schedule(w, 3 * HOUR_MS, EVENT_HEAL, i);
		}
	w->jump_ms += 365 * DAY_MS;
	w->now_ms += 365 * DAY_MS;
	for (size_t i = 0; i < w->nodes_count; i++)
		if (node_is_up(w->nodes[i])) {
			exchange_sweep(w->nodes[i]->engine, SWEEP_AGE_MS);
			world_after(w, w->nodes[i], RC_OK);
		}
}

static void
on_partition(struct world *w, struct link *l)
{
	if (!w->has_faults || l->is_down)
		return;
	cover_add(w->cover, COVER_PARTITION);
	l->is_down = true;
	world_schedule(w, prng_below(&w->prng, 4 * HOUR_MS), EVENT_HEAL, l->index);
}

static void
on_join(struct world *w, struct node *n)
{
	if (n->is_joined)
		return;
	if (!tree_join(w, n))
		world_schedule(w, 10 * MINUTE_MS, EVENT_JOIN, n->index);
	else
		cover_add(w->cover, COVER_LATE_JOIN);
}

void
world_event(struct world *w, const struct event *e)
{
	struct node *n = w->nodes[e->a < w->nodes_count ? e->a : 0];
	struct link *l = w->links_count == 0 ? NULL : w->links[e->a < w->links_count ? e->a : 0];

	switch (e->kind) {
	case EVENT_SAVE:
		w->saves_left--;
		on_save(w, n);
		break;
	case EVENT_ROUND:
		on_round(w, l);
		break;
	case EVENT_STEP:
		on_step(w, l);
		break;
	case EVENT_FAULT:
		on_fault(w, n);
		break;
	case EVENT_RESTART:
		on_restart(w, n);
		break;
	case EVENT_SPACE:
		on_space(n);
		break;
	case EVENT_PARTITION:
		on_partition(w, l);
		break;
	case EVENT_HEAL:
		l->is_down = false;
		break;
	case EVENT_GHOST:
		link_ghost(l);
		break;
	case EVENT_AWAY:
		on_away(w, n);
		break;
	case EVENT_CLOCK:
		tree_clock(w, n);
		break;
	case EVENT_JOIN:
		on_join(w, n);
		break;
	}
}

static void
plan(struct world *w)
{
	struct prng *p = &w->prng;
	uint64_t span = w->saves_left * 5 * MINUTE_MS;

	for (uint64_t i = 0; i < w->saves_left; i++)
		world_schedule(
		    w, prng_below(p, span), EVENT_SAVE, (size_t)prng_below(p, w->nodes_count));
	for (size_t i = 0; i < w->links_count; i++)
		world_round_schedule(w, w->links[i]);
	for (uint64_t i = 0; i < w->saves_left / 8; i++)
		world_schedule(
		    w, prng_below(p, span), EVENT_FAULT, (size_t)prng_below(p, w->nodes_count));
	for (size_t i = 0; i < 3; i++)
		world_schedule(
		    w, prng_below(p, span), EVENT_PARTITION, (size_t)prng_below(p, w->links_count));
	for (size_t i = 0; i < 2 && w->has_wild_clocks; i++)
		world_schedule(
		    w, prng_below(p, span), EVENT_CLOCK, (size_t)prng_below(p, w->nodes_count));
	if (prng_chance(p, 1, 5))
		world_schedule(
		    w, prng_below(p, span), EVENT_AWAY, (size_t)prng_below(p, w->nodes_count));
}

void
world_run(struct world *w)
{
	struct event e;

	if (w->has_failed)
		return;
	plan(w);
	for (size_t i = 0; i < EVENTS_PER_RUN && !w->has_failed && world_events_next(w, &e); i++) {
		uint64_t at = e.at_ms + w->jump_ms;

		w->now_ms = at > w->now_ms ? at : w->now_ms;
		for (size_t k = 0; k < w->nodes_count; k++)
			disk_set_time_ms(w->nodes[k]->disk, (int64_t)w->now_ms);
		world_event(w, &e);
		if (w->saves_left == 0 && e.kind == EVENT_SAVE)
			break;
	}
}
