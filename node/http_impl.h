/* node/http_impl.h - the inside of the HTTP server; only http_server.c, http_conn.c and
 * http_exchange.c include it.
 *
 * http_server.c  listens, accepts, counts, keeps the one timer.
 * http_conn.c    reads, drives one connection through its states, writes, closes.
 * http_conn_tls.c  what goes between the wire and http_conn.c when there is TLS.
 * http_exchange.c  what the handler sees; builds answers.
 */
#ifndef NODE_HTTP_IMPL_H
#define NODE_HTTP_IMPL_H

#include <uv.h>

#include "node/http_parse.h"
#include "node/http_server.h"

#ifdef TEST_LIMITS
#define HTTP_READ_BYTES 61
#define HTTP_PIPELINE_BYTES_MAX 300
#else
#define HTTP_READ_BYTES 65536
#define HTTP_PIPELINE_BYTES_MAX 65536	/* read ahead of the request under way */
#endif
#define HTTP_SKIP_BYTES_MAX 65536	/* an unwanted body this small is read away, not cut */
#define HTTP_LINGER_BYTES_MAX 1048576	/* read away after a refusal */
#define HTTP_PEER_TEXT_BYTES 64

enum http_conn_state {
	HTTP_CONN_TLS,		/* shaking hands */
	HTTP_CONN_HEAD,		/* between requests or inside a head */
	HTTP_CONN_BODY,		/* body bytes are due; without exchange: to be thrown away */
	HTTP_CONN_WAIT,		/* the handler has the word */
	HTTP_CONN_WRITE,	/* the answer is on its way */
	HTTP_CONN_LINGER,	/* nothing more to say; reading the rest away */
	HTTP_CONN_CLOSING	/* uv_close was called */
};

/* One connection.  It contains its handle, so it dies in the close callback and nowhere else.
 * Invariants:
 * C1. exchange != NULL only in BODY and WAIT; in WAIT always.
 * C2. `pending` is empty in HEAD and BODY outside of a callback, unless the body is paused.
 * C3. every state but WAIT and CLOSING has a deadline, unless the body is paused. */
struct http_conn {
	union {
		uv_handle_t any;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} handle;
	uv_shutdown_t shutdown;
	struct http_server *server;
	struct http_conn *prev, *next;
	enum http_conn_state state;
	struct tls_pump *tls;		/* NULL: the wire is plain */
	struct http_parse parse;
	struct http_exchange *exchange;
	struct bytes pending;		/* read while the handler or the answer was busy */
	size_t pending_at;		/* of it, already used */
	uint64_t body_left;
	uint64_t body_due_ms;		/* later with every byte that comes, by HTTP_RATE_MIN */
	uint64_t write_due_ms;		/* of the answer, likewise with every byte taken */
	uint64_t deadline_ms;		/* 0: none */
	size_t write_left;		/* unsent bytes at the last look */
	uint64_t linger_left;
	bool is_last;			/* close after this answer */
	bool is_reading;
	bool is_eof;			/* the client sends no more */
	bool has_asked;			/* a request, ever */
	bool is_paused;			/* the handler takes no more of the body for now */
	uint64_t paused_ms;		/* since then */
	uint64_t proved;		/* who it proved to be (http_exchange_prove); 0: nobody yet */
	struct sockaddr_storage address;
	char peer[HTTP_PEER_TEXT_BYTES];
};

enum http_body_mode { HTTP_BODY_NONE, HTTP_BODY_WHOLE, HTTP_BODY_STREAM };

/* Not part of the connection: the handler may hold it longer than the connection lasts. */
struct http_exchange {
	struct http_conn *conn;		/* NULL: the client went away */
	enum http_body_mode mode;	/* NONE again once the body is complete */
	struct bytes body;
	http_body_fn on_body;
	http_end_fn on_end;
	void *user;
	http_abort_fn on_abort;
	void *abort_user;
	bool is_in_head;		/* on_head is running */
	bool is_cut;			/* the handler is being told */
};

/* An answer on its way; libuv owns it until its callback. */
struct http_write {
	uv_write_t req;
	struct http_conn *conn;
	struct bytes head;
	struct bytes body;		/* may be empty: then all is in head */
	bool is_interim;		/* 100 Continue: the state does not change */
};

struct http_server {
	union {
		uv_handle_t any;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} listener;
	uv_timer_t timer;
	uint64_t timer_due_ms;		/* 0: the timer rests */
	unsigned handle_count;		/* listener and timer, until closed */
	struct http_conn *first;
	struct http_server_limits limits;
	struct http_server_counts counts;
	struct tls *tls;
	http_head_fn on_head;
	void *ctx;
	bool is_pipe, is_terse;
	bool is_stopping;
	bool is_accept_owed;		/* a client waits in libuv: memory was short, or the pipe has its connections */
	uint64_t stop_due_ms;
	int port;
	void (*on_stopped)(void *user);
	void *stopped_user;
	char read_buf[HTTP_READ_BYTES];	/* shared: libuv fills it right before the read callback */
};

/* http_server.c */
void http_server_timer_want(struct http_server *s, uint64_t due_ms);
void http_server_conn_gone(struct http_server *s, struct http_conn *c);	/* unlinked; frees @c */

/* http_conn.c */
/* A connection not yet linked or reading; NULL without memory. */
struct http_conn *http_conn_new(struct http_server *s);
void http_conn_start(struct http_conn *c);
void http_conn_close(struct http_conn *c);
void http_conn_expire(struct http_conn *c);		/* its deadline has passed */
void http_conn_stop(struct http_conn *c);		/* close it unless a request is under way */
void http_conn_pause(struct http_conn *c);		/* hand over no more of the body, until */
void http_conn_resume(struct http_conn *c);
bool http_conn_is_resting(const struct http_conn *c);	/* after a request, and nothing of the next one here */
bool http_conn_is_giving(const struct http_conn *c);	/* the next bytes are the client's to send */
/* Send @w, which is taken over; NULL, for want of memory, closes. */
void http_conn_write(struct http_conn *c, struct http_write *w);
void http_conn_send(struct http_conn *c, struct http_write *w);	/* the same, of bytes of the wire */
void http_conn_open(struct http_conn *c);		/* the wire is ready: the first head may come */
void http_conn_take(struct http_conn *c, struct span plain);
void http_conn_eof(struct http_conn *c);		/* the client sends no more */

/* http_conn_tls.c: for connections of a server with TLS */
RC_CHECK bool http_conn_tls_start(struct http_conn *c);	/* false: no memory, or no room */
void http_conn_tls_take(struct http_conn *c, struct span wire);
RC_CHECK bool http_conn_tls_seal(struct http_conn *c, struct http_write *w);
void http_conn_tls_end(struct http_conn *c);		/* say that nothing more comes */

/* http_exchange.c */
struct http_exchange *http_exchange_new(struct http_conn *c);
/* The client is gone: tell the handler; free @x unless a reply is still due. */
void http_exchange_cut(struct http_exchange *x);
/* The answer of the server itself, as for http_conn_write(); NULL without memory. */
struct http_write *http_exchange_refusal(struct http_conn *c, int status);
struct http_write *http_exchange_continue(void);	/* 100 Continue */
void http_exchange_write_free(struct http_write *w);

#endif
