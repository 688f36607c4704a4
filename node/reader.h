/* node/reader.h - reading while the writer writes: jobs on the loop's thread pool, each with a connection of its own.
 *
 * A job sees one state of the replica from its start to its end.  Connections are kept for reuse; one whose replica has
 * changed since is opened anew, because an engine keeps units and heads in memory.
 *
 * Limits:   READER_JOBS_MAX jobs; each at most READER_MS_MAX, because what it reads cannot be checkpointed meanwhile:
 *           then its statements are interrupted and its rc is RC_LIMIT.
 */
#ifndef NODE_READER_H
#define NODE_READER_H

#include <uv.h>

#include "sync/engine.h"

#define READER_IDLE_MAX 1
#define READER_JOBS_MAX 64
#define READER_MS_MAX 120000
#define READER_STEPS 100000		/* of SQLite's machine, between two looks at the clock */

struct reader;

struct reader_job {
	void (*run)(struct reader_job *job, struct engine *e);	/* a pool thread; not called when rc is set */
	void (*done)(struct reader_job *job);			/* loop */
	enum rc rc;						/* of opening the replica; RC_LIMIT: it took too long */
	uint64_t due_ns;
	bool is_late;
	struct diag diag;
	uv_work_t work;
	struct reader *reader;
};

/* @dir is borrowed. */
struct reader *reader_new(uv_loop_t *loop, const char *dir);
RC_CHECK enum rc reader_submit(struct reader *r, struct reader_job *job);	/* RC_BUSY: too many */

/* When no job is under way.  NULL: nothing. */
void reader_free(struct reader *r);
size_t reader_jobs_count(const struct reader *r);

#endif
