#include "tests/sim/world_events.h"

static bool
is_before(const struct event *a, const struct event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void
swap(struct event *a, struct event *b)
{
	struct event t = *a;

	*a = *b;
	*b = t;
}

void
world_schedule(struct world *w, uint64_t in_ms, enum event_kind kind, size_t a)
{
	size_t i = w->events_count;

	INVARIANT(w->events_count < WORLD_EVENTS_MAX);
	w->events[w->events_count++] =
	    (struct event){ w->now_ms - w->jump_ms + in_ms, w->events_order++, kind, a };
	for (; i > 0 && is_before(&w->events[i], &w->events[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->events[i], &w->events[(i - 1) / 2]);
}

bool
world_events_next(struct world *w, struct event *out)
{
	size_t i = 0;

	if (w->events_count == 0)
		return false;
	*out = w->events[0];
	w->events[0] = w->events[--w->events_count];
	for (;;) {
		size_t least = i;

		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < w->events_count;
		     child++)
			if (is_before(&w->events[child], &w->events[least]))
				least = child;
		if (least == i)
			return true;
		swap(&w->events[i], &w->events[least]);
		i = least;
	}
}

void
world_events_clear(struct world *w)
{
	w->events_count = 0;
}
