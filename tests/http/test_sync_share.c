/* The sync listener: what it takes from strangers, and what share a peer gets. */
#include "tests/http/raw.h"

#include <stdlib.h>

#include "node/sync_server_impl.h"
#include "sync/envelope.h"
#include "tests/unit/rig.h"

#define CLIENTS 6

struct node {
	struct daemon n;
	struct rig r;
	size_t a;			/* a commune's node, which asks */
	struct ask *ask;
	struct bytes body;		/* of a request of it, with an upload */
	bool is_stopped;
};

/* Before the server begins: from then on the engine of node 0 is its writer thread's. */
static int
begin(void **state, bool is_equal)
{
	static const struct writer_events events = { 0 };
	struct node *t = calloc(1, sizeof(*t));
	struct diag d;

	diag_init(&d);
	rig_init(&t->r);
	t->a = rig_join(&t->r, RIG_UNIT_A);
	assert_true(rig_round(&t->r, t->a, 0));
	rig_items(&t->r, t->a, RIG_UNIT_A, 50, NULL);
	if (is_equal) {
		assert_true(rig_round(&t->r, t->a, 0));
	} else {
		assert_int_equal(ask_new(t->r.nodes[t->a].engine, t->r.nodes[0].origin, &t->ask, &d), RC_OK);
		assert_int_equal(ask_request(t->ask, &t->body, &d), RC_OK);
		/* A piece after the head. */
		assert_true(t->body.n > 2 + (size_t)t->body.p[1] + ENVELOPE_MAC_BYTES + 10);
	}
	t->n.dir = "/nonexistent";
	assert_int_equal(uv_loop_init(&t->n.loop), 0);
	assert_int_equal(writer_new(&t->n.loop, t->r.nodes[0].engine, &events, &t->n.writer, &d), RC_OK);
	assert_int_equal(sync_server_start(&t->n, "127.0.0.1", 0, true, &d), RC_OK);
	sweep_start(&t->n.sweep, &t->n);
	*state = t;
	return 0;
}

static int
setup(void **state)
{
	return begin(state, false);
}

static int
setup_equal(void **state)
{
	return begin(state, true);
}

static void
on_writer_stopped(void *user)
{
	struct node *t = user;

	sync_server_free(t->n.sync_server);
	t->is_stopped = true;
}

static void
on_listener_stopped(void *user)
{
	writer_stop(((struct node *)user)->n.writer, on_writer_stopped, user);
}

static int
teardown(void **state)
{
	struct node *t = *state;

	t->n.is_stopping = true;
	sync_server_stop(t->n.sync_server);
	http_server_stop(t->n.sync_listener, on_listener_stopped, t);
	(void)uv_run(&t->n.loop, UV_RUN_DEFAULT);
	assert_true(t->is_stopped);
	assert_int_equal(uv_loop_close(&t->n.loop), 0);
	ask_free(t->ask);
	bytes_free(&t->body);
	rig_fini(&t->r);
	free(t);
	return 0;
}

/* A connection that announces @length bytes of body and sends @body. */
static int
post(struct node *t, const char *path, size_t length, struct span body)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(t->n.sync_listener)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char head[200];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)snprintf(head, sizeof(head), "POST /sync/v1/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path,
	    length);
	raw_send_text(fd, head);
	raw_send(fd, body.p, body.n);
	return fd;
}

/* The status of the answer on @fd, whose first bytes are in *@text; 0 when none comes within @ms. */
static int
answered(struct node *t, int fd, uint64_t ms, char text[512])
{
	uint64_t due = raw_now_ms() + ms;
	ssize_t n;

	do {
		(void)uv_run(&t->n.loop, UV_RUN_NOWAIT);
		(void)usleep(500);
		n = recv(fd, text, 511, MSG_DONTWAIT);
	} while (n < 0 && raw_now_ms() < due);
	if (n <= 12)
		return 0;
	text[n] = '\0';
	return (int)strtol(text + 9, NULL, 10);
}

/* Nothing more than a message's head is taken of who does not prove who he is; he is told at once, not after the body
 * that he announced. */
static void
strangers_are_sent_away(void **state)
{
	struct node *t = *state;
	struct sync_server_counts counts;
	struct bytes b = { 0 };
	char text[512];
	int fd;

	bytes_put(&b, t->body.p, t->body.n);
	b.p[b.p[1] + 2] ^= 1;				/* in the mac */
	fd = post(t, "round", 1000000, span_bytes(&b));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 403);
	(void)close(fd);
	b.p[b.p[1] + 2] ^= 1;
	b.p[2] ^= 1;					/* from somebody unknown */
	fd = post(t, "round", 1000000, span_bytes(&b));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 403);
	(void)close(fd);
	b.p[0] = 0x77;					/* no message */
	fd = post(t, "round", 1000000, span_of(b.p, 40));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 400);
	(void)close(fd);
	fd = post(t, "round", REQUEST_BODY_BYTES_MAX + 1, span_of(b.p, 0));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 413);
	(void)close(fd);
	sync_server_counts(t->n.sync_server, &counts);
	assert_int_equal(counts.refusals, 4);
	assert_int_equal(counts.commits_in, 0);
	assert_int_equal(t->n.sync_server->shares.of_count, 0);
	bytes_free(&b);
}

/* One that begins more than its share of rounds loses the oldest; the others go on and come to their end. */
static void
a_peer_has_its_share_of_rounds(void **state)
{
	struct node *t = *state;
	struct sync_server_counts counts;
	char text[512];
	int fds[CLIENTS], i;

	for (i = 0; i < SHARE_ROUNDS_EACH; i++) {
		fds[i] = post(t, "round", t->body.n, span_of(t->body.p, t->body.n - 1));
		assert_int_equal(answered(t, fds[i], 50, text), 0);
	}
	assert_int_equal(t->n.sync_server->shares.count[SHARE_ROUND], SHARE_ROUNDS_EACH);
	fds[i] = post(t, "round", t->body.n, span_of(t->body.p, t->body.n - 1));
	assert_int_equal(answered(t, fds[0], RAW_WAIT_MS, text), 503);
	assert_non_null(strstr(text, "Retry-After: 5"));
	for (i = 1; i <= SHARE_ROUNDS_EACH; i++) {
		assert_int_equal(answered(t, fds[i], 20, text), 0);
		raw_send(fds[i], t->body.p + t->body.n - 1, 1);
		assert_int_equal(answered(t, fds[i], RAW_WAIT_MS, text), 200);
	}
	assert_int_equal(t->n.sync_server->shares.of_count, 0);
	sync_server_counts(t->n.sync_server, &counts);
#ifndef TEST_LIMITS
	assert_true(counts.commits_in > 0);
#endif
	for (i = 0; i <= SHARE_ROUNDS_EACH; i++)
		(void)close(fds[i]);
}

/* A client that vanishes in the middle gives back what it had; what came of it is kept. */
static void
a_cut_gives_back(void **state)
{
	struct node *t = *state;
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	char text[512];
	int fd = post(t, "round", t->body.n, span_of(t->body.p, t->body.n - 1));

	assert_int_equal(answered(t, fd, 50, text), 0);
	assert_int_equal(t->n.sync_server->shares.count[SHARE_ROUND], 1);
	(void)close(fd);
	while (t->n.sync_server->shares.of_count != 0 && raw_now_ms() < due)
		(void)uv_run(&t->n.loop, UV_RUN_NOWAIT);
	assert_int_equal(t->n.sync_server->shares.of_count, 0);
	assert_null(t->n.sync_server->rounds);
	fd = post(t, "round", t->body.n, span_bytes(&t->body));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 200);
	(void)close(fd);
}

/* Of more waiting requests than its share the oldest is answered "no news". */
static void
a_peer_has_its_share_of_waits(void **state)
{
	struct node *t = *state;
	struct bytes b = { 0 };
	struct diag d;
	char text[512];
	int fds[CLIENTS], i;

	diag_init(&d);
	assert_int_equal(exchange_wait_request(t->r.nodes[t->a].engine, t->r.nodes[0].origin, &b, &d), RC_OK);
	for (i = 0; i < SHARE_WAITS_EACH; i++) {
		fds[i] = post(t, "wait", b.n, span_bytes(&b));
		assert_int_equal(answered(t, fds[i], 50, text), 0);
	}
	fds[i] = post(t, "wait", b.n, span_bytes(&b));
	assert_int_equal(answered(t, fds[0], RAW_WAIT_MS, text), 200);
	assert_int_equal(text[strlen(text) - 1], '0');
	assert_int_equal(answered(t, fds[1], 50, text), 0);
	assert_int_equal(t->n.sync_server->shares.count[SHARE_WAIT], SHARE_WAITS_EACH);
	for (i = 0; i <= SHARE_WAITS_EACH; i++)
		(void)close(fds[i]);
	bytes_free(&b);
}

static void
failing_joins_wait(void **state)
{
	struct node *t = *state;
	char text[512];
	int fd, i;

	for (i = 0; i < STRIKES_EACH; i++) {
		fd = post(t, "join", 5, span_str("hello"));
		assert_in_range(answered(t, fd, RAW_WAIT_MS, text), 400, 499);
		(void)close(fd);
	}
	fd = post(t, "join", 5, span_str("hello"));
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 503);
	assert_non_null(strstr(text, "Retry-After: 60"));
	(void)close(fd);
	fd = post(t, "round", t->body.n, span_bytes(&t->body));	/* true peers of that address are served */
	assert_int_equal(answered(t, fd, RAW_WAIT_MS, text), 200);
	(void)close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_are_sent_away, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_has_its_share_of_rounds, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_gives_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_has_its_share_of_waits, setup_equal, teardown),
		cmocka_unit_test_setup_teardown(failing_joins_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
