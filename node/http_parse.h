/* node/http_parse.h - the head of one HTTP/1.1 request, read strictly.
 *
 * llhttp does the reading; a gate in front of it and a review behind it hold the strict profile,
 * rules H1-H10:
 * H1.  lines end with CR LF; a bare CR or LF is refused; nothing precedes the request line.
 * H2.  no NUL and no control byte anywhere (HTAB in field values only); the request line is
 *      printable ASCII.
 * H3.  the request line is exactly "METHOD SP TARGET SP HTTP/1.1"; the target is in origin form,
 *      without fragment.
 * H4.  every other version is refused (505), unknown methods too (501).
 * H5.  no line starts with a space or a tab: no obs-fold, no space before the first field.
 * H6.  a field name is a token that the colon follows at once; every line is exactly one field.
 * H7.  exactly one Host, of host characters.
 * H8.  at most one Content-Length, 1 to 15 decimal digits.
 * H9.  no Transfer-Encoding at all (501), no expectation but 100-continue (417).
 * H10. at most HTTP_HEAD_BYTES_MAX bytes and HTTP_HEADERS_MAX fields (414, 431).
 *
 * The body is not read here: without Transfer-Encoding it is the `content_length` bytes after the
 * head.  What is found points into the parser's own copy of the head and lives until
 * http_parse_reset() or _fini().
 */
#ifndef NODE_HTTP_PARSE_H
#define NODE_HTTP_PARSE_H

#include "sync/mem.h"

#define HTTP_HEAD_BYTES_MAX 16384
#define HTTP_HEADERS_MAX 64
#define HTTP_LENGTH_DIGITS_MAX 15

enum http_parse_state {
	HTTP_PARSE_EMPTY,	/* nothing read yet */
	HTTP_PARSE_MORE,	/* inside the head */
	HTTP_PARSE_DONE,	/* the fields below are set */
	HTTP_PARSE_REFUSED	/* `status` and `reason` are set; final */
};

struct http_header {
	const char *name;	/* as sent */
	const char *value;	/* without surrounding spaces; may be "" */
};

struct http_parse {
	enum http_parse_state state;
	int status;			/* what to answer when refused */
	const char *reason;		/* static text */
	struct bytes head;
	uint32_t line_count;		/* complete lines so far */
	uint32_t column;		/* bytes in the line under way, without CR */
	bool is_after_cr;
	const char *method;		/* static text */
	const char *path;		/* not decoded; starts with '/' */
	const char *query;		/* after '?', not decoded; "" without */
	struct http_header headers[HTTP_HEADERS_MAX];
	uint32_t header_count;
	uint64_t content_length;	/* 0 without the field */
	bool is_keep_alive;
	bool is_continue_expected;
};

void http_parse_init(struct http_parse *p);
void http_parse_fini(struct http_parse *p);

/* Forget the head and be ready for the next one.  Memory beyond a small head is given back. */
void http_parse_reset(struct http_parse *p);

/* Read on with @in and return how many bytes of it belonged to the head; the state then tells how
 * it stands.  Only in the states EMPTY and MORE.  How the bytes are cut into pieces makes no
 * difference to the outcome; without memory the head is refused with 503. */
size_t http_parse_feed(struct http_parse *p, struct span in);

/* Value of the first field called @name (any case) of a DONE head, or NULL. */
const char *http_parse_header(const struct http_parse *p, const char *name);

#endif
