/* node/writer.h - the one thread that writes.
 *
 * It owns the writing connection and its engine; everybody else hands it jobs.  A job runs on the writer thread, then
 * its done function on the loop.  What the local user waits for goes before what other nodes want; these take turns:
 * each has a lane of its own, and the lane that used least of the thread's time is next.  A lane that was empty for a
 * while gets nothing for that.
 *
 * Life:     a job belongs to whoever submitted it, from submission until done is called; done is called exactly once.
 * Failure:  when the engine is broken (disk, corruption), or a job says that the disk failed it, no further job runs:
 *           their done is called with is_cancelled, and on_broken once.  The process is then to end and recover at its
 *           next start.
 * Limits:   WRITER_JOBS_MAX waiting jobs of the local user, and as many of all others, beyond which writer_is_full()
 *           says so; whoever goes on with what was let in may still submit.  WRITER_LANES_MAX lanes with jobs; more
 *           share them.
 */
#ifndef NODE_WRITER_H
#define NODE_WRITER_H

#include <uv.h>

#include "sync/engine.h"

#ifdef TEST_LIMITS
#define WRITER_JOBS_MAX 8
#define WRITER_LANES_MAX 4
#else
#define WRITER_JOBS_MAX 256
#define WRITER_LANES_MAX 256
#endif
#define WRITER_LANE_STRANGERS 0	/* all who have not proved who they are, together */
#define WRITER_LANE_OWN 1	/* this node's own rounds and chores */
#define WRITER_REST_MS 1000

enum writer_source {
	WRITER_LOCAL,		/* the user of this node */
	WRITER_PEER,		/* a node below, or any that asks us */
	WRITER_PARENT,		/* our own round with the parent */
};

struct writer;

struct writer_job {
	enum writer_source source;
	uint64_t lane;			/* of a peer: any number of its own above these two; local jobs have none */
	void (*run)(struct writer_job *job, struct engine *e);		/* writer thread */
	void (*done)(struct writer_job *job, bool is_cancelled);	/* loop */
	bool is_disk_failed;		/* set by run, when the disk failed it where the engine did not see it */
	struct writer_job *next;
};

struct writer_events {
	void *ctx;
	/* Commits were stored, by jobs of the sources in the set (1 << source); or receipts, by WRITER_PARENT. */
	void (*on_written)(void *ctx, unsigned sources);
	void (*on_broken)(void *ctx);
	/* On the writer thread: no job for WRITER_REST_MS.  Or NULL. */
	void (*on_rest)(void);
};

/* Start the thread over @e, which it uses alone until writer_stop() has ended. */
RC_CHECK enum rc writer_new(uv_loop_t *loop, struct engine *e, const struct writer_events *events,
    struct writer **out, struct diag *d);

void writer_submit(struct writer *w, struct writer_job *job);
bool writer_is_full(struct writer *w, enum writer_source source);
size_t writer_queue_count(struct writer *w);
uint64_t writer_commits_count(const struct writer *w);	/* stored since the start; loop only */

/* Finish the job under way, cancel the others, join the thread; then @on_stopped(@user) on the loop, and @w is gone. */
void writer_stop(struct writer *w, void (*on_stopped)(void *user), void *user);

#endif
