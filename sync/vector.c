#include "vector.h"

#include "cursor.h"

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
	size_t i;

	if ((rc = names_make(e, p, &n)) != RC_OK)
		return rc;
	wr_varint(out, n.count);
	for (i = 0; i < n.count; i++) {
		const struct stream *s = stream_at(e, n.at[i].sid);

		bytes_put(out, n.at[i].name, VECTOR_NAME_BYTES);
		wr_varint(out, s->head_seq);
		bytes_put(out, s->head_hash, VECTOR_HASH_BYTES);
	}
	mem_free(n.at);
	return bytes_rc(out);
}

/* One entry of theirs against our stream of that name. */
static void
entry_take(struct engine *e, struct peer *p, uint32_t sid, uint64_t head, const uint8_t *hash,
    struct vector_news *news)
{
	const struct stream *s = stream_at(e, sid);

	belief_set(&p->belief, sid, head);
	if (head > s->head_seq) {
		news->we_lack = true;
		if (stream_is_own(e, s) && exchange_of(e) != NULL)
			exchange_of(e)->is_rewound = true;
	}
	if (head == s->head_seq && memcmp(hash, s->head_hash, VECTOR_HASH_BYTES) != 0)
		news->forks++;
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
	for (count = rd_varint(&r); rd_ok(&r) && count > 0; count--) {
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
			entry_take(e, p, n.at[at++].sid, head, hash.p, news);
		else
			news->we_lack = true;
	}
	for (; at < n.count; at++)
		belief_set(&p->belief, n.at[at].sid, 0);
	mem_free(n.at);
	if (!rd_done(&r))
		return diag_fail(d, RC_PEER, "the other side sent a broken vector");
	belief_know(&p->belief);
	p->is_equal = false;
	return RC_OK;
}
