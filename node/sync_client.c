/* The happy path: [keys → hello →] keys → open → post → pieces of the reply, each a job → next → post … → close →
 * on_done.  Exactly one of these is under way at any time, but for the pieces, which queue up behind each other on the
 * writer thread.  After a failed post the next job tells the engine so, and a timer spaces the attempts. */
#include "node/sync_client.h"
#include "node/text.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/json_read.h"
#include "node/local.h"
#include "node/message.h"
#include "node/state_record.h"
#include "node/store.h"

#define URL_BYTES 260
#define STALL_WAIT_MS 300
#define PROGRESS_BYTES_MIN 1024		/* of a request that was cut: less is no more than a head */

enum reply_end { REPLY_FIRST, REPLY_COMPLETE, REPLY_CUT, REPLY_NONE };

struct sync_client {
	uv_timer_t timer;		/* between attempts; this struct dies in its close callback */
	struct sync_client_options options;
	char url[URL_BYTES];		/* of the node */
	bool has_peer;
	struct bytes keys;		/* by which they are known (sync_client_keys) */
	bool is_cancelled;
	struct http_call *call;		/* NULL: none under way */
	bool is_hello;
	struct bytes hello;		/* the reply to it, or a refusal's text */
	uint64_t received;		/* of the body of the reply under way */
	unsigned stalls, cuts;
	bool had_progress;
	uint64_t started_ms;
	struct sync_result result;

	/* The steps on the writer thread; one job struct, since only one step runs at a time. */
	struct writer_job step;
	enum reply_end end;
	struct ask *ask;
	struct bytes request;
	enum ask_state state;
	enum rc engine_rc;		/* the first failure of the engine; the writer thread's while a job runs */
	struct diag engine_diag;
};

static struct sync_client *
of_step(struct writer_job *job)
{
	return (struct sync_client *)((char *)job - offsetof(struct sync_client, step));
}

/* A piece of a reply on its way to the engine. */
struct piece {
	struct writer_job job;
	struct sync_client *client;
	size_t n;
	uint8_t bytes[];
};

static void step_submit(struct sync_client *c, enum reply_end end);
static void close_submit(struct sync_client *c);

static void
fail(struct sync_client *c, enum rc rc, const char *text)
{
	if (c->result.rc == RC_OK)
		c->result.rc = diag_fail(&c->result.diag, rc, "%s", text);
}

/* ---- the end */

static void
on_timer_closed(uv_handle_t *handle)
{
	struct sync_client *c = handle->data;

	bytes_free(&c->hello);
	bytes_free(&c->keys);
	bytes_free(&c->request);
	c->result.ms = uv_now(c->options.loop) - c->started_ms;
	c->options.on_done(c->options.user, &c->result);
	mem_free(c);
}

static void
contact_note(struct sync_client *c, struct engine *e)
{
	char now[24], name[64], origin[2 * ORIGIN_BYTES + 1];
	enum rc rc = RC_OK;

	(void)snprintf(now, sizeof(now), "%" PRIu64, store_now_ms());
	sodium_bin2hex(origin, sizeof(origin), c->result.peer, ORIGIN_BYTES);
	if (c->options.is_parent) {
		rc = local_set(engine_db(e), LOCAL_ERROR, c->result.diag.text, NULL);
		if (rc == RC_OK && c->result.rc == RC_OK)
			rc = local_set(engine_db(e), LOCAL_CONTACT_MS, now, NULL);
	} else if (c->result.rc == RC_OK) {
		(void)snprintf(name, sizeof(name), "%s%s", LOCAL_PEER_PREFIX, origin);
		rc = local_set(engine_db(e), name, c->url, NULL);
		(void)snprintf(name, sizeof(name), "%s%s", LOCAL_PEER_MS_PREFIX, origin);
		if (rc == RC_OK)
			rc = local_set(engine_db(e), name, now, NULL);
	}
	if (rc == RC_OK && c->result.rc == RC_OK && c->result.counts.is_equal)
		rc = local_set(engine_db(e), LOCAL_RESTORED_MS, "0", NULL);
	/* A fact for people only: the round stands as it is.  But a disk that fails is no disk to go on with. */
	if (rc == RC_DISK) {
		c->step.is_disk_failed = true;
		c->result.rc = rc;
		(void)diag_fail(&c->result.diag, rc, "%s", message(MSG_DISK_FAILED));
	}
}

#define COMPARE_MS_MAX (24 * 3600 * UINT64_C(1000))	/* without a daemon, which compares by itself */

/* At which heads the round ended, and what is known of the rows there. */
static void
heads_note(struct sync_client *c, struct engine *e)
{
	struct sync_result *r = &c->result;
	struct state_record record;

	r->has_heads = r->rc == RC_OK && r->counts.is_equal &&
	    exchange_state_heads(e, r->peer, r->heads, NULL) == RC_OK;
	if (!r->has_heads)
		return;
	state_record_get(engine_db(e), r->peer, &record);
	r->is_state_due = c->options.is_compare;
	if (record.ms != 0 && memcmp(record.heads, r->heads, sizeof(r->heads)) == 0)
		r->state = record.verdict;
	else if (record.ms != 0)
		r->is_state_due = r->is_state_due || store_now_ms() - record.ms > COMPARE_MS_MAX;
	if (record.verdict == EXCHANGE_DIFFERS)
		r->is_state_due = true;		/* it may have been repaired */
	if (record.ms == 0) {			/* from now on it is long ago after a day */
		record.ms = store_now_ms();
		if (state_record_set(engine_db(e), r->peer, &record, NULL) == RC_DISK)
			c->step.is_disk_failed = true;
	}
}

static void
close_run(struct writer_job *job, struct engine *e)
{
	struct sync_client *c = of_step(job);

	if (c->ask != NULL) {
		c->result.counts = *ask_counts(c->ask);
		ask_free(c->ask);
		c->ask = NULL;
	}
	if (engine_is_broken(e))
		return;
	contact_note(c, e);
	heads_note(c, e);
}

static void
close_done(struct writer_job *job, bool is_cancelled)
{
	struct sync_client *c = of_step(job);

	if (is_cancelled && c->ask != NULL) {	/* the writer thread is gone: the engine is ours */
		ask_free(c->ask);
		c->ask = NULL;
	}
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void
close_submit(struct sync_client *c)
{
	c->step.run = close_run;
	c->step.done = close_done;
	writer_submit(c->options.writer, &c->step);
}

/* ---- pieces */

static void
piece_run(struct writer_job *job, struct engine *e)
{
	struct piece *p = (struct piece *)job;
	struct sync_client *c = p->client;

	(void)e;
	if (c->engine_rc == RC_OK)
		c->engine_rc = ask_reply_bytes(c->ask, span_of(p->bytes, p->n), &c->engine_diag);
}

static void
piece_done(struct writer_job *job, bool is_cancelled)
{
	(void)is_cancelled;
	mem_free(job);
}

static void
on_piece(void *user, int status, struct span piece)
{
	struct sync_client *c = user;
	struct piece *p;

	if (c->is_hello || status != 200) {
		if (c->hello.n + piece.n <= SYNC_ERROR_BYTES_MAX)
			bytes_put(&c->hello, piece.p, piece.n);
		return;
	}
	c->received += piece.n;
	if ((p = mem_alloc(sizeof(*p) + piece.n)) == NULL) {
		fail(c, RC_NOMEM, rc_name(RC_NOMEM));
		return;
	}
	p->job.source = c->options.is_parent ? WRITER_PARENT : WRITER_PEER;
	p->job.run = piece_run;
	p->job.done = piece_done;
	p->client = c;
	p->n = piece.n;
	memcpy(p->bytes, piece.p, piece.n);
	writer_submit(c->options.writer, &p->job);
}

/* ---- requests */

/* What a refusal means. */
static void
refused(struct sync_client *c, int status)
{
	struct bytes said;
	struct diag text;

	bytes_init(&said);
	text_printable(span_bytes(&c->hello), &said);	/* whatever they say: nothing that a terminal obeys */
	diag_init(&text);
	(void)diag_fail(&text, RC_OK, message(MSG_SYNC_REFUSED), c->url, status,
	    bytes_cstr(&said) == NULL ? "" : (const char *)said.p);
	bytes_free(&said);
	fail(c, status == 400 || status == 404 || status == 413 ? RC_PEER : status == 403 ? RC_DENIED : RC_UNREACHABLE,
	    text.text);
}

/* The link failed: is the round to go on? */
static void
cut_judge(struct sync_client *c, const struct http_call_result *r)
{
	struct diag text;
	bool is_progress = c->received != 0 || r->sent_bytes >= PROGRESS_BYTES_MIN;

	c->cuts++;
	c->stalls = is_progress ? 0 : c->stalls + 1;
	c->had_progress = c->had_progress || is_progress;
	diag_init(&text);
	if (r->is_stranger) {
		(void)diag_fail(&text, RC_OK, message(MSG_TLS_STRANGER), c->url);
		fail(c, RC_PEER, text.text);
		return;
	}
	if (r->rc != RC_UNREACHABLE && r->rc != RC_LINK) {
		fail(c, r->rc == RC_LIMIT ? RC_PEER : r->rc, r->detail);	/* they say more than they may */
		return;
	}
	if (c->stalls < SYNC_STALLS_MAX && c->cuts < SYNC_CUTS_MAX)
		return;
	if (r->is_shaking && !c->had_progress)
		(void)diag_fail(&text, RC_OK, message(MSG_TLS_FAILED), c->url, r->detail);
	else if (r->rc == RC_UNREACHABLE && !c->had_progress)
		(void)diag_fail(&text, RC_OK, message(MSG_NOT_REACHABLE), c->url, r->detail);
	else
		(void)diag_fail(&text, RC_OK, message(MSG_LINK_LOST), c->url);
	fail(c, c->had_progress || r->rc == RC_LINK ? RC_LINK : RC_UNREACHABLE, text.text);
}

static void
on_posted(void *user, const struct http_call_result *r)
{
	struct sync_client *c = user;

	c->call = NULL;
	c->result.requests += r->sent_bytes != 0;
	c->result.bytes_up += r->wire_sent_bytes;
	c->result.bytes_down += r->wire_received_bytes;
	if (c->is_cancelled)
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
	if (r->rc == RC_OK && r->status == 200) {
		c->stalls = 0;
		c->had_progress = true;
		step_submit(c, REPLY_COMPLETE);
		return;
	}
	c->result.retry_after_seconds = r->rc == RC_OK ? r->retry_after_seconds : 0;
	if (c->result.rc == RC_OK && r->rc == RC_OK)
		refused(c, r->status);
	else if (c->result.rc == RC_OK)
		cut_judge(c, r);
	step_submit(c, c->received != 0 ? REPLY_CUT : REPLY_NONE);
}

static void
post(struct sync_client *c)
{
	struct http_call_options o;
	char url[URL_BYTES + 32];

	memset(&o, 0, sizeof(o));
	c->is_hello = !c->has_peer;
	c->received = 0;
	bytes_clear(&c->hello);
	if (!sync_client_url(c->url, c->is_hello ? "/sync/v1/hello" : "/sync/v1/round", url, sizeof(url))) {
		fail(c, RC_INPUT, message(MSG_URL_BAD));
		close_submit(c);
		return;
	}
	o.method = c->is_hello ? "GET" : "POST";
	o.url = url;
	o.tls_keys = span_bytes(&c->keys);
	o.body = c->is_hello ? span_of(NULL, 0) : span_bytes(&c->request);
	o.low_speed_bytes = SYNC_LOW_SPEED_BYTES;
	o.low_speed_seconds = SYNC_LOW_SPEED_SECONDS;
	o.reply_bytes_max = REPLY_BODY_BYTES_MAX;
	o.on_piece = on_piece;
	o.on_done = on_posted;
	o.user = c;
	if ((c->result.rc = http_call_start(c->options.http, &o, &c->call, &c->result.diag)) != RC_OK)
		close_submit(c);
}

/* ---- steps on the writer thread */

static void
step_run(struct writer_job *job, struct engine *e)
{
	struct sync_client *c = of_step(job);
	struct diag *d = &c->engine_diag;
	enum rc rc = c->engine_rc;

	if (rc == RC_OK && c->end == REPLY_FIRST)
		rc = ask_new(e, c->result.peer, &c->ask, d);
	else if (rc == RC_OK && c->end == REPLY_NONE)
		ask_reply_none(c->ask);
	else if (rc == RC_OK)
		rc = ask_reply_end(c->ask, c->end == REPLY_COMPLETE, d);
	c->state = rc != RC_OK ? ASK_FAILED : ask_state(c->ask);
	bytes_clear(&c->request);
	if (rc == RC_OK && c->state == ASK_MORE && c->result.rc == RC_OK)
		rc = ask_request(c->ask, &c->request, d);
	if (rc == RC_OK)
		rc = bytes_rc(&c->request);
	c->engine_rc = rc;
}

static void
on_wait_over(uv_timer_t *timer)
{
	struct sync_client *c = timer->data;

	if (c->is_cancelled) {
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
		close_submit(c);
		return;
	}
	post(c);
}

static void
step_done(struct writer_job *job, bool is_cancelled)
{
	struct sync_client *c = of_step(job);

	/* What the engine found weighs more than that the link failed. */
	if (c->engine_rc != RC_OK) {
		c->result.rc = c->engine_rc;
		c->result.diag = c->engine_diag;
	} else if (is_cancelled || c->is_cancelled) {
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
	}
	if (c->result.rc != RC_OK || c->state != ASK_MORE)
		close_submit(c);
	else if (c->stalls != 0)
		(void)uv_timer_start(&c->timer, on_wait_over, STALL_WAIT_MS * c->stalls, 0);
	else
		post(c);
}

/* The keys are here: ask who they are, or begin. */
static void
keys_done(struct writer_job *job, bool is_cancelled)
{
	struct sync_client *c = of_step(job);

	if (c->result.rc == RC_OK && (is_cancelled || c->is_cancelled))
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
	if (c->result.rc != RC_OK)
		close_submit(c);
	else if (c->has_peer)
		step_submit(c, REPLY_FIRST);
	else
		post(c);
}

static void
keys_run(struct writer_job *job, struct engine *e)
{
	struct sync_client *c = of_step(job);

	if (sync_client_is_tls(c->url))
		c->result.rc = sync_client_keys(e, c->has_peer ? c->result.peer : NULL, &c->keys, &c->result.diag);
}

static void
keys_submit(struct sync_client *c)
{
	c->step.run = keys_run;
	c->step.done = keys_done;
	writer_submit(c->options.writer, &c->step);
}

/* The answer to "who are you?": {"origin":"…hex…", …}. */
static bool
hello_read(struct sync_client *c)
{
	struct span origin = span_of(NULL, 0);
	struct json json;
	bool is_ok;
	size_t n = 0;

	is_ok = json_read(&json, span_bytes(&c->hello), SYNC_ERROR_BYTES_MAX, NULL) == RC_OK &&
	    json_string(json_member(json.root, "origin"), &origin) &&
	    sodium_hex2bin(c->result.peer, ORIGIN_BYTES, (const char *)origin.p, origin.n, NULL, &n, NULL) == 0 &&
	    n == ORIGIN_BYTES;
	json_fini(&json);
	return is_ok;
}

static void
hello_end(struct sync_client *c, enum reply_end end)
{
	if (c->result.rc == RC_OK && end == REPLY_COMPLETE) {
		c->has_peer = hello_read(c);
		c->is_hello = false;
		if (!c->has_peer)
			fail(c, RC_PEER, message(MSG_HELLO_BAD));
	}
	if (c->result.rc != RC_OK)
		close_submit(c);
	else if (c->has_peer)
		keys_submit(c);
	else
		(void)uv_timer_start(&c->timer, on_wait_over, STALL_WAIT_MS, 0);
}

static void
step_submit(struct sync_client *c, enum reply_end end)
{
	if (c->is_hello) {	/* nothing was asked of the engine yet */
		hello_end(c, end);
		return;
	}
	c->end = end;
	c->step.run = step_run;
	c->step.done = step_done;
	writer_submit(c->options.writer, &c->step);
}

enum rc
sync_client_start(const struct sync_client_options *options, struct sync_client **out, struct diag *d)
{
	struct sync_client *c;
	enum rc rc;

	*out = NULL;
	if (strlen(options->url) >= URL_BYTES)
		return diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	if ((rc = sync_client_url_check(options->url, d)) != RC_OK)
		return rc;
	if ((c = mem_alloc(sizeof(*c))) == NULL)
		return RC_NOMEM;
	bytes_init(&c->keys);
	c->options = *options;
	(void)snprintf(c->url, sizeof(c->url), "%s", options->url);
	(void)snprintf(c->result.url, sizeof(c->result.url), "%s", options->url);
	c->step.source = options->is_parent ? WRITER_PARENT : WRITER_PEER;
	c->has_peer = options->peer != NULL;
	if (c->has_peer)
		memcpy(c->result.peer, options->peer, ORIGIN_BYTES);
	(void)uv_timer_init(options->loop, &c->timer);
	c->timer.data = c;
	uv_update_time(options->loop);
	c->started_ms = uv_now(options->loop);
	diag_init(&c->engine_diag);
	*out = c;
	keys_submit(c);
	return RC_OK;
}

void
sync_client_cancel(struct sync_client *c)
{
	struct http_call_result none = { .rc = RC_LINK, .detail = "" };

	c->is_cancelled = true;
	if (c->call != NULL) {
		http_call_cancel(c->call);
		on_posted(c, &none);
	} else if (uv_is_active((uv_handle_t *)&c->timer)) {
		(void)uv_timer_stop(&c->timer);
		on_wait_over(&c->timer);
	}
}
