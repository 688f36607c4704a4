/* node/http_server.h - an HTTP/1.1 server on a libuv loop.
 *
 * Listens on one TCP address or on one pipe (Unix socket, mode 0600).  Reads heads by the strict
 * profile of http_parse.h, one request at a time per connection; pipelined requests wait their
 * turn, answers keep the order.
 *
 * Limits:   struct http_server_limits; a field left 0 takes the default named beside it.
 *           Beyond connections_max one is closed for the new one: a stranger of the address that has most of
 *           them, if that has more than the new one's; else one that rests between two requests.  When there
 *           is none, the new one is closed.  On a pipe, where all are one user's, the new one waits until another goes.
 * Timers:   one for the whole server, running only while there are connections.
 * Failure:  a client's mistake costs it its connection, after an answer when one can be given;
 *           nobody else notices.
 */
#ifndef NODE_HTTP_SERVER_H
#define NODE_HTTP_SERVER_H

#include <uv.h>

#include "node/http_exchange.h"

#define HTTP_CONNECTIONS_MAX 256
#define HTTP_CONNECTIONS_PER_IP_MAX 64	/* of those that have not proved who they are (http_exchange_prove) */
#define HTTP_HEAD_MS 10000		/* from a head's first byte, or the connect, to its end */
#define HTTP_BODY_IDLE_MS 30000		/* between two pieces of a body */
#define HTTP_RATE_MIN 64		/* bytes per second of a body or an answer, beyond one idle time */
#define HTTP_IDLE_MS 60000		/* between two requests */
#define HTTP_WRITE_IDLE_MS 30000	/* without the client taking any byte of its answer */
#define HTTP_LINGER_MS 2000		/* how long the rest of a refused request is read away */
#define HTTP_STOP_MS 5000		/* how long a stop waits for answers */

struct http_server;

/* A request's head is complete.  See http_exchange.h for what may be done with @x. */
typedef void (*http_head_fn)(void *ctx, struct http_exchange *x);

struct tls;

struct http_server_limits {
	uint32_t handshake_ms;		/* TLS_HANDSHAKE_MS */
	uint32_t handshakes_max;	/* TLS_HANDSHAKES_MAX */
	uint32_t connections_max;
	uint32_t connections_per_ip_max;
	uint32_t head_ms;
	uint32_t body_idle_ms;
	uint32_t idle_ms;
	uint32_t write_idle_ms;
	uint32_t linger_ms;
	uint32_t stop_ms;
};

struct http_server_options {
	const char *host;	/* IP address, v4 or v6; names are not resolved */
	int port;		/* 0: any free one */
	const char *pipe_path;	/* not NULL: a pipe instead of host and port */
	http_head_fn on_head;
	void *ctx;
	struct tls *tls;	/* not NULL: speak TLS (tls.h); outlives the server */
	bool is_terse;		/* leave out Date and Content-Type: for sync, where bytes count */
	struct http_server_limits limits;
};

struct http_server_counts {
	uint32_t connections;		/* open now */
	uint64_t connections_total;
	uint64_t connections_dropped;	/* closed at once: over a cap */
	uint64_t requests;		/* heads handed to the handler */
	uint64_t refusals;		/* heads that were not, and time-outs */
	uint32_t handshakes;		/* under way now */
	uint64_t handshakes_failed;
	uint64_t bytes_in;		/* of the wire */
	uint64_t bytes_out;		/* handed to the system */
};

/* Listen as @options say and give the server in *@server; @options are copied.  RC_INPUT for an
 * address or path that cannot be one, RC_BUSY when it is in use, RC_DENIED when the system forbids
 * it.  A dead socket file in the way of a pipe is replaced, a live one is not.  After a failure the
 * loop must still be run once for its handles to close. */
RC_CHECK enum rc http_server_new(uv_loop_t *loop, const struct http_server_options *options,
    struct http_server **server, struct diag *d);

/* The port listened on; 0 for a pipe. */
int http_server_port(const struct http_server *s);

void http_server_counts(const struct http_server *s, struct http_server_counts *counts);

/* Accept nobody any more, close what is idle, let requests under way be answered for at most
 * limits.stop_ms, cut the rest.  When every handle is closed @s is freed, then @on_stopped(@user)
 * is called (it may be NULL).  Handlers may still be called until then.  Call once. */
void http_server_stop(struct http_server *s, void (*on_stopped)(void *user), void *user);

#endif
