/* What the server refuses, what it answers, in which order, and when it gives up. */
#include "tests/http/raw.h"

#include <errno.h>
#include <sys/stat.h>

#define HOST "Host: a\r\n"
#define GOOD "GET /hello HTTP/1.1\r\n" HOST "\r\n"
#define ROW(name, text, status) { name, text, sizeof(text) - 1, status }

static const struct http_server_options terse = { .is_terse = true };

struct row {
	const char *name;
	const char *text;
	size_t len;
	int status;		/* 0: any of 400-599 */
};

/* Each must be answered with a refusal, exactly one, and the connection closed, whatever comes
 * behind. */
static const struct row refused[] = {
	ROW("length and coding",
	    "POST /echo HTTP/1.1\r\n" HOST
	    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    0),
	ROW("coding and length",
	    "POST /echo HTTP/1.1\r\n" HOST
	    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
	    0),
	ROW("chunked", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    501),
	ROW("coding identity", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",
	    501),
	ROW("coding empty", "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 501),
	ROW("two lengths",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
	ROW("two equal lengths",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
	ROW("list of lengths", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx", 400),
	ROW("length +1", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx", 400),
	ROW("length -1", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nx", 400),
	ROW("length hex", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\nx", 400),
	ROW("length empty", "POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400),
	ROW("length of 16 digits",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0000000000000001\r\n\r\nx", 400),
	ROW("length beyond 64 bits",
	    "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\nx", 400),
	ROW("space before colon", "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\nx",
	    400),
	ROW("bare LF everywhere", "GET /hello HTTP/1.1\nHost: a\n\n", 400),
	ROW("bare LF after a field", "GET /hello HTTP/1.1\r\nHost: a\n\r\n", 400),
	ROW("bare LF at the end", "GET /hello HTTP/1.1\r\nHost: a\r\n\n", 400),
	ROW("bare CR in a value", "GET /hello HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400),
	ROW("CR CR LF", "GET /hello HTTP/1.1\r\r\n" HOST "\r\n", 400),
	ROW("NUL in a value", "GET /hello HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400),
	ROW("NUL in a name", "GET /hello HTTP/1.1\r\n" HOST "X\0Y: b\r\n\r\n", 400),
	ROW("NUL in the target", "GET /he\0llo HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("control byte in a value", "GET /hello HTTP/1.1\r\n" HOST "X: a\x01z\r\n\r\n", 400),
	ROW("DEL in a value", "GET /hello HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", 400),
	ROW("control byte in the target", "GET /\x02 HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("high byte in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("tab in the request line", "GET\t/hello HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("coding hidden behind a CR",
	    "POST /echo HTTP/1.1\r\n" HOST "X:\rTransfer-Encoding: chunked\r\n\r\n0", 400),
	ROW("first field after a space", "GET /hello HTTP/1.1\r\n Host: a\r\n\r\n", 400),
	ROW("coding after a space",
	    "POST /echo HTTP/1.1\r\n" HOST " Transfer-Encoding: chunked\r\n\r\n", 400),
	ROW("obs-fold", "GET /hello HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400),
	ROW("obs-fold with a tab", "GET /hello HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n", 400),
	ROW("no Host", "GET /hello HTTP/1.1\r\n\r\n", 400),
	ROW("two Hosts", "GET /hello HTTP/1.1\r\n" HOST HOST "\r\n", 400),
	ROW("empty Host", "GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400),
	ROW("list in Host", "GET /hello HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
	ROW("path in Host", "GET /hello HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
	ROW("user in Host", "GET /hello HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
	ROW("HTTP/1.2", "GET /hello HTTP/1.2\r\n" HOST "\r\n", 505),
	ROW("HTTP/9.9", "GET /hello HTTP/9.9\r\n" HOST "\r\n", 505),
	ROW("HTTP/1.0", "GET /hello HTTP/1.0\r\n" HOST "\r\n", 505),
	ROW("HTTP/2.0", "GET /hello HTTP/2.0\r\n" HOST "\r\n", 505),
	ROW("HTTP/0.9", "GET /hello\r\n\r\n", 0),
	ROW("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
	ROW("RTSP", "DESCRIBE /hello RTSP/1.1\r\n" HOST "\r\n", 0),
	ROW("ICE", "SOURCE /hello ICE/1.1\r\n" HOST "\r\n", 0),
	ROW("lower-case version", "GET /hello http/1.1\r\n" HOST "\r\n", 0),
	ROW("two spaces before the target", "GET  /hello HTTP/1.1\r\n" HOST "\r\n", 0),
	ROW("two spaces after the target", "GET /hello  HTTP/1.1\r\n" HOST "\r\n", 0),
	ROW("space after the version", "GET /hello HTTP/1.1 \r\n" HOST "\r\n", 0),
	ROW("space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0),
	ROW("absolute form", "GET http://a/hello HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("authority form", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 0),
	ROW("asterisk form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("no slash", "GET hello HTTP/1.1\r\n" HOST "\r\n", 0),
	ROW("fragment", "GET /hello#x HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("unknown method", "BREW /hello HTTP/1.1\r\n" HOST "\r\n", 501),
	ROW("method not served", "TRACE /hello HTTP/1.1\r\n" HOST "\r\n", 501),
	ROW("lower-case method", "get /hello HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("empty line first", "\r\n" GOOD, 400),
	ROW("space first", " GET /hello HTTP/1.1\r\n" HOST "\r\n", 400),
	ROW("TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
	ROW("no colon", "GET /hello HTTP/1.1\r\n" HOST "X\r\n\r\n", 400),
	ROW("empty name", "GET /hello HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400),
	ROW("name not a token", "GET /hello HTTP/1.1\r\n" HOST "X(y): x\r\n\r\n", 400),
	ROW("high byte in a name", "GET /hello HTTP/1.1\r\n" HOST "X\xff: x\r\n\r\n", 400),
	ROW("unknown expectation", "GET /hello HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417),
};

static unsigned
count_of(const struct bytes *b, const char *what)
{
	const char *at = b->n == 0 ? "" : (const char *)b->p;
	unsigned count = 0;

	for (; (at = strstr(at, what)) != NULL; at += strlen(what))
		count++;
	return count;
}

static int
status_of(const struct bytes *b)
{
	int status = 0;

	return b->n != 0 && sscanf((const char *)b->p, "HTTP/1.1 %d ", &status) == 1 ? status : 0;
}

/* Send @text and a good request behind it: one refusal must come back, and nothing else. */
static void
expect_refusal(struct raw_fixture *f, const char *name, const void *text, size_t len, int status)
{
	struct bytes b = { 0 };
	int fd = raw_connect(f);
	size_t handled = f->order.n;

	raw_send(fd, text, len);
	raw_send_text(fd, GOOD);
	if (!raw_read(f, fd, &b, "\r\n\r\n"))
		fail_msg("%s: no answer", name);
	(void)shutdown(fd, SHUT_WR);
	if (!raw_read(f, fd, &b, NULL))
		fail_msg("%s: not closed", name);
	if (status_of(&b) < 400 || (status != 0 && status_of(&b) != status))
		fail_msg("%s: answered %.40s", name, (const char *)b.p);
	if (count_of(&b, "HTTP/1.1") != 1 || f->order.n != handled)
		fail_msg("%s: something behind it was handled", name);
	(void)close(fd);
	bytes_free(&b);
}

static void
strict_table_is_refused(void **state)
{
	struct raw_fixture f;
	size_t i;

	(void)state;
	raw_setup(&f, &terse);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect_refusal(
		    &f, refused[i].name, refused[i].text, refused[i].len, refused[i].status);
	raw_teardown(&f);
}

/* The table can fail: a good request in it would be noticed. */
static void
strict_table_negative(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, GOOD);
	assert_true(raw_read(&f, fd, &b, "hello"));
	assert_string_equal((const char *)b.p, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
long_heads_are_refused(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	unsigned i;

	(void)state;
	raw_setup(&f, &terse);
	bytes_str(&b, "GET /");
	for (i = 0; i < 20000; i++)
		bytes_byte(&b, 'a');
	expect_refusal(&f, "long target", b.p, b.n, 414);
	bytes_clear(&b);
	bytes_str(&b, "GET / HTTP/1.1\r\n" HOST "X: ");
	for (i = 0; i < 20000; i++)
		bytes_byte(&b, 'a');
	expect_refusal(&f, "long field", b.p, b.n, 431);
	bytes_clear(&b);
	bytes_str(&b, "GET / HTTP/1.1\r\n" HOST);
	for (i = 0; i < 64; i++)
		bytes_fmt(&b, "X%u: y\r\n", i);
	bytes_str(&b, "\r\n");
	expect_refusal(&f, "65 fields", b.p, b.n, 431);
	bytes_free(&b);
	raw_teardown(&f);
}

static const char *const good[] = {
	GOOD,
	"GET /query?a=b&c=%20?x HTTP/1.1\r\nHOST: [::1]:80\r\nX:\r\nY: \t \r\nZ:a\xc3\xa9 "
	"\t\r\n\r\n",
	"POST /echo HTTP/1.1\r\nhost:a\r\ncontent-length:  12 \r\nConnection: "
	"keep-alive\r\n\r\nhello\r\nthere",
	"POST /stream HTTP/1.1\r\nContent-Length: 3\r\n" HOST "\r\nabc",
};
static const char *const good_answer[] = { "\r\n\r\nhello", "\r\n\r\na=b&c=%20?x",
	"\r\n\r\nhello\r\nthere", "\r\n\r\ngot it" };

static void
good_requests_split_anywhere(void **state)
{
	struct raw_fixture f;
	size_t i, cut;

	(void)state;
	raw_setup(&f, &terse);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int fd = raw_connect(&f);
		size_t n = strlen(good[i]);

		for (cut = 1; cut < n; cut++) {
			struct bytes b = { 0 };

			raw_send(fd, good[i], cut);
			raw_turn(&f);
			raw_turn(&f);
			raw_send(fd, good[i] + cut, n - cut);
			if (!raw_read(&f, fd, &b, good_answer[i]))
				fail_msg("request %zu cut at %zu: %s", i, cut,
				    b.n == 0 ? "" : (char *)b.p);
			bytes_free(&b);
		}
		(void)close(fd);
	}
	raw_teardown(&f);
}

static void
pipelined_answers_keep_the_order(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 }, all = { 0 };
	unsigned i;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	for (i = 0; i < 200; i++)
		bytes_fmt(
		    &all, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n<%03u>", i);
	bytes_str(&all, "GET /later HTTP/1.1\r\n" HOST "\r\n" GOOD);
	raw_send(fd, all.p, all.n);
	assert_true(raw_read(&f, fd, &b, "<199>"));
	raw_run_for(&f, 20);
	assert_non_null(f.held);
	assert_null(strstr((const char *)f.order.p, "/hello"));
	raw_reply(f.held, 200, "late");
	assert_true(raw_read(&f, fd, &b, "hello"));
	for (i = 0; i < 200; i++) {
		char a[8], z[8];

		(void)snprintf(a, sizeof(a), "<%03u>", i);
		(void)snprintf(z, sizeof(z), "<%03u>", i + 1);
		assert_non_null(strstr((const char *)b.p, a));
		assert_true(
		    i == 199 || strstr((const char *)b.p, a) < strstr((const char *)b.p, z));
	}
	assert_true(strstr((const char *)b.p, "late") < strstr((const char *)b.p, "hello"));
	(void)close(fd);
	bytes_free(&b);
	bytes_free(&all);
	raw_teardown(&f);
}

/* A client that asks and ends its side still gets everything it asked for. */
static void
half_closed_client_is_answered(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, GOOD GOOD GOOD);
	(void)shutdown(fd, SHUT_WR);
	assert_true(raw_read(&f, fd, &b, NULL));
	assert_int_equal(count_of(&b, "hello"), 3);
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
cut_upload_keeps_its_pieces(void **state)
{
	struct raw_fixture f;
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /stream HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nfirst ");
	assert_true(raw_until_pieces(&f, 6));
	raw_send_text(fd, "second");
	assert_true(raw_until_pieces(&f, 12));
	(void)close(fd);
	assert_true(raw_until(&f, &f.end_count, 1));
	assert_false(f.is_complete);
	assert_string_equal(bytes_cstr(&f.pieces), "first second");
	raw_teardown(&f);
}

static void
early_answer_ends_the_upload(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /early HTTP/1.1\r\n" HOST "Content-Length: 4000000\r\n\r\nabc");
	assert_true(raw_read(&f, fd, &b, "enough"));
	assert_non_null(strstr((const char *)b.p, "Connection: close\r\n"));
	raw_send_text(fd, "more that nobody wants");
	(void)shutdown(fd, SHUT_WR);
	assert_true(raw_read(&f, fd, &b, NULL));
	assert_int_equal(f.end_count, 0);
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
unwanted_small_body_is_skipped(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /hello HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\nGET /x HTTP");
	raw_send_text(fd, "GET /query?second HTTP/1.1\r\n" HOST "\r\n");
	assert_true(raw_read(&f, fd, &b, "second"));
	assert_string_equal((const char *)f.order.p, "/hello /query ");
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
body_over_the_limit_is_413(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\nhello world");
	assert_true(raw_read(&f, fd, &b, "\r\n\r\n"));
	assert_int_equal(status_of(&b), 413);
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
continue_is_said_once_and_only_when_wanted(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &terse);
	fd = raw_connect(&f);
	raw_send_text(
	    fd, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(raw_read(&f, fd, &b, "\r\n\r\n"));
	assert_string_equal((const char *)b.p, "HTTP/1.1 100 Continue\r\n\r\n");
	raw_send_text(fd, "abc");
	assert_true(raw_read(&f, fd, &b, "\r\n\r\nabc"));
	bytes_clear(&b);
	raw_send_text(fd,
	    "POST /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 30\r\n\r\n");
	assert_true(raw_read(&f, fd, &b, "\r\n\r\n"));
	assert_int_equal(status_of(&b), 413);
	(void)shutdown(fd, SHUT_WR);
	assert_true(raw_read(&f, fd, &b, NULL));
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

static void
head_and_bodiless_answers(void **state)
{
	struct raw_fixture f;
	struct bytes b = { 0 };
	int fd;

	(void)state;
	raw_setup(&f, &(struct http_server_options){ .is_terse = false });
	fd = raw_connect(&f);
	raw_send_text(fd, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /peer HTTP/1.1\r\n" HOST "\r\n");
	assert_true(raw_read(&f, fd, &b, "127.0.0.1"));
	assert_int_equal(count_of(&b, "Content-Length: 5\r\n\r\nHTTP/1.1 200 OK"), 1);
	assert_int_equal(count_of(&b, "Content-Type: text/plain\r\n"), 2);
	assert_int_equal(count_of(&b, " GMT\r\n"), 2);
	raw_send_text(fd, "GET /split HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	assert_true(raw_read(&f, fd, &b, "500"));
	(void)shutdown(fd, SHUT_WR);
	assert_true(raw_read(&f, fd, &b, NULL));
	(void)close(fd);
	bytes_free(&b);
	raw_teardown(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_table_is_refused),
		cmocka_unit_test(strict_table_negative),
		cmocka_unit_test(long_heads_are_refused),
		cmocka_unit_test(good_requests_split_anywhere),
		cmocka_unit_test(pipelined_answers_keep_the_order),
		cmocka_unit_test(half_closed_client_is_answered),
		cmocka_unit_test(cut_upload_keeps_its_pieces),
		cmocka_unit_test(early_answer_ends_the_upload),
		cmocka_unit_test(unwanted_small_body_is_skipped),
		cmocka_unit_test(body_over_the_limit_is_413),
		cmocka_unit_test(continue_is_said_once_and_only_when_wanted),
		cmocka_unit_test(head_and_bodiless_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
