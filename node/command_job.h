/* node/command_job.h - a command inside the daemon: on the writer thread, on a reading one, or as a round of sync.
 *
 * A long one takes turns with other jobs.  The caller fills env's argv, files, author, language and is_json; the
 * rest is set here.  Loop thread only.
 */
#ifndef NODE_COMMAND_JOB_H
#define NODE_COMMAND_JOB_H

#include "node/command.h"
#include "node/daemon.h"

struct command_job {
	struct daemon *node;
	const struct command *command;
	struct command_env env;
	enum rc rc;
	struct diag diag;
	void (*done)(struct command_job *job);	/* the job is the caller's again */
	struct writer_job writer;
	struct reader_job reader;
};

void command_job_init(struct command_job *job, struct daemon *n);
void command_job_fini(struct command_job *job);

/* Run job->command; done is called later, never from inside.  RC_BUSY, RC_INPUT with job->diag: it is not. */
RC_CHECK enum rc command_job_submit(struct command_job *job);

/* ---- command_sync.c: what the command `sync` says and asks */
struct sync_result;
RC_CHECK enum rc command_sync_url(struct command_env *env, const char **url, bool *is_compare,
    struct diag *d);
/* Write what came out; RC_DIFFER when the rows of the two sides do. */
RC_CHECK enum rc command_sync_show(struct command_env *env, const struct sync_result *r, struct diag *d);

#endif
