#include "tests/sim/own.h"

#include <string.h>

#include "sync/clock_right.h"
#include "sync/engine_impl.h"
#include "sync/origin.h"
#include "tests/sim/world.h"

#define ENGINE_TABLE_MIN 1000
#define RIGHT_MS 60000 /* a clock that is off by less counts as right */

bool
own_is_name(const struct node *n, const uint8_t origin[ORIGIN_BYTES])
{
	for (size_t i = 0; i < n->names_count; i++)
		if (memcmp(n->names[i], origin, ORIGIN_BYTES) == 0)
			return true;
	return false;
}

const uint8_t *
own_known_name(const struct node *n, struct engine *engine)
{
	for (size_t i = n->names_count; i > 0; i--)
		if (origin_find(engine, n->names[i - 1]) != NULL)
			return n->names[i - 1];
	return NULL;
}

static void
name_learn(struct node *n)
{
	const uint8_t *origin = engine_self(n->engine)->origin;

	if (own_is_name(n, origin) && memcmp(n->origin, origin, ORIGIN_BYTES) == 0)
		return;
	if (n->names_count > 0) {
		cover_add(n->world->cover, COVER_INCARNATION);
		world_trace(n->world, "node %zu goes on under another name", n->index);
	}
	memcpy(n->origin, origin, ORIGIN_BYTES);
	INVARIANT(n->names_count < NODE_NAMES_MAX);
	memcpy(n->names[n->names_count++], origin, ORIGIN_BYTES);
}

/* A commit that nobody asked for must be about the engine's own tables. */
static bool
on_new_own(struct node *n, const struct stream *s, uint32_t stream, uint32_t seq)
{
	struct model *m = n->world->model;
	struct clock_shift shift;
	struct commit c;
	struct bytes body;
	uint32_t commit;
	bool is_good = own_is_name(n, s->origin);

	bytes_init(&body);
	if (!is_good || log_body(n->engine, VERSION(s->sid, seq), &body, NULL) != RC_OK ||
	    commit_parse(&c, span_bytes(&body), s->origin, seq, NULL) != RC_OK) {
		bytes_free(&body);
		world_fail(n->world, "P6",
		    "node %zu holds commit %u of stream %u, which nobody acknowledged", n->index,
		    (unsigned)seq, (unsigned)stream);
		return false;
	}
	for (size_t i = 0; i < c.ops_count; i++)
		is_good = is_good && c.ops[i].table >= ENGINE_TABLE_MIN;
	n->world->saves_number++;
	commit = model_commit_add(m, stream, c.hlc, n->world->saves_number, span_str(""), &n->held);
	for (size_t i = 0; i < c.ops_count && is_good; i++)
		if (clock_right_read(&c.ops[i], &shift)) {
			cover_add(n->world->cover, COVER_CORRECTION);
			world_trace(n->world, "node %zu corrects its clock by %lld ms", n->index,
			    (long long)shift.shift_ms);
			model_correct(m, commit, shift.origin, shift.since, shift.shift_ms, shift.key.b);
		}
	commit_free(&c);
	bytes_free(&body);
	if (!is_good)
		world_fail(n->world, "P6", "node %zu: the engine saved rows of its user", n->index);
	return is_good;
}

void
own_look(struct node *n)
{
	struct model_vector now;

	name_learn(n);
	node_observe(n, &now, on_new_own);
	(void)now;
}

void
own_check_future(struct node *n)
{
	uint64_t latest = n->world->now_ms + RIGHT_MS + CLOCK_TOLERANCE_MS;

	if (n->skew_ms > RIGHT_MS || n->skew_ms < -RIGHT_MS || n->was_skewed)
		return;
	for (uint32_t sid = 1; sid <= stream_count(n->engine); sid++) {
		const struct stream *s = stream_at(n->engine, sid);

		if (s->head_seq > 0 && !own_is_name(n, s->origin) &&
		    HLC_MS(clock_effective(n->engine, s->origin, s->head_hlc)) > latest)
			world_fail(n->world, "P14",
			    "node %zu, whose clock is right, holds a commit from the future",
			    n->index);
	}
}
