/* The laws are numbered in MERGE.md; M1 … below cite them. */
#include "merge.h"

#include <string.h>

static bool
is_insertion(const struct commit_op *op)
{
	return op->kind == COMMIT_INSERT || op->kind == COMMIT_REINSERT;
}

bool
merge_writes(const struct merge_set *s, size_t i, size_t column, struct value *out)
{
	const struct commit_op *op = s->versions[i].op;
	const struct value *v;

	*out = value_null();
	if (op->kind == COMMIT_DELETE)
		return false;
	if ((v = commit_op_value(op, s->t->columns[column].number)) != NULL) {
		*out = *v;
		return true;
	}
	return is_insertion(op);
}

/* M2: a version counts as superseded by a later one of the same cell that had seen it; M17: not by an invalid one.
 * M4: under `rank` only by one of the same or a higher level; M16: a new insertion after a deletion starts everything
 * anew. */
static bool
is_superseded(const struct merge_set *s, size_t i, size_t column)
{
	bool is_rank = s->t->columns[column].policy == POLICY_RANK;
	struct value v;
	size_t j;

	for (j = i + 1; j < s->count; j++) {
		const struct merge_version *m = &s->versions[j];

		if (!m->is_valid || !merge_seen(s, j, i) || !merge_writes(s, j, column, &v))
			continue;
		if (!is_rank || m->level >= s->versions[i].level || m->op->kind == COMMIT_REINSERT)
			return true;
	}
	return false;
}

/* M3: which of two candidates is shown: higher level, then later clock reading, then greater origin.  M13: in an
 * `append` column the earlier one.  M5: under `lww` the level plays no part.  Index order is (clock reading,
 * origin) already. */
static bool
is_better(const struct merge_set *s, size_t column, size_t a, size_t b)
{
	if (s->t->columns[column].policy != POLICY_LWW && s->versions[a].level != s->versions[b].level)
		return s->versions[a].level > s->versions[b].level;
#ifdef BUG_P3_ARRIVAL_ORDER_TIEBREAK
	return s->versions[a].v > s->versions[b].v;
#endif
	/* M13: what stands is not taken over by who comes later. */
	return s->t->columns[column].policy == POLICY_APPEND ? a < b : a > b;
}

/* M14: whose a row is, its best insertion says; what others wrote into their own insertions of the same key does not
 * count in an `owner` column. */
static bool
is_owners(const struct merge_set *s, size_t i)
{
	int at = s->t->owner == OWNER_AUTHOR ? catalogue_column_find(s->t, span_str(s->t->owner_column)) : -1;
	size_t j, first = SIZE_MAX;
	struct value v;

	if (at < 0)
		return true;
	for (j = 0; j < s->count; j++)
		if (s->versions[j].is_valid && is_insertion(s->versions[j].op) && !is_superseded(s, j, (size_t)at) &&
		    (first == SIZE_MAX || is_better(s, (size_t)at, j, first)))
			first = j;
	if (first == SIZE_MAX)
		return true;
	(void)merge_writes(s, first, (size_t)at, &v);
	return v.type != VALUE_TEXT || span_eq(v.s, s->versions[i].commit.author);
}

static void
candidate_add(const struct merge_set *s, size_t column, size_t i, struct merge_cell *cell)
{
	struct value v, other;
	size_t k, at;

	(void)merge_writes(s, i, column, &v);
	for (k = 0; k < cell->candidates_count; k++) {
		(void)merge_writes(s, cell->candidates[k], column, &other);
		if (!value_eq(v, other))
			continue;
		/* M6: equal values are no conflict; the better of the two stands for both. */
		if (!is_better(s, column, i, cell->candidates[k]))
			return;
		memmove(cell->candidates + k, cell->candidates + k + 1,
		    (cell->candidates_count - k - 1) * sizeof(*cell->candidates));
		cell->candidates_count--;
		break;
	}
	for (at = 0; at < cell->candidates_count && !is_better(s, column, i, cell->candidates[at]);)
		at++;
	memmove(cell->candidates + at + 1, cell->candidates + at,
	    (cell->candidates_count - at) * sizeof(*cell->candidates));
	cell->candidates[at] = (uint32_t)i;
	cell->candidates_count++;
}

/* M7: a counter is the sum of what its valid versions added; M16: an insertion after a deletion starts from nothing. */
static struct value
counter_sum(const struct merge_set *s, size_t column)
{
	struct value v, sum = value_null();
	size_t i, j;

	for (i = 0; i < s->count; i++) {
		bool is_reset = !s->versions[i].is_valid || !merge_writes(s, i, column, &v) || v.type != VALUE_INT;

		for (j = i + 1; j < s->count && !is_reset; j++)
			is_reset = s->versions[j].is_valid && s->versions[j].op->kind == COMMIT_REINSERT &&
			    merge_seen(s, j, i);
		if (!is_reset)
			sum = value_int((int64_t)((uint64_t)(sum.type == VALUE_INT ? sum.i : 0) + (uint64_t)v.i));
	}
	return sum;
}

/* M18: each cell by itself.  M13: of an `append` column one value shows and none is open.  M14: `owner` is `review`
 * here, for what others wrote is not valid. */
static void
cell_merge(const struct merge_set *s, size_t column, struct merge_result *out)
{
	struct merge_cell *cell = &out->cells[column];
	enum policy policy = s->t->columns[column].policy;
	struct value v;
	size_t i;

	if (policy == POLICY_COUNTER) {
		out->values[column] = counter_sum(s, column);
		return;
	}
	for (i = 0; i < s->count; i++)
		if (s->versions[i].is_valid && merge_writes(s, i, column, &v) && !is_superseded(s, i, column) &&
		    (policy != POLICY_OWNER || is_owners(s, i)))
			candidate_add(s, column, i, cell);
#ifdef BUG_P5_DROP_LOSER
	if (cell->candidates_count > 1)
		cell->candidates_count = 1;
#endif
	if (cell->candidates_count == 0)
		return;
	(void)merge_writes(s, cell->candidates[0], column, &out->values[column]);
	if (policy == POLICY_LWW || policy == POLICY_APPEND)
		cell->candidates_count = 1;
	for (i = 1; i < cell->candidates_count; i++) {
		bool is_lower = policy == POLICY_RANK && s->versions[cell->candidates[i]].level <
		    s->versions[cell->candidates[0]].level;

		out->flags |= is_lower ? ROW_SUGGESTED : ROW_OPEN;
	}
}

/* M8: the row is there while an edit stands that no deletion had seen. */
static void
liveness_merge(const struct merge_set *s, struct merge_result *out)
{
	bool has_insertion = false, has_edit = false, has_deletion = false;
	size_t i, j;

	for (i = 0; i < s->count; i++) {
		bool is_head = s->versions[i].is_valid;

		has_insertion = has_insertion || (is_head && is_insertion(s->versions[i].op));
		for (j = i + 1; j < s->count && is_head; j++)
			is_head = !(s->versions[j].is_valid && merge_seen(s, j, i));
		if (!is_head)
			continue;
		/* M11: the next write of the row will replace all of these. */
		out->heads[out->heads_count++] = s->versions[i].v;
		if (s->versions[i].op->kind == COMMIT_DELETE)
			has_deletion = true;
		else
			has_edit = true;
	}
#ifdef BUG_P5_DELETE_WINS
	if (has_deletion)
		has_edit = false;
#endif
	out->is_alive = has_insertion && has_edit;	/* M1: a row lives only through a valid insertion */
	out->is_delete_contested = out->is_alive && has_deletion;
	if (out->is_delete_contested)
		out->flags |= ROW_OPEN;
	if (!out->is_alive)
		out->flags = ROW_DEAD;
}

enum rc
merge_row(const struct merge_set *s, struct merge_result *out)
{
	uint32_t *pool = mem_array(s->count * s->t->columns_count + 1, sizeof(*pool));
	size_t i;

	memset(out, 0, sizeof(*out));
	out->heads = mem_array(s->count + 1, sizeof(*out->heads));
	if (pool == NULL || out->heads == NULL) {
		mem_free(pool);
		mem_free(out->heads);
		out->heads = NULL;
		return RC_NOMEM;
	}
	for (i = 0; i < s->t->columns_count; i++) {
		out->cells[i].candidates = pool + i * s->count;
		cell_merge(s, i, out);
	}
	liveness_merge(s, out);
	return RC_OK;
}

void
merge_result_free(const struct merge_set *s, struct merge_result *r)
{
	if (s->t != NULL && r->heads != NULL)
		mem_free(r->cells[0].candidates);	/* the pool's start */
	mem_free(r->heads);
	memset(r, 0, sizeof(*r));
}
