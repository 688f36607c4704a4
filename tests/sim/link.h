/* tests/sim/link.h - a way from one node to another, over which the first asks and the second
 * answers.
 *
 * A round is driven one step an event, so that rounds of different links and saves come between
 * its requests, and between the pieces of one request.  What can befall it: a cut after any byte
 * either way, a reply lost, a request delivered twice, at once or much later, either machine
 * dying.
 */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#include "sync/exchange.h"
#include "tests/sim/node.h"

enum link_phase { LINK_IDLE, LINK_ASKING, LINK_SENDING, LINK_REPLYING };

struct link {
	struct world *world;
	size_t index;
	struct node *asker, *answerer;
	bool is_down; /* partitioned */
	enum link_phase phase;
	struct ask *ask;
	struct answer *answer;
	struct bytes request, reply;
	size_t at; /* bytes of the request or reply delivered */
	size_t cut_at; /* the rest is lost; SIZE_MAX: whole */
	size_t pieces; /* at most so many bytes in one step */
	bool is_alone; /* nothing else happened at both ends since the last request was made */
	uint64_t asker_changes, answerer_changes;
	struct bytes ghost; /* an old request that may come in again */
	size_t budget; /* bytes until the connection is cut, both ways together; 0: endless */
	size_t budget_left;
	uint64_t bytes_sent, bytes_received; /* that got through */
	uint64_t requests, cuts; /* of this round */
};

struct link *link_new(struct world *w, struct node *asker, struct node *answerer);
void link_free(struct link *l);

bool link_can_start(const struct link *l);
/* Begin a round; false when it cannot. */
bool link_start(struct link *l);
/* Do the next step; false when the round is over. */
bool link_step(struct link *l);
/* Give the round up: the asker hangs up. */
void link_stop(struct link *l);

/* Node @n is about to close its engine: whatever ran over this link is cut. */
void link_node_dies(struct link *l, const struct node *n);

/* Deliver the old request once more. */
void link_ghost(struct link *l);

/* Do both ends hold the same commits of what both are entitled to? */
bool link_is_equal(const struct link *l);

#endif
