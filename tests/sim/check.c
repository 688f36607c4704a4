/* Steps and ends.  The comparison with the model is in check_state.c, that of the history in
 * check_history.c. */
#include "tests/sim/check.h"

#include <sqlite3.h>
#include <string.h>

#include "tests/sim/world.h"

#define VERIFY_ONE_IN 5 /* it costs as much as all the rest */

static void
causes_check(struct node *n, const struct model_vector *now, const struct model_commit *c)
{
	const struct model *m = n->world->model;
	const struct model_stream *effect = &m->streams[c->stream];

	for (size_t i = 0; i < m->streams_count; i++) {
		const struct model_stream *cause = &m->streams[i];

		if (now->held[i] >= c->seen.held[i] || !model_holders_hold(m, effect, cause))
			continue;
		world_fail(n->world, "P4",
		    "node %zu holds commit %u of stream %u, but only %u of %u commits of "
		    "stream %zu, which its author had seen",
		    n->index, (unsigned)c->seq, (unsigned)c->stream, (unsigned)now->held[i],
		    (unsigned)c->seen.held[i], i);
		return;
	}
}

void
check_step(struct node *n, const struct model_vector *now)
{
	const struct model *m = n->world->model;

	for (uint32_t i = 0; i < m->streams_count && !n->world->has_failed; i++) {
		const struct model_stream *s = &m->streams[i];

		if (now->held[i] < n->held.held[i])
			world_fail(n->world, "P1",
			    "node %zu held %u commits of stream %u and lost some: %u", n->index,
			    (unsigned)n->held.held[i], (unsigned)i, (unsigned)now->held[i]);
		if (now->held[i] > 0 && !model_holds(m, n->unit, s->unit, s->reach))
			world_fail(n->world, "scope",
			    "node %zu holds stream %u, to which it has no title", n->index,
			    (unsigned)i);
		for (uint32_t seq = n->held.held[i] + 1; seq <= now->held[i]; seq++)
			causes_check(n, now, model_commit_at(m, i, seq));
	}
}

/* --- the end --- */

/* Which row is it?  Where the digests differ, the dumps are compared row by row. */
struct dumping {
	struct node *other;
	struct digest_row row; /* the first that the other one has differently */
	bool is_same;
	char what[NAME_BYTES_MAX + 1];
};

static enum rc
on_other_row(void *ctx, const struct digest_row *r)
{
	struct dumping *d = ctx;
	size_t columns = r->table->columns_count;

	if (r->table->number != d->row.table->number || !span_eq(r->key, d->row.key))
		return RC_OK;
	d->is_same = span_eq(r->unit, d->row.unit) && r->is_deleted == d->row.is_deleted &&
	    r->siblings_count == d->row.siblings_count;
	for (size_t c = 0; d->is_same && !r->is_deleted && c < columns; c++)
		d->is_same = value_eq(r->values[c], d->row.values[c]);
	return RC_OK;
}

static enum rc
on_dump_row(void *ctx, const struct digest_row *r)
{
	struct dumping *d = ctx;

	if (d->what[0] != '\0')
		return RC_OK;
	d->row = *r;
	d->is_same = false;
	if (digest_each(d->other->engine, span_of(NULL, 0), on_other_row, d, NULL) == RC_OK &&
	    !d->is_same)
		memcpy(d->what, r->table->name, strlen(r->table->name) + 1);
	return RC_OK;
}

static void
difference_name(struct node *a, struct node *b, struct span unit, char out[NAME_BYTES_MAX + 1])
{
	struct dumping d = { .other = b };

	if (digest_each(a->engine, unit, on_dump_row, &d, NULL) != RC_OK)
		d.what[0] = '?';
	memcpy(out, d.what, sizeof(d.what));
}

static void
digest_check(struct node *a, struct node *b, int unit)
{
	const struct model *m = a->world->model;
	struct span key = unit < 0 ? span_of(NULL, 0) : span_str(m->units[unit].key);
	uint8_t da[HASH_BYTES], db[HASH_BYTES];
	char ab[NAME_BYTES_MAX + 1], ba[NAME_BYTES_MAX + 1];
	struct diag d;

	diag_init(&d);
	if (digest_rows(a->engine, key, da, &d) != RC_OK ||
	    digest_rows(b->engine, key, db, &d) != RC_OK)
		world_fail(a->world, "P3", "digest: %s", d.text);
	else if (memcmp(da, db, HASH_BYTES) != 0) {
		difference_name(a, b, key, ab);
		difference_name(b, a, key, ba);
		world_fail(a->world, "P3",
		    "nodes %zu and %zu differ in what they hold of %s, in tables '%s' and '%s'",
		    a->index, b->index, unit < 0 ? "everything" : m->units[unit].key, ab, ba);
	}
}

static void
pairs_check(struct world *w)
{
	for (size_t i = 0; i < w->nodes_count; i++)
		for (size_t k = 0; k < w->nodes_count && !w->has_failed; k++) {
			struct node *a = w->nodes[i], *b = w->nodes[k];

			if (a->is_liar || b->is_liar || a == b)
				continue;
			if (a->unit == b->unit)
				digest_check(a, b, -1);
			else if (model_unit_is_within(w->model, a->unit, b->unit))
				digest_check(a, b, a->unit);
		}
}

/* P5: whatever was acknowledged is shown, or was seen by who replaced it, or waits for a person;
 * only where the policy says so it is in the history alone. */
static void
values_check(struct node *n)
{
	const struct model *m = n->world->model;
	struct model_state s;

	for (size_t i = 0; i < m->ops_count && !n->world->has_failed; i++) {
		const struct model_op *op = &m->ops[i];

		if (!model_is_held(&n->held, &m->commits[op->commit]))
			continue;
		for (size_t c = 0; c < op->cells_count; c++) {
			bool is_found = false;

			if (model_row_fate(m, &n->held, op, &op->cells[c]) != MODEL_FATE_SIBLING)
				continue;
			model_row_state(m, &n->held, op->row, &s);
			for (size_t k = 0; k < s.siblings_count; k++)
				is_found = is_found ||
				    (s.siblings[k].column == op->cells[c].column &&
					value_eq(s.siblings[k].value, op->cells[c].value));
			if (!is_found)
				world_fail(n->world, "P5",
				    "node %zu: a value is neither shown nor waiting", n->index);
		}
	}
}

static void
verify_check(struct node *n)
{
	struct verify_result r;
	struct diag d;
	sqlite3 *scratch = NULL;
	enum rc rc;

	diag_init(&d);
	if (sqlite3_open(":memory:", &scratch) != SQLITE_OK) {
		world_fail(n->world, "verify", "no scratch database");
		return;
	}
	rc = verify_replica(n->engine, scratch, &r, &d);
	if (rc != RC_OK)
		world_fail(
		    n->world, "P3", "node %zu: verify: %s: %s", n->index, rc_name(rc), d.text);
	(void)sqlite3_close(scratch);
}

void
check_end(struct world *w)
{
	for (size_t i = 0; i < w->nodes_count && !w->has_failed; i++) {
		struct node *n = w->nodes[i];

		check_state(n);
		check_history(n);
		values_check(n);
		if ((i + w->seed) % VERIFY_ONE_IN == 0)
			verify_check(n);
	}
	pairs_check(w);
}
