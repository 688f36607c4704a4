/* node/http_exchange.h - one request and the answer to it, as a handler sees them.
 *
 * Vocabulary: a handler is the on_head function of a server; it is called once per request, when
 *             the head is complete.
 * Life:     an exchange lives from that call until the handler's reply, or until the handler is
 *           told that the client went away, whichever comes first; afterwards it must not be
 *           touched.  Exactly one reply per exchange.
 * Body:     inside on_head a handler may ask for the body, whole or in pieces.  One that does not
 *           ask does not get it.
 * Cut:      when the client goes away before the reply, exactly one of these happens:
 *             - the streamed body was not complete yet: on_end(is_complete = false) is called;
 *             - otherwise, if an abort function is set: it is called;
 *             - otherwise, if a whole body was awaited: nothing; the exchange is gone;
 *             - otherwise the exchange stays, and the reply, which is still due, goes nowhere.
 *           After the first three the exchange is gone.  In those calls it serves as identity only.
 * Strings returned here live as long as the exchange is connected; after a cut they read as "" or
 * NULL.
 */
#ifndef NODE_HTTP_EXCHANGE_H
#define NODE_HTTP_EXCHANGE_H

#include "sync/mem.h"

struct http_exchange;

typedef void (*http_body_fn)(void *user, struct http_exchange *x, struct span body);
typedef void (*http_end_fn)(void *user, struct http_exchange *x, bool is_complete);
typedef void (*http_abort_fn)(void *user, struct http_exchange *x);

/* "GET", "POST", … */
const char *http_exchange_method(const struct http_exchange *x);
/* Begins with '/', not decoded. */
const char *http_exchange_path(const struct http_exchange *x);
/* What follows '?', not decoded; "" without. */
const char *http_exchange_query(const struct http_exchange *x);
/* Value of the first field called @name (any case), or NULL. */
const char *http_exchange_header(const struct http_exchange *x, const char *name);
/* Address of the client without port, such as "127.0.0.1"; "" on a pipe. */
const char *http_exchange_peer(const struct http_exchange *x);
/* The public key that the client proved to hold, PUBKEY_BYTES; NULL without TLS, or after a cut. */
const uint8_t *http_exchange_peer_key(const struct http_exchange *x);
/* Length of the body as announced; 0 without one. */
uint64_t http_exchange_content_length(const struct http_exchange *x);

/* Buffer the body, then call @on_body once; the bytes live until the reply.  Only inside on_head.
 * False when the announced length is over @body_bytes_max: then 413 was replied and the exchange is
 * gone. */
RC_CHECK bool http_exchange_want_body(struct http_exchange *x, uint64_t body_bytes_max,
    http_body_fn on_body, void *user);

/* Hand each piece of the body to @on_piece as it arrives, valid during the call only, then call
 * @on_end once.  The handler may reply from @on_piece; then nothing further is called and the rest
 * of the body is thrown away.  Only inside on_head.  False as above. */
RC_CHECK bool http_exchange_stream_body(struct http_exchange *x, uint64_t body_bytes_max,
    http_body_fn on_piece, http_end_fn on_end, void *user);

/* While a streamed body comes: call no @on_piece (nor @on_end, unless the body is complete) before
 * http_exchange_resume().  The client is held back meanwhile, and its time-outs rest.  Each does
 * nothing when it is so already; not from inside the other's callback. */
void http_exchange_pause(struct http_exchange *x);
void http_exchange_resume(struct http_exchange *x);

/* The client has proved that it is @who, any number but 0: its connection no longer counts among
 * those of its address, and is kept when others have to go.  proved(): what was said of this
 * connection before, 0 at first. */
void http_exchange_prove(struct http_exchange *x, uint64_t who);
uint64_t http_exchange_proved(const struct http_exchange *x);

/* Have @fn called when the client goes away before the reply.  Replaces an earlier one; NULL takes
 * it back. */
void http_exchange_on_abort(struct http_exchange *x, http_abort_fn fn, void *user);

struct http_reply {
	int status;			/* 200-599 */
	const char *content_type;	/* left out on a terse server, or when NULL */
	const char *headers;		/* further whole lines, each ended by CR LF; or NULL */
	struct span body;
};

/* Answer.  Everything in @reply is copied.  A handler's mistake in `headers` (a stray CR, LF or
 * control byte, an empty line) is answered 500 instead.  Without memory the connection is closed.
 * @x is gone afterwards. */
void http_exchange_reply(struct http_exchange *x, const struct http_reply *reply);

/* The same, but the bytes of @body, not of reply->body, are sent.  @body is taken over and left
 * empty. */
void http_exchange_reply_take(
    struct http_exchange *x, const struct http_reply *reply, struct bytes *body);

#endif
