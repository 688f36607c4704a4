/* sync/exchange_state.h - comparing the rows of two nodes whose heads are equal (PROTOCOL.md, W23 and W24).
 *
 *   asking:     exchange_state_look → exchange_state_request → [send] → exchange_state_verdict
 *   answering:  exchange_state_open → [exchange_state_compare, unless there is a verdict] → exchange_state_reply
 *
 * Looking reads every row and takes its time; it works on a reading engine.  What needs the node's key (request and
 * open) takes the writing one and no time.  The rest needs no engine: the key that it needs is in the struct, and is
 * wiped by the last function of each line.
 */
#ifndef SYNC_EXCHANGE_STATE_H
#define SYNC_EXCHANGE_STATE_H

#include "digest.h"

enum exchange_verdict {
	EXCHANGE_VERDICT_NONE,		/* not compared yet */
	EXCHANGE_SAME,
	EXCHANGE_DIFFERS,
	EXCHANGE_OTHER_HEADS,		/* something was saved or came in meanwhile */
	EXCHANGE_OTHER_SCHEMA,
};

/* What one side holds, at one moment. */
struct exchange_state {
	uint32_t schema;
	uint8_t heads[DIGEST_HEADS_BYTES];
	uint8_t rows[HASH_BYTES];
};

/* The digest of the heads shared with @peer (W19), for whom our unit is its own or below it; RC_DENIED otherwise.
 * Reader too. */
RC_CHECK enum rc exchange_state_heads(struct engine *e, const uint8_t peer[ORIGIN_BYTES],
    uint8_t out[DIGEST_HEADS_BYTES], struct diag *d);

/* What we, the asking side, hold.  RC_CORRUPT: our own rows do not fit our log.  Reader too, inside a transaction. */
RC_CHECK enum rc exchange_state_look(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct exchange_state *out,
    struct diag *d);

struct exchange_state_asking {
	uint8_t from[ORIGIN_BYTES], peer[ORIGIN_BYTES];
	uint8_t nonce[8];
	uint8_t key[32];
};
/* Append the request to @out; @a is what the reply will be checked with. */
RC_CHECK enum rc exchange_state_request(struct engine *e, const uint8_t peer[ORIGIN_BYTES],
    const struct exchange_state *state, struct exchange_state_asking *a, struct bytes *out, struct diag *d);
/* RC_PEER: @body is no answer of theirs to this request. */
RC_CHECK enum rc exchange_state_verdict(struct exchange_state_asking *a, struct span body,
    enum exchange_verdict *out, struct diag *d);

struct exchange_state_asked {
	uint8_t self[ORIGIN_BYTES], peer[ORIGIN_BYTES];
	uint8_t nonce[8];
	uint8_t key[32];
	struct exchange_state theirs;
	enum exchange_verdict verdict;	/* NONE: the rows are to be compared */
};
/* RC_PEER: broken; RC_DENIED: forged, for another node, or of one that is not below us. */
RC_CHECK enum rc exchange_state_open(struct engine *e, struct span body, struct exchange_state_asked *a,
    struct diag *d);
/* Compare with our rows; sets the verdict.  Reader too, inside a transaction. */
RC_CHECK enum rc exchange_state_compare(struct engine *e, struct exchange_state_asked *a, struct diag *d);
RC_CHECK enum rc exchange_state_reply(struct exchange_state_asked *a, struct bytes *out);

#endif
