#include "node/http_exchange.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/http_impl.h"
#include "node/tls.h"

#define CONTINUE_TEXT "HTTP/1.1 100 Continue\r\n\r\n"
#define WRITE_BYTES_MAX UINT32_MAX	/* libuv counts a buffer in 32 bits on some systems */

static const char *
phrase(int status)
{
	static const struct { int status; const char *text; } phrases[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 206, "Partial Content" }, { 301, "Moved Permanently" }, { 302, "Found" },
		{ 303, "See Other" }, { 304, "Not Modified" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" }, { 421, "Misdirected Request" },
		{ 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
		{ 501, "Not Implemented" }, { 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
	};
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].text;
	}
	return "";
}

struct http_exchange *
http_exchange_new(struct http_conn *c)
{
	struct http_exchange *x = mem_alloc(sizeof(*x));

	if (x != NULL)
		x->conn = c;
	return x;
}

static void
exchange_free(struct http_exchange *x)
{
	bytes_free(&x->body);
	mem_free(x);
}

void
http_exchange_cut(struct http_exchange *x)
{
	enum http_body_mode mode = x->mode;

	x->conn = NULL;
	if (mode == HTTP_BODY_NONE && x->on_abort == NULL)
		return;			/* the reply is still due, and frees it */
	x->is_cut = true;
	if (mode == HTTP_BODY_STREAM)
		x->on_end(x->user, x, false);
	else if (x->on_abort != NULL)
		x->on_abort(x->abort_user, x);
	exchange_free(x);
}

const char *
http_exchange_method(const struct http_exchange *x)
{
	return x->conn == NULL ? "" : x->conn->parse.method;
}

const char *
http_exchange_path(const struct http_exchange *x)
{
	return x->conn == NULL ? "" : x->conn->parse.path;
}

const char *
http_exchange_query(const struct http_exchange *x)
{
	return x->conn == NULL ? "" : x->conn->parse.query;
}

const char *
http_exchange_header(const struct http_exchange *x, const char *name)
{
	return x->conn == NULL ? NULL : http_parse_header(&x->conn->parse, name);
}

const char *
http_exchange_peer(const struct http_exchange *x)
{
	return x->conn == NULL ? "" : x->conn->peer;
}

const uint8_t *
http_exchange_peer_key(const struct http_exchange *x)
{
	return x->conn == NULL || x->conn->tls == NULL ? NULL : tls_pump_peer(x->conn->tls);
}

uint64_t
http_exchange_content_length(const struct http_exchange *x)
{
	return x->conn == NULL ? 0 : x->conn->parse.content_length;
}

void
http_exchange_pause(struct http_exchange *x)
{
	if (x->conn != NULL && x->mode == HTTP_BODY_STREAM)
		http_conn_pause(x->conn);
}

void
http_exchange_resume(struct http_exchange *x)
{
	if (x->conn != NULL)
		http_conn_resume(x->conn);
}

void
http_exchange_prove(struct http_exchange *x, uint64_t who)
{
	INVARIANT(who != 0);
	if (x->conn != NULL)
		x->conn->proved = who;
	if (x->conn != NULL && x->conn->tls != NULL)
		tls_pump_remember(x->conn->tls);
}

uint64_t
http_exchange_proved(const struct http_exchange *x)
{
	return x->conn == NULL ? 0 : x->conn->proved;
}

void
http_exchange_on_abort(struct http_exchange *x, http_abort_fn fn, void *user)
{
	x->on_abort = fn;
	x->abort_user = user;
}

static struct http_write *
write_new(void)
{
	return mem_alloc(sizeof(struct http_write));
}

void
http_exchange_write_free(struct http_write *w)
{
	if (w == NULL)
		return;
	bytes_free(&w->head);
	bytes_free(&w->body);
	mem_free(w);
}

struct http_write *
http_exchange_continue(void)
{
	struct http_write *w = write_new();

	if (w == NULL)
		return NULL;
	w->is_interim = true;
	bytes_str(&w->head, CONTINUE_TEXT);
	if (bytes_rc(&w->head) == RC_OK)
		return w;
	http_exchange_write_free(w);
	return NULL;
}

/* Common to both ways of getting the body.  The word to go on, 100, is sent when on_head has
 * returned: a failing write closes the connection, which would cut @x while its handler is still
 * speaking. */
static bool
is_body_accepted(struct http_exchange *x, uint64_t body_bytes_max)
{
	INVARIANT(x->is_in_head);
	INVARIANT(x->mode == HTTP_BODY_NONE);
	if (x->conn->body_left <= body_bytes_max)
		return true;
	http_exchange_reply(x, &(struct http_reply){ .status = 413 });
	return false;
}

bool
http_exchange_want_body(
    struct http_exchange *x, uint64_t body_bytes_max, http_body_fn on_body, void *user)
{
	if (!is_body_accepted(x, body_bytes_max))
		return false;
	x->mode = HTTP_BODY_WHOLE;
	x->on_body = on_body;
	x->user = user;
	return true;
}

bool
http_exchange_stream_body(struct http_exchange *x, uint64_t body_bytes_max,
    http_body_fn on_piece, http_end_fn on_end, void *user)
{
	if (!is_body_accepted(x, body_bytes_max))
		return false;
	x->mode = HTTP_BODY_STREAM;
	x->on_body = on_piece;
	x->on_end = on_end;
	x->user = user;
	return true;
}

/* Only whole, printable lines: a handler's slip must not split the answer in two. */
static bool
is_header_text(const char *s)
{
	size_t column = 0;

	for (; *s != '\0'; s++) {
		if (*s == '\r') {
			if (s[1] != '\n' || column == 0)
				return false;
			s++;
			column = 0;
			continue;
		}
		if ((unsigned char)*s < 0x20 || *s == 0x7F)
			return false;
		column++;
	}
	return column == 0;
}

static void
put_date(struct bytes *b)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL)
		return;
	bytes_fmt(b, "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n",
	    days + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
put_head(struct bytes *b, const struct http_conn *c, const struct http_reply *r, size_t body_len)
{
	bytes_fmt(b, "HTTP/1.1 %d %s\r\n", r->status, phrase(r->status));
	if (c->is_last)
		bytes_str(b, "Connection: close\r\n");
	if (!c->server->is_terse) {
		put_date(b);
		if (r->content_type != NULL)
			bytes_fmt(b, "Content-Type: %s\r\n", r->content_type);
	}
	if (r->headers != NULL)
		bytes_str(b, r->headers);
	if (r->status != 204 && r->status != 304)
		bytes_fmt(b, "Content-Length: %zu\r\n", body_len);
	bytes_str(b, "\r\n");
}

/* Build the answer.  @take, when not NULL, is the body and is taken over. */
static struct http_write *
answer(struct http_conn *c, const struct http_reply *r, struct bytes *take)
{
	struct http_write *w = write_new();
	size_t body_len = take != NULL ? take->n : r->body.n;
	bool is_bodiless = r->status == 204 || r->status == 304 ||
	    (c->parse.state == HTTP_PARSE_DONE && strcmp(c->parse.method, "HEAD") == 0);

	if (w == NULL || body_len > WRITE_BYTES_MAX)
		goto err0;
	put_head(&w->head, c, r, body_len);
	if (!is_bodiless && take != NULL) {
		w->body = *take;
		bytes_init(take);
	} else if (!is_bodiless) {
		bytes_put(&w->head, r->body.p, r->body.n);
	}
	if (bytes_rc(&w->head) != RC_OK || bytes_rc(&w->body) != RC_OK)
		goto err0;
	return w;

err0:
	http_exchange_write_free(w);
	return NULL;
}

struct http_write *
http_exchange_refusal(struct http_conn *c, int status)
{
	return answer(c, &(struct http_reply){ .status = status }, NULL);
}

static void
reply(struct http_exchange *x, const struct http_reply *r, struct bytes *take)
{
	static const struct http_reply mistake = { .status = 500 };
	struct http_conn *c = x->conn;
	bool is_bad = (r->headers != NULL && !is_header_text(r->headers)) ||
	    (r->content_type != NULL && strpbrk(r->content_type, "\r\n") != NULL);
	struct http_write *w;

	INVARIANT(!x->is_cut);
	INVARIANT(r->status >= 200);
	INVARIANT(r->status <= 599);
	if (c == NULL) {
		exchange_free(x);
		return;
	}
	c->exchange = NULL;
	c->is_paused = false;
	/* What is left of the body is read away when it is small and on its way already. */
	if (!c->parse.is_keep_alive || c->server->is_stopping ||
	    c->body_left > HTTP_SKIP_BYTES_MAX ||
	    (c->body_left > 0 && c->parse.is_continue_expected))
		c->is_last = true;
	w = is_bad ? answer(c, &mistake, NULL) : answer(c, r, take);
	exchange_free(x);		/* last: r->body may lie in it */
	http_conn_write(c, w);
}

void
http_exchange_reply(struct http_exchange *x, const struct http_reply *r)
{
	reply(x, r, NULL);
}

void
http_exchange_reply_take(struct http_exchange *x, const struct http_reply *r, struct bytes *body)
{
	reply(x, r, body);
	bytes_free(body);		/* whatever was not sent */
}
