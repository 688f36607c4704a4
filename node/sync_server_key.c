/* By TLS the client of a connection has proved a key; a message names an origin.  They must belong together: what one
 * node may have of us is not for whoever carries its messages. */
#include <string.h>

#include "node/message.h"
#include "node/sync_server_impl.h"
#include "sync/credential.h"

void
sync_server_key_take(struct sync_server_key *k, const struct http_exchange *x)
{
	const uint8_t *key = http_exchange_peer_key(x);

	k->is_there = key != NULL;
	if (k->is_there)
		memcpy(k->pubkey, key, PUBKEY_BYTES);
}

enum rc
sync_server_key_is(const struct sync_server_key *k, const uint8_t pubkey[PUBKEY_BYTES], struct diag *d)
{
	if (!k->is_there || memcmp(k->pubkey, pubkey, PUBKEY_BYTES) == 0)
		return RC_OK;
	return diag_fail(d, RC_DENIED, "%s", message(MSG_TLS_OTHER_KEY));
}

enum rc
sync_server_key_check(const struct sync_server_key *k, struct engine *e, const uint8_t origin[ORIGIN_BYTES],
    struct diag *d)
{
	struct credential c;
	enum rc rc;

	if (!k->is_there)
		return RC_OK;
	if ((rc = credential_get(e, origin, &c)) != RC_OK)
		return diag_fail(d, rc == RC_NOTFOUND ? RC_DENIED : rc, "%s", rc_name(rc));
	return sync_server_key_is(k, c.pubkey, d);
}
