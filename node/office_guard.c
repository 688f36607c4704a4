/* What the office listener lets in, when the officer's browser also shows pages of others.
 *
 * Such a page can send requests here; what it must not do is change anything, or read anything.
 *   O1. Host is this listener's own address, by number or as localhost: a foreign name that was made to point here
 *       (DNS rebinding) is not.
 *   O2. Origin, when there is one, is this very address and port.
 *   O3. Sec-Fetch-Site, when there is one, is same-origin or none (typed by the user); only the page itself, path "/",
 *       may be come to by a link from elsewhere.
 *   O4. What changes something comes as application/json, which a form cannot send; and from a browser, that is with
 *       Origin or Sec-Fetch-Site, with the cookie that the page at "/" sets: SameSite=Strict, HttpOnly, new at every
 *       start.
 *   O5. No answer allows another origin anything: no CORS header; CORP, nosniff, no frames, no sniffing, no store.
 * Programs send none of these headers and need no cookie: whoever may connect to loopback may use the API. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "node/logline.h"
#include "node/office.h"

#define TOKEN_BYTES 16
#define OWN_BYTES 64

static char g_token[2 * TOKEN_BYTES + 1];

static const char *
token(void)
{
	uint8_t random[TOKEN_BYTES];

	if (g_token[0] == '\0') {
		randombytes_buf(random, sizeof(random));
		(void)sodium_bin2hex(g_token, sizeof(g_token), random, sizeof(random));
	}
	return g_token;
}

/* The cookie's name: cookies are kept by host, whatever the port, and there may be several nodes on one. */
static int
cookie_name(const struct daemon *n, char out[OWN_BYTES])
{
	return snprintf(out, OWN_BYTES, "ocop-%d", http_server_port(n->office_server));
}

void
office_cookie(const struct daemon *n, struct bytes *headers)
{
	char name[OWN_BYTES];

	(void)cookie_name(n, name);
	bytes_fmt(headers, "Set-Cookie: %s=%s; Path=/; HttpOnly; SameSite=Strict\r\n", name, token());
}

/* Is our cookie among those in @header? */
static bool
has_cookie(const struct daemon *n, const char *header)
{
	char own[OWN_BYTES + sizeof(g_token) + 1];
	size_t len, k;
	int i;

	i = cookie_name(n, own);
	len = (size_t)i + (size_t)snprintf(own + i, sizeof(own) - (size_t)i, "=%s", token());
	while (header != NULL) {
		header += strspn(header, "; ");
		k = strcspn(header, ";");
		if (k == len && sodium_memcmp(header, own, len) == 0)
			return true;
		header = header[k] == '\0' ? NULL : header + k;
	}
	return false;
}

/* O1, O2 */
static bool
is_own(const struct daemon *n, const char *host, const char *origin)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
	int port = http_server_port(n->office_server);
	char own[OWN_BYTES];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(own, sizeof(own), "http://%s:%d", names[i], port);
		if (host != NULL && strcasecmp(host, own + sizeof("http://") - 1) == 0)
			return origin == NULL || strcasecmp(origin, own) == 0;
	}
	return false;
}

/* O3 */
static bool
is_site_own(struct http_exchange *x, const char *site)
{
	const char *mode = http_exchange_header(x, "Sec-Fetch-Mode");
	const char *dest = http_exchange_header(x, "Sec-Fetch-Dest");

	if (site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
		return true;
	return strcmp(http_exchange_method(x), "GET") == 0 && strcmp(http_exchange_path(x), "/") == 0 &&
	    mode != NULL && strcmp(mode, "navigate") == 0 && dest != NULL && strcmp(dest, "document") == 0;
}

static bool
is_json(const char *type)
{
	return type != NULL && strncasecmp(type, "application/json", 16) == 0 &&
	    (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
}

int
office_guard(const struct daemon *n, struct http_exchange *x, const char **what)
{
	const char *origin = http_exchange_header(x, "Origin"), *method = http_exchange_method(x);
	const char *site = http_exchange_header(x, "Sec-Fetch-Site");
	bool is_reading = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	*what = "";
	if (!is_own(n, http_exchange_header(x, "Host"), origin))
		*what = "Host, Origin";
	else if (!is_site_own(x, site))
		*what = "Sec-Fetch-Site";
	else if (!is_reading && (origin != NULL || site != NULL) && !has_cookie(n, http_exchange_header(x, "Cookie")))
		*what = "Cookie";
	if (**what != '\0') {
		logline(LOGLINE_WARN, "office_refused", "status=403 by=%s", (*what)[0] == 'H' ? "host" : *what);
		return 403;
	}
	if (is_reading || is_json(http_exchange_header(x, "Content-Type")))
		return 0;
	*what = "application/json";
	return 415;
}
