/* The HTTP server and the HTTP client over TLS, on real sockets. */
#include "tests/http/tls_peer.h"

#include <fcntl.h>

#include "node/http_client.h"
#include "node/http_impl.h"

static const uint8_t server_seed[SEED_BYTES] = { 1, 2, 3 }, client_seed[SEED_BYTES] = { 4, 5, 6 };
static uint8_t server_key[PUBKEY_BYTES], client_key[PUBKEY_BYTES];

struct fixture {
	struct raw_fixture raw;
	struct tls *server, *client;
	struct tls_peer peer;
	struct http_client *http;
	uint8_t seen[PUBKEY_BYTES];	/* key of the client of the newest request */
	unsigned requests;
};

static void
on_head(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	const uint8_t *key = http_exchange_peer_key(x);

	memset(f->seen, 0, sizeof(f->seen));
	if (key != NULL)
		memcpy(f->seen, key, sizeof(f->seen));
	f->requests++;
	http_exchange_prove(x, 1);
	raw_on_head(&f->raw, x);
}

static void
setup_with(struct fixture *f, struct http_server_options o)
{
	struct diag d;

	memset(f, 0, sizeof(*f));
	diag_init(&d);
	credential_keys(server_seed, server_key);
	credential_keys(client_seed, client_key);
	assert_int_equal(tls_new(server_seed, &f->server, &d), RC_OK);
	assert_int_equal(tls_new(client_seed, &f->client, &d), RC_OK);
	o.tls = f->server;
	raw_setup(&f->raw, &o);
	f->raw.server->on_head = on_head;
	f->raw.server->ctx = f;
	assert_int_equal(http_client_new(&f->raw.loop, &(struct http_client_options){ .tls = f->client }, &f->http, &d),
	    RC_OK);
	tls_peer_init(&f->peer, f->client, span_of(server_key, sizeof(server_key)));
}

static void
teardown(struct fixture *f)
{
	http_client_free(f->http);
	raw_teardown(&f->raw);
	tls_peer_fini(&f->peer);
	tls_free(f->client);
	tls_free(f->server);
}

/* ---- a client of sockets and OpenSSL */

static int
shake(struct fixture *f)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	int fd = raw_connect(&f->raw);

	SSL_free(f->peer.ssl);
	f->peer.ssl = SSL_new(f->peer.context);
	if (f->peer.session != NULL)
		(void)SSL_set_session(f->peer.ssl, f->peer.session);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(SSL_set_fd(f->peer.ssl, fd), 1);
	while (SSL_connect(f->peer.ssl) != 1 && raw_now_ms() < due)
		raw_turn(&f->raw);
	ERR_clear_error();
	return fd;
}

static void
say(struct fixture *f, const char *text)
{
	assert_int_equal(SSL_write(f->peer.ssl, text, (int)strlen(text)), (int)strlen(text));
}

/* Append what comes to @b until @until stands in it, or the end.  False when it ended without. */
static bool
hear(struct fixture *f, struct bytes *b, const char *until)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	static char piece[65536];

	while (raw_now_ms() < due) {
		int n, why;

		raw_turn(&f->raw);
		n = SSL_read(f->peer.ssl, piece, sizeof(piece));
		if (n > 0) {
			bytes_put(b, piece, (size_t)n);
			assert_non_null(bytes_cstr(b));
			if (until != NULL && strstr((const char *)b->p, until) != NULL)
				return true;
			continue;
		}
		why = SSL_get_error(f->peer.ssl, n);
		if (why != SSL_ERROR_WANT_READ)
			return until == NULL && why == SSL_ERROR_ZERO_RETURN;
		(void)usleep(100);
	}
	return false;
}

static bool
until_counts(struct fixture *f, uint32_t handshakes, uint64_t failed)
{
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	struct http_server_counts c;

	do {
		raw_turn(&f->raw);
		http_server_counts(f->raw.server, &c);
		if (c.handshakes == handshakes && c.handshakes_failed == failed)
			return true;
		(void)usleep(200);
	} while (raw_now_ms() < due);
	return false;
}

static void
test_requests(void **state)
{
	struct fixture f;
	struct bytes b;
	int fd;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	bytes_init(&b);
	fd = shake(&f);
	say(&f, "GET /one HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&f, &b, "hello"));
	assert_memory_equal(f.seen, client_key, PUBKEY_BYTES);
	bytes_clear(&b);
	say(&f, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234");
	say(&f, "56789GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&f, &b, "hello"));
	assert_non_null(strstr((const char *)b.p, "0123456789"));
	bytes_clear(&b);
	say(&f, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_true(hear(&f, &b, NULL));	/* the end is said, too */
	assert_true(b.n > RAW_BODY_BYTES_MAX);
	assert_int_equal(f.requests, 4);
	(void)close(fd);
	bytes_free(&b);
	teardown(&f);
}

static void
test_half_close(void **state)
{
	struct fixture f;
	struct bytes b;
	int fd;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	bytes_init(&b);
	fd = shake(&f);
	say(&f, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)SSL_shutdown(f.peer.ssl);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	(void)hear(&f, &b, NULL);
	assert_true(b.n > RAW_BODY_BYTES_MAX);
	(void)close(fd);
	bytes_free(&b);
	teardown(&f);
}

/* A client that ends its side while the handler thinks is gone, as without TLS. */
static void
test_gone(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	fd = shake(&f);
	say(&f, "GET /abort HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(raw_until(&f.raw, &f.requests, 1));
	(void)close(fd);
	assert_true(raw_until(&f.raw, &f.raw.abort_count, 1));
	teardown(&f);
}

static void
test_plain_http(void **state)
{
	struct fixture f;
	struct bytes b;
	int fd;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	bytes_init(&b);
	fd = raw_connect(&f.raw);
	raw_send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(raw_read(&f.raw, fd, &b, NULL));
	assert_true(b.n == 0 || b.p[0] == 21);		/* an alert at most */
	assert_int_equal(f.requests, 0);
	assert_true(until_counts(&f, 0, 1));
	(void)close(fd);
	bytes_free(&b);
	teardown(&f);
}

static void
test_slow_handshake(void **state)
{
	struct fixture f;
	struct bytes b;
	int fd, silent;

	(void)state;
	setup_with(&f, (struct http_server_options){ .limits.handshake_ms = 100 });
	bytes_init(&b);
	silent = raw_connect(&f.raw);
	fd = raw_connect(&f.raw);
	raw_send(fd, "\x16\x03\x01", 3);
	assert_true(raw_read(&f.raw, fd, &b, NULL));
	assert_true(raw_read(&f.raw, silent, &b, NULL));
	assert_int_equal(b.n, 0);
	assert_true(until_counts(&f, 0, 2));
	(void)close(fd);
	(void)close(silent);
	bytes_free(&b);
	teardown(&f);
}

static void
test_many_handshakes(void **state)
{
	struct fixture f;
	struct bytes b;
	int fds[6], fd, i;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true, .limits.handshakes_max = 4 });
	bytes_init(&b);
	for (i = 0; i < 6; i++) {
		fds[i] = raw_connect(&f.raw);
		assert_true(until_counts(&f, i < 4 ? (uint32_t)i + 1 : 4, 0));
	}
	/* The oldest two had to go; who comes with something to say is heard. */
	assert_true(raw_read(&f.raw, fds[0], &b, NULL));
	assert_true(raw_read(&f.raw, fds[1], &b, NULL));
	fd = shake(&f);
	say(&f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(&f, &b, "hello"));
	assert_true(until_counts(&f, 3, 0));
	for (i = 0; i < 6; i++)
		(void)close(fds[i]);
	(void)close(fd);
	bytes_free(&b);
	teardown(&f);
}

/* A good request and right behind it a broken record: nobody is answered, nothing breaks. */
static void
test_good_then_bad(void **state)
{
	static const char bad[] = "\x17\x03\x03\x00\x20" "01234567890123456789012345678901";
	struct fixture f;
	int fd;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	fd = shake(&f);
	say(&f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_send(fd, bad, sizeof(bad) - 1);
	assert_true(raw_until(&f.raw, &f.requests, 1));
	assert_true(until_counts(&f, 0, 0));
	(void)close(fd);
	teardown(&f);
}

/* New keys wanted without end by a client that takes no answer: it is not fed without bound. */
static void
test_greedy(void **state)
{
	struct http_server_counts c = { .connections = 1 };
	struct fixture f;
	int fd, i, k;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	fd = shake(&f);
	for (i = 0; i < 20000 && c.connections != 0; i++) {
		for (k = 0; k < 100; k++) {
			if (SSL_key_update(f.peer.ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
			    SSL_do_handshake(f.peer.ssl) != 1)
				break;
		}
		raw_turn(&f.raw);
		http_server_counts(f.raw.server, &c);
	}
	assert_int_equal(c.connections, 0);
	(void)close(fd);
	teardown(&f);
}

static void
test_resume(void **state)
{
	struct fixture f;
	struct bytes b;
	int fd, i;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	bytes_init(&b);
	for (i = 0; i < 3; i++) {
		fd = shake(&f);
		assert_int_equal(SSL_session_reused(f.peer.ssl), i > 0);
		say(&f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
		bytes_clear(&b);
		assert_true(hear(&f, &b, "hello"));
		assert_memory_equal(f.seen, client_key, PUBKEY_BYTES);
		SSL_set_shutdown(f.peer.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		(void)close(fd);		/* a cut: nobody says good-bye */
		raw_run_for(&f.raw, 5);
	}
	bytes_free(&b);
	teardown(&f);
}

/* ---- our own client */

struct outcome {
	struct http_call_result result;
	unsigned done;
};

static void
on_done(void *user, const struct http_call_result *r)
{
	struct outcome *o = user;

	o->result = *r;
	o->done++;
}

static struct http_call_result
call(struct fixture *f, const char *scheme, const uint8_t *key, const char *path)
{
	struct http_call_options o = { .method = "GET", .reply_bytes_max = 1000, .on_done = on_done };
	struct outcome out = { .done = 0 };
	struct http_call *c;
	char url[100];

	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", scheme, http_server_port(f->raw.server), path);
	o.url = url;
	o.user = &out;
	o.tls_keys = span_of(key, key == NULL ? 0 : PUBKEY_BYTES);
	assert_int_equal(http_call_start(f->http, &o, &c, NULL), RC_OK);
	assert_true(raw_until(&f->raw, &out.done, 1));
	return out.result;
}

static void
test_client(void **state)
{
	struct http_call_result r, kept;
	struct fixture f;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	r = call(&f, "https", server_key, "/");
	assert_int_equal(r.rc, RC_OK);
	assert_int_equal(r.status, 200);
	assert_false(r.is_stranger);
	assert_memory_equal(f.seen, client_key, PUBKEY_BYTES);
	assert_true(r.wire_sent_bytes > r.sent_bytes + 300);
	kept = call(&f, "https", server_key, "/");
	assert_true(kept.is_reused);
	assert_int_equal(kept.wire_sent_bytes, kept.sent_bytes + 22);
	assert_int_equal(kept.wire_received_bytes, kept.received_bytes + 22);
	teardown(&f);
}

/* The server drops the connection: the next one is resumed. */
static void
test_client_resumes(void **state)
{
	struct http_call_result whole, r;
	struct http_server_counts c;
	struct fixture f;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true, .limits.idle_ms = 50 });
	whole = call(&f, "https", server_key, "/");
	assert_int_equal(whole.rc, RC_OK);
	do {
		raw_run_for(&f.raw, 20);
		http_server_counts(f.raw.server, &c);
	} while (c.connections != 0);
	r = call(&f, "https", server_key, "/");
	assert_int_equal(r.rc, RC_OK);
	assert_false(r.is_reused);
	assert_memory_equal(f.seen, client_key, PUBKEY_BYTES);
	print_message("a request of %llu and a reply of %llu bytes: %llu + %llu whole, %llu + %llu resumed\n",
	    (unsigned long long)r.sent_bytes, (unsigned long long)r.received_bytes,
	    (unsigned long long)whole.wire_sent_bytes, (unsigned long long)whole.wire_received_bytes,
	    (unsigned long long)r.wire_sent_bytes, (unsigned long long)r.wire_received_bytes);
	assert_true(r.wire_sent_bytes + r.wire_received_bytes + 300 <
	    whole.wire_sent_bytes + whole.wire_received_bytes);
	teardown(&f);
}

/* Nothing is said to anybody else, not even on a connection that stands, nor in a session that was. */
static void
test_client_stranger(void **state)
{
	struct http_call_result r;
	struct fixture f;
	int i;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	for (i = 0; i < 2; i++) {
		r = call(&f, "https", client_key, "/");
		assert_int_equal(r.rc, RC_PEER);
		assert_true(r.is_stranger);
		assert_int_equal(r.sent_bytes, 0);
		assert_int_equal(f.requests, (unsigned)i);
		r = call(&f, "https", server_key, "/");
		assert_int_equal(r.rc, RC_OK);
	}
	teardown(&f);
}

static void
test_client_schemes(void **state)
{
	struct http_call_result r;
	struct fixture f, plain;

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	r = call(&f, "https", NULL, "/");
	assert_int_equal(r.rc, RC_INPUT);
	r = call(&f, "http", NULL, "/");
	assert_int_not_equal(r.rc, RC_OK);
	assert_int_equal(f.requests, 0);
	memset(&plain, 0, sizeof(plain));
	raw_setup(&plain.raw, &(struct http_server_options){ .is_terse = true });
	assert_int_equal(http_client_new(&plain.raw.loop, &(struct http_client_options){ .tls = f.client }, &plain.http,
	    NULL), RC_OK);
	r = call(&plain, "https", server_key, "/");
	assert_int_equal(r.rc, RC_LINK);
	assert_int_equal(r.sent_bytes, 0);
	http_client_free(plain.http);
	raw_teardown(&plain.raw);
	teardown(&f);
}

/* A list of keys: any will do, and the connection is not kept for others. */
static void
test_client_keys(void **state)
{
	struct http_call_options o = { .method = "GET", .reply_bytes_max = 1000, .on_done = on_done };
	uint8_t keys[2 * PUBKEY_BYTES];
	struct outcome out = { .done = 0 };
	struct http_call *c;
	struct fixture f;
	char url[100];

	(void)state;
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	memcpy(keys, client_key, PUBKEY_BYTES);
	memcpy(keys + PUBKEY_BYTES, server_key, PUBKEY_BYTES);
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/", http_server_port(f.raw.server));
	o.url = url;
	o.user = &out;
	o.tls_keys = span_of(keys, sizeof(keys));
	assert_int_equal(http_call_start(f.http, &o, &c, NULL), RC_OK);
	memset(keys, 0, sizeof(keys));		/* they were copied */
	assert_true(raw_until(&f.raw, &out.done, 1));
	assert_int_equal(out.result.rc, RC_OK);
	out.result = call(&f, "https", client_key, "/");
	assert_true(out.result.is_stranger);
	out.result = call(&f, "https", server_key, "/");
	assert_false(out.result.is_reused);
	teardown(&f);
}

/* Without memory a call fails, one way or another, and the next one works. */
static void
test_no_memory(void **state)
{
	struct http_call_options o = { .method = "POST", .reply_bytes_max = 100000, .on_done = on_done };
	struct http_call_result r;
	struct outcome out;
	struct http_call *c;
	struct fixture f;
	uint8_t keys[2 * PUBKEY_BYTES];
	char url[100], body[5000];
	unsigned n, failures = 0;
	enum rc rc;

	(void)state;
	memset(body, 'x', sizeof(body));
	setup_with(&f, (struct http_server_options){ .is_terse = true });
	(void)snprintf(url, sizeof(url), "https://127.0.0.1:%d/echo", http_server_port(f.raw.server));
	o.url = url;
	o.user = &out;
	memcpy(keys, server_key, PUBKEY_BYTES);
	memcpy(keys + PUBKEY_BYTES, server_key, PUBKEY_BYTES);
	o.tls_keys = span_of(keys, sizeof(keys));	/* several: each call has a connection of its own */
	o.body = span_of(body, sizeof(body));
	for (n = 1; n <= 60; n++) {
		memset(&out, 0, sizeof(out));
		mem_fault_set(n);
		rc = http_call_start(f.http, &o, &c, NULL);
		if (rc == RC_OK)
			assert_true(raw_until(&f.raw, &out.done, 1));
		mem_fault_set(0);
		failures += rc != RC_OK || out.result.rc != RC_OK;
		r = call(&f, "https", server_key, "/");
		if (r.rc != RC_OK)	/* the connection was already lost */
			r = call(&f, "https", server_key, "/");
		assert_int_equal(r.rc, RC_OK);
		raw_run_for(&f.raw, 2);
	}
	assert_true(failures >= 5);
	teardown(&f);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_plain_http),
		cmocka_unit_test(test_slow_handshake),
		cmocka_unit_test(test_many_handshakes),
		cmocka_unit_test(test_good_then_bad),
		cmocka_unit_test(test_greedy),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_client_resumes),
		cmocka_unit_test(test_client_stranger),
		cmocka_unit_test(test_client_schemes),
		cmocka_unit_test(test_client_keys),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
