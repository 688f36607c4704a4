#include "rank.h"

#include "credential.h"

#include <string.h>

#define RANK_ROOT 100000u	/* of the founder's node */
#define DEPTH_MAX 1000u

static bool
is_same_key(const struct origin_entry *a, const struct origin_entry *b)
{
	return memcmp(a->pubkey, b->pubkey, PUBKEY_BYTES) == 0;
}

/* How many issuers stand between an origin's key and the root key.  Incarnations of one key count once. */
static bool
depth_step(const struct engine *e, struct origin_entry *o)
{
	static const uint8_t none[ORIGIN_BYTES];
	const struct origin_entry *issuer;
	unsigned depth = 0;

	if (memcmp(o->issuer, none, ORIGIN_BYTES) != 0) {
		if ((issuer = origin_find(e, o->issuer)) == NULL || issuer->depth == DEPTH_MAX)
			return false;
		depth = issuer->depth + (is_same_key(issuer, o) ? 0 : 1);
	}
	if (depth >= o->depth)
		return false;
	o->depth = depth;
	return true;
}

static void
rank_compute(struct engine *e)
{
	bool is_moving = true;
	size_t i, j, round;

	for (i = 0; i < e->origins_count; i++)
		e->origins[i].depth = DEPTH_MAX;
	for (round = 0; is_moving && round <= 2 * CREDENTIAL_CHAIN_MAX; round++) {
		is_moving = false;
		for (i = 0; i < e->origins_count; i++)
			is_moving = depth_step(e, &e->origins[i]) || is_moving;
	}
	/* What holds for one incarnation holds for the key: the highest, and the nearest. */
	for (i = 0; i < e->origins_count; i++) {
		struct origin_entry *o = &e->origins[i];
		unsigned depth = DEPTH_MAX, level = LEVEL_NONE;
		bool is_root = false;

		for (j = 0; j < e->origins_count; j++) {
			const struct origin_entry *other = &e->origins[j];

			if (j != i && !is_same_key(o, other))
				continue;
			depth = other->depth < depth ? other->depth : depth;
			level = (unsigned)other->level_top > level ? (unsigned)other->level_top : level;
			is_root = is_root || other->is_root;
		}
		o->rank = is_root ? RANK_ROOT - depth : level;
	}
}

void
rank_refresh(struct engine *e)
{
	if (e->is_rank_due)
		rank_compute(e);
	e->is_rank_due = false;
}

bool
rank_is_above(const struct engine *e, const struct origin_entry *by, const struct origin_entry *of)
{
	if (by->rank <= of->rank)
		return false;
	if (by->unit == e->root_unit)
		return true;
	return by->unit != of->unit && unit_was_within(e, of->unit, by->unit);
}
