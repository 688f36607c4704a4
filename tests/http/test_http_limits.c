/* The server's time-outs, caps, deferred answers, vanishing clients, pipes, and the way it
 * stops. */
#include "tests/http/raw.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HOST "Host: a\r\n"
#define GOOD "GET /hello HTTP/1.1\r\n" HOST "\r\n"

static const struct http_server_options terse = { .is_terse = true };

static void
deferred_answer(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	raw_run_for(&f, 30);
	assert_non_null(f.held);
	assert_string_equal(http_exchange_path(f.held), "/later");
	raw_reply(f.held, 200, "now");
	assert_true(raw_read(&f, fd, &b, "now"));
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
vanished_client_is_told(void **state)
{
	struct raw_fixture f;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /abort HTTP/1.1\r\n" HOST "\r\n");
	raw_run_for(&f, 20);
	assert_non_null(f.held);
	(void)close(fd);
	assert_true(raw_until(&f, &f.abort_count, 1));
	raw_teardown(&f);
}

/* Without an abort function the reply is still due, and goes nowhere. */
static void
vanished_client_and_late_reply(void **state)
{
	struct raw_fixture f;
	struct http_server_counts counts;
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	raw_run_for(&f, 20);
	assert_non_null(f.held);
	(void)close(fd);
	do {
		raw_turn(&f);
		http_server_counts(f.server, &counts);
	} while (counts.connections != 0 && raw_now_ms() < due);
	assert_int_equal(counts.connections, 0);
	assert_string_equal(http_exchange_path(f.held), "");
	assert_null(http_exchange_header(f.held, "Host"));
	raw_reply(f.held, 200, "nobody reads this");
	raw_teardown(&f);
}

static void
slow_clients_are_cut(void **state)
{
	const struct http_server_options o = { .is_terse = true, .limits = {
		.head_ms = 60, .body_idle_ms = 60, .idle_ms = 60, .linger_ms = 60,
	} };
	static const struct { const char *text; const char *answer;
	} rows[] = {
		{ "", "" }, /* says nothing */
		{ "GET /hello HTTP/1.1\r\nHo", "HTTP/1.1 408 " }, /* half a head */
		{ "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf", "" },
		{ "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf", "" },
		{ "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf",
		    "HTTP/1.1 200 " },
		{ GOOD, "HTTP/1.1 200 " }, /* idle afterwards */
	};
	struct raw_fixture f;
	size_t i;

	(void)state;
	raw_setup(&f, &o);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = { 0 };
		int fd = raw_connect(&f);
		uint64_t begin = raw_now_ms();

		raw_send_text(fd, rows[i].text);
		if (!raw_read(&f, fd, &b, NULL))
			fail_msg("row %zu: not closed", i);
		assert_true(raw_now_ms() - begin >= 50);
		assert_true(strncmp(bytes_cstr(&b), rows[i].answer, strlen(rows[i].answer)) == 0);
		assert_true(rows[i].answer[0] != '\0' || b.n == 0);
		(void)close(fd);
		bytes_free(&b);
	}
	assert_int_equal(f.end_count, 1);
	assert_false(f.is_complete);
	raw_teardown(&f);
}

/* A byte now and then does not stretch the time for a head. */
static void
dripping_head_is_cut(void **state)
{
	const struct http_server_options o = { .is_terse = true,
		.limits = { .head_ms = 150, .linger_ms = 50 } };
	struct raw_fixture f;
	struct bytes b = { 0 };
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	char piece[256];
	ssize_t n = -1;
	int fd;

	(void)state;
	raw_setup(&f, &o);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /");
	while (n < 0 && raw_now_ms() < due) {
		raw_send_text(fd, "a");
		raw_run_for(&f, 10);
		n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
	}
	assert_true(n > 12);
	assert_memory_equal(piece, "HTTP/1.1 408", 12);
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

/* The client asks for much and takes nothing. */
static void
stuck_reader_is_cut(void **state)
{
	const struct http_server_options o = { .is_terse = true,
		.limits = { .write_idle_ms = 80 } };
	struct raw_fixture f;
	struct http_server_counts counts;
	uint64_t due = raw_now_ms() + RAW_WAIT_MS;
	int fd, i;

	(void)state;
	raw_setup(&f, &o);
	fd = raw_connect(&f);
	for (i = 0; i < 20; i++)
		raw_send_text(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	do {
		raw_run_for(&f, 10);
		http_server_counts(f.server, &counts);
	} while ((counts.connections_total == 0 || counts.connections != 0) && raw_now_ms() < due);
	assert_int_equal(counts.connections, 0);
	(void)close(fd);
	raw_teardown(&f);
}

static void
big_answer_arrives_whole(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "GET /big HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	assert_true(raw_read(&f, fd, &b, NULL));
	assert_true(b.n > RAW_BODY_BYTES_MAX);
	assert_int_equal(b.p[b.n - 1], 'b');
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
address_in_use_and_nonsense(void **state)
{
	struct raw_fixture f;
	struct http_server *s = NULL;
	struct http_server_options o = { .host = "127.0.0.1", .on_head = raw_on_head };
	struct diag d;

	(void)state;
	raw_setup(&f, &terse);
	assert_true(http_server_port(f.server) > 0);
	o.port = http_server_port(f.server);
	diag_init(&d);
	assert_int_equal(http_server_new(&f.loop, &o, &s, &d), RC_BUSY);
	assert_non_null(strstr(d.text, "in use"));
	o.host = "example.org";
	diag_init(&d);
	assert_int_equal(http_server_new(&f.loop, &o, &s, &d), RC_INPUT);
	o.host = "127.0.0.1";
	o.port = 65536;
	assert_int_equal(http_server_new(&f.loop, &o, &s, NULL), RC_INPUT);
	o.pipe_path = "/nonexistent/directory/socket";
	assert_int_not_equal(http_server_new(&f.loop, &o, &s, NULL), RC_OK);
	o.pipe_path =
	    "/tmp/"
	    "a-path-that-is-much-longer-than-what-fits-into-the-address-of-a-socket-on-this-system-"
	    "and-therefore-must-be-refused";
	assert_int_equal(http_server_new(&f.loop, &o, &s, NULL), RC_INPUT);
	assert_null(s);
	raw_teardown(&f);
}

static int
pipe_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
pipe_listener(void **state)
{
	char dir[] = "/tmp/http-test-XXXXXX", path[64];
	struct http_server_options o = { .is_terse = true };
	struct http_server *second = NULL;
	struct raw_fixture f;
	struct stat st;
	struct diag d;
	int fd, dead;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/socket", dir);
	o.pipe_path = path;
	/* A socket left behind by a crash is in the way. */
	dead = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
		assert_int_equal(bind(dead, (struct sockaddr *)&a, sizeof(a)), 0);
		(void)close(dead);
	}
	raw_setup(&f, &o);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(http_server_port(f.server), 0);
	fd = pipe_connect(path);
	assert_true(raw_is_served(&f, fd));
	assert_true(raw_is_served(&f, fd));
	/* A live one is left alone. */
	o.on_head = raw_on_head;
	diag_init(&d);
	assert_int_equal(http_server_new(&f.loop, &o, &second, &d), RC_BUSY);
	raw_turn(&f);
	assert_true(raw_is_served(&f, fd));
	(void)close(fd);
	raw_teardown(&f);
	assert_int_not_equal(stat(path, &st), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Stopping: idle ones go at once, an answer under way is waited for, what takes too long is cut. */
static void
stop_waits_for_answers(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int idle, busy;

	(void)state;
	raw_setup(&f, &terse);
	idle = raw_connect(&f);
	assert_true(raw_is_served(&f, idle));
	busy = raw_connect(&f);
	raw_send_text(busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	raw_run_for(&f, 20);
	assert_non_null(f.held);
	http_server_stop(f.server, raw_on_stopped, &f);
	assert_true(raw_read(&f, idle, &b, NULL));
	assert_int_equal(b.n, 0);
	assert_false(f.is_stopped);
	raw_reply(f.held, 200, "goodbye");
	assert_true(raw_read(&f, busy, &b, "goodbye"));
	assert_non_null(strstr((const char *)b.p, "Connection: close\r\n"));
	(void)close(busy);
	(void)close(idle);
	assert_int_equal(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
	assert_true(f.is_stopped);
	assert_int_equal(uv_loop_close(&f.loop), 0);
	bytes_free(&b);
	bytes_free(&f.order);
}

static void
stop_is_bounded(void **state)
{
	const struct http_server_options o = { .limits = { .stop_ms = 60 } };
	struct raw_fixture f;
	uint64_t begin;
	int waiting, uploading;

	(void)state;
	raw_setup(&f, &o);
	waiting = raw_connect(&f);
	uploading = raw_connect(&f);
	raw_send_text(waiting, "GET /abort HTTP/1.1\r\n" HOST "\r\n");
	raw_send_text(uploading, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nhalf");
	assert_true(raw_until_pieces(&f, 4));
	raw_run_for(&f, 20);
	assert_non_null(f.held);
	begin = raw_now_ms();
	raw_teardown(&f);
	assert_true(raw_now_ms() - begin < 1000);
	assert_int_equal(f.abort_count, 1);
	assert_int_equal(f.end_count, 1);
	(void)close(waiting);
	(void)close(uploading);
}

/* Nothing wakes the loop when nobody is connected. */
static void
no_timer_without_connections(void **state)
{
	struct raw_fixture f;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	raw_turn(&f);
	assert_int_equal(uv_backend_timeout(&f.loop), -1);
	fd = raw_connect(&f);
	assert_true(raw_is_served(&f, fd));
	raw_run_for(&f, 5);
	assert_true(uv_backend_timeout(&f.loop) > 0);
	(void)close(fd);
	raw_run_for(&f, 20);
	assert_int_equal(uv_backend_timeout(&f.loop), -1);
	raw_teardown(&f);
}

/* Fail each allocation in turn: whatever happens, the next client is served and everything
 * closes. */
static void
short_memory(void **state)
{
	struct raw_fixture f;
	uint64_t n;

	(void)state;
	raw_setup(&f, &terse);
	for (n = 1; n < 12; n++) {
		struct bytes b = { 0 };
		int fd;

		mem_fault_set(n);
		fd = raw_connect(&f);
		raw_send_text(fd, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc");
		raw_run_for(&f, 10);
		mem_fault_set(0);
		(void)close(fd);
		raw_run_for(&f, n == 1 ? 1100 : 5); /* the first one is accepted a second later */
		fd = raw_connect(&f);
		assert_true(raw_is_served(&f, fd));
		(void)close(fd);
		bytes_free(&b);
	}
	raw_teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deferred_answer),
		cmocka_unit_test(vanished_client_is_told),
		cmocka_unit_test(vanished_client_and_late_reply),
		cmocka_unit_test(slow_clients_are_cut),
		cmocka_unit_test(dripping_head_is_cut),
		cmocka_unit_test(stuck_reader_is_cut),
		cmocka_unit_test(big_answer_arrives_whole),
		cmocka_unit_test(address_in_use_and_nonsense),
		cmocka_unit_test(pipe_listener),
		cmocka_unit_test(stop_waits_for_answers),
		cmocka_unit_test(stop_is_bounded),
		cmocka_unit_test(no_timer_without_connections),
		cmocka_unit_test(short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
