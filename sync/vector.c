#include "vector.h"

#include "clock_wait.h"
#include "cursor.h"
#include "engine_impl.h"

#include <stdlib.h>
#include <string.h>

struct vector_name {
	uint8_t name[VECTOR_NAME_BYTES];
	uint32_t sid;
};

struct vector_names {
	struct vector_name *at;
	size_t count;
};

static int
name_cmp(const void *a, const void *b)
{
	const struct vector_name *x = a, *y = b;
	int c = memcmp(x->name, y->name, VECTOR_NAME_BYTES);

	if (c != 0)
		return c;
	return x->sid < y->sid ? -1 : x->sid > y->sid;
}

/* The names of our non-empty streams shared with @p, sorted. */
static enum rc
names_make(struct engine *e, const struct peer *p, struct vector_names *n)
{
	uint8_t hash[HASH_BYTES];
	uint32_t sid;

	n->count = 0;
	if ((n->at = mem_array(stream_count(e), sizeof(*n->at))) == NULL)
		return RC_NOMEM;
	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->head_seq == 0 || !peer_shares(e, p, s))
			continue;
		stream_hash_zero(e, s, hash);
		memcpy(n->at[n->count].name, hash, VECTOR_NAME_BYTES);
		n->at[n->count++].sid = sid;
	}
	qsort(n->at, n->count, sizeof(*n->at), name_cmp);
	return RC_OK;
}

enum rc
vector_emit(struct engine *e, const struct peer *p, struct bytes *out)
{
	struct vector_names n;
	enum rc rc;
	size_t i, count = 0;

	if ((rc = names_make(e, p, &n)) != RC_OK)
		return rc;
	for (i = 0; i < n.count; i++)
		count += suspect_is_there(&p->suspects, n.at[i].sid) ? 0 : 1;
	wr_varint(out, count);
	for (i = 0; i < n.count; i++) {
		const struct stream *s = stream_at(e, n.at[i].sid);

		if (suspect_is_there(&p->suspects, s->sid))
			continue;	/* they shall send it from its first commit */
		bytes_put(out, n.at[i].name, VECTOR_NAME_BYTES);
		wr_varint(out, s->head_seq);
		bytes_put(out, s->head_hash, VECTOR_HASH_BYTES);
	}
	mem_free(n.at);
	return bytes_rc(out);
}

struct chain_walk {
	uint8_t *hash;
};

static enum rc
chain_step(void *ctx, uint64_t seq, struct span body)
{
	struct chain_walk *w = ctx;
	uint8_t next[HASH_BYTES];

	(void)seq;
	stream_hash_next(w->hash, body, next);
	memcpy(w->hash, next, HASH_BYTES);
	return RC_OK;
}

/* The hash of our chain at number @seq of @s. */
static enum rc
chain_at(struct engine *e, const struct stream *s, uint64_t seq, uint8_t hash[HASH_BYTES], struct diag *d)
{
	struct chain_walk w = { hash };
	struct seal seal;
	enum rc rc;

	if (seq == s->head_seq) {
		memcpy(hash, s->head_hash, HASH_BYTES);
		return RC_OK;
	}
	/* Whoever relays holds a stream up to a seal, and mostly one that we hold, too. */
	if (seal_at_or_after(e, s->sid, seq, &seal, d) == RC_OK && seal.seq == seq) {
		memcpy(hash, seal.hash, HASH_BYTES);
		return RC_OK;
	}
	stream_hash_zero(e, s, hash);
	rc = log_each(e, s->sid, 1, seq, chain_step, &w, d);
	return rc;
}

/* They hold @s up to @head, we do not. */
static enum rc
lack_note(struct engine *e, const struct stream *s, uint64_t head, struct vector_news *news, struct diag *d)
{
	bool is_waiting;
	enum rc rc = clock_wait_has(e, s, head, &is_waiting, d);

	news->waits = news->waits || is_waiting;
	news->we_lack = news->we_lack || !is_waiting;
	return rc;
}

/* They hold a stream named @name of which we hold nothing: perhaps all of it waits. */
static enum rc
unknown_take(struct engine *e, const struct peer *p, const uint8_t *name, uint64_t head, struct vector_news *news,
    struct diag *d)
{
	uint8_t hash[HASH_BYTES];
	uint32_t sid;

	for (sid = 1; e->clock.waiting > 0 && sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->head_seq != 0 || !peer_shares(e, p, s))
			continue;
		stream_hash_zero(e, s, hash);
		if (memcmp(hash, name, VECTOR_NAME_BYTES) == 0)
			return lack_note(e, s, head, news, d);
	}
	news->we_lack = true;
	return RC_OK;
}

/* One entry of theirs against our stream of that name. */
static enum rc
entry_take(struct engine *e, struct peer *p, uint32_t sid, uint64_t head, const uint8_t *theirs,
    struct vector_news *news, struct diag *d)
{
	const struct stream *s = stream_at(e, sid);
	uint8_t ours[HASH_BYTES];
	enum rc rc;

	belief_set(&p->belief, sid, head);
	if (head <= s->head_seq) {
		if ((rc = chain_at(e, s, head, ours, d)) != RC_OK)
			return rc;
		if (memcmp(theirs, ours, VECTOR_HASH_BYTES) == 0) {
			suspect_fork_drop(&p->suspects, sid);
			return RC_OK;
		}
		news->forks++;
		news->has_suspects = news->has_suspects || (!suspect_is_forked(&p->suspects, sid) &&
		    suspect_add(e, &p->suspects, s));
	}
	/* Whoever stands below us, and holds less, shall see that it has to yield: what is beyond is sent. */
	if (suspect_is_forked(&p->suspects, sid) && !(head < s->head_seq && peer_is_below(e, p))) {
		belief_set(&p->belief, sid, s->head_seq);	/* both branches stay where they are */
		return RC_OK;
	}
	return head > s->head_seq ? lack_note(e, s, head, news, d) : RC_OK;
}

enum rc
vector_take(struct engine *e, struct peer *p, struct span span, struct vector_news *news, struct diag *d)
{
	struct rd r = rd_span(span);
	struct vector_names n;
	struct span name, before = span_of(NULL, 0), hash;
	uint64_t count, head;
	size_t at = 0;
	enum rc rc;

	if ((rc = names_make(e, p, &n)) != RC_OK)
		return rc;
	for (count = rd_varint(&r); rc == RC_OK && rd_ok(&r) && count > 0; count--) {
		name = rd_fixed(&r, VECTOR_NAME_BYTES);
		head = rd_varint_max(&r, STREAM_SEQ_MAX);
		hash = rd_fixed(&r, VECTOR_HASH_BYTES);
		if (!rd_ok(&r) || head == 0 || (before.n != 0 && span_cmp(before, name) >= 0)) {
			rd_fail(&r);
			break;
		}
		before = name;
		for (; at < n.count && memcmp(n.at[at].name, name.p, name.n) < 0; at++)
			belief_set(&p->belief, n.at[at].sid, 0);
		if (at < n.count && memcmp(n.at[at].name, name.p, name.n) == 0)
			rc = entry_take(e, p, n.at[at++].sid, head, hash.p, news, d);
		else
			rc = unknown_take(e, p, name.p, head, news, d);
	}
	for (; at < n.count; at++)
		belief_set(&p->belief, n.at[at].sid, 0);
	mem_free(n.at);
	if (rc != RC_OK)
		return rc;
	if (!rd_done(&r))
		return diag_fail(d, RC_PEER, "the other side sent a broken vector");
	belief_know(&p->belief);
	p->is_equal = false;
	return RC_OK;
}
