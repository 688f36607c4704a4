/* node/tls_impl.h - the inside of TLS; only tls.c and tls_pump.c include it. */
#ifndef NODE_TLS_IMPL_H
#define NODE_TLS_IMPL_H

#include <openssl/ssl.h>

#include "node/tls.h"

#ifdef TEST_LIMITS
#define TLS_PLAIN_BYTES 61
#else
#define TLS_PLAIN_BYTES 16384
#endif

struct tls {
	EVP_PKEY *key;
	X509 *certificate;
	SSL_CTX *server;
	BIO_METHOD *wire;		/* between a pump and its SSL */
	uint8_t plain[TLS_PLAIN_BYTES];	/* shared: filled right before it is handed on */
};

/* tls.c */
/* The Ed25519 key of @x; false for any other. */
bool tls_key_of(const X509 *x, uint8_t out[PUBKEY_BYTES]);

/* tls_pump.c */
BIO_METHOD *tls_pump_wire(void);

#endif
