/* node/http_call.h - one HTTP request to somebody else and its outcome.
 *
 * Bytes:    nothing is sent that was not asked for, but Host and, with a body, Content-Length: no
 *           Accept, User-Agent, Content-Type or Expect.  Redirects are not followed, no proxy is
 *           used, replies are not unpacked.
 * Whole:    a reply counts as whole only if its head says where it ends; one that lasts until the
 *           connection is closed cannot be told from a cut one, and is RC_LINK.
 * TLS:      1.3, between keys of nodes (tls.h).  An https URL without tls_keys is RC_INPUT: there is nobody else
 *           whom we trust, and nothing is ever tried again without TLS.
 * Cut:      pieces handed to on_piece count even when the call fails later.
 * Callbacks run on the loop thread, never inside http_call_start().
 */
#ifndef NODE_HTTP_CALL_H
#define NODE_HTTP_CALL_H

#include "sync/mem.h"

#define HTTP_CALL_CONNECT_MS 10000	/* when connect_timeout_ms is 0 */
#define HTTP_CALL_REPLY_HEAD_BYTES_MAX 16384
#define HTTP_CALL_DETAIL_BYTES 256

struct http_client;
struct http_call;
struct tls;

struct http_call_result {
	/* RC_OK: a whole reply with any status; UNREACHABLE: nothing was sent; LINK: broke midway, or shaking
	 * hands failed; LIMIT: reply too long; PEER: not HTTP, or is_stranger; INPUT: bad URL; NOMEM. */
	enum rc rc;
	int status;		/* 0 before the status line was here */
	uint64_t sent_bytes;	/* of HTTP, heads included; not of the layers below */
	uint64_t received_bytes;
	uint64_t wire_sent_bytes;	/* with TLS: of its records, handshakes included; else the same */
	uint64_t wire_received_bytes;
	bool is_reused;		/* no new connection was made */
	bool is_shaking;	/* TLS: it ended in the handshake */
	bool is_stranger;	/* TLS: somebody with another key than wanted answered; nothing was sent */
	uint32_t retry_after_seconds;	/* as the reply's head says, at most a day; 0: it does not */
	const char *detail;	/* "" when rc is OK; for people; valid during the call only */
};

/* A piece of the reply's body, valid during the call only; @status is that of the reply. */
typedef void (*http_piece_fn)(void *user, int status, struct span piece);
/* The last word on a call, which is gone when this returns. */
typedef void (*http_done_fn)(void *user, const struct http_call_result *result);

struct http_call_options {
	const char *method;		/* "GET", "HEAD", "POST", … */
	const char *url;		/* http or https */
	const char *unix_socket_path;	/* connect there; the URL's host only goes into Host */
	const char *const *headers;	/* "Name: value" each, ended by NULL; NULL for none */
	struct span body;		/* copied; sent if not empty, or with POST, PUT, PATCH */
	const struct tls *tls;		/* for https: who we are; NULL: as the client was told, else nobody */
	struct span tls_keys;		/* for https: PUBKEY_BYTES each, copied: trust these and nobody else */
	uint32_t connect_timeout_ms;
	uint32_t total_timeout_ms;	/* 0: none */
	uint32_t low_speed_bytes;	/* give up below so many bytes per second … */
	uint32_t low_speed_seconds;	/* … for so long; 0: never */
	uint64_t reply_bytes_max;	/* of the body; must be set */
	http_piece_fn on_piece;		/* may be NULL */
	http_done_fn on_done;
	void *user;
};

/* Send the request of @options, which is copied, and give the call in *@call.  RC_INPUT or RC_NOMEM
 * on failure; then nothing was sent and on_done will not run. */
RC_CHECK enum rc http_call_start(struct http_client *client,
    const struct http_call_options *options, struct http_call **call, struct diag *d);

/* Give up on @call.  No callback of it runs any more, also when called from inside one; @call is
 * gone.  NULL: nothing.  Not for a call whose on_done is running or has run. */
void http_call_cancel(struct http_call *call);

/* For command lines: send, wait, and append the reply's body to @reply (also what came before a
 * failure); *@status is 0 without one.  on_piece, on_done and user of @options are not used.
 * Failures as in struct http_call_result. */
RC_CHECK enum rc http_call_blocking(
    const struct http_call_options *options, struct bytes *reply, int *status, struct diag *d);

#endif
