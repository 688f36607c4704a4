/* Corrections came or went: whatever they speak of is settled anew. */
#include "clock.h"

#include "commit.h"
#include "engine_impl.h"
#include "settle.h"

#include <string.h>

struct settling {
	struct engine *e;
	const struct stream *s;
	uint64_t since;
	bool is_units;
	struct diag *d;
};

static enum rc
rows_settle(struct settling *w, const struct commit *c)
{
	const struct catalogue_table *units = catalogue_table_find(&w->e->catalogue,
	    span_str(w->e->catalogue.unit_table));
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		w->is_units = w->is_units || c->ops[i].table == units->number;
	return settle_commit(w->e, c, 0, w->d);
}

static enum rc
commit_settle(void *ctx, uint64_t seq, struct span body)
{
	struct settling *w = ctx;
	struct commit c;
	uint64_t hlc;
	enum rc rc;

	if ((rc = commit_hlc(body, &hlc)) != RC_OK || hlc < w->since)
		return rc;
	if ((rc = commit_parse_copy(&c, body, w->s->origin, seq, w->d)) != RC_OK)
		return rc;
	rc = rows_settle(w, &c);
	commit_free(&c);
	return rc;
}

static enum rc
origin_settle(struct engine *e, const uint8_t *origin, uint64_t since, struct diag *d)
{
	struct settling w = { .e = e, .since = since, .d = d };
	uint32_t sid;
	enum rc rc = RC_OK;

	for (sid = 1; sid <= stream_count(e) && rc == RC_OK; sid++) {
		w.s = stream_at(e, sid);
		if (memcmp(w.s->origin, origin, ORIGIN_BYTES) == 0 && w.s->head_hlc >= since)
			rc = log_each(e, sid, 1, w.s->head_seq, commit_settle, &w, d);
	}
	return rc == RC_OK && w.is_units ? unit_reload(e, d) : rc;
}

/* The first place where two lists say something else of one origin; false: nowhere.  Both are moved behind it. */
static bool
difference_next(const struct clock_shift **a, const struct clock_shift *a_end, const struct clock_shift **b,
    const struct clock_shift *b_end, uint8_t origin[ORIGIN_BYTES], uint64_t *since)
{
	while (*a < a_end || *b < b_end) {
		const struct clock_shift *x = *a < a_end ? *a : NULL, *y = *b < b_end ? *b : NULL;
		int order = x == NULL ? 1 : y == NULL ? -1 : memcmp(x->origin, y->origin, ORIGIN_BYTES);

		if (order == 0 && x->since != y->since)
			order = x->since < y->since ? -1 : 1;
		*a += order <= 0 ? 1 : 0;
		*b += order >= 0 ? 1 : 0;
		if (order == 0 && x->shift_ms == y->shift_ms && x->floor == y->floor)
			continue;
		memcpy(origin, order <= 0 ? x->origin : y->origin, ORIGIN_BYTES);
		*since = order <= 0 ? x->since : y->since;
		while (*a < a_end && memcmp((*a)->origin, origin, ORIGIN_BYTES) == 0)
			(*a)++;
		while (*b < b_end && memcmp((*b)->origin, origin, ORIGIN_BYTES) == 0)
			(*b)++;
		return true;
	}
	return false;
}

enum rc
clock_follow(struct engine *e, struct diag *d)
{
	const struct clock_shift *a, *a_end, *b, *b_end;
	struct clock_shift *old;
	uint8_t origin[ORIGIN_BYTES];
	size_t old_count;
	uint64_t since;
	enum rc rc;

	if ((rc = clock_swap(e, &old, &old_count, d)) != RC_OK)
		return rc;
	a = old;
	a_end = old == NULL ? NULL : old + old_count;
	b = e->clock.shifts;
	b_end = b == NULL ? NULL : b + e->clock.count;
	while (rc == RC_OK && difference_next(&a, a_end, &b, b_end, origin, &since))
		rc = origin_settle(e, origin, since, d);
	mem_free(old);
	return rc;
}
