/* The digest of the heads that two units share.
 *
 *   BLAKE2b-128("sync heads 1" · streams × (origin (8) · blob unit · u8 reach · u64 head · hash (32)))
 *
 * over the non-empty streams that nodes of both units hold, in order of name (origin, unit, reach); W19.
 */
#include "digest.h"

#include "cursor.h"
#include "engine_impl.h"
#include "exchange_impl.h"

#include <sodium.h>

#define ENTRY_BYTES_MAX (ORIGIN_BYTES + 1 + UNIT_BYTES_MAX + 1 + 8 + HASH_BYTES)

static void
entry_add(const struct engine *e, const struct stream *s, crypto_generichash_state *state)
{
	uint8_t at[ENTRY_BYTES_MAX];
	struct bytes b = { at, 0, sizeof(at), false };		/* always fits: never grows */

	bytes_put(&b, s->origin, ORIGIN_BYTES);
	wr_blob(&b, unit_key(e, s->unit));
	wr_u8(&b, (uint8_t)s->reach);
	wr_u64(&b, s->head_seq);
	bytes_put(&b, s->head_hash, HASH_BYTES);
	INVARIANT(b.p == at);
	(void)crypto_generichash_update(state, b.p, b.n);
}

void
digest_heads(struct engine *e, uint32_t unit_a, uint32_t unit_b, uint8_t out[DIGEST_HEADS_BYTES])
{
	static const char domain[] = "sync heads 1";
	const uint32_t *order = exchange_order(e);
	crypto_generichash_state state;
	size_t i;

	if (order == NULL) {
		engine_random(e, out, DIGEST_HEADS_BYTES);	/* no memory: equal to nobody's */
		return;
	}
	(void)crypto_generichash_init(&state, NULL, 0, DIGEST_HEADS_BYTES);
	(void)crypto_generichash_update(&state, (const uint8_t *)domain, sizeof(domain) - 1);
	for (i = 0; i < stream_count(e); i++) {
		const struct stream *s = stream_at(e, order[i]);

		if (s->head_seq != 0 && unit_holds(e, unit_a, s->unit, s->reach) &&
		    unit_holds(e, unit_b, s->unit, s->reach))
			entry_add(e, s, &state);
	}
	(void)crypto_generichash_final(&state, out, DIGEST_HEADS_BYTES);
}
