/* TLS below one connection of the HTTP server: what http_conn.c calls when its server was given a `struct tls`.
 *
 * Happy path:  connect -> TLS (handshake) -> HEAD, and from then on http_conn.c sees plain bytes.
 *
 * Failures:    as listed in tls.h.  An alert is tried once and the connection closed; a handler with a request under
 *              way is told as of any client that goes away.
 *              Too many handshakes at once: of the address that has most of them the oldest goes, so that whoever
 *              opens connections and says nothing is in nobody's way but its own.
 */
#include <string.h>

#include "node/http_impl.h"
#include "node/tls.h"

#define TLS_UNSENT_BYTES_MAX 16384	/* beside an answer under way */

/* How many handshakes are under way with the address of @of. */
static uint32_t
share_of(const struct http_server *s, const struct http_conn *of)
{
	const struct http_conn *c;
	uint32_t count = 0;

	for (c = s->first; c != NULL; c = c->next)
		count += c->state == HTTP_CONN_TLS && strcmp(c->peer, of->peer) == 0;
	return count;
}

static void
make_room(struct http_server *s)
{
	struct http_conn *c, *victim = NULL;
	uint32_t most = 0;

	for (c = s->first; c != NULL; c = c->next) {	/* the newest first */
		uint32_t share = c->state == HTTP_CONN_TLS ? share_of(s, c) : 0;

		if (share != 0 && share >= most) {
			most = share;
			victim = c;
		}
	}
	if (victim != NULL) {
		s->counts.connections_dropped++;
		http_conn_close(victim);
	}
}

bool
http_conn_tls_start(struct http_conn *c)
{
	struct http_server *s = c->server;

	if ((c->tls = tls_pump_new(s->tls)) == NULL)
		return false;
	c->state = HTTP_CONN_TLS;
	if (++s->counts.handshakes > s->limits.handshakes_max)
		make_room(s);
	return c->state == HTTP_CONN_TLS;
}

/* What the handshake, or an answer to new keys, has to send. */
static void
flush(struct http_conn *c)
{
	size_t unsent_max = TLS_UNSENT_BYTES_MAX + (c->state == HTTP_CONN_WRITE ? c->write_left : 0);
	struct http_write *w;
	struct bytes out;
	uv_buf_t buf;

	tls_pump_out(c->tls, &out);
	if (out.n == 0 || c->state == HTTP_CONN_CLOSING) {
		bytes_free(&out);
		return;
	}
	if (tls_pump_state(c->tls) == TLS_PUMP_FAILED) {
		buf = uv_buf_init((char *)out.p, (unsigned)out.n);
		(void)uv_try_write(&c->handle.stream, &buf, 1);
		bytes_free(&out);
	} else if (uv_stream_get_write_queue_size(&c->handle.stream) > unsent_max ||
	    (w = mem_alloc(sizeof(*w))) == NULL) {
		bytes_free(&out);	/* it asks and asks, and takes no answer */
		http_conn_close(c);
	} else {
		w->is_interim = true;
		w->head = out;
		http_conn_send(c, w);
	}
}

static bool
on_plain(void *user, struct span plain)
{
	struct http_conn *c = user;

	if (c->state == HTTP_CONN_TLS)
		http_conn_open(c);
	if (c->state != HTTP_CONN_CLOSING)
		http_conn_take(c, plain);
	return c->state != HTTP_CONN_CLOSING;
}

void
http_conn_tls_take(struct http_conn *c, struct span wire)
{
	enum tls_pump_state state = tls_pump_in(c->tls, wire, on_plain, c);

	if (c->state == HTTP_CONN_CLOSING)
		return;
	if (c->state == HTTP_CONN_TLS && state == TLS_PUMP_FAILED)
		c->server->counts.handshakes_failed++;
	if (c->state == HTTP_CONN_TLS && (state == TLS_PUMP_OPEN || state == TLS_PUMP_ENDED))
		http_conn_open(c);
	flush(c);
	if (c->state == HTTP_CONN_CLOSING)
		return;
	if (state == TLS_PUMP_FAILED)
		http_conn_close(c);
	else if (state == TLS_PUMP_ENDED)
		http_conn_eof(c);
}

bool
http_conn_tls_seal(struct http_conn *c, struct http_write *w)
{
	bytes_put(&w->head, w->body.p, w->body.n);	/* together: fewer records */
	bytes_free(&w->body);
	if (bytes_rc(&w->head) != RC_OK || !tls_pump_write(c->tls, span_bytes(&w->head)))
		return false;
	bytes_free(&w->head);
	tls_pump_out(c->tls, &w->head);
	return true;
}

void
http_conn_tls_end(struct http_conn *c)
{
	tls_pump_end(c->tls);
	flush(c);
}
