/* sync/intake.h - a transfer coming in (transfer.h): decompressed, taken apart and applied while it arrives.
 *
 * Every complete frame is applied, and durable, before the next byte is looked at (W12).  The bytes that came are kept
 * until the transfer is whole, so that it can go on where it stopped: in memory, and after a cut in sync_partial, from
 * where a new process feeds them through the decompressor again; frames already held are not applied twice.
 * Limits: TRANSFER_BYTES_MAX a transfer, RECORD_BYTES_MAX a record, checked before memory is taken.
 */
#ifndef SYNC_INTAKE_H
#define SYNC_INTAKE_H

#include "exchange_impl.h"

struct intake;

/* One piece of a transfer as its message describes it. */
struct intake_piece {
	uint8_t id[TRANSFER_ID_BYTES];
	uint64_t total;
	uint64_t offset;
};

struct intake_news {
	uint64_t commits, quarantined, conflicts, forks;
	uint64_t bytes;			/* came in, new */
	uint64_t receipts;		/* kept */
	bool has_vector;
	bool has_suspects;		/* streams have to be compared: our vector must go out */
	bool we_lack;			/* the vector names what we do not hold */
	bool waits;			/* ... or what came and was not taken */
	uint64_t held_back;		/* streams that were not taken (C16) */
};

/* Take up the unfinished transfer of @p that the database keeps; once a process.  What is broken is dropped. */
RC_CHECK enum rc intake_load(struct engine *e, struct peer *p, struct diag *d);

/* A piece begins: go on with the transfer under way when it is the same, else drop that and begin a new one.  A
 * transfer that we hold whole is left alone. */
RC_CHECK enum rc intake_begin(struct engine *e, struct peer *p, const struct intake_piece *piece, struct diag *d);

/* Bytes of the piece begun, at offset @at of its transfer.  What is held already is skipped; what does not follow on it
 * is ignored (W13).  @news grows.  RC_GAP: it needs something we lack; RC_PEER: it is broken or forged; after these and
 * other errors the transfer is dropped, and what was applied before stays. */
RC_CHECK enum rc intake_feed(struct engine *e, struct peer *p, const struct intake_piece *piece, uint64_t at,
    struct span bytes, struct intake_news *news, struct diag *d);

/* How many bytes of the transfer @id we hold. */
uint64_t intake_held(const struct peer *p, const uint8_t id[TRANSFER_ID_BYTES]);
/* Id and bytes held of the transfer under way, or of the last one that was whole (false: neither). */
bool intake_state(const struct peer *p, uint8_t id[TRANSFER_ID_BYTES], uint64_t *held);
size_t intake_bytes(const struct intake *in);
uint64_t intake_came_ms(const struct intake *in);

/* After a cut: make durable what came and is not yet kept (W22). */
RC_CHECK enum rc intake_save(struct engine *e, struct peer *p, struct diag *d);

/* Forget the transfer under way, in memory and in the database. */
RC_CHECK enum rc intake_drop(struct engine *e, struct peer *p, struct diag *d);
void intake_free(struct intake *in);

#endif
