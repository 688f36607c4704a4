/* The history: every commit held, once, with what it wrote. */
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#define ROWS_LOOKED_AT 6

struct reading {
	struct node *n;
	size_t commits;
	uint64_t effective; /* of the commit before */
	uint32_t row; /* the one asked for; MODEL_NONE: all */
};

/* What wrote no cell, an insertion of nothing but NULL or "it stays", is not told by the
 * history. */
static bool
is_told(const struct model_op *op)
{
	return op->kind == MODEL_DELETE || op->cells_count > 0;
}

static bool
is_commit_told(const struct model *m, const struct model_commit *c)
{
	for (size_t i = 0; i < c->ops_count; i++)
		if (is_told(&m->ops[c->ops[i]]))
			return true;
	return c->ops_count == 0; /* the engine's own */
}

static bool
is_on_row(const struct model *m, const struct model_commit *c, uint32_t row)
{
	for (size_t i = 0; i < c->ops_count; i++)
		if (m->ops[c->ops[i]].row == row)
			return true;
	return false;
}

/* Commits of one save may carry the same clock reading: then the scope, and what they wrote, tells
 * them apart. */
static const struct model_commit *
commit_find(const struct reading *r, const struct history_commit *h)
{
	const struct model *m = r->n->world->model;

	for (size_t i = 0; i < m->commits_count; i++) {
		const struct model_commit *c = &m->commits[i];
		const struct model_stream *s = &m->streams[c->stream];

		if (c->hlc != h->hlc || memcmp(s->origin, h->origin, ORIGIN_BYTES) != 0 ||
		    !span_eq(span_str(m->units[s->unit].key), h->scope_unit))
			continue;
		if (r->row != MODEL_NONE        ? is_on_row(m, c, r->row)
			: h->changes_count == 0 ? !is_commit_told(m, c)
						: h->changes[0].table->reach == s->reach)
			return c;
	}
	return NULL;
}

static bool
has_change(const struct model *m, const struct history_commit *h, const struct model_op *op,
    const struct model_cell *cell)
{
	const struct model_row *r = &m->rows[op->row];

	for (size_t i = 0; i < h->changes_count; i++) {
		const struct history_change *k = &h->changes[i];

		if (tables_of(k->table) != r->table || !span_eq(k->key, r->key.s))
			continue;
		if (cell == NULL)
			return true;
		if (k->column != NULL && value_eq(k->to, cell->value) &&
		    strcmp(k->column->name, tables_at(r->table)->columns[cell->column].name) == 0)
			return true;
	}
	return false;
}

/* The first op that the history does not tell as the model has it; NULL when it tells all. */
static const struct model_op *
untold(const struct reading *r, const struct history_commit *h, const struct model_commit *c)
{
	const struct model *m = r->n->world->model;

	for (size_t i = 0; i < c->ops_count; i++) {
		const struct model_op *op = &m->ops[c->ops[i]];

		if (r->row != MODEL_NONE && op->row != r->row)
			continue;
		if (is_told(op) && !has_change(m, h, op, NULL))
			return op;
		for (size_t k = 0; k < op->cells_count; k++)
			if (!has_change(m, h, op, &op->cells[k]))
				return op;
	}
	return NULL;
}

/* P5: whoever lost without having been seen is marked. */
static bool
are_losers_marked(
    const struct reading *r, const struct history_commit *h, const struct model_commit *c)
{
	const struct model *m = r->n->world->model;

	for (size_t i = 0; i < c->ops_count; i++) {
		const struct model_op *op = &m->ops[c->ops[i]];
		const struct catalogue_table *t = tables_at(m->rows[op->row].table);
		struct model_state s;

		if (op->row != r->row || !c->is_valid)
			continue;
		model_row_state(m, &r->n->held, op->row, &s);
		for (size_t k = 0; k < op->cells_count && !s.is_deleted; k++) {
			const struct model_cell *cell = &op->cells[k];
			enum policy policy = t->columns[cell->column].policy;

			if (policy != POLICY_LWW || value_eq(cell->value, s.values[cell->column]) ||
			    model_row_fate(m, &r->n->held, op, cell) != MODEL_FATE_HISTORY)
				continue;
			for (size_t j = 0; j < h->changes_count; j++)
				if (h->changes[j].column != NULL && !h->changes[j].is_lost &&
				    strcmp(h->changes[j].column->name,
					t->columns[cell->column].name) == 0)
					return false;
		}
	}
	return true;
}

static enum rc
on_commit(void *ctx, const struct history_commit *h)
{
	struct reading *r = ctx;
	struct world *w = r->n->world;
	const struct model_commit *c = commit_find(r, h);
	const struct model_op *op = NULL;
	const char *wrong = NULL;

	if (c == NULL || !model_is_held(&r->n->held, c))
		wrong = "is not one that is held";
	else if (h->effective < r->effective)
		wrong = "is out of order";
	else if (c->name[0] != '\0' && strcmp(c->name, h->commit) != 0)
		wrong = "has another name than was answered";
	else if (h->is_quarantined == c->is_valid && !r->n->is_liar)
		wrong = "is wrong about its quarantine";
	else if ((op = untold(r, h, c)) != NULL)
		wrong = tables_at(w->model->rows[op->row].table)->name;
	else if (r->row != MODEL_NONE && !r->n->is_liar && !are_losers_marked(r, h, c))
		wrong = "does not say that it lost";
	if (wrong != NULL) {
		world_fail(w, "P5", "node %zu: history: commit %s %s%s", r->n->index, h->commit,
		    op == NULL ? "" : "is not as it was saved, in table ", wrong);
		return RC_DIFFER;
	}
	r->commits++;
	r->effective = h->effective;
	return RC_OK;
}

static size_t
commits_of_row(const struct node *n, uint32_t row)
{
	const struct model *m = n->world->model;
	const struct model_row *r = &m->rows[row];
	size_t count = 0;

	for (size_t i = 0; i < r->ops_count; i++)
		count += model_is_held(&n->held, &m->commits[m->ops[r->ops[i]].commit]);
	return count;
}

static void
row_check(struct node *n, uint32_t row)
{
	const struct model_row *r = &n->world->model->rows[row];
	struct reading reading = { .n = n, .row = row };
	struct diag d;
	enum rc rc;

	diag_init(&d);
	rc = history_row(
	    n->engine, span_str(tables_at(r->table)->name), r->key.s, on_commit, &reading, &d);
	if (n->world->has_failed)
		return;
	if (rc != RC_OK)
		world_fail(n->world, "history", "node %zu: %s: %s", n->index, rc_name(rc), d.text);
	else if (reading.commits != commits_of_row(n, row))
		world_fail(n->world, "P5", "node %zu: history of row %u of %s: %zu commits of %zu",
		    n->index, (unsigned)row, tables_at(r->table)->name, reading.commits,
		    commits_of_row(n, row));
}

void
check_history(struct node *n)
{
	const struct model *m = n->world->model;
	struct reading r = { .n = n, .row = MODEL_NONE };
	size_t held = 0;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	for (size_t i = 0; i < m->streams_count; i++)
		held += n->held.held[i];
	rc = history_all(n->engine, on_commit, &r, &d);
	if (n->world->has_failed)
		return;
	if (rc != RC_OK)
		world_fail(n->world, "history", "node %zu: %s: %s", n->index, rc_name(rc), d.text);
	else if (r.commits != held)
		world_fail(n->world, "P5", "node %zu: the history has %zu commits of %zu", n->index,
		    r.commits, held);
	for (uint32_t i = 0; i < ROWS_LOOKED_AT && m->rows_count > 0 && !n->world->has_failed;
	     i++) {
		uint32_t row = (uint32_t)prng_below(&n->world->prng, m->rows_count);

		if (commits_of_row(n, row) > 0)
			row_check(n, row);
	}
}
