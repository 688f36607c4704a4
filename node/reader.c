#include "node/reader.h"

#include <sqlite3.h>

#include "node/message.h"
#include "node/store.h"

struct idle {
	struct store store;
	int64_t data_version;
	bool is_used;
};

struct reader {
	uv_loop_t *loop;
	const char *dir;
	uv_mutex_t mutex;
	struct idle idle[READER_IDLE_MAX];	/* under the mutex */
	size_t jobs_count;			/* the loop's */
};

/* A number that another connection's commits change; 0 when it cannot be read. */
static int64_t
data_version(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int64_t v = 0;

	if (sqlite3_prepare_v2(db, "PRAGMA data_version", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		v = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return v;
}

static bool
idle_take(struct reader *r, struct idle *out)
{
	bool is_found = false;
	size_t i;

	uv_mutex_lock(&r->mutex);
	for (i = 0; i < READER_IDLE_MAX && !is_found; i++) {
		if (r->idle[i].is_used) {
			*out = r->idle[i];
			r->idle[i].is_used = false;
			is_found = true;
		}
	}
	uv_mutex_unlock(&r->mutex);
	return is_found;
}

static void
idle_put(struct reader *r, struct idle *in)
{
	bool is_kept = false;
	size_t i;

	/* No transaction while it rests: the log could not be shortened behind it. */
	(void)sqlite3_exec(in->store.db, "ROLLBACK", NULL, NULL, NULL);
	(void)sqlite3_db_release_memory(in->store.db);
	uv_mutex_lock(&r->mutex);
	for (i = 0; i < READER_IDLE_MAX && !is_kept; i++) {
		if (!r->idle[i].is_used) {
			r->idle[i] = *in;
			r->idle[i].is_used = true;
			is_kept = true;
		}
	}
	uv_mutex_unlock(&r->mutex);
	if (!is_kept)
		store_close(&in->store);
}

/* A connection with a transaction open, whose engine knows the state of that transaction. */
static enum rc
connection_get(struct reader *r, struct idle *c, struct diag *d)
{
	if (idle_take(r, c)) {
		if (sqlite3_exec(c->store.db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
		    data_version(c->store.db) == c->data_version && c->data_version != 0)
			return RC_OK;
		store_close(&c->store);
	}
	c->data_version = 0;
	return store_open(&c->store, r->dir, false, d);
}

static int
on_steps(void *user)
{
	struct reader_job *job = user;

	job->is_late = job->is_late || uv_hrtime() > job->due_ns;
	return job->is_late;
}

static void
on_work(uv_work_t *work)
{
	struct reader_job *job = work->data;
	struct idle c;

	diag_init(&job->diag);
	if ((job->rc = connection_get(job->reader, &c, &job->diag)) != RC_OK)
		return;
	c.data_version = data_version(c.store.db);
	job->is_late = false;
	job->due_ns = uv_hrtime() + (uint64_t)READER_MS_MAX * 1000000;
	sqlite3_progress_handler(c.store.db, READER_STEPS, on_steps, job);
	job->run(job, c.store.engine);
	sqlite3_progress_handler(c.store.db, 0, NULL, NULL);
	if (!job->is_late) {
		idle_put(job->reader, &c);
		return;
	}
	store_close(&c.store);		/* its engine takes the interruption for a broken disk */
	job->rc = diag_fail(&job->diag, RC_LIMIT, message(MSG_READ_LONG), READER_MS_MAX / 1000);
}

static void
on_done(uv_work_t *work, int status)
{
	struct reader_job *job = work->data;

	(void)status;	/* jobs are never cancelled */
	job->reader->jobs_count--;
	job->done(job);
}

struct reader *
reader_new(uv_loop_t *loop, const char *dir)
{
	struct reader *r = mem_alloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	if (uv_mutex_init(&r->mutex) != 0) {
		mem_free(r);
		return NULL;
	}
	r->loop = loop;
	r->dir = dir;
	return r;
}

enum rc
reader_submit(struct reader *r, struct reader_job *job)
{
	if (r->jobs_count >= READER_JOBS_MAX)
		return RC_BUSY;
	job->reader = r;
	job->work.data = job;
	if (uv_queue_work(r->loop, &job->work, on_work, on_done) != 0)
		return RC_NOMEM;
	r->jobs_count++;
	return RC_OK;
}

size_t
reader_jobs_count(const struct reader *r)
{
	return r->jobs_count;
}

void
reader_free(struct reader *r)
{
	struct idle c;

	if (r == NULL)
		return;
	INVARIANT(r->jobs_count == 0);
	while (idle_take(r, &c))
		store_close(&c.store);
	uv_mutex_destroy(&r->mutex);
	mem_free(r);
}
