/* node/state_watch.h - when to compare our rows with the parent's.
 *
 * A round that ended equal proves that both sides hold the same commits.  The first such round of a daemon's life, and
 * later ones at which the heads are others than those last compared, are followed by a comparison of the rows, at most
 * one every STATE_WATCH_MS; beside the rounds, holding up none.  A command `sync` gets its own at once.  With nothing
 * to compare there is no timer.
 */
#ifndef NODE_STATE_WATCH_H
#define NODE_STATE_WATCH_H

#include "node/state_check.h"
#include "node/sync_client.h"

#define STATE_WATCH_MS 60000
#define STATE_WATCH_ASKED_MAX 8		/* commands that wait for their comparison */

struct state_watch;

struct state_watch_options {
	uv_loop_t *loop;
	struct http_client *http;
	struct writer *writer;
	struct reader *reader;
};

struct state_watch *state_watch_new(const struct state_watch_options *options);

/* A round with the parent has ended well. */
void state_watch_round(struct state_watch *w, const struct sync_result *r);

/* The round @r was a command's: compare, if that is due, and hand the completed result to @on_done.  False: it is not
 * due, or cannot be now; @r is complete. */
bool state_watch_ask(struct state_watch *w, const struct sync_result *r, sync_done_fn on_done, void *user);

/* Put what a comparison found into the result of its round. */
void state_watch_complete(struct sync_result *r, const struct state_check_result *check);

struct state_watch_counts {
	uint64_t checks, failures, differs;
	bool is_different;		/* the last comparison with the parent found a difference */
};
void state_watch_counts(const struct state_watch *w, struct state_watch_counts *out);

/* End everything; when nothing is under way any more @on_stopped(@user) is called and @w is gone. */
void state_watch_stop(struct state_watch *w, void (*on_stopped)(void *user), void *user);

#endif
