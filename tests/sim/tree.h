/* tests/sim/tree.h - the shape of a world: units, nodes, who joins below whom, which links there
 * are. */
#ifndef TESTS_SIM_TREE_H
#define TESTS_SIM_TREE_H

#include "tests/sim/world.h"

/* Draw units, nodes and links; found the root, save the units, join all but the late ones. */
void tree_make(struct world *w);

/* Join @n now, below the node its first link leads to; false when that one is down. */
bool tree_join(struct world *w, struct node *n);

/* The clock of @n jumps, or is set right. */
void tree_clock(struct world *w, struct node *n);

#endif
