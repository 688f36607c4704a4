/* sync/credential.h - who a node is: "key K serves unit U at level L", signed by a node above it or by the root key.
 *
 * Credentials are ordinary replicated rows of the engine's own table `node`, addressed to the root with reach down, so
 * that every node can check every other one.  The row carries its own proof, so that a chain can also be checked
 * before any log is held.
 */
#ifndef SYNC_CREDENTIAL_H
#define SYNC_CREDENTIAL_H

#include "engine.h"

#define CREDENTIAL_CHAIN_MAX	8
#define INVITATION_BYTES	16	/* one-use name of an invitation */

struct credential {
	uint8_t origin[ORIGIN_BYTES];		/* made from the public key and the incarnation: credential_origin() */
	uint8_t pubkey[PUBKEY_BYTES];
	uint32_t incarnation;
	char unit[UNIT_BYTES_MAX + 1];
	enum level level;
	uint8_t issuer[ORIGIN_BYTES];		/* all zero: the root key itself */
	uint8_t invitation[INVITATION_BYTES];	/* all zero: none */
	char name[AUTHOR_BYTES_MAX + 1];
	uint8_t proof[SIGNATURE_BYTES];		/* the issuer's signature over all of the above */
};

void credential_origin(const uint8_t pubkey[PUBKEY_BYTES], uint32_t incarnation, uint8_t out[ORIGIN_BYTES]);
void credential_keys(const uint8_t seed[SEED_BYTES], uint8_t pubkey[PUBKEY_BYTES]);

/* Canonical bytes and back; RC_PEER when malformed. */
void credential_emit(const struct credential *c, struct bytes *out);
RC_CHECK enum rc credential_parse(struct credential *c, struct span s);

/* Check the proof of @c by the key of its issuer. */
bool credential_proof_ok(const struct credential *c, const uint8_t issuer_pubkey[PUBKEY_BYTES]);

/* Sign @c as this node (writer): issuer and proof are set.  RC_DENIED unless @c's unit is in our subtree. */
RC_CHECK enum rc credential_issue(struct engine *e, struct credential *c, struct diag *d);

/* Make @c, a copy of @base with another incarnation, the credential of that incarnation of this node: issued by @base,
 * under the same key (writer). */
RC_CHECK enum rc credential_renew(struct engine *e, struct credential *c, const struct credential *base);

/* Is @c a new incarnation: issued by an origin known here with the same key, for the same unit and no higher level? */
bool credential_is_renewal(const struct engine *e, const struct credential *c);

/* The row of @c, within the save @s. */
struct save;
RC_CHECK enum rc credential_row(struct save *s, const struct credential *c, struct diag *d);

/* Save @c, issued by us, as a replicated row.  RC_CONFLICT when its invitation was used before. */
RC_CHECK enum rc credential_save(struct engine *e, const struct credential *c, struct diag *d);

/* The credential that @origin holds in our replica (reader too), RC_NOTFOUND. */
RC_CHECK enum rc credential_get(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *out);

/* One of our own origins' credentials, or one of their issuers', from the chain that this node was made with
 * (reader too): whatever became of their rows.  RC_NOTFOUND. */
RC_CHECK enum rc credential_own(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *out);

/* Walk all known nodes in order of origin (reader too). */
typedef enum rc (*credential_fn)(void *ctx, const struct credential *c);
RC_CHECK enum rc credential_each(struct engine *e, credential_fn fn, void *ctx);

/* The chain from @origin's issuer up to the one signed by the root key, nearest first.  @chain has room for
 * CREDENTIAL_CHAIN_MAX. */
RC_CHECK enum rc credential_chain(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct credential *chain,
    size_t *count, struct diag *d);

/* Check @self and its issuers up to the root key (RC_PEER: forged or broken). */
RC_CHECK enum rc credential_chain_check(const struct credential *self, const struct credential *chain, size_t count,
    const uint8_t root_pubkey[PUBKEY_BYTES], struct diag *d);

/* The founding node's credential, signed by the root key. */
struct engine_founding;
void credential_root(const struct engine_founding *f, uint8_t root_pubkey[PUBKEY_BYTES], struct credential *out);

/* At open: the founder's credential must stand in its own log; saved if a crash kept it out. */
RC_CHECK enum rc credential_save_own(struct engine *e, struct diag *d);

/* The credential that an insertion into the node table holds; RC_PEER when it is not a whole one. */
struct commit_op;
RC_CHECK enum rc credential_of_op(const struct commit_op *op, struct credential *out);

/* The catalogue's description of the node table. */
extern const struct catalogue_table credential_table;

/* One credential off a cursor; fails it when malformed. */
struct rd;
void credential_read(struct credential *c, struct rd *r);

/* The key two nodes share, for message authentication: X25519 from our and their Ed25519 keys, hashed. */
RC_CHECK enum rc credential_shared_key(struct engine *e, const uint8_t peer_pubkey[PUBKEY_BYTES], uint8_t out[32]);

/* Sign and check short statements of the node layer (invitations): detached Ed25519 over (purpose, bytes). */
void credential_sign(struct engine *e, struct span purpose, struct span bytes, uint8_t out[SIGNATURE_BYTES]);
bool credential_verify(const uint8_t pubkey[PUBKEY_BYTES], struct span purpose, struct span bytes,
    const uint8_t signature[SIGNATURE_BYTES]);

#endif
