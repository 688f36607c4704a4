/* libcurl drives the transfers; libuv tells it when a socket is ready or time has passed.
 *
 * Happy path:  http_call_start -> curl_multi_add_handle -> (timer of 0 ms) -> socket_action ->
 *              on_curl_socket: watch it … on_poll: socket_action … info_read: done -> on_done.
 *
 * The timer callback of libcurl comes from inside socket_action, usually with 0 ms: it arms the
 * timer and nothing else.  A socket's poll handle is stopped before libcurl closes the socket,
 * because libuv aborts when a closed one is still watched.
 */
#include "node/http_client.h"

#ifndef _WIN32
#include <unistd.h>
#endif

#include "node/http_client_impl.h"

/* The poll handle of one socket of libcurl's; dies in its close callback. */
struct http_sock {
	uv_poll_t poll;
	curl_socket_t fd;
	struct http_client *client;
	struct http_sock *prev, *next;
};

static void
handle_gone(struct http_client *c)
{
	if (--c->handle_count == 0)
		mem_free(c);
}

static void
on_sock_closed(uv_handle_t *h)
{
	struct http_sock *sock = h->data;
	struct http_client *c = sock->client;

	mem_free(sock);
	handle_gone(c);
}

static void
on_timer_closed(uv_handle_t *h)
{
	handle_gone(h->data);
}

static void
sock_close(struct http_sock *sock)
{
	struct http_client *c = sock->client;

	if (sock->prev != NULL)
		sock->prev->next = sock->next;
	else
		c->socks = sock->next;
	if (sock->next != NULL)
		sock->next->prev = sock->prev;
	(void)uv_poll_stop(&sock->poll);
	uv_close((uv_handle_t *)&sock->poll, on_sock_closed);
}

/* Let libcurl work on @fd, or on its time-outs, then report what is done. */
static void
act(struct http_client *c, curl_socket_t fd, int flags)
{
	CURLMsg *msg;
	struct http_call *call;
	int running, left;

	c->is_in_curl = true;
	(void)curl_multi_socket_action(c->multi, fd, flags, &running);
	c->is_in_curl = false;
	/* on_done may start and cancel calls and even free the client. */
	while (!c->is_closing && (msg = curl_multi_info_read(c->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		if (call->state == HTTP_CALL_CANCELLED)
			http_call_drop(call);
		else
			http_call_done(call, msg->data.result);
	}
	http_client_settle(c);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct http_sock *sock = poll->data;
	struct http_client *c = sock->client;
	curl_socket_t fd = sock->fd;		/* the socket may be gone when libcurl returns */
	int flags = 0;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	act(c, fd, flags);
}

static void
on_timer(uv_timer_t *t)
{
	act(t->data, CURL_SOCKET_TIMEOUT, 0);
}

/* Called by libcurl, mostly from inside itself. */
static int
on_curl_timer(CURLM *multi, long timeout_ms, void *user)
{
	struct http_client *c = user;

	(void)multi;
	if (c->is_closing)
		return 0;
	if (timeout_ms < 0)
		(void)uv_timer_stop(&c->timer);
	else
		(void)uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static struct http_sock *
sock_open(struct http_client *c, curl_socket_t fd)
{
	struct http_sock *sock = mem_alloc(sizeof(*sock));

	if (sock == NULL)
		return NULL;
	if (uv_poll_init_socket(c->timer.loop, &sock->poll, fd) != 0) {
		mem_free(sock);
		return NULL;
	}
	sock->poll.data = sock;
	sock->fd = fd;
	sock->client = c;
	sock->next = c->socks;
	if (sock->next != NULL)
		sock->next->prev = sock;
	c->socks = sock;
	c->handle_count++;
	(void)curl_multi_assign(c->multi, fd, sock);
	return sock;
}

/* Called by libcurl: watch @fd for @what, or no more. */
static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *sock_user)
{
	struct http_client *c = user;
	struct http_sock *sock = sock_user;
	struct http_call *call = NULL;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (sock != NULL) {
			(void)curl_multi_assign(c->multi, fd, NULL);
			sock_close(sock);
		}
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= UV_READABLE;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= UV_WRITABLE;
	if (sock == NULL)
		sock = sock_open(c, fd);
	if (sock != NULL && uv_poll_start(&sock->poll, events, on_poll) == 0)
		return 0;
	/* An error returned here would end every transfer; so only this one is failed,
	 * afterwards. */
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
	if (call != NULL && call->state == HTTP_CALL_RUNNING) {
		call->state = HTTP_CALL_FAILED;
		call->fail_rc = RC_NOMEM;
		c->is_unsettled = true;
	}
	return 0;
}

/* Called by libcurl: close @fd.  That no poll handle watches it any more is what libuv rests on. */
static int
on_curl_close(void *user, curl_socket_t fd)
{
	struct http_client *c = user;
	struct http_sock *sock;

	for (sock = c->socks; sock != NULL; sock = sock->next)
		INVARIANT(sock->fd != fd);
#ifdef _WIN32
	return closesocket(fd);
#else
	return close(fd);
#endif
}

bool
http_client_adopt(struct http_client *c, CURL *easy)
{
	return curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_curl_close) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, c) == CURLE_OK &&
	    curl_easy_setopt(easy, CURLOPT_SHARE, c->share) == CURLE_OK;
}

/* Hand new calls over, free cancelled ones, report failed ones.  Ends because each step takes one
 * mark away; callbacks may leave new marks, so it looks from the start again. */
void
http_client_settle(struct http_client *c)
{
	struct http_call *call;

	if (c->is_in_curl)
		return;
	while (!c->is_closing && c->is_unsettled) {
		for (call = c->first; call != NULL && call->state == HTTP_CALL_RUNNING;
		     call = call->next)
			continue;
		if (call == NULL) {
			c->is_unsettled = false;
		} else if (call->state == HTTP_CALL_QUEUED) {
			call->state = HTTP_CALL_RUNNING;
			if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK) {
				call->state = HTTP_CALL_FAILED;
				call->fail_rc = RC_NOMEM;
			}
		} else if (call->state == HTTP_CALL_CANCELLED) {
			http_call_drop(call);
		} else {
			http_call_done(call, CURLE_OUT_OF_MEMORY);
		}
	}
}

static bool
multi_set_up(struct http_client *c, const struct http_client_options *o)
{
	long connections =
	    o->connections_max != 0 ? (long)o->connections_max : HTTP_CLIENT_CONNECTIONS_MAX;

	return curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK &&
	    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
	    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) == CURLM_OK &&
	    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
	    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) == CURLM_OK &&
	    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK;
}

enum rc
http_client_new(uv_loop_t *loop, const struct http_client_options *options,
    struct http_client **client, struct diag *d)
{
	struct http_client *c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto err0;
	if ((c = mem_alloc(sizeof(*c))) == NULL)
		goto err1;
	if ((c->multi = curl_multi_init()) == NULL)
		goto err2;
	if ((c->share = curl_share_init()) == NULL)
		goto err3;
	if (!multi_set_up(c, options))
		goto err4;
	c->tls = options->tls;
	(void)uv_timer_init(loop, &c->timer);	/* cannot fail */
	c->timer.data = c;
	c->handle_count = 1;
	*client = c;
	return RC_OK;

err4:
	(void)curl_share_cleanup(c->share);
err3:
	(void)curl_multi_cleanup(c->multi);
err2:
	mem_free(c);
err1:
	curl_global_cleanup();
err0:
	return diag_fail(d, RC_NOMEM, "cannot prepare the HTTP client: no memory");
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	INVARIANT(!c->is_in_curl);
	c->is_closing = true;
	while (c->first != NULL)
		http_call_drop(c->first);
	(void)curl_multi_cleanup(
	    c->multi); /* asks for its sockets to be let go, then closes them */
	c->multi = NULL;
	(void)curl_share_cleanup(c->share);
	while (c->socks != NULL)
		sock_close(c->socks);
	uv_close((uv_handle_t *)&c->timer, on_timer_closed);
	curl_global_cleanup();
}

uint32_t
http_client_calls(const struct http_client *c)
{
	return c->call_count;
}
