/* sync/exchange.h - one round of reconciling with one peer, as bytes in and bytes out.
 *
 * A round is a few requests and replies.  The asking side (`struct ask`) makes request bodies and is fed reply bodies;
 * the answering side (`struct answer`) is fed a request body and makes a reply body.  Neither reads, waits nor knows
 * what carries the bytes: HTTP, a simulator.  Pieces may be of any size; what is complete is applied and durable at
 * once, the rest is kept, so that a cut loses nothing that got through (PROTOCOL.md).
 *
 *   asking:     ask_new → { ask_request → [send] → ask_reply_bytes… → ask_reply_end }  while ask_state is ASK_MORE
 *   answering:  answer_new → answer_bytes… → answer_end → [send answer_body] → answer_free
 *
 * All calls belong to the thread of the writing engine.  One ask per peer at a time.
 * Limits:  a request body is at most REQUEST_BODY_BYTES_MAX, a reply body at most REPLY_BODY_BYTES_MAX.
 * Failure: ASK_FAILED is final for the round; ask_rc() and the diag say why; the replica holds what was applied before.
 */
#ifndef SYNC_EXCHANGE_H
#define SYNC_EXCHANGE_H

#include "engine.h"

#define REQUEST_BODY_BYTES_MAX	(1024 * 1024)
#define REPLY_BODY_BYTES_MAX	(1024 * 1024)
#define ASK_REQUESTS_MAX	1000	/* of one round; a peer that never ends is given up */

enum ask_state {
	ASK_MORE,	/* ask_request() has something to send */
	ASK_DONE,	/* both sides ended equal, or all that could be exchanged was */
	ASK_FAILED,
};

struct ask_counts {
	uint64_t commits_up, commits_down;	/* newly held there, newly held here */
	uint64_t quarantined, conflicts;	/* among those down */
	bool is_equal;				/* digests of the shared scope were equal at the end */
	uint64_t requests;
	uint64_t forks;				/* streams of one name that differ at the same number */
	uint64_t receipts;			/* kept here, of those that came */
	uint64_t held_back;			/* streams that came and wait here: TRUST.md C16 */
	uint64_t asked_ms, peer_ms;		/* our clock at the last request, theirs in its reply; 0: none */
};

struct ask;

/* @peer: ORIGIN_BYTES of the answering node, whose credential must be known here. */
RC_CHECK enum rc ask_new(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct ask **out, struct diag *d);
void ask_free(struct ask *a);
enum ask_state ask_state(const struct ask *a);
/* Why it failed; RC_OK unless ASK_FAILED. */
RC_CHECK enum rc ask_rc(const struct ask *a);
/* Append the body of the next request to @out. */
RC_CHECK enum rc ask_request(struct ask *a, struct bytes *out, struct diag *d);
/* A piece of the reply's body.  An error ends the round. */
RC_CHECK enum rc ask_reply_bytes(struct ask *a, struct span piece, struct diag *d);
/* The reply ended; @is_complete: with all its bytes.  A cut is no error: the state stays ASK_MORE, and the next request
 * (of this or a later round) goes on where it stopped. */
RC_CHECK enum rc ask_reply_end(struct ask *a, bool is_complete, struct diag *d);
/* No reply came at all: the next request asks how far the other side got. */
void ask_reply_none(struct ask *a);
const struct ask_counts *ask_counts(const struct ask *a);

struct answer;
RC_CHECK enum rc answer_new(struct engine *e, struct answer **out, struct diag *d);
RC_CHECK enum rc answer_bytes(struct answer *s, struct span piece, struct diag *d);
/* The request ended (or was cut: then nothing is answered, but what came is kept).  Fills @body.  RC_DENIED, RC_PEER:
 * refuse with 4xx; @body is empty. */
RC_CHECK enum rc answer_end(struct answer *s, bool is_complete, struct bytes *body, struct diag *d);
/* Did the request prove who sent it?  Before that its bytes are looked at and nothing else. */
bool answer_is_proved(const struct answer *s);
const uint8_t *answer_peer(const struct answer *s);	/* ORIGIN_BYTES, once it is proved */
uint64_t answer_commits_new(const struct answer *s);
void answer_free(struct answer *s);

/* The waiting request: "tell me when you hold something for me".  The asking side makes its body, the answering side
 * checks it and then calls exchange_has_news until it says yes or the caller's patience ends; the reply is one byte,
 * '1' news, '0' none. */
RC_CHECK enum rc exchange_wait_request(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct bytes *out,
    struct diag *d);
struct exchange_waiting {
	uint8_t peer[ORIGIN_BYTES];
	uint8_t digest[16];
};
RC_CHECK enum rc exchange_wait_open(struct engine *e, struct span body, struct exchange_waiting *w, struct diag *d);
bool exchange_has_news(struct engine *e, const struct exchange_waiting *w);

/* What stands between us and @peer as far as we know: commits they lack. */
struct exchange_backlog {
	uint64_t commits, bytes;
};
RC_CHECK enum rc exchange_to_send(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct exchange_backlog *out,
    struct diag *d);

/* Forget unfinished transfers older than @age_ms; call now and then. */
void exchange_sweep(struct engine *e, uint64_t age_ms);

#endif
