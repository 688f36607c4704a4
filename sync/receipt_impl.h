/* sync/receipt_impl.h - receipts within the exchange: made, kept, passed on down the tree.
 *
 * A holder makes one for a unit when a peer that holds the unit asks and commits of others have come since the last.
 * Every receipt kept has a local number that grows with each replacement; a peer is sent what is above the number it
 * acknowledged (belief.h), and only what speaks of its own scope (W33).
 */
#ifndef SYNC_RECEIPT_IMPL_H
#define SYNC_RECEIPT_IMPL_H

#include "receipt.h"

struct peer;

enum {
#ifdef TEST_LIMITS
	RECEIPTS_SENT_MAX = 2,			/* in one transfer */
	RECEIPTS_SENT_BYTES_MAX = 1024,		/* one may go beyond */
#else
	RECEIPTS_SENT_MAX = 256,
	RECEIPTS_SENT_BYTES_MAX = 128 * 1024,
#endif
	RECEIPTS_TAKEN_MAX = 1024,		/* refused above */
	RECEIPTS_MADE_MAX = 256,		/* for one reply */
};

/* What our newest receipts say of one stream, and what of it stands in quarantine now. */
struct receipt_told {
	uint32_t seq, quarantined, quarantined_now;
};

struct receipt_state {
	struct receipt_told *told;		/* by stream number */
	size_t told_count;
	uint64_t newest;			/* local number of a receipt */
	bool is_loaded;				/* all this was read from the database */
	uint64_t quarantine_tick, quarantine_print;	/* of the engine, then; of the whole quarantine */
};

/* SQL that makes the tables; static. */
const char *receipt_tables_ddl(void);
void receipt_state_free(struct receipt_state *s);
void receipt_state_forget(struct receipt_state *s);	/* after a rollback */

RC_CHECK enum rc receipt_state_load(struct engine *e, struct receipt_state **out, struct diag *d);

/* The receipt kept of the holder and unit of @r: its bytes in @bytes, read into @out. */
RC_CHECK enum rc receipt_kept(struct engine *e, const struct receipt *r, struct bytes *bytes, struct receipt *out,
    bool *is_there, struct diag *d);
/* Shall @r stand in the place of @old? */
bool receipt_is_newer(const struct receipt *r, const struct receipt *old);
/* Keep @r, checked or ours, in the place of @old or NULL (inside the open transaction). */
RC_CHECK enum rc receipt_keep(struct engine *e, struct receipt_state *s, const struct receipt *r,
    const struct receipt *old, uint64_t *forks, struct diag *d);

/* A branch of stream @sid after @last was taken from the log (inside the open transaction): what was said of it is
 * void. */
RC_CHECK enum rc receipt_forget(struct engine *e, uint32_t sid, uint64_t last, struct diag *d);

/* Do nodes of @p's unit hold what is addressed to @u, and we, who are not below them? */
bool receipt_is_for(const struct engine *e, const struct peer *p, uint32_t u);

/* Has something come since our last receipts, of units that @p holds and our unit is not below?  Answered without the
 * database when nothing has come since it was last asked. */
RC_CHECK enum rc receipt_is_due(struct engine *e, struct peer *p, bool *out, struct diag *d);

/* Make and keep receipts for those units (inside the open transaction, before which all they name is durable). */
RC_CHECK enum rc receipt_make(struct engine *e, struct peer *p, struct diag *d);

/* Append to @out what @p has not acknowledged, oldest first; *@upto is the local number of the last, 0: nothing. */
RC_CHECK enum rc receipt_gather(struct engine *e, struct peer *p, struct bytes *out, uint64_t *upto, struct diag *d);

/* Is there one that @p has not acknowledged, of whatever unit? */
bool receipt_is_unsent(struct engine *e, const struct peer *p);

/* Are there any that were not sent to @p either? */
bool receipt_waits(struct engine *e, struct peer *p);

/* Take the content of a record (a transaction of its own).  RC_PEER when it is malformed; what does not prove itself,
 * is not newer or does not concern us is passed over.  *@forks grows by the streams that differ at a number. */
RC_CHECK enum rc receipt_take(struct engine *e, struct span content, uint64_t *count, uint64_t *forks,
    struct diag *d);

#endif
