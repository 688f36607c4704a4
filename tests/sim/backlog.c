#include "tests/sim/backlog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/link.h"
#include "tests/sim/workload.h"

#define SAVES 8
#define SAVES_MORE 16
#define BUDGET_MIN 1500
#define BUDGET_MORE 4096
#define BYTES_FREE 4000 /* asking anew costs something, also for little */
#define ROUNDS_MAX 20

static uint64_t
bytes_of(const struct link *l)
{
	return l->bytes_sent + l->bytes_received;
}

static bool
run_until_equal(struct link *l)
{
	for (size_t i = 0; i < ROUNDS_MAX && !l->world->has_failed; i++) {
		if (link_is_equal(l))
			return true;
		if (!link_start(l))
			return false;
		while (link_step(l))
			;
	}
	return link_is_equal(l);
}

/* A twin of @n over a copy of its disk. */
static struct node *
twin_make(struct world *w, struct node *n)
{
	struct node *twin = node_new(w, n->unit, n->skew_ms);
	struct diag d;

	diag_init(&d);
	disk_free(twin->disk);
	twin->disk = disk_clone(n->disk, prng_next(&w->prng));
	twin->index = n->index;
	twin->is_liar = n->is_liar;
	memcpy(twin->seed, n->seed, SEED_BYTES);
	twin->held = n->held;
	if (node_start(twin, &d) != RC_OK)
		world_fail(w, "P1", "a copy of node %zu does not start: %s", n->index, d.text);
	return twin;
}

/* What the same costs over a link that is not cut. */
static uint64_t
bytes_uncut(struct world *w, const struct link *l)
{
	struct node *asker = twin_make(w, l->asker), *answerer = twin_make(w, l->answerer);
	struct link *copy = link_new(w, asker, answerer);
	uint64_t bytes = 0;

	if (!w->has_failed && !run_until_equal(copy))
		world_fail(w, "P8", "link %zu: a backlog does not get across", l->index);
	bytes = bytes_of(copy);
	link_free(copy);
	node_free(asker);
	node_free(answerer);
	return bytes;
}

void
backlog_run(struct world *w)
{
	struct link *l = w->links[prng_below(&w->prng, w->links_count)];
	struct node *writer = prng_chance(&w->prng, 1, 2) ? l->asker : l->answerer;
	uint64_t uncut, cut;

	if (w->has_failed || !model_unit_is_within(w->model, l->asker->unit, l->answerer->unit))
		return;
	workload_backlog(writer, l->asker->unit, SAVES + (size_t)prng_below(&w->prng, SAVES_MORE));
	uncut = bytes_uncut(w, l);
	if (w->has_failed)
		return;
	l->bytes_sent = l->bytes_received = 0;
	l->budget = BUDGET_MIN + (size_t)prng_below(&w->prng, BUDGET_MORE);
	l->budget_left = l->budget;
	if (!run_until_equal(l))
		world_fail(w, "P8",
		    "link %zu: a backlog does not get across in pieces of %zu bytes", l->index,
		    l->budget);
	cut = bytes_of(l);
	world_trace(w,
	    "backlog over link %zu: %" PRIu64 " bytes whole, %" PRIu64 " in pieces of %zu",
	    l->index, uncut, cut, l->budget);
	if (cut > uncut * 3 / 2 + BYTES_FREE)
		world_fail(w, "P8",
		    "link %zu: %" PRIu64 " bytes in pieces of %zu, %" PRIu64 " whole", l->index,
		    cut, l->budget, uncut);
	l->budget = 0;
	cover_add(w->cover, COVER_BACKLOG);
	world_settle(w);
}
