#include "node/http_server.h"

#include <stdio.h>
#include <string.h>
#ifndef _WIN32
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#endif

#include "node/http_impl.h"
#include "node/tls.h"

#define BACKLOG 511
#define ACCEPT_RETRY_MS 1000
#define UV_TEXT_BYTES 128

static void
on_handle_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;
	void (*on_stopped)(void *) = s->on_stopped;
	void *user = s->stopped_user;

	if (--s->handle_count != 0)
		return;
	mem_free(s);
	if (on_stopped != NULL)
		on_stopped(user);
}

/* The timer is the last to go: once it is closed nothing refers to the server any more. */
static void
close_timer_when_done(struct http_server *s)
{
	if (s->is_stopping && s->first == NULL && !uv_is_closing((uv_handle_t *)&s->timer))
		uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

static void
accept_one(struct http_server *s);

static void
on_timer(uv_timer_t *t)
{
	struct http_server *s = t->data;
	uint64_t now = uv_now(t->loop), due = 0;
	bool is_over = s->is_stopping && now >= s->stop_due_ms;
	struct http_conn *c, *next;

	s->timer_due_ms = 0;
	for (c = s->first; c != NULL; c = next) {
		next = c->next;		/* closing unlinks later, in the close callback */
		if (is_over)
			http_conn_close(c);
		else if (c->deadline_ms != 0 && c->deadline_ms <= now)
			http_conn_expire(c);
		if (c->deadline_ms != 0 && (due == 0 || c->deadline_ms < due))
			due = c->deadline_ms;
	}
	if (s->is_accept_owed && !s->is_stopping)
		accept_one(s);
	if (s->is_stopping && !is_over && (due == 0 || s->stop_due_ms < due))
		due = s->stop_due_ms;
	if (due != 0 && s->first != NULL)
		http_server_timer_want(s, due);
}

void
http_server_timer_want(struct http_server *s, uint64_t due_ms)
{
	uint64_t now = uv_now(s->timer.loop);

	if (s->timer_due_ms != 0 && s->timer_due_ms <= due_ms)
		return;			/* it will look, and find this one too */
	if (uv_is_closing((uv_handle_t *)&s->timer))
		return;
	s->timer_due_ms = due_ms;
	(void)uv_timer_start(&s->timer, on_timer, due_ms > now ? due_ms - now : 0, 0);
}

void
http_server_conn_gone(struct http_server *s, struct http_conn *c)
{
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		s->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	mem_free(c);
	s->counts.connections--;
	if (s->is_accept_owed && !s->is_stopping)
		accept_one(s);
	if (s->first == NULL && !s->is_accept_owed && !s->is_stopping) {
		(void)uv_timer_stop(&s->timer);
		s->timer_due_ms = 0;
	}
	close_timer_when_done(s);
}

static bool
is_same_ip(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)a)->sin_addr,
		    &((const struct sockaddr_in *)b)->sin_addr, sizeof(struct in_addr)) == 0;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		    &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return false;
}

/* How many connections of the address of @as have not proved who they are. */
static uint32_t
strangers_count(const struct http_server *s, const struct http_conn *as)
{
	const struct http_conn *c;
	uint32_t count = 0;

	for (c = s->first; c != NULL; c = c->next) {
		if (c->proved == 0 && is_same_ip(&c->address, &as->address))
			count++;
	}
	return count;
}

/* Too many connections: one goes for @newcomer.  A stranger of the address that has most of them, if that has more than
 * the newcomer's; else, for the only stranger of an address, who rests between two requests, and of these the one whose
 * time is up first.  False when there is none. */
static bool
is_room_made(struct http_server *s, const struct http_conn *newcomer)
{
	uint32_t count, own = strangers_count(s, newcomer), most = own;
	struct http_conn *c, *victim = NULL;

	for (c = s->first; c != NULL; c = c->next) {
		if (c->proved != 0 || !http_conn_is_giving(c))
			continue;
		count = strangers_count(s, c);
		if (count > most || (victim != NULL && count == most && c->deadline_ms < victim->deadline_ms)) {
			most = count;
			victim = c;
		}
	}
	for (c = victim == NULL && own == 1 ? s->first : NULL; c != NULL; c = c->next) {
		if (c != newcomer && http_conn_is_resting(c) &&
		    (victim == NULL || c->deadline_ms < victim->deadline_ms))
			victim = c;
	}
	if (victim == NULL)
		return false;
	http_conn_close(victim);
	return true;
}

static bool
is_over_cap(struct http_server *s, const struct http_conn *newcomer)
{
	if (s->is_pipe)
		return false;			/* accept_one() saw to that */
	if (strangers_count(s, newcomer) > s->limits.connections_per_ip_max)
		return true;
	return s->counts.connections > s->limits.connections_max && !is_room_made(s, newcomer);
}

/* Learn who it is.  False when the connection is dead already. */
static bool
identify(struct http_conn *c)
{
	int n = sizeof(c->address);

	if (c->server->is_pipe)
		return true;
	if (uv_tcp_getpeername(&c->handle.tcp, (struct sockaddr *)&c->address, &n) != 0)
		return false;
	(void)uv_tcp_nodelay(&c->handle.tcp, 1);
	if (c->address.ss_family == AF_INET6)
		return uv_ip6_name((struct sockaddr_in6 *)&c->address, c->peer, sizeof(c->peer)) ==
		    0;
	return uv_ip4_name((struct sockaddr_in *)&c->address, c->peer, sizeof(c->peer)) == 0;
}

static void
accept_one(struct http_server *s)
{
	bool is_full = s->is_pipe && s->counts.connections >= s->limits.connections_max;
	struct http_conn *c = is_full ? NULL : http_conn_new(s);

	s->is_accept_owed = c == NULL;
	if (is_full)
		return;			/* until one goes */
	if (c == NULL) {
		http_server_timer_want(s, uv_now(s->timer.loop) + ACCEPT_RETRY_MS);
		return;
	}
	c->next = s->first;
	if (c->next != NULL)
		c->next->prev = c;
	s->first = c;
	s->counts.connections++;
	s->counts.connections_total++;
	if (uv_accept(&s->listener.stream, &c->handle.stream) != 0 || !identify(c)) {
		http_conn_close(c);
		return;
	}
	if (is_over_cap(s, c)) {
		s->counts.connections_dropped++;
		http_conn_close(c);
		return;
	}
	http_conn_start(c);
}

static void
on_connection(uv_stream_t *listener, int status)
{
	struct http_server *s = listener->data;

	if (status == 0 && !s->is_stopping)
		accept_one(s);
}

static enum rc
fail_uv(struct diag *d, const char *what, const char *where, int err)
{
	char text[UV_TEXT_BYTES];
	enum rc rc = RC_INPUT;

	if (err == UV_EADDRINUSE)
		return diag_fail(d, RC_BUSY, "%s %s: it is in use by another program", what, where);
	if (err == UV_EACCES || err == UV_EPERM)
		rc = RC_DENIED;
	else if (err == UV_ENOMEM || err == UV_EMFILE || err == UV_ENFILE)
		rc = RC_NOMEM;
	return diag_fail(d, rc, "%s %s: %s", what, where, uv_strerror_r(err, text, sizeof(text)));
}

static enum rc
listen_tcp(struct http_server *s, const struct http_server_options *o, struct diag *d)
{
	struct sockaddr_storage a;
	char where[HTTP_PEER_TEXT_BYTES + 16];
	int n = sizeof(a), err;

	memset(&a, 0, sizeof(a));
	if (o->host == NULL || o->port < 0 || o->port > UINT16_MAX)
		return diag_fail(
		    d, RC_INPUT, "cannot listen: an address and a port from 0 to 65535 are needed");
	(void)snprintf(where, sizeof(where), "%s port %d", o->host, o->port);
	if (uv_ip4_addr(o->host, o->port, (struct sockaddr_in *)&a) != 0 &&
	    uv_ip6_addr(o->host, o->port, (struct sockaddr_in6 *)&a) != 0)
		return diag_fail(d, RC_INPUT, "cannot listen on %s: not an IP address", where);
	if ((err = uv_tcp_bind(&s->listener.tcp, (struct sockaddr *)&a, 0)) != 0 ||
	    (err = uv_listen(&s->listener.stream, BACKLOG, on_connection)) != 0 ||
	    (err = uv_tcp_getsockname(&s->listener.tcp, (struct sockaddr *)&a, &n)) != 0)
		return fail_uv(d, "cannot listen on", where, err);
	s->port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port :
	    ((struct sockaddr_in *)&a)->sin_port);
	return RC_OK;
}

#ifdef _WIN32
static bool
is_dead_socket_removed(const char *path)
{
	(void)path;
	return false;			/* named pipes leave nothing behind */
}
#else
/* A crash leaves the socket file behind.  Remove it when nobody answers there, and only if it is a
 * socket. */
static bool
is_dead_socket_removed(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	bool is_dead = false;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode) ||
	    (fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return false;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0 && errno == ECONNREFUSED)
		is_dead = unlink(path) == 0;
	(void)close(fd);
	return is_dead;
}
#endif

static enum rc
listen_pipe(struct http_server *s, const char *path, struct diag *d)
{
	int err;

#ifndef _WIN32
	/* libuv would cut a longer path without a word. */
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return diag_fail(
		    d, RC_INPUT, "cannot listen on %s: the path is too long for a socket", path);
#endif
	err = uv_pipe_bind(&s->listener.pipe, path);
	if (err == UV_EADDRINUSE && is_dead_socket_removed(path))
		err = uv_pipe_bind(&s->listener.pipe, path);
#ifndef _WIN32
	/* Before listen() nobody can connect, so the file is never open to others. */
	if (err == 0 && chmod(path, S_IRUSR | S_IWUSR) != 0)
		err = uv_translate_sys_error(errno);
#endif
	if (err == 0)
		err = uv_listen(&s->listener.stream, BACKLOG, on_connection);
	return err == 0 ? RC_OK : fail_uv(d, "cannot listen on", path, err);
}

static uint32_t
limit_or(uint32_t given, uint32_t preset)
{
	return given != 0 ? given : preset;
}

static void
take_options(struct http_server *s, const struct http_server_options *o)
{
	const struct http_server_limits *l = &o->limits;

	s->on_head = o->on_head;
	s->ctx = o->ctx;
	s->is_pipe = o->pipe_path != NULL;
	s->is_terse = o->is_terse;
	s->tls = o->tls;
	s->limits.handshake_ms = limit_or(l->handshake_ms, TLS_HANDSHAKE_MS);
	s->limits.handshakes_max = limit_or(l->handshakes_max, TLS_HANDSHAKES_MAX);
	s->limits.connections_max = limit_or(l->connections_max, HTTP_CONNECTIONS_MAX);
	s->limits.connections_per_ip_max =
	    limit_or(l->connections_per_ip_max, HTTP_CONNECTIONS_PER_IP_MAX);
	s->limits.head_ms = limit_or(l->head_ms, HTTP_HEAD_MS);
	s->limits.body_idle_ms = limit_or(l->body_idle_ms, HTTP_BODY_IDLE_MS);
	s->limits.idle_ms = limit_or(l->idle_ms, HTTP_IDLE_MS);
	s->limits.write_idle_ms = limit_or(l->write_idle_ms, HTTP_WRITE_IDLE_MS);
	s->limits.linger_ms = limit_or(l->linger_ms, HTTP_LINGER_MS);
	s->limits.stop_ms = limit_or(l->stop_ms, HTTP_STOP_MS);
}

enum rc
http_server_new(uv_loop_t *loop, const struct http_server_options *options,
    struct http_server **server, struct diag *d)
{
	struct http_server *s;
	enum rc rc;
	int err;

	INVARIANT(options->on_head != NULL);
	if ((s = mem_alloc(sizeof(*s))) == NULL)
		return diag_fail(d, RC_NOMEM, "cannot listen: no memory");
	take_options(s, options);
	err = s->is_pipe ? uv_pipe_init(loop, &s->listener.pipe, 0)
			 : uv_tcp_init(loop, &s->listener.tcp);
	if (err != 0) {
		mem_free(s);
		return fail_uv(d, "cannot", "listen", err);
	}
	(void)uv_timer_init(loop, &s->timer);	/* cannot fail */
	s->listener.any.data = s;
	s->timer.data = s;
	s->handle_count = 2;
	rc = s->is_pipe ? listen_pipe(s, options->pipe_path, d) : listen_tcp(s, options, d);
	if (rc != RC_OK) {
		http_server_stop(s, NULL, NULL);
		return rc;
	}
	*server = s;
	return RC_OK;
}

int
http_server_port(const struct http_server *s)
{
	return s->port;
}

void
http_server_counts(const struct http_server *s, struct http_server_counts *counts)
{
	*counts = s->counts;
}

void
http_server_stop(struct http_server *s, void (*on_stopped)(void *user), void *user)
{
	struct http_conn *c, *next;

	INVARIANT(!s->is_stopping);
	s->is_stopping = true;
	s->on_stopped = on_stopped;
	s->stopped_user = user;
	s->stop_due_ms = uv_now(s->timer.loop) + s->limits.stop_ms;
	uv_close(&s->listener.any, on_handle_closed);
	for (c = s->first; c != NULL; c = next) {
		next = c->next;
		http_conn_stop(c);
	}
	if (s->first != NULL)
		http_server_timer_want(s, s->stop_due_ms);
	close_timer_when_done(s);
}
