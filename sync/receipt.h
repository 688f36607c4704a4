/* sync/receipt.h - "(holder) durably holds the streams addressed to this unit, reach up, at these numbers": signed by
 * the holder, carried down the tree (TRUST.md C18, C19; PROTOCOL.md).
 *
 * Format:
 *
 *   receipt := holder (8) · blob unit · u48 ms · count · streams · count · quarantined · signature (64)
 *   stream  := origin (8) · seq · hash (8)             by origin, ascending; seq from 1; hash: begins the chain's there
 *   quarantined := place · seq · blob reason           ascending; place: of the stream above, from 0; seq up to its own
 *
 * ms is the holder's clock when it signed.  The signature is over "sync receipt 1" and everything before it, by
 * credential_sign().  The holder's own stream is not named: who writes, holds.  A unit of more than RECEIPT_STREAMS_MAX
 * streams: those written to last; what is not named is not denied.  Of the holder's quarantine the newest commits of
 * those streams, with why they were not accepted.
 *
 * What came is kept in sync_receipt, the newest for each holder and unit, and, in sync_receipt_mark, since when each
 * number is covered.  Both are soft: outside log and digest, and lost without harm to anybody's rows.
 */
#ifndef SYNC_RECEIPT_H
#define SYNC_RECEIPT_H

#include "conflict.h"

struct rd;

enum {
#ifdef TEST_LIMITS
	RECEIPT_STREAMS_MAX = 3,
	RECEIPT_MARKS_MAX = 4,
#else
	RECEIPT_STREAMS_MAX = 64,
	RECEIPT_MARKS_MAX = 256,		/* times kept of one stream at one holder */
#endif
	RECEIPT_STREAMS_TAKEN_MAX = 64,		/* refused above */
	RECEIPT_QUARANTINED_MAX = 16,
	RECEIPT_REASON_BYTES_MAX = 120,
	RECEIPT_HASH_BYTES = 8,
};

struct receipt_stream {
	uint8_t origin[ORIGIN_BYTES];
	uint64_t seq;
	uint8_t hash[RECEIPT_HASH_BYTES];
};

struct receipt_quarantined {
	size_t place;
	uint64_t seq;
	struct span reason;
};

struct receipt {
	uint8_t holder[ORIGIN_BYTES];
	struct span unit;
	uint64_t ms;
	struct receipt_stream streams[RECEIPT_STREAMS_TAKEN_MAX];
	size_t streams_count;
	struct receipt_quarantined quarantined[RECEIPT_QUARANTINED_MAX];
	size_t quarantined_count;
	struct span whole;		/* of one that was read: all its bytes */
};

/* One receipt off @rd, which it borrows from; fails the cursor when it is malformed or not the one form. */
void receipt_read(struct receipt *r, struct rd *rd);
/* Append @r without a signature; or signed as this node: then its holder must be us (writer). */
void receipt_emit(const struct receipt *r, struct bytes *out);
void receipt_write(struct engine *e, const struct receipt *r, struct bytes *out);
/* Is one that was read signed by @pubkey? */
bool receipt_is_signed(const struct receipt *r, const uint8_t pubkey[PUBKEY_BYTES]);
/* The number that @r names for @origin; NULL: it names none. */
const struct receipt_stream *receipt_stream_find(const struct receipt *r, const uint8_t origin[ORIGIN_BYTES]);

/* A number that grows with each receipt kept since the engine was opened (writer). */
uint64_t receipt_newest(const struct engine *e);

/* ---- what receipts tell.  Reader too. */

/* Since when the commit @version is held, in milliseconds by the clock of whoever holds it; 0: it is not known to be.
 * Who wrote it holds it since then.  @root_ms: at a node of the root unit; it may be the same as either other. */
struct receipt_times {
	uint64_t here_ms, parent_ms, root_ms;
};
RC_CHECK enum rc receipt_times(struct engine *e, uint64_t version, struct receipt_times *out, struct diag *d);

/* One receipt kept, beside what we hold. */
struct receipt_line {
	const struct receipt *receipt;
	struct span holder_unit;
	uint64_t of[RECEIPT_STREAMS_TAKEN_MAX];	/* our number of each stream; 0: none */
	bool is_complete;			/* all that we hold of the unit is covered */
	bool is_fork;				/* another commit than ours stands at one of its numbers */
};
typedef enum rc (*receipt_fn)(void *ctx, const struct receipt_line *line);

/* The receipts of other nodes: the newest of each node for each unit. */
RC_CHECK enum rc receipt_each(struct engine *e, receipt_fn fn, void *ctx, struct diag *d);

/* Commits that the parent's receipts name and we do not hold; *@is_known is false when there is none of the parent. */
RC_CHECK enum rc receipt_to_receive(struct engine *e, uint64_t *commits, bool *is_known, struct diag *d);

/* Commits held here that a receipt says are quarantined at its holder: with the holder's reason and the local number.
 * @holder: ORIGIN_BYTES. */
typedef enum rc (*receipt_quarantined_fn)(void *ctx, const uint8_t *holder, const struct quarantined *q);
RC_CHECK enum rc receipt_quarantine_each(struct engine *e, receipt_quarantined_fn fn, void *ctx, struct diag *d);

#endif
