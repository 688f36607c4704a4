/* tests/http/raw.h - a loop, a server with a handler that does by path what tests need, and raw
 * clients beside it.
 *
 * All in one thread: raw_* functions run the loop until what they wait for has happened or
 * RAW_WAIT_MS have passed.
 */
#ifndef TESTS_HTTP_RAW_H
#define TESTS_HTTP_RAW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "node/http_server.h"

#define RAW_WAIT_MS 5000
#define RAW_BODY_BYTES_MAX 4194304

struct raw_fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct http_exchange *held;	/* by /later, /abort and /held */
	struct bytes pieces;		/* by /stream */
	struct bytes order;		/* paths in the order they were handled */
	unsigned piece_count, end_count, abort_count;
	bool is_complete;
	bool is_stopped;
};

static inline uint64_t
raw_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline void
raw_reply(struct http_exchange *x, int status, const char *text)
{
	http_exchange_reply(x, &(struct http_reply){
		.status = status, .content_type = "text/plain", .body = span_str(text),
	});
}

static inline void
raw_on_body(void *user, struct http_exchange *x, struct span body)
{
	(void)user;
	http_exchange_reply(x, &(struct http_reply){ .status = 200, .body = body });
}

static inline void
raw_on_piece(void *user, struct http_exchange *x, struct span piece)
{
	struct raw_fixture *f = user;

	(void)x;
	f->piece_count++;
	bytes_put(&f->pieces, piece.p, piece.n);
}

/* Takes a piece and wants no further one; the test says when. */
static inline void
raw_on_held_piece(void *user, struct http_exchange *x, struct span piece)
{
	struct raw_fixture *f = user;

	raw_on_piece(user, x, piece);
	f->held = x;
	http_exchange_pause(x);
}

static inline void
raw_on_early_piece(void *user, struct http_exchange *x, struct span piece)
{
	raw_on_piece(user, x, piece);
	raw_reply(x, 400, "enough");
}

static inline void
raw_on_end(void *user, struct http_exchange *x, bool is_complete)
{
	struct raw_fixture *f = user;

	f->end_count++;
	f->is_complete = is_complete;
	if (is_complete)
		raw_reply(x, 200, "got it");
}

static inline void
raw_on_abort(void *user, struct http_exchange *x)
{
	struct raw_fixture *f = user;

	assert_ptr_equal(f->held, x);
	f->abort_count++;
	f->held = NULL;
}

static inline void
raw_reply_big(struct http_exchange *x)
{
	struct bytes big;

	bytes_init(&big);
	assert_non_null(bytes_room(&big, RAW_BODY_BYTES_MAX));
	memset(big.p, 'b', RAW_BODY_BYTES_MAX);
	big.n = RAW_BODY_BYTES_MAX;
	http_exchange_reply_take(x, &(struct http_reply){ .status = 200 }, &big);
	assert_int_equal(big.n, 0);
}

static inline void
raw_on_head(void *ctx, struct http_exchange *x)
{
	struct raw_fixture *f = ctx;
	const char *path = http_exchange_path(x);

	bytes_fmt(&f->order, "%s ", path);
	if (strcmp(path, "/echo") == 0) {
		assert_true(http_exchange_want_body(x, RAW_BODY_BYTES_MAX, raw_on_body, f));
	} else if (strcmp(path, "/small") == 0) {
		if (http_exchange_want_body(x, 10, raw_on_body, f))
			return;
	} else if (strcmp(path, "/stream") == 0) {
		assert_true(
		    http_exchange_stream_body(x, RAW_BODY_BYTES_MAX, raw_on_piece, raw_on_end, f));
	} else if (strcmp(path, "/held") == 0) {
		assert_true(http_exchange_stream_body(
		    x, RAW_BODY_BYTES_MAX, raw_on_held_piece, raw_on_end, f));
	} else if (strcmp(path, "/prove") == 0) {
		bytes_fmt(&f->order, "%d ", (int)http_exchange_proved(x));
		http_exchange_prove(x, 7);
		raw_reply(x, 200, "hello");
	} else if (strcmp(path, "/early") == 0) {
		assert_true(http_exchange_stream_body(
		    x, RAW_BODY_BYTES_MAX, raw_on_early_piece, raw_on_end, f));
	} else if (strcmp(path, "/later") == 0) {
		f->held = x;
	} else if (strcmp(path, "/abort") == 0) {
		f->held = x;
		http_exchange_on_abort(x, raw_on_abort, f);
	} else if (strcmp(path, "/split") == 0) {
		http_exchange_reply(
		    x, &(struct http_reply){ .status = 200, .headers = "X: 1\r\n\r\nHTTP" });
	} else if (strcmp(path, "/big") == 0) {
		raw_reply_big(x);
	} else if (strcmp(path, "/query") == 0) {
		raw_reply(x, 200, http_exchange_query(x));
	} else if (strcmp(path, "/peer") == 0) {
		raw_reply(x, 200, http_exchange_peer(x));
	} else {
		raw_reply(x, 200, "hello");
	}
}

static inline void
raw_setup(struct raw_fixture *f, const struct http_server_options *options)
{
	struct http_server_options o = *options;
	struct diag d;

	memset(f, 0, sizeof(*f));
	diag_init(&d);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	o.host = "127.0.0.1";
	o.on_head = raw_on_head;
	o.ctx = f;
	if (http_server_new(&f->loop, &o, &f->server, &d) != RC_OK)
		fail_msg("%s", d.text);
}

static inline void
raw_on_stopped(void *user)
{
	((struct raw_fixture *)user)->is_stopped = true;
}

/* Everything is closed, and the loop knows it. */
static inline void
raw_teardown(struct raw_fixture *f)
{
	http_server_stop(f->server, raw_on_stopped, f);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	assert_true(f->is_stopped);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	bytes_free(&f->pieces);
	bytes_free(&f->order);
}

static inline int
raw_connect(struct raw_fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(f->server)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one)), 0);
	return fd;
}

static inline void
raw_turn(struct raw_fixture *f)
{
	(void)uv_run(&f->loop, UV_RUN_NOWAIT);
}

static inline void
raw_send(int fd, const void *p, size_t n)
{
	/* The other side may have closed already: that is for the reader to see. */
	(void)!send(fd, p, n, MSG_NOSIGNAL);
}

static inline void
raw_send_text(int fd, const char *s)
{
	raw_send(fd, s, strlen(s));
}

/* Append what comes to @b until @until stands in it (NULL: until the end of the stream).  False
 * when time ran out or, with @until, when the stream ended first. */
static inline bool
raw_read(struct raw_fixture *f, int fd, struct bytes *b, const char *until)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	char piece[65536];

	while (raw_now_ms() < due) {
		ssize_t n;

		raw_turn(f);
		n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return until == NULL;
		if (n < 0) {
			(void)usleep(200);
			continue;
		}
		bytes_put(b, piece, (size_t)n);
		assert_non_null(bytes_cstr(b));
		if (until != NULL && strstr((const char *)b->p, until) != NULL)
			return true;
	}
	return false;
}

/* Does a plain request get its answer on @fd? */
static inline bool
raw_is_served(struct raw_fixture *f, int fd)
{
	struct bytes b = { 0 };
	bool is_ok;

	raw_send_text(fd, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	is_ok = raw_read(f, fd, &b, "hello");
	bytes_free(&b);
	return is_ok;
}

/* Run the loop until *@flag is @value. */
static inline bool
raw_until(struct raw_fixture *f, const unsigned *flag, unsigned value)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;

	while (*flag != value && raw_now_ms() < due) {
		raw_turn(f);
		(void)usleep(200);
	}
	return *flag == value;
}

static inline bool
raw_until_pieces(struct raw_fixture *f, size_t n)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;

	while (f->pieces.n < n && raw_now_ms() < due) {
		raw_turn(f);
		(void)usleep(200);
	}
	return f->pieces.n == n;
}

static inline void
raw_run_for(struct raw_fixture *f, uint64_t ms)
{
	uint64_t due = raw_now_ms() + ms;

	while (raw_now_ms() < due) {
		raw_turn(f);
		(void)usleep(500);
	}
}

/* A server that says what it is told and hangs up. */
struct raw_liar {
	int listener;
	int port;
	const char *text;
};

static inline void *
raw_lie(void *user)
{
	struct raw_liar *l = user;
	char request[4096];
	int fd = accept(l->listener, NULL, NULL);

	(void)!recv(fd, request, sizeof(request), 0);
	raw_send_text(fd, l->text);
	(void)close(fd);
	return NULL;
}

#endif
