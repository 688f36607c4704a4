/* New rows and what shall be unique.
 *
 * Nobody but this save can know the key of a row that it made.  So a new row that names such a key in one of the
 * columns can only be the double of another row of this save: they are compared among themselves, without asking the
 * table. */
#include "save_impl.h"

#include <string.h>

static struct value
value_at(const struct save_captured *r, size_t column)
{
	size_t i;

	for (i = 0; i < r->cells_count; i++)
		if (r->cells[i].column == column)
			return r->cells[i].now;
	return value_null();
}

/* Does the row name one that this save made? */
static bool
names_new(struct save *s, const struct save_captured *r)
{
	const struct table_plan *p = r->plan;
	uint64_t left;
	size_t i;

	for (left = p->unique_mask; left != 0; left &= left - 1) {
		i = (size_t)__builtin_ctzll(left);
		if (p->ref[i] != NULL && p->t->columns[i].type == COLUMN_KEY) {
			struct value v = value_at(r, i);
			const struct save_captured *to = v.type == VALUE_BLOB ? save_captured_find(s, p->ref[i], v.s)
			    : NULL;

			if (to != NULL && to->is_minted)
				return true;
		}
	}
	return false;
}

static uint64_t
unique_hash(const struct save_captured *r)
{
	uint64_t h = UINT64_C(1469598103934665603) ^ r->plan->t->number, left;
	size_t i;

	for (left = r->plan->unique_mask; left != 0; left &= left - 1) {
		struct value v = value_at(r, (size_t)__builtin_ctzll(left));

		h = (h ^ (uint64_t)v.i ^ (uint64_t)v.type) * UINT64_C(1099511628211);
		for (i = 0; i < v.s.n; i++)
			h = (h ^ v.s.p[i]) * UINT64_C(1099511628211);
	}
	return h ^ h >> 29;
}

/* As in SQL, what is NULL equals nothing. */
static bool
is_double(const struct save_captured *a, const struct save_captured *b)
{
	uint64_t left;

	if (a->plan != b->plan)
		return false;
	for (left = a->plan->unique_mask; left != 0; left &= left - 1) {
		struct value v = value_at(a, (size_t)__builtin_ctzll(left));

		if (v.type == VALUE_NULL || !value_eq(v, value_at(b, (size_t)__builtin_ctzll(left))))
			return false;
	}
	return true;
}

/* Among the rows of this save looked at so far. */
static enum rc
unique_put(struct save *s, const struct save_captured *r, bool *out)
{
	size_t at;

	*out = false;
	if (s->unique == NULL) {
		for (s->unique_count = 64; s->unique_count < s->rows_count * 2;)
			s->unique_count *= 2;
		if ((s->unique = save_take(s, s->unique_count * sizeof(*s->unique))) == NULL)
			return RC_NOMEM;
		memset(s->unique, 0, s->unique_count * sizeof(*s->unique));
	}
	for (at = (size_t)unique_hash(r) & (s->unique_count - 1); s->unique[at] != 0;
	    at = (at + 1) & (s->unique_count - 1))
		*out = *out || is_double(r, &s->rows[s->unique[at] - 1]);
	s->unique[at] = (uint32_t)(r - s->rows) + 1;
	return RC_OK;
}

enum rc
save_unique_new(struct save *s, const struct save_captured *r, struct diag *d)
{
	struct value now[COLUMNS_MAX];
	bool found;
	size_t i;
	enum rc rc;

	if (names_new(s, r)) {
		rc = unique_put(s, r, &found);
		return rc == RC_OK && found ? save_check_double(r->plan, d) : rc;
	}
	for (i = 0; i < r->plan->t->columns_count; i++)
		now[i] = value_null();
	for (i = 0; i < r->cells_count; i++)
		now[r->cells[i].column] = r->cells[i].now;
	return save_check_unique(s, r->plan, now, r->key, d);
}
