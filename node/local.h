/* node/local.h - small facts about this installation, kept beside the engine's tables and never replicated.
 *
 * They live in the table node_local(name, value) of the same database.  Reading works on any connection; writing only
 * on the writing one, outside of a save.  A fact that is lost costs convenience, never data.
 */
#ifndef NODE_LOCAL_H
#define NODE_LOCAL_H

#include "sync/mem.h"

struct sqlite3;

#define LOCAL_PARENT_URL	"parent_url"
#define LOCAL_CONTACT_MS	"last_contact_ms"	/* with the parent: when a round last ended well */
#define LOCAL_ERROR		"last_error"		/* of the newest round that did not; "" after one that did */
#define LOCAL_PEER_PREFIX	"peer_url:"		/* and the origin in hex */
#define LOCAL_PEER_MS_PREFIX	"peer_ms:"
#define LOCAL_RESTORED_MS	"restored_ms"		/* from a backup then, and not reconciled since; 0: no */
#define LOCAL_STATE_PREFIX	"state:"		/* and the origin; see state_record.h */

RC_CHECK enum rc local_create(struct sqlite3 *db, struct diag *d);

/* Append the value under @name to @out; nothing when there is none. */
RC_CHECK enum rc local_get(struct sqlite3 *db, const char *name, struct bytes *out, struct diag *d);
RC_CHECK enum rc local_set(struct sqlite3 *db, const char *name, const char *value, struct diag *d);
uint64_t local_get_ms(struct sqlite3 *db, const char *name);	/* 0 when there is none */

#endif
