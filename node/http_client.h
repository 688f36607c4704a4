/* node/http_client.h - libcurl on a libuv loop: connections kept alive and shared by calls.
 *
 * TLS:      sessions are remembered as long as the client lives, so that a connection that was cut is made anew
 *           without certificates.
 * Lifetime: handles of libuv inside live on until their close callbacks; http_client_free()
 *           arranges for that.
 */
#ifndef NODE_HTTP_CLIENT_H
#define NODE_HTTP_CLIENT_H

#include <uv.h>

#include "node/http_call.h"

#define HTTP_CLIENT_CONNECTIONS_MAX 16	/* idle ones kept, when the option is 0 */
#define HTTP_CLIENT_IDLE_SECONDS 50	/* below our server's idle time: it is us who hang up */

struct http_client_options {
	uint32_t connections_max;	/* idle connections kept for reuse */
	const struct tls *tls;		/* who we are; NULL: nobody.  Outlives the client */
};

/* Make a client on @loop; RC_NOMEM when that cannot be. */
RC_CHECK enum rc http_client_new(uv_loop_t *loop, const struct http_client_options *options,
    struct http_client **client, struct diag *d);

/* Cancel every call without a callback, close all connections, free @c once the loop has run its
 * close callbacks.  Not from inside on_piece.  NULL: nothing. */
void http_client_free(struct http_client *c);

/* Calls started and not done. */
uint32_t http_client_calls(const struct http_client *c);

#endif
