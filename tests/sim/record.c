#include "tests/sim/record.h"

#include <stdlib.h>
#include <string.h>

#include "sync/engine_impl.h"
#include "tests/sim/own.h"
#include "tests/sim/world.h"

struct record *
record_new(struct node *n, const char *author, bool is_bulk)
{
	struct record *r = calloc(1, sizeof(*r));

	INVARIANT(r != NULL);
	memcpy(r->author, author, strlen(author) + 1);
	r->is_bulk = is_bulk;
	r->seen = n->held;
	return r;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	free(r->rows);
	free(r);
}

static size_t
columns_of(const struct model *m, uint32_t row)
{
	return tables_at(m->rows[row].table)->columns_count;
}

static bool
row_read(struct node *n, uint32_t row, struct value *values)
{
	struct model *m = n->world->model;

	if (!node_row(n, m->rows[row].table, m->rows[row].key, values))
		return false;
	for (size_t c = 0; c < columns_of(m, row); c++)
		values[c] = model_keep(m, values[c]);
	return true;
}

struct record_row *
record_touch(struct node *n, struct record *r, uint32_t row)
{
	struct record_row *t;

	for (size_t i = 0; i < r->rows_count; i++)
		if (r->rows[i].row == row)
			return &r->rows[i];
	if (r->rows_count == r->rows_cap) {
		r->rows_cap = r->rows_cap == 0 ? 8 : r->rows_cap * 2;
		r->rows = realloc(r->rows, r->rows_cap * sizeof(*r->rows));
		INVARIANT(r->rows != NULL);
	}
	t = &r->rows[r->rows_count++];
	memset(t, 0, sizeof(*t));
	t->row = row;
	t->was_there = row_read(n, row, t->before);
	return t;
}

void
record_look(struct node *n, struct record *r)
{
	for (size_t i = 0; i < r->rows_count; i++)
		r->rows[i].is_there = row_read(n, r->rows[i].row, r->rows[i].after);
	r->is_looked = true;
}

/* --- what the record says was written --- */

static bool
is_cell_written(const struct record_row *t, size_t column)
{
	if (!t->was_there)
		return t->after[column].type != VALUE_NULL;
	return t->is_forced[column] || !value_eq(t->before[column], t->after[column]);
}

static bool
is_row_written(const struct model *m, const struct record_row *t)
{
	if (t->was_there != t->is_there)
		return true;
	if (!t->is_there)
		return false;
	for (size_t c = 0; c < columns_of(m, t->row); c++)
		if (is_cell_written(t, c))
			return true;
	return t->is_kept;
}

static struct value
cell_value(const struct model *m, const struct record_row *t, size_t column)
{
	const struct catalogue_column *c = &tables_at(m->rows[t->row].table)->columns[column];
	int64_t before =
	    t->was_there && t->before[column].type == VALUE_INT ? t->before[column].i : 0;

	if (c->policy != POLICY_COUNTER)
		return t->after[column];
	return value_int(t->after[column].i - before);
}

static void
op_record(struct node *n, const struct record_row *t, uint32_t commit)
{
	struct model *m = n->world->model;
	struct cover *cover = n->world->cover;
	struct model_row *row = &m->rows[t->row];
	const struct catalogue_table *table = tables_at(row->table);
	struct model_op *op;
	enum model_kind kind = MODEL_UPDATE;

	if (!t->is_there)
		kind = MODEL_DELETE;
	else if (!t->was_there)
		kind = MODEL_INSERT;
	cover_add(cover,
	    kind == MODEL_DELETE       ? COVER_DELETE
		: kind == MODEL_UPDATE ? COVER_UPDATE
		: row->ops_count > 0   ? COVER_REINSERT
				       : COVER_INSERT);
	op = model_op_add(m, commit, t->row, kind);
	if (kind == MODEL_DELETE)
		return;
	for (size_t c = 0; c < table->columns_count; c++)
		if (is_cell_written(t, c)) {
			model_op_cell(m, op, c, cell_value(m, t, c));
			if (table->columns[c].policy == POLICY_COUNTER)
				cover_add(cover, COVER_COUNT);
		}
}

/* --- which commits it became --- */

static bool
is_of_save(const struct node *n, const struct model_commit *c)
{
	return c->save == n->world->saves_number;
}

static bool
is_own(const struct node *n, const struct model_commit *c)
{
	return memcmp(n->world->model->streams[c->stream].origin, n->origin, ORIGIN_BYTES) == 0;
}

static bool
on_new_commit(struct node *n, const struct stream *s, uint32_t stream, uint32_t seq)
{
	struct model *m = n->world->model;
	const struct record *r = n->record;
	uint32_t commit;

	if (memcmp(s->origin, n->origin, ORIGIN_BYTES) != 0) {
		world_fail(n->world, "P6", "node %zu holds a commit its author never acknowledged",
		    n->index);
		return false;
	}
	commit = model_commit_add(m, stream, s->head_hlc, n->world->saves_number,
	    r == NULL ? span_str("") : span_str(r->author), r == NULL ? &n->held : &r->seen);
	if (r != NULL && seq != s->head_seq && !r->is_bulk)
		world_fail(n->world, "P2", "node %zu: one save became several commits of one scope",
		    n->index);
	m->commits[commit].seq = seq;
	return true;
}

/* Several commits in one scope: the history tells which rows went where. */
struct bulk {
	struct node *n;
	struct record *r;
	uint64_t hlc_before; /* all commits of the save are above it */
	uint32_t next[MODEL_STREAMS_MAX]; /* number of the last commit met, of each stream */
};

static uint32_t
stream_of_row(struct node *n, uint32_t row)
{
	const struct model_row *r = &n->world->model->rows[row];

	return model_stream_of(n->world->model, n->origin, n->unit, r->unit, r->reach);
}

static bool
is_in_commit(const struct model_row *row, const struct history_commit *h)
{
	for (size_t k = 0; k < h->changes_count; k++)
		if (tables_of(h->changes[k].table) == row->table &&
		    span_eq(h->changes[k].key, row->key.s))
			return true;
	return false;
}

/* The first commit of the save in @stream that has no rows yet. */
static uint32_t
commit_next(struct bulk *b, uint32_t stream)
{
	const struct model *m = b->n->world->model;
	const struct model_stream *s = &m->streams[stream];

	if (b->next[stream] >= s->commits_count)
		return MODEL_NONE;
	return s->commits[b->next[stream]++];
}

static enum rc
on_bulk_commit(void *ctx, const struct history_commit *h)
{
	struct bulk *b = ctx;
	struct model *m = b->n->world->model;
	uint32_t commit = MODEL_NONE;

	if (memcmp(h->origin, b->n->origin, ORIGIN_BYTES) != 0 || h->hlc <= b->hlc_before)
		return RC_OK;
	for (size_t i = 0; i < b->r->rows_count; i++) {
		const struct record_row *t = &b->r->rows[i];

		if (!is_in_commit(&m->rows[t->row], h) || !is_row_written(m, t))
			continue;
		if (commit == MODEL_NONE &&
		    (commit = commit_next(b, stream_of_row(b->n, t->row))) == MODEL_NONE)
			return RC_BUG;
		m->commits[commit].hlc = h->hlc;
		op_record(b->n, t, commit);
	}
	return RC_OK;
}

static void
ops_record_bulk(struct node *n, struct record *r)
{
	struct bulk b = { .n = n, .r = r };
	struct model_vector now;
	struct diag d;

	diag_init(&d);
	memcpy(b.next, r->seen.held, sizeof(b.next));
	for (size_t i = 0; i < n->world->model->commits_count; i++) {
		const struct model_commit *c = &n->world->model->commits[i];

		if (is_own(n, c) && !is_of_save(n, c) && c->hlc > b.hlc_before)
			b.hlc_before = c->hlc;
	}
	if (history_all(n->engine, on_bulk_commit, &b, &d) != RC_OK)
		world_fail(n->world, "history", "node %zu: a bulk save: %s", n->index, d.text);
	node_observe(n, &now, on_new_commit);
	if (memcmp(now.held, b.next, sizeof(b.next)) != 0)
		world_fail(n->world, "P2", "node %zu: a bulk save's commits are not in its history",
		    n->index);
}

static void
ops_record(struct node *n, struct record *r, const struct model_vector *now)
{
	struct model *m = n->world->model;
	bool is_touched[MODEL_STREAMS_MAX] = { false };

	for (size_t i = 0; i < r->rows_count && !n->world->has_failed; i++) {
		uint32_t stream = stream_of_row(n, r->rows[i].row);

		if (!is_row_written(m, &r->rows[i]))
			continue;
		is_touched[stream] = true;
		if (now->held[stream] == r->seen.held[stream]) {
			world_fail(n->world, "P1", "node %zu: a save of %s made no commit",
			    n->index, tables_at(m->rows[r->rows[i].row].table)->name);
			return;
		}
		op_record(n, &r->rows[i], m->streams[stream].commits[now->held[stream] - 1]);
	}
	for (size_t i = 0; i < m->streams_count; i++)
		if (now->held[i] != r->seen.held[i] && !is_touched[i])
			world_fail(n->world, "P2", "node %zu: a commit of nothing in stream %zu",
			    n->index, i);
}

static void
scopes_cover(struct node *n, const struct record *r, const struct model_vector *now)
{
	size_t scopes = 0;
	bool is_several = false;

	for (size_t i = 0; i < n->world->model->streams_count; i++) {
		scopes += now->held[i] != r->seen.held[i];
		is_several = is_several || now->held[i] > r->seen.held[i] + 1;
	}
	if (scopes > 1)
		cover_add(n->world->cover, COVER_SAVE_SCOPES);
	if (is_several)
		cover_add(n->world->cover, COVER_SAVE_BULK);
}

/* P14: whatever the local clock says, a commit is later than all that its author had seen. */
static void
clock_check(struct node *n, const struct model_commit *c)
{
	const struct model *m = n->world->model;

	/* (What it wrote under an earlier name in a wrong year is the one exception.) */
	for (uint32_t i = 0; i < m->streams_count; i++)
		if (c->seen.held[i] > 0 &&
		    (!own_is_name(n, m->streams[i].origin) ||
			memcmp(n->origin, m->streams[i].origin, ORIGIN_BYTES) == 0) &&
		    clock_effective(n->engine, m->streams[i].origin,
			model_commit_at(m, i, c->seen.held[i])->hlc) >= c->hlc)
			world_fail(n->world, "P14",
			    "node %zu: a commit is not later than what its author had seen",
			    n->index);
}

void
record_done(struct node *n, struct record *r, const char *name)
{
	struct world *w = n->world;
	struct model *m = w->model;
	struct model_vector now;
	size_t first = m->commits_count;

	w->saves_number++;
	n->record = r;
	node_observe(n, &now, on_new_commit);
	n->record = NULL;
	if (w->has_failed)
		return;
	if (r->is_bulk)
		ops_record_bulk(n, r);
	else
		ops_record(n, r, &now);
	for (size_t i = first; i < m->commits_count; i++) {
		memcpy(m->commits[i].name, name, strlen(name) + 1);
		model_commit_judge(m, (uint32_t)i);
		clock_check(n, &m->commits[i]);
		if (m->commits[i].is_valid)
			continue;
		cover_add(w->cover, COVER_INVALID);
		if (!n->is_liar)
			world_fail(
			    w, "P7", "node %zu: a save without the right was accepted", n->index);
	}
	scopes_cover(n, r, &now);
	n->held = now;
	n->changes++;
}

static bool
is_row_as_before(struct node *n, const struct record_row *t)
{
	struct value now[MODEL_COLUMNS_MAX];
	bool is_there = row_read(n, t->row, now);

	if (is_there != t->was_there)
		return false;
	for (size_t c = 0; is_there && c < columns_of(n->world->model, t->row); c++)
		if (!value_eq(now[c], t->before[c]))
			return false;
	return true;
}

static bool
on_new_forbidden(struct node *n, const struct stream *s, uint32_t stream, uint32_t seq)
{
	(void)s;
	world_fail(n->world, "P2",
	    "node %zu: commit %u of stream %u was left by a save that failed", n->index,
	    (unsigned)seq, (unsigned)stream);
	return false;
}

void
record_undone(struct node *n, struct record *r)
{
	struct model_vector now;

	node_observe(n, &now, on_new_forbidden);
	if (!n->world->has_failed && !model_vector_eq(&now, &r->seen))
		world_fail(
		    n->world, "P1", "node %zu: heads changed under a save that failed", n->index);
	for (size_t i = 0; i < r->rows_count && !n->world->has_failed; i++)
		if (!is_row_as_before(n, &r->rows[i]))
			world_fail(n->world, "P2", "node %zu: a failed save left a change in %s",
			    n->index, tables_at(n->world->model->rows[r->rows[i].row].table)->name);
}

void
record_settle(struct node *n)
{
	struct record *r = n->record;
	bool is_done = false;

	if (r == NULL)
		return;
	n->record = NULL;
	for (uint32_t sid = 1; sid <= stream_count(n->engine); sid++) {
		const struct stream *s = stream_at(n->engine, sid);
		int unit = model_unit_find(n->world->model, unit_key(n->engine, s->unit));

		if (unit < 0 || memcmp(s->origin, n->origin, ORIGIN_BYTES) != 0)
			continue;
		if (s->head_seq >
		    r->seen
			.held[model_stream_of(n->world->model, n->origin, n->unit, unit, s->reach)])
			is_done = true;
	}
	cover_add(n->world->cover, is_done ? COVER_OPEN_KEPT : COVER_OPEN_UNDONE);
	world_trace(
	    n->world, "node %zu: interrupted save %s", n->index, is_done ? "done" : "undone");
	if (is_done && !r->is_looked)
		world_fail(
		    n->world, "P2", "node %zu: a save was kept that was never committed", n->index);
	else if (is_done)
		record_done(n, r, "");
	else
		record_undone(n, r);
	record_free(r);
}

void
record_own(struct node *n)
{
	struct model_vector now;

	n->world->saves_number++;
	node_observe(n, &now, on_new_commit);
	n->held = now;
	n->changes++;
}
