/* tests/sim/check.h - what must hold at a node, at every step and at the end.  The first breach
 * goes to world_fail(). */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/node.h"

/* After a call: nothing held before is gone (P1, P9), no commit without its causes (P4).  @now:
 * what @n holds now. */
void check_step(struct node *n, const struct model_vector *now);

/* The state that @n shows, its conflicts and its quarantine are what the model computes (P2, P3,
 * P5, P7). */
void check_state(struct node *n);

/* The history of @n names exactly the commits held, with what they wrote; losers are marked
 * (P5). */
void check_history(struct node *n);

/* P9: what came in since the last look: the receipts that @n keeps.  All receipts that others keep of @holder, which
 * came up again. */
void check_receipts(struct node *n);
void check_receipts_of(struct node *holder);

/* After healing: equal digests of equal scopes (P3), every value accounted for (P5), verify. */
void check_end(struct world *w);

#endif
