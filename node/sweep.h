/* node/sweep.h - what the daemon tidies while it runs: unfinished work, left-over files, and the database's log.
 *
 * Without a timer, because an idle node sleeps: it is done at the start and then when something happens.
 *   S1. transfers that began to come in and of which nothing was heard for SWEEP_AGE_MS are forgotten, looked at once
 *       every SWEEP_MS.
 *   S2. files that an interrupted write left in the data directory go at the start.
 *   S3. the log (WAL) that cannot be shortened because somebody reads for very long stays about SWEEP_LOG_BYTES_MAX:
 *       beyond, nothing is taken from other nodes until it can.  What the local user saves goes on, to the reserve.
 * Loop thread only.
 */
#ifndef NODE_SWEEP_H
#define NODE_SWEEP_H

#include "node/writer.h"

#define SWEEP_MS UINT64_C(3600000)
#define SWEEP_AGE_MS (UINT64_C(14) * 86400000)
#define SWEEP_LOG_BYTES_MAX ((uint64_t)64 << 20)
#define SWEEP_LOG_MS 1000		/* between two tries to shorten it */

struct daemon;

struct sweep {
	struct writer_job job;
	struct daemon *node;
	uint64_t swept_ms, tried_ms;	/* of the loop's clock */
	bool is_queued;
	bool is_due;			/* this job sweeps (S1) */
	bool is_log_long;		/* this job shortens the log (S3) */
};

/* At the start, once the writer is there.  @dir is n->dir. */
void sweep_start(struct sweep *s, struct daemon *n);

/* Something was stored, or somebody asks: do what is due. */
void sweep_look(struct sweep *s);

/* Is the log too long to take anything from other nodes now? */
bool sweep_is_log_full(struct sweep *s);

#endif
