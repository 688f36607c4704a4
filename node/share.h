/* node/share.h - how much of this node another may have.
 *
 * Shares: what one peer, once it has proved who it is, may have under way at once.  How much of the writer thread it
 *         gets beside others is for its lane there (writer.h), how many connections a stranger for the listener
 *         (http_server.h).
 * Strikes: how often in the last minute an address failed at what only a stranger may try; then it waits.  Of more
 *         addresses than the table holds, the oldest is forgotten.
 *
 * No allocation; what is counted is given back by whoever took it.  Loop thread only.
 */
#ifndef NODE_SHARE_H
#define NODE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of all peers together. */
#ifdef TEST_LIMITS
#define SHARE_ROUNDS_ALL 6
#define SHARE_WAITS_ALL 6
#define SHARE_STATES_ALL 4
#else
#define SHARE_ROUNDS_ALL 64
#define SHARE_WAITS_ALL 128		/* the other connections are for rounds */
#define SHARE_STATES_ALL 32
#endif
/* Of one of them. */
#define SHARE_ROUNDS_EACH 3
#define SHARE_WAITS_EACH 2
#define SHARE_STATES_EACH 2

#define STRIKES_ADDRESSES_MAX 64
#define STRIKES_EACH 10			/* a minute */
#define STRIKES_MS 60000
#define STRIKES_ADDRESS_BYTES 48

enum share_kind { SHARE_ROUND, SHARE_WAIT, SHARE_STATE, SHARE_KINDS };

struct share {
	uint64_t who;
	uint32_t count[SHARE_KINDS];
};

struct shares {
	struct share of[SHARE_ROUNDS_ALL + SHARE_WAITS_ALL + SHARE_STATES_ALL];
	size_t of_count;		/* those with something under way */
	uint32_t count[SHARE_KINDS];
	/* Invariants:
	 * Q1. count[k] is the sum of of[].count[k], and at most its SHARE_…_ALL.
	 * Q2. every of[].count[k] is at most its SHARE_…_EACH. */
};

/* Everything 0: nothing is under way. */

enum share_answer {
	SHARE_OK,		/* taken */
	SHARE_FULL,		/* this one has its share */
	SHARE_ALL_FULL,		/* all together have theirs */
};
enum share_answer share_take(struct shares *s, uint64_t who, enum share_kind kind);
void share_give(struct shares *s, uint64_t who, enum share_kind kind);

struct share_strikes {
	struct {
		char address[STRIKES_ADDRESS_BYTES];
		uint64_t since_ms;
		uint32_t count;
	} of[STRIKES_ADDRESSES_MAX];
};

/* @address failed, at @now_ms of a clock that only goes forward. */
void share_strike(struct share_strikes *s, const char *address, uint64_t now_ms);
/* Has @address failed too often? */
bool share_is_struck(const struct share_strikes *s, const char *address, uint64_t now_ms);

#endif
