/* One connection of the HTTP server.
 *
 * Happy path:  [TLS ->] HEAD -> (on_head) -> BODY -> WAIT -> (reply) -> WRITE -> HEAD …
 * Bytes that arrive while the handler or the answer is busy are kept in `pending`, up to
 * HTTP_PIPELINE_BYTES_MAX, then reading rests.  Reading goes on while the handler thinks, because
 * that is how a vanished client is noticed.
 *
 * Failures:    a refused head or a body nobody wants: answer, shut down our side, LINGER to read
 *              the rest away (a close with unread bytes would reset the connection and may destroy
 *              the answer), then close.
 *              End of stream or an error before the answer: the handler is told, then close.
 *              A deadline: see http_conn_expire().
 *
 * Callbacks of the handler may reply, stop the server or do nothing; after each of them the state
 * is looked at anew.
 */
#include <string.h>

#include "node/http_impl.h"
#include "node/tls.h"

static void deadline_set(struct http_conn *c, uint32_t ms);
static void refuse(struct http_conn *c, int status);

static void
on_closed(uv_handle_t *h)
{
	struct http_conn *c = h->data;

	http_parse_fini(&c->parse);
	tls_pump_free(c->tls);
	bytes_free(&c->pending);
	http_server_conn_gone(c->server, c);
}

void
http_conn_close(struct http_conn *c)
{
	struct http_exchange *x = c->exchange;

	if (c->state == HTTP_CONN_CLOSING)
		return;
	if (c->state == HTTP_CONN_TLS)
		c->server->counts.handshakes--;
	c->state = HTTP_CONN_CLOSING;
	c->deadline_ms = 0;
	c->exchange = NULL;
	uv_close(&c->handle.any, on_closed);
	if (x != NULL)
		http_exchange_cut(x);
}

struct http_conn *
http_conn_new(struct http_server *s)
{
	struct http_conn *c = mem_alloc(sizeof(*c));
	uv_loop_t *loop = s->timer.loop;
	int err;

	if (c == NULL)
		return NULL;
	err =
	    s->is_pipe ? uv_pipe_init(loop, &c->handle.pipe, 0) : uv_tcp_init(loop, &c->handle.tcp);
	if (err != 0) {
		mem_free(c);
		return NULL;
	}
	c->handle.any.data = c;
	c->server = s;
	http_parse_init(&c->parse);
	return c;
}

static void
deadline_set(struct http_conn *c, uint32_t ms)
{
	c->deadline_ms = uv_now(c->handle.any.loop) + ms;
	http_server_timer_want(c->server, c->deadline_ms);
}

static void
body_deadline_set(struct http_conn *c)
{
	deadline_set(c, c->server->limits.body_idle_ms);
	if (c->body_due_ms < c->deadline_ms) {
		c->deadline_ms = c->body_due_ms;
		http_server_timer_want(c->server, c->deadline_ms);
	}
}

static void
body_start(struct http_conn *c)
{
	c->state = HTTP_CONN_BODY;
	c->body_due_ms = uv_now(c->handle.any.loop) + c->server->limits.body_idle_ms;
	body_deadline_set(c);
}

static void
body_end(struct http_conn *c)
{
	struct http_exchange *x = c->exchange;
	enum http_body_mode mode = x->mode;

	c->state = HTTP_CONN_WAIT;
	c->deadline_ms = 0;
	c->is_paused = false;
	x->mode = HTTP_BODY_NONE;
	if (mode == HTTP_BODY_WHOLE)
		x->on_body(x->user, x, span_bytes(&x->body));
	else
		x->on_end(x->user, x, true);
}

/* The head is complete and good: the handler has the word. */
static void
begin(struct http_conn *c)
{
	struct http_server *s = c->server;
	struct http_exchange *x = http_exchange_new(c);
	struct http_write *w;

	c->body_left = c->parse.content_length;
	if (x == NULL) {
		refuse(c, 503);
		return;
	}
	c->exchange = x;
	c->state = HTTP_CONN_WAIT;
	c->deadline_ms = 0;
	s->counts.requests++;
	c->has_asked = true;
	x->is_in_head = true;
	s->on_head(s->ctx, x);
	if (c->exchange == NULL)
		return;			/* replied, and x is gone */
	x->is_in_head = false;
	if (x->mode == HTTP_BODY_NONE)
		return;
	if (c->body_left == 0) {
		body_end(c);
		return;
	}
	body_start(c);
	/* Without memory nothing is said; such a client goes on by itself after a while. */
	if (c->parse.is_continue_expected && (w = http_exchange_continue()) != NULL)
		http_conn_write(c, w);
}

static size_t
take_head(struct http_conn *c, struct span in)
{
	bool is_first = c->parse.state == HTTP_PARSE_EMPTY;
	size_t used = http_parse_feed(&c->parse, in);

	if (c->parse.state == HTTP_PARSE_REFUSED)
		refuse(c, c->parse.status);
	else if (c->parse.state == HTTP_PARSE_DONE)
		begin(c);
	else if (is_first)
		deadline_set(c, c->server->limits.head_ms);
	return used;
}

static size_t
take_body(struct http_conn *c, struct span in)
{
	struct http_exchange *x = c->exchange;
	size_t n = in.n < c->body_left ? in.n : (size_t)c->body_left;

	c->body_left -= n;
	c->body_due_ms += (uint64_t)n * 1000 / HTTP_RATE_MIN;
	if (x == NULL) {		/* nobody wants it */
		if (c->body_left == 0) {
			http_parse_reset(&c->parse);
			c->state = HTTP_CONN_HEAD;
			deadline_set(c, c->server->limits.idle_ms);
		}
		return n;
	}
	if (x->mode == HTTP_BODY_STREAM) {
		x->on_body(x->user, x, span_of(in.p, n));
		if (c->exchange == NULL)
			return n;	/* replied early */
	} else {
		bytes_put(&x->body, in.p, n);
		if (bytes_rc(&x->body) != RC_OK) {
			http_exchange_reply(x, &(struct http_reply){ .status = 503 });
			return n;
		}
	}
	if (c->body_left == 0)
		body_end(c);
	else if (!c->is_paused)
		body_deadline_set(c);
	return n;
}

/* Use what can be used of @in now; the rest is for later. */
static size_t
consume(struct http_conn *c, struct span in)
{
	size_t at = 0;

	while (at < in.n) {
		struct span rest = span_of(in.p + at, in.n - at);

		if (c->state == HTTP_CONN_HEAD)
			at += take_head(c, rest);
		else if (c->state == HTTP_CONN_BODY && !c->is_paused)
			at += take_body(c, rest);
		else
			break;
	}
	return at;
}

static void
keep_for_later(struct http_conn *c, struct span in)
{
	bytes_put(&c->pending, in.p, in.n);
	if (bytes_rc(&c->pending) != RC_OK) {
		http_conn_close(c);
		return;
	}
	if (c->pending.n - c->pending_at >= HTTP_PIPELINE_BYTES_MAX) {
		(void)uv_read_stop(&c->handle.stream);
		c->is_reading = false;
	}
}

void
http_conn_take(struct http_conn *c, struct span in)
{
	size_t used;

	if (c->state == HTTP_CONN_LINGER) {
		if (in.n >= c->linger_left)
			http_conn_close(c);
		else
			c->linger_left -= in.n;
		return;
	}
	used = consume(c, in);
	if (used < in.n && c->state != HTTP_CONN_CLOSING && c->state != HTTP_CONN_LINGER &&
	    !c->is_last)
		keep_for_later(c, span_of(in.p + used, in.n - used));
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct http_conn *c = h->data;

	(void)suggested;
	*buf = uv_buf_init(c->server->read_buf, HTTP_READ_BYTES);
}

void
http_conn_eof(struct http_conn *c)
{
	/* A client may end its side once it has asked; and what came before a cut is still the handler's. */
	if (c->state != HTTP_CONN_WRITE && !c->is_paused) {
		http_conn_close(c);
		return;
	}
	c->is_eof = true;
	(void)uv_read_stop(&c->handle.stream);
	c->is_reading = false;
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct http_conn *c = stream->data;

	if (n == 0 || c->state == HTTP_CONN_CLOSING)
		return;
	if (n > 0) {
		c->server->counts.bytes_in += (uint64_t)n;
		if (c->tls != NULL)
			http_conn_tls_take(c, span_of(buf->base, (size_t)n));
		else
			http_conn_take(c, span_of(buf->base, (size_t)n));
	} else if (n == UV_EOF || c->is_paused) {
		http_conn_eof(c);
	} else {
		http_conn_close(c);
	}
}

static void
read_on(struct http_conn *c)
{
	if (c->is_reading || c->is_eof)
		return;
	if (uv_read_start(&c->handle.stream, on_alloc, on_read) != 0)
		http_conn_close(c);
	else
		c->is_reading = true;
}

void
http_conn_open(struct http_conn *c)
{
	if (c->tls != NULL)
		c->server->counts.handshakes--;
	c->state = HTTP_CONN_HEAD;
	deadline_set(c, c->server->limits.head_ms);
}

void
http_conn_start(struct http_conn *c)
{
	if (c->server->tls == NULL) {
		http_conn_open(c);
	} else if (http_conn_tls_start(c)) {
		deadline_set(c, c->server->limits.handshake_ms);
	} else {
		http_conn_close(c);
		return;
	}
	read_on(c);
}

/* Use what was kept, then read on. */
static void
pending_use(struct http_conn *c)
{
	struct bytes *p = &c->pending;

	if (c->pending_at < p->n)
		c->pending_at += consume(c, span_of(p->p + c->pending_at, p->n - c->pending_at));
	if (c->state == HTTP_CONN_CLOSING)
		return;
	if (c->pending_at == p->n || c->is_last) {
		bytes_free(p);
		c->pending_at = 0;
	} else {
		memmove(p->p, p->p + c->pending_at, p->n - c->pending_at);
		p->n -= c->pending_at;
		c->pending_at = 0;
	}
	if (c->is_eof && !c->is_paused && (c->state == HTTP_CONN_HEAD || c->state == HTTP_CONN_BODY))
		http_conn_close(c);
	else if (p->n - c->pending_at < HTTP_PIPELINE_BYTES_MAX)
		read_on(c);
}

/* An answer is out: back to reading, first what is here already. */
static void
next_request(struct http_conn *c)
{
	if (c->body_left > 0) {
		body_start(c);
	} else {
		http_parse_reset(&c->parse);
		c->state = HTTP_CONN_HEAD;
		deadline_set(c, c->server->limits.idle_ms);
	}
	pending_use(c);
}

void
http_conn_pause(struct http_conn *c)
{
	if (c->is_paused || c->state != HTTP_CONN_BODY)
		return;
	c->is_paused = true;
	c->paused_ms = uv_now(c->handle.any.loop);
	c->deadline_ms = 0;
}

void
http_conn_resume(struct http_conn *c)
{
	if (!c->is_paused)
		return;
	c->is_paused = false;
	c->body_due_ms += uv_now(c->handle.any.loop) - c->paused_ms;
	body_deadline_set(c);
	pending_use(c);
}

bool
http_conn_is_resting(const struct http_conn *c)
{
	return c->state == HTTP_CONN_HEAD && c->parse.state == HTTP_PARSE_EMPTY && c->has_asked;
}

bool
http_conn_is_giving(const struct http_conn *c)
{
	return c->deadline_ms != 0 && c->state != HTTP_CONN_WRITE && c->state != HTTP_CONN_CLOSING;
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	struct http_conn *c = req->data;

	if (status != 0 && c->state != HTTP_CONN_CLOSING)
		http_conn_close(c);
}

static void
linger(struct http_conn *c)
{
	if (c->is_eof) {
		http_conn_close(c);
		return;
	}
	c->state = HTTP_CONN_LINGER;
	c->linger_left = HTTP_LINGER_BYTES_MAX;
	deadline_set(c, c->server->limits.linger_ms);
	c->shutdown.data = c;
	if (c->tls != NULL)
		http_conn_tls_end(c);
	if (uv_shutdown(&c->shutdown, &c->handle.stream, on_shutdown) != 0) {
		http_conn_close(c);
		return;
	}
	read_on(c);
}

static void
on_written(uv_write_t *req, int status)
{
	struct http_write *w = req->data;
	struct http_conn *c = w->conn;
	bool is_interim = w->is_interim;

	http_exchange_write_free(w);
	if (c->state == HTTP_CONN_CLOSING)
		return;
	if (status != 0)
		http_conn_close(c);
	else if (is_interim)
		return;
	else if (c->is_last)
		linger(c);
	else if (c->server->is_stopping)
		http_conn_close(c);
	else
		next_request(c);
}

void
http_conn_send(struct http_conn *c, struct http_write *w)
{
	uv_buf_t bufs[2];
	unsigned n = 1;

	w->conn = c;
	w->req.data = w;
	c->server->counts.bytes_out += w->head.n + w->body.n;
	bufs[0] = uv_buf_init((char *)w->head.p, (unsigned)w->head.n);
	if (w->body.n != 0)
		bufs[n++] = uv_buf_init((char *)w->body.p, (unsigned)w->body.n);
	if (uv_write(&w->req, &c->handle.stream, bufs, n, on_written) != 0) {
		http_exchange_write_free(w);
		http_conn_close(c);
	}
}

void
http_conn_write(struct http_conn *c, struct http_write *w)
{
	if (w == NULL || (c->tls != NULL && !http_conn_tls_seal(c, w))) {
		http_exchange_write_free(w);
		http_conn_close(c);
		return;
	}
	if (!w->is_interim) {
		c->state = HTTP_CONN_WRITE;
		c->write_left = w->head.n + w->body.n;
		deadline_set(c, c->server->limits.write_idle_ms);
		c->write_due_ms = c->deadline_ms;
	}
	http_conn_send(c, w);
}

static void
refuse(struct http_conn *c, int status)
{
	c->is_last = true;
	c->server->counts.refusals++;
	http_conn_write(c, http_exchange_refusal(c, status));
}

void
http_conn_expire(struct http_conn *c)
{
	size_t left;

	switch (c->state) {
	case HTTP_CONN_HEAD:
		if (c->parse.state == HTTP_PARSE_MORE)
			refuse(c, 408);
		else
			http_conn_close(c);
		break;
	case HTTP_CONN_WRITE:
		left = uv_stream_get_write_queue_size(&c->handle.stream);
		if (left > c->write_left)	/* TLS has had something to say, too */
			left = c->write_left;
		c->write_due_ms += (uint64_t)(c->write_left - left) * 1000 / HTTP_RATE_MIN;
		if (left < c->write_left && uv_now(c->handle.any.loop) < c->write_due_ms) {
			c->write_left = left;
			deadline_set(c, c->server->limits.write_idle_ms);
			break;
		}
		http_conn_close(c);
		break;
	case HTTP_CONN_BODY:
		c->server->counts.refusals++;
		http_conn_close(c);
		break;
	case HTTP_CONN_TLS:
		c->server->counts.handshakes_failed++;
		http_conn_close(c);
		break;
	case HTTP_CONN_WAIT:
	case HTTP_CONN_LINGER:
	case HTTP_CONN_CLOSING:
		http_conn_close(c);
		break;
	}
}

void
http_conn_stop(struct http_conn *c)
{
	bool is_idle = c->state == HTTP_CONN_TLS ||
	    c->state == HTTP_CONN_HEAD || (c->state == HTTP_CONN_BODY && c->exchange == NULL);

	if (is_idle)
		http_conn_close(c);
}
