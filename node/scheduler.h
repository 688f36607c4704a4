/* node/scheduler.h - when to talk with the parent.
 *
 * Soon after a local save; at once when the parent says that it has something (a waiting request stands there while
 * the link is good); at a command's wish.  After a failure it waits, longer each time, by a random part of it, so that
 * a whole province does not come back in the same second, and not before the time that a refusal names.  With nothing
 * to do there is no timer.
 */
#ifndef NODE_SCHEDULER_H
#define NODE_SCHEDULER_H

#include "node/state_watch.h"

#define SCHEDULER_SETTLE_MS 50			/* saves that come together go together */
#define SCHEDULER_RETRY_MS_MIN 1000
#define SCHEDULER_RETRY_MS_MAX 300000
#define SCHEDULER_WAIT_MS_MAX 300000		/* of a waiting request; the other side ends it earlier */
#define SCHEDULER_ASKED_MAX 32			/* commands that wait for a round */

struct scheduler;

struct scheduler_options {
	uv_loop_t *loop;
	struct http_client *http;
	struct writer *writer;
	const char *parent_url;		/* "" : none; copied */
	const uint8_t *parent;		/* ORIGIN_BYTES, copied */
};

struct scheduler *scheduler_new(const struct scheduler_options *options);

/* The writer, when it was not there yet, and who compares rows after rounds; before scheduler_start(). */
void scheduler_parts_set(struct scheduler *s, struct writer *writer, struct state_watch *watch);

/* Begin: a first round with the parent. */
void scheduler_start(struct scheduler *s);

/* Something was saved here or came from below. */
void scheduler_kick(struct scheduler *s);

/* One round now, with @url or, when that is NULL, with the parent; @on_done gets the result.  RC_INPUT: no address;
 * RC_BUSY: too many ask. */
RC_CHECK enum rc scheduler_sync(struct scheduler *s, const char *url, bool is_compare, sync_done_fn on_done, void *user,
    struct diag *d);

/* A new address of the parent. */
void scheduler_parent_set(struct scheduler *s, const char *url);

struct scheduler_counts {
	uint64_t rounds, failures, requests, bytes_up, bytes_down;
};
void scheduler_counts(const struct scheduler *s, struct scheduler_counts *out);

/* End everything; when nothing is under way any more @on_stopped(@user) is called and @s is gone. */
void scheduler_stop(struct scheduler *s, void (*on_stopped)(void *user), void *user);

#endif
