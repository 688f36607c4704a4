/* node/tls.h - TLS 1.3 between nodes: both ends proved by the Ed25519 keys of their credentials.
 *
 * A node shows a certificate that it makes from its own key when it starts, signed by itself and valid from 1970 to
 * 9999: there is no authority but our own chain of credentials, and no clock decides.  The handshake proves that the
 * other side holds the key it shows; whether that key may speak is for whoever looks at it afterwards:
 *   asking side      names the keys that it accepts (struct tls_check).  With any other key the handshake fails before
 *                    our own certificate or a byte of a request goes out.
 *   answering side   accepts any well-formed certificate, and has the key from tls_pump_peer().
 *
 * `struct tls_pump` is the answering end of one connection: bytes of the wire in, plain bytes out, and back.  It
 * neither reads nor waits.  What can go wrong, and what then happens:
 *
 *   what                                              state      what is to be sent
 *   slow or silent during the handshake               HANDSHAKE  nothing; the caller's deadline ends it
 *   more than TLS_HANDSHAKE_BYTES_MAX before its end  FAILED     nothing
 *   no TLS at all, an older version, no common cipher FAILED     an alert
 *   another protocol than http/1.1 (ALPN)             FAILED     an alert
 *   no certificate, one of another kind of key, a chain, one above TLS_CERTIFICATE_BYTES_MAX,
 *     one that does not sign itself                   FAILED     an alert
 *   a changed, replayed or cut record                 FAILED     an alert
 *   they say that they send no more (close_notify)    ENDED      what the caller still writes, then close_notify
 *   their TCP half closes without saying so           as it was  the caller decides; HTTP tells what is whole
 *   they ask for new keys (KeyUpdate)                 OPEN       the answer to that
 *   renegotiation, compression, early data            do not exist in TLS 1.3, or are not offered
 *   no memory                                         FAILED     nothing
 *
 * A session is resumed by a ticket of 32 bytes that names what this process remembers (TLS_SESSIONS_MAX, the oldest go
 * first): no certificate is sent again, and tls_pump_peer() is the same.  It is given to those whose key was found to
 * belong to a node (tls_pump_remember), so that nobody else takes memory beyond its connection.  After a restart
 * nothing is remembered.
 *
 * Threads: tls_new() and tls_free() anywhere; the rest on one thread for each `struct tls`.
 */
#ifndef NODE_TLS_H
#define NODE_TLS_H

#include "sync/engine.h"

#define TLS_HANDSHAKE_MS 10000		/* from the connect to the end of the handshake */
#define TLS_HANDSHAKES_MAX 64		/* under way at once, of one listener */
#define TLS_HANDSHAKE_BYTES_MAX 8192	/* from a client, before its handshake is over */
#define TLS_CERTIFICATE_BYTES_MAX 1024	/* of the certificate message; ours is 176 and a few */
#define TLS_SESSIONS_MAX 512		/* remembered for resumption, by the answering side */
#define TLS_SESSION_SECONDS 86400
#define TLS_RECORD_BYTES 1400		/* of a record that we send: what a cut link carried of a longer one is lost */
#define TLS_KEYS_MAX 8192		/* accepted by one call */

struct tls;

/* Who we are: the key pair of @seed and its certificate.  RC_NOMEM. */
RC_CHECK enum rc tls_new(const uint8_t seed[SEED_BYTES], struct tls **out, struct diag *d);
/* After everything that uses it.  NULL: nothing. */
void tls_free(struct tls *t);

/* ---- the asking side */

struct tls_check {
	struct span keys;	/* PUBKEY_BYTES each: whom to accept */
	bool is_stranger;	/* set: somebody with another key, or another kind of certificate, answered */
};

/* Prepare @context, an SSL_CTX that libcurl has made for one connection: our certificate, nothing below TLS 1.3, the
 * other side checked by @check, which must live as long as the handshake may last.  @t NULL: without a certificate. */
RC_CHECK bool tls_prepare(const struct tls *t, void *context, struct tls_check *check);

/* ---- the answering side */

enum tls_pump_state {
	TLS_PUMP_HANDSHAKE,
	TLS_PUMP_OPEN,
	TLS_PUMP_ENDED,		/* they send no more; writing is still possible */
	TLS_PUMP_FAILED
};

struct tls_pump;

/* NULL without memory.  @t must outlive it. */
struct tls_pump *tls_pump_new(struct tls *t);
void tls_pump_free(struct tls_pump *p);
enum tls_pump_state tls_pump_state(const struct tls_pump *p);

/* Plain bytes, valid during the call only, which may write to the pump but not free it.  False: nothing more is
 * wanted. */
typedef bool (*tls_plain_fn)(void *user, struct span plain);

/* Take all of @in, bytes of the wire; hand on what they hold. */
enum tls_pump_state tls_pump_in(struct tls_pump *p, struct span in, tls_plain_fn on_plain, void *user);

/* Encrypt @plain.  False without memory, or when not OPEN or ENDED, as it may be while plain bytes from before a
 * failure are handed on: then the connection cannot go on. */
RC_CHECK bool tls_pump_write(struct tls_pump *p, struct span plain);

/* Let this session be resumed: the ticket goes out with the next tls_pump_write().  Nothing when it has one. */
void tls_pump_remember(struct tls_pump *p);

/* Say that we send no more. */
void tls_pump_end(struct tls_pump *p);

/* Move what is to be sent to @out, which is empty.  May be called in every state. */
void tls_pump_out(struct tls_pump *p, struct bytes *out);

/* Their public key (PUBKEY_BYTES), of a resumed session too; NULL before the handshake is over. */
const uint8_t *tls_pump_peer(const struct tls_pump *p);
bool tls_pump_is_resumed(const struct tls_pump *p);

#endif
