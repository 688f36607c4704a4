/* The canonical dump, the conflict list and the quarantine against the model. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/world.h"

struct comparing {
	struct node *n;
	size_t rows; /* met in the dump */
	size_t conflicts; /* that the model expects */
	size_t open; /* of these, without mere suggestions */
	size_t met; /* that the engine lists */
};

static struct value
key_value(enum tables_number table, struct span key)
{
	return tables_at(table)->has_text_key ? value_text(key) : value_blob(key);
}

static void
value_print(struct value v, char *out, size_t cap)
{
	if (v.type == VALUE_INT)
		(void)snprintf(out, cap, "%" PRId64, v.i);
	else if (v.type == VALUE_TEXT)
		(void)snprintf(
		    out, cap, "'%.*s'", (int)(v.s.n < 24 ? v.s.n : 24), (const char *)v.s.p);
	else
		(void)snprintf(out, cap, "%s", v.type == VALUE_NULL ? "NULL" : "(blob)");
}

static enum rc
differ(struct comparing *c, const char *promise, uint32_t row, size_t column, const char *what,
    struct value engine, struct value model)
{
	const struct catalogue_table *t = tables_at(c->n->world->model->rows[row].table);
	char a[48], b[48];

	value_print(engine, a, sizeof(a));
	value_print(model, b, sizeof(b));
	world_fail(c->n->world, promise,
	    "node %zu: row %u of %s, %s%s%s: the engine says %s, the model %s", c->n->index,
	    (unsigned)row, t->name, column < t->columns_count ? t->columns[column].name : "",
	    column < t->columns_count ? ", " : "", what, a, b);
	return RC_DIFFER;
}

static enum rc
siblings_compare(
    struct comparing *c, uint32_t row, const struct digest_row *d, const struct model_state *s)
{
	size_t columns = d->table->columns_count, next = 0;
	bool is_disputed = false;

	for (size_t i = 0; i < d->siblings_count; i++) {
		const struct digest_sibling *have = &d->siblings[i];

		if (have->column == columns) {
			is_disputed = true;
			continue;
		}
		if (next == s->siblings_count || s->siblings[next].column != have->column ||
		    !value_eq(s->siblings[next].value, have->value))
			return differ(c, "P5", row, have->column, "sibling", have->value,
			    next == s->siblings_count ? value_null() : s->siblings[next].value);
		next++;
	}
	if (next != s->siblings_count)
		return differ(c, "P5", row, s->siblings[next].column, "missing sibling",
		    value_null(), s->siblings[next].value);
	if (is_disputed != s->is_disputed)
		return differ(c, "P5", row, columns, "disputed", value_int(is_disputed),
		    value_int(s->is_disputed));
	return RC_OK;
}

/* P4 as an officer sees it: an event is there only with the page it belongs to, and cites a
 * title that was there. */
static enum rc
citation_check(struct comparing *c, const struct digest_row *d)
{
	const struct model *m = c->n->world->model;
	uint32_t page = model_row_find(m, TABLES_PAGE, d->values[0]);
	bool is_found = d->values[1].type == VALUE_NULL;

	for (size_t i = 0; page != MODEL_NONE && i < m->rows[page].ops_count && !is_found; i++) {
		const struct model_op *op = &m->ops[m->rows[page].ops[i]];

		if (!model_is_held(&c->n->held, &m->commits[op->commit]))
			continue;
		for (size_t k = 0; k < op->cells_count; k++)
			is_found = is_found ||
			    (op->cells[k].column == TABLES_PAGE_TITLE &&
				value_eq(op->cells[k].value, d->values[1]));
	}
	if (!is_found) {
		world_fail(c->n->world, "P4",
		    "node %zu shows an event without the title that it cites", c->n->index);
		return RC_DIFFER;
	}
	cover_add(c->n->world->cover, COVER_CITATION);
	return RC_OK;
}

static void
conflicts_expect(struct comparing *c, const struct model_state *s)
{
	for (size_t i = 0; i < s->siblings_count; i++)
		if (i == 0 || s->siblings[i].column != s->siblings[i - 1].column) {
			c->conflicts++;
			c->open += s->is_open[s->siblings[i].column];
		}
	c->conflicts += s->is_disputed;
	c->open += s->is_disputed;
}

static enum rc
on_row(void *ctx, const struct digest_row *d)
{
	struct comparing *c = ctx;
	const struct model *m = c->n->world->model;
	enum tables_number table = tables_of(d->table);
	struct model_state s;
	uint32_t row;

	if (table == TABLES_COUNT)
		return RC_OK;
	row = model_row_find(m, table, key_value(table, d->key));
	if (row == MODEL_NONE) {
		world_fail(c->n->world, "P6", "node %zu shows a row of %s that nobody saved",
		    c->n->index, d->table->name);
		return RC_DIFFER;
	}
	model_row_state(m, &c->n->held, row, &s);
	c->rows++;
	if (!s.is_known || s.is_deleted != d->is_deleted)
		return differ(c, "P5", row, d->table->columns_count, "deleted",
		    value_int(d->is_deleted), s.is_known ? value_int(s.is_deleted) : value_null());
	if (!span_eq(d->unit, span_str(m->units[m->rows[row].unit].key)))
		return differ(c, "P3", row, d->table->columns_count, "unit", value_text(d->unit),
		    value_null());
	if (d->is_deleted)
		return RC_OK;
	for (size_t i = 0; i < d->table->columns_count; i++)
		if (!value_eq(d->values[i], s.values[i]))
			return differ(c, "P3", row, i, "value", d->values[i], s.values[i]);
	conflicts_expect(c, &s);
	if (table == TABLES_EVENT && citation_check(c, d) != RC_OK)
		return RC_DIFFER;
	return siblings_compare(c, row, d, &s);
}

static void
rows_check(struct comparing *c)
{
	const struct model *m = c->n->world->model;
	size_t expected = 0;
	struct model_state s;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	rc = digest_each(c->n->engine, span_of(NULL, 0), on_row, c, &d);
	if (rc != RC_OK) {
		world_fail(
		    c->n->world, "P3", "node %zu: dump: %s: %s", c->n->index, rc_name(rc), d.text);
		return;
	}
	for (uint32_t i = 0; i < m->rows_count; i++) {
		model_row_state(m, &c->n->held, i, &s);
		expected += s.is_known;
	}
	if (expected != c->rows)
		world_fail(c->n->world, "P2", "node %zu shows %zu rows of %zu", c->n->index,
		    c->rows, expected);
}

/* --- conflicts --- */

static bool
has_sibling(const struct model_state *s, size_t column, struct value v)
{
	for (size_t i = 0; i < s->siblings_count; i++)
		if (s->siblings[i].column == column && value_eq(s->siblings[i].value, v))
			return true;
	return false;
}

static bool
is_conflict_right(const struct conflict *k, const struct model_state *s)
{
	size_t column, others = 0, expected = 0;
	bool has_deletion = false;

	for (size_t i = 0; i < k->siblings_count; i++)
		has_deletion = has_deletion || k->siblings[i].is_deleted;
	if (k->column == NULL)
		return s->is_disputed && has_deletion;
	column = (size_t)catalogue_column_find(k->table, span_str(k->column->name));
	for (size_t i = 0; i < k->siblings_count; i++) {
		struct value v = k->siblings[i].value;

		if (k->siblings[i].is_shown != (i == 0))
			return false;
		if (i == 0 ? !value_eq(v, s->values[column]) : !has_sibling(s, column, v))
			return false;
		others += i > 0;
	}
	for (size_t i = 0; i < s->siblings_count; i++)
		expected += s->siblings[i].column == column;
	return others == expected && expected > 0 && !has_deletion &&
	    k->is_suggestion != s->is_open[column];
}

static enum rc
on_conflict(void *ctx, const struct conflict *k)
{
	struct comparing *c = ctx;
	const struct model *m = c->n->world->model;
	enum tables_number table = tables_of(k->table);
	struct model_state s;
	uint32_t row;

	c->met++;
	row =
	    table == TABLES_COUNT ? MODEL_NONE : model_row_find(m, table, key_value(table, k->key));
	if (row != MODEL_NONE)
		model_row_state(m, &c->n->held, row, &s);
	if (row == MODEL_NONE || !s.is_known || s.is_deleted || !is_conflict_right(k, &s)) {
		world_fail(c->n->world, "P5",
		    "node %zu lists a conflict about %s.%s (row %u) that is not as the "
		    "model has it",
		    c->n->index, k->table->name, k->column == NULL ? "*" : k->column->name,
		    (unsigned)row);
		return RC_DIFFER;
	}
	cover_add(c->n->world->cover, k->column == NULL ? COVER_DISPUTE : COVER_SIBLING);
	return RC_OK;
}

static void
conflicts_check(struct comparing *c)
{
	struct node *n = c->n;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	rc = conflict_each(n->engine, on_conflict, c, &d);
	if (rc != RC_OK)
		world_fail(
		    n->world, "P5", "node %zu: conflicts: %s: %s", n->index, rc_name(rc), d.text);
	else if (c->met != c->conflicts || conflict_count(n->engine) != c->open)
		world_fail(n->world, "P5",
		    "node %zu lists %zu conflicts of %zu, and counts %" PRIu64 " open ones of %zu",
		    n->index, c->met, c->conflicts, conflict_count(n->engine), c->open);
}

/* --- quarantine --- */

static enum rc
on_quarantined(void *ctx, const struct quarantined *q)
{
	struct comparing *c = ctx;
	const struct model *m = c->n->world->model;

	for (size_t i = 0; i < m->commits_count; i++) {
		const struct model_commit *k = &m->commits[i];

		if (k->hlc != q->hlc ||
		    memcmp(m->streams[k->stream].origin, q->origin, ORIGIN_BYTES) != 0)
			continue;
		if (k->is_valid || !model_is_held(&c->n->held, k))
			continue; /* commits of one save may carry the same reading */
		c->met++;
		cover_add(c->n->world->cover, COVER_QUARANTINE);
		return RC_OK;
	}
	world_fail(c->n->world, "P7", "node %zu quarantines a commit that is in order: %.*s",
	    c->n->index, (int)q->reason.n, (const char *)q->reason.p);
	return RC_DIFFER;
}

static void
quarantine_check(struct node *n)
{
	const struct model *m = n->world->model;
	struct comparing c = { .n = n };
	size_t expected = 0;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	for (size_t i = 0; i < m->commits_count; i++)
		expected += !m->commits[i].is_valid && model_is_held(&n->held, &m->commits[i]);
	rc = conflict_quarantine_each(n->engine, on_quarantined, &c, &d);
	if (rc != RC_OK)
		world_fail(
		    n->world, "P7", "node %zu: quarantine: %s: %s", n->index, rc_name(rc), d.text);
	else if (c.met != expected || conflict_quarantine_count(n->engine) != expected)
		world_fail(n->world, "P7", "node %zu quarantines %zu commits of %zu", n->index,
		    c.met, expected);
}

void
check_state(struct node *n)
{
	struct comparing c = { .n = n };

	if (n->is_liar || n->world->has_failed)
		return;
	cover_add(n->world->cover, COVER_COMPARE);
	rows_check(&c);
	if (!n->world->has_failed)
		conflicts_check(&c);
	if (!n->world->has_failed)
		quarantine_check(n);
}
