#include "clock_right.h"

#include "cursor.h"

#include <string.h>

bool
clock_right_read(const struct commit_op *op, struct clock_shift *out)
{
	const struct value *origin, *since, *shift;
	struct rd r;

	if (op->table != clock_table.number || op->kind != COMMIT_INSERT || op->has_text_key)
		return false;
	origin = commit_op_value(op, CLOCK_ORIGIN);
	since = commit_op_value(op, CLOCK_SINCE);
	shift = commit_op_value(op, CLOCK_SHIFT);
	if (origin == NULL || origin->type != VALUE_BLOB || origin->s.n != ORIGIN_BYTES || since == NULL ||
	    since->type != VALUE_BLOB || since->s.n != CLOCK_SINCE_BYTES || shift == NULL || shift->type != VALUE_INT ||
	    op->columns_count != 3)
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out->origin, origin->s.p, ORIGIN_BYTES);
	memcpy(out->key.b, op->key.p, KEY_BYTES);
	r = rd_span(since->s);
	out->since = rd_u64(&r);
	out->shift_ms = shift->i;
	return true;
}

struct who {
	uint8_t pubkey[PUBKEY_BYTES];
	unit_id unit;
};

static bool
fresh_who(struct engine *e, const uint8_t *origin, const struct credential *c, struct who *out)
{
	if (memcmp(c->origin, origin, ORIGIN_BYTES) != 0)
		return false;
	memcpy(out->pubkey, c->pubkey, PUBKEY_BYTES);
	out->unit = unit_find(e, span_str(c->unit));
	return true;
}

/* Who @origin is: by the credentials known, by @fresh, or by what @c itself brings (a node that goes on under a new
 * name introduces itself). */
static bool
who_is(struct engine *e, const uint8_t *origin, const struct commit *c, const struct credential *fresh,
    size_t fresh_count, struct who *out)
{
	const struct origin_entry *known = origin_find(e, origin);
	struct credential own;
	size_t i;

	if (known != NULL) {
		memcpy(out->pubkey, known->pubkey, PUBKEY_BYTES);
		out->unit = known->unit;
		return true;
	}
	for (i = 0; i < fresh_count; i++)
		if (fresh_who(e, origin, &fresh[i], out))
			return true;
	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table == credential_table.number && c->ops[i].kind == COMMIT_INSERT &&
		    credential_of_op(&c->ops[i], &own) == RC_OK && fresh_who(e, origin, &own, out))
			return true;
	return false;
}

bool
clock_right_may(struct engine *e, const struct stream *s, const struct commit *c,
    const uint8_t origin[ORIGIN_BYTES], const struct credential *fresh, size_t fresh_count)
{
	struct who author, whose;

	if (!who_is(e, s->origin, c, fresh, fresh_count, &author) ||
	    !who_is(e, origin, c, fresh, fresh_count, &whose))
		return false;
	if (memcmp(author.pubkey, whose.pubkey, PUBKEY_BYTES) == 0)
		return true;
	return author.unit != UNIT_NONE && whose.unit != UNIT_NONE && author.unit != whose.unit &&
	    unit_was_within(e, whose.unit, author.unit);
}

enum rc
clock_right_check(struct engine *e, const struct stream *s, const struct commit *c, const struct commit_op *op,
    struct diag *why)
{
	struct clock_shift shift;

	if (!clock_right_read(op, &shift))
		return diag_fail(why, RC_DENIED, "a clock correction is malformed");
	if (origin_find(e, shift.origin) == NULL)
		return diag_fail(why, RC_CONFLICT, "a clock correction of a node that is not known here");
	return clock_right_may(e, s, c, shift.origin, NULL, 0) ? RC_OK
	    : diag_fail(why, RC_DENIED, "only a node itself, or one of a unit above, may correct its clock");
}
