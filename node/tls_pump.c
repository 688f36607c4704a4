/* Happy path:  bytes of the wire → tls_pump_in → (handshake, its answers in `out`) → OPEN → plain bytes to on_plain;
 *              tls_pump_write → `out` → tls_pump_out → the wire.
 *
 * The SSL reads straight from the bytes at hand and writes straight into `out`: between two calls a pump holds no
 * more than OpenSSL keeps of a record that is not whole yet. */
#include "node/tls.h"

#include <openssl/err.h>
#include <string.h>

#include "node/tls_impl.h"

struct tls_pump {
	struct tls *tls;
	SSL *ssl;
	struct span in;			/* what is left of the bytes at hand */
	struct bytes out;
	enum tls_pump_state state;
	bool is_remembered;
	size_t handshake_bytes;		/* taken so far */
	uint8_t peer[PUBKEY_BYTES];
};

/* ---- the wire, as OpenSSL sees it */

static int
wire_read(BIO *b, char *p, size_t n, size_t *done)
{
	struct tls_pump *pump = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	*done = n < pump->in.n ? n : pump->in.n;
	if (*done == 0) {
		BIO_set_retry_read(b);
		return 0;
	}
	memcpy(p, pump->in.p, *done);
	pump->in = span_of(pump->in.p + *done, pump->in.n - *done);
	return 1;
}

static int
wire_write(BIO *b, const char *p, size_t n, size_t *done)
{
	struct tls_pump *pump = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	bytes_put(&pump->out, p, n);
	*done = n;
	return bytes_rc(&pump->out) == RC_OK;
}

static long
wire_control(BIO *b, int what, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *
tls_pump_wire(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pump");

	if (m != NULL && BIO_meth_set_read_ex(m, wire_read) == 1 && BIO_meth_set_write_ex(m, wire_write) == 1 &&
	    BIO_meth_set_ctrl(m, wire_control) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- the pump */

struct tls_pump *
tls_pump_new(struct tls *t)
{
	struct tls_pump *p = mem_alloc(sizeof(*p));
	BIO *wire = BIO_new(t->wire);

	if (p == NULL || wire == NULL || (p->ssl = SSL_new(t->server)) == NULL) {
		(void)BIO_free(wire);
		mem_free(p);
		ERR_clear_error();
		return NULL;
	}
	p->tls = t;
	bytes_init(&p->out);
	BIO_set_data(wire, p);
	BIO_set_init(wire, 1);
	SSL_set_bio(p->ssl, wire, wire);
	SSL_set_accept_state(p->ssl);
	return p;
}

void
tls_pump_free(struct tls_pump *p)
{
	if (p == NULL)
		return;
	/* Else OpenSSL forgets the session of a connection that was cut, and that is the one to be resumed. */
	if (p->state != TLS_PUMP_FAILED)
		SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->ssl);
	bytes_free(&p->out);
	mem_free(p);
}

enum tls_pump_state
tls_pump_state(const struct tls_pump *p)
{
	return p->state;
}

/* OpenSSL did not do what it was asked. */
static void
note_failure(struct tls_pump *p, int result)
{
	int why = SSL_get_error(p->ssl, result);

	if (why == SSL_ERROR_ZERO_RETURN)
		p->state = TLS_PUMP_ENDED;
	else if (why != SSL_ERROR_WANT_READ || bytes_rc(&p->out) != RC_OK)
		p->state = TLS_PUMP_FAILED;
	ERR_clear_error();
}

/* OpenSSL is shown no more than the limit, and takes of that what belongs to the handshake; the rest is for later. */
static void
handshake(struct tls_pump *p)
{
	struct span all = p->in;
	size_t left = TLS_HANDSHAKE_BYTES_MAX - p->handshake_bytes, used;
	int result;

	p->in = span_of(all.p, all.n < left ? all.n : left);
	used = p->in.n;
	result = SSL_do_handshake(p->ssl);
	used -= p->in.n;
	p->handshake_bytes += used;
	p->in = span_of(all.p + used, all.n - used);
	if (result != 1) {
		note_failure(p, result);
		if (p->in.n != 0)
			p->state = TLS_PUMP_FAILED;
		return;
	}
	p->state = TLS_PUMP_FAILED;
	if (SSL_get0_peer_certificate(p->ssl) != NULL && tls_key_of(SSL_get0_peer_certificate(p->ssl), p->peer))
		p->state = TLS_PUMP_OPEN;
}

enum tls_pump_state
tls_pump_in(struct tls_pump *p, struct span in, tls_plain_fn on_plain, void *user)
{
	uint8_t *plain = p->tls->plain;
	bool is_wanted = true;
	size_t n, done;
	int result;

	p->in = in;
	if (p->state == TLS_PUMP_HANDSHAKE)
		handshake(p);
	while (p->state == TLS_PUMP_OPEN && is_wanted) {
		for (n = 0; n < sizeof(p->tls->plain) && p->state == TLS_PUMP_OPEN; n += done) {
			done = 0;
			result = SSL_read_ex(p->ssl, plain + n, sizeof(p->tls->plain) - n, &done);
			if (result != 1) {
				note_failure(p, result);
				break;
			}
		}
		if (n == 0)
			break;
		is_wanted = on_plain(user, span_of(plain, n));
	}
	p->in = span_of(NULL, 0);
	return p->state;
}

bool
tls_pump_write(struct tls_pump *p, struct span plain)
{
	size_t done = 0;

	if (p->state != TLS_PUMP_OPEN && p->state != TLS_PUMP_ENDED)
		return false;
	if (plain.n != 0 && SSL_write_ex(p->ssl, plain.p, plain.n, &done) == 1 && done == plain.n &&
	    bytes_rc(&p->out) == RC_OK)
		return true;
	ERR_clear_error();
	return plain.n == 0;
}

void
tls_pump_remember(struct tls_pump *p)
{
	if (p->state != TLS_PUMP_OPEN || p->is_remembered)
		return;		/* a ticket is good for one connection, so a resumed one gets its own */
	p->is_remembered = true;
	(void)SSL_new_session_ticket(p->ssl);	/* without one it is only not resumed */
}

void
tls_pump_end(struct tls_pump *p)
{
	if (p->state == TLS_PUMP_OPEN || p->state == TLS_PUMP_ENDED)
		(void)SSL_shutdown(p->ssl);
	ERR_clear_error();
}

void
tls_pump_out(struct tls_pump *p, struct bytes *out)
{
	*out = p->out;
	bytes_init(&p->out);
}

const uint8_t *
tls_pump_peer(const struct tls_pump *p)
{
	return p->state == TLS_PUMP_OPEN || p->state == TLS_PUMP_ENDED ? p->peer : NULL;
}

bool
tls_pump_is_resumed(const struct tls_pump *p)
{
	return SSL_session_reused(p->ssl) == 1;
}
