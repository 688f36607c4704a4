/* Starting goes: lock, database, threads, listeners, "ready".  Stopping goes: listeners and rounds together, then the
 * writer, then what is left of handles; the loop then ends by itself with nothing alive. */
#include "node/serve.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/client.h"
#include "node/daemon.h"
#include "node/local.h"
#include "node/logline.h"
#include "node/memory.h"
#include "node/text.h"
#include "node/tls.h"

#define SYNC_DEFAULT "0.0.0.0:7420"
#define OFFICE_DEFAULT "127.0.0.1:7421"
#define HOST_BYTES 64
#define FORCE_MS 1900		/* a stop that takes longer is ended by hand */

struct address {
	char host[HOST_BYTES];
	int port;
	bool is_loopback;
};

struct serving {
	struct daemon node;
	struct address sync, office;
	uv_signal_t signals[2];
	uv_timer_t force;
	unsigned stopping;	/* ends still to come in before the writer may stop */
	int lock_fd, socket_fd;
	bool is_up;
	bool is_plain;		/* --insecure-loopback */
};

/* ADDR:PORT, [ADDR]:PORT */
static enum rc
address_parse(struct command_env *env, const char *text, struct address *a, struct diag *d)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	int64_t port;

	env->is_usage = true;
	if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= HOST_BYTES || !text_int64(span_str(colon + 1), &port) || port < 0 || port > 65535)
		return diag_fail(d, RC_INPUT, command_message(env, MSG_ADDRESS_BAD), text);
	memcpy(a->host, text, n);
	a->host[n] = '\0';
	a->port = (int)port;
	if (uv_ip4_addr(a->host, a->port, &v4) == 0)
		a->is_loopback = ((const uint8_t *)&v4.sin_addr)[0] == 127;
	else if (uv_ip6_addr(a->host, a->port, &v6) == 0)
		a->is_loopback = strcmp(a->host, "::1") == 0;
	else
		return diag_fail(d, RC_INPUT, command_message(env, MSG_ADDRESS_BAD), text);
	env->is_usage = false;
	return RC_OK;
}

static enum rc
options_parse(struct command_env *env, struct serving *s, struct diag *d)
{
	static const struct command_flag flags[] = {
		{ "--sync", true }, { "--office", true }, { "--insecure-loopback", false }
	};
	const struct command_shape shape = { flags, 3, 0, 0, NULL };
	struct command_args args;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK ||
	    (rc = address_parse(env, args.value[0] == NULL ? SYNC_DEFAULT : args.value[0], &s->sync, d)) != RC_OK ||
	    (rc = address_parse(env, args.value[1] == NULL ? OFFICE_DEFAULT : args.value[1], &s->office, d)) != RC_OK)
		return rc;
	s->is_plain = args.value[2] != NULL;
	if ((s->is_plain && !s->sync.is_loopback) || !s->office.is_loopback)
		return diag_fail(d, RC_DENIED, "%s", command_message(env, MSG_SERVE_LOOPBACK));
	return RC_OK;
}

/* ---- stopping */

static void
on_writer_stopped(void *user)
{
	struct serving *s = user;
	struct daemon *n = &s->node;

	n->writer = NULL;
	sync_server_free(n->sync_server);
	http_client_free(n->http);
	uv_close((uv_handle_t *)&s->signals[0], NULL);
	uv_close((uv_handle_t *)&s->signals[1], NULL);
	uv_close((uv_handle_t *)&s->force, NULL);
}

/* A listener or the scheduler has come to its end. */
static void
on_part_stopped(void *user)
{
	struct serving *s = user;

	if (--s->stopping == 0)
		writer_stop(s->node.writer, on_writer_stopped, s);
}

static void
on_force(uv_timer_t *timer)
{
	(void)timer;
	/* Everything answered is durable; what hangs is a connection or a look-up of a name. */
	logline(LOGLINE_WARN, "stop_forced", "ms=%d", FORCE_MS);
	_exit(((struct serving *)timer->data)->node.status);
}

static void
server_stop(struct serving *s, struct http_server *server)
{
	if (server == NULL)
		return;
	s->stopping++;
	http_server_stop(server, on_part_stopped, s);
}

void
serve_stop(struct daemon *n, int status)
{
	struct serving *s = (struct serving *)n;

	if (n->is_stopping)
		return;
	n->is_stopping = true;
	n->status = status;
	logline(LOGLINE_INFO, "stopping", "status=%d", status);
	(void)uv_timer_start(&s->force, on_force, FORCE_MS, 0);
	s->stopping = 1;
	sync_server_stop(n->sync_server);
	server_stop(s, n->local_server);
	server_stop(s, n->office_server);
	server_stop(s, n->sync_listener);
	n->sync_listener = NULL;
	s->stopping++;
	scheduler_stop(n->scheduler, on_part_stopped, s);
	s->stopping++;
	state_watch_stop(n->watch, on_part_stopped, s);
	on_part_stopped(s);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	serve_stop(handle->data, 0);
}

/* ---- events of the writer */

static void
on_written(void *ctx, unsigned sources)
{
	struct daemon *n = ctx;

	sync_server_written(n->sync_server);
	sweep_look(&n->sweep);
	if ((sources & (1U << WRITER_LOCAL | 1U << WRITER_PEER)) != 0)
		scheduler_kick(n->scheduler);
}

static void
on_broken(void *ctx)
{
	struct daemon *n = ctx;

	n->store.is_broken = true;
	logline(LOGLINE_ERROR, "database_broken", "rc=%s", rc_name(RC_DISK));
	serve_stop(n, command_status(RC_DISK, false));
}

/* ---- starting */

static enum rc
scheduler_make(struct daemon *n, struct diag *d)
{
	struct scheduler_options o = { .loop = &n->loop, .http = n->http, .writer = n->writer,
		.parent = n->self.parent };
	struct bytes url;
	enum rc rc;

	bytes_init(&url);
	if ((rc = local_get(n->store.db, LOCAL_PARENT_URL, &url, d)) == RC_OK) {
		o.parent_url = bytes_cstr(&url);
		n->scheduler = o.parent_url == NULL ? NULL : scheduler_new(&o);
		rc = n->scheduler == NULL ? RC_NOMEM : RC_OK;
	}
	bytes_free(&url);
	return rc;
}

static enum rc
watch_make(struct daemon *n)
{
	struct state_watch_options o = { .loop = &n->loop, .http = n->http, .writer = n->writer,
		.reader = n->reader };

	n->watch = state_watch_new(&o);
	return n->watch == NULL ? RC_NOMEM : RC_OK;
}

static enum rc
parts_start(struct serving *s, struct diag *d)
{
	const struct http_client_options http = { .tls = s->node.tls };
	const struct writer_events events = { &s->node, on_written, on_broken, memory_rest };
	struct daemon *n = &s->node;
	enum rc rc;
	int i;

	if ((rc = http_client_new(&n->loop, &http, &n->http, d)) != RC_OK)
		return rc;
	if ((n->reader = reader_new(&n->loop, n->dir)) == NULL) {
		rc = RC_NOMEM;
		goto err0;
	}
	/* The scheduler first reads the database here; afterwards it is the writer thread's alone. */
	if ((rc = scheduler_make(n, d)) != RC_OK)
		goto err1;
	if ((rc = writer_new(&n->loop, n->store.engine, &events, &n->writer, d)) != RC_OK)
		goto err2;
	if ((rc = watch_make(n)) != RC_OK)
		goto err3;
	scheduler_parts_set(n->scheduler, n->writer, n->watch);
	for (i = 0; i < 2; i++) {
		(void)uv_signal_init(&n->loop, &s->signals[i]);
		s->signals[i].data = n;
		(void)uv_signal_start(&s->signals[i], on_signal, i == 0 ? SIGTERM : SIGINT);
	}
	(void)uv_timer_init(&n->loop, &s->force);
	s->force.data = s;
	s->is_up = true;
	return RC_OK;

err3:
	writer_stop(n->writer, NULL, NULL);
err2:
	scheduler_stop(n->scheduler, NULL, NULL);
err1:
	reader_free(n->reader);
	n->reader = NULL;
err0:
	http_client_free(n->http);
	return rc;
}

static enum rc
listeners_start(struct serving *s, struct diag *d)
{
	struct daemon *n = &s->node;
	char path[STORE_SOCKET_PATH_BYTES];
	enum rc rc;

	if ((rc = store_socket_path(n->dir, path, &s->socket_fd, d)) != RC_OK ||
	    (rc = local_server_start(n, path, d)) != RC_OK ||
	    (rc = office_start(n, s->office.host, s->office.port, d)) != RC_OK ||
	    (rc = sync_server_start(n, s->sync.host, s->sync.port, s->is_plain, d)) != RC_OK)
		return rc;
	return RC_OK;
}

static void
ready_tell(const char *what, const char *scheme, const struct address *a, struct http_server *server)
{
	bool is_v6 = strchr(a->host, ':') != NULL;

	(void)printf("ready %s %s://%s%s%s:%d\n", what, scheme, is_v6 ? "[" : "", a->host, is_v6 ? "]" : "",
	    http_server_port(server));
}

/* Everything between an open database and its closing. */
static enum rc
loop_run(struct serving *s, struct diag *d)
{
	struct daemon *n = &s->node;
	enum rc rc;

	if (uv_loop_init(&n->loop) != 0)
		return RC_NOMEM;
	rc = parts_start(s, d);
	if (rc == RC_OK && (rc = listeners_start(s, d)) == RC_OK) {
		ready_tell("sync", s->is_plain ? "http" : "https", &s->sync, n->sync_listener);
		ready_tell("office", "http", &s->office, n->office_server);
		(void)fflush(stdout);
		logline(LOGLINE_INFO, "ready", "sync_port=%d office_port=%d", http_server_port(n->sync_listener),
		    http_server_port(n->office_server));
		sweep_start(&n->sweep, n);
		scheduler_start(n->scheduler);
	} else if (s->is_up) {
		serve_stop(n, 0);
	}
	(void)uv_run(&n->loop, UV_RUN_DEFAULT);
	INVARIANT(uv_loop_close(&n->loop) == 0);
	reader_free(n->reader);
	return rc;
}

static enum rc
serve(struct command_env *env, struct serving *s, struct diag *d)
{
	enum rc rc;

	if ((rc = options_parse(env, s, d)) != RC_OK)
		return rc;
	s->node.dir = env->dir;
	if (!store_exists(env->dir))
		return store_missing(env->dir, d);
	if ((rc = client_lock_wait(env->dir, "serve", &s->lock_fd, d)) != RC_OK)
		return rc;
	if ((rc = store_open(&s->node.store, env->dir, true, d)) == RC_OK) {
		if (s->node.store.rewritten_bytes != 0)
			logline(LOGLINE_WARN, "recovered", "bytes=%" PRIu64, s->node.store.rewritten_bytes);
		s->node.self = *engine_self(s->node.store.engine);
		if ((rc = local_create(s->node.store.db, d)) == RC_OK &&
		    (rc = tls_new(s->node.store.seed, &s->node.tls, d)) == RC_OK)
			rc = loop_run(s, d);
		tls_free(s->node.tls);
		s->node.store.is_broken |= rc == RC_DISK;
		store_close(&s->node.store);
	}
	if (s->socket_fd >= 0)
		(void)close(s->socket_fd);
	store_unlock(s->lock_fd);
	return rc;
}

int
serve_run(struct command_env *env)
{
	struct serving *s = mem_alloc(sizeof(*s));
	struct diag d;
	enum rc rc;
	int status;

	diag_init(&d);
	if (s == NULL)
		return command_status(RC_NOMEM, false);
	s->lock_fd = s->socket_fd = -1;
	memory_start();
	rc = serve(env, s, &d);
	status = rc == RC_OK ? s->node.status : command_status(rc, env->is_usage);
	if (rc != RC_OK)
		command_fail(env, "serve", rc, &d);
	mem_free(s);
	return status;
}
