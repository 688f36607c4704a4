/* The client against our own server, both on one loop in one thread. */
#include "tests/http/raw.h"

#include <pthread.h>
#include <stdlib.h>

#include "node/http_client.h"

#define CALLS 300
#define CALLS_AT_ONCE 8

struct outcome {
	struct raw_fixture *f;
	struct http_client *client;
	struct http_call *call;
	struct bytes reply;
	unsigned done_count, piece_count;
	enum rc rc;
	int status, piece_status;
	uint64_t sent_bytes, received_bytes;
	bool is_reused;
	char detail[HTTP_CALL_DETAIL_BYTES];
};

struct fixture {
	struct raw_fixture raw;
	struct http_client *client;
	char base[64];
	char url[128];
};

static void
setup(struct fixture *f, const struct http_server_options *o)
{
	struct diag d;

	raw_setup(&f->raw, o);
	diag_init(&d);
	if (http_client_new(&f->raw.loop, &(struct http_client_options){ 0 }, &f->client, &d) !=
	    RC_OK)
		fail_msg("%s", d.text);
	(void)snprintf(
	    f->base, sizeof(f->base), "http://127.0.0.1:%d", http_server_port(f->raw.server));
}

static void
teardown(struct fixture *f)
{
	http_client_free(f->client);
	raw_teardown(&f->raw);
}

static void
on_piece(void *user, int status, struct span piece)
{
	struct outcome *o = user;

	o->piece_count++;
	o->piece_status = status;
	bytes_put(&o->reply, piece.p, piece.n);
}

static void
on_done(void *user, const struct http_call_result *r)
{
	struct outcome *o = user;

	o->done_count++;
	o->rc = r->rc;
	o->status = r->status;
	o->sent_bytes = r->sent_bytes;
	o->received_bytes = r->received_bytes;
	o->is_reused = r->is_reused;
	assert_true((r->rc == RC_OK) == (r->detail[0] == '\0'));
	(void)snprintf(o->detail, sizeof(o->detail), "%s", r->detail);
}

static struct http_call_options
options_for(struct fixture *f, const char *method, const char *path, struct outcome *o)
{
	(void)snprintf(f->url, sizeof(f->url), "%s%s", f->base, path);
	return (struct http_call_options){
		.method = method,
		.url = f->url,
		.total_timeout_ms = RAW_WAIT_MS,
		.reply_bytes_max = RAW_BODY_BYTES_MAX,
		.on_piece = on_piece,
		.on_done = on_done,
		.user = o,
	};
}

static void
start(struct fixture *f, const struct http_call_options *options, struct outcome *o)
{
	struct diag d;

	diag_init(&d);
	o->f = &f->raw;
	o->client = f->client;
	if (http_call_start(f->client, options, &o->call, &d) != RC_OK)
		fail_msg("%s", d.text);
	assert_int_equal(o->done_count, 0);
}

static void
finish(struct fixture *f, struct outcome *o)
{
	if (!raw_until(&f->raw, &o->done_count, 1))
		fail_msg("not done");
}

static void
one_call(
    struct fixture *f, const char *method, const char *path, struct span body, struct outcome *o)
{
	struct http_call_options options = options_for(f, method, path, o);

	memset(o, 0, sizeof(*o));
	options.body = body;
	start(f, &options, o);
	finish(f, o);
}

/* What the client says went over the wire is what the server saw, to the byte. */
static void
bytes_are_counted(void **state)
{
	static const struct { const char *method, *path; size_t body;
	} rows[] = {
		{ "GET", "/hello", 0 },
		{ "POST", "/echo", 0 },
		{ "POST", "/echo", 5 },
		{ "POST", "/echo", 70000 },
		{ "PUT", "/echo", 3000000 },
		{ "HEAD", "/hello", 0 },
		{ "DELETE", "/hello", 0 },
		{ "PATCH", "/stream", 100 },
		{ "GET", "/big", 0 },
	};
	struct fixture f;
	struct bytes body = { 0 };
	size_t i;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	assert_non_null(bytes_room(&body, 3000000));
	memset(body.p, 'x', 3000000);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_server_counts before, after;
		struct outcome o;

		http_server_counts(f.raw.server, &before);
		one_call(&f, rows[i].method, rows[i].path, span_of(body.p, rows[i].body), &o);
		http_server_counts(f.raw.server, &after);
		if (o.rc != RC_OK || o.status != 200)
			fail_msg("row %zu: %s %s", i, rc_name(o.rc), o.detail);
		assert_int_equal(o.sent_bytes, after.bytes_in - before.bytes_in);
		assert_int_equal(o.received_bytes, after.bytes_out - before.bytes_out);
		assert_int_equal(o.is_reused, i != 0);
		if (strcmp(rows[i].path, "/echo") == 0)
			assert_int_equal(o.reply.n, rows[i].body);
		bytes_free(&o.reply);
	}
	bytes_free(&body);
	teardown(&f);
}

static void
request_head_is_minimal(void **state)
{
	struct fixture f;
	struct outcome o;
	char expected[256];

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	one_call(&f, "POST", "/echo", span_str("12345"), &o);
	(void)snprintf(expected, sizeof(expected),
	    "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Length: 5\r\n\r\n12345",
	    f.base + strlen("http://"));
	assert_int_equal(o.sent_bytes, strlen(expected));
	assert_int_equal(
	    o.received_bytes, strlen("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"));
	bytes_free(&o.reply);
	teardown(&f);
}

static void
many_calls_share_connections(void **state)
{
	struct fixture f;
	struct http_server_counts counts;
	struct outcome o[CALLS_AT_ONCE];
	unsigned started = 0, finished = 0, reused = 0, i;
	uint64_t due = raw_now_ms() + 4 * RAW_WAIT_MS;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	memset(o, 0, sizeof(o));
	for (i = 0; i < CALLS_AT_ONCE; i++)
		o[i].done_count = 1;
	while (finished < CALLS && raw_now_ms() < due) {
		for (i = 0; i < CALLS_AT_ONCE; i++) {
			struct http_call_options options = options_for(&f, "POST", "/echo", &o[i]);
			char text[16];

			if (o[i].done_count == 0)
				continue;
			if (o[i].call != NULL) {
				assert_int_equal(o[i].rc, RC_OK);
				assert_int_equal(o[i].reply.n, 6);
				reused += o[i].is_reused;
				finished++;
			}
			bytes_free(&o[i].reply);
			memset(&o[i], 0, sizeof(o[i]));
			if (started == CALLS) {
				o[i].done_count = 1;
				continue;
			}
			(void)snprintf(text, sizeof(text), "%06u", started++);
			options.body = span_str(text);
			start(&f, &options, &o[i]);
		}
		raw_turn(&f.raw);
	}
	assert_int_equal(finished, CALLS);
	assert_int_equal(reused, CALLS - CALLS_AT_ONCE);
	http_server_counts(f.raw.server, &counts);
	assert_int_equal(counts.connections_total, CALLS_AT_ONCE);
	assert_int_equal(http_client_calls(f.client), 0);
	teardown(&f);
}

static void
statuses_and_given_headers(void **state)
{
	static const char *const headers[] = { "Content-Type: application/octet-stream",
		"Expect: 100-continue", NULL };
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;
	struct bytes body = { 0 };

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	options = options_for(&f, "POST", "/small", &o);
	options.body = span_str("more than ten bytes");
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_OK);
	assert_int_equal(o.status, 413);
	memset(&o, 0, sizeof(o));
	options = options_for(&f, "POST", "/echo", &o);
	options.headers = headers;
	bytes_fmt(&body, "%2000000d", 1);
	options.body = span_bytes(&body);
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_OK);
	assert_int_equal(o.reply.n, 2000000);
	bytes_free(&o.reply);
	bytes_free(&body);
	teardown(&f);
}

static void
cancelled_call_is_silent(void **state)
{
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	options = options_for(&f, "GET", "/abort", &o);
	start(&f, &options, &o);
	http_call_cancel(o.call);	/* before anything happened */
	start(&f, &options, &o);
	raw_run_for(&f.raw, 50);
	assert_non_null(f.raw.held);
	http_call_cancel(o.call);
	assert_true(raw_until(&f.raw, &f.raw.abort_count, 1));
	raw_run_for(&f.raw, 20);
	assert_int_equal(o.done_count, 0);
	assert_int_equal(http_client_calls(f.client), 0);
	http_call_cancel(NULL);
	start(&f, &options, &o);	/* one is left for the end */
	raw_run_for(&f.raw, 20);
	teardown(&f);
	assert_int_equal(o.done_count, 0);
	assert_int_equal(f.raw.abort_count, 2);
}

static struct outcome other;

/* From inside libcurl: cancel itself and another one, and start a third. */
static void
on_piece_meddle(void *user, int status, struct span piece)
{
	struct outcome *o = user;
	static struct http_call_options third;

	on_piece(user, status, piece);
	third = (struct http_call_options){
		.method = "GET",
		.url = "http://127.0.0.1:1/",
		.reply_bytes_max = 10,
		.connect_timeout_ms = 1000,
		.on_done = on_done,
		.user = &other,
	};
	http_call_cancel(other.call);
	http_call_cancel(o->call);
	assert_int_equal(http_call_start(o->client, &third, &other.call, NULL), RC_OK);
}

static void
callbacks_may_cancel_and_start(void **state)
{
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	memset(&other, 0, sizeof(other));
	options = options_for(&f, "GET", "/later", &other);
	start(&f, &options, &other);
	options = options_for(&f, "GET", "/big", &o);
	options.on_piece = on_piece_meddle;
	start(&f, &options, &o);
	finish(&f, &other);
	assert_int_equal(other.rc, RC_UNREACHABLE);
	assert_int_equal(o.piece_count, 1);
	assert_int_equal(o.done_count, 0);
	assert_int_equal(http_client_calls(f.client), 0);
	raw_run_for(&f.raw, 20);
	if (f.raw.held != NULL)
		raw_reply(f.raw.held, 200, "too late");
	bytes_free(&o.reply);
	teardown(&f);
}

static void
unreachable_and_bad_addresses(void **state)
{
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	options = options_for(&f, "GET", "/", &o);
	options.url = "http://127.0.0.1:1/";
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_UNREACHABLE);
	assert_int_equal(o.status, 0);
	assert_int_equal(o.sent_bytes, 0);
	memset(&o, 0, sizeof(o));
	options.url = "http://localhost/";
	options.unix_socket_path = "/nonexistent/socket";
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_UNREACHABLE);
	memset(&o, 0, sizeof(o));
	options.unix_socket_path = NULL;
	options.url = "http://bad host/";
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_INPUT);
	options.url = "file:///etc/passwd";
	assert_int_equal(http_call_start(f.client, &options, &o.call, NULL), RC_INPUT);
	teardown(&f);
}

static void
reply_over_the_limit(void **state)
{
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	options = options_for(&f, "GET", "/big", &o);
	options.reply_bytes_max = 100000;
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_LIMIT);
	assert_int_equal(o.reply.n, 100000);
	bytes_free(&o.reply);
	memset(&o, 0, sizeof(o));
	options.reply_bytes_max = RAW_BODY_BYTES_MAX;	/* exactly */
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_OK);
	bytes_free(&o.reply);
	teardown(&f);
}

static void
answer_timed_out(void **state)
{
	struct fixture f;
	struct outcome o = { 0 };
	struct http_call_options options;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	options = options_for(&f, "GET", "/abort", &o);
	options.total_timeout_ms = 80;
	start(&f, &options, &o);
	finish(&f, &o);
	assert_int_equal(o.rc, RC_LINK);
	assert_true(raw_until(&f.raw, &f.raw.abort_count, 1));
	teardown(&f);
}

static void
broken_replies(void **state)
{
	static const struct {
		const char *text;
		enum rc rc;
		int status;
		const char *reply;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", RC_LINK, 200,
		    "only this" },
		{ "HTTP/1.1 200 OK\r\nContent-Le", RC_LINK, 200, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", RC_LINK, 200, "" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", RC_LINK, 100, "" },
		{ "HTTP/1.1 200 OK\r\n\r\nuntil the end", RC_LINK, 200, "until the end" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		    RC_OK, 200, "body" },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nbo", RC_LINK, 200,
		    "bo" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", RC_OK, 204, "" },
		{ "", RC_LINK, 0, "" },
		{ "220 mail.example.org ESMTP\r\n", RC_PEER, 0, "" },
		{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
		  "0\r\n\r\n",
		    RC_OK, 302, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t n = sizeof(a);
		struct raw_liar l = { .text = rows[i].text };
		struct outcome o = { 0 };
		struct fixture f;
		struct http_call_options options;
		pthread_t thread;

		setup(&f, &(struct http_server_options){ .is_terse = true });
		l.listener = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(bind(l.listener, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(listen(l.listener, 1), 0);
		assert_int_equal(getsockname(l.listener, (struct sockaddr *)&a, &n), 0);
		assert_int_equal(pthread_create(&thread, NULL, raw_lie, &l), 0);
		(void)snprintf(f.base, sizeof(f.base), "http://127.0.0.1:%d", ntohs(a.sin_port));
		options = options_for(&f, "POST", "/", &o);
		start(&f, &options, &o);
		finish(&f, &o);
		if (o.rc != rows[i].rc || o.status != rows[i].status)
			fail_msg("row %zu: %s %d %s", i, rc_name(o.rc), o.status, o.detail);
		assert_string_equal(bytes_cstr(&o.reply), rows[i].reply);
		assert_true(o.piece_count == 0 || o.piece_status == 200);
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)close(l.listener);
		bytes_free(&o.reply);
		teardown(&f);
	}
}

static void *
serve(void *user)
{
	struct raw_fixture *f = user;

	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	return NULL;
}

static void
on_quit(uv_async_t *a)
{
	struct raw_fixture *f = a->data;

	http_server_stop(f->server, raw_on_stopped, f);
	uv_close((uv_handle_t *)a, NULL);
}

static void
blocking_over_a_pipe(void **state)
{
	char dir[] = "/tmp/http-test-XXXXXX", path[64];
	struct raw_fixture f;
	struct bytes reply = { 0 };
	struct http_call_options options;
	struct diag d;
	pthread_t thread;
	uv_async_t quit;
	int status;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	raw_setup(&f, &(struct http_server_options){ .pipe_path = path });
	assert_int_equal(uv_async_init(&f.loop, &quit, on_quit), 0);
	quit.data = &f;
	assert_int_equal(pthread_create(&thread, NULL, serve, &f), 0);
	options = (struct http_call_options){
		.method = "POST", .url = "http://localhost/echo", .unix_socket_path = path,
		.body = span_str("ping"), .reply_bytes_max = 4,
	};
	diag_init(&d);
	assert_int_equal(http_call_blocking(&options, &reply, &status, &d), RC_OK);
	assert_int_equal(status, 200);
	assert_string_equal(bytes_cstr(&reply), "ping");
	bytes_clear(&reply);
	options.body = span_str("ping!");
	assert_int_equal(http_call_blocking(&options, &reply, &status, &d), RC_LIMIT);
	assert_non_null(strstr(d.text, "too long"));
	assert_int_equal(uv_async_send(&quit), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(uv_loop_close(&f.loop), 0);
	diag_init(&d);
	assert_int_equal(http_call_blocking(&options, &reply, &status, &d), RC_UNREACHABLE);
	assert_non_null(strstr(d.text, path));
	assert_int_equal(status, 0);
	bytes_free(&reply);
	bytes_free(&f.order);
	assert_int_equal(rmdir(dir), 0);
}

/* Fail each allocation in turn, the server's among them: every call started is done, once. */
static void
short_memory_ends_the_call(void **state)
{
	struct fixture f;
	unsigned n, nomem_count = 0;

	(void)state;
	setup(&f, &(struct http_server_options){ .is_terse = true });
	for (n = 1; n < 9; n++) {
		struct outcome o = { 0 };
		struct http_call_options options = options_for(&f, "POST", "/stream", &o);
		enum rc rc;

		options.body = span_str("abc");
		options.total_timeout_ms = 1500;
		mem_fault_set(n);
		rc = http_call_start(f.client, &options, &o.call, NULL);
		if (rc == RC_OK)
			finish(&f, &o);
		mem_fault_set(0);
		raw_run_for(&f.raw, 5);
		assert_true(o.done_count == (rc == RC_OK));
		nomem_count += rc == RC_NOMEM || o.rc == RC_NOMEM;
		bytes_free(&o.reply);
	}
	assert_true(nomem_count >= 2);
	assert_int_equal(http_client_calls(f.client), 0);
	teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_counted),
		cmocka_unit_test(request_head_is_minimal),
		cmocka_unit_test(many_calls_share_connections),
		cmocka_unit_test(statuses_and_given_headers),
		cmocka_unit_test(cancelled_call_is_silent),
		cmocka_unit_test(callbacks_may_cancel_and_start),
		cmocka_unit_test(unreachable_and_bad_addresses),
		cmocka_unit_test(reply_over_the_limit),
		cmocka_unit_test(answer_timed_out),
		cmocka_unit_test(broken_replies),
		cmocka_unit_test(blocking_over_a_pipe),
		cmocka_unit_test(short_memory_ends_the_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
