/* node/reader.h - reading while the writer writes: jobs on the loop's thread pool, each with a connection of its own.
 *
 * A job sees one state of the replica from its start to its end.  Connections are kept for reuse; one whose replica has
 * changed since is opened anew, because an engine keeps units and heads in memory.
 */
#ifndef NODE_READER_H
#define NODE_READER_H

#include <uv.h>

#include "sync/engine.h"

#define READER_IDLE_MAX 1
#define READER_JOBS_MAX 64

struct reader;

struct reader_job {
	void (*run)(struct reader_job *job, struct engine *e);	/* a pool thread; not called when rc is set */
	void (*done)(struct reader_job *job);			/* loop */
	enum rc rc;						/* of opening the replica */
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
