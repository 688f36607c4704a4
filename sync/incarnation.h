/* sync/incarnation.h - a node goes on under a new name: the same key, another origin (TRUST.md C7).
 *
 * Taken when what was written under the old name may be more than this replica knows: after a restore, when a peer
 * proved commits of ours that we do not hold, when our clock was found ahead.  Nobody is asked: the first commit of the
 * new origin's stream to the root holds its credential, issued by the node's first one, under the same key.
 */
#ifndef SYNC_INCARNATION_H
#define SYNC_INCARNATION_H

#include "engine.h"

struct save;

/* Rows that shall stand in the same commit as the new credential. */
typedef enum rc (*incarnation_rows_fn)(void *ctx, struct save *s, struct diag *d);

/* Take a new incarnation (writer; one durable transaction of its own).  Everything written so far is sealed
 * first.  A node that never saved anything has nothing to leave behind: RC_OK, and neither @rows is called nor
 * anything done.  On failure the node has its old name. */
RC_CHECK enum rc incarnation_take(struct engine *e, struct diag *d);
RC_CHECK enum rc incarnation_take_with(struct engine *e, incarnation_rows_fn rows, void *ctx, struct diag *d);

/* The next save, or the next start, takes one (inside the open transaction). */
RC_CHECK enum rc incarnation_note_due(struct engine *e, struct diag *d);

/* Mark a copied database, before it is used, so that its next start takes one: what a restore does. */
struct sqlite3;
RC_CHECK enum rc incarnation_mark_due(struct sqlite3 *db, struct diag *d);

/* Is @origin one of ours, now or earlier: has it this node's key? */
bool incarnation_is_ours(const struct engine *e, const uint8_t origin[ORIGIN_BYTES]);

/* Of our origins, the one that a peer knows whose belief of our newest credential is @knows_newest: the newest, or the
 * first. */
const uint8_t *incarnation_for_peer(const struct engine *e, bool knows_newest);

/* The origin of ours that begins with @prefix; NULL when none does. */
const uint8_t *incarnation_named(const struct engine *e, const uint8_t *prefix, size_t n);

#endif
