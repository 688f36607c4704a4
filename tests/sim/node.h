/* tests/sim/node.h - one simulated machine: its disk, the engine over it, its clock.
 *
 * A node is *up* while it has an engine.  It dies by power loss, by a kill, or because its
 * engine said that it must not go on; what it held at its last finished call it must hold again
 * after the restart.
 */
#ifndef TESTS_SIM_NODE_H
#define TESTS_SIM_NODE_H

#include "sync/stream.h"
#include "sync/sync.h"
#include "tests/sim/disk.h"
#include "tests/sim/model.h"
#include "tests/sim/prng.h"

struct sqlite3;
struct sqlite3_stmt;
struct world;
struct record;

/* What is set to befall a machine; it happens at some later write. */
enum node_fault {
	FAULT_NONE,
	FAULT_POWER,
	FAULT_KILL,
	FAULT_IO,
	FAULT_SYNC,
	FAULT_FULL,
	FAULT_MEMORY
};

enum node_work { NODE_IDLE, NODE_SAVES, NODE_ASKS, NODE_ANSWERS, NODE_STARTS };

#define NODE_NAMES_MAX 64

struct node {
	struct world *world;
	size_t index;
	int unit;
	struct disk *disk;
	struct sqlite3 *db;
	struct engine *engine; /* NULL while down */
	struct sqlite3_stmt *select[TABLES_COUNT];
	uint8_t seed[SEED_BYTES];
	uint8_t origin[ORIGIN_BYTES];
	uint8_t names[NODE_NAMES_MAX][ORIGIN_BYTES]; /* all it ever had, the present one last */
	size_t names_count;
	int64_t skew_ms;
	bool was_skewed; /* it may hold what it took while its clock was wrong */
	struct prng prng; /* what the engine calls random */
	bool is_joined;
	bool is_liar; /* runs the catalogue without rights */
	enum node_work work;
	enum node_fault fault;
	uint32_t welcome_stream, welcome_seq; /* the commit that holds its credential */
	uint64_t changes; /* grows with whatever may have changed here */
	bool
	    is_forgetful; /* a failed write or sync: what the system shows is perhaps not on disk */
	bool is_starved; /* the call under way may run out of memory */
	struct model_vector held; /* after the last finished call */
	uint64_t receipts_seen; /* local number of the last that was checked */
	struct record *record; /* a save whose outcome its machine's death left open */
	uint8_t *scratch;
};

struct node *node_new(struct world *w, int unit, int64_t skew_ms);
void node_free(struct node *n);
bool node_is_up(const struct node *n);
/* Around calls into the engine: some of them run out of memory.  n->is_starved says so until the
 * next one begins. */
void node_call_begin(struct node *n, enum node_work work);
void node_call_end(struct node *n);

/* Does it hold its own credential?  Before that it may save nothing. */
bool node_is_welcome(const struct node *n);

/* Make the root, with @root_seed.  Join @n below @parent. */
RC_CHECK enum rc node_found(struct node *n, const uint8_t root_seed[SEED_BYTES], struct diag *d);
RC_CHECK enum rc node_join(struct node *n, struct node *parent, struct diag *d);

/* Open what is on the disk; whoever calls it has put the power on. */
RC_CHECK enum rc node_start(struct node *n, struct diag *d);
/* Close in good order; or let go of what a dead machine left in memory. */
void node_stop(struct node *n);

/* Read the stream heads into @v.  Streams and commits the model does not know are recorded by
 * the caller's @on_new, which answers whether that is in order. */
typedef bool (*node_on_new)(struct node *n, const struct stream *s, uint32_t stream, uint32_t seq);
void node_observe(struct node *n, struct model_vector *v, node_on_new on_new);

/* The row as SQL shows it: false when there is none.  Values borrow from n->scratch until the
 * next call. */
bool node_row(struct node *n, enum tables_number table, struct value key, struct value *values);

#endif
