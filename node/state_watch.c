#include "node/state_watch.h"

#include <sodium.h>
#include <string.h>

#include "node/logline.h"

#define URL_BYTES 260

/* A command whose round is over and whose rows are being compared. */
struct asked {
	struct asked *next;
	struct state_watch *watch;
	struct state_check *check;
	struct sync_result result;
	sync_done_fn on_done;
	void *user;
};

/* Invariants:
 * S1. the timer runs only while is_due and no check is under way. */
struct state_watch {
	uv_timer_t timer;			/* this struct dies in its close callback */
	struct state_watch_options options;
	char url[URL_BYTES];			/* of the parent, as of its last round */
	uint8_t parent[ORIGIN_BYTES];
	uint8_t heads[DIGEST_HEADS_BYTES];	/* to be compared, when is_due */
	uint8_t compared[DIGEST_HEADS_BYTES];	/* with the parent, in this process */
	bool is_due, is_compared, is_stopping, is_closing;
	uint64_t earliest_ms;			/* of the next comparison */
	struct state_check *check;
	struct asked *asked;
	size_t asked_count;
	struct state_watch_counts counts;
	void (*on_stopped)(void *user);
	void *stopped_user;
};

static void go_on(struct state_watch *w);

static void
on_timer_closed(uv_handle_t *handle)
{
	struct state_watch *w = handle->data;
	void (*on_stopped)(void *user) = w->on_stopped;
	void *user = w->stopped_user;

	mem_free(w);
	if (on_stopped != NULL)
		on_stopped(user);
}

static void
over_check(struct state_watch *w)
{
	if (!w->is_stopping || w->is_closing || w->check != NULL || w->asked != NULL)
		return;
	w->is_closing = true;
	uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

/* ---- what came out */

static void
result_log(struct state_watch *w, const struct state_check_result *r)
{
	char heads[2 * DIGEST_HEADS_BYTES + 1];

	sodium_bin2hex(heads, sizeof(heads), r->heads, sizeof(r->heads));
	w->counts.checks++;
	w->counts.failures += r->rc != RC_OK;
	if (r->rc == RC_CORRUPT) {
		logline(LOGLINE_ERROR, "state_unreadable", "rc=%s", rc_name(r->rc));
	} else if (r->rc != RC_OK) {
		logline(LOGLINE_INFO, "state_unknown", "rc=%s", rc_name(r->rc));
	} else if (r->verdict == EXCHANGE_DIFFERS) {
		w->counts.differs++;
		logline(LOGLINE_ERROR, "state_differs", "heads=%s", heads);
	} else {
		logline(LOGLINE_INFO, "state_compared", "verdict=%d heads=%s", (int)r->verdict, heads);
	}
}

/* With the parent, at its heads: what need not be asked again. */
static void
parent_note(struct state_watch *w, const struct state_check_result *r)
{
	if (r->rc != RC_OK || r->verdict == EXCHANGE_OTHER_HEADS)
		return;
	w->counts.is_different = r->verdict == EXCHANGE_DIFFERS;
	memcpy(w->compared, r->heads, sizeof(w->compared));
	w->is_compared = true;
	if (memcmp(w->heads, w->compared, sizeof(w->heads)) == 0)
		w->is_due = false;
}

static void
on_checked(void *user, const struct state_check_result *r)
{
	struct state_watch *w = user;

	w->check = NULL;
	result_log(w, r);
	parent_note(w, r);
	/* The next equal round asks again, except after "later". */
	if (r->rc == RC_BUSY && w->earliest_ms < uv_now(w->options.loop) + (uint64_t)r->retry_after_seconds * 1000)
		w->earliest_ms = uv_now(w->options.loop) + (uint64_t)r->retry_after_seconds * 1000;
	else if (r->rc != RC_OK && r->rc != RC_BUSY)
		w->is_due = false;
	else if (r->verdict == EXCHANGE_OTHER_HEADS)
		w->is_due = false;
	go_on(w);
	over_check(w);
}

/* ---- beside the rounds */

static void
on_timer(uv_timer_t *timer)
{
	go_on(timer->data);
}

static void
go_on(struct state_watch *w)
{
	struct state_check_options o = { .http = w->options.http, .writer = w->options.writer,
		.reader = w->options.reader, .url = w->url, .peer = w->parent, .on_done = on_checked, .user = w };
	uint64_t now = uv_now(w->options.loop);

	if (!w->is_due || w->is_stopping || w->check != NULL)
		return;
	if (now < w->earliest_ms) {
		if (!uv_is_active((uv_handle_t *)&w->timer))
			(void)uv_timer_start(&w->timer, on_timer, w->earliest_ms - now, 0);
		return;
	}
	w->earliest_ms = now + STATE_WATCH_MS;
	if (state_check_start(&o, &w->check, NULL) != RC_OK)
		w->is_due = false;	/* the next equal round tries again */
}

void
state_watch_round(struct state_watch *w, const struct sync_result *r)
{
	if (!r->has_heads || w->is_stopping)
		return;
	memcpy(w->heads, r->heads, sizeof(w->heads));
	memcpy(w->parent, r->peer, sizeof(w->parent));
	memcpy(w->url, r->url, sizeof(w->url));
	w->is_due = !w->is_compared || memcmp(w->compared, w->heads, sizeof(w->heads)) != 0;
	if (!w->is_due)
		(void)uv_timer_stop(&w->timer);
	go_on(w);
}

/* ---- for a command */

void
state_watch_complete(struct sync_result *r, const struct state_check_result *check)
{
	r->state = check->verdict;
	r->state_requests = check->requests;
	r->state_bytes_up = check->bytes_up;
	r->state_bytes_down = check->bytes_down;
	if (check->rc == RC_CORRUPT || check->rc == RC_DISK) {	/* ours; anything else leaves it unknown */
		r->rc = check->rc;
		r->diag = check->diag;
	}
}

static void
on_asked_checked(void *user, const struct state_check_result *r)
{
	struct asked *a = user, **at;
	struct state_watch *w = a->watch;

	for (at = &w->asked; *at != a; at = &(*at)->next)
		continue;
	*at = a->next;
	w->asked_count--;
	result_log(w, r);
	if (memcmp(a->result.peer, w->parent, ORIGIN_BYTES) == 0)
		parent_note(w, r);
	state_watch_complete(&a->result, r);
	a->on_done(a->user, &a->result);
	mem_free(a);
	over_check(w);
}

bool
state_watch_ask(struct state_watch *w, const struct sync_result *r, sync_done_fn on_done, void *user)
{
	struct state_check_options o = { .http = w->options.http, .writer = w->options.writer,
		.reader = w->options.reader, .url = r->url, .peer = r->peer, .on_done = on_asked_checked };
	struct asked *a;

	if (!r->is_state_due || w->is_stopping || w->asked_count == STATE_WATCH_ASKED_MAX ||
	    (a = mem_alloc(sizeof(*a))) == NULL)
		return false;
	o.user = a;
	a->watch = w;
	a->result = *r;
	a->on_done = on_done;
	a->user = user;
	if (state_check_start(&o, &a->check, NULL) != RC_OK) {
		mem_free(a);
		return false;
	}
	a->next = w->asked;
	w->asked = a;
	w->asked_count++;
	return true;
}

/* ---- life */

struct state_watch *
state_watch_new(const struct state_watch_options *options)
{
	struct state_watch *w = mem_alloc(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->options = *options;
	(void)uv_timer_init(options->loop, &w->timer);
	w->timer.data = w;
	return w;
}

void
state_watch_counts(const struct state_watch *w, struct state_watch_counts *out)
{
	*out = w->counts;
}

void
state_watch_stop(struct state_watch *w, void (*on_stopped)(void *user), void *user)
{
	struct asked *a, *next;

	w->on_stopped = on_stopped;
	w->stopped_user = user;
	w->is_stopping = true;
	(void)uv_timer_stop(&w->timer);
	state_check_cancel(w->check);
	for (a = w->asked; a != NULL; a = next) {
		next = a->next;
		state_check_cancel(a->check);
	}
	over_check(w);
}
