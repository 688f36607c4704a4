/* node/state_record.h - what the last comparison of rows with another node said; kept as a local fact (local.h). */
#ifndef NODE_STATE_RECORD_H
#define NODE_STATE_RECORD_H

#include "sync/exchange_state.h"

struct sqlite3;

struct state_record {
	enum exchange_verdict verdict;		/* NONE: never compared, or they could not be */
	uint8_t heads[DIGEST_HEADS_BYTES];	/* at which heads */
	uint64_t ms;				/* when; 0: never */
};

/* What cannot be read counts as never compared. */
void state_record_get(struct sqlite3 *db, const uint8_t peer[ORIGIN_BYTES], struct state_record *out);
RC_CHECK enum rc state_record_set(struct sqlite3 *db, const uint8_t peer[ORIGIN_BYTES],
    const struct state_record *record, struct diag *d);

/* "equal", "differs", "unknown": for people and scripts. */
const char *state_record_word(enum exchange_verdict verdict);

#endif
