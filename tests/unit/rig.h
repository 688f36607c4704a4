/* tests/unit/rig.h - a few engines in one process, over databases in memory, and a link between them that can cut.
 *
 * Node 0 is the root of a small tree; the others join below it.  One table, `item`, hangs on units.
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "sync/sync.h"

struct sqlite3;

#define RIG_NODES_MAX	4
#define RIG_UNIT_ROOT	"t@2010-01-01"
#define RIG_UNIT_A	"xa@2010-01-01"
#define RIG_UNIT_B	"xb@2010-01-01"

enum {
	RIG_REQUEST_HEAD = 85,		/* what HTTP adds */
	RIG_REPLY_HEAD = 40,
};

struct rig_node {
	struct rig *rig;
	struct sqlite3 *db;
	struct engine *engine;
	uint8_t seed[SEED_BYTES];
	uint8_t origin[ORIGIN_BYTES];
	uint64_t random;
};

/* What the link does to a connection, and what it carried. */
struct rig_link {
	size_t cut_bytes;		/* a connection dies after that many, both ways and heads together; 0: none */
	size_t cut_only;		/* only the connection with this number (from 1) is cut; 0: all */
	size_t piece_bytes;		/* bytes are fed in pieces of that size */
	size_t flip_request, flip_reply;	/* flip a bit of the byte with this number (from 1); 0: none */
	bool is_deaf;			/* replies get lost */
	size_t connections;
	uint64_t up_bytes, down_bytes;	/* heads included */
	void (*tap)(void *ctx, bool is_request, struct span body);
	void *tap_ctx;
};

struct rig {
	struct rig_node nodes[RIG_NODES_MAX];
	size_t count;
	uint64_t now_ms;
	uint8_t root_pubkey[PUBKEY_BYTES];
	struct rig_link link;
	struct ask_counts counts;	/* of the last round */
	enum rc round_rc;
	struct diag diag;
};

/* The root alone, with units A and B below it. */
void rig_init(struct rig *r);
void rig_fini(struct rig *r);

/* A new node of @unit, joined below node 0; its number. */
size_t rig_join(struct rig *r, const char *unit);
/* The same, but for that node @parent stands above it. */
size_t rig_join_below(struct rig *r, const char *unit, size_t parent);

/* Save one more unit, on node 0. */
void rig_unit(struct rig *r, const char *key, const char *parent, const char *level);

/* Close the engine and open it again: what was in memory only is gone. */
void rig_restart(struct rig *r, size_t n);

/* Put @copy in the place of the database of @n, or take such a copy. */
struct sqlite3 *rig_copy(const struct rig *r, size_t n);
void rig_restore(struct rig *r, size_t n, struct sqlite3 *copy);

/* Save @count new items of @unit on node @n in one save; the first one's key in *@key (may be NULL). */
void rig_items(struct rig *r, size_t n, const char *unit, size_t count, struct save_key *key);

/* Change two columns of @count items, spread over @saves saves: the @from-th oldest on. */
void rig_change(struct rig *r, size_t n, size_t from, size_t count, size_t saves);

/* One round, @from asking @to.  True: it ended, equal or not; false: it failed, with r->round_rc. */
bool rig_round(struct rig *r, size_t from, size_t to);

/* One connection of a round that the caller holds. */
void rig_connect(struct rig *r, struct ask *a, size_t to);

/* Do both hold the same rows of what they share? */
bool rig_equal(struct rig *r, size_t a, size_t b);
void rig_assert_equal(struct rig *r, size_t a, size_t b);

#endif
