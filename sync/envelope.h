/* sync/envelope.h - the messages of two nodes: a short authenticated head, then perhaps bytes of a transfer.
 *
 * Format (fixed numbers are big-endian, the others varints; rules W1 to W4):
 *
 *   message := u8 kind · u8 length · head · mac (16) · piece            length: of the head
 *   kind    := 0x11 request | 0x12 reply | 0x13 waiting request | 0x14 state request | 0x15 state reply
 *                                                                       high half: the format
 *
 *   request := from (8) · to (4) · nonce (8) · u48 ms · digest (16) · u8 flags · want
 *              · [HELD: id (8) · held] · [UPLOAD: id (8) · total · offset]
 *   reply   := u48 ms · digest (16) · u8 flags · [UPLOAD: held] · [DOWNLOAD: id (8) · total · offset]
 *   waiting := from (8) · to (4) · u48 ms · digest (16)
 *   state   := from (8) · to (4) · nonce (8) · schema · digest (16) · state (32)
 *   verdict := u8, 1 to ENVELOPE_VERDICT_MAX
 *
 * mac: keyed BLAKE2b-128 under the key that the two nodes share, over a text that names the kind, the sender's and the
 * receiver's full origin, for a reply the nonce of its request, then kind, length and head.  The piece is not under
 * the mac: its transfer's name and the seals in it are its proof.
 */
#ifndef SYNC_ENVELOPE_H
#define SYNC_ENVELOPE_H

#include "exchange_impl.h"
#include "intake.h"

enum {
	ENVELOPE_NONCE_BYTES = 8,
	ENVELOPE_TO_BYTES = 4,
	ENVELOPE_MAC_BYTES = 16,
	ENVELOPE_HEAD_BYTES_MAX = 128,
	ENVELOPE_VERDICT_MAX = 4,
	ENVELOPE_BYTES_MAX = 2 + ENVELOPE_HEAD_BYTES_MAX + ENVELOPE_MAC_BYTES,	/* without the piece */
};

enum {
	REQUEST_HELD = 1 << 0,		/* states how much of the reply side's transfer is held */
	REQUEST_UPLOAD = 1 << 1,	/* carries a piece, perhaps an empty one that only asks */
	REQUEST_MORE = 1 << 2,		/* after this upload there is more to come */
	REQUEST_VECTOR = 1 << 3,	/* send your vector */
	REQUEST_FLAGS = REQUEST_HELD | REQUEST_UPLOAD | REQUEST_MORE | REQUEST_VECTOR,

	REPLY_UPLOAD = 1 << 0,		/* states how much of the upload is held */
	REPLY_DROPPED = 1 << 1,		/* the upload is of no use here: make another from the vector that follows */
	REPLY_DOWNLOAD = 1 << 2,	/* carries a piece */
	REPLY_VECTOR = 1 << 3,		/* send your vector */
	REPLY_FLAGS = REPLY_UPLOAD | REPLY_DROPPED | REPLY_DOWNLOAD | REPLY_VECTOR,
};

struct request {
	uint8_t from[ORIGIN_BYTES];
	uint8_t to[ENVELOPE_TO_BYTES];
	uint8_t nonce[ENVELOPE_NONCE_BYTES];
	uint64_t now_ms;
	uint8_t digest[DIGEST_HEADS_BYTES];
	uint8_t flags;
	uint64_t want;			/* bytes of a transfer, at most, in the reply */
	uint8_t held_id[TRANSFER_ID_BYTES];
	uint64_t held;
	struct intake_piece piece;
};

struct reply {
	uint64_t now_ms;
	uint8_t digest[DIGEST_HEADS_BYTES];
	uint8_t flags;
	uint64_t held;			/* of the upload */
	struct intake_piece piece;
};

struct waiting {
	uint8_t from[ORIGIN_BYTES];
	uint8_t to[ENVELOPE_TO_BYTES];
	uint64_t now_ms;
	uint8_t digest[DIGEST_HEADS_BYTES];
};

struct state_request {
	uint8_t from[ORIGIN_BYTES];
	uint8_t to[ENVELOPE_TO_BYTES];
	uint8_t nonce[ENVELOPE_NONCE_BYTES];
	uint32_t schema;		/* version of the catalogue */
	uint8_t digest[DIGEST_HEADS_BYTES];
	uint8_t state[HASH_BYTES];	/* of the rows at those heads */
};

/* Whose key, and who speaks to whom. */
struct envelope_ends {
	const uint8_t *key;		/* PEER_KEY_BYTES */
	const uint8_t *from, *to;	/* ORIGIN_BYTES */
	const uint8_t *nonce;		/* of the request that a reply answers; else NULL */
};

/* Head and mac, without the piece. */
void envelope_request_emit(const struct request *r, const struct envelope_ends *ends, struct bytes *out);
void envelope_reply_emit(const struct reply *r, const struct envelope_ends *ends, struct bytes *out);
void envelope_waiting_emit(const struct waiting *w, const struct envelope_ends *ends, struct bytes *out);
void envelope_state_emit(const struct state_request *q, const struct envelope_ends *ends, struct bytes *out);
void envelope_verdict_emit(uint8_t verdict, const struct envelope_ends *ends, struct bytes *out);

/* How many of the bytes in @s are head and mac; 0 while that is not known, SIZE_MAX when it is no message of @kind. */
size_t envelope_length(struct span s, uint8_t kind);
enum {
	ENVELOPE_REQUEST = 0x11,
	ENVELOPE_REPLY = 0x12,
	ENVELOPE_WAITING = 0x13,
	ENVELOPE_STATE = 0x14,
	ENVELOPE_VERDICT = 0x15,
};

/* Bytes of a message as they come in, until its head is whole. */
struct envelope_head {
	uint8_t b[ENVELOPE_BYTES_MAX];
	size_t n;
	bool is_whole;
};
/* Move bytes from the front of *@s to @h until it is whole.  RC_PEER when it is no message of @kind. */
RC_CHECK enum rc envelope_gather(struct envelope_head *h, uint8_t kind, struct span *s);

/* Decode @s, exactly envelope_length() bytes.  RC_PEER when it is not canonical.  The mac is not checked. */
RC_CHECK enum rc envelope_request_parse(struct request *r, struct span s);
RC_CHECK enum rc envelope_reply_parse(struct reply *r, struct span s);
RC_CHECK enum rc envelope_waiting_parse(struct waiting *w, struct span s);
RC_CHECK enum rc envelope_state_parse(struct state_request *q, struct span s);
RC_CHECK enum rc envelope_verdict_parse(uint8_t *verdict, struct span s);

/* Is the mac at the end of @s, exactly envelope_length() bytes, that of @ends? */
bool envelope_mac_ok(struct span s, const struct envelope_ends *ends);

#endif
