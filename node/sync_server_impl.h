/* node/sync_server_impl.h - shared by sync_server.c (rounds, joining, life) and sync_server_wait.c (waiting). */
#ifndef NODE_SYNC_SERVER_IMPL_H
#define NODE_SYNC_SERVER_IMPL_H

#include "node/daemon.h"

struct waiter;
struct state_answer;

struct sync_server {
	uv_timer_t timer;		/* runs only while somebody waits; this struct dies in its close callback */
	struct daemon *node;
	struct waiter *waiters;
	struct sync_server_counts counts;
	uint32_t rounds_open;
	bool is_looking, is_look_due;
	bool is_stopping;
	struct state_answer *states;	/* that wait for their turn; the first to come last */
	uint32_t states_open;
	bool is_comparing;
};

/* Answer @x with what @rc means and @why, one line. */
void sync_server_refuse(struct sync_server *s, struct http_exchange *x, enum rc rc, const char *why);

/* Somebody below asks whether our rows are the same (sync_server_state.c). */
void sync_server_state(struct sync_server *s, struct http_exchange *x);

/* A waiting request came. */
void sync_server_wait(struct sync_server *s, struct http_exchange *x);

#endif
