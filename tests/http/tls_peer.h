/* tests/http/tls_peer.h - the asking end of a TLS connection in memory, and certificates of all sorts for it. */
#ifndef TESTS_HTTP_TLS_PEER_H
#define TESTS_HTTP_TLS_PEER_H

#include "tests/http/raw.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "node/tls.h"
#include "sync/credential.h"

struct tls_peer {
	SSL_CTX *context;
	SSL *ssl;
	BIO *from_wire, *to_wire;
	struct tls_check check;
	SSL_SESSION *session;		/* the newest that was offered for resumption */
};

static inline int
tls_peer_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_peer *p = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

/* A client like ours, of @self, that accepts @keys. */
static inline void
tls_peer_init(struct tls_peer *p, const struct tls *self, struct span keys)
{
	memset(p, 0, sizeof(*p));
	p->check.keys = keys;
	p->context = SSL_CTX_new(TLS_client_method());
	assert_non_null(p->context);
	assert_true(tls_prepare(self, p->context, &p->check));
	(void)SSL_CTX_set_app_data(p->context, p);
	(void)SSL_CTX_set_session_cache_mode(p->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->context, tls_peer_on_session);
}

/* A new connection, which resumes when there is a session. */
static inline void
tls_peer_begin(struct tls_peer *p)
{
	if (p->ssl != NULL)		/* else OpenSSL spoils the session of what was cut */
		SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->ssl);
	p->ssl = SSL_new(p->context);
	p->from_wire = BIO_new(BIO_s_mem());
	p->to_wire = BIO_new(BIO_s_mem());
	assert_non_null(p->ssl);
	(void)BIO_set_mem_eof_return(p->from_wire, -1);
	SSL_set_bio(p->ssl, p->from_wire, p->to_wire);
	SSL_set_connect_state(p->ssl);
	if (p->session != NULL)
		assert_int_equal(SSL_set_session(p->ssl, p->session), 1);
}

static inline void
tls_peer_fini(struct tls_peer *p)
{
	SSL_free(p->ssl);
	SSL_SESSION_free(p->session);
	SSL_CTX_free(p->context);
	ERR_clear_error();
}

/* What it wants to send, appended to @out. */
static inline void
tls_peer_take(struct tls_peer *p, struct bytes *out)
{
	char piece[4096];
	int n;

	while ((n = BIO_read(p->to_wire, piece, sizeof(piece))) > 0)
		bytes_put(out, piece, (size_t)n);
}

static inline void
tls_peer_give(struct tls_peer *p, struct span s)
{
	if (s.n != 0)
		assert_int_equal(BIO_write(p->from_wire, s.p, (int)s.n), (int)s.n);
}

static inline EVP_PKEY *
tls_peer_key(const char *kind)
{
	static const uint8_t seed[SEED_BYTES] = { 7, 7, 7 };

	if (strcmp(kind, "rsa") == 0)
		return EVP_RSA_gen(2048);
	if (strcmp(kind, "ec") == 0)
		return EVP_EC_gen("P-256");
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
}

struct tls_peer_certificate {
	const char *key;	/* "rsa", "ec", "ed" */
	const char *name;	/* of the subject; NULL: none */
	const char *issuer;	/* NULL: the subject */
	const char *from, *until;
	bool is_signed_by_another;
	bool is_chain;		/* shown together with a second one */
};

/* Show that instead of our own. */
static inline void
tls_peer_certify(struct tls_peer *p, const struct tls_peer_certificate *c)
{
	EVP_PKEY *key = tls_peer_key(c->key), *other = tls_peer_key("ec");
	X509 *x = X509_new();

	assert_non_null(key);
	(void)X509_set_version(x, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 42);
	(void)ASN1_TIME_set_string_X509(X509_getm_notBefore(x), c->from != NULL ? c->from : "20200101000000Z");
	(void)ASN1_TIME_set_string_X509(X509_getm_notAfter(x), c->until != NULL ? c->until : "20400101000000Z");
	if (c->name != NULL)
		(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		    (const uint8_t *)c->name, -1, -1, 0);
	if (c->issuer != NULL)
		(void)X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC,
		    (const uint8_t *)c->issuer, -1, -1, 0);
	else
		(void)X509_set_issuer_name(x, X509_get_subject_name(x));
	(void)X509_set_pubkey(x, key);
	assert_true(X509_sign(x, c->is_signed_by_another ? other : key,
	    c->is_signed_by_another || strcmp(c->key, "ed") != 0 ? EVP_sha256() : NULL) > 0);
	assert_int_equal(SSL_CTX_use_certificate(p->context, x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->context, key), 1);
	if (c->is_chain)
		assert_int_equal(SSL_CTX_add1_chain_cert(p->context, x), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

#endif
