/* What a client may have of the server: connections, time, memory. */
#include "tests/http/raw.h"

#define HOST "Host: a\r\n"

static const struct http_server_options terse = { .is_terse = true };

/* Strangers of one address have few places; those who proved who they are do not count. */
static void
cap_of_an_address_holds(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = { .connections_per_ip_max = 3 } };
	struct raw_fixture f;
	struct http_server_counts counts;
	struct bytes b = { 0 };
	int fds[6];
	size_t i;

	(void)state;
	raw_setup(&f, &o);
	for (i = 0; i < 5; i++) {
		fds[i] = raw_connect(&f);
		raw_run_for(&f, 10);
	}
	for (i = 0; i < 5; i++)
		assert_int_equal(raw_is_served(&f, fds[i]), i < 3);
	http_server_counts(f.server, &counts);
	assert_int_equal(counts.connections_dropped, 2);
	raw_send_text(fds[0], "GET /prove HTTP/1.1\r\n" HOST "\r\nGET /prove HTTP/1.1\r\n" HOST "\r\n");
	assert_true(raw_read(&f, fds[0], &b, "hello"));
	raw_run_for(&f, 10);
	assert_non_null(strstr(bytes_cstr(&f.order), "/prove 0 /prove 7 "));
	fds[5] = raw_connect(&f);
	assert_true(raw_is_served(&f, fds[5]));	/* its place is free for another */
	for (i = 0; i < 6; i++)
		(void)close(fds[i]);
	bytes_free(&b);
	raw_teardown(&f);
}

static int
connect_from(struct raw_fixture *f, uint32_t address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons((uint16_t)http_server_port(f->server));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	raw_run_for(f, 10);
	return fd;
}

static void
prove(struct raw_fixture *f, int fd)
{
	struct bytes b = { 0 };

	raw_send_text(fd, "GET /prove HTTP/1.1\r\n" HOST "\r\n");
	assert_true(raw_read(f, fd, &b, "hello"));
	raw_run_for(f, 10);
	bytes_free(&b);
}

/* Beyond the cap a stranger goes, of the address with most of them; what it was just doing does not help it. */
static void
cap_of_all_holds(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = { .connections_max = 4 } };
	struct raw_fixture f;
	struct http_server_counts counts;
	int fds[7];
	size_t i;

	(void)state;
	raw_setup(&f, &o);
	fds[0] = connect_from(&f, 0x7F000002);
	prove(&f, fds[0]);
	for (i = 1; i < 4; i++) {
		fds[i] = connect_from(&f, 0x7F000003);
		raw_send_text(fds[i], i == 1 ? "GET /la" :
		    "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
		raw_run_for(&f, 10);
	}
	fds[4] = connect_from(&f, 0x7F000004);
	fds[5] = connect_from(&f, 0x7F000003);		/* has most already, and gets no more */
	http_server_counts(f.server, &counts);
	assert_int_equal(counts.connections, 4);
	assert_int_equal(counts.connections_dropped, 1);
	assert_true(raw_is_served(&f, fds[4]));
	assert_false(raw_is_served(&f, fds[1]));	/* its time was up first */
	assert_true(raw_is_served(&f, fds[0]));
	fds[6] = connect_from(&f, 0x7F000005);		/* in the place of another of those */
	assert_true(raw_is_served(&f, fds[6]));
	assert_int_equal(f.end_count, 1);
	for (i = 0; i < 7; i++)
		(void)close(fds[i]);
	raw_teardown(&f);
}

/* When all are known, one that rests goes; when none rests, nobody comes in. */
static void
cap_of_all_known(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = { .connections_max = 2 } };
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fds[4];
	size_t i;

	(void)state;
	raw_setup(&f, &o);
	for (i = 0; i < 2; i++) {
		fds[i] = raw_connect(&f);
		prove(&f, fds[i]);
	}
	raw_send_text(fds[0], "GET /later HTTP/1.1\r\n" HOST "\r\n");
	raw_run_for(&f, 10);
	fds[2] = raw_connect(&f);
	prove(&f, fds[2]);				/* in the place of 1 */
	assert_false(raw_is_served(&f, fds[1]));
	raw_send_text(fds[2], "GET /st");
	raw_run_for(&f, 10);
	fds[3] = raw_connect(&f);
	assert_false(raw_is_served(&f, fds[3]));
	raw_reply(f.held, 200, "later");
	assert_true(raw_read(&f, fds[0], &b, "later"));
	for (i = 0; i < 4; i++)
		(void)close(fds[i]);
	bytes_free(&b);
	raw_teardown(&f);
}

/* One byte within every idle time, for ever: too slow all the same. */
static void
dripping_body_is_cut(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = { .body_idle_ms = 100 } };
	struct raw_fixture f;
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	int fd;

	(void)state;
	raw_setup(&f, &o);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	while (f.end_count == 0 && raw_now_ms() < due) {
		raw_send_text(fd, "a");
		raw_run_for(&f, 40);
	}
	assert_int_equal(f.end_count, 1);
	assert_false(f.is_complete);
	(void)close(fd);
	raw_teardown(&f);
}

/* A byte of the answer now and then does not hold it in memory for ever. */
static void
dripping_reader_is_cut(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = { .write_idle_ms = 60 } };
	struct raw_fixture f;
	struct http_server_counts counts;
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	char piece[1024];
	int fd;

	(void)state;
	raw_setup(&f, &o);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	do {
		raw_run_for(&f, 20);
		(void)!recv(fd, piece, 1, MSG_DONTWAIT);
		http_server_counts(f.server, &counts);
	} while ((counts.connections_total == 0 || counts.connections != 0) && raw_now_ms() < due);
	assert_int_equal(counts.connections, 0);
	(void)close(fd);
	raw_teardown(&f);
}

/* A handler that takes one piece at a time gets them all, holds back the client, and no time-out runs meanwhile. */
static void
paused_body(void **state)
{
#ifdef TEST_LIMITS
	enum { BODY_BYTES = 20000 };	/* read in pieces of a few bytes */
#else
	enum { BODY_BYTES = 2000000 };
#endif
	const struct http_server_options o = { .is_terse = true, .limits = { .body_idle_ms = 150 } };
	struct raw_fixture f;
	struct http_server_counts counts;
	struct bytes b = { 0 };
	static char body[BODY_BYTES];
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	size_t at = 0, held;
	int fd;

	(void)state;
	raw_setup(&f, &o);
	memset(body, 'p', sizeof(body));
	fd = raw_connect(&f);
	bytes_fmt(&b, "POST /held HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n", BODY_BYTES);
	raw_send(fd, b.p, b.n);
	bytes_clear(&b);
	while (f.end_count == 0 && raw_now_ms() < due) {
		ssize_t n = send(fd, body + at, sizeof(body) - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		at += n > 0 ? (size_t)n : 0;
		raw_turn(&f);
		if (f.held == NULL)
			continue;
		held = f.piece_count;
		if (held == 1)
			raw_run_for(&f, 400);		/* longer than any time-out */
		else
			raw_turn(&f);
		assert_int_equal(f.piece_count, held);
		http_server_counts(f.server, &counts);
		assert_int_equal(counts.connections, 1);
		assert_true(counts.bytes_in < f.pieces.n + 4 * 65536);	/* the rest waits with the client */
		http_exchange_resume(f.held);
	}
	assert_true(f.is_complete);
	assert_int_equal(f.pieces.n, BODY_BYTES);
	assert_true(raw_read(&f, fd, &b, "got it"));
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

/* What came before a cut is handed over, even when the handler was not ready for it. */
static void
paused_body_is_cut(void **state)
{
	struct raw_fixture f;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
	assert_true(raw_until_pieces(&f, 2));
	raw_send_text(fd, "cd");
	raw_run_for(&f, 10);
	(void)close(fd);
	raw_run_for(&f, 10);
	assert_int_equal(f.pieces.n, 2);
	http_exchange_resume(f.held);
	assert_true(raw_until_pieces(&f, 4));
	assert_int_equal(f.end_count, 0);
	http_exchange_resume(f.held);
	assert_true(raw_until(&f, &f.end_count, 1));
	assert_false(f.is_complete);
	raw_teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cap_of_an_address_holds),
		cmocka_unit_test(cap_of_all_holds),
		cmocka_unit_test(cap_of_all_known),
		cmocka_unit_test(dripping_body_is_cut),
		cmocka_unit_test(dripping_reader_is_cut),
		cmocka_unit_test(paused_body),
		cmocka_unit_test(paused_body_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
