/* node/sync_client.h - one round with another node, over HTTP: the asking side.
 *
 * The loop moves bytes; the engine's part of it runs as jobs on the writer thread.  A cut link is taken up again within
 * the round as long as something gets through.
 *
 * Life:     from sync_client_start() to the call of on_done, which is the last word.
 * Limits:   SYNC_STALLS_MAX failures in a row without a byte of progress, SYNC_CUTS_MAX in all.
 * Failure:  RC_UNREACHABLE nothing got through or they are unwilling, RC_LINK progress is kept, RC_PEER forged or
 *           broken, or somebody else answers there; whatever the engine says of our own disk.
 */
#ifndef NODE_SYNC_CLIENT_H
#define NODE_SYNC_CLIENT_H

#include <uv.h>

#include "node/http_client.h"
#include "node/writer.h"
#include "sync/exchange.h"
#include "sync/exchange_state.h"

#define SYNC_STALLS_MAX 3
#define SYNC_CUTS_MAX 20000
#define SYNC_ERROR_BYTES_MAX 256	/* of a refusal's text */
#define SYNC_LOW_SPEED_SECONDS                                                                                       \
	30 /* a link that carries less than this in each of so many seconds is taken for dead */
#define SYNC_LOW_SPEED_BYTES 16

struct sync_client;

struct sync_result {
	enum rc rc;
	struct diag diag;
	char url[260];
	uint8_t peer[ORIGIN_BYTES];
	struct ask_counts counts;
	uint64_t requests;		/* HTTP requests that were sent */
	uint64_t bytes_up, bytes_down;	/* on the wire above TCP, heads and all of TLS included */
	uint64_t ms;
	uint32_t retry_after_seconds;	/* of a refusal; 0: not said */

	/* The rows at those heads, beside the round (state_check.h). */
	bool has_heads;			/* the round ended equal, and the rows can be compared */
	bool is_state_due;		/* ... and shall be now: it was asked for, they differed, or it is long ago */
	uint8_t heads[DIGEST_HEADS_BYTES];
	enum exchange_verdict state;	/* as far as known */
	uint64_t state_requests, state_bytes_up, state_bytes_down;	/* not among those above */
};

typedef void (*sync_done_fn)(void *user, const struct sync_result *result);

struct sync_client_options {
	uv_loop_t *loop;
	struct http_client *http;
	struct writer *writer;
	const char *url;		/* copied */
	const uint8_t *peer;		/* ORIGIN_BYTES, copied; NULL: ask them who they are first */
	bool is_parent;
	bool is_compare;		/* the rows, too, whenever that was done last */
	sync_done_fn on_done;
	void *user;
};

RC_CHECK enum rc sync_client_start(const struct sync_client_options *options, struct sync_client **out,
    struct diag *d);

/* End it soon; on_done is called still. */
void sync_client_cancel(struct sync_client *c);

/* ---- sync_client_link.c */

/* RC_INPUT: @url is none, or without TLS and not of this machine. */
RC_CHECK enum rc sync_client_url_check(const char *url, struct diag *d);
bool sync_client_is_tls(const char *url);

/* Put into @keys the public key of the node @peer, or, when that is NULL, those of all nodes that we know.  RC_DENIED:
 * no credential of it is known.  Reader too. */
RC_CHECK enum rc sync_client_keys(struct engine *e, const uint8_t *peer, struct bytes *keys, struct diag *d);

/* @base without slashes at its end, and @path.  False when it does not fit. */
RC_CHECK bool sync_client_url(const char *base, const char *path, char *out, size_t size);

#endif
