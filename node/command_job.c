#include "node/command_job.h"

#include <string.h>

void
command_job_init(struct command_job *job, struct daemon *n)
{
	memset(job, 0, sizeof(*job));
	job->node = n;
	diag_init(&job->diag);
	command_env_init(&job->env);
	job->env.dir = n->dir;
	job->env.is_daemon = true;
}

void
command_job_fini(struct command_job *job)
{
	command_env_fini(&job->env);
}

static void
turn(struct command_job *job, struct engine *e)
{
	job->env.engine = e;
	job->env.catalogue = engine_catalogue(e);
	job->rc = job->command->run(&job->env, &job->diag);
	if (job->rc == RC_OK && (job->env.out.failed || job->env.output.failed || job->env.arena.failed))
		job->rc = RC_NOMEM;
}

static void
writer_run(struct writer_job *w, struct engine *e)
{
	struct command_job *job = (struct command_job *)((char *)w - offsetof(struct command_job, writer));

	job->rc = RC_OK;
	if (command_is_saving(job->command, job->env.argc, job->env.argv))
		job->rc = store_reserve_check(job->node->dir, engine_db(e), &job->diag);
	if (job->rc == RC_OK)
		turn(job, e);
	w->is_disk_failed = job->rc == RC_DISK;
}

static void
writer_done(struct writer_job *w, bool is_cancelled)
{
	struct command_job *job = (struct command_job *)((char *)w - offsetof(struct command_job, writer));

	if (is_cancelled) {
		job->rc = diag_fail(&job->diag, RC_BUSY, "%s", command_message(&job->env, MSG_STOPPING));
	} else if (job->rc == RC_OK && job->env.resume_at != 0) {
		writer_submit(job->node->writer, w);
		return;
	}
	job->done(job);
}

static void
reader_run(struct reader_job *r, struct engine *e)
{
	struct command_job *job = (struct command_job *)((char *)r - offsetof(struct command_job, reader));

	do {
		turn(job, e);
	} while (job->rc == RC_OK && job->env.resume_at != 0);
}

static void
reader_done(struct reader_job *r)
{
	struct command_job *job = (struct command_job *)((char *)r - offsetof(struct command_job, reader));

	if (r->rc != RC_OK) {
		job->rc = r->rc;
		job->diag = r->diag;
	}
	job->done(job);
}

static void
on_synced(void *user, const struct sync_result *r)
{
	struct command_job *job = user;

	job->rc = r->rc;
	job->diag = r->diag;
	if (r->rc == RC_OK)
		job->rc = command_sync_show(&job->env, r, &job->diag);
	job->done(job);
}

enum rc
command_job_submit(struct command_job *job)
{
	struct daemon *n = job->node;
	bool is_compare;
	const char *url;
	enum rc rc;

	job->env.now_ms = store_now_ms();
	job->env.disk_free_bytes = store_free_bytes(n->dir);
	switch (command_kind(job->command, job->env.argc, job->env.argv)) {
	case COMMAND_WRITE:
		if (writer_is_full(n->writer, WRITER_LOCAL)) {
			return diag_fail(&job->diag, RC_BUSY, "%s", command_message(&job->env, MSG_DAEMON_FULL));
		}
		job->writer.source = WRITER_LOCAL;
		job->writer.run = writer_run;
		job->writer.done = writer_done;
		writer_submit(n->writer, &job->writer);
		return RC_OK;
	case COMMAND_READ:
		job->reader.run = reader_run;
		job->reader.done = reader_done;
		rc = reader_submit(n->reader, &job->reader);
		return rc == RC_OK ? rc : diag_fail(&job->diag, rc, "%s", command_message(&job->env, MSG_DAEMON_FULL));
	case COMMAND_SYNC:
		if ((rc = command_sync_url(&job->env, &url, &is_compare, &job->diag)) != RC_OK)
			return rc;
		return scheduler_sync(n->scheduler, url, is_compare, on_synced, job, &job->diag);
	case COMMAND_BARE:
	case COMMAND_SETUP:
	case COMMAND_SERVE:
		break;
	}
	return diag_fail(&job->diag, RC_INPUT, command_message(&job->env, MSG_COMMAND_UNKNOWN), job->env.argv[0]);
}
