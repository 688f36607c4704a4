/* sync/origin.h - the credentials known here, in memory: who an origin is. */
#ifndef SYNC_ORIGIN_H
#define SYNC_ORIGIN_H

#include "unit.h"

struct credential;

/* Whose word a credential row is: of several of one origin that of the highest level counts, then the earliest
 * (M13). */
struct origin_claim {
	bool is_any;
	enum level level;
	uint64_t hlc;
	uint8_t by[ORIGIN_BYTES];
};

struct origin_entry {
	uint8_t origin[ORIGIN_BYTES];
	uint8_t pubkey[PUBKEY_BYTES];
	unit_id unit;
	enum level level;
	bool is_in_force;		/* a valid commit holds its credential; else it only checks seals */
	struct origin_claim known, shown;
	enum level level_known;		/* what the best credential known says, in force or not */
	uint8_t issuer[ORIGIN_BYTES];	/* rank.c: of the credential known */
	enum level level_top;		/* the highest that a credential known says */
	bool is_root;			/* one of them is for the root unit */
	unsigned depth, rank;
};

/* NULL when no credential of @origin is known; valid until the next reload. */
const struct origin_entry *origin_find(const struct engine *e, const uint8_t origin[ORIGIN_BYTES]);

/* Has the key of @origin more than one incarnation? */
bool origin_has_siblings(const struct engine *e, const uint8_t origin[ORIGIN_BYTES]);

/* Has an origin that begins with @prefix the same key as @origin: are they incarnations of one node? */
bool origin_is_sibling(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], const uint8_t *prefix, size_t n);

/* A credential that was proved: known from now on, or in force. */
RC_CHECK enum rc origin_know(struct engine *e, const struct credential *c, const struct origin_claim *claim);
RC_CHECK enum rc origin_enforce(struct engine *e, const struct credential *c, const struct origin_claim *claim);
/* Forget all but the chain this node joined with. */
RC_CHECK enum rc origin_clear(struct engine *e, struct diag *d);

/* Read everything that follows from control rows anew (control.h): at open, after a rollback. */
RC_CHECK enum rc origin_reload(struct engine *e, struct diag *d);

#endif
