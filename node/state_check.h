/* node/state_check.h - one comparison of our rows with another node's, over HTTP: the asking side.
 *
 * Our rows are read on a reading thread, the request is signed and the outcome noted on the writer's, so that neither
 * the loop nor who saves waits for it.
 *
 * Life:     from state_check_start() to the call of on_done, which is the last word.
 * Failure:  RC_BUSY come back later, RC_UNREACHABLE, RC_LINK, RC_PEER as everywhere; RC_CORRUPT our own rows do not
 *           fit our log; RC_NOTFOUND they compare nothing (an older program).
 */
#ifndef NODE_STATE_CHECK_H
#define NODE_STATE_CHECK_H

#include <uv.h>

#include "node/http_client.h"
#include "node/reader.h"
#include "node/writer.h"
#include "sync/exchange_state.h"

#define STATE_CHECK_TIMEOUT_MS 60000

struct state_check;

struct state_check_result {
	enum rc rc;
	struct diag diag;
	enum exchange_verdict verdict;
	uint8_t heads[DIGEST_HEADS_BYTES];	/* at which it was asked */
	uint32_t retry_after_seconds;		/* with RC_BUSY; 0: not said */
	uint64_t requests, bytes_up, bytes_down;
};

typedef void (*state_check_done_fn)(void *user, const struct state_check_result *result);

struct state_check_options {
	struct http_client *http;
	struct writer *writer;
	struct reader *reader;
	const char *url;		/* copied */
	const uint8_t *peer;		/* ORIGIN_BYTES, copied */
	state_check_done_fn on_done;
	void *user;
};

RC_CHECK enum rc state_check_start(const struct state_check_options *options, struct state_check **out,
    struct diag *d);

/* End it soon; on_done is called still, perhaps from inside. */
void state_check_cancel(struct state_check *c);

#endif
