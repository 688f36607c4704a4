#include "node/http_call.h"

#include <sodium.h>
#include <string.h>

#include "node/http_client_impl.h"
#include "node/message.h"

#define RETRY_AFTER_SECONDS_MAX 86400
#define PROTOCOLS "http,https"
#define RECORD_HEAD_BYTES 5
#define RECORD_KIND_MIN 20		/* change of cipher */
#define RECORD_KIND_MAX 23		/* data */

static bool
set_long(CURL *e, CURLoption o, long v)
{
	return curl_easy_setopt(e, o, v) == CURLE_OK;
}

static bool
set_text(CURL *e, CURLoption o, const char *s)
{
	return curl_easy_setopt(e, o, s) == CURLE_OK;
}

/* A piece of the body came.  Returning another length than was given ends the transfer. */
static size_t
on_body(char *p, size_t size, size_t count, void *user)
{
	struct http_call *call = user;
	size_t n = size * count;
	long status = 0;

	if (call->state != HTTP_CALL_RUNNING)
		return n + 1;
	if (n > call->reply_bytes_max - call->reply_bytes) {
		call->is_too_long = true;
		n = (size_t)(call->reply_bytes_max - call->reply_bytes);
	}
	call->reply_bytes += n;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (call->on_piece != NULL && n != 0)
		call->on_piece(call->user, (int)status, span_of(p, n));
	if (call->is_too_long || call->state != HTTP_CALL_RUNNING)
		return size * count + 1;
	return n;
}

static bool
is_line_of(const char *p, size_t n, const char *name)
{
	return n >= strlen(name) && curl_strnequal(p, name, strlen(name)) != 0;
}

/* A line of the reply's head came, an empty one at its end.  libcurl takes a connection that is
 * closed amid the head, or before a body of unknown length is over, for the end of a good reply;
 * what is noted here lets us know better. */
static size_t
on_head(char *p, size_t size, size_t count, void *user)
{
	struct http_call *call = user;
	size_t n = size * count;

	if (is_line_of(p, n, "HTTP/")) {	/* the first one, or the next after 100 Continue */
		call->is_head_whole = false;
		call->is_framed = false;
	} else if (n <= 2) {
		call->is_head_whole = true;
	} else if (is_line_of(p, n, "Content-Length:") || is_line_of(p, n, "Transfer-Encoding:")) {
		call->is_framed = true;
	}
	call->reply_head_bytes += n;
	if (call->reply_head_bytes > HTTP_CALL_REPLY_HEAD_BYTES_MAX)
		call->is_too_long = true;
	return call->is_too_long || call->state != HTTP_CALL_RUNNING ? n + 1 : n;
}

/* The length of a TLS record, when @p is its head, which libcurl shows before it shows what is in it. */
static size_t
record_bytes(const char *p, size_t n)
{
	const uint8_t *b = (const uint8_t *)p;
	bool is_head = n == RECORD_HEAD_BYTES && b[0] >= RECORD_KIND_MIN && b[0] <= RECORD_KIND_MAX && b[1] == 3;

	return is_head ? RECORD_HEAD_BYTES + ((size_t)b[3] << 8 | b[4]) : 0;
}

/* Count what goes out.  CURLINFO_REQUEST_SIZE and CURLINFO_SIZE_UPLOAD overlap by the part of the
 * body that went out together with the head, and neither tells how much that was. */
static int
on_trace(CURL *easy, curl_infotype type, char *p, size_t n, void *user)
{
	struct http_call *call = user;

	(void)easy;
	if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT)
		call->sent_bytes += n;
	else if (type == CURLINFO_SSL_DATA_OUT)
		call->tls_sent_bytes += record_bytes(p, n);
	else if (type == CURLINFO_SSL_DATA_IN)
		call->tls_received_bytes += record_bytes(p, n);
	return 0;
}

static bool
set_callbacks(struct http_call *call)
{
	CURL *e = call->easy;

	return curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_WRITEDATA, call) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_HEADERDATA, call) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_DEBUGFUNCTION, on_trace) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_DEBUGDATA, call) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_PRIVATE, call) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->detail) == CURLE_OK &&
	    set_long(e, CURLOPT_VERBOSE, 1);
}

static bool
header_add(struct http_call *call, const char *line)
{
	struct curl_slist *list = curl_slist_append(call->headers, line);

	if (list == NULL)
		return false;
	call->headers = list;
	return true;
}

/* "Name:" takes out what libcurl would add.  The caller's lines come first, because the first of a
 * name wins. */
static bool
set_headers(struct http_call *call, const struct http_call_options *o)
{
	static const char *const unwanted[] = {
		"Accept:", "User-Agent:", "Content-Type:", "Expect:"
	};
	bool is_ok = true;
	size_t i, k;

	for (i = 0; o->headers != NULL && o->headers[i] != NULL; i++)
		is_ok = is_ok && header_add(call, o->headers[i]);
	for (k = 0; k < sizeof(unwanted) / sizeof(unwanted[0]); k++) {
		size_t n = strlen(unwanted[k]);
		bool is_given = false;

		for (i = 0; o->headers != NULL && o->headers[i] != NULL; i++)
			is_given = is_given || curl_strnequal(o->headers[i], unwanted[k], n) != 0;
		is_ok = is_ok && (is_given || header_add(call, unwanted[k]));
	}
	return is_ok && curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

static bool
set_method(CURL *e, const struct http_call_options *o)
{
	bool is_with_body = o->body.n != 0 || strcmp(o->method, "POST") == 0 ||
	    strcmp(o->method, "PUT") == 0 || strcmp(o->method, "PATCH") == 0;

	if (strcmp(o->method, "HEAD") == 0)
		return set_long(e, CURLOPT_NOBODY, 1);
	if (is_with_body &&
	    (curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)o->body.n) != CURLE_OK ||
		curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS,
		    o->body.n == 0 ? "" : (const char *)o->body.p) != CURLE_OK))
		return false;
	if (strcmp(o->method, is_with_body ? "POST" : "GET") == 0)
		return true;
	return set_text(e, CURLOPT_CUSTOMREQUEST, o->method);
}

static bool
set_rules(CURL *e, const struct http_call_options *o)
{
	return set_text(e, CURLOPT_PROTOCOLS_STR, PROTOCOLS) &&
	    set_long(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) &&
	    set_long(e, CURLOPT_FOLLOWLOCATION, 0) &&
	    set_text(e, CURLOPT_PROXY, "") &&
	    set_long(e, CURLOPT_NOSIGNAL, 1) &&
	    set_long(e, CURLOPT_QUICK_EXIT, 1) &&
	    set_long(e, CURLOPT_MAXAGE_CONN, HTTP_CLIENT_IDLE_SECONDS) &&
	    set_long(e, CURLOPT_CONNECTTIMEOUT_MS,
		o->connect_timeout_ms != 0 ? (long)o->connect_timeout_ms : HTTP_CALL_CONNECT_MS) &&
	    set_long(e, CURLOPT_TIMEOUT_MS, (long)o->total_timeout_ms) &&
	    set_long(e, CURLOPT_LOW_SPEED_LIMIT, (long)o->low_speed_bytes) &&
	    set_long(e, CURLOPT_LOW_SPEED_TIME, (long)o->low_speed_seconds);
}

/* Called by libcurl for each new connection, after it has set @context up itself. */
static CURLcode
on_tls_context(CURL *easy, void *context, void *user)
{
	struct http_call *call = user;

	(void)easy;
	return tls_prepare(call->tls, context, &call->check) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* The one key also in libcurl's own words: it then uses no connection or session that was made for another, and looks
 * once more itself.  A call that takes several keys has its connection for itself. */
static bool
set_pin(struct http_call *call, struct span keys)
{
	static const uint8_t prefix[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
	uint8_t info[sizeof(prefix) + PUBKEY_BYTES], hash[crypto_hash_sha256_BYTES];	/* SubjectPublicKeyInfo */
	char pin[sizeof("sha256//") + sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_ORIGINAL)] =
	    "sha256//";
	CURL *e = call->easy;

	if (keys.n != PUBKEY_BYTES)
		return set_long(e, CURLOPT_FRESH_CONNECT, 1) && set_long(e, CURLOPT_FORBID_REUSE, 1) &&
		    set_long(e, CURLOPT_SSL_SESSIONID_CACHE, 0);
	memcpy(info, prefix, sizeof(prefix));
	memcpy(info + sizeof(prefix), keys.p, PUBKEY_BYTES);
	(void)crypto_hash_sha256(hash, info, sizeof(info));
	(void)sodium_bin2base64(pin + strlen(pin), sizeof(pin) - strlen(pin), hash, sizeof(hash),
	    sodium_base64_VARIANT_ORIGINAL);
	return set_text(e, CURLOPT_PINNEDPUBLICKEY, pin);
}

/* We check ourselves, in tls_prepare(), and trust no certificates of the system's. */
static bool
set_tls(struct http_call *call, const struct http_call_options *o)
{
	CURL *e = call->easy;

	call->tls = o->tls != NULL || call->client == NULL ? o->tls : call->client->tls;
	bytes_put(&call->tls_keys, o->tls_keys.p, o->tls_keys.n);
	call->check.keys = span_bytes(&call->tls_keys);
	return bytes_rc(&call->tls_keys) == RC_OK && set_long(e, CURLOPT_SSL_VERIFYPEER, 0) &&
	    set_long(e, CURLOPT_SSL_VERIFYHOST, 0) && set_text(e, CURLOPT_CAINFO, NULL) &&
	    set_text(e, CURLOPT_CAPATH, NULL) &&
	    set_long(e, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3) &&
	    curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK &&
	    curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, call) == CURLE_OK && set_pin(call, o->tls_keys);
}

static bool
set_target(struct http_call *call, const struct http_call_options *o)
{
	CURL *e = call->easy;

	/* Who gives no keys expects no TLS. */
	return (o->tls_keys.n != 0 ? set_tls(call, o) : set_text(e, CURLOPT_PROTOCOLS_STR, "http")) &&
	    set_text(e, CURLOPT_URL, o->url) && (o->unix_socket_path == NULL ||
	    set_text(e, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket_path));
}

static void
call_free(struct http_call *call)
{
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	bytes_free(&call->tls_keys);
	mem_free(call);
}

static struct http_call *
call_new(struct http_client *client, const struct http_call_options *o)
{
	struct http_call *call;

	INVARIANT(o->method != NULL);
	INVARIANT(o->url != NULL);
	INVARIANT(o->reply_bytes_max != 0);
	if ((call = mem_alloc(sizeof(*call))) == NULL)
		return NULL;
	call->client = client;
	call->is_head_method = strcmp(o->method, "HEAD") == 0;
	call->reply_bytes_max = o->reply_bytes_max;
	call->on_piece = o->on_piece;
	call->on_done = o->on_done;
	call->user = o->user;
	if ((call->easy = curl_easy_init()) == NULL || !set_callbacks(call) ||
	    !set_headers(call, o) || !set_method(call->easy, o) || !set_rules(call->easy, o) ||
	    !set_target(call, o) ||
	    (client != NULL && !http_client_adopt(client, call->easy))) {
		call_free(call);
		return NULL;
	}
	return call;
}

static void
unlink_call(struct http_call *call)
{
	struct http_client *c = call->client;

	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		c->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	c->call_count--;
	(void)curl_multi_remove_handle(c->multi, call->easy); /* harmless when it was never added */
}

void
http_call_drop(struct http_call *call)
{
	unlink_call(call);
	call_free(call);
}

enum rc
http_call_start(struct http_client *client, const struct http_call_options *options,
    struct http_call **call_out, struct diag *d)
{
	struct http_call *call;

	INVARIANT(!client->is_closing);
	if (strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0)
		return diag_fail(
		    d, RC_INPUT, "%s: an address begins with http:// or https://", options->url);
	if ((call = call_new(client, options)) == NULL)
		return diag_fail(d, RC_NOMEM, "cannot call %s: no memory", options->url);
	call->state = HTTP_CALL_QUEUED;
	call->next = client->first;
	if (call->next != NULL)
		call->next->prev = call;
	client->first = call;
	client->call_count++;
	*call_out = call;
	if (client->is_in_curl) {
		client->is_unsettled = true;
		return RC_OK;
	}
	call->state = HTTP_CALL_RUNNING;
	if (curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
		http_call_drop(call);
		return diag_fail(d, RC_NOMEM, "cannot call %s: no memory", options->url);
	}
	return RC_OK;
}

void
http_call_cancel(struct http_call *call)
{
	if (call == NULL)
		return;
	if (!call->client->is_in_curl) {
		http_call_drop(call);
		return;
	}
	call->state = HTTP_CALL_CANCELLED;
	call->client->is_unsettled = true;
}

/* Did all of the reply come, as far as its own head tells?  One that does not tell counts as
 * cut. */
static bool
is_reply_whole(const struct http_call *call, int status)
{
	if (!call->is_head_whole || status < 200)
		return false;
	return call->is_framed || call->is_head_method || status == 204 || status == 304;
}

static enum rc
outcome_of(const struct http_call *call, CURLcode code, int status)
{
	if (call->state == HTTP_CALL_FAILED)
		return call->fail_rc;
	if (call->is_too_long)
		return RC_LIMIT;
	if (call->check.is_stranger || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return RC_PEER;
	switch (code) {
	case CURLE_OK:
		return is_reply_whole(call, status) ? RC_OK : RC_LINK;
	case CURLE_OUT_OF_MEMORY:
		return RC_NOMEM;
	case CURLE_URL_MALFORMAT:
		return RC_INPUT;
	case CURLE_SSL_CONNECT_ERROR:
		return RC_LINK;		/* garbled, or it does not speak TLS as we do */
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return call->sent_bytes == 0 ? RC_INPUT : RC_PEER;
	default:
		return call->sent_bytes == 0 ? RC_UNREACHABLE : RC_LINK;
	}
}

static void
result_fill(struct http_call_result *r, const struct http_call *call, CURLcode code)
{
	curl_off_t body = 0, retry_after = 0;
	long head = 0, status = 0, connects = 0;

	memset(r, 0, sizeof(*r));
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
	(void)curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &head);
	(void)curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &body);
	(void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
	if (retry_after > 0)
		r->retry_after_seconds = retry_after < RETRY_AFTER_SECONDS_MAX ? (uint32_t)retry_after :
		    RETRY_AFTER_SECONDS_MAX;
	r->status = (int)status;
	r->rc = outcome_of(call, code, r->status);
	r->sent_bytes = call->sent_bytes;
	r->received_bytes = (uint64_t)head + (uint64_t)body;
	r->is_reused = connects == 0 && call->sent_bytes != 0;
	r->is_shaking = code == CURLE_SSL_CONNECT_ERROR;
	r->is_stranger = call->check.is_stranger || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
	r->wire_sent_bytes = call->tls_sent_bytes != 0 ? call->tls_sent_bytes : r->sent_bytes;
	r->wire_received_bytes = call->tls_sent_bytes != 0 ? call->tls_received_bytes : r->received_bytes;
	r->detail = "";
	if (r->rc == RC_LIMIT)
		r->detail = "the reply is too long";
	else if (r->rc == RC_LINK && code == CURLE_OK)
		r->detail = "the reply was cut, or does not tell its length";
	else if (r->rc != RC_OK)
		r->detail = call->detail[0] != '\0' ? call->detail : curl_easy_strerror(code);
}

void
http_call_done(struct http_call *call, CURLcode code)
{
	struct http_call_result r;

	result_fill(&r, call, code);
	unlink_call(call);
	if (call->on_done != NULL)
		call->on_done(call->user, &r);
	call_free(call);
}

static void
on_blocking_piece(void *user, int status, struct span piece)
{
	(void)status;
	bytes_put(user, piece.p, piece.n);
}

enum rc
http_call_blocking(
    const struct http_call_options *options, struct bytes *reply, int *status, struct diag *d)
{
	struct http_call_options o = *options;
	struct http_call_result r;
	struct http_call *call;
	const char *where = o.unix_socket_path != NULL ? o.unix_socket_path : o.url;
	enum rc rc;

	*status = 0;
	o.on_piece = on_blocking_piece;
	o.user = reply;
	if ((call = call_new(NULL, &o)) == NULL)
		return diag_fail(d, RC_NOMEM, "cannot call %s: no memory", where);
	call->state = HTTP_CALL_RUNNING;
	result_fill(&r, call, curl_easy_perform(call->easy));
	*status = r.status;
	rc = r.rc;
	if (rc == RC_OK)
		rc = bytes_rc(reply);
	if (rc == RC_PEER && r.is_stranger)
		(void)diag_fail(d, rc, message(MSG_TLS_STRANGER), where);
	else if (rc != RC_OK)
		(void)diag_fail(
		    d, rc, "cannot talk to %s: %s", where, rc == RC_NOMEM ? "no memory" : r.detail);
	call_free(call);
	return rc;
}
