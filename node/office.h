/* node/office.h - the parts of the office listener; see office.c. */
#ifndef NODE_OFFICE_H
#define NODE_OFFICE_H

#include "node/daemon.h"

/* On every answer: nothing here is for pages of others (office_guard.c, O5). */
#define OFFICE_HEADERS \
	"Cache-Control: no-store\r\n" \
	"Content-Security-Policy: default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; " \
	"frame-ancestors 'none'\r\n" \
	"Cross-Origin-Opener-Policy: same-origin\r\n" \
	"Cross-Origin-Resource-Policy: same-origin\r\n" \
	"Referrer-Policy: no-referrer\r\n" \
	"X-Content-Type-Options: nosniff\r\n" \
	"X-Frame-Options: DENY\r\n"

void office_api(struct daemon *n, struct http_exchange *x);

/* Answer with problem details (RFC 9457). */
void office_problem(struct http_exchange *x, int status, const char *title, const char *detail);

/* office_guard.c: the status to refuse @x with, and *@what, a constant, for its title; 0: it may go on. */
int office_guard(const struct daemon *n, struct http_exchange *x, const char **what);
/* Append the header that gives a page's browser the right to change something. */
void office_cookie(const struct daemon *n, struct bytes *headers);

/* office_page.c */
void office_metrics(struct daemon *n, struct http_exchange *x);	/* Prometheus text */
void office_page(struct daemon *n, struct http_exchange *x);	/* what this node is */

#endif
