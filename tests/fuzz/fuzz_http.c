/* tests/fuzz/fuzz_http.c - the strict head parser on any bytes.
 *
 * Covers: http_parse_feed, http_parse_header, http_parse_reset.
 * Input:  one byte that seeds the cuts, then the bytes of one connection.
 * Checks: how the bytes are cut makes no difference; what is accepted keeps the rules H1-H10,
 *         looked at here by other means than the parser's.
 */
#include <string.h>
#include <strings.h>

#include "node/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed one head, in pieces given by @seed (0: whole); returns the bytes used. */
static size_t
feed(struct http_parse *p, const uint8_t *in, size_t n, uint32_t seed)
{
	size_t at = 0;

	while (at < n && (p->state == HTTP_PARSE_EMPTY || p->state == HTTP_PARSE_MORE)) {
		size_t piece = n - at;

		if (seed != 0) {
			seed = seed * 1103515245 + 12345;
			piece = 1 + (seed >> 16) % 17;
		}
		if (piece > n - at)
			piece = n - at;
		at += http_parse_feed(p, span_of(in + at, piece));
	}
	return at;
}

static void
check_same(const struct http_parse *a, const struct http_parse *b)
{
	uint32_t i;

	INVARIANT(a->state == b->state);
	if (a->state == HTTP_PARSE_REFUSED) {
		INVARIANT(a->status == b->status);
		INVARIANT(a->status >= 400 && a->status <= 599);
		INVARIANT(strcmp(a->reason, b->reason) == 0);
	}
	if (a->state != HTTP_PARSE_DONE)
		return;
	INVARIANT(a->header_count == b->header_count);
	INVARIANT(a->content_length == b->content_length);
	INVARIANT(a->is_keep_alive == b->is_keep_alive);
	INVARIANT(strcmp(a->path, b->path) == 0);
	INVARIANT(strcmp(a->query, b->query) == 0);
	for (i = 0; i < a->header_count; i++) {
		INVARIANT(strcmp(a->headers[i].name, b->headers[i].name) == 0);
		INVARIANT(strcmp(a->headers[i].value, b->headers[i].value) == 0);
	}
}

/* Write the accepted head anew; without regard to spaces around values it must be what was sent. */
static void
check_accepted(const struct http_parse *p, const uint8_t *in, size_t used)
{
	struct bytes again = { 0 };
	size_t i = 0, k = 0;
	uint32_t h;

	INVARIANT(p->path[0] == '/');
	INVARIANT(used <= HTTP_HEAD_BYTES_MAX);
	INVARIANT(p->header_count <= HTTP_HEADERS_MAX);
	INVARIANT(http_parse_header(p, "host") != NULL);
	INVARIANT(http_parse_header(p, "transfer-encoding") == NULL);
	INVARIANT(p->content_length < 1000000000000000);
	INVARIANT(p->content_length == 0 || http_parse_header(p, "CONTENT-LENGTH") != NULL);
	bytes_fmt(&again, "%s %s", p->method, p->path);
	if (memchr(in, '?', used) != NULL && again.n < used && in[again.n] == '?')
		bytes_fmt(&again, "?%s", p->query);
	bytes_str(&again, " HTTP/1.1\r\n");
	for (h = 0; h < p->header_count; h++)
		bytes_fmt(&again, "%s:%s\r\n", p->headers[h].name, p->headers[h].value);
	bytes_str(&again, "\r\n");
	INVARIANT(bytes_rc(&again) == RC_OK);
	while (i < used || k < again.n) {
		if (i < used && k < again.n && in[i] == again.p[k]) {
			i++;
			k++;
			continue;
		}
		INVARIANT(i < used);
		INVARIANT(in[i] == ' ' || in[i] == '\t');
		i++;
	}
	bytes_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_parse whole, cut;
	uint32_t seed;

	if (size == 0)
		return 0;
	seed = data[0];
	data++;
	size--;
	http_parse_init(&whole);
	http_parse_init(&cut);
	while (size > 0) {
		size_t used = feed(&whole, data, size, 0);
		size_t used_cut = feed(&cut, data, size, seed + 1);

		INVARIANT(used == used_cut);
		check_same(&whole, &cut);
		if (whole.state != HTTP_PARSE_DONE)
			break;
		check_accepted(&whole, data, used);
		data += used;		/* pipelined, without bodies */
		size -= used;
		http_parse_reset(&whole);
		http_parse_reset(&cut);
	}
	http_parse_fini(&whole);
	http_parse_fini(&cut);
	return 0;
}
