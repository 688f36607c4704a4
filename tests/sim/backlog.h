/* tests/sim/backlog.h - much to do over a link that is cut every few KB (P8). */
#ifndef TESTS_SIM_BACKLOG_H
#define TESTS_SIM_BACKLOG_H

#include "tests/sim/world.h"

/* After healing: give one end of a link much to send, and see that it gets across in connections
 * of a few KB, at a bounded price against the same over a whole link. */
void backlog_run(struct world *w);

#endif
