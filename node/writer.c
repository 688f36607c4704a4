#include "node/writer.h"

#include <sqlite3.h>

#include "sync/stream.h"

struct queue {
	struct writer_job *first;
	struct writer_job **last;
	size_t count;
};

struct writer {
	uv_thread_t thread;
	uv_mutex_t mutex;		/* over all up to `engine` */
	uv_cond_t cond;
	struct queue local, others;	/* waiting */
	struct queue ran;		/* done is due */
	unsigned written;		/* sources */
	uint64_t commits_written;	/* to be added to commits_count */
	bool is_stopping;
	bool is_broken;
	bool is_ended;			/* the thread has left */

	struct engine *engine;		/* the thread's */
	uv_async_t async;
	struct writer_events events;	/* these and below: the loop's */
	uint64_t commits_count;
	bool is_broken_told;
	void (*on_stopped)(void *user);
	void *stopped_user;
	bool is_joined;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->count = 0;
}

static void
queue_put(struct queue *q, struct writer_job *job)
{
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
	q->count++;
}

static struct writer_job *
queue_take(struct queue *q)
{
	struct writer_job *job = q->first;

	if (job == NULL)
		return NULL;
	q->first = job->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->count--;
	return job;
}

/* How many commits are held: grows exactly when some were stored. */
static uint64_t
commits_held(const struct engine *e)
{
	uint64_t sum = 0;
	uint32_t sid;

	for (sid = 1; sid <= stream_count(e); sid++)
		sum += stream_at(e, sid)->head_seq;
	return sum;
}

/* Wait for a job; when none comes for a while, give memory back, once.  Returns whether that is done. */
static bool
job_wait(struct writer *w, bool is_rested)
{
	if (is_rested || w->events.on_rest == NULL) {
		uv_cond_wait(&w->cond, &w->mutex);
		return is_rested;
	}
	if (uv_cond_timedwait(&w->cond, &w->mutex, (uint64_t)WRITER_REST_MS * 1000000) == 0)
		return false;
	uv_mutex_unlock(&w->mutex);
	(void)sqlite3_db_release_memory(engine_db(w->engine));
	w->events.on_rest();
	uv_mutex_lock(&w->mutex);
	return true;
}

static void
on_thread(void *arg)
{
	struct writer *w = arg;
	struct writer_job *job;
	uint64_t before, after;
	bool is_rested = false;

	uv_mutex_lock(&w->mutex);
	while (!w->is_stopping && !w->is_broken) {
		if ((job = queue_take(&w->local)) == NULL && (job = queue_take(&w->others)) == NULL) {
			is_rested = job_wait(w, is_rested);
			continue;
		}
		is_rested = false;
		uv_mutex_unlock(&w->mutex);
		before = commits_held(w->engine);
		job->run(job, w->engine);
		after = commits_held(w->engine);
		uv_mutex_lock(&w->mutex);
		queue_put(&w->ran, job);
		if (after > before) {
			w->written |= 1U << job->source;
			w->commits_written += after - before;
		}
		w->is_broken = job->is_disk_failed || engine_is_broken(w->engine);
		(void)uv_async_send(&w->async);
	}
	w->is_ended = true;
	(void)uv_async_send(&w->async);
	uv_mutex_unlock(&w->mutex);
}

/* Tell the owners of jobs that have run, or that will not run any more. */
static void
jobs_end(struct writer *w)
{
	struct writer_job *job;
	bool is_cancelled, is_over;

	for (;;) {
		uv_mutex_lock(&w->mutex);
		is_over = w->is_ended;
		is_cancelled = false;
		if ((job = queue_take(&w->ran)) == NULL && is_over) {
			is_cancelled = true;
			if ((job = queue_take(&w->local)) == NULL)
				job = queue_take(&w->others);
		}
		uv_mutex_unlock(&w->mutex);
		if (job == NULL)
			return;
		job->done(job, is_cancelled);
	}
}

static void
on_async_closed(uv_handle_t *handle)
{
	struct writer *w = handle->data;
	void (*on_stopped)(void *user) = w->on_stopped;
	void *user = w->stopped_user;

	uv_cond_destroy(&w->cond);
	uv_mutex_destroy(&w->mutex);
	mem_free(w);
	if (on_stopped != NULL)
		on_stopped(user);
}

static void
stop_finish(struct writer *w)
{
	if (!w->is_joined) {
		(void)uv_thread_join(&w->thread);
		w->is_joined = true;
	}
	jobs_end(w);
	uv_close((uv_handle_t *)&w->async, on_async_closed);
}

static void
on_async(uv_async_t *async)
{
	struct writer *w = async->data;
	bool is_broken, is_ended, is_stopping;
	unsigned written;

	uv_mutex_lock(&w->mutex);
	written = w->written;
	w->written = 0;
	w->commits_count += w->commits_written;
	w->commits_written = 0;
	is_broken = w->is_broken;
	is_ended = w->is_ended;
	is_stopping = w->is_stopping;
	uv_mutex_unlock(&w->mutex);
	jobs_end(w);
	if (written != 0 && !is_stopping && w->events.on_written != NULL)
		w->events.on_written(w->events.ctx, written);
	if (is_broken && !w->is_broken_told) {
		w->is_broken_told = true;
		if (w->events.on_broken != NULL)
			w->events.on_broken(w->events.ctx);
	}
	if (is_ended && is_stopping && !uv_is_closing((uv_handle_t *)&w->async))
		stop_finish(w);
}

enum rc
writer_new(uv_loop_t *loop, struct engine *e, const struct writer_events *events, struct writer **out,
    struct diag *d)
{
	struct writer *w = mem_alloc(sizeof(*w));

	*out = NULL;
	if (w == NULL)
		return RC_NOMEM;
	w->engine = e;
	w->events = *events;
	queue_init(&w->local);
	queue_init(&w->others);
	queue_init(&w->ran);
	if (uv_mutex_init(&w->mutex) != 0)
		goto err0;
	if (uv_cond_init(&w->cond) != 0)
		goto err1;
	if (uv_async_init(loop, &w->async, on_async) != 0)
		goto err2;
	w->async.data = w;
	if (uv_thread_create(&w->thread, on_thread, w) != 0) {
		w->on_stopped = NULL;
		uv_close((uv_handle_t *)&w->async, on_async_closed);	/* frees it all */
		return diag_fail(d, RC_NOMEM, "%s", rc_name(RC_NOMEM));
	}
	*out = w;
	return RC_OK;

err2:
	uv_cond_destroy(&w->cond);
err1:
	uv_mutex_destroy(&w->mutex);
err0:
	mem_free(w);
	return diag_fail(d, RC_NOMEM, "%s", rc_name(RC_NOMEM));
}

void
writer_submit(struct writer *w, struct writer_job *job)
{
	uv_mutex_lock(&w->mutex);
	queue_put(job->source == WRITER_LOCAL ? &w->local : &w->others, job);
	uv_cond_signal(&w->cond);
	if (w->is_ended)	/* its done comes from the loop all the same */
		(void)uv_async_send(&w->async);
	uv_mutex_unlock(&w->mutex);
}

size_t
writer_queue_count(struct writer *w)
{
	size_t count;

	uv_mutex_lock(&w->mutex);
	count = w->local.count + w->others.count;
	uv_mutex_unlock(&w->mutex);
	return count;
}

bool
writer_is_full(struct writer *w)
{
	return writer_queue_count(w) >= WRITER_JOBS_MAX;
}

uint64_t
writer_commits_count(const struct writer *w)
{
	return w->commits_count;
}

void
writer_stop(struct writer *w, void (*on_stopped)(void *user), void *user)
{
	w->on_stopped = on_stopped;
	w->stopped_user = user;
	uv_mutex_lock(&w->mutex);
	w->is_stopping = true;
	uv_cond_signal(&w->cond);
	uv_mutex_unlock(&w->mutex);
	(void)uv_async_send(&w->async);
}
