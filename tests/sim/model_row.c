/* The rules of merging, in the plainest words.
 *
 *   - Only valid commits count, and only those held.
 *   - A row is known once anything was written to it.  It is there when it was inserted and some
 *     insertion or edit of it was seen by no deletion; else it counts as deleted.
 *   - A deletion stands against a row that is there while no insertion or edit has seen it.
 *   - A write of a cell is *beaten* by a later write of the cell whose author had seen it; an
 *     insertion writes every cell.  Of a rank column, an edit by a lower level beats nothing of
 *     a higher one.
 *   - A clock reading counts for what corrections make of it, and for more than all that its
 *     author had seen of the row.
 *   - Of those not beaten, the highest by (level, clock reading, origin) is shown; for lww by
 *     (clock reading, origin). The other values stay as siblings, except for lww and append.
 *   - A counter is the sum of what was added and was seen by no later insertion; NULL while
 *     nothing was added.
 */
#include "tests/sim/model.h"

#include <string.h>

#include "sync/rc.h"

static const struct model_commit *
commit_of(const struct model *m, const struct model_op *op)
{
	return &m->commits[op->commit];
}

static bool
counts(const struct model *m, const struct model_vector *v, const struct model_op *op)
{
	const struct model_commit *c = commit_of(m, op);

	return c->is_valid && model_is_held(v, c);
}

static const struct model_cell *
cell_of(const struct model_op *op, size_t column)
{
	for (size_t i = 0; i < op->cells_count; i++)
		if (op->cells[i].column == column)
			return &op->cells[i];
	return NULL;
}

static bool
writes(const struct model_op *op, size_t column)
{
	return op->kind == MODEL_INSERT || cell_of(op, column) != NULL;
}

static struct value
written(const struct model_op *op, size_t column)
{
	const struct model_cell *cell = cell_of(op, column);

	return cell == NULL ? value_null() : cell->value;
}

/* Is there an op of @row at all, held, valid, that saw @op and satisfies @test? */
typedef bool (*op_test)(
    const struct model *m, const struct model_op *later, const struct model_op *op, size_t column);

static bool
any_later(const struct model *m, const struct model_vector *v, const struct model_op *op,
    size_t column, op_test test)
{
	const struct model_row *r = &m->rows[op->row];

	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *later = &m->ops[r->ops[i]];

		if (counts(m, v, later) && model_saw(commit_of(m, later), commit_of(m, op)) &&
		    test(m, later, op, column))
			return true;
	}
	return false;
}

static bool
is_deletion(
    const struct model *m, const struct model_op *later, const struct model_op *op, size_t column)
{
	(void)m;
	(void)op;
	(void)column;
	return later->kind == MODEL_DELETE;
}

static bool
is_no_deletion(
    const struct model *m, const struct model_op *later, const struct model_op *op, size_t column)
{
	return !is_deletion(m, later, op, column);
}

static bool
is_insertion(
    const struct model *m, const struct model_op *later, const struct model_op *op, size_t column)
{
	(void)m;
	(void)op;
	(void)column;
	return later->kind == MODEL_INSERT;
}

static enum level
level_of(const struct model *m, const struct model_op *op)
{
	return m->streams[commit_of(m, op)->stream].level;
}

static bool
beats(const struct model *m, const struct model_op *later, const struct model_op *op, size_t column)
{
	const struct catalogue_table *t = tables_at(m->rows[op->row].table);

	if (!writes(later, column))
		return false;
	if (t->columns[column].policy == POLICY_RANK && later->kind != MODEL_INSERT)
		return level_of(m, later) >= level_of(m, op);
	return true;
}

#define ROW_OPS_MAX 4096

/* What the versions of a row count for: each its reading, but more than all those it had seen. */
struct times {
	const struct model_row *row;
	uint64_t at[ROW_OPS_MAX];
};

static void
times_fill(const struct model *m, const struct model_vector *v, const struct model_row *r, struct times *t)
{
	bool has_changed = m->corrections_count > 0;

	INVARIANT(r->ops_count <= ROW_OPS_MAX);
	t->row = r;
	for (size_t i = 0; i < r->ops_count; i++)
		t->at[i] = model_effective(m, v, commit_of(m, &m->ops[r->ops[i]]));
	while (has_changed) {
		has_changed = false;
		for (size_t i = 0; i < r->ops_count; i++)
			for (size_t j = 0; j < r->ops_count; j++) {
				const struct model_op *a = &m->ops[r->ops[i]], *b = &m->ops[r->ops[j]];

				if (t->at[i] > t->at[j] || !counts(m, v, a) || !counts(m, v, b) ||
				    !model_saw(commit_of(m, a), commit_of(m, b)))
					continue;
				t->at[i] = t->at[j] + 1;
				has_changed = true;
			}
	}
}

static uint64_t
time_of(const struct model *m, const struct times *t, const struct model_op *op)
{
	for (size_t i = 0; i < t->row->ops_count; i++)
		if (&m->ops[t->row->ops[i]] == op)
			return t->at[i];
	return 0;
}

/* Does @a show before @b? */
static bool
is_above(const struct model *m, const struct times *t, const struct model_op *a, const struct model_op *b,
    enum policy policy)
{
	const struct model_commit *ca = commit_of(m, a), *cb = commit_of(m, b);

	if (policy != POLICY_LWW && level_of(m, a) != level_of(m, b))
		return level_of(m, a) > level_of(m, b);
	if (policy == POLICY_APPEND) {		/* M13: the earlier */
		if (time_of(m, t, a) != time_of(m, t, b))
			return time_of(m, t, a) < time_of(m, t, b);
		return memcmp(m->streams[ca->stream].origin, m->streams[cb->stream].origin, ORIGIN_BYTES) < 0;
	}
	if (time_of(m, t, a) != time_of(m, t, b))
		return time_of(m, t, a) > time_of(m, t, b);
	return memcmp(m->streams[ca->stream].origin, m->streams[cb->stream].origin, ORIGIN_BYTES) >
	    0;
}

static void
sibling_add(struct model_state *s, size_t column, struct value value)
{
	size_t at = s->siblings_count;

	for (size_t i = 0; i < s->siblings_count; i++)
		if (s->siblings[i].column == column && value_eq(s->siblings[i].value, value))
			return;
	INVARIANT(s->siblings_count < MODEL_SIBLINGS_MAX);
	for (; at > 0 && s->siblings[at - 1].column == column &&
	     value_cmp(s->siblings[at - 1].value, value) > 0;
	     at--)
		s->siblings[at] = s->siblings[at - 1];
	s->siblings[at] = (struct model_sibling){ column, value };
	s->siblings_count++;
}

static struct value
counter_state(
    const struct model *m, const struct model_vector *v, const struct model_row *r, size_t column)
{
	struct value sum = value_null();

	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *op = &m->ops[r->ops[i]];
		const struct model_cell *cell = cell_of(op, column);

		if (cell != NULL && counts(m, v, op) && !any_later(m, v, op, column, is_insertion))
			sum = value_int((sum.type == VALUE_INT ? sum.i : 0) + cell->value.i);
	}
	return sum;
}

static void
column_state(const struct model *m, const struct model_vector *v, const struct model_row *r,
    const struct times *t, size_t column, struct model_state *s)
{
	enum policy policy = tables_at(r->table)->columns[column].policy;
	const struct model_op *shown = NULL;

	if (policy == POLICY_COUNTER) {
		s->values[column] = counter_state(m, v, r, column);
		return;
	}
	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *op = &m->ops[r->ops[i]];

		if (counts(m, v, op) && writes(op, column) && !any_later(m, v, op, column, beats) &&
		    (shown == NULL || is_above(m, t, op, shown, policy)))
			shown = op;
	}
	INVARIANT(shown != NULL);
	s->values[column] = written(shown, column);
	s->is_open[column] = false;
	if (policy == POLICY_LWW || policy == POLICY_APPEND)
		return;
	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *op = &m->ops[r->ops[i]];

		if (counts(m, v, op) && writes(op, column) && !any_later(m, v, op, column, beats) &&
		    !value_eq(written(op, column), s->values[column])) {
			sibling_add(s, column, written(op, column));
			if (policy != POLICY_RANK || level_of(m, op) == level_of(m, shown))
				s->is_open[column] = true;
		}
	}
}

void
model_row_state(
    const struct model *m, const struct model_vector *v, uint32_t row, struct model_state *s)
{
	const struct model_row *r = &m->rows[row];
	bool is_inserted = false, is_alive = false;
	struct times times;

	s->is_known = s->is_deleted = s->is_disputed = false;
	s->siblings_count = 0;
	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *op = &m->ops[r->ops[i]];

		if (!counts(m, v, op))
			continue;
		s->is_known = true;
		if (op->kind == MODEL_INSERT)
			is_inserted = true;
		if (op->kind != MODEL_DELETE && !any_later(m, v, op, 0, is_deletion))
			is_alive = true;
		if (op->kind == MODEL_DELETE && !any_later(m, v, op, 0, is_no_deletion))
			s->is_disputed = true;
	}
	is_alive = is_alive && is_inserted;
	s->is_deleted = s->is_known && !is_alive;
	s->is_disputed = s->is_disputed && is_alive;
	if (!is_alive)
		return;
	times_fill(m, v, r, &times);
	for (size_t c = 0; c < tables_at(r->table)->columns_count; c++)
		column_state(m, v, r, &times, c, s);
}

enum model_fate
model_row_fate(const struct model *m, const struct model_vector *v, const struct model_op *op,
    const struct model_cell *cell)
{
	const struct model_row *r = &m->rows[op->row];
	enum policy policy = tables_at(r->table)->columns[cell->column].policy;
	struct model_state s;

	if (!commit_of(m, op)->is_valid)
		return MODEL_FATE_INVALID;
	if (policy == POLICY_COUNTER)
		return MODEL_FATE_HISTORY;
	if (any_later(m, v, op, cell->column, beats) ||
	    any_later(m, v, op, cell->column, is_deletion))
		return MODEL_FATE_SEEN;
	model_row_state(m, v, op->row, &s);
	if (s.is_deleted)
		return MODEL_FATE_INVALID; /* an edit of what nobody had the right to insert */
	if (value_eq(s.values[cell->column], cell->value))
		return MODEL_FATE_SHOWN;
	if (policy == POLICY_LWW || policy == POLICY_APPEND)
		return MODEL_FATE_HISTORY;
	return MODEL_FATE_SIBLING;
}
