/* The answering end of TLS as bytes in and bytes out (node/tls.h), against OpenSSL as the client. */
#include "tests/http/tls_peer.h"

#define REQUEST "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n"
#define FLIGHTS_MAX 10

static const uint8_t server_seed[SEED_BYTES] = { 1, 2, 3 }, client_seed[SEED_BYTES] = { 4, 5, 6 };

struct pair {
	struct tls *server, *client;
	uint8_t server_key[PUBKEY_BYTES], client_key[PUBKEY_BYTES];
	struct tls_peer peer;
	struct tls_pump *pump;
	struct bytes plain;		/* what the server read */
	uint64_t up, down;		/* bytes of the wire */
	bool is_forgotten;		/* the server does not find out who it is */
	size_t split;			/* what goes up goes in two parts there; 0: whole; 1: byte by byte */
	size_t flip;			/* the byte, counted from 1, of all that goes up that is changed */
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	struct diag d;

	assert_non_null(p);
	diag_init(&d);
	credential_keys(server_seed, p->server_key);
	credential_keys(client_seed, p->client_key);
	assert_int_equal(tls_new(server_seed, &p->server, &d), RC_OK);
	assert_int_equal(tls_new(client_seed, &p->client, &d), RC_OK);
	tls_peer_init(&p->peer, p->client, span_of(p->server_key, PUBKEY_BYTES));
	bytes_init(&p->plain);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	tls_pump_free(p->pump);
	tls_peer_fini(&p->peer);
	tls_free(p->client);
	tls_free(p->server);
	bytes_free(&p->plain);
	free(p);
	return 0;
}

static bool
on_plain(void *user, struct span plain)
{
	struct pair *p = user;

	bytes_put(&p->plain, plain.p, plain.n);
	return true;
}

static void
up(struct pair *p, struct bytes *b)
{
	size_t at, n, first = p->split > p->up ? (size_t)(p->split - p->up) : 0;

	if (p->flip > p->up && p->flip <= p->up + b->n)
		b->p[p->flip - p->up - 1] ^= 0x20;
	for (at = 0; at < b->n; at += n) {
		n = p->split == 1 ? 1 : b->n - at;
		if (at == 0 && first > 1 && first < b->n)
			n = first;
		(void)tls_pump_in(p->pump, span_of(b->p + at, n), on_plain, p);
	}
	p->up += b->n;
	bytes_clear(b);
}

static void
down(struct pair *p)
{
	struct bytes b;

	tls_pump_out(p->pump, &b);
	p->down += b.n;
	tls_peer_give(&p->peer, span_bytes(&b));
	bytes_free(&b);
}

/* A connection with a request, as far as it gets.  True when the request came through. */
static bool
meet(struct pair *p)
{
	struct bytes b;
	char reply[16];
	int i;

	tls_pump_free(p->pump);
	p->pump = tls_pump_new(p->server);
	assert_non_null(p->pump);
	bytes_clear(&p->plain);
	p->up = p->down = 0;
	bytes_init(&b);
	tls_peer_begin(&p->peer);
	for (i = 0; i < FLIGHTS_MAX && p->plain.n < strlen(REQUEST); i++) {
		if (SSL_do_handshake(p->peer.ssl) == 1 && SSL_get_state(p->peer.ssl) == TLS_ST_OK && i < 3)
			(void)SSL_write(p->peer.ssl, REQUEST, (int)strlen(REQUEST));
		tls_peer_take(&p->peer, &b);
		up(p, &b);
		if (p->plain.n == strlen(REQUEST) && !p->is_forgotten) {
			tls_pump_remember(p->pump);
			assert_true(tls_pump_write(p->pump, span_str("200")));
		}
		down(p);
		(void)SSL_read(p->peer.ssl, reply, sizeof(reply));	/* the ticket */
	}
	ERR_clear_error();
	bytes_free(&b);
	return span_eq(span_bytes(&p->plain), span_str(REQUEST));
}

static void
test_whole(void **state)
{
	struct pair *p = *state;
	char reply[64];
	int n;

	assert_true(meet(p));
	assert_int_equal(tls_pump_state(p->pump), TLS_PUMP_OPEN);
	assert_non_null(tls_pump_peer(p->pump));
	assert_memory_equal(tls_pump_peer(p->pump), p->client_key, PUBKEY_BYTES);
	assert_false(tls_pump_is_resumed(p->pump));
	assert_string_equal(SSL_get_version(p->peer.ssl), "TLSv1.3");
	assert_false(p->peer.check.is_stranger);
	assert_true(tls_pump_write(p->pump, span_str("hello")));
	down(p);
	n = SSL_read(p->peer.ssl, reply, sizeof(reply));
	assert_int_equal(n, 5);
	assert_memory_equal(reply, "hello", 5);
}

static void
test_split(void **state)
{
	struct pair *p = *state;
	size_t total, at;

	assert_true(meet(p));
	total = (size_t)p->up;
	for (at = 1; at < total; at++) {
		SSL_SESSION_free(p->peer.session);
		p->peer.session = NULL;
		p->split = at;
		if (!meet(p))
			fail_msg("a handshake split at byte %zu does not end", at);
	}
}

/* Whatever byte is changed on the way: no request comes through, and nothing hangs or crashes. */
static void
test_flip(void **state)
{
	struct pair *p = *state;
	size_t total;

	assert_true(meet(p));
	total = (size_t)p->up;
	for (p->flip = 1; p->flip <= total; p->flip++) {
		SSL_SESSION_free(p->peer.session);
		p->peer.session = NULL;
		/* What the first record says of its version is ignored, as the standard wants it. */
		if (meet(p) && p->flip != 2 && p->flip != 3)
			fail_msg("byte %zu was changed, and nobody noticed", p->flip);
		assert_int_not_equal(tls_pump_state(p->pump), TLS_PUMP_ENDED);
	}
}

static void
test_resume(void **state)
{
	struct pair *p = *state;
	uint64_t whole_up, whole_down, i;

	assert_true(meet(p));
	whole_up = p->up;
	whole_down = p->down;
	assert_non_null(p->peer.session);
	for (i = 0; i < 3; i++) {
		assert_true(meet(p));
		assert_int_equal(SSL_session_reused(p->peer.ssl), 1);
		assert_true(tls_pump_is_resumed(p->pump));
		assert_memory_equal(tls_pump_peer(p->pump), p->client_key, PUBKEY_BYTES);
		assert_true(p->up + 150 < whole_up);
		assert_true(p->down + 200 < whole_down);
	}
	print_message("handshake with a request of %zu bytes: %llu + %llu bytes whole, %llu + %llu resumed\n",
	    strlen(REQUEST), (unsigned long long)whole_up, (unsigned long long)whole_down,
	    (unsigned long long)p->up, (unsigned long long)p->down);
}

/* Who is nobody's node gets no ticket. */
static void
test_forget(void **state)
{
	struct pair *p = *state;

	p->is_forgotten = true;
	assert_true(meet(p));
	assert_null(p->peer.session);
}

/* A server that was started anew knows none of the sessions: the handshake is whole again, and that is all. */
static void
test_restart(void **state)
{
	struct pair *p = *state;

	assert_true(meet(p));
	tls_pump_free(p->pump);
	p->pump = NULL;
	tls_free(p->server);
	assert_int_equal(tls_new(server_seed, &p->server, NULL), RC_OK);
	assert_true(meet(p));
	assert_false(tls_pump_is_resumed(p->pump));
	assert_memory_equal(tls_pump_peer(p->pump), p->client_key, PUBKEY_BYTES);
}

/* The asking side goes no further than the certificate of a stranger. */
static void
test_stranger(void **state)
{
	struct pair *p = *state;
	uint8_t other[2 * PUBKEY_BYTES];
	uint64_t whole;

	assert_true(meet(p));
	whole = p->up;
	SSL_SESSION_free(p->peer.session);
	p->peer.session = NULL;
	memset(other, 9, sizeof(other));
	p->peer.check.keys = span_of(other, sizeof(other));
	assert_false(meet(p));
	assert_true(p->peer.check.is_stranger);
	assert_true(p->up + 200 < whole);	/* a hello and an alert: no certificate of ours */
	assert_null(tls_pump_peer(p->pump));
	memcpy(other + PUBKEY_BYTES, p->server_key, PUBKEY_BYTES);
	assert_true(meet(p));
	p->peer.check.keys = span_of(NULL, 0);
	assert_false(meet(p) && !tls_pump_is_resumed(p->pump));
}

static void
test_certificates(void **state)
{
	static const char long_name[] = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";
	static const struct {
		struct tls_peer_certificate c;
		bool is_good;
	} cases[] = {
		{ { .key = "ed" }, true },
		{ { .key = "ed", .name = "xã" }, true },
		{ { .key = "ed", .from = "19700101000000Z", .until = "19710101000000Z" }, true },
		{ { .key = "ed", .from = "20980101000000Z", .until = "20990101000000Z" }, true },
		{ { .key = "rsa" }, false },
		{ { .key = "ec" }, false },
		{ { .key = "ed", .is_signed_by_another = true }, false },
		{ { .key = "ed", .issuer = "somebody" }, false },
		{ { .key = "ed", .is_chain = true }, false },
	};
	struct pair *p = *state;
	struct tls_peer_certificate big = { .key = "ed", .name = long_name };
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tls_peer_fini(&p->peer);
		tls_peer_init(&p->peer, NULL, span_of(p->server_key, PUBKEY_BYTES));
		tls_peer_certify(&p->peer, &cases[i].c);
		if (meet(p) != cases[i].is_good)
			fail_msg("certificate %zu", i);
		assert_int_equal(tls_pump_state(p->pump),
		    cases[i].is_good ? TLS_PUMP_OPEN : TLS_PUMP_FAILED);
	}
	/* Fifteen names of 64 characters each are over the limit. */
	tls_peer_fini(&p->peer);
	tls_peer_init(&p->peer, NULL, span_of(p->server_key, PUBKEY_BYTES));
	tls_peer_certify(&p->peer, &big);
	assert_true(meet(p));
	assert_int_equal(SSL_CTX_get_max_cert_list(p->peer.context), 100 * 1024);
}

static void
test_no_certificate(void **state)
{
	struct pair *p = *state;

	tls_peer_fini(&p->peer);
	tls_peer_init(&p->peer, NULL, span_of(p->server_key, PUBKEY_BYTES));
	assert_false(meet(p));
	assert_int_equal(tls_pump_state(p->pump), TLS_PUMP_FAILED);
}

static void
test_old_versions(void **state)
{
	struct pair *p = *state;

	(void)SSL_CTX_set_min_proto_version(p->peer.context, TLS1_2_VERSION);
	(void)SSL_CTX_set_max_proto_version(p->peer.context, TLS1_2_VERSION);
	assert_false(meet(p));
	assert_int_equal(tls_pump_state(p->pump), TLS_PUMP_FAILED);
	assert_true(p->down > 0);	/* it is told why */
}

static void
test_protocols(void **state)
{
	static const uint8_t ours[] = "\x08http/1.1", both[] = "\x02h2\x08http/1.1", other[] = "\x02h2";
	struct pair *p = *state;

	(void)SSL_CTX_set_alpn_protos(p->peer.context, ours, sizeof(ours) - 1);
	assert_true(meet(p));
	(void)SSL_CTX_set_alpn_protos(p->peer.context, both, sizeof(both) - 1);
	assert_true(meet(p));
	(void)SSL_CTX_set_alpn_protos(p->peer.context, other, sizeof(other) - 1);
	assert_false(meet(p));
}

/* Things that are no handshake: they end in failure or in waiting for more, never open, and cost no more than the
 * limit. */
static void
test_garbage(void **state)
{
	static const char *const cases[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16", "\x16\x03", "\x16\x03\x01\xff\xff",
		"\x16\x03\x01\x00\x01\x01", "\x17\x03\x03\x00\x01\x01", "\x15\x03\x03\x00\x02\x02\x28",
		"\x14\x03\x03\x00\x01\x01", "\x80\x2e\x01\x03\x01\x00\x15\x01\x01\x10",
		"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "SSH-2.0-OpenSSH\r\n",
		"\xff\xff\xff\xff\xff\xff\xff\xff",
	};
	static const size_t lengths[] = { 27, 1, 2, 5, 6, 6, 7, 6, 10, 9, 17, 8 };
	struct pair *p = *state;
	uint8_t noise[256];
	uint32_t x = 1;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tls_pump *pump = tls_pump_new(p->server);

		assert_int_not_equal(tls_pump_in(pump, span_of(cases[i], lengths[i]), on_plain, p), TLS_PUMP_OPEN);
		for (k = 0; k < 100; k++)
			assert_int_not_equal(tls_pump_in(pump, span_of(noise, sizeof(noise)), on_plain, p),
			    TLS_PUMP_OPEN);
		assert_int_equal(tls_pump_state(pump), TLS_PUMP_FAILED);
		tls_pump_end(pump);
		tls_pump_free(pump);
		for (k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	}
	assert_int_equal(p->plain.n, 0);
}

/* A hello that goes on and on: a record that says it is of a handshake message of 16 MB. */
static void
test_endless(void **state)
{
	static const uint8_t head[] = { 0x16, 3, 1, 0x10, 0, 1, 0, 0xff, 0xff };
	struct pair *p = *state;
	struct tls_pump *pump = tls_pump_new(p->server);
	uint8_t more[1000] = { 0x16, 3, 1, 3, 0xe3 };
	int i;

	(void)tls_pump_in(pump, span_of(head, sizeof(head)), on_plain, p);
	for (i = 0; i < 4 && tls_pump_state(pump) == TLS_PUMP_HANDSHAKE; i++)
		(void)tls_pump_in(pump, span_of(more, sizeof(more)), on_plain, p);
	for (i = 0; i < 20 && tls_pump_state(pump) == TLS_PUMP_HANDSHAKE; i++)
		(void)tls_pump_in(pump, span_of(more, sizeof(more)), on_plain, p);
	assert_int_equal(tls_pump_state(pump), TLS_PUMP_FAILED);
	assert_true(i <= 20);
	tls_pump_free(pump);
}

static void
test_half_close(void **state)
{
	struct pair *p = *state;
	char reply[64];
	struct bytes b;

	assert_true(meet(p));
	bytes_init(&b);
	(void)SSL_shutdown(p->peer.ssl);
	tls_peer_take(&p->peer, &b);
	assert_int_equal(tls_pump_in(p->pump, span_bytes(&b), on_plain, p), TLS_PUMP_ENDED);
	assert_true(tls_pump_write(p->pump, span_str("the answer")));
	tls_pump_end(p->pump);
	down(p);
	assert_int_equal(SSL_read(p->peer.ssl, reply, sizeof(reply)), 10);
	assert_int_equal(SSL_read(p->peer.ssl, reply, sizeof(reply)), 0);
	assert_int_equal(SSL_get_error(p->peer.ssl, 0), SSL_ERROR_ZERO_RETURN);
	bytes_free(&b);
}

/* New keys in the midst of it, asked for by the client, and many pieces in one go. */
static void
test_key_update(void **state)
{
	struct pair *p = *state;
	struct bytes b;
	char text[3000];
	int i;

	assert_true(meet(p));
	bytes_clear(&p->plain);
	bytes_init(&b);
	memset(text, 'x', sizeof(text));
	for (i = 0; i < 40; i++) {
		assert_int_equal(SSL_key_update(p->peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		assert_int_equal(SSL_write(p->peer.ssl, text, sizeof(text)), sizeof(text));
	}
	tls_peer_take(&p->peer, &b);
	assert_int_equal(tls_pump_in(p->pump, span_bytes(&b), on_plain, p), TLS_PUMP_OPEN);
	assert_int_equal(p->plain.n, 40 * sizeof(text));
	assert_true(tls_pump_write(p->pump, span_str("hello")));
	down(p);
	assert_int_equal(SSL_read(p->peer.ssl, text, sizeof(text)), 5);
	bytes_free(&b);
}

/* What is sent goes in small records: of one that is cut, nothing can be used. */
static void
test_records(void **state)
{
	struct pair *p = *state;
	struct bytes b;
	uint8_t big[10000] = { 0 };
	size_t at, n, count = 0;

	assert_true(meet(p));
	assert_true(tls_pump_write(p->pump, span_of(big, sizeof(big))));
	tls_pump_out(p->pump, &b);
	for (at = 0; at + 5 <= b.n; at += 5 + n, count++) {
		n = (size_t)b.p[at + 3] << 8 | b.p[at + 4];
		assert_true(n <= TLS_RECORD_BYTES + 17);
	}
	assert_int_equal(at, b.n);
	assert_int_equal(count, (sizeof(big) + TLS_RECORD_BYTES - 1) / TLS_RECORD_BYTES);
	bytes_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_split, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stranger, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_certificate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_old_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_protocols, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_update, setup, teardown),
		cmocka_unit_test_setup_teardown(test_records, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
