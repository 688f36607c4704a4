/* Which row, which values.  The rights are those of the catalogue, spelled out once more by
 * model_commit_judge(); here they only say whether a save should be refused. */
#include "tests/sim/workload_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

#define TRIES 6
#define TEXT_BYTES_MAX 2400
#define WORDS 4

static struct prng *
chance(struct node *n)
{
	return &n->world->prng;
}

const char *
workload_row_author(struct node *n)
{
	static const char *const names[] = { "lan", "minh", "tu", "" };

	return names[prng_below(chance(n), 4)];
}

enum tables_number
workload_row_table(struct node *n)
{
	enum tables_number t;

	for (size_t i = 0; i < TRIES; i++) {
		t = (enum tables_number)(
		    TABLES_PAGE + prng_below(chance(n), TABLES_COUNT - TABLES_PAGE));
		if (n->world->model->units[n->unit].level >= tables_at(t)->level_min)
			return t;
	}
	return TABLES_PAGE;
}

/* Does @n know @row as one that was deleted (before this save)? */
static bool
was_deleted(struct node *n, uint32_t row)
{
	struct model_state s;

	if (n->is_liar)
		return false; /* it sees other rows than the model */
	model_row_state(n->world->model, &n->held, row, &s);
	return s.is_deleted;
}

uint32_t
workload_row_pick(struct node *n, enum tables_number table, bool is_there)
{
	const struct model *m = n->world->model;
	struct value values[MODEL_COLUMNS_MAX];
	uint32_t first, i;

	if (m->rows_count == 0)
		return MODEL_NONE;
	first = (uint32_t)prng_below(chance(n), m->rows_count);
	for (i = 0; i < m->rows_count; i++) {
		uint32_t row = (uint32_t)((first + i) % m->rows_count);
		const struct model_row *r = &m->rows[row];

		if (r->table == table && r->ops_count > 0 &&
		    model_holds(m, n->unit, r->unit, r->reach) &&
		    node_row(n, table, r->key, values) == is_there &&
		    (is_there || was_deleted(n, row)))
			return row;
	}
	return MODEL_NONE;
}

/* What is about to be written: the rights depend on nothing else. */
struct target {
	enum tables_number table;
	int unit;
	struct value owner;
};

static struct target
target_of(struct node *n, uint32_t row)
{
	const struct model *m = n->world->model;
	const struct model_row *r = &m->rows[row];
	struct target t = { r->table, r->unit, value_null() };

	if (tables_at(r->table)->owner == OWNER_AUTHOR)
		t.owner = model_row_owner(m, &n->held, row);
	return t;
}

static bool
is_row_writable(struct node *n, const struct target *target)
{
	const struct model *m = n->world->model;
	const struct catalogue_table *t = tables_at(target->table);

	if (!model_unit_is_within(m, target->unit, n->unit))
		return false; /* this much even a program without rights refuses */
	if (n->is_liar)
		return true;
	if (m->units[n->unit].level < t->level_min)
		return false;
	return t->owner != OWNER_UNIT || target->unit == n->unit;
}

bool
workload_row_is_writable(struct node *n, uint32_t row)
{
	struct target target = target_of(n, row);

	return is_row_writable(n, &target) &&
	    (n->is_liar || tables_at(target.table)->owner != OWNER_AUTHOR) &&
	    (n->is_liar || target.table != TABLES_ORDER ||
		n->world->model->units[n->unit].level >= LEVEL_DISTRICT);
}

/* Is it the right of this save's author to write @column? */
static bool
is_cell_writable(struct node *n, const struct job *job, const struct target *target, size_t column)
{
	const struct catalogue_table *t = tables_at(target->table);

	if (n->is_liar)
		return is_row_writable(n, target);
	if (t->owner == OWNER_AUTHOR &&
	    !value_eq(target->owner, value_text(span_str(job->record->author))))
		return false;
	return is_row_writable(n, target) &&
	    n->world->model->units[n->unit].level >= t->columns[column].level_min;
}

/* --- values --- */

static struct value
text_some(struct node *n, bool is_long)
{
	struct prng *p = chance(n);
	char buf[TEXT_BYTES_MAX + 32];
	size_t len;

	if (!is_long && prng_chance(p, 1, 3))
		len = (size_t)snprintf(buf, sizeof(buf), "word %u", (unsigned)prng_below(p, WORDS));
	else
		len = (size_t)snprintf(buf, sizeof(buf), "token %" PRIu64 " ", ++n->world->tokens);
	if (is_long) {
		size_t end = len + (size_t)prng_below(p, TEXT_BYTES_MAX);

		for (; len < end; len++)
			buf[len] = (char)('a' + prng_below(p, 26));
	}
	return model_keep(n->world->model, value_text(span_of(buf, len)));
}

static struct value
blob_some(struct node *n)
{
	uint8_t buf[64];
	size_t len = (size_t)prng_below(chance(n), sizeof(buf));

	prng_fill(chance(n), buf, len);
	return model_keep(n->world->model, value_blob(span_of(buf, len)));
}

static struct value
value_some(struct node *n, const struct catalogue_column *c)
{
	struct prng *p = chance(n);

	if (!c->required && c->policy != POLICY_COUNTER && prng_chance(p, 1, 12))
		return value_null();
	if (c->type == COLUMN_INTEGER)
		return value_int(prng_chance(p, 1, 2) ? (int64_t)prng_below(p, WORDS)
						      : (int64_t)(1000 + ++n->world->tokens));
	if (c->type == COLUMN_BLOB)
		return blob_some(n);
	return text_some(n, prng_chance(p, 1, 20));
}

/* --- addressing --- */

/* A unit to which @n may address a row, or, rarely, any. */
static int
unit_pick(struct node *n, struct job *job)
{
	const struct model *m = n->world->model;
	int unit = (int)prng_below(chance(n), m->units_count);

	for (size_t i = 0; i < TRIES && !model_unit_is_within(m, unit, n->unit); i++)
		unit = (int)prng_below(chance(n), m->units_count);
	if (!model_unit_is_within(m, unit, n->unit)) {
		if (!prng_chance(chance(n), 1, 8) || n->is_liar)
			return n->unit;
		job->is_forbidden = true;
	}
	return unit;
}

static void
rights_of_insertion(struct node *n, struct job *job, enum tables_number table, int unit,
    const struct save_cell *cells, size_t count)
{
	struct target target = { table, unit, value_text(span_str(job->record->author)) };

	for (size_t i = 0; i < count; i++)
		if (!is_cell_writable(n, job, &target,
			(size_t)catalogue_column_find(tables_at(table), cells[i].column)))
			job->is_forbidden = true;
}

static void
key_text(struct node *n, enum tables_number table, int unit, struct save_key *key)
{
	int len = snprintf((char *)key->b, sizeof(key->b), "%s/%u/%u",
	    n->world->model->units[unit].key, (unsigned)table, (unsigned)prng_below(chance(n), 6));

	key->n = (size_t)len;
}

/* Fill the cells of a new row; answers their number. */
static size_t
cells_fill(struct node *n, const struct job *job, enum tables_number table,
    const struct model_row *page, int unit, struct save_cell *cells)
{
	const struct catalogue_table *t = tables_at(table);
	struct value title[MODEL_COLUMNS_MAX];
	size_t count = 0;

	for (size_t c = 0; c < t->columns_count; c++) {
		const struct catalogue_column *column = &t->columns[c];
		struct save_cell *cell = &cells[count];

		*cell = (struct save_cell){ .column = span_str(column->name) };
		if (column->type == COLUMN_UNIT)
			cell->value = value_text(span_str(n->world->model->units[unit].key));
		else if (column->type == COLUMN_KEY)
			cell->value = page->key;
		else if (table == TABLES_DIARY && strcmp(column->name, "person") == 0)
			cell->value = value_text(span_str(job->record->author));
		else if (table == TABLES_EVENT && strcmp(column->name, "cites") == 0 &&
		    node_row(n, TABLES_PAGE, page->key, title))
			cell->value = model_keep(n->world->model, title[TABLES_PAGE_TITLE]);
		else if (n->is_liar || n->world->model->units[n->unit].level >= column->level_min)
			cell->value = value_some(n, column);
		else
			cell->value = value_null();
		if (cell->value.type != VALUE_NULL)
			count++;
	}
	return count;
}

/* --- changes --- */

static void
row_write(struct node *n, struct job *job, enum tables_number table, struct value key,
    struct save_cell *cells, size_t count, struct save_key *out)
{
	if (job->rc == RC_OK)
		job->rc = save_row(
		    job->save, span_str(tables_at(table)->name), key.s, cells, count, out, &job->d);
	if (job->rc == RC_OK)
		return;
	world_trace(n->world, "node %zu: row of %s: %s: %s", n->index, tables_at(table)->name,
	    rc_name(job->rc), job->d.text);
}

/* A minted key is known only afterwards; the row was not there before, that much is sure. */
static void
touch_minted(
    struct node *n, struct job *job, enum tables_number table, const struct save_key *key, int unit)
{
	struct value v = value_blob(span_of(key->b, key->n));
	uint32_t row;
	struct record_row *t;

	row = model_row_find(n->world->model, table, v);
	if (row != MODEL_NONE && n->world->model->rows[row].ops_count > 0) {
		world_fail(
		    n->world, "keys", "node %zu: a minted key was given out before", n->index);
		return;
	}
	if (row == MODEL_NONE)
		row = model_row_add(n->world->model, table, v, unit);
	n->world->model->rows[row].unit = unit; /* the key of a save that failed may come again */
	t = record_touch(n, job->record, row);
	t->was_there = false;
}

static void
insert_at(struct node *n, struct job *job, enum tables_number table, const struct model_row *page,
    int unit)
{
	struct save_cell cells[MODEL_COLUMNS_MAX];
	struct save_key key = { .n = 0 };
	const struct catalogue_table *t = tables_at(table);
	size_t count = cells_fill(n, job, table, page, unit, cells);
	uint32_t row;
	struct value v, values[MODEL_COLUMNS_MAX];

	if (!t->has_text_key) {
		rights_of_insertion(n, job, table, unit, cells, count);
		row_write(n, job, table, value_null(), cells, count, &key);
		if (job->rc == RC_OK)
			touch_minted(n, job, table, &key, unit);
		return;
	}
	key_text(n, table, unit, &key);
	v = value_text(span_of(key.b, key.n));
	if ((row = model_row_find(n->world->model, table, v)) == MODEL_NONE)
		row = model_row_add(n->world->model, table, v, unit);
	if (node_row(n, table, v, values)) {
		workload_row_update(n, job, row);
		return;
	}
	if (record_touch(n, job->record, row)->was_there)
		return; /* deleted in this very save: that would be a change */
	rights_of_insertion(n, job, table, unit, cells, count);
	row_write(n, job, table, v, cells, count, &key);
}

void
workload_row_insert_at(struct node *n, struct job *job, enum tables_number table, int unit)
{
	insert_at(n, job, table, NULL, unit);
}

void
workload_row_insert(struct node *n, struct job *job, enum tables_number table)
{
	const struct catalogue_table *t = tables_at(table);
	struct model_row page = { .table = TABLES_PAGE };
	uint32_t row;
	int unit;

	if (t->scope == SCOPE_PARENT) {
		if ((row = workload_row_pick(n, TABLES_PAGE, true)) == MODEL_NONE)
			return;
		page = n->world->model->rows[row];
		unit = page.unit;
		job->has_child = true;
	} else if (t->scope == SCOPE_ROOT) {
		unit = 0;
	} else {
		unit = unit_pick(n, job);
	}
	if (t->owner == OWNER_UNIT && !prng_chance(chance(n), 1, 20))
		unit = n->unit;
	insert_at(n, job, table, &page, unit);
}

void
workload_row_insert_large(struct node *n, struct job *job)
{
	struct save_cell cells[] = {
		{ .column = span_str("unit") },
		{ .column = span_str("title") },
		{ .column = span_str("body") },
	};
	struct save_key key = { .n = 0 };

	cells[0].value = value_text(span_str(n->world->model->units[n->unit].key));
	cells[1].value = text_some(n, true);
	cells[2].value = text_some(n, true);
	row_write(n, job, TABLES_PAGE, value_null(), cells, 3, &key);
	if (job->rc == RC_OK)
		touch_minted(n, job, TABLES_PAGE, &key, n->unit);
}

void
workload_row_update(struct node *n, struct job *job, uint32_t row)
{
	const struct model_row *r = &n->world->model->rows[row];
	const struct catalogue_table *t = tables_at(r->table);
	struct save_cell cells[MODEL_COLUMNS_MAX];
	struct record_row *touched = record_touch(n, job->record, row);
	struct target target = target_of(n, row);
	struct value now[MODEL_COLUMNS_MAX];
	size_t count = 0;
	bool is_forbidden = false;

	if (!node_row(n, r->table, r->key, now) || (r->table == TABLES_PAGE && job->has_child))
		return; /* its title may be cited by now */
	for (size_t c = 0; c < t->columns_count; c++) {
		const struct catalogue_column *column = &t->columns[c];
		bool is_counter = column->policy == POLICY_COUNTER;

		if (column->policy == POLICY_APPEND && !t->is_insert_only)
			continue;
		if (!prng_chance(chance(n), 1, 3))
			continue;
		if (!is_cell_writable(n, job, &target, c) && !prng_chance(chance(n), 1, 30))
			continue;
		cells[count] = (struct save_cell){ .column = span_str(column->name),
			.value = value_some(n, column),
			.is_delta = is_counter && prng_chance(chance(n), 3, 4),
			.is_forced = !is_counter && prng_chance(chance(n), 1, 15) };
		if (column->type == COLUMN_KEY)
			cells[count].value = now[c];
		touched->is_forced[c] = touched->is_forced[c] || cells[count].is_forced;
		is_forbidden =
		    is_forbidden || t->is_insert_only || !is_cell_writable(n, job, &target, c);
		count++;
	}
	if (count == 0)
		return;
	job->is_forbidden = job->is_forbidden || is_forbidden;
	row_write(n, job, r->table, r->key, cells, count, NULL);
}

void
workload_row_delete(struct node *n, struct job *job, uint32_t row)
{
	const struct model_row *r = &n->world->model->rows[row];
	const struct catalogue_table *t = tables_at(r->table);
	struct target target = target_of(n, row);

	if (r->table == TABLES_PAGE && job->has_child)
		return;
	if (!is_cell_writable(n, job, &target, 0) || t->is_insert_only) {
		if (!prng_chance(chance(n), 1, 30))
			return;
		job->is_forbidden = true;
	}
	(void)record_touch(n, job->record, row);
	if (job->rc == RC_OK)
		job->rc = save_delete(job->save, span_str(t->name), r->key.s, &job->d);
}

void
workload_row_reinsert(struct node *n, struct job *job, uint32_t row)
{
	const struct model_row *r = &n->world->model->rows[row];
	struct save_cell cells[MODEL_COLUMNS_MAX];
	struct model_row page = { .table = TABLES_PAGE };
	struct target target = target_of(n, row);
	uint32_t parent;
	size_t count;

	if (tables_at(r->table)->is_insert_only)
		return;
	if (!is_cell_writable(n, job, &target, 0) && !prng_chance(chance(n), 1, 10))
		return;
	if (tables_at(r->table)->scope == SCOPE_PARENT) {
		if ((parent = workload_row_pick(n, TABLES_PAGE, true)) == MODEL_NONE ||
		    n->world->model->rows[parent].unit != r->unit)
			return;
		page = n->world->model->rows[parent];
		job->has_child = true;
	}
	count = cells_fill(n, job, r->table, &page, r->unit, cells);
	(void)record_touch(n, job->record, row);
	rights_of_insertion(n, job, r->table, r->unit, cells, count);
	if (!is_cell_writable(n, job, &target, 0))
		job->is_forbidden = true;
	row_write(n, job, r->table, r->key, cells, count, NULL);
}

void
workload_row_unit(struct node *n, struct job *job, size_t unit)
{
	struct model *m = n->world->model;
	const struct model_unit *u = &m->units[unit];
	struct value key = value_text(span_str(u->key));
	struct save_cell cells[3] = {
		{ .column = span_str("level"),
		    .value = value_text(span_str(catalogue_level_name(u->level))) },
		{ .column = span_str("name"), .value = value_text(span_str(u->key)) },
	};
	size_t count = 2;

	if (u->parent >= 0)
		cells[count++] = (struct save_cell){ .column = span_str("parent"),
			.value = value_text(span_str(m->units[u->parent].key)) };
	(void)record_touch(n, job->record, model_row_add(m, TABLES_UNIT, key, 0));
	row_write(n, job, TABLES_UNIT, key, cells, count, NULL);
}

void
workload_row_touch_all(struct node *n, struct job *job, enum tables_number table)
{
	const struct model *m = n->world->model;

	for (uint32_t i = 0; i < m->rows_count; i++) {
		const struct model_row *r = &m->rows[i];

		if (r->table != table || !model_holds(m, n->unit, r->unit, r->reach))
			continue;
		if (r->ops_count > 0)
			(void)record_touch(n, job->record, i);
	}
}
