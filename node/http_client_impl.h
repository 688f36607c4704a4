/* node/http_client_impl.h - the inside of the HTTP client; only http_client.c and http_call.c
 * include it.
 *
 * libcurl must not be called from inside its own callbacks.  While it runs (is_in_curl), starting
 * and cancelling only leave a mark on the call, and http_client_settle() does the work afterwards.
 */
#ifndef NODE_HTTP_CLIENT_IMPL_H
#define NODE_HTTP_CLIENT_IMPL_H

#include <curl/curl.h>
#include <uv.h>

#include "node/http_client.h"
#include "node/tls.h"

enum http_call_state {
	HTTP_CALL_QUEUED,	/* to be handed to libcurl */
	HTTP_CALL_RUNNING,
	HTTP_CALL_CANCELLED,	/* to be freed; no callback any more */
	HTTP_CALL_FAILED	/* to be reported with fail_rc */
};

struct http_call {
	struct http_client *client;	/* NULL: blocking */
	struct http_call *prev, *next;
	enum http_call_state state;
	enum rc fail_rc;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t reply_bytes_max;
	uint64_t reply_bytes;		/* of the body, received */
	uint64_t reply_head_bytes;
	uint64_t sent_bytes;
	uint64_t tls_sent_bytes, tls_received_bytes;
	const struct tls *tls;
	struct bytes tls_keys;
	struct tls_check check;
	bool is_too_long;
	bool is_head_method;		/* the reply has no body */
	bool is_head_whole;		/* the empty line after the reply's head was here */
	bool is_framed;			/* the reply's head tells where the body ends */
	http_piece_fn on_piece;
	http_done_fn on_done;
	void *user;
	char detail[CURL_ERROR_SIZE];
};

struct http_client {
	CURLM *multi;
	CURLSH *share;			/* sessions of TLS */
	const struct tls *tls;
	uv_timer_t timer;
	struct http_call *first;
	struct http_sock *socks;
	uint32_t call_count;
	uint32_t handle_count;		/* timer and polls, until closed */
	bool is_in_curl;
	bool is_unsettled;		/* some call is not RUNNING */
	bool is_closing;
};

/* http_client.c */
void http_client_settle(struct http_client *c);
/* Have the sockets of @easy closed through @c, and its sessions remembered there. */
bool http_client_adopt(struct http_client *c, CURL *easy);

/* http_call.c */
void http_call_done(struct http_call *call, CURLcode code);	/* unlink, report, free */
void http_call_drop(struct http_call *call);			/* unlink, free */

#endif
