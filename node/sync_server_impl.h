/* node/sync_server_impl.h - shared by sync_server.c (joining, life), sync_server_round.c (rounds), sync_server_wait.c
 * (waiting) and sync_server_state.c (comparing). */
#ifndef NODE_SYNC_SERVER_IMPL_H
#define NODE_SYNC_SERVER_IMPL_H

#include "node/daemon.h"
#include "node/share.h"

struct round;
struct waiter;
struct state_answer;

struct sync_server {
	uv_timer_t timer;		/* runs only while somebody waits; this struct dies in its close callback */
	struct daemon *node;
	struct waiter *waiters;
	struct sync_server_counts counts;
	struct round *rounds;		/* under way, the newest first */
	struct shares shares;
	struct share_strikes strikes;		/* of those that fail to join */
	bool is_looking, is_look_due;
	bool is_stopping;
	bool is_met;			/* the writer thread's: a round was answered */
	struct state_answer *states;	/* that wait for their turn; the first to come last */
	bool is_comparing;
};

/* Answer @x with what @rc means and @why, one line. */
void sync_server_refuse(struct sync_server *s, struct http_exchange *x, enum rc rc, const char *why);

/* A peer's number, for shares and lanes: above WRITER_LANE_OWN. */
uint64_t sync_server_who(const uint8_t origin[ORIGIN_BYTES]);

/* ---- sync_server_key.c */

/* What the client of a connection has proved by TLS; without TLS nothing, and then nothing is asked for. */
struct sync_server_key {
	bool is_there;
	uint8_t pubkey[PUBKEY_BYTES];
};
void sync_server_key_take(struct sync_server_key *k, const struct http_exchange *x);
/* RC_DENIED unless that is the key of @origin (writer or reader), or @pubkey. */
RC_CHECK enum rc sync_server_key_check(const struct sync_server_key *k, struct engine *e,
    const uint8_t origin[ORIGIN_BYTES], struct diag *d);
RC_CHECK enum rc sync_server_key_is(const struct sync_server_key *k, const uint8_t pubkey[PUBKEY_BYTES],
    struct diag *d);

/* ---- the requests */

/* A round is asked. */
void sync_server_round(struct sync_server *s, struct http_exchange *x);

/* Somebody below asks whether our rows are the same (sync_server_state.c). */
void sync_server_state(struct sync_server *s, struct http_exchange *x);

/* A waiting request came. */
void sync_server_wait(struct sync_server *s, struct http_exchange *x);

#endif
