/* The links, and what a bad node does to what goes through it. */
#include "tests/sim/hostile_impl.h"

#include <string.h>

#include "sync/exchange_impl.h"

static void
flip(struct hostile *h, struct bytes *b)
{
	if (b->n == 0 || !prng_chance(&h->prng, 1, 4))
		return;
	b->p[prng_below(&h->prng, b->n)] ^= (uint8_t)(1 << prng_below(&h->prng, 8));
	h->counts->flipped++;
}

static bool
is_flipping(const struct hostile *h, const struct hostile_node *a, const struct hostile_node *b)
{
	return !h->is_calm && (h->bad & BAD_FLIPS) != 0 && (a->is_bad || b->is_bad);
}

/* A reply to @request, if any. */
static enum rc
deliver(struct hostile_node *to, struct span request, struct bytes *reply)
{
	struct answer *answer;
	struct diag d;
	enum rc rc, end;

	diag_init(&d);
	if (answer_new(to->engine, &answer, &d) != RC_OK)
		return RC_NOMEM;
	rc = answer_bytes(answer, request, &d);
	end = answer_end(answer, true, reply, &d);
	if (rc == RC_OK)
		rc = end;
	answer_free(answer);
	if (rc != RC_OK)
		hostile_told(to->h, "node %zu refuses: %s: %s", to->index, rc_name(rc), d.text);
	return rc;
}

static void
record(struct hostile *h, struct hostile_node *to, struct span request)
{
	if ((h->bad & BAD_REPLAYS) == 0 || request.n > RECORDED_BYTES_MAX || !prng_chance(&h->prng, 1, 3))
		return;
	bytes_clear(&h->recorded);
	bytes_put(&h->recorded, request.p, request.n);
	h->recorded_for = to->index;
}

/* It believes, or says that it does, that the other side has what it has not. */
static void
withhold(struct hostile *h, struct hostile_node *from, const struct hostile_node *to)
{
	struct peer *p;
	struct diag d;

	diag_init(&d);
	if (h->is_calm || !from->is_bad || (h->bad & BAD_WITHHOLDS) == 0 ||
	    peer_get(from->engine, to->origin, &p, &d) != RC_OK)
		return;
	for (uint32_t sid = 1; sid <= stream_count(from->engine); sid++)
		if (prng_chance(&h->prng, 1, 3))
			belief_set(&p->belief, sid, stream_at(from->engine, sid)->head_seq);
}

/* One round.  True: the digests were equal, and nothing moved. */
bool
hostile_meet(struct hostile *h, struct hostile_node *from, struct hostile_node *to)
{
	struct bytes request, reply;
	struct ask *a;
	struct diag d;
	bool is_equal, is_quiet;
	enum rc rc;
	unsigned i;

	diag_init(&d);
	h->counts->rounds++;
	withhold(h, from, to);
	h->now_ms += 1000;
	if ((rc = ask_new(from->engine, to->origin, &a, &d)) != RC_OK) {
		hostile_told(h, "node %zu cannot ask node %zu: %s: %s", from->index, to->index, rc_name(rc), d.text);
		h->counts->refused++;
		return false;
	}
	bytes_init(&request);
	bytes_init(&reply);
	for (i = 0; ask_state(a) == ASK_MORE && i < REQUESTS_MAX; i++) {
		bytes_clear(&request);
		bytes_clear(&reply);
		if (ask_request(a, &request, &d) != RC_OK)
			break;
		record(h, to, span_bytes(&request));
		if (is_flipping(h, from, to))
			flip(h, &request);
		if ((rc = deliver(to, span_bytes(&request), &reply)) != RC_OK) {
			h->counts->refused++;
			ask_reply_none(a);
			break;
		}
		if (is_flipping(h, from, to))
			flip(h, &reply);
		rc = ask_reply_bytes(a, span_bytes(&reply), &d);
		if (rc == RC_OK)
			rc = ask_reply_end(a, true, &d);
		if (rc != RC_OK)
			break;
	}
	is_equal = ask_state(a) == ASK_DONE && ask_counts(a)->is_equal;
	is_quiet = is_equal && ask_counts(a)->commits_up + ask_counts(a)->commits_down == 0;
	hostile_told(h, "node %zu meets node %zu: %s%s, %llu requests, %llu up, %llu down, %llu forks %s",
	    from->index, to->index,
	    is_equal ? "equal" : "unequal", ask_state(a) == ASK_FAILED ? ", failed" : "",
	    (unsigned long long)ask_counts(a)->requests, (unsigned long long)ask_counts(a)->commits_up,
	    (unsigned long long)ask_counts(a)->commits_down, (unsigned long long)ask_counts(a)->forks,
	    ask_state(a) == ASK_FAILED ? d.text : "");
	h->counts->forks += ask_counts(a)->forks;
	h->counts->quarantined += ask_counts(a)->quarantined;
	if (i == REQUESTS_MAX)
		hostile_failed(h, "a round of node %zu with node %zu does not end", from->index, to->index);
	ask_free(a);
	bytes_free(&request);
	bytes_free(&reply);
	engine_sanity(from->engine);
	engine_sanity(to->engine);
	return is_quiet;
}

void
hostile_replay(struct hostile *h)
{
	struct bytes reply;

	if (h->recorded.n == 0)
		return;
	bytes_init(&reply);
	(void)deliver(&h->nodes[h->recorded_for], span_bytes(&h->recorded), &reply);
	h->counts->replayed++;
	bytes_free(&reply);
}
