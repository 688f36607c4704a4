/* Commands of the same user over the local socket; see local_call.h for the bytes. */
#include <string.h>

#include "node/command_job.h"
#include "node/local_call.h"

struct request {
	struct command_job job;
	struct http_exchange *x;	/* once the body came, without an abort function: it stays until the reply */
	uint64_t body_bytes;		/* taken of what all bodies may have */
	struct local_call call;
};

static void
request_free(struct request *q)
{
	local_server_bytes_give(q->job.node, q->body_bytes);
	command_job_fini(&q->job);
	mem_free(q);
}

static void
reply_send(struct request *q)
{
	struct command_env *env = &q->job.env;
	struct http_reply reply = { .status = 200 };
	struct local_outcome o;
	struct bytes body;

	if (q->job.rc != RC_OK)
		command_fail(env, q->job.command == NULL ? NULL : q->job.command->name, q->job.rc, &q->job.diag);
	memset(&o, 0, sizeof(o));
	o.status = (unsigned)command_status(q->job.rc, env->is_usage);
	o.out = span_bytes(&env->out);
	o.err = span_bytes(&env->err);
	if (q->job.rc == RC_OK && env->output_name != NULL) {
		o.output_name = span_str(env->output_name);
		o.output = span_bytes(&env->output);
	}
	bytes_init(&body);
	local_call_outcome_emit(&o, &body);
	http_exchange_reply_take(q->x, &reply, &body);
	bytes_free(&body);
	request_free(q);
}

static void
on_job_done(struct command_job *job)
{
	reply_send((struct request *)job);
}

static void
on_body(void *user, struct http_exchange *x, struct span body)
{
	struct http_reply refusal = { .status = 400 };
	struct request *q = user;
	struct command_env *env = &q->job.env;
	enum rc rc;

	http_exchange_on_abort(x, NULL, NULL);
	if ((rc = local_call_parse(&q->call, body, &env->arena)) != RC_OK) {
		refusal.status = rc == RC_NOMEM ? 503 : 400;
		http_exchange_reply(x, &refusal);
		request_free(q);
		return;
	}
	env->argc = q->call.argc;
	env->argv = q->call.argv;
	env->files = q->call.files;
	env->files_count = q->call.files_count;
	env->author = q->call.author;
	env->is_json = q->call.is_json;
	env->language = q->call.language;
	q->job.command = command_find(q->call.argv[0]);
	q->job.done = on_job_done;
	if (q->job.command == NULL)
		rc = command_usage(env, &q->job.diag, MSG_COMMAND_UNKNOWN, q->call.argv[0]);
	else
		rc = command_job_submit(&q->job);	/* from here on the job is another thread's */
	if (rc != RC_OK) {
		q->job.rc = rc;
		reply_send(q);
	}
}

/* The client went away before its body was there. */
static void
on_body_abort(void *user, struct http_exchange *x)
{
	(void)x;
	request_free(user);
}

static void
on_command(struct daemon *n, struct http_exchange *x)
{
	const struct http_reply busy = { .status = 503 };
	uint64_t length = http_exchange_content_length(x);
	struct request *q = mem_alloc(sizeof(*q));

	if (q == NULL || !local_server_bytes_take(n, length)) {
		mem_free(q);
		http_exchange_reply(x, &busy);
		return;
	}
	command_job_init(&q->job, n);
	q->x = x;
	q->body_bytes = length;
	if (http_exchange_want_body(x, LOCAL_CALL_BYTES_MAX, on_body, q))
		http_exchange_on_abort(x, on_body_abort, q);
	else
		request_free(q);
}

static void
on_head(void *ctx, struct http_exchange *x)
{
	struct http_reply reply = { .status = 404 };

	if (strcmp(http_exchange_path(x), LOCAL_CALL_PATH) == 0 && strcmp(http_exchange_method(x), "POST") == 0)
		on_command(ctx, x);
	else
		http_exchange_reply(x, &reply);
}

bool
local_server_bytes_take(struct daemon *n, uint64_t bytes)
{
	/* One alone may have what it needs: its own limit says how much. */
	if (n->bodies_bytes != 0 && bytes > BODIES_BYTES_MAX - n->bodies_bytes)
		return false;
	n->bodies_bytes += bytes;
	return true;
}

void
local_server_bytes_give(struct daemon *n, uint64_t bytes)
{
	INVARIANT(bytes <= n->bodies_bytes);
	n->bodies_bytes -= bytes;
}

enum rc
local_server_start(struct daemon *n, const char *path, struct diag *d)
{
	struct http_server_options o = { .pipe_path = path, .on_head = on_head, .ctx = n, .is_terse = true };

	o.limits.connections_max = LOCAL_CONNECTIONS_MAX;
	o.limits.stop_ms = 1500;
	return http_server_new(&n->loop, &o, &n->local_server, d);
}
