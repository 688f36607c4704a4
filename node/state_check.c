/* The happy path: look (reader) → sign (writer) → post → note (writer) → on_done.  One of them is under way at any
 * time; the struct goes with the last. */
#include "node/state_check.h"

#include <stdio.h>
#include <string.h>

#include "node/message.h"
#include "node/state_record.h"
#include "node/store.h"
#include "node/sync_client.h"

#define URL_BYTES 260
#define REPLY_BYTES_MAX 256

struct state_check {
	struct state_check_options options;
	char url[URL_BYTES + 32];
	uint8_t peer[ORIGIN_BYTES];
	struct reader_job look;
	struct writer_job step;
	struct http_call *call;
	struct exchange_state state;
	struct exchange_state_asking asking;
	struct bytes keys, request, reply;
	bool is_cancelled;
	struct state_check_result result;
};

static struct state_check *
of_step(struct writer_job *job)
{
	return (struct state_check *)((char *)job - offsetof(struct state_check, step));
}

static void
finish(struct state_check *c)
{
	c->options.on_done(c->options.user, &c->result);
	bytes_free(&c->keys);
	bytes_free(&c->request);
	bytes_free(&c->reply);
	mem_free(c);
}

static void
fail(struct state_check *c, enum rc rc, const char *text)
{
	if (c->result.rc == RC_OK)
		c->result.rc = diag_fail(&c->result.diag, rc, "%s", text);
}

/* ---- the end: what was found is noted for `status` and for the next process */

static void
note_run(struct writer_job *job, struct engine *e)
{
	struct state_check *c = of_step(job);
	struct state_record record = { .verdict = c->result.verdict, .ms = store_now_ms() };

	if (record.verdict == EXCHANGE_OTHER_SCHEMA)
		record.verdict = EXCHANGE_VERDICT_NONE;
	memcpy(record.heads, c->result.heads, sizeof(record.heads));
	/* A fact for people: that it could not be noted takes nothing from the answer.  But a disk that fails is no
	 * disk to go on with. */
	if (state_record_set(engine_db(e), c->peer, &record, NULL) == RC_DISK) {
		c->step.is_disk_failed = true;
		c->result.rc = diag_fail(&c->result.diag, RC_DISK, "%s", message(MSG_DISK_FAILED));
	}
}

static void
note_done(struct writer_job *job, bool is_cancelled)
{
	(void)is_cancelled;
	finish(of_step(job));
}

static void
note(struct state_check *c)
{
	if (c->result.rc != RC_OK || c->result.verdict == EXCHANGE_OTHER_HEADS) {
		finish(c);
		return;
	}
	c->step.run = note_run;
	c->step.done = note_done;
	writer_submit(c->options.writer, &c->step);
}

/* ---- the request */

static void
on_piece(void *user, int status, struct span piece)
{
	struct state_check *c = user;

	if (status == 200)
		bytes_put(&c->reply, piece.p, piece.n);
}

static void
refused(struct state_check *c, int status)
{
	struct diag text;

	diag_init(&text);
	(void)diag_fail(&text, RC_OK, message(MSG_SYNC_REFUSED), c->url, status, "");
	fail(c, status == 503 ? RC_BUSY : status == 404 ? RC_NOTFOUND : status == 403 ? RC_DENIED : RC_PEER,
	    text.text);
}

static void
on_posted(void *user, const struct http_call_result *r)
{
	struct state_check *c = user;

	c->call = NULL;
	c->result.requests += r->sent_bytes != 0;
	c->result.bytes_up += r->wire_sent_bytes;
	c->result.bytes_down += r->wire_received_bytes;
	c->result.retry_after_seconds = r->retry_after_seconds;
	if (r->rc != RC_OK)
		fail(c, r->rc, r->detail);
	else if (r->status != 200)
		refused(c, r->status);
	else if (bytes_rc(&c->reply) != RC_OK)
		fail(c, RC_NOMEM, rc_name(RC_NOMEM));
	else
		c->result.rc = exchange_state_verdict(&c->asking, span_bytes(&c->reply), &c->result.verdict,
		    &c->result.diag);
	note(c);
}

static void
post(struct state_check *c)
{
	struct http_call_options o;

	memset(&o, 0, sizeof(o));
	o.method = "POST";
	o.url = c->url;
	o.tls_keys = span_bytes(&c->keys);
	o.body = span_bytes(&c->request);
	o.total_timeout_ms = STATE_CHECK_TIMEOUT_MS;
	o.reply_bytes_max = REPLY_BYTES_MAX;
	o.on_piece = on_piece;
	o.on_done = on_posted;
	o.user = c;
	c->result.rc = http_call_start(c->options.http, &o, &c->call, &c->result.diag);
	if (c->result.rc != RC_OK)
		finish(c);
}

static void
sign_run(struct writer_job *job, struct engine *e)
{
	struct state_check *c = of_step(job);

	c->result.rc = sync_client_keys(e, c->peer, &c->keys, &c->result.diag);
	if (c->result.rc != RC_OK)
		return;
	c->result.rc = exchange_state_request(e, c->peer, &c->state, &c->asking, &c->request, &c->result.diag);
}

static void
sign_done(struct writer_job *job, bool is_cancelled)
{
	struct state_check *c = of_step(job);

	if (is_cancelled || c->is_cancelled)
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
	if (c->result.rc != RC_OK)
		finish(c);
	else
		post(c);
}

/* ---- our rows */

static void
look_run(struct reader_job *job, struct engine *e)
{
	struct state_check *c = (struct state_check *)((char *)job - offsetof(struct state_check, look));

	c->result.rc = exchange_state_look(e, c->peer, &c->state, &c->result.diag);
}

static void
look_done(struct reader_job *job)
{
	struct state_check *c = (struct state_check *)((char *)job - offsetof(struct state_check, look));

	if (job->rc != RC_OK)
		fail(c, job->rc, job->diag.text);
	if (c->is_cancelled)
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
	if (c->result.rc != RC_OK) {
		finish(c);
		return;
	}
	memcpy(c->result.heads, c->state.heads, sizeof(c->result.heads));
	c->step.source = WRITER_PARENT;
	c->step.run = sign_run;
	c->step.done = sign_done;
	writer_submit(c->options.writer, &c->step);
}

enum rc
state_check_start(const struct state_check_options *options, struct state_check **out, struct diag *d)
{
	struct state_check *c;
	enum rc rc;

	*out = NULL;
	if ((c = mem_alloc(sizeof(*c))) == NULL)
		return RC_NOMEM;
	c->options = *options;
	memcpy(c->peer, options->peer, ORIGIN_BYTES);
	diag_init(&c->result.diag);
	bytes_init(&c->request);
	bytes_init(&c->reply);
	c->look.run = look_run;
	c->look.done = look_done;
	if (!sync_client_url(options->url, "/sync/v1/state", c->url, sizeof(c->url)))
		rc = diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	else
		rc = reader_submit(options->reader, &c->look);
	if (rc != RC_OK)
		mem_free(c);
	else
		*out = c;
	return rc;
}

void
state_check_cancel(struct state_check *c)
{
	if (c == NULL)
		return;
	c->is_cancelled = true;
	if (c->call != NULL) {
		http_call_cancel(c->call);
		c->call = NULL;
		fail(c, RC_UNREACHABLE, message(MSG_STOPPING));
		finish(c);
	}
}
