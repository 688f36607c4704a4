/* tests/sim/workload.h - what officers and programs do at a node: one save at a time. */
#ifndef TESTS_SIM_WORKLOAD_H
#define TESTS_SIM_WORKLOAD_H

#include "tests/sim/node.h"

/* Save something at @n, which is up. */
void workload_save(struct node *n);

/* Save the tree of units at the root. */
void workload_units(struct node *root);

/* Many small rows at @n, addressed to @unit, in saves of ten: a backlog. */
void workload_backlog(struct node *n, int unit, size_t saves);

#endif
