/* The end of a run: no fault any more, everything up, and a bound on how often the links may
 * have to be run (P8, P11). */
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/world_events.h"
#include "tests/sim/link.h"
#include "tests/sim/tree.h"
#include "tests/sim/world.h"

#define SWEEPS_MORE 3
#define STARTS_MAX 8
#define HEAL_MS (13 * UINT64_C(3600) * 1000) /* what is hours ahead lies in the past by then */
#define SWEEPS_CLOCKS 6 /* corrections are news, too */

static void
node_heal(struct world *w, struct node *n)
{
	disk_crash_at(n->disk, 0);
	disk_kill_at(n->disk, 0);
	disk_fail_at(n->disk, 0, 0);
	disk_full_set(n->disk, UINT64_MAX);
	n->fault = FAULT_NONE;
	if (!n->is_joined && !tree_join(w, n) && !w->has_failed)
		world_fail(w, "P11", "node %zu cannot join", n->index);
}

static void
nodes_start(struct world *w)
{
	struct event e;

	/* Every restart that waits is carried out; the rest of what was planned is not. */
	world_events_clear(w);
	for (size_t i = 0; i < w->nodes_count; i++) {
		struct node *n = w->nodes[i];

		if (n->is_joined && !node_is_up(n))
			world_schedule(w, i, EVENT_RESTART, i);
	}
	for (size_t i = 0;
	     i < STARTS_MAX * WORLD_NODES_MAX && !w->has_failed && world_events_next(w, &e); i++)
		world_event(w, &e);
}

/* False when the two do not know each other yet. */
static bool
round_run(struct link *l)
{
	l->budget = 0;
	if (!link_start(l))
		return false;
	while (link_step(l))
		;
	return true;
}

/* One round over every link; true when nothing moved. */
static bool
sweep(struct world *w)
{
	struct model_vector before[WORLD_NODES_MAX];
	bool is_quiet = true;

	for (size_t i = 0; i < w->nodes_count; i++)
		before[i] = w->nodes[i]->held;
	for (size_t i = w->links_count; i > 0 && !w->has_failed; i--)
		(void)round_run(w->links[i - 1]);
	for (size_t i = 0; i < w->nodes_count; i++)
		is_quiet = is_quiet && model_vector_eq(&before[i], &w->nodes[i]->held);
	for (size_t i = 0; i < w->links_count && is_quiet; i++)
		is_quiet = link_is_equal(w->links[i]);
	return is_quiet;
}

static void
titles_check(struct world *w)
{
	const struct model *m = w->model;

	for (size_t i = 0; i < w->nodes_count; i++)
		for (size_t k = 0; k < m->streams_count; k++) {
			const struct model_stream *s = &m->streams[k];

			if (model_holds(m, w->nodes[i]->unit, s->unit, s->reach) &&
			    w->nodes[i]->held.held[k] != s->commits_count)
				world_fail(w, world_progress(w),
				    "node %zu lacks commits of stream %zu in the end: %u of %zu", i,
				    k, (unsigned)w->nodes[i]->held.held[k], s->commits_count);
		}
}

/* Nothing to do costs one request. */
static void
silence_check(struct world *w)
{
	for (size_t i = 0; i < w->links_count && !w->has_failed; i++) {
		if (!round_run(w->links[i]))
			world_fail(w, "P8", "link %zu: no round can be had", i);
		if (w->links[i]->requests > 1)
			world_fail(w, "P8", "link %zu: %llu requests with nothing to do", i,
			    (unsigned long long)w->links[i]->requests);
	}
}

void
world_settle(struct world *w)
{
	size_t bound = 2 * w->depth + SWEEPS_MORE + SWEEPS_CLOCKS;
	size_t sweeps = 0;

	while (!w->has_failed && !sweep(w))
		if (++sweeps > bound)
			world_fail(w, world_progress(w), "not quiet after %zu sweeps", sweeps);
	if (!w->has_failed)
		titles_check(w);
	if (!w->has_failed)
		silence_check(w);
}

void
world_heal(struct world *w)
{
	if (w->has_failed)
		return;
	w->has_faults = false;
	w->now_ms += HEAL_MS;
	for (size_t i = 0; i < w->links_count; i++) {
		link_stop(w->links[i]);
		w->links[i]->is_down = false;
	}
	for (size_t i = 0; i < w->nodes_count && !w->has_failed; i++)
		if (w->nodes[i]->is_joined)
			node_heal(w, w->nodes[i]);
	nodes_start(w);
	for (size_t i = 0; i < w->nodes_count && !w->has_failed; i++)
		node_heal(w, w->nodes[i]);
	world_settle(w);
}
