/* node/invitation.h - how a node comes into the tree: the invitation, the request to join, the answer.
 *
 * invitation (one line of text in a file):  "ocop-invitation-1 " ‖ base64url of
 *     root key (32) ‖ blob root unit ‖ blob unit ‖ u64 expires_ms ‖ invitation id (16) ‖ blob parent URL ‖
 *     varint n (1-9) ‖ n × blob credential, the inviter's first, each the next one's subject, the last signed by the
 *     root key ‖ the inviter's signature (64) over all of it, for the purpose "ocop invitation 1"
 * request:  u8 1 ‖ blob the invitation's bytes ‖ public key (32) ‖ blob name ‖ signature (64) by that key over
 *     "ocop join 1" and all before it: whoever asks holds the key
 * answer:   u8 1 ‖ varint n ‖ n × blob credential, the new node's first, then its issuers
 *
 * Nothing in them is secret but the invitation as a whole: who holds it may join once, as that unit, until it expires.
 */
#ifndef NODE_INVITATION_H
#define NODE_INVITATION_H

#include "node/arena.h"
#include "sync/credential.h"

#define INVITATION_TEXT_BYTES_MAX 4096
#define INVITATION_URL_BYTES_MAX 256
#define INVITATION_REQUEST_BYTES_MAX 8192
#define INVITATION_CREDENTIAL_BYTES_MAX 512

struct invitation {
	uint8_t root_pubkey[PUBKEY_BYTES];
	char root_unit[UNIT_BYTES_MAX + 1];
	char unit[UNIT_BYTES_MAX + 1];
	uint64_t expires_ms;
	uint8_t id[INVITATION_BYTES];
	char url[INVITATION_URL_BYTES_MAX + 1];
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];	/* the inviter's first */
	size_t chain_count;
	uint8_t signature[SIGNATURE_BYTES];
};

/* Fill chain and signature of @i as this node (writer), and append its text to @out. */
RC_CHECK enum rc invitation_issue(struct engine *e, struct invitation *i, struct bytes *out, struct diag *d);

/* Read an invitation's text; RC_INPUT when it is not one, RC_PEER when its signatures do not check. */
RC_CHECK enum rc invitation_read(struct invitation *i, struct span text, struct diag *d);

/* The request of a node with the key of @seed. */
RC_CHECK enum rc invitation_request(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span name,
    struct bytes *out);

/* The parent's side (writer): check @request, issue and save the credential, and append the answer to @out.  Asked
 * again with the same invitation and key it answers the same.  RC_DENIED: expired, used, not ours to grant. */
RC_CHECK enum rc invitation_admit(struct engine *e, struct span request, uint64_t now_ms, struct bytes *out,
    struct diag *d);

/* The answer, checked against @i and our key: self first in @chain, then its issuers. */
RC_CHECK enum rc invitation_answer(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span answer,
    struct credential chain[CREDENTIAL_CHAIN_MAX + 1], size_t *count, struct diag *d);

#endif
