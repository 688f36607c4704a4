/* sync/exchange_impl.h - what the exchange keeps beside the engine: the peers, and the order of streams.
 *
 * One `struct peer` stands for one node whose credential is known here; it lives until the engine closes.  What it
 * holds is memory of the link and can be lost without harm: beliefs are kept in the database (belief.h), unfinished
 * incoming transfers are after a cut (intake.h), the rest starts anew.
 * Limits: all peers together hold at most EXCHANGE_BYTES_MAX of transfers; the least recently heard of go first.
 */
#ifndef SYNC_EXCHANGE_IMPL_H
#define SYNC_EXCHANGE_IMPL_H

#include "belief.h"
#include "digest.h"
#include "exchange.h"
#include "receipt_impl.h"
#include "suspect.h"
#include "unit.h"

enum {
#ifdef TEST_LIMITS
	EXCHANGE_BYTES_MAX = 64 * 1024,
	PIECE_BYTES_FIRST = 64,		/* of an upload in one request, on a link we know nothing of */
	PIECE_BYTES_MIN = 16,
#else
	EXCHANGE_BYTES_MAX = 16 * 1024 * 1024,
	PIECE_BYTES_FIRST = 16 * 1024,
	PIECE_BYTES_MIN = 512,
#endif
	PIECE_BYTES_MAX = 1000 * 1024,	/* with its head below REQUEST_BODY_BYTES_MAX and REPLY_BODY_BYTES_MAX */
	PIECE_GROWTH = 4,		/* after a piece that got through whole */
	TRANSFER_ID_BYTES = 8,
	PEER_KEY_BYTES = 32,
};

struct transfer;
struct intake;

/* What sync_link says of an upload that was cut (W22). */
struct peer_kept {
	uint8_t id[TRANSFER_ID_BYTES];
	uint64_t acked;
	struct bytes bounds;		/* of its plan */
	bool is_uncertain;
	bool is_there;			/* the row is */
};

struct peer {
	uint8_t origin[ORIGIN_BYTES];
	uint8_t pubkey[PUBKEY_BYTES];
	uint8_t key[PEER_KEY_BYTES];	/* for message authentication, shared by the two nodes */
	unit_id unit;
	struct belief belief;
	struct suspects suspects;
	struct transfer *out;		/* what we are sending them; or NULL */
	struct intake *in;		/* what we are getting from them; or NULL */
	uint64_t piece_bytes;		/* how much to send them at once */
	uint64_t want_bytes;		/* how much to ask of them at once */
	uint64_t used;			/* when last heard of, in calls */
	bool is_uncertain;		/* they may hold more of @out than we know */
	struct peer_kept kept;
	bool is_link_loaded;
	bool is_intake_loaded;		/* the database was asked for an unfinished transfer of theirs */
	bool is_equal;			/* the digests were equal at @equal_tick of the engine */
	uint64_t equal_tick;
	bool has_waits;			/* all that they hold and we do not waits here (C16), when their digest is */
	uint8_t waits_digest[DIGEST_HEADS_BYTES];
	uint8_t told[2 * DIGEST_HEADS_BYTES];	/* ours and theirs: the difference that was last news for them */
	unsigned told_count;		/* how often: copies that wait by one name are told one by one */
	uint8_t vain_id[TRANSFER_ID_BYTES];	/* an upload that got there whole and moved nothing */
	uint64_t vain_ms;		/* when; 0: none */
	uint64_t receipts_tick;		/* of the engine: then none of ours was due for them */
	uint64_t receipts_sent;		/* they were sent those up to this number, perhaps in vain */
};

struct exchange {
	struct engine *e;
	struct peer **peers;		/* sorted by origin */
	size_t count, cap;
	uint64_t calls;
	uint32_t *order;		/* stream numbers sorted by name, of the first @order_count streams */
	size_t order_count;
	struct receipt_state receipts;
};

/* The exchange's state of @e, made when first needed; NULL without memory. */
struct exchange *exchange_of(struct engine *e);

/* SQL that makes the exchange's own tables; static. */
const char *exchange_tables_ddl(void);

/* Drop transfers of peers not lately heard of, but not of @keep, until the limit is met. */
void exchange_trim(struct exchange *x, const struct peer *keep);

/* The peer with @origin; RC_DENIED when no credential of it is known here.  Its key and beliefs are there. */
RC_CHECK enum rc peer_get(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct peer **out, struct diag *d);
/* No round with a node whose key is revoked: RC_DENIED, and @d says so to whoever asked.  (Asked of it only once it
 * proved who it is.) */
RC_CHECK enum rc peer_welcome(const struct engine *e, const struct peer *p, struct diag *d);
void peer_free(struct peer *p);

/* The origin by which @p knows us: our newest, once we believe that it holds its credential, or our first. */
const uint8_t *peer_self(const struct engine *e, const struct peer *p);

/* Whom a message that begins with @to is for: one of our origins, or RC_DENIED (W3). */
RC_CHECK enum rc peer_addressed(const struct engine *e, const uint8_t *to, uint8_t self[ORIGIN_BYTES],
    struct diag *d);

/* Does @p stand above us: is it our parent, or does it serve a unit above ours? */
bool peer_is_above(const struct engine *e, const struct peer *p);
/* Does @p serve a unit below ours? */
bool peer_is_below(const struct engine *e, const struct peer *p);

/* Do nodes of our unit and of @p's both hold @s? */
bool peer_shares(const struct engine *e, const struct peer *p, const struct stream *s);

/* Digest of the heads of all streams shared with @p. */
void peer_digest(struct engine *e, const struct peer *p, uint8_t out[DIGEST_HEADS_BYTES]);

/* The digests were found equal: they hold exactly what we hold (W16). */
void peer_note_equal(struct engine *e, struct peer *p);

/* Forget what any peer is believed to hold of stream @sid beyond @last. */
void peer_forget_all(struct engine *e, uint32_t sid, uint64_t last);

/* Do we believe that @p lacks something of ours? */
bool peer_lacks(const struct engine *e, const struct peer *p);

/* How much to send, or to ask for, at once (W21): after a piece that got through whole, or one cut after @n bytes. */
void peer_piece_grow(uint64_t *size);
void peer_piece_cut(uint64_t *size, uint64_t n);
void peer_piece_clamp(uint64_t *size);

/* What sync_link keeps of the link to @p: read it, once, and make p->out again when it says so; write what is so
 * now, or drop it when there is no p->out (each in a transaction of its own). */
RC_CHECK enum rc peer_link_load(struct engine *e, struct peer *p, struct diag *d);
RC_CHECK enum rc peer_link_save(struct engine *e, struct peer *p, struct diag *d);

/* Stream numbers by name, streams_count of them; NULL without memory. */
const uint32_t *exchange_order(struct engine *e);

#endif
