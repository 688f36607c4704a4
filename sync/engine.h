/* sync/engine.h - one replica: an open SQLite database, a catalogue, an identity.
 *
 * The engine opens nothing: it is handed a writing connection that nobody else uses (one writer, one thread), and
 * through `struct engine_env` the only clock and the only randomness it knows.  A second engine may be opened
 * read-only over a reading connection for the functions marked "reader too".
 *
 * Lifetime: the connection, the catalogue and the environment outlive the engine.
 * Failure:  RC_DISK, RC_FULL and RC_CORRUPT from a writing function are final for the process: stop answering, exit,
 *           recover at the next start.  engine_is_broken() tells.
 */
#ifndef SYNC_ENGINE_H
#define SYNC_ENGINE_H

#include "key.h"

struct sqlite3;
struct engine;

#define ENGINE_APPLICATION_ID 0x73796e63	/* "sync": what SQLite keeps for us in the header of the file */
#define SEED_BYTES	32	/* secret from which an Ed25519 key pair is made */
#define PUBKEY_BYTES	32
#define HASH_BYTES	32	/* BLAKE2b-256 */
#define SIGNATURE_BYTES	64
#define AUTHOR_BYTES_MAX 64
#define SYNC_FORMAT	1	/* of commits, frames and messages */

struct engine_env {
	void *ctx;
	uint64_t (*now_ms)(void *ctx);			/* wall clock, milliseconds since 1970; may lie */
	void (*random)(void *ctx, void *p, size_t n);	/* unpredictable bytes (repeatable in the simulator) */
};

/* Pragmas and switches that every connection to a replica needs (WAL, FULL, no double-quoted strings, …). */
RC_CHECK enum rc engine_configure(struct sqlite3 *db, bool is_writer, struct diag *d);

/* Does @db hold a node?  *@out says.  RC_INPUT when it is an SQLite file of something else, RC_CONFLICT when it was
 * written by a newer program, RC_CORRUPT when SQLite says so. */
RC_CHECK enum rc engine_probe(struct sqlite3 *db, const struct catalogue *c, bool *out, struct diag *d);

/* Make the provincial master in the empty database @db: tables, root key, this node's credential, signed by the root.
 * @unit is the key of the root unit.  The unit rows themselves are saved afterwards like any row. */
struct engine_founding {
	const uint8_t *root_seed;	/* SEED_BYTES; not stored in the database */
	const uint8_t *node_seed;	/* SEED_BYTES; not stored in the database */
	struct span unit;
	struct span name;		/* for people; at most AUTHOR_BYTES_MAX */
};
RC_CHECK enum rc engine_found(struct sqlite3 *db, const struct catalogue *c, const struct engine_env *env,
    const struct engine_founding *f, struct diag *d);

/* Make a joining node in the empty database @db from the credential its parent gave it (credential.h). */
struct credential;
struct engine_joining {
	const uint8_t *root_pubkey;	/* PUBKEY_BYTES: whom this node trusts */
	const struct credential *self;	/* already checked to be for our own key */
	const struct credential *chain;	/* issuers of @self, nearest first, up to one signed by the root */
	size_t chain_count;
	struct span root_unit;
	struct span parent_origin;	/* ORIGIN_BYTES: whom to sync with; the chain's first */
};
RC_CHECK enum rc engine_join(struct sqlite3 *db, const struct catalogue *c, const struct engine_env *env,
    const struct engine_joining *j, struct diag *d);

/* Open a replica.  @node_seed (SEED_BYTES) must be the key of the node in @db; NULL opens a reader. */
RC_CHECK enum rc engine_open(struct engine **out, struct sqlite3 *db, const struct catalogue *c,
    const struct engine_env *env, const uint8_t *node_seed, struct diag *d);
void engine_close(struct engine *e);
bool engine_is_broken(const struct engine *e);

/* What stands for this node; valid until close.  Reader too. */
struct engine_identity {
	uint8_t origin[ORIGIN_BYTES];	/* of the present incarnation (incarnation.h) */
	uint8_t base[ORIGIN_BYTES];	/* of the first: the one that enrolment made known */
	uint8_t pubkey[PUBKEY_BYTES];
	uint8_t root_pubkey[PUBKEY_BYTES];
	uint8_t parent[ORIGIN_BYTES];	/* all zero at the root */
	char unit[UNIT_BYTES_MAX + 1];
	char root_unit[UNIT_BYTES_MAX + 1];
	enum level level;
};
const struct engine_identity *engine_self(const struct engine *e);
struct sqlite3 *engine_db(const struct engine *e);
const struct catalogue *engine_catalogue(const struct engine *e);	/* the engine's own tables included */

/* Re-check the invariants of everything kept in memory against the database; for tests and start-up.  Aborts on a
 * broken one. */
void engine_sanity(struct engine *e);

#endif
