#include "engine_impl.h"

#include <string.h>

struct sanity {
	const struct engine *e;
	uint64_t seq;
	uint8_t hash[HASH_BYTES];
};

static enum rc
sanity_step(void *ctx, uint64_t seq, struct span body)
{
	struct sanity *s = ctx;
	uint8_t next[HASH_BYTES];

	INVARIANT(seq == s->seq + 1);			/* T1 */
	stream_hash_next(s->hash, body, next);
	memcpy(s->hash, next, HASH_BYTES);
	s->seq = seq;
	return RC_OK;
}

void
engine_sanity(struct engine *e)
{
	uint32_t sid;

	INVARIANT(!e->is_in_tx);
	INVARIANT(e->save == NULL);
	INVARIANT(e->v_now == 0);
	for (sid = 1; sid <= stream_count(e); sid++) {
		struct stream *s = stream_at(e, sid);
		struct sanity w = { e, 0, { 0 } };

		INVARIANT(s->sid == sid);
		INVARIANT(stream_find(e, s->origin, s->unit, s->reach) == s);
		INVARIANT(s->sealed_seq <= s->head_seq);		/* T2 */
		INVARIANT(stream_is_own(e, s) || s->sealed_seq == s->head_seq);
		INVARIANT(!stream_is_own(e, s) || s->head_hlc <= e->hlc);
		stream_hash_zero(e, s, w.hash);
		if (log_each(e, sid, 1, STREAM_SEQ_MAX, sanity_step, &w, NULL) != RC_OK)
			continue;				/* the disk failed under us: nothing to say */
		INVARIANT(w.seq == s->head_seq);
		INVARIANT(memcmp(w.hash, s->head_hash, HASH_BYTES) == 0);	/* T3 */
	}
}
