/* A save: begin, some changes, maybe a mistake, commit; the record of it goes to the model.
 *
 * Values are either unique tokens, by which a loss is seen, or come from a handful, so that
 * concurrent writers happen to agree.  Rights are tried, too: what the catalogue forbids must be
 * refused, what it allows accepted. */
#include "tests/sim/workload.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/workload_row.h"
#include "tests/sim/world.h"

#define CHANGES_MAX 6
#define BULK_ROWS 44

static void
begin(struct node *n, struct job *job, bool is_bulk)
{
	struct save_options o = {
		.author = span_str(job->record->author),
		.unit = span_str(n->world->model->units[job->unit].key),
		.is_bulk = is_bulk,
	};

	node_call_begin(n, NODE_SAVES);
	job->rc = save_begin(n->engine, &o, &job->save, &job->d);
	node_call_end(n);
}

/* --- kinds of changes --- */

static void
change_any(struct node *n, struct job *job)
{
	struct prng *p = &n->world->prng;
	uint64_t dice = prng_below(p, 100);
	enum tables_number table = workload_row_table(n);
	uint32_t row = workload_row_pick(n, table, true);

	if (row == MODEL_NONE || dice < 30)
		workload_row_insert(n, job, table);
	else if (dice < 80)
		workload_row_update(n, job, row);
	else if (dice < 88)
		workload_row_delete(n, job, row);
	else if ((row = workload_row_pick(n, table, false)) != MODEL_NONE)
		workload_row_reinsert(n, job, row);
}

static void
changes_some(struct node *n, struct job *job)
{
	size_t count = 1 + (size_t)prng_below(&n->world->prng, CHANGES_MAX);

	for (size_t i = 0; i < count && job->rc == RC_OK; i++)
		change_any(n, job);
}

static void
changes_bulk(struct node *n, struct job *job)
{
	size_t count = BULK_ROWS / 2 + (size_t)prng_below(&n->world->prng, BULK_ROWS / 2);

	for (size_t i = 0; i < count && job->rc == RC_OK; i++)
		workload_row_insert_large(n, job);
}

/* One statement over all rows of a table. */
static void
changes_sql(struct node *n, struct job *job)
{
	static const struct {
		enum tables_number table;
		const char *column, *expr, *where;
	} choices[] = {
		{ TABLES_TAG, "weight", "coalesce(weight, 0) + ?1", NULL },
		{ TABLES_PAGE, "size", "?1", "coalesce(size, 0) < ?1" },
		{ TABLES_STAMP, "used", "used + ?1", "used > ?1" },
	};
	size_t i = (size_t)prng_below(&n->world->prng, sizeof(choices) / sizeof(choices[0]));
	struct value number = value_int((int64_t)prng_below(&n->world->prng, 5));
	struct save_set set = { span_str(choices[i].column), choices[i].expr };
	struct save_update q = { span_str(tables_at(choices[i].table)->name), &set, 1,
		choices[i].where, &number, 1 };

	workload_row_touch_all(n, job, choices[i].table);
	job->rc = save_update(job->save, &q, &job->d);
	cover_add(n->world->cover, COVER_SAVE_SQL);
}

/* One form over many rows of a table, in no order. */
static void
changes_form(struct node *n, struct job *job)
{
	static const char *const sql[] = { "SELECT id FROM tag ORDER BY weight, id LIMIT 60",
		"SELECT id FROM page ORDER BY title, id LIMIT 60" };
	struct save_change changes[60];
	struct save_key keys[60];
	size_t count = 0, failed, i = (size_t)prng_below(&n->world->prng, 2);
	enum tables_number table = i == 0 ? TABLES_TAG : TABLES_PAGE;
	struct save_cell cell = { .column = span_str(i == 0 ? "weight" : "size"),
		.value = value_int((int64_t)prng_below(&n->world->prng, 5)) };
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(engine_db(n->engine), sql[i], -1, &stmt, NULL) != SQLITE_OK)
		return; /* the disk is out of order: the save will tell */
	while (count < 60 && sqlite3_step(stmt) == SQLITE_ROW) {
		memcpy(keys[count].b, sqlite3_column_blob(stmt, 0), KEY_BYTES);
		keys[count].n = KEY_BYTES;
		changes[count] = (struct save_change){ span_str(tables_at(table)->name),
			span_of(keys[count].b, KEY_BYTES), &cell, 1 };
		count++;
	}
	(void)sqlite3_finalize(stmt);
	workload_row_touch_all(n, job, table);
	job->rc = save_rows(job->save, changes, count, keys, &failed, &job->d);
	cover_add(n->world->cover, COVER_SAVE_FORM);
}

/* --- settling conflicts --- */

struct settling {
	struct node *n;
	uint64_t skip; /* conflicts to pass over */
	bool is_found;
	char id[CONFLICT_ID_CHARS + 1];
	uint32_t row;
	int column; /* -1: the row itself */
	int take;
	bool is_to_delete;
};

static enum rc
on_conflict(void *ctx, const struct conflict *c)
{
	struct settling *s = ctx;
	enum tables_number table = tables_of(c->table);
	struct value key = value_blob(c->key);

	if (s->is_found || table == TABLES_COUNT)
		return RC_OK;
	if (tables_at(table)->has_text_key)
		key.type = VALUE_TEXT;
	s->row = model_row_find(s->n->world->model, table, key);
	if (s->row == MODEL_NONE || !workload_row_is_writable(s->n, s->row))
		return RC_OK;
	if (s->skip > 0) {
		s->skip--;
		return RC_OK;
	}
	s->is_found = true;
	memcpy(s->id, c->id, sizeof(s->id));
	s->column =
	    c->column == NULL ? -1 : catalogue_column_find(c->table, span_str(c->column->name));
	s->take = (int)prng_below(&s->n->world->prng, c->siblings_count);
	s->is_to_delete = c->siblings[s->take].is_deleted;
	return RC_OK;
}

static bool
settle(struct node *n, struct job *job, const struct settling *s)
{
	struct record_row *t;

	if (!s->is_found)
		return false;
	t = record_touch(n, job->record, s->row);
	if (s->column >= 0)
		t->is_forced[s->column] = true;
	else
		t->is_kept = !s->is_to_delete;
	job->rc = conflict_resolve(job->save, s->id, s->take, NULL, &job->d);
	cover_add(n->world->cover, s->column >= 0 ? COVER_RESOLVE : COVER_RESOLVE_ROW);
	return true;
}

static void
settling_find(struct node *n, struct settling *s)
{
	struct diag d;

	diag_init(&d);
	*s = (struct settling){ .n = n, .skip = prng_below(&n->world->prng, 4) };
	if (conflict_each(n->engine, on_conflict, s, &d) != RC_OK)
		world_fail(n->world, "P5", "node %zu: conflicts: %s", n->index, d.text);
}

/* --- ending --- */

static void
refusal_check(struct node *n, const struct job *job)
{
	if (disk_is_down(n->disk) || engine_is_broken(n->engine) || job->rc == RC_DISK ||
	    job->rc == RC_FULL)
		return;
	if (job->rc == RC_NOMEM) {
		cover_add(n->world->cover, COVER_MEMORY);
		return;
	}
	if (job->rc != RC_OK && !job->is_forbidden)
		world_fail(
		    n->world, "save", "node %zu: %s: %s", n->index, rc_name(job->rc), job->d.text);
}

static void
end(struct node *n, struct job *job, bool is_abandoned)
{
	struct world *w = n->world;
	struct save_result r = { .commit = "" };

	if (job->rc == RC_OK)
		record_look(n, job->record);
	node_call_begin(n, NODE_SAVES);
	if (job->rc == RC_OK && !is_abandoned)
		job->rc = save_commit(job->save, &r, &job->d);
	else if (job->save != NULL)
		save_abandon(job->save);
	node_call_end(n);
	world_trace(w, "node %zu: save %s %s", n->index, rc_name(job->rc), r.commit);
	refusal_check(n, job);
	if (r.suggestions_count > 0)
		cover_add(w->cover, COVER_SUGGESTION);
	if (disk_is_down(n->disk) || engine_is_broken(n->engine)) {
		n->record = job->record; /* nobody heard the answer */
		job->record = NULL;
	} else if (w->has_failed) {
		return;
	} else if (job->rc != RC_OK || is_abandoned) {
		cover_add(w->cover, is_abandoned ? COVER_SAVE_ABANDONED : COVER_SAVE_REFUSED);
		record_undone(n, job->record);
	} else {
		cover_add(w->cover, r.commit[0] == '\0' ? COVER_SAVE_NOTHING : COVER_SAVE);
		record_done(n, job->record, r.commit);
	}
}

static void
job_run(struct node *n, struct job *job)
{
	struct settling settling = { .is_found = false };
	uint64_t dice = prng_below(&n->world->prng, 100);
	bool is_bulk = dice >= 98 || (dice >= 90 && dice < 93);
	bool is_abandoned;

	if (dice < 30)
		settling_find(n, &settling);
	job->record = record_new(n, workload_row_author(n), is_bulk);
	begin(n, job, is_bulk);
	if (job->rc != RC_OK) {
		job->save = NULL;
	} else if (!settle(n, job, &settling)) {
		if (dice >= 98)
			changes_bulk(n, job);
		else if (dice >= 90)
			changes_sql(n, job);
		else if (dice >= 86)
			changes_form(n, job);
		else
			changes_some(n, job);
	}
	is_abandoned = job->rc == RC_OK && prng_chance(&n->world->prng, 1, 20);
	end(n, job, is_abandoned);
	record_free(job->record);
}

void
workload_save(struct node *n)
{
	struct job job = { .unit = n->unit };

	diag_init(&job.d);
	job_run(n, &job);
	world_after(n->world, n, job.rc == RC_DISK || job.rc == RC_FULL ? job.rc : RC_OK);
	n->work = NODE_IDLE;
}

void
workload_units(struct node *root)
{
	struct world *w = root->world;
	struct job job = { .unit = root->unit };

	diag_init(&job.d);
	job.record = record_new(root, "founder", false);
	begin(root, &job, false);
	for (size_t i = 0; i < w->model->units_count && job.rc == RC_OK; i++)
		workload_row_unit(root, &job, i);
	if (job.rc == RC_OK)
		end(root, &job, false);
	else
		world_fail(w, "save", "units: %s: %s", rc_name(job.rc), job.d.text);
	record_free(job.record);
	root->work = NODE_IDLE;
}

void
workload_backlog(struct node *n, int unit, size_t saves)
{
	for (size_t i = 0; i < saves && node_is_up(n) && !n->world->has_failed; i++) {
		struct job job = { .unit = unit };

		diag_init(&job.d);
		job.record = record_new(n, "clerk", false);
		begin(n, &job, false);
		for (size_t k = 0; k < 10 && job.rc == RC_OK; k++)
			workload_row_insert_at(n, &job, TABLES_PAGE, unit);
		end(n, &job, false);
		record_free(job.record);
		world_after(n->world, n, job.rc);
		n->work = NODE_IDLE;
	}
}
