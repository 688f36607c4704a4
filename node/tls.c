#include "node/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "node/tls_impl.h"

#define CIPHERS "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519"
#define SIGNATURES "ed25519"
#define STRANGERS ":rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256"	/* so that they come as far as to be known as such */
#define VALID_FROM "19700101000000Z"
#define VALID_UNTIL "99991231235959Z"
#define PROTOCOL "\x08http/1.1"		/* as ALPN writes it */
#define SESSION_CONTEXT "ocop sync 1"

bool
tls_key_of(const X509 *x, uint8_t out[PUBKEY_BYTES])
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	size_t n = PUBKEY_BYTES;

	return key != NULL && EVP_PKEY_is_a(key, "ED25519") != 0 && EVP_PKEY_get_raw_public_key(key, out, &n) == 1 &&
	    n == PUBKEY_BYTES;
}

/* The key of the one certificate that @store holds, if it is such as tls_new() makes.  Names, serial number and dates
 * are of no concern. */
static bool
certificate_read(X509_STORE_CTX *store, uint8_t key[PUBKEY_BYTES])
{
	X509 *x = X509_STORE_CTX_get0_cert(store);
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);

	return x != NULL && sk_X509_num(chain) <= 1 && tls_key_of(x, key) &&
	    X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(x)) == 0 &&
	    X509_verify(x, X509_get0_pubkey(x)) == 1;
}

static int
verdict(X509_STORE_CTX *store, bool is_good)
{
	X509_STORE_CTX_set_error(store, is_good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return is_good;
}

static int
on_client_certificate(X509_STORE_CTX *store, void *user)
{
	uint8_t key[PUBKEY_BYTES];

	(void)user;
	return verdict(store, certificate_read(store, key));
}

static int
on_server_certificate(X509_STORE_CTX *store, void *user)
{
	struct tls_check *check = user;
	uint8_t key[PUBKEY_BYTES];
	bool is_read = certificate_read(store, key), is_good = false;
	size_t at;

	for (at = 0; is_read && !is_good && at + PUBKEY_BYTES <= check->keys.n; at += PUBKEY_BYTES)
		is_good = memcmp(check->keys.p + at, key, PUBKEY_BYTES) == 0;
	check->is_stranger = !is_good;
	return verdict(store, is_good);
}

/* A client that names protocols must name ours. */
static int
on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
    void *user)
{
	static const unsigned char ours[] = PROTOCOL;
	unsigned char *chosen;

	(void)ssl;
	(void)user;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* What holds for both sides. */
static bool
context_set(const struct tls *t, SSL_CTX *c, const char *signatures)
{
	(void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
	/* HTTP knows what was cut.  OpenSSL would take it for an attack and spoil the session. */
	(void)SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_clear_options(c, SSL_OP_TLSEXT_PADDING);	/* 200 bytes, for servers of ten years ago */
	return SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 && SSL_CTX_set_ciphersuites(c, CIPHERS) == 1 &&
	    SSL_CTX_set1_groups_list(c, GROUPS) == 1 && SSL_CTX_set1_sigalgs_list(c, signatures) == 1 &&
	    SSL_CTX_set_max_send_fragment(c, TLS_RECORD_BYTES) == 1 &&
	    (t == NULL || (SSL_CTX_use_certificate(c, t->certificate) == 1 && SSL_CTX_use_PrivateKey(c, t->key) == 1));
}

static SSL_CTX *
server_context(const struct tls *t)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	if (c == NULL)
		return NULL;
	/* NO_TICKET: the ticket is a name of 32 bytes for what is remembered here.  One that holds everything itself
	 * would cost as much as the certificate that it saves. */
	(void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	(void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_SERVER);
	(void)SSL_CTX_sess_set_cache_size(c, TLS_SESSIONS_MAX);
	(void)SSL_CTX_set_timeout(c, TLS_SESSION_SECONDS);
	SSL_CTX_set_max_cert_list(c, TLS_CERTIFICATE_BYTES_MAX);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(c, on_client_certificate, NULL);
	SSL_CTX_set_alpn_select_cb(c, on_protocols, NULL);
	if (context_set(t, c, SIGNATURES) && SSL_CTX_set_num_tickets(c, 0) == 1 &&
	    SSL_CTX_set_session_id_context(c, (const unsigned char *)SESSION_CONTEXT, sizeof(SESSION_CONTEXT) - 1) == 1)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

bool
tls_prepare(const struct tls *t, void *context, struct tls_check *check)
{
	SSL_CTX *c = context;

	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(c, on_server_certificate, check);
	return context_set(t, c, SIGNATURES STRANGERS);
}

/* Always the same bytes for the same key, and no more than must be. */
static X509 *
certificate_make(EVP_PKEY *key)
{
	X509 *x = X509_new();

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notBefore(x), VALID_FROM) == 1 &&
	    ASN1_TIME_set_string_X509(X509_getm_notAfter(x), VALID_UNTIL) == 1 && X509_set_pubkey(x, key) == 1 &&
	    X509_sign(x, key, NULL) > 0)
		return x;
	X509_free(x);
	return NULL;
}

enum rc
tls_new(const uint8_t seed[SEED_BYTES], struct tls **out, struct diag *d)
{
	struct tls *t = mem_alloc(sizeof(*t));

	*out = NULL;
	if (t == NULL)
		return diag_fail(d, RC_NOMEM, "cannot prepare TLS: no memory");
	if ((t->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_BYTES)) == NULL ||
	    (t->certificate = certificate_make(t->key)) == NULL || (t->wire = tls_pump_wire()) == NULL ||
	    (t->server = server_context(t)) == NULL) {
		const char *why = ERR_reason_error_string(ERR_peek_last_error());

		tls_free(t);
		return diag_fail(d, RC_NOMEM, "cannot prepare TLS: %s", why == NULL ? "no memory" : why);
	}
	*out = t;
	return RC_OK;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_CTX_free(t->server);
	X509_free(t->certificate);
	EVP_PKEY_free(t->key);
	BIO_meth_free(t->wire);
	mem_free(t);
}
