/* tests/sim/hostile_impl.h - shared by hostile*.c only. */
#ifndef TESTS_SIM_HOSTILE_IMPL_H
#define TESTS_SIM_HOSTILE_IMPL_H

#include "sync/sync.h"
#include "tests/sim/hostile.h"
#include "tests/sim/prng.h"

struct sqlite3;

#define NODES 7
#define HOSTILE_UNITS_COUNT 6
#define BAD_ONE_IN 2		/* a bad node oversteps */
#define START_MS UINT64_C(1541030400000)
#define MINUTE_MS UINT64_C(60000)
#define YEAR_MS (INT64_C(365) * 24 * 3600 * 1000)
#define STEPS_MIN 60
#define STEPS_MORE 60
#define SWEEPS_MAX 24
#define REQUESTS_MAX 200
#define PAGES_MAX 512
#define RECORDED_BYTES_MAX 65536
#define FNV_PRIME UINT64_C(0x100000001b3)

enum { PROVINCE, DISTRICT_A, DISTRICT_B, COMMUNE_A1, COMMUNE_A2, COMMUNE_B1, SECOND_PC };

/* What the bad node does; drawn for each run. */
enum {
	BAD_OVERSTEPS = 1,	/* writes what it may not */
	BAD_FLIPS = 2,		/* changes bytes of what goes through it */
	BAD_REPLAYS = 4,	/* sends again what once was sent */
	BAD_WITHHOLDS = 8,	/* says that it sent what it did not */
	BAD_TWO_FACED = 16,	/* two histories under one name, one for each side */
	BAD_FUTURE = 32,	/* writes from 2099 */
};

struct unit_of {
	const char *key, *parent, *level;
};

struct place {
	size_t unit, parent;
	enum level level;
};

struct hostile_node {
	struct hostile *h;
	size_t index;
	struct sqlite3 *db, *twin;	/* the copy that does not run just now; or NULL */
	struct engine *engine;
	uint8_t seed[SEED_BYTES], origin[ORIGIN_BYTES];
	int64_t skew_ms;
	struct prng prng;
	bool is_bad, is_revoked;
};

/* A page that some honest node once inserted: who may edit it. */
struct page {
	struct save_key key;
	size_t unit;
};

struct hostile {
	uint64_t now_ms, trace, tokens;
	struct prng prng;
	struct hostile_node nodes[NODES];
	uint8_t root_pubkey[PUBKEY_BYTES];
	unsigned bad;		/* BAD_* of the bad node */
	size_t bad_at;
	struct page pages[PAGES_MAX];
	size_t pages_count;
	char *honest;		/* by token: saved by an honest node, and answered */
	size_t honest_cap;
	struct bytes recorded;	/* a request of old */
	size_t recorded_for;
	bool is_verbose, has_failed, is_calm;
	struct hostile_counts *counts;
	char *why;
};


extern const struct unit_of HOSTILE_UNITS[HOSTILE_UNITS_COUNT];
extern const struct place HOSTILE_PLACES[NODES];

/* Keep what is broken; nothing more happens then.  And one line of the trace. */
void hostile_failed(struct hostile *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void hostile_told(struct hostile *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* hostile_node.c */
bool hostile_node_make(struct hostile *h, size_t i, const uint8_t *root_seed);
void hostile_node_close(struct hostile_node *n);
void hostile_node_copy(struct hostile_node *n);		/* there are two of it now, one of which does not run */
void hostile_node_swap(struct hostile_node *n);		/* the other copy of the machine runs from now on */
void hostile_units_save(struct hostile *h);
/* One save of one page, its title a token that never comes twice: "<who> <number>". */
void hostile_work(struct hostile *h, struct hostile_node *n, const char *who);
/* Write what only the province may. */
void hostile_overstep(struct hostile *h, struct hostile_node *n);

/* hostile_link.c: one round; true: the digests were equal, and nothing moved.  And a request of old once more. */
bool hostile_meet(struct hostile *h, struct hostile_node *from, struct hostile_node *to);
void hostile_replay(struct hostile *h);

/* hostile_check.c: what must hold of the honest nodes in the end. */
void hostile_check(struct hostile *h);

#endif
