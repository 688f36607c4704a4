/* tests/sim/world_events.h - the queue of what is to happen, in order of time; what each event
 * does is in world.c. */
#ifndef TESTS_SIM_WORLD_EVENTS_H
#define TESTS_SIM_WORLD_EVENTS_H

#include "tests/sim/world.h"

/* Take the earliest event; false when there is none. */
bool world_events_next(struct world *w, struct event *out);
void world_events_clear(struct world *w);

#endif
