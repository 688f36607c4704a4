/* sync/origin.h - the credentials known here, in memory: who an origin is. */
#ifndef SYNC_ORIGIN_H
#define SYNC_ORIGIN_H

#include "unit.h"

struct origin_entry {
	uint8_t origin[ORIGIN_BYTES];
	uint8_t pubkey[PUBKEY_BYTES];
	unit_id unit;
	enum level level;
};

/* NULL when no credential of @origin is known; valid until the next reload. */
const struct origin_entry *origin_find(const struct engine *e, const uint8_t origin[ORIGIN_BYTES]);

/* Read the node table anew: at open, after a rollback, when it changed. */
RC_CHECK enum rc origin_reload(struct engine *e, struct diag *d);

#endif
