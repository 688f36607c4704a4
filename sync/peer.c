/* One peer: its keys, what we share with it, what we believe it holds. */
#include "credential.h"
#include "engine_impl.h"
#include "envelope.h"
#include "exchange_impl.h"
#include "incarnation.h"
#include "intake.h"
#include "revocation.h"
#include "transfer.h"

#include <sodium.h>
#include <string.h>

void
peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	belief_fini(&p->belief);
	bytes_free(&p->kept.bounds);
	transfer_free(p->out);
	intake_free(p->in);
	sodium_memzero(p->key, sizeof(p->key));
	mem_free(p);
}

/* Where @origin stands or belongs in @x->peers; *@is_there says which. */
static size_t
peer_place(const struct exchange *x, const uint8_t origin[ORIGIN_BYTES], bool *is_there)
{
	size_t low = 0, high = x->count;
	int c;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		c = memcmp(x->peers[middle]->origin, origin, ORIGIN_BYTES);
		if (c == 0) {
			*is_there = true;
			return middle;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*is_there = false;
	return low;
}

static struct peer *
peer_add(struct exchange *x, const uint8_t origin[ORIGIN_BYTES], size_t place)
{
	struct peer **peers;
	struct peer *p;
	size_t cap;

	if (x->count == x->cap) {
		cap = x->cap == 0 ? 4 : x->cap * 2;
		if ((peers = mem_grow(x->peers, cap, sizeof(*peers))) == NULL)
			return NULL;
		x->peers = peers;
		x->cap = cap;
	}
	if ((p = mem_alloc(sizeof(*p))) == NULL)
		return NULL;
	memcpy(p->origin, origin, ORIGIN_BYTES);
	p->piece_bytes = PIECE_BYTES_FIRST;
	p->want_bytes = PIECE_BYTES_MAX;
	memmove(&x->peers[place + 1], &x->peers[place], (x->count - place) * sizeof(*x->peers));
	x->peers[place] = p;
	x->count++;
	return p;
}

enum rc
peer_get(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct peer **out, struct diag *d)
{
	static const uint8_t no_key[PEER_KEY_BYTES];
	const struct origin_entry *entry = origin_find(e, origin);
	struct exchange *x;
	struct peer *p;
	enum rc rc;
	size_t place;
	bool is_there;

	if (entry == NULL || memcmp(entry->pubkey, engine_self(e)->pubkey, PUBKEY_BYTES) == 0)
		return diag_fail(d, RC_DENIED, "no credential of the other node is known here");
	if ((x = exchange_of(e)) == NULL)
		return RC_NOMEM;
	place = peer_place(x, origin, &is_there);
	p = is_there ? x->peers[place] : peer_add(x, origin, place);
	if (p == NULL)
		return RC_NOMEM;
	p->unit = entry->unit;
	p->used = ++x->calls;
	if (memcmp(p->pubkey, entry->pubkey, PUBKEY_BYTES) != 0 ||
	    sodium_memcmp(p->key, no_key, sizeof(no_key)) == 0) {
		if ((rc = credential_shared_key(e, entry->pubkey, p->key)) != RC_OK)
			return diag_fail(d, rc, "the other node's public key is no key");
		memcpy(p->pubkey, entry->pubkey, PUBKEY_BYTES);
	}
	if ((rc = belief_load(e, p->origin, &p->belief, d)) != RC_OK)
		return rc;
	*out = p;
	return RC_OK;
}

enum rc
peer_welcome(const struct engine *e, const struct peer *p, struct diag *d)
{
	const struct revocation *by = revocation_of(e, p->pubkey);
	char hex[2 * ORIGIN_BYTES + 1];
	struct diag told;

#ifdef BUG_P7_IGNORE_REVOCATION
	return RC_OK;
#endif
	if (by == NULL)
		return RC_OK;
	revocation_tell(by, &told);
	(void)sodium_bin2hex(hex, sizeof(hex), p->origin, ORIGIN_BYTES);
	return diag_fail(d, RC_DENIED, "node %s was %s", hex, told.text);
}

/* Whoever knows a later credential of ours knows the first, which issued it; that they know a later one is never sure,
 * for what was sent may wait there (C16). */
const uint8_t *
peer_self(const struct engine *e, const struct peer *p)
{
	(void)p;
	return incarnation_for_peer(e, false);
}

enum rc
peer_addressed(const struct engine *e, const uint8_t *to, uint8_t self[ORIGIN_BYTES], struct diag *d)
{
	const uint8_t *ours = incarnation_named(e, to, ENVELOPE_TO_BYTES);

	if (ours == NULL)
		return diag_fail(d, RC_DENIED, "the request is for another node");
	memcpy(self, ours, ORIGIN_BYTES);
	return RC_OK;
}

bool
peer_is_above(const struct engine *e, const struct peer *p)
{
	const struct origin_entry *parent = origin_find(e, e->self.parent);

	if (parent != NULL && memcmp(parent->pubkey, p->pubkey, PUBKEY_BYTES) == 0)
		return true;
	return p->unit != e->self_unit && unit_is_within(e, e->self_unit, p->unit);
}

bool
peer_is_below(const struct engine *e, const struct peer *p)
{
	return p->unit != e->self_unit && unit_is_within(e, p->unit, e->self_unit);
}

bool
peer_shares(const struct engine *e, const struct peer *p, const struct stream *s)
{
	return unit_holds(e, e->self_unit, s->unit, s->reach) && unit_holds(e, p->unit, s->unit, s->reach);
}

void
peer_digest(struct engine *e, const struct peer *p, uint8_t out[DIGEST_HEADS_BYTES])
{
	digest_heads(e, e->self_unit, p->unit, out);
}

void
peer_note_equal(struct engine *e, struct peer *p)
{
	uint32_t sid;

	if (p->is_equal && p->equal_tick == e->change_tick)
		return;			/* noted before; nothing was added since */
	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (peer_shares(e, p, s))
			belief_set(&p->belief, sid, s->head_seq);
	}
	belief_know(&p->belief);
	if (p->out != NULL && p->out->receipts == 0) {	/* they have it all, whoever brought it */
		transfer_free(p->out);
		p->out = NULL;
	}
	p->is_uncertain = false;
	p->is_equal = true;
	p->equal_tick = e->change_tick;
}

void
peer_forget_all(struct engine *e, uint32_t sid, uint64_t last)
{
	struct exchange *x = e->exchange;
	size_t i;

	for (i = 0; x != NULL && i < x->count; i++) {
		if (x->peers[i]->belief.is_loaded && belief_get(&x->peers[i]->belief, sid) > last)
			belief_set(&x->peers[i]->belief, sid, last);
		x->peers[i]->is_equal = false;
	}
}

bool
peer_lacks(const struct engine *e, const struct peer *p)
{
	uint32_t sid;

	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);

		if (s->head_seq > belief_get(&p->belief, sid) && peer_shares(e, p, s))
			return true;
	}
	return false;
}

void
peer_piece_grow(uint64_t *size)
{
	*size = *size > PIECE_BYTES_MAX / PIECE_GROWTH ? PIECE_BYTES_MAX : *size * PIECE_GROWTH;
}

void
peer_piece_cut(uint64_t *size, uint64_t n)
{
	/* A little less than got through, so that the answer finds room on the same connection. */
	*size = n - n / 8;
	peer_piece_clamp(size);
}

void
peer_piece_clamp(uint64_t *size)
{
	if (*size < PIECE_BYTES_MIN)
		*size = PIECE_BYTES_MIN;
	if (*size > PIECE_BYTES_MAX)
		*size = PIECE_BYTES_MAX;
}
