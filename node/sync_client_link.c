/* Where another node is, and by which key we know it there. */
#include "node/sync_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "node/message.h"
#include "node/tls.h"
#include "sync/credential.h"

#define SCHEME_TLS "https://"

bool
sync_client_url(const char *base, const char *path, char *out, size_t size)
{
	size_t n = strlen(base);
	int len;

	while (n > 0 && base[n - 1] == '/')
		n--;
	len = snprintf(out, size, "%.*s%s", (int)n, base, path);
	return len > 0 && (size_t)len < size;
}

bool
sync_client_is_tls(const char *url)
{
	return curl_strnequal(url, SCHEME_TLS, strlen(SCHEME_TLS)) != 0;
}

/* An address in figures: a name could be made to lead anywhere. */
static bool
is_loopback(const char *host)
{
	struct sockaddr_in a;

	if (strcmp(host, "[::1]") == 0)
		return true;
	return uv_ip4_addr(host, 0, &a) == 0 && ((const uint8_t *)&a.sin_addr)[0] == 127;
}

enum rc
sync_client_url_check(const char *url, struct diag *d)
{
	char *scheme = NULL, *host = NULL;
	CURLU *u = curl_url();
	enum rc rc = RC_OK;

	if (u == NULL)
		return RC_NOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		rc = diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	else if (strcmp(scheme, "http") == 0 && !is_loopback(host))
		rc = diag_fail(d, RC_INPUT, message(MSG_URL_PLAIN), url);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(u);
	return rc;
}

/* All nodes that we know but ourselves. */
struct known {
	const uint8_t *self;
	struct bytes *keys;
};

static enum rc
on_credential(void *ctx, const struct credential *c)
{
	struct known *k = ctx;

	if (memcmp(c->pubkey, k->self, PUBKEY_BYTES) != 0 && k->keys->n < (size_t)TLS_KEYS_MAX * PUBKEY_BYTES)
		bytes_put(k->keys, c->pubkey, PUBKEY_BYTES);
	return bytes_rc(k->keys);
}

enum rc
sync_client_keys(struct engine *e, const uint8_t *peer, struct bytes *keys, struct diag *d)
{
	struct known known = { engine_self(e)->pubkey, keys };
	struct credential c;
	enum rc rc;

	bytes_clear(keys);
	if (peer == NULL) {
		if ((rc = credential_each(e, on_credential, &known)) != RC_OK)
			return diag_fail(d, rc, "%s", rc_name(rc));
		return keys->n != 0 ? RC_OK : diag_fail(d, RC_DENIED, "%s", message(MSG_PEER_UNKNOWN));
	}
	if ((rc = credential_get(e, peer, &c)) == RC_NOTFOUND)
		return diag_fail(d, RC_DENIED, "%s", message(MSG_PEER_UNKNOWN));
	if (rc != RC_OK)
		return diag_fail(d, rc, "%s", rc_name(rc));
	bytes_put(keys, c.pubkey, PUBKEY_BYTES);
	return bytes_rc(keys);
}
