/* Those who wait: "tell me when you hold something for me".
 *
 * A waiting request costs a connection and a few bytes.  The first look is a job of its own; afterwards one job looks
 * at all of them after every commit.  After WAIT_MS the answer is "no news"; so it is for the oldest of a peer that
 * has more than its share of them (share.h). */
#include "node/sync_server_impl.h"
#include "sync/exchange.h"

#define WAIT_MS 240000
#define WAIT_SLACK_MS 10000		/* those due so soon are answered together */
#define WAIT_BODY_BYTES_MAX 4096

struct waiter {
	struct waiter *next, *prev;
	struct sync_server *server;
	struct http_exchange *x;	/* NULL: they went away while the writer thread was looking */
	uint64_t who;			/* in the list: has a share */
	struct sync_server_key key;
	struct exchange_waiting waiting;
	uint64_t due_ms;
	struct writer_job job;		/* the first look */
	struct bytes body;
	enum rc rc;
	bool has_news;
};

/* One look at all who wait, after commits. */
struct look {
	struct writer_job job;
	struct sync_server *server;
	size_t count;
	struct {
		uint64_t id;
		struct exchange_waiting waiting;
		struct waiter *waiter;
		bool has_news;
	} of[];
};

static void
waiter_remove(struct waiter *w)
{
	struct sync_server *s = w->server;

	if (w->prev != NULL)
		w->prev->next = w->next;
	else if (s->waiters == w)
		s->waiters = w->next;
	else
		return;		/* was not in the list yet */
	if (w->next != NULL)
		w->next->prev = w->prev;
	s->counts.waiting--;
	share_give(&s->shares, w->who, SHARE_WAIT);
	if (s->waiters == NULL && !s->is_stopping)
		(void)uv_timer_stop(&s->timer);
}

static void
waiter_free(struct waiter *w)
{
	bytes_free(&w->body);
	mem_free(w);
}

static void
waiter_reply(struct waiter *w, char news)
{
	struct http_reply reply = { .status = 200, .body = span_of(&news, 1) };

	if (w->x != NULL)
		http_exchange_reply(w->x, &reply);
	waiter_remove(w);
	waiter_free(w);
}

static void
on_wait_abort(void *user, struct http_exchange *x)
{
	struct waiter *w = user;

	(void)x;
	w->x = NULL;
	if (w->job.run != NULL)
		return;		/* the writer thread is looking: its end frees it */
	waiter_remove(w);
	waiter_free(w);
}

static void
on_due(uv_timer_t *timer)
{
	struct sync_server *s = timer->data;
	struct waiter *w, *next;
	uint64_t now = uv_now(&s->node->loop), first = UINT64_MAX;

	for (w = s->waiters; w != NULL; w = next) {
		next = w->next;
		if (now + WAIT_SLACK_MS >= w->due_ms)
			waiter_reply(w, '0');
		else if (w->due_ms < first)
			first = w->due_ms;
	}
	if (first != UINT64_MAX)
		(void)uv_timer_start(&s->timer, on_due, first - now, 0);
}

static void
wait_run(struct writer_job *job, struct engine *e)
{
	struct waiter *w = (struct waiter *)((char *)job - offsetof(struct waiter, job));

	w->rc = exchange_wait_open(e, span_bytes(&w->body), &w->waiting, NULL);
	if (w->rc == RC_OK)
		w->rc = sync_server_key_check(&w->key, e, w->waiting.peer, NULL);
	w->has_news = w->rc == RC_OK && exchange_has_news(e, &w->waiting);
}

/* Room for @w among what its peer waits for; of more than its share the oldest is answered. */
static bool
has_share(struct waiter *w)
{
	struct sync_server *s = w->server;
	struct waiter *other, *oldest = NULL;
	enum share_answer a = share_take(&s->shares, w->who, SHARE_WAIT);

	if (a == SHARE_FULL) {
		for (other = s->waiters; other != NULL; other = other->next) {
			if (other->who == w->who)
				oldest = other;		/* the newest stand first */
		}
		INVARIANT(oldest != NULL);
		waiter_reply(oldest, '0');
		a = share_take(&s->shares, w->who, SHARE_WAIT);
	}
	return a == SHARE_OK;
}

static void
waiter_refuse(struct waiter *w, enum rc rc)
{
	http_exchange_on_abort(w->x, NULL, NULL);
	sync_server_refuse(w->server, w->x, rc, "");
	waiter_free(w);
}

static void
wait_done(struct writer_job *job, bool is_cancelled)
{
	struct waiter *w = (struct waiter *)((char *)job - offsetof(struct waiter, job));
	struct sync_server *s = w->server;

	w->job.run = NULL;
	s->counts.waits++;
	if (w->x == NULL) {
		waiter_free(w);
	} else if (w->rc != RC_OK) {
		waiter_refuse(w, w->rc);
	} else if (is_cancelled || s->is_stopping || w->has_news) {
		waiter_reply(w, w->has_news ? '1' : '0');
	} else {
		w->who = sync_server_who(w->waiting.peer);
		http_exchange_prove(w->x, w->who);
		if (!has_share(w)) {
			waiter_refuse(w, RC_BUSY);
			return;
		}
		bytes_free(&w->body);
		w->due_ms = uv_now(&s->node->loop) + WAIT_MS;
		w->next = s->waiters;
		if (s->waiters != NULL)
			s->waiters->prev = w;
		else
			(void)uv_timer_start(&s->timer, on_due, WAIT_MS, 0);
		s->waiters = w;
		s->counts.waiting++;
		s->is_look_due = true;	/* something may have come in between */
		sync_server_written(s);
	}
}

static void
on_wait_body(void *user, struct http_exchange *x, struct span body)
{
	struct sync_server *s = user;
	struct waiter *w;

	if (writer_is_full(s->node->writer, WRITER_PEER)) {
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	if ((w = mem_alloc(sizeof(*w))) == NULL) {
		sync_server_refuse(s, x, RC_NOMEM, "");
		return;
	}
	w->server = s;
	w->x = x;
	sync_server_key_take(&w->key, x);
	bytes_init(&w->body);
	bytes_put(&w->body, body.p, body.n);
	http_exchange_on_abort(x, on_wait_abort, w);
	w->job.source = WRITER_PEER;
	w->job.lane = http_exchange_proved(x);
	w->job.run = wait_run;
	w->job.done = wait_done;
	writer_submit(s->node->writer, &w->job);
}

static void
look_run(struct writer_job *job, struct engine *e)
{
	struct look *l = (struct look *)job;
	size_t i;

	for (i = 0; i < l->count; i++)
		l->of[i].has_news = exchange_has_news(e, &l->of[i].waiting);
}

static bool
is_waiting(const struct sync_server *s, const struct waiter *waiter, uint64_t due_ms)
{
	const struct waiter *w;

	for (w = s->waiters; w != NULL; w = w->next) {
		if (w == waiter)
			return w->due_ms == due_ms;
	}
	return false;
}

static void
look_done(struct writer_job *job, bool is_cancelled)
{
	struct look *l = (struct look *)job;
	struct sync_server *s = l->server;
	size_t i;

	s->is_looking = false;
	for (i = 0; i < l->count && !is_cancelled; i++) {
		if (l->of[i].has_news && is_waiting(s, l->of[i].waiter, l->of[i].id))
			waiter_reply(l->of[i].waiter, '1');
	}
	mem_free(l);
	if (s->is_look_due && !is_cancelled)
		sync_server_written(s);
}

void
sync_server_written(struct sync_server *s)
{
	struct waiter *w;
	struct look *l;

	if (s == NULL || s->is_stopping || s->waiters == NULL)
		return;
	s->is_look_due = true;
	if (s->is_looking)
		return;
	if ((l = mem_alloc(sizeof(*l) + s->counts.waiting * sizeof(l->of[0]))) == NULL)
		return;		/* the next commit looks again, and nobody waits longer than WAIT_MS */
	for (w = s->waiters; w != NULL; w = w->next) {
		l->of[l->count].waiter = w;
		l->of[l->count].id = w->due_ms;
		l->of[l->count++].waiting = w->waiting;
	}
	l->server = s;
	l->job.source = WRITER_PEER;
	l->job.lane = WRITER_LANE_OWN;
	l->job.run = look_run;
	l->job.done = look_done;
	s->is_looking = true;
	s->is_look_due = false;
	writer_submit(s->node->writer, &l->job);
}

void
sync_server_wait(struct sync_server *s, struct http_exchange *x)
{
	if (!http_exchange_want_body(x, WAIT_BODY_BYTES_MAX, on_wait_body, s))
		s->counts.refusals++;
}

void
sync_server_stop(struct sync_server *s)
{
	if (s == NULL)
		return;
	s->is_stopping = true;
	(void)uv_timer_stop(&s->timer);
	while (s->waiters != NULL)
		waiter_reply(s->waiters, '0');
}
