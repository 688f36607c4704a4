/* The office listener: health, metrics, the JSON API, and a page that says what this node is.
 *
 * Every API request is a command with --json; only the way in and out differs:
 *   GET  /api/v1/status|peers|conflicts|quarantine|log|digest     the command of that name
 *   GET  /api/v1/conflicts/ID, /api/v1/quarantine/ID, /api/v1/log/TABLE/KEY
 *   POST /api/v1/conflicts/ID      {"take":N} or {"set":{"COLUMN":VALUE}}
 *   POST /api/v1/save              lines as `apply` takes them
 *   POST /api/v1/sync              a round with the parent
 *   GET  /api/v1/TABLE?COLUMN=VALUE, /api/v1/TABLE/KEY            list, get
 * Errors are problem details (RFC 9457).  Who may ask: office_guard.c. */
#include <stdio.h>
#include <string.h>

#include "node/command_job.h"
#include "node/json_read.h"
#include "node/logline.h"
#include "node/office.h"

#define API_PREFIX "/api/v1/"
#define API_BODY_BYTES_MAX ((size_t)8 << 20)
#define API_PARTS_MAX 4
#define API_LIST_LIMIT "--limit=20000"	/* rows of one answer */
#define API_ANSWER_BYTES_MAX ((size_t)16 << 20)
#define API_QUERY_MAX 32

struct request {
	struct command_job job;
	struct http_exchange *x;	/* without an abort function: it and its body stay until the reply */
	const char *argv[API_PARTS_MAX + API_QUERY_MAX];
	struct command_file file;
	uint64_t body_bytes;		/* taken of what all bodies may have */
	bool is_long;			/* the answer went beyond API_ANSWER_BYTES_MAX, and was thrown away */
	bool is_post;
	const char *parts[API_PARTS_MAX];
	size_t parts_count;
};

static int
status_of(enum rc rc)
{
	switch (rc) {
	case RC_OK:
	case RC_DIFFER:
		return 200;
	case RC_INPUT:
		return 400;
	case RC_DENIED:
		return 403;
	case RC_NOTFOUND:
		return 404;
	case RC_CONFLICT:
		return 409;
	case RC_LIMIT:
		return 413;
	case RC_UNREACHABLE:
	case RC_LINK:
	case RC_PEER:
	case RC_GAP:
		return 502;
	case RC_BUSY:
		return 503;
	case RC_FULL:
		return 507;
	default:
		return 500;
	}
}

void
office_problem(struct http_exchange *x, int status, const char *title, const char *detail)
{
	struct http_reply reply = { .status = status, .content_type = "application/problem+json" };
	struct json_write w;
	struct bytes body;

	bytes_init(&body);
	json_write_init(&w, &body, false);
	json_write_object(&w);
	json_write_key(&w, "type");
	json_write_cstr(&w, "about:blank");
	json_write_key(&w, "title");
	json_write_cstr(&w, title);
	json_write_key(&w, "status");
	json_write_int64(&w, status);
	if (detail[0] != '\0') {
		json_write_key(&w, "detail");
		json_write_cstr(&w, detail);
	}
	json_write_object_end(&w);
	reply.headers = status == 503 ? "Retry-After: 2\r\n" OFFICE_HEADERS : OFFICE_HEADERS;
	if (json_write_end(&w) != RC_OK)
		bytes_clear(&body);
	http_exchange_reply_take(x, &reply, &body);
	bytes_free(&body);
}

static void
request_free(struct request *q)
{
	q->job.node->office_requests--;
	local_server_bytes_give(q->job.node, q->body_bytes);
	command_job_fini(&q->job);
	mem_free(q);
}

static void
on_job_done(struct command_job *job)
{
	struct request *q = (struct request *)job;
	struct http_reply reply = { .status = 200, .content_type = "application/json",
		.headers = OFFICE_HEADERS };

	if (q->is_long)
		office_problem(q->x, 413, rc_name(RC_LIMIT), message(MSG_ANSWER_LONG));
	else if (job->rc == RC_OK || job->rc == RC_DIFFER)
		http_exchange_reply_take(q->x, &reply, &job->env.out);
	else
		office_problem(q->x, status_of(job->rc), rc_name(job->rc), job->diag.text);
	request_free(q);
}

static void
arg(struct request *q, const char *text)
{
	if ((size_t)q->job.env.argc < sizeof(q->argv) / sizeof(q->argv[0]))
		q->argv[q->job.env.argc++] = text;
}

static void
on_flush(struct command_env *env)
{
	struct request *q = (struct request *)((char *)env - offsetof(struct request, job.env));

	q->is_long = q->is_long || env->out.n > API_ANSWER_BYTES_MAX;
	if (q->is_long)
		bytes_clear(&env->out);
}

static void
request_run(struct request *q)
{
	struct command_env *env = &q->job.env;
	enum rc rc;

	env->argv = q->argv;
	env->is_json = true;
	env->flush = on_flush;
	env->language = message_language();
	q->job.command = command_find(q->argv[0]);
	q->job.done = on_job_done;
	INVARIANT(q->job.command != NULL);
	rc = env->arena.failed ? RC_NOMEM : command_job_submit(&q->job);
	if (rc != RC_OK) {
		office_problem(q->x, status_of(rc), rc_name(rc), q->job.diag.text);
		request_free(q);
	}
}

/* ---- from URL to arguments */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* @s with its %XX and, in a query, + resolved, in the arena; NULL for what cannot be one. */
static const char *
decode(struct arena *arena, struct span s, bool is_query)
{
	char *out = arena_alloc(arena, s.n + 1);
	size_t i, n = 0;

	if (out == NULL)
		return NULL;
	for (i = 0; i < s.n; i++) {
		char c = (char)s.p[i];

		if (c == '%') {
			if (i + 2 >= s.n || hex((char)s.p[i + 1]) < 0 || hex((char)s.p[i + 2]) < 0)
				return NULL;
			c = (char)(hex((char)s.p[i + 1]) * 16 + hex((char)s.p[i + 2]));
			i += 2;
			if (c == '\0')
				return NULL;
		} else if (c == '+' && is_query) {
			c = ' ';
		}
		out[n++] = c;
	}
	return out;
}

static bool
path_split(struct request *q, const char *path)
{
	const char *slash;
	size_t n;

	while (*path != '\0') {
		slash = strchr(path, '/');
		n = slash == NULL ? strlen(path) : (size_t)(slash - path);
		if (q->parts_count == API_PARTS_MAX ||
		    (q->parts[q->parts_count++] = decode(&q->job.env.arena, span_of(path, n), false)) == NULL)
			return false;
		path += n + (slash != NULL);
	}
	return q->parts_count != 0;
}

/* COLUMN=VALUE&…, as arguments of the same form. */
static bool
query_split(struct request *q, const char *query)
{
	const char *and, *text;
	size_t n;

	while (*query != '\0') {
		and = strchr(query, '&');
		n = and == NULL ? strlen(query) : (size_t)(and - query);
		if ((text = decode(&q->job.env.arena, span_of(query, n), true)) == NULL || strncmp(text, "--", 2) == 0)
			return false;
		arg(q, text);
		query += n + (and != NULL);
	}
	return true;
}

/* GET: the arguments of the command; false when there is no such address. */
static bool
get_route(struct request *q)
{
	static const char *const plain[] = { "status", "peers", "conflicts", "quarantine", "log", "digest" };
	size_t i, n = q->parts_count;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(q->parts[0], plain[i]) != 0)
			continue;
		arg(q, plain[i]);
		if (n == 2 && (i == 2 || i == 3)) {
			arg(q, "show");
			arg(q, "--");
			arg(q, q->parts[1]);
			return true;
		}
		if (n == 3 && i == 4) {
			arg(q, "--");
			arg(q, q->parts[1]);
			arg(q, q->parts[2]);
			return true;
		}
		return n == 1;
	}
	if (n > 2)
		return false;
	arg(q, n == 1 ? "list" : "get");
	if (n == 1)
		arg(q, API_LIST_LIMIT);
	arg(q, "--");
	arg(q, q->parts[0]);
	if (n == 1)
		return query_split(q, http_exchange_query(q->x));
	arg(q, q->parts[1]);
	return true;
}

/* {"take":N} or {"set":{"COLUMN":VALUE}} as options of `conflicts resolve`. */
static bool
decision_read(struct request *q, struct span body)
{
	const struct cJSON *set, *member;
	struct arena *arena = &q->job.env.arena;
	struct span text = span_of(NULL, 0);
	struct bytes b;
	struct json json;
	bool is_ok = false;

	bytes_init(&b);
	if (json_read(&json, body, API_BODY_BYTES_MAX, &q->job.diag) == RC_OK) {
		set = json_member(json.root, "set");
		member = json_first(set);
		if (json_number_text(json_member(json.root, "take"), &text)) {
			arg(q, "--take");
			arg(q, arena_text(arena, text));
			is_ok = set == NULL;
		} else if (json_count(set) == 1 && json_name(member) != NULL &&
		    (json_is_null(member) || json_string(member, &text) || json_number_text(member, &text))) {
			bytes_fmt(&b, "%s=", json_name(member));
			if (json_is_null(member))
				bytes_str(&b, "null");
			else
				bytes_put(&b, text.p, text.n);
			arg(q, "--set");
			arg(q, arena_text(arena, span_bytes(&b)));
			is_ok = !b.failed;
		}
	}
	json_fini(&json);
	bytes_free(&b);
	return is_ok;
}

/* The client went away before its body was there. */
static void
on_body_abort(void *user, struct http_exchange *x)
{
	(void)x;
	request_free(user);
}

static void
on_body(void *user, struct http_exchange *x, struct span body)
{
	struct request *q = user;

	http_exchange_on_abort(x, NULL, NULL);	/* from here on it stays until the reply */
	if (strcmp(q->parts[0], "save") == 0) {
		arg(q, "apply");
		arg(q, "-");
		q->file = (struct command_file){ "-", body };
		q->job.env.files = &q->file;
		q->job.env.files_count = 1;
	} else if (strcmp(q->parts[0], "sync") == 0) {
		arg(q, "sync");
	} else {
		arg(q, "conflicts");
		arg(q, "resolve");
		if (!decision_read(q, body)) {
			office_problem(x, 400, rc_name(RC_INPUT), q->job.diag.text[0] != '\0' ? q->job.diag.text :
			    "{\"take\":N} | {\"set\":{COLUMN:VALUE}}");
			request_free(q);
			return;
		}
		arg(q, "--");
		arg(q, q->parts[1]);
	}
	request_run(q);
}

static void
api_post(struct request *q)
{
	bool is_known = q->parts_count == 1 ?
	    strcmp(q->parts[0], "save") == 0 || strcmp(q->parts[0], "sync") == 0 :
	    q->parts_count == 2 && strcmp(q->parts[0], "conflicts") == 0;
	struct http_exchange *x = q->x;
	uint64_t length = http_exchange_content_length(x);

	if (!is_known) {
		office_problem(x, 404, rc_name(RC_NOTFOUND), "");
		request_free(q);
	} else if (!local_server_bytes_take(q->job.node, length)) {
		office_problem(x, 503, rc_name(RC_BUSY), message(MSG_DAEMON_FULL));
		request_free(q);
	} else {
		q->body_bytes = length;
		if (http_exchange_want_body(x, API_BODY_BYTES_MAX, on_body, q))
			http_exchange_on_abort(x, on_body_abort, q);
		else
			request_free(q);
	}
}

void
office_api(struct daemon *n, struct http_exchange *x)
{
	struct request *q = mem_alloc(sizeof(*q));
	const char *method = http_exchange_method(x);

	if (q == NULL || n->office_requests >= OFFICE_REQUESTS_MAX) {
		mem_free(q);
		office_problem(x, 503, rc_name(RC_BUSY), message(MSG_DAEMON_FULL));
		return;
	}
	n->office_requests++;
	command_job_init(&q->job, n);
	q->x = x;
	q->is_post = strcmp(method, "POST") == 0;
	if (!q->is_post && strcmp(method, "GET") != 0) {
		office_problem(x, 405, method, "");
		request_free(q);
	} else if (!path_split(q, http_exchange_path(x) + sizeof(API_PREFIX) - 1)) {
		office_problem(x, 404, rc_name(RC_NOTFOUND), "");
		request_free(q);
	} else if (q->is_post) {
		api_post(q);
	} else if (get_route(q)) {
		request_run(q);
	} else {
		office_problem(x, 404, rc_name(RC_NOTFOUND), "");
		request_free(q);
	}
}

/* ---- the listener */

static void
on_head(void *ctx, struct http_exchange *x)
{
	struct daemon *n = ctx;
	const char *path = http_exchange_path(x);
	struct http_reply reply = { .status = 200, .content_type = "text/plain; charset=utf-8",
		.headers = OFFICE_HEADERS };
	const char *what;
	int status;

	if ((status = office_guard(n, x, &what)) != 0) {
		office_problem(x, status, what, "");
	} else if (n->is_stopping) {
		office_problem(x, 503, rc_name(RC_BUSY), message(MSG_STOPPING));
	} else if (strncmp(path, API_PREFIX, sizeof(API_PREFIX) - 1) == 0) {
		office_api(n, x);
	} else if (strcmp(http_exchange_method(x), "GET") != 0) {
		office_problem(x, 405, http_exchange_method(x), "");
	} else if (strcmp(path, "/healthz") == 0) {
		reply.body = span_str("ok\n");
		http_exchange_reply(x, &reply);
	} else if (strcmp(path, "/metrics") == 0) {
		office_metrics(n, x);
	} else if (strcmp(path, "/") == 0) {
		office_page(n, x);
	} else {
		office_problem(x, 404, rc_name(RC_NOTFOUND), "");
	}
}

enum rc
office_start(struct daemon *n, const char *host, int port, struct diag *d)
{
	struct http_server_options o = { .host = host, .port = port, .on_head = on_head, .ctx = n };

	o.limits.connections_max = OFFICE_CONNECTIONS_MAX;
	o.limits.connections_per_ip_max = OFFICE_CONNECTIONS_MAX;
	o.limits.stop_ms = 1500;
	return http_server_new(&n->loop, &o, &n->office_server, d);
}
