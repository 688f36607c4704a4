/* Other nodes asking: POST /sync/v1/round, /sync/v1/wait, /sync/v1/state, /sync/v1/join; GET /sync/v1/hello.
 *
 * Whoever asks gets a share of this node: share.h.  Refusals are plain text of one line: 400 broken, 403 not allowed,
 * 413 too large, 503 too busy (with Retry-After). */
#include <string.h>

#include "node/cell.h"
#include "node/invitation.h"
#include "node/logline.h"
#include "node/message.h"
#include "node/sync_server_impl.h"

#define BODY_IDLE_MS 10000	/* a body that stalls for so long is cut; what came of it is kept */

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

uint64_t
sync_server_who(const uint8_t origin[ORIGIN_BYTES])
{
	uint64_t who;

	_Static_assert(sizeof(who) == ORIGIN_BYTES, "an origin is a number");
	memcpy(&who, origin, sizeof(who));
	return who > WRITER_LANE_OWN ? who : who + WRITER_LANE_OWN + 1;
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

/* ---- joining, hello */

struct join {
	struct writer_job job;
	struct sync_server *server;
	struct http_exchange *x;	/* without an abort function: it stays until the reply */
	struct span body;
	struct sync_server_key key;
	struct bytes answer;
	struct diag diag;
	enum rc rc;
};

/* Whoever asks by TLS asks for the key that it has there. */
static enum rc
join_key_check(struct join *j)
{
	struct invitation_request q;
	enum rc rc = invitation_request_parse(&q, j->body, &j->diag);

	return rc != RC_OK ? rc : sync_server_key_is(&j->key, q.pubkey, &j->diag);
}

static void
join_run(struct writer_job *job, struct engine *e)
{
	struct join *j = (struct join *)job;

	if (j->key.is_there && (j->rc = join_key_check(j)) != RC_OK)
		return;
	j->rc = invitation_admit(e, j->body, store_now_ms(), &j->answer, NULL, &j->diag);
}

static void
join_done(struct writer_job *job, bool is_cancelled)
{
	struct join *j = (struct join *)job;
	struct http_reply reply = { .status = 200 };

	if (is_cancelled)
		j->rc = RC_BUSY;
	j->server->counts.joins++;
	if (j->rc != RC_OK && j->rc != RC_BUSY)
		share_strike(&j->server->strikes, http_exchange_peer(j->x), uv_now(&j->server->node->loop));
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

	if (j == NULL || writer_is_full(s->node->writer, WRITER_PEER)) {
		mem_free(j);
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	j->server = s;
	j->x = x;
	sync_server_key_take(&j->key, x);
	j->body = body;
	j->rc = RC_OK;
	diag_init(&j->diag);
	bytes_init(&j->answer);
	j->job.source = WRITER_PEER;
	j->job.run = join_run;
	j->job.done = join_done;
	writer_submit(s->node->writer, &j->job);
}

/* This address failed often just now: it may try again later. */
static void
join_rest(struct sync_server *s, struct http_exchange *x)
{
	const struct http_reply reply = { .status = 503, .headers = "Retry-After: 60\r\n",
		.content_type = "text/plain; charset=utf-8", .body = span_str(rc_name(RC_BUSY)) };

	s->counts.refusals++;
	http_exchange_reply(x, &reply);
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
	cell_json_origin("origin", s->node->self.base, &w);	/* known to all who know this node */
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
		sync_server_round(s, x);
	} else if (strcmp(path, "/sync/v1/wait") == 0 && is_post) {
		sync_server_wait(s, x);
	} else if (strcmp(path, "/sync/v1/state") == 0 && is_post) {
		sync_server_state(s, x);
	} else if (strcmp(path, "/sync/v1/join") == 0 && is_post) {
		if (share_is_struck(&s->strikes, http_exchange_peer(x), uv_now(&s->node->loop)))
			join_rest(s, x);
		else if (!http_exchange_want_body(x, INVITATION_REQUEST_BYTES_MAX, on_join_body, s))
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
sync_server_start(struct daemon *n, const char *host, int port, bool is_plain, struct diag *d)
{
	struct http_server_options o = { .host = host, .port = port, .on_head = on_head, .is_terse = true,
		.tls = is_plain ? NULL : n->tls,
		.limits = { .connections_max = SYNC_CONNECTIONS_MAX, .connections_per_ip_max = SYNC_STRANGERS_MAX,
		.body_idle_ms = BODY_IDLE_MS } };
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
