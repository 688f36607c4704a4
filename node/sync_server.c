/* Other nodes asking: POST /sync/v1/round, /sync/v1/wait, /sync/v1/state, /sync/v1/join; GET /sync/v1/hello.
 *
 * A round's pieces go to the engine as they come, each a job on the writer thread; what is complete is durable even
 * when the request is cut.  Refusals are plain text of one line: 400 broken, 403 not allowed, 413 too large, 503 too
 * busy (with Retry-After). */
#include <string.h>

#include "node/cell.h"
#include "node/invitation.h"
#include "node/logline.h"
#include "node/message.h"
#include "node/sync_server_impl.h"

#define BODY_IDLE_MS 10000	/* a body that stalls for so long is cut; what came of it is kept */
#define ROUNDS_MAX 300			/* under way at once: stalled ones must not shut out a whole province */

static int
status_of(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return 200;
	case RC_DENIED:
	case RC_NOTFOUND:
	case RC_CONFLICT:
		return 403;
	case RC_LIMIT:
		return 413;
	case RC_INPUT:
	case RC_PEER:
	case RC_GAP:
		return 400;
	case RC_BUSY:
	case RC_FULL:
	case RC_NOMEM:
		return 503;
	default:
		return 500;
	}
}

void
sync_server_refuse(struct sync_server *s, struct http_exchange *x, enum rc rc, const char *why)
{
	struct http_reply reply = { .status = status_of(rc), .content_type = "text/plain; charset=utf-8" };

	reply.body = span_str(why[0] == '\0' ? rc_name(rc) : why);
	if (reply.status == 503)
		reply.headers = "Retry-After: 5\r\n";
	s->counts.refusals++;
	logline(LOGLINE_WARN, "sync_refused", "rc=%s status=%d", rc_name(rc), reply.status);
	http_exchange_reply(x, &reply);
}

/* ---- rounds */

struct round {
	struct sync_server *server;
	struct http_exchange *x;	/* NULL: they went away */
	struct answer *answer;		/* writer thread */
	enum rc rc;			/* writer thread: the first failure */
	struct diag diag;
	struct bytes body;
	bool is_complete;
	bool is_short;			/* memory ran out for a piece: what followed it was left out */
	uint64_t commits_new;
	struct writer_job end;
};

struct piece {
	struct writer_job job;
	struct round *round;
	size_t n;
	uint8_t bytes[];
};

static void
piece_run(struct writer_job *job, struct engine *e)
{
	struct piece *p = (struct piece *)job;
	struct round *r = p->round;

	if (r->rc == RC_OK && r->answer == NULL)
		r->rc = answer_new(e, &r->answer, &r->diag);
	if (r->rc == RC_OK)
		r->rc = answer_bytes(r->answer, span_of(p->bytes, p->n), &r->diag);
}

static void
piece_done(struct writer_job *job, bool is_cancelled)
{
	(void)is_cancelled;
	mem_free(job);
}

static void
round_end_run(struct writer_job *job, struct engine *e)
{
	struct round *r = (struct round *)((char *)job - offsetof(struct round, end));

	if (r->rc == RC_OK && r->answer == NULL)
		r->rc = answer_new(e, &r->answer, &r->diag);
	if (r->answer != NULL) {
		struct diag d;
		enum rc rc;

		diag_init(&d);
		rc = answer_end(r->answer, r->is_complete && r->rc == RC_OK, &r->body, &d);
		if (r->rc == RC_OK) {
			r->rc = rc;
			r->diag = d;
		}
		r->commits_new = answer_commits_new(r->answer);
		answer_free(r->answer);
		r->answer = NULL;
	}
	if (r->rc == RC_OK)
		r->rc = r->is_short ? RC_NOMEM : bytes_rc(&r->body);
}

static void
round_free(struct round *r)
{
	bytes_free(&r->body);
	mem_free(r);
}

static void
round_end_done(struct writer_job *job, bool is_cancelled)
{
	struct round *r = (struct round *)((char *)job - offsetof(struct round, end));
	struct sync_server *s = r->server;
	struct http_reply reply = { .status = 200 };

	if (is_cancelled) {
		answer_free(r->answer);		/* the writer thread is gone: the engine is ours */
		r->rc = RC_BUSY;
	}
	s->rounds_open--;
	s->counts.rounds++;
	s->counts.commits_in += r->commits_new;
	if (r->x != NULL && r->rc != RC_OK)
		sync_server_refuse(s, r->x, r->rc, r->diag.text);
	else if (r->x != NULL)
		http_exchange_reply_take(r->x, &reply, &r->body);
	round_free(r);
}

static void
on_round_abort(void *user, struct http_exchange *x)
{
	struct round *r = user;

	(void)x;
	r->x = NULL;
}

static void
on_round_piece(void *user, struct http_exchange *x, struct span bytes)
{
	struct round *r = user;
	struct piece *p;

	(void)x;
	if (r->is_short || (p = mem_alloc(sizeof(*p) + bytes.n)) == NULL) {
		r->is_short = true;
		return;
	}
	p->job.source = WRITER_PEER;
	p->job.run = piece_run;
	p->job.done = piece_done;
	p->round = r;
	p->n = bytes.n;
	memcpy(p->bytes, bytes.p, bytes.n);
	writer_submit(r->server->node->writer, &p->job);
}

static void
on_round_end(void *user, struct http_exchange *x, bool is_complete)
{
	struct round *r = user;

	if (is_complete)
		http_exchange_on_abort(x, on_round_abort, r);
	else
		r->x = NULL;
	r->is_complete = is_complete && !r->is_short;
	r->end.source = WRITER_PEER;
	r->end.run = round_end_run;
	r->end.done = round_end_done;
	writer_submit(r->server->node->writer, &r->end);
}

static void
on_round(struct sync_server *s, struct http_exchange *x)
{
	struct round *r;

	if (s->rounds_open >= ROUNDS_MAX || writer_is_full(s->node->writer)) {
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	if ((r = mem_alloc(sizeof(*r))) == NULL) {
		sync_server_refuse(s, x, RC_NOMEM, "");
		return;
	}
	r->server = s;
	r->x = x;
	diag_init(&r->diag);
	bytes_init(&r->body);
	if (!http_exchange_stream_body(x, REQUEST_BODY_BYTES_MAX, on_round_piece, on_round_end, r)) {
		round_free(r);
		return;
	}
	s->rounds_open++;
}

/* ---- joining, hello */

struct join {
	struct writer_job job;
	struct sync_server *server;
	struct http_exchange *x;	/* without an abort function: it stays until the reply */
	struct span body;
	struct bytes answer;
	struct diag diag;
	enum rc rc;
};

static void
join_run(struct writer_job *job, struct engine *e)
{
	struct join *j = (struct join *)job;

	j->rc = invitation_admit(e, j->body, store_now_ms(), &j->answer, &j->diag);
}

static void
join_done(struct writer_job *job, bool is_cancelled)
{
	struct join *j = (struct join *)job;
	struct http_reply reply = { .status = 200 };

	if (is_cancelled)
		j->rc = RC_BUSY;
	j->server->counts.joins++;
	logline(LOGLINE_INFO, "join", "rc=%s", rc_name(j->rc));
	if (j->rc == RC_OK)
		http_exchange_reply_take(j->x, &reply, &j->answer);
	else
		sync_server_refuse(j->server, j->x, j->rc, j->diag.text);
	bytes_free(&j->answer);
	mem_free(j);
}

static void
on_join_body(void *user, struct http_exchange *x, struct span body)
{
	struct sync_server *s = user;
	struct join *j = mem_alloc(sizeof(*j));

	if (j == NULL || writer_is_full(s->node->writer)) {
		mem_free(j);
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	j->server = s;
	j->x = x;
	j->body = body;
	j->rc = RC_OK;
	diag_init(&j->diag);
	bytes_init(&j->answer);
	j->job.source = WRITER_PEER;
	j->job.run = join_run;
	j->job.done = join_done;
	writer_submit(s->node->writer, &j->job);
}

static void
on_hello(struct sync_server *s, struct http_exchange *x)
{
	struct http_reply reply = { .status = 200, .content_type = "application/json" };
	struct json_write w;
	struct bytes body;

	bytes_init(&body);
	json_write_init(&w, &body, false);
	json_write_object(&w);
	cell_json_origin("origin", s->node->self.origin, &w);
	json_write_key(&w, "unit");
	json_write_cstr(&w, s->node->self.unit);
	json_write_key(&w, "format");
	json_write_uint64(&w, SYNC_FORMAT);
	json_write_object_end(&w);
	if (json_write_end(&w) != RC_OK)
		sync_server_refuse(s, x, RC_NOMEM, "");
	else
		http_exchange_reply_take(x, &reply, &body);
	bytes_free(&body);
}

static void
on_head(void *ctx, struct http_exchange *x)
{
	struct sync_server *s = ctx;
	const char *path = http_exchange_path(x);
	bool is_post = strcmp(http_exchange_method(x), "POST") == 0;
	struct http_reply reply = { .status = 404 };

	if (s->is_stopping) {
		sync_server_refuse(s, x, RC_BUSY, "");
	} else if (strcmp(path, "/sync/v1/round") == 0 && is_post) {
		on_round(s, x);
	} else if (strcmp(path, "/sync/v1/wait") == 0 && is_post) {
		sync_server_wait(s, x);
	} else if (strcmp(path, "/sync/v1/state") == 0 && is_post) {
		sync_server_state(s, x);
	} else if (strcmp(path, "/sync/v1/join") == 0 && is_post) {
		if (!http_exchange_want_body(x, INVITATION_REQUEST_BYTES_MAX, on_join_body, s))
			s->counts.refusals++;
	} else if (strcmp(path, "/sync/v1/hello") == 0 && !is_post) {
		on_hello(s, x);
	} else {
		s->counts.refusals++;
		http_exchange_reply(x, &reply);
	}
}

/* ---- life */

static void
on_timer_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

enum rc
sync_server_start(struct daemon *n, const char *host, int port, struct diag *d)
{
	struct http_server_options o = { .host = host, .port = port, .on_head = on_head, .is_terse = true,
		.limits.body_idle_ms = BODY_IDLE_MS };
	struct sync_server *s = mem_alloc(sizeof(*s));
	enum rc rc;

	if (s == NULL)
		return RC_NOMEM;
	s->node = n;
	o.ctx = s;
	if ((rc = http_server_new(&n->loop, &o, &n->sync_listener, d)) != RC_OK) {
		mem_free(s);
		return rc;
	}
	(void)uv_timer_init(&n->loop, &s->timer);
	s->timer.data = s;
	n->sync_server = s;
	return RC_OK;
}

void
sync_server_free(struct sync_server *s)
{
	if (s != NULL)
		uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

void
sync_server_counts(const struct sync_server *s, struct sync_server_counts *out)
{
	if (s == NULL)
		memset(out, 0, sizeof(*out));
	else
		*out = s->counts;
}
