/* node/invitation.h - how a node comes into the tree: the invitation, the request to join, the answer.
 *
 *   invitation := u8 1 · body · secret (16) · check (4)
 *   body       := root key (32) · inviter's public key (32) · id (16) · u32 expires · blob unit · blob URL
 *                 expires: seconds since 1970; URL: where to join, may be empty
 *   secret     := keyed BLAKE2b-128 of "ocop invitation 1" · body, under a key that only the inviter can make: the hash
 *                 of its own signature of a fixed text, which it shows nobody (Ed25519 signs a text always alike)
 *   check      := BLAKE2b-128 of all before it, cut: against slips of the hand, not against forgers
 *
 *   request    := u8 1 · body · public key (32) · blob name · proof (16) · signature (64)
 *   proof      := keyed BLAKE2b-128 of "ocop join 1" · all before it, under the invitation's secret: whoever asks holds
 *                 the invitation, and whoever sees the request go by cannot make another one
 *   signature  := by that public key, of the hash of "ocop join 1" · all before it: whoever asks holds the key
 *
 *   answer     := u8 1 · varint n (2-9) · n × blob credential: the new node's, then its issuers up to the root key
 *
 * As text (invitation_text.c) each is a word and its bytes in base 32: capitals and digits only, which a QR code packs
 * two to 11 bits.  An invitation for a commune with a URL of 31 characters is 154 bytes, 253 characters: a QR code of
 * version 9 at level M, 53 modules a side, 0.49 mm each on 30 mm of paper with the white around it.
 *
 * Who trusts what:
 *   - The joiner trusts the paper the invitation came on.  It pins the root key, and the inviter as parent: an answer
 *     counts only when its chain ends at that key and begins with the inviter's.
 *   - The inviter, and no other node, lets in on its invitation: it recomputes the secret, needs no list of
 *     invitations given out, and no other node out of reach can let a second one in.  It alone judges the expiry, by
 *     its own clock.
 *   - The invitation is a secret as a whole: who holds it may join once, as that unit, until it expires.  The request
 *     and the answer are not: they may travel on anybody's stick.
 */
#ifndef NODE_INVITATION_H
#define NODE_INVITATION_H

#include "node/arena.h"
#include "sync/credential.h"

#define INVITATION_URL_BYTES_MAX 256
#define INVITATION_SECRET_BYTES 16
#define INVITATION_CREDENTIAL_BYTES_MAX 512
#define INVITATION_REQUEST_BYTES_MAX 1024
#define INVITATION_ANSWER_BYTES_MAX 5120
#define INVITATION_TEXT_BYTES_MAX 16384	/* of a file that holds any of the three as text */

struct invitation {
	uint8_t root_pubkey[PUBKEY_BYTES];
	uint8_t inviter_pubkey[PUBKEY_BYTES];	/* whom to ask: a secured connection must be with this key */
	uint8_t id[INVITATION_BYTES];
	uint32_t expires_s;
	char unit[UNIT_BYTES_MAX + 1];
	char url[INVITATION_URL_BYTES_MAX + 1];
	uint8_t secret[INVITATION_SECRET_BYTES];	/* all zero in one that was read from a request */
};

struct invitation_request {
	struct invitation body;
	uint8_t pubkey[PUBKEY_BYTES];
	struct span name;			/* borrowed from the request's bytes */
	struct span proved, signed_;		/* what the proof and the signature are about; borrowed */
	uint8_t proof[INVITATION_SECRET_BYTES];
	uint8_t signature[SIGNATURE_BYTES];
};

/* ---- bytes */
void invitation_emit(const struct invitation *i, struct bytes *out);
/* RC_INPUT: it is none, or it was mistyped. */
RC_CHECK enum rc invitation_parse(struct invitation *i, struct span bytes, struct diag *d);
uint64_t invitation_expires_ms(const struct invitation *i);

/* The request on @i of a node with the key of @seed.  The same arguments give the same bytes. */
RC_CHECK enum rc invitation_request(const struct invitation *i, const uint8_t seed[SEED_BYTES], struct span name,
    struct bytes *out);
/* RC_PEER: malformed, or the signature does not check.  The proof is not checked: only the inviter can. */
RC_CHECK enum rc invitation_request_parse(struct invitation_request *q, struct span bytes, struct diag *d);

/* The answer to the request @q, checked: for our key, from the inviter, up to the root key.  Self first in @chain, then
 * its issuers.  RC_PEER. */
RC_CHECK enum rc invitation_answer(const struct invitation_request *q, struct span answer,
    struct credential chain[CREDENTIAL_CHAIN_MAX + 1], size_t *count, struct diag *d);

/* ---- invitation_admit.c: the inviter's side (writer) */

/* Make @i, of which unit, expires_s, url and id are set, ours. */
RC_CHECK enum rc invitation_issue(struct engine *e, struct invitation *i);

/* Check @request, issue and save the credential, and append the answer to @out; *@self, when not NULL, is the new
 * node's credential.  Asked again by the same key it answers the same, also after the expiry.
 * RC_PEER: forged.  RC_DENIED: expired, used, of another node. */
RC_CHECK enum rc invitation_admit(struct engine *e, struct span request, uint64_t now_ms, struct bytes *out,
    struct credential *self, struct diag *d);

/* ---- invitation_text.c */

enum invitation_kind { INVITATION_INVITATION, INVITATION_REQUEST, INVITATION_ANSWER };

/* Append the text of @bytes, in lines when @is_folded, else without a line end. */
void invitation_text_write(enum invitation_kind kind, struct span bytes, bool is_folded, struct bytes *out);

/* Append the bytes of @text: blanks, line ends, marks of quotation (>) and a byte order mark do not count, nor does
 * case; O is read as 0, I and L as 1.  RC_INPUT: it is not such a text. */
RC_CHECK enum rc invitation_text_read(enum invitation_kind kind, struct span text, struct bytes *out, struct diag *d);

#endif
