/* tests/sim/world.h - one simulated province: units, nodes, links, virtual time, and everything
 * drawn from one seed.
 *
 * Order of a run: world_new makes the tree and joins the nodes, world_run lets things happen,
 * world_heal switches the faults off and runs the links until all is quiet, check_end compares
 * everything; world_free.
 *
 * Failure: the first promise found broken is kept by world_fail(); from then on nothing more
 * happens.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/cover.h"
#include "tests/sim/model.h"
#include "tests/sim/prng.h"

#define WORLD_NODES_MAX 9
#define WORLD_LINKS_MAX 20
#define WORLD_EVENTS_MAX 512
#define WORLD_WHY_BYTES_MAX 1024

struct node;
struct link;

enum event_kind {
	EVENT_SAVE, /* @a: node */
	EVENT_ROUND, /* @a: link */
	EVENT_STEP, /* @a: link */
	EVENT_FAULT, /* @a: node: something is set to go wrong with its machine */
	EVENT_RESTART, /* @a: node */
	EVENT_SPACE, /* @a: node: somebody made room on its disk */
	EVENT_PARTITION, /* @a: link */
	EVENT_HEAL, /* @a: link */
	EVENT_GHOST, /* @a: link: an old request comes in once more */
	EVENT_AWAY, /* @a: node: a year without a link, while others work on */
	EVENT_CLOCK, /* @a: node whose clock jumps */
	EVENT_JOIN, /* @a: node that joins only now */
};

struct event {
	uint64_t at_ms;
	uint64_t order; /* of equal times, the one scheduled first */
	enum event_kind kind;
	size_t a;
};

struct world_options {
	bool is_verbose;
	bool has_wild_clocks; /* 1970 and 2099 */
	bool has_no_faults;
};

struct world {
	uint64_t seed;
	struct world_options options;
	struct prng prng;
	struct model *model;
	struct cover *cover;
	uint64_t now_ms;
	uint64_t jump_ms; /* years that went by at once, in all times scheduled before */
	struct event events[WORLD_EVENTS_MAX]; /* a heap, the earliest first */
	size_t events_count;
	uint64_t events_order;
	struct node *nodes[WORLD_NODES_MAX];
	size_t nodes_count;
	struct link *links[WORLD_LINKS_MAX];
	size_t links_count;
	uint8_t root_pubkey[PUBKEY_BYTES];
	uint64_t saves_left, saves_number;
	uint64_t tokens; /* values made so far */
	bool has_faults, has_wild_clocks;
	size_t depth; /* tiers of the tree */
	uint64_t trace; /* hash of everything that happened */
	bool has_failed;
	char why[WORLD_WHY_BYTES_MAX];
};

struct world *world_new(uint64_t seed, const struct world_options *o, struct cover *cover);
void world_free(struct world *w);
void world_run(struct world *w);
/* End all faults, and then world_settle(): run every link until nothing moves, within bounds. */
void world_heal(struct world *w);
void world_settle(struct world *w);

/* Keep that promise @what was broken, unless something was before. */
void world_fail(struct world *w, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Which promise is broken when something does not come across: P11 when somebody was away for a
 * year, else P8. */
const char *world_progress(const struct world *w);

/* Add one line to the trace. */
void world_trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void world_schedule(struct world *w, uint64_t in_ms, enum event_kind kind, size_t a);

/* True @num times out of @den, while faults are on. */
bool world_fault(struct world *w, uint64_t num, uint64_t den);

/* Let @e happen. */
void world_event(struct world *w, const struct event *e);

/* Draw the time between two rounds of one link. */
void world_round_schedule(struct world *w, const struct link *l);

/* After each call into a node's engine: notice whether the machine died, what is new, and
 * whether all is in order. */
void world_after(struct world *w, struct node *n, enum rc rc);

#endif
