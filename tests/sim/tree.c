#include "tests/sim/tree.h"

#include <stdio.h>

#include "tests/sim/check.h"
#include "tests/sim/link.h"
#include "tests/sim/record.h"
#include "tests/sim/workload.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define YEAR_MS (INT64_C(365) * 24 * HOUR_MS)

static void
units_make(struct world *w)
{
	struct prng *p = &w->prng;
	size_t districts, communes;
	char key[64];
	int above[4], count = 1;

	w->depth = 1 + (size_t)prng_below(p, 3);
	above[0] = model_unit_add(w->model, "p@2000-01-01", -1, LEVEL_PROVINCE);
	if (w->depth == 3) {
		districts = 1 + (size_t)prng_below(p, 2);
		for (size_t i = 0; i < districts; i++) {
			(void)snprintf(key, sizeof(key), "d%zu@2000-01-01", i + 1);
			above[count++] = model_unit_add(w->model, key, above[0], LEVEL_DISTRICT);
		}
	}
	communes = w->depth == 1 ? 0 : 1 + (size_t)prng_below(p, 4);
	for (size_t i = 0; i < communes; i++) {
		int parent = count == 1 ? 0 : 1 + (int)prng_below(p, (uint64_t)count - 1);

		/* One name is the beginning of another: x-1, x-10. */
		(void)snprintf(key, sizeof(key), "x-1%.*s@2000-01-01", (int)i, "0000");
		(void)model_unit_add(w->model, key, above[parent], LEVEL_COMMUNE);
	}
}

static int64_t
skew_draw(struct world *w)
{
	struct prng *p = &w->prng;

	if (w->has_wild_clocks && prng_chance(p, 1, 3)) {
		cover_add(w->cover, COVER_WILD);
		return prng_chance(p, 1, 2) ? -(int64_t)w->now_ms : 80 * YEAR_MS;
	}
	if (prng_chance(p, 1, 4)) {
		cover_add(w->cover, COVER_SKEW);
		return (int64_t)prng_below(p, 12 * HOUR_MS) - 6 * HOUR_MS;
	}
	return (int64_t)prng_below(p, 10000) - 5000;
}

static struct node *
node_add(struct world *w, int unit)
{
	struct node *n;

	INVARIANT(w->nodes_count < WORLD_NODES_MAX);
	/* Somebody has to be right in the end: the root's machine is looked after. */
	n = node_new(w, unit, w->nodes_count == 0 ? (int64_t)prng_below(&w->prng, 10000) - 5000 : skew_draw(w));
	n->was_skewed = n->skew_ms > MINUTE_MS || n->skew_ms < -MINUTE_MS;
	w->nodes[w->nodes_count++] = n;
	return n;
}

void
tree_clock(struct world *w, struct node *n)
{
	if (n == w->nodes[0])
		return;
	cover_add(w->cover, COVER_CLOCK_JUMP);
	n->skew_ms = prng_chance(&w->prng, 1, 2) ? 0 : skew_draw(w);
	n->was_skewed = true;
	world_trace(w, "node %zu: its clock is off by %lld ms now", n->index, (long long)n->skew_ms);
}

static void
link_add(struct world *w, struct node *asker, struct node *answerer)
{
	INVARIANT(w->links_count < WORLD_LINKS_MAX);
	w->links[w->links_count] = link_new(w, asker, answerer);
	w->links_count++;
}

/* Some node of @unit or of the nearest unit above that has one, made before. */
static struct node *
node_of(struct world *w, int unit)
{
	for (; unit >= 0; unit = w->model->units[unit].parent) {
		size_t first = (size_t)prng_below(&w->prng, w->nodes_count);

		for (size_t i = 0; i < w->nodes_count; i++) {
			struct node *n = w->nodes[(first + i) % w->nodes_count];

			if (n->unit == unit)
				return n;
		}
	}
	return w->nodes[0];
}

static void
nodes_make(struct world *w)
{
	struct prng *p = &w->prng;

	(void)node_add(w, 0);
	for (int i = 1; i < (int)w->model->units_count; i++) {
		struct node *above = node_of(w, w->model->units[i].parent);

		link_add(w, node_add(w, i), above);
	}
	if (w->depth == 1 || prng_chance(p, 1, 3)) { /* two PCs in one office */
		int unit = (int)prng_below(p, w->model->units_count);
		struct node *above =
		    unit == 0 ? w->nodes[0] : node_of(w, w->model->units[unit].parent);
		struct node *twin = node_of(w, unit);
		struct node *n = node_add(w, unit);

		cover_add(w->cover, COVER_TWINS);
		link_add(w, n, above);
		if (twin != above && prng_chance(p, 1, 2))
			link_add(w, n, twin);
	}
	if (prng_chance(p, 1, 4)) { /* a second way up, past the next tier */
		struct node *n = w->nodes[prng_below(p, w->nodes_count)];

		if (n != w->nodes[0] && w->depth == 3)
			link_add(w, n, w->nodes[0]);
	}
}

/* One of those whom nobody asks may run a program that knows no rights. */
static void
liar_choose(struct world *w)
{
	struct node *n = w->nodes[prng_below(&w->prng, w->nodes_count)];

	if (!prng_chance(&w->prng, 1, 4) || n == w->nodes[0])
		return;
	for (size_t i = 0; i < w->links_count; i++)
		if (w->links[i]->answerer == n)
			return;
	n->is_liar = true;
	cover_add(w->cover, COVER_LIAR);
}

bool
tree_join(struct world *w, struct node *n)
{
	struct node *parent = NULL;
	struct diag d;
	enum rc rc;

	for (size_t i = 0; i < w->links_count && parent == NULL; i++)
		if (w->links[i]->asker == n)
			parent = w->links[i]->answerer;
	INVARIANT(parent != NULL);
	if (!node_is_up(parent))
		return false;
	disk_crash_at(parent->disk, 0);
	disk_kill_at(parent->disk, 0);
	disk_fail_at(parent->disk, 0, 0);
	disk_full_set(parent->disk, UINT64_MAX);
	diag_init(&d);
	if ((rc = node_join(n, parent, &d)) != RC_OK) {
		world_fail(w, "join", "node %zu below node %zu: %s: %s", n->index, parent->index,
		    rc_name(rc), d.text);
		return false;
	}
	record_own(parent);
	n->welcome_stream = model_stream_of(w->model, parent->origin, parent->unit, 0, REACH_DOWN);
	n->welcome_seq = parent->held.held[n->welcome_stream];
	record_own(n);
	world_trace(w, "node %zu joins below node %zu, its clock off by %lld ms", n->index, parent->index,
	    (long long)n->skew_ms);
	return !w->has_failed;
}

static void
first_sync(struct world *w, const struct node *n)
{
	for (size_t i = 0; i < w->links_count; i++) {
		struct link *l = w->links[i];

		if (l->asker != n || !link_start(l))
			continue;
		while (link_step(l))
			;
		return;
	}
}

void
tree_make(struct world *w)
{
	uint8_t root_seed[SEED_BYTES];
	struct diag d;
	bool has_late;

	diag_init(&d);
	units_make(w);
	nodes_make(w);
	liar_choose(w);
	prng_fill(&w->prng, root_seed, SEED_BYTES);
	credential_keys(root_seed, w->root_pubkey);
	if (node_found(w->nodes[0], root_seed, &d) != RC_OK) {
		world_fail(w, "found", "%s", d.text);
		return;
	}
	record_own(w->nodes[0]);
	workload_units(w->nodes[0]);
	has_late = w->nodes_count > 2 && prng_chance(&w->prng, 1, 4);
	for (size_t i = 1; i < w->nodes_count && !w->has_failed; i++) {
		if (has_late && i + 1 == w->nodes_count) {
			world_schedule(w, (uint64_t)(2 * HOUR_MS), EVENT_JOIN, i);
			continue;
		}
		if (tree_join(w, w->nodes[i]))
			first_sync(w, w->nodes[i]);
	}
}
