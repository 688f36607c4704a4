#include "node/http_parse.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES_KEPT 2048	/* a parser at rest holds no more */
#define VERSION_TEXT "HTTP/1.1"

/* What llhttp reported, as offsets into the head. */
struct field {
	size_t name_at, name_len;
	size_t value_at, value_len;
};

struct run {
	const char *base;
	struct span target;
	struct field fields[HTTP_HEADERS_MAX];
	uint32_t field_count;
	bool is_name_open;		/* a name was seen, its value not yet ended */
	bool is_complete;
	bool is_keep_alive;
};

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS" };

static void
refuse(struct http_parse *p, int status, const char *reason)
{
	p->state = HTTP_PARSE_REFUSED;
	p->status = status;
	p->reason = reason;
}

void
http_parse_init(struct http_parse *p)
{
	memset(p, 0, sizeof(*p));
}

void
http_parse_fini(struct http_parse *p)
{
	bytes_free(&p->head);
}

void
http_parse_reset(struct http_parse *p)
{
	struct bytes head = p->head;

	if (head.cap > HEAD_BYTES_KEPT)
		bytes_free(&head);
	bytes_clear(&head);
	p->state = HTTP_PARSE_EMPTY;
	p->status = 0;
	p->reason = NULL;
	p->head = head;
	p->line_count = 0;
	p->column = 0;
	p->is_after_cr = false;
	p->header_count = 0;
	p->content_length = 0;
}

/* What follows '\r'.  Returns true when @b ended the line; the empty line ends the head. */
static bool
gate_line_end(struct http_parse *p, uint8_t b)
{
	if (b != '\n') {
		refuse(p, 400, "a CR stands alone");	/* H1 */
		return false;
	}
	p->is_after_cr = false;
	if (p->column == 0 && p->line_count == 0) {
		refuse(p, 400, "empty request line");	/* H1 */
		return false;
	}
	if (p->column == 0) {
		p->state = HTTP_PARSE_DONE;
		return true;
	}
	p->column = 0;
	p->line_count++;
	return true;
}

/* May @b stand here?  Every byte of a head passes through this before llhttp sees it. */
static void
gate(struct http_parse *p, uint8_t b)
{
	if (p->is_after_cr) {
		(void)gate_line_end(p, b);
		return;
	}
	if (b == '\r') {
		p->is_after_cr = true;
		return;
	}
	if (b == '\n')
		refuse(p, 400, "a LF stands alone");			/* H1 */
	else if (b == 0x7F || (b < 0x20 && (b != '\t' || p->line_count == 0)))
		refuse(p, 400, "control byte");				/* H2 */
	else if (p->line_count == 0 && b >= 0x80)
		refuse(p, 400, "request line is not ASCII");		/* H2 */
	else if (p->line_count == 0 && p->column == 0 && (b < 'A' || b > 'Z'))
		refuse(p, 400, "no method");				/* H3 */
	else if (p->column == 0 && (b == ' ' || b == '\t'))
		refuse(p, 400, "line starts with a space");		/* H5 */
	else if (p->line_count > HTTP_HEADERS_MAX)
		refuse(p, 431, "too many fields");			/* H10 */
	p->column++;
}

static int
on_url(llhttp_t *ll, const char *at, size_t n)
{
	struct run *r = ll->data;

	if (r->target.p != NULL)
		return -1;
	r->target = span_of(at, n);
	return 0;
}

static int
on_field(llhttp_t *ll, const char *at, size_t n)
{
	struct run *r = ll->data;

	if (r->is_name_open || r->field_count == HTTP_HEADERS_MAX)
		return -1;
	r->is_name_open = true;
	r->fields[r->field_count].name_at = (size_t)(at - r->base);
	r->fields[r->field_count].name_len = n;
	return 0;
}

static int
on_value(llhttp_t *ll, const char *at, size_t n)
{
	struct run *r = ll->data;
	struct field *f;

	if (!r->is_name_open || r->field_count == HTTP_HEADERS_MAX)
		return -1;
	f = &r->fields[r->field_count];
	if (f->value_len != 0)
		return -1;
	f->value_at = (size_t)(at - r->base);
	f->value_len = n;
	return 0;
}

static int
on_value_complete(llhttp_t *ll)
{
	struct run *r = ll->data;

	if (!r->is_name_open)
		return -1;
	r->is_name_open = false;
	r->field_count++;
	return 0;
}

static int
on_headers_complete(llhttp_t *ll)
{
	struct run *r = ll->data;

	r->is_complete = true;
	r->is_keep_alive = llhttp_should_keep_alive(ll) != 0;
	return HPE_PAUSED;		/* the body is counted, not parsed */
}

static int
status_of_llhttp(llhttp_errno_t e)
{
	if (e == HPE_INVALID_METHOD)
		return 501;
	if (e == HPE_INVALID_VERSION)
		return 505;
	if (e == HPE_INVALID_TRANSFER_ENCODING)
		return 501;
	return 400;
}

static bool
run_llhttp(struct http_parse *p, struct run *r)
{
	llhttp_settings_t settings;
	llhttp_t ll;
	llhttp_errno_t e;

	llhttp_settings_init(&settings);
	settings.on_url = on_url;
	settings.on_header_field = on_field;
	settings.on_header_value = on_value;
	settings.on_header_value_complete = on_value_complete;
	settings.on_headers_complete = on_headers_complete;
	llhttp_init(&ll, HTTP_REQUEST, &settings);
	ll.data = r;
	r->base = (const char *)p->head.p;
	e = llhttp_execute(&ll, r->base, p->head.n);
	if (e != HPE_PAUSED) {
		refuse(p, status_of_llhttp(e), "malformed head");
		return false;
	}
	if (!r->is_complete || r->is_name_open) {
		refuse(p, 400, "malformed head");
		return false;
	}
	return true;
}

/* H3, H4: compare the whole request line with what it must be, so that no leniency of the parser's
 * matters. */
static bool
review_request_line(struct http_parse *p, const struct run *r)
{
	char *line = (char *)p->head.p;
	char *end = memchr(line, '\r', p->head.n);
	char *target = (char *)p->head.p + ((const char *)r->target.p - r->base);
	size_t method_len, n, i;
	char *query;

	INVARIANT(end != NULL);
	n = (size_t)(end - line);
	method_len = (size_t)(target - line);
	if (r->target.p == NULL || method_len < 2 || line[method_len - 1] != ' ' ||
	    target[0] != '/') {
		refuse(p, 400, "target is not in origin form");
		return false;
	}
	if (memchr(target, '#', r->target.n) != NULL || memchr(target, ' ', r->target.n) != NULL) {
		refuse(p, 400, "bad byte in the target");
		return false;
	}
	if (n != method_len + r->target.n + 1 + strlen(VERSION_TEXT) ||
	    target[r->target.n] != ' ' ||
	    memcmp(target + r->target.n + 1, VERSION_TEXT, strlen(VERSION_TEXT)) != 0) {
		refuse(p, 505, "not HTTP/1.1");
		return false;
	}
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strlen(methods[i]) == method_len - 1 &&
		    memcmp(methods[i], line, method_len - 1) == 0)
			p->method = methods[i];
	}
	if (p->method == NULL) {
		refuse(p, 501, "method not served");
		return false;
	}
	target[r->target.n] = '\0';
	query = strchr(target, '?');
	if (query != NULL)
		*query++ = '\0';
	p->path = target;
	p->query = query == NULL ? "" : query;
	return true;
}

static bool
is_token(const char *s, size_t n)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	size_t i;

	for (i = 0; i < n; i++) {
		bool is_alnum = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z');

		if (!is_alnum && (s[i] == '\0' || strchr(others, s[i]) == NULL))
			return false;
	}
	return n != 0;
}

/* H6: field @f starts its line, its colon follows the name, its value ends the line.  Cut both into
 * C strings. */
static bool
review_field(struct http_parse *p, const struct field *f)
{
	char *head = (char *)p->head.p;
	char *name = head + f->name_at;
	char *value = f->value_len == 0 ? NULL : head + f->value_at;
	size_t n = f->value_len;
	char *rest;

	if (f->name_at < 2 || head[f->name_at - 1] != '\n' || !is_token(name, f->name_len) ||
	    name[f->name_len] != ':')
		return false;
	rest = name + f->name_len + 1;
	if (value == NULL)
		value = rest;
	while (rest < value && (*rest == ' ' || *rest == '\t'))
		rest++;
	if (rest != value)
		return false;
	while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		n--;
	rest = value + n;
	while (*rest == ' ' || *rest == '\t')
		rest++;
	if (*rest != '\r')		/* there is one: the gate saw the line end */
		return false;
	name[f->name_len] = '\0';
	value[n] = '\0';
	p->headers[p->header_count++] = (struct http_header){ name, value };
	return true;
}

static bool
is_host(const char *s)
{
	static const char others[] = ".-_~%:[]";
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		bool is_alnum = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= 'A' && s[i] <= 'Z');

		if (!is_alnum && strchr(others, s[i]) == NULL)
			return false;
	}
	return i != 0;
}

static bool
parse_length(const char *s, uint64_t *length)
{
	size_t i;

	*length = 0;
	for (i = 0; s[i] != '\0'; i++) {
		if (s[i] < '0' || s[i] > '9' || i == HTTP_LENGTH_DIGITS_MAX)
			return false;
		*length = *length * 10 + (uint64_t)(s[i] - '0');
	}
	return i != 0;
}

/* H7-H9: the fields that decide where a message ends and to whom it is. */
static void
review_framing(struct http_parse *p)
{
	unsigned host_count = 0, length_count = 0;
	uint32_t i;

	for (i = 0; i < p->header_count; i++) {
		const char *name = p->headers[i].name, *value = p->headers[i].value;

		if (strcasecmp(name, "Transfer-Encoding") == 0) {
			refuse(p, 501, "transfer codings are not served");
			return;
		}
		if (strcasecmp(name, "Host") == 0 && (++host_count > 1 || !is_host(value))) {
			refuse(p, 400, "bad Host");
			return;
		}
		if (strcasecmp(name, "Content-Length") == 0 &&
		    (++length_count > 1 || !parse_length(value, &p->content_length))) {
			refuse(p, 400, "bad Content-Length");
			return;
		}
		if (strcasecmp(name, "Expect") == 0) {
			if (strcasecmp(value, "100-continue") != 0) {
				refuse(p, 417, "unknown expectation");
				return;
			}
			p->is_continue_expected = true;
		}
	}
	if (host_count == 0)
		refuse(p, 400, "no Host");
}

/* The gate let the whole head pass: let llhttp read it, then believe nothing that was not
 * reviewed. */
static void
finish(struct http_parse *p)
{
	struct run r;
	uint32_t i;

	memset(&r, 0, sizeof(r));
	p->method = NULL;
	p->is_continue_expected = false;
	if (!run_llhttp(p, &r) || !review_request_line(p, &r))
		return;
	if (r.field_count + 1 != p->line_count) {
		refuse(p, 400, "a line is not one field");	/* H6 */
		return;
	}
	for (i = 0; i < r.field_count; i++) {
		if (!review_field(p, &r.fields[i])) {
			refuse(p, 400, "malformed field");
			return;
		}
	}
	p->is_keep_alive = r.is_keep_alive;
	review_framing(p);
}

size_t
http_parse_feed(struct http_parse *p, struct span in)
{
	size_t room = HTTP_HEAD_BYTES_MAX - p->head.n;
	size_t i = 0;

	INVARIANT(p->state == HTTP_PARSE_EMPTY || p->state == HTTP_PARSE_MORE);
	if (in.n == 0)
		return 0;
	p->state = HTTP_PARSE_MORE;
	while (i < in.n && i < room && p->state == HTTP_PARSE_MORE)
		gate(p, in.p[i++]);
	if (p->state == HTTP_PARSE_MORE && i < in.n)
		refuse(p, p->line_count == 0 ? 414 : 431, "head too long");	/* H10 */
	if (p->state == HTTP_PARSE_REFUSED)
		return i;
	bytes_put(&p->head, in.p, i);
	if (bytes_rc(&p->head) != RC_OK)
		refuse(p, 503, "no memory");
	else if (p->state == HTTP_PARSE_DONE)
		finish(p);
	return i;
}

const char *
http_parse_header(const struct http_parse *p, const char *name)
{
	uint32_t i;

	for (i = 0; i < p->header_count; i++) {
		if (strcasecmp(p->headers[i].name, name) == 0)
			return p->headers[i].value;
	}
	return NULL;
}
