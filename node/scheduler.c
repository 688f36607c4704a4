#include "node/scheduler.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/logline.h"
#include "node/message.h"

#define URL_BYTES 260

/* A command that waits for a round. */
struct asked {
	struct asked *next;
	char url[URL_BYTES];		/* "" : the parent */
	bool is_compare;		/* the rows, too */
	sync_done_fn on_done;
	void *user;
};

/* Invariants:
 * S1. at most one of round, wait_job and the running timer.  A waiting request may stand beside any of them: to end it
 *     for a round would cost its connection, and a handshake for the next one.
 * S2. `current` != NULL only while `round` runs for a command. */
struct scheduler {
	uv_timer_t timer;		/* this struct dies in its close callback */
	struct scheduler_options options;
	struct state_watch *watch;
	char parent_url[URL_BYTES];
	uint8_t parent[ORIGIN_BYTES];
	struct sync_client *round;
	struct http_call *wait_call;
	struct writer_job wait_job;
	bool is_wait_job;
	struct bytes wait_body, wait_keys;
	enum rc wait_rc;
	char wait_reply;
	struct asked *asked, *current;
	size_t asked_count;
	bool is_dirty;			/* saved since the round under way began */
	bool is_started, is_stopping, is_closing;
	unsigned failures;		/* in a row */
	uint32_t retry_after_seconds;	/* what the last refusal asked for; 0: nothing */
	struct scheduler_counts counts;
	void (*on_stopped)(void *user);
	void *stopped_user;
};

static void go_on(struct scheduler *s);

static void
on_timer_closed(uv_handle_t *handle)
{
	struct scheduler *s = handle->data;
	void (*on_stopped)(void *user) = s->on_stopped;
	void *user = s->stopped_user;

	bytes_free(&s->wait_body);
	bytes_free(&s->wait_keys);
	mem_free(s);
	if (on_stopped != NULL)
		on_stopped(user);
}

/* When stopping: have all ends come in? */
static bool
is_over(struct scheduler *s)
{
	if (!s->is_stopping)
		return false;
	if (s->round == NULL && !s->is_wait_job && !s->is_closing) {
		s->is_closing = true;
		uv_close((uv_handle_t *)&s->timer, on_timer_closed);
	}
	return true;
}

static uint64_t
retry_ms(const struct scheduler *s)
{
	unsigned doublings = s->failures - 1 < 16 ? s->failures - 1 : 16;
	uint64_t ms = (uint64_t)SCHEDULER_RETRY_MS_MIN << doublings;
	uint64_t asked_ms = (uint64_t)s->retry_after_seconds * 1000;

	if (ms > SCHEDULER_RETRY_MS_MAX)
		ms = SCHEDULER_RETRY_MS_MAX;
	if (asked_ms > SCHEDULER_RETRY_MS_MAX)	/* whoever says "next week" is not taken at his word */
		asked_ms = SCHEDULER_RETRY_MS_MAX;
	if (asked_ms > ms / 2)		/* not before; the random part keeps the others from coming with us */
		return asked_ms + randombytes_uniform((uint32_t)(ms / 2) + 1);
	return ms / 2 + randombytes_uniform((uint32_t)(ms / 2) + 1);
}

static void
wait_cancel(struct scheduler *s)
{
	if (s->wait_call != NULL) {
		http_call_cancel(s->wait_call);
		s->wait_call = NULL;
	}
}

/* ---- rounds */

static void
result_log(struct scheduler *s, const struct sync_result *r)
{
	s->counts.rounds++;
	s->counts.failures += r->rc != RC_OK;
	s->counts.requests += r->requests;
	s->counts.bytes_up += r->bytes_up;
	s->counts.bytes_down += r->bytes_down;
	logline(r->rc == RC_OK ? LOGLINE_INFO : LOGLINE_WARN, r->rc == RC_OK ? "sync_done" : "sync_failed",
	    "rc=%s requests=%" PRIu64 " up=%" PRIu64 " down=%" PRIu64 " bytes_up=%" PRIu64 " bytes_down=%" PRIu64
	    " equal=%d ms=%" PRIu64, rc_name(r->rc), r->requests, r->counts.commits_up, r->counts.commits_down,
	    r->bytes_up, r->bytes_down, r->counts.is_equal, r->ms);
}

static void
on_round_done(void *user, const struct sync_result *r)
{
	struct scheduler *s = user;
	struct asked *current = s->current;
	bool is_parent = current == NULL || current->url[0] == '\0';

	s->round = NULL;
	s->current = NULL;
	result_log(s, r);
	if (is_parent) {
		/* A round that moved nothing and did not end equal would be asked for again at once. */
		bool is_idle_difference = r->rc == RC_OK && !r->counts.is_equal && r->counts.commits_up == 0 &&
		    r->counts.commits_down == 0;

		if (r->rc != RC_OK)
			wait_cancel(s);		/* its connection may be as dead */
		s->failures = r->rc == RC_OK && !is_idle_difference ? 0 : s->failures + 1;
		s->retry_after_seconds = r->rc == RC_OK ? 0 : r->retry_after_seconds;
	}
	if (current != NULL) {
		if (!state_watch_ask(s->watch, r, current->on_done, current->user)) {
			current->on_done(current->user, r);
			if (is_parent)
				state_watch_round(s->watch, r);
		}
		mem_free(current);
	} else {
		state_watch_round(s->watch, r);
	}
	go_on(s);
}

static void
round_start(struct scheduler *s)
{
	struct sync_client_options o = { .loop = s->options.loop, .http = s->options.http,
		.writer = s->options.writer, .on_done = on_round_done, .user = s };
	struct sync_result failed;

	INVARIANT(s->round == NULL);
	(void)uv_timer_stop(&s->timer);
	if ((s->current = s->asked) != NULL) {
		s->asked = s->current->next;
		s->asked_count--;
	}
	o.is_parent = s->current == NULL || s->current->url[0] == '\0';
	o.url = o.is_parent ? s->parent_url : s->current->url;
	o.peer = o.is_parent ? s->parent : NULL;
	o.is_compare = s->current != NULL && s->current->is_compare;
	if (o.is_parent)
		s->is_dirty = false;
	memset(&failed, 0, sizeof(failed));
	failed.rc = sync_client_start(&o, &s->round, &failed.diag);
	if (failed.rc != RC_OK)
		on_round_done(s, &failed);
}

static void
on_timer(uv_timer_t *timer)
{
	struct scheduler *s = timer->data;

	if (!is_over(s) && s->round == NULL && !s->is_wait_job)
		round_start(s);
}

/* ---- the waiting request */

static void
on_wait_piece(void *user, int status, struct span piece)
{
	struct scheduler *s = user;

	if (status == 200 && piece.n != 0)
		s->wait_reply = (char)piece.p[0];
}

static void
on_wait_done(void *user, const struct http_call_result *r)
{
	struct scheduler *s = user;

	s->wait_call = NULL;
	s->counts.requests++;
	s->counts.bytes_up += r->wire_sent_bytes;
	s->counts.bytes_down += r->wire_received_bytes;
	if (r->rc == RC_OK && r->status == 200 && s->wait_reply == '1') {
		if (s->round == NULL && !uv_is_active((uv_handle_t *)&s->timer))
			round_start(s);
		return;		/* a round under way may fetch it; else the next waiting request tells */
	}
	if (r->rc != RC_OK || r->status != 200) {
		s->failures++;
		s->retry_after_seconds = r->rc == RC_OK ? r->retry_after_seconds : 0;
		logline(LOGLINE_INFO, "wait_failed", "rc=%s status=%d", rc_name(r->rc), r->status);
	}
	go_on(s);
}

static void
wait_run(struct writer_job *job, struct engine *e)
{
	struct scheduler *s = (struct scheduler *)((char *)job - offsetof(struct scheduler, wait_job));

	bytes_clear(&s->wait_body);
	if ((s->wait_rc = sync_client_keys(e, s->parent, &s->wait_keys, NULL)) != RC_OK)
		return;
	s->wait_rc = exchange_wait_request(e, s->parent, &s->wait_body, NULL);
}

static void
wait_ready(struct writer_job *job, bool is_cancelled)
{
	struct scheduler *s = (struct scheduler *)((char *)job - offsetof(struct scheduler, wait_job));
	struct http_call_options o;
	char url[URL_BYTES + 32];

	s->is_wait_job = false;
	if (is_over(s) || is_cancelled)
		return;
	if (s->asked != NULL || s->is_dirty) {
		go_on(s);
		return;
	}
	memset(&o, 0, sizeof(o));
	o.method = "POST";
	o.url = url;
	o.tls_keys = span_bytes(&s->wait_keys);
	o.body = span_bytes(&s->wait_body);
	o.total_timeout_ms = SCHEDULER_WAIT_MS_MAX;
	o.reply_bytes_max = SYNC_ERROR_BYTES_MAX;
	o.on_piece = on_wait_piece;
	o.on_done = on_wait_done;
	o.user = s;
	s->wait_reply = 0;
	if (s->wait_rc != RC_OK || !sync_client_url(s->parent_url, "/sync/v1/wait", url, sizeof(url)) ||
	    http_call_start(s->options.http, &o, &s->wait_call, NULL) != RC_OK) {
		s->failures++;
		go_on(s);
	}
}

/* ---- what comes next */

static void
go_on(struct scheduler *s)
{
	if (is_over(s) || s->round != NULL || s->is_wait_job || !s->is_started)
		return;
	if (s->asked != NULL) {
		round_start(s);
		return;
	}
	if (s->parent_url[0] == '\0')
		return;
	if (s->failures != 0) {
		if (!uv_is_active((uv_handle_t *)&s->timer))
			(void)uv_timer_start(&s->timer, on_timer, retry_ms(s), 0);
		return;
	}
	if (s->is_dirty) {
		if (!uv_is_active((uv_handle_t *)&s->timer))
			(void)uv_timer_start(&s->timer, on_timer, SCHEDULER_SETTLE_MS, 0);
		return;
	}
	if (s->wait_call != NULL)
		return;
	s->is_wait_job = true;
	s->wait_job.source = WRITER_PARENT;
	s->wait_job.run = wait_run;
	s->wait_job.done = wait_ready;
	writer_submit(s->options.writer, &s->wait_job);
}

struct scheduler *
scheduler_new(const struct scheduler_options *options)
{
	struct scheduler *s = mem_alloc(sizeof(*s));

	if (s == NULL)
		return NULL;
	s->options = *options;
	(void)snprintf(s->parent_url, sizeof(s->parent_url), "%s", options->parent_url);
	memcpy(s->parent, options->parent, ORIGIN_BYTES);
	(void)uv_timer_init(options->loop, &s->timer);
	s->timer.data = s;
	bytes_init(&s->wait_body);
	bytes_init(&s->wait_keys);
	return s;
}

void
scheduler_parts_set(struct scheduler *s, struct writer *writer, struct state_watch *watch)
{
	s->options.writer = writer;
	s->watch = watch;
}

void
scheduler_start(struct scheduler *s)
{
	s->is_started = true;
	s->is_dirty = true;
	go_on(s);
}

void
scheduler_kick(struct scheduler *s)
{
	if (s->is_stopping)
		return;
	s->is_dirty = true;
	go_on(s);
}

enum rc
scheduler_sync(struct scheduler *s, const char *url, bool is_compare, sync_done_fn on_done, void *user, struct diag *d)
{
	struct asked *a, **at;

	if (url == NULL && s->parent_url[0] == '\0')
		return diag_fail(d, RC_INPUT, "%s", message(MSG_PARENT_NONE));
	if (url != NULL && strlen(url) >= URL_BYTES)
		return diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	if (s->is_stopping || s->asked_count == SCHEDULER_ASKED_MAX)
		return diag_fail(d, RC_BUSY, "%s", message(MSG_DAEMON_FULL));
	if ((a = mem_alloc(sizeof(*a))) == NULL)
		return RC_NOMEM;
	(void)snprintf(a->url, sizeof(a->url), "%s", url == NULL ? "" : url);
	a->is_compare = is_compare;
	a->on_done = on_done;
	a->user = user;
	for (at = &s->asked; *at != NULL; at = &(*at)->next)
		;
	*at = a;
	s->asked_count++;
	if (s->round == NULL && !s->is_wait_job)
		round_start(s);
	return RC_OK;
}

void
scheduler_parent_set(struct scheduler *s, const char *url)
{
	(void)snprintf(s->parent_url, sizeof(s->parent_url), "%s", url);
	s->failures = 0;
	s->retry_after_seconds = 0;
	wait_cancel(s);
	(void)uv_timer_stop(&s->timer);
	s->is_dirty = true;
	go_on(s);
}

void
scheduler_counts(const struct scheduler *s, struct scheduler_counts *out)
{
	*out = s->counts;
}

void
scheduler_stop(struct scheduler *s, void (*on_stopped)(void *user), void *user)
{
	struct sync_result stopped;
	struct asked *a;

	s->on_stopped = on_stopped;
	s->stopped_user = user;
	s->is_stopping = true;
	wait_cancel(s);
	(void)uv_timer_stop(&s->timer);
	memset(&stopped, 0, sizeof(stopped));
	stopped.rc = diag_fail(&stopped.diag, RC_UNREACHABLE, "%s", message(MSG_STOPPING));
	while ((a = s->asked) != NULL) {
		s->asked = a->next;
		a->on_done(a->user, &stopped);
		mem_free(a);
	}
	if (s->round != NULL)
		sync_client_cancel(s->round);
	(void)is_over(s);
}
