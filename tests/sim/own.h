/* tests/sim/own.h - what an engine saves by itself: new incarnations, and corrections of clocks.
 */
#ifndef TESTS_SIM_OWN_H
#define TESTS_SIM_OWN_H

#include "tests/sim/node.h"

/* Was @origin ever a name of @n? */
bool own_is_name(const struct node *n, const uint8_t origin[ORIGIN_BYTES]);

/* The newest name of @n that @engine knows; NULL when it knows none. */
const uint8_t *own_known_name(const struct node *n, struct engine *engine);

/* Learn the present name of @n, and tell the model what @n saved by itself since it was last looked at. */
void own_look(struct node *n);

/* P14: a node whose clock is right holds nothing of others that counts for later than its clock and the tolerance. */
void own_check_future(struct node *n);

#endif
