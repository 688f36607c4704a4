#include "apply_order.h"

#include "clock_wait.h"
#include "engine_impl.h"

#include <stdlib.h>
#include <string.h>

struct place {			/* of a stream in the frame */
	uint32_t sid, part;
};

struct ordering {
	struct engine *e;
	const struct apply_item *items;
	size_t items_count;
	struct apply_part *parts;
	size_t parts_count;
	struct place *places;		/* by sid */
	uint32_t *order;
	size_t count;
	bool *is_taken;			/* by item */
	/* The first cause found missing. */
	struct commit_cause missing;
	bool is_replaced;		/* it is a version that a row was to replace */
};

static int
place_cmp(const void *a, const void *b)
{
	uint32_t x = ((const struct place *)a)->sid, y = ((const struct place *)b)->sid;

	return x < y ? -1 : x > y;
}

/* How far stream @s will reach once what is in the order so far is applied. */
static uint64_t
reach_of(const struct ordering *o, const struct stream *s)
{
	struct place key = { s->sid, 0 };
	const struct place *found = bsearch(&key, o->places, o->parts_count, sizeof(key), place_cmp);

	return found == NULL ? s->head_seq : o->parts[found->part].ready_seq;
}

static bool
is_reached(const struct ordering *o, const struct stream *s, uint64_t seq)
{
	return s != NULL && reach_of(o, s) >= seq;
}

/* Are all causes of @it in the order before it, or held (W29)?  Else o->missing is one that is not. */
static bool
is_ready(struct ordering *o, const struct apply_item *it)
{
	const struct commit *c = it->commit;
	const struct stream *s = o->parts[it->part].s, *cause;
	uint64_t seen[COMMIT_OTHERS_MAX + 1] = { 0 };
	size_t i, j;

#ifdef BUG_P4_NO_FRONTIER_CHECK
	return true;
#endif
	if (!clock_counts(o->e, s, it->seq))
		return true;		/* it has no effect, so it may come without its causes */
	for (i = 0; i < c->frontier_count; i++) {
		unit_id u = unit_find(o->e, c->frontier[i].unit);

		cause = u == UNIT_NONE ? NULL : stream_find(o->e, c->frontier[i].origin, u, c->frontier[i].reach);
		if (is_reached(o, cause, c->frontier[i].seq) || clock_wait_is_gone(o->e, c->frontier[i].origin,
		    c->frontier[i].unit, c->frontier[i].reach, c->frontier[i].seq))
			continue;
		o->missing = c->frontier[i];
		o->is_replaced = false;
		return false;
	}
	for (i = 0; i < c->ops_count && c->others_count > 0; i++)
		for (j = 0; j < c->ops[i].prevs_count; j++) {
			const struct commit_ref *ref = &c->ops[i].prevs[j];

			if (ref->origin == 0 || ref->origin > c->others_count || ref->seq <= seen[ref->origin])
				continue;
			seen[ref->origin] = ref->seq;
			if (is_reached(o, stream_find(o->e, c->others[ref->origin - 1], s->unit, s->reach), ref->seq) ||
			    clock_wait_is_gone(o->e, c->others[ref->origin - 1], unit_key(o->e, s->unit), s->reach,
			    ref->seq))
				continue;
			memcpy(o->missing.origin, c->others[ref->origin - 1], ORIGIN_BYTES);
			o->missing.unit = unit_key(o->e, s->unit);
			o->missing.reach = s->reach;
			o->missing.seq = ref->seq;
			o->is_replaced = true;
			return false;
		}
	return true;
}

/* C17.  Returns the first commit that could not be placed; items_count when all were. */
static size_t
passes_run(struct ordering *o)
{
	bool has_moved = true;
	size_t i, left = 0;

	while (has_moved) {
		has_moved = false;
		left = o->items_count;
		for (i = 0; i < o->items_count; i++) {
			const struct apply_item *it = &o->items[i];
			struct apply_part *p = &o->parts[it->part];

			if (o->is_taken[i] || p->is_apart || p->is_waiting)
				continue;
			if (p->ready_seq + 1 == it->seq && is_ready(o, it)) {
				o->is_taken[i] = has_moved = true;
				o->order[o->count++] = (uint32_t)i;
				p->ready_seq = it->seq;
			} else if (left == o->items_count) {
				left = i;
			}
		}
		if (left == o->items_count)
			break;
	}
	return left;
}

static void
order_reset(struct ordering *o)
{
	size_t i;

	o->count = 0;
	memset(o->is_taken, 0, o->items_count * sizeof(*o->is_taken));
	for (i = 0; i < o->parts_count; i++)
		o->parts[i].ready_seq = o->parts[i].s->head_seq;
}

/* Is the missing cause in a stream that waits, in this frame or since an earlier one? */
static enum rc
missing_waits(struct ordering *o, bool *out, struct diag *d)
{
	unit_id u = unit_find(o->e, o->missing.unit);
	const struct stream *s = u == UNIT_NONE ? NULL :
	    stream_find(o->e, o->missing.origin, u, o->missing.reach);
	struct place key, *found;

	*out = false;
	if (s == NULL)
		return RC_OK;
	key = (struct place){ s->sid, 0 };
	found = bsearch(&key, o->places, o->parts_count, sizeof(key), place_cmp);
	if (found != NULL && o->parts[found->part].is_waiting && o->missing.seq <= o->parts[found->part].last_seq) {
		*out = true;
		return RC_OK;
	}
	return clock_wait_has(o->e, s, o->missing.seq, out, d);
}

/* Commit @i cannot be placed: its stream waits, if that is explained; a gap otherwise.  What a row was to replace is no
 * honest cause unless the frontier covers it: it concerns its author's stream alone.  A gap that comparing
 * vectors did not close is its author's fault, too: nobody else shall wait for it. */
static enum rc
stuck_judge(struct ordering *o, size_t i, struct diag *d)
{
	struct apply_part *p = &o->parts[o->items[i].part];
	bool is_explained = p->ready_seq + 1 != o->items[i].seq;	/* it follows on one that is stuck */
	bool is_renamed, is_gap = false;
	enum rc rc;

	if (!is_explained) {
		(void)is_ready(o, &o->items[i]);
		if ((rc = missing_waits(o, &is_explained, d)) != RC_OK)
			return rc;
	}
	is_renamed = !is_explained && origin_has_siblings(o->e, o->missing.origin);
	if (is_renamed || (!is_explained && !o->is_replaced))
		is_gap = clock_wait_is_gap(o->e, o->missing.origin, o->missing.unit, o->missing.reach, o->missing.seq);
	if (is_renamed &&
	    clock_wait_is_gone(o->e, o->missing.origin, o->missing.unit, o->missing.reach, o->missing.seq))
		return RC_OK;	/* the next pass does not ask for it */
	if (is_renamed || (!is_explained && !o->is_replaced && !is_gap))
		return diag_fail(d, RC_GAP, "a commit was caused by commit %llu of a stream of unit %.*s, "
		    "which is not held here", (unsigned long long)o->missing.seq, (int)o->missing.unit.n,
		    (const char *)o->missing.unit.p);
	p->is_waiting = true;
	return RC_OK;
}

static void
future_find(struct ordering *o)
{
	size_t i;

	for (i = 0; i < o->items_count; i++) {
		struct apply_part *p = &o->parts[o->items[i].part];
		uint64_t hlc = o->items[i].commit->hlc;

		if (p->is_apart || !clock_counts(o->e, p->s, o->items[i].seq) ||
		    !clock_is_future(o->e, clock_effective(o->e, p->s->origin, hlc)))
			continue;
		p->is_waiting = true;
		if (hlc > p->future_hlc)
			p->future_hlc = hlc;
	}
}

enum rc
apply_order(struct engine *e, const struct apply_item *items, size_t items_count, struct apply_part *parts,
    size_t parts_count, uint32_t *order, size_t *count, struct diag *d)
{
	struct ordering o = { .e = e, .items = items, .items_count = items_count, .parts = parts,
	    .parts_count = parts_count, .order = order };
	enum rc rc = RC_OK;
	size_t i;

	o.places = mem_array(parts_count + 1, sizeof(*o.places));
	o.is_taken = mem_array(items_count + 1, sizeof(*o.is_taken));
	if (o.places == NULL || o.is_taken == NULL)
		rc = RC_NOMEM;
	for (i = 0; rc == RC_OK && i < parts_count; i++) {
		o.places[i] = (struct place){ parts[i].s->sid, (uint32_t)i };
		parts[i].is_waiting = parts[i].must_wait;
		parts[i].future_hlc = 0;
	}
	if (rc == RC_OK) {
		qsort(o.places, parts_count, sizeof(*o.places), place_cmp);
		future_find(&o);
	}
	while (rc == RC_OK) {		/* each time round one more stream waits */
		order_reset(&o);
		if ((i = passes_run(&o)) == items_count)
			break;
		rc = stuck_judge(&o, i, d);
	}
	*count = o.count;
	mem_free(o.places);
	mem_free(o.is_taken);
	return rc;
}
