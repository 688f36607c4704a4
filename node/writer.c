#include "node/writer.h"

#include <sqlite3.h>

#include "sync/receipt.h"
#include "sync/stream.h"

struct queue {
	struct writer_job *first;
	struct writer_job **last;
	size_t count;
};

struct lane {
	uint64_t key;
	uint64_t spent_us;		/* of the thread's time, or what the others had when it was last empty */
	struct queue jobs;
};

struct writer {
	uv_thread_t thread;
	uv_mutex_t mutex;		/* over all up to `engine` */
	uv_cond_t cond;
	struct queue local;		/* waiting */
	struct lane lanes[WRITER_LANES_MAX];
	size_t others_count;		/* waiting in all lanes */
	uint64_t spent_us;		/* of the lane that was served last, then */
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

static uint64_t
lane_key(const struct writer_job *job)
{
	return job->source == WRITER_PARENT ? WRITER_LANE_OWN : job->lane;
}

/* The lane called @key; NULL when it has been forgotten. */
static struct lane *
lane_find(struct writer *w, uint64_t key)
{
	size_t i;

	for (i = 0; i < WRITER_LANES_MAX; i++) {
		if (w->lanes[i].key == key)
			return &w->lanes[i];
	}
	return NULL;
}

/* That lane, or an empty one in its place: of these the one that used least is the smallest loss. */
static struct lane *
lane_get(struct writer *w, uint64_t key)
{
	struct lane *l = lane_find(w, key);
	size_t i;

	if (l != NULL)
		return l;
	for (i = 0; i < WRITER_LANES_MAX; i++) {
		if (w->lanes[i].jobs.count == 0 && (l == NULL || w->lanes[i].spent_us < l->spent_us))
			l = &w->lanes[i];
	}
	if (l == NULL)
		return &w->lanes[key % WRITER_LANES_MAX];
	l->key = key;
	l->spent_us = 0;
	return l;
}

static void
job_put(struct writer *w, struct writer_job *job)
{
	struct lane *l;

	if (job->source == WRITER_LOCAL) {
		queue_put(&w->local, job);
		return;
	}
	l = lane_get(w, lane_key(job));
	if (l->jobs.count == 0 && l->spent_us < w->spent_us)
		l->spent_us = w->spent_us;
	queue_put(&l->jobs, job);
	w->others_count++;
}

static struct writer_job *
job_take(struct writer *w)
{
	struct writer_job *job = queue_take(&w->local);
	struct lane *next = NULL;
	size_t i;

	if (job != NULL || w->others_count == 0)
		return job;
	for (i = 0; i < WRITER_LANES_MAX; i++) {
		struct lane *l = &w->lanes[i];

		if (l->jobs.count != 0 && (next == NULL || l->spent_us < next->spent_us))
			next = l;
	}
	INVARIANT(next != NULL);
	w->spent_us = next->spent_us;
	w->others_count--;
	return queue_take(&next->jobs);
}

/* A job of that lane took so long.  At least a little, so that all get their turn. */
static void
lane_charge(struct writer *w, const struct writer_job *job, uint64_t ns)
{
	struct lane *l = job->source == WRITER_LOCAL ? NULL : lane_find(w, lane_key(job));

	if (l != NULL)
		l->spent_us += ns / 1000 + 1;
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
	uint64_t before, after, receipts, began_ns;
	bool is_rested = false;

	uv_mutex_lock(&w->mutex);
	while (!w->is_stopping && !w->is_broken) {
		if ((job = job_take(w)) == NULL) {
			is_rested = job_wait(w, is_rested);
			continue;
		}
		is_rested = false;
		uv_mutex_unlock(&w->mutex);
		began_ns = uv_hrtime();
		before = commits_held(w->engine);
		receipts = receipt_newest(w->engine);
		job->run(job, w->engine);
		after = commits_held(w->engine);
		uv_mutex_lock(&w->mutex);
		lane_charge(w, job, uv_hrtime() - began_ns);
		queue_put(&w->ran, job);
		if (after > before) {
			w->written |= 1U << job->source;
			w->commits_written += after - before;
		} else if (job->source == WRITER_PARENT && receipt_newest(w->engine) != receipts) {
			w->written |= 1U << WRITER_PARENT;	/* to be passed on */
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
			job = job_take(w);
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
	size_t i;

	*out = NULL;
	if (w == NULL)
		return RC_NOMEM;
	w->engine = e;
	w->events = *events;
	queue_init(&w->local);
	for (i = 0; i < WRITER_LANES_MAX; i++)
		queue_init(&w->lanes[i].jobs);
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
	job_put(w, job);
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
	count = w->local.count + w->others_count;
	uv_mutex_unlock(&w->mutex);
	return count;
}

bool
writer_is_full(struct writer *w, enum writer_source source)
{
	size_t count;

	uv_mutex_lock(&w->mutex);
	count = source == WRITER_LOCAL ? w->local.count : w->others_count;
	uv_mutex_unlock(&w->mutex);
	return count >= WRITER_JOBS_MAX;
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
