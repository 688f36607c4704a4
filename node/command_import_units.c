/* Units, in the layout of the official lists.  A unit's key is code@valid_from; its parent is named by code only, which
 * means the unit of that code that was in force when this one began: in the same file, else in the replica. */
#include <string.h>

#include "node/import.h"
#include "node/text.h"

enum { UNIT_CODE, UNIT_PARENT_CODE, UNIT_VALID_FROM, UNIT_LEVEL, UNIT_FIELDS };

struct listed {
	struct span code, valid_from;
	struct listed *next;
};

struct units_import {
	const struct catalogue_table *table;
	struct csv_column known[COLUMNS_MAX];	/* by column of the table */
	int column[UNIT_FIELDS];
	int parent;				/* the column that names the unit above */
	struct listed *listed;			/* of this file */
};

static size_t
field(const struct units_import *ui, int which)
{
	return ui->known[ui->column[which]].at;
}

/* The codes and dates of the whole file: a parent may stand below its children. */
static enum rc
list_read(struct import *im, struct diag *d)
{
	struct units_import *ui = im->state;
	struct csv_column known[COLUMNS_MAX];
	struct csv *csv = mem_alloc(sizeof(*csv));
	struct listed *l;
	bool is_row = true;
	enum rc rc;

	if (csv == NULL)
		return RC_NOMEM;
	ui->listed = NULL;
	memcpy(known, ui->known, sizeof(known));
	if ((rc = csv_init(csv, im->file->bytes, im->file->name, d)) != RC_OK) {
		mem_free(csv);
		return rc;
	}
	rc = csv_header(csv, known, ui->table->columns_count, d);
	while (rc == RC_OK && is_row) {
		if (csv_next(csv, &is_row, NULL) != RC_OK) {	/* the row's turn to be named comes later */
			is_row = !csv->is_broken;
			continue;
		}
		if (!is_row)
			break;
		if ((l = arena_alloc(&im->env->arena, sizeof(*l))) == NULL) {
			rc = RC_NOMEM;
			break;
		}
		l->code = arena_copy(&im->env->arena, text_trim(csv_field(csv, known[ui->column[UNIT_CODE]].at)));
		l->valid_from = arena_copy(&im->env->arena,
		    text_trim(csv_field(csv, known[ui->column[UNIT_VALID_FROM]].at)));
		l->next = ui->listed;
		ui->listed = l;
	}
	csv_fini(csv);
	mem_free(csv);
	return rc;
}

static enum rc
units_begin(struct import *im, struct diag *d)
{
	struct units_import *ui = im->state;
	enum rc rc;

	if ((rc = csv_header(&im->csv, ui->known, ui->table->columns_count, d)) != RC_OK)
		return rc;
	return list_read(im, d);
}

static enum rc
unit_key_make(struct import *im, struct span code, struct span day, struct span *key, struct diag *d)
{
	struct bytes b;

	bytes_init(&b);
	bytes_put(&b, code.p, code.n);
	bytes_byte(&b, '@');
	bytes_put(&b, day.p, day.n);
	*key = arena_copy(&im->env->arena, span_bytes(&b));
	bytes_free(&b);
	return im->env->arena.failed ? diag_fail(d, RC_NOMEM, "%s", command_message(im->env, MSG_OUT_OF_MEMORY)) :
	    RC_OK;
}

static enum rc
parent_find(struct import *im, struct span code, struct span day, struct value *out, struct diag *d)
{
	struct units_import *ui = im->state;
	const struct listed *l, *best = NULL;
	struct span key;
	unit_id u;
	enum rc rc;

	*out = value_null();
	if (code.n == 0)
		return RC_OK;
	for (l = ui->listed; l != NULL; l = l->next) {
		if (span_eq(l->code, code) && span_cmp(l->valid_from, day) <= 0 &&
		    (best == NULL || span_cmp(l->valid_from, best->valid_from) > 0))
			best = l;
	}
	if ((rc = unit_key_make(im, code, best == NULL ? day : best->valid_from, &key, d)) != RC_OK)
		return rc;
	if (best == NULL) {
		if ((u = unit_resolve(im->env->engine, key)) == UNIT_NONE) {
			return csv_field_fail(&im->csv, field(ui, UNIT_PARENT_CODE),
			    command_message(im->env, MSG_IMPORT_NO_PARENT), d);
		}
		key = unit_key(im->env->engine, u);
	}
	*out = value_text(key);
	return RC_OK;
}

static enum rc
units_row(struct import *im, struct diag *d)
{
	struct units_import *ui = im->state;
	const struct catalogue_table *t = ui->table;
	struct save_cell cells[COLUMNS_MAX];
	struct span code, day, parent_code, key;
	struct save_key key_out;
	size_t count = 0, i;
	enum rc rc;

	if ((rc = import_text(im, field(ui, UNIT_CODE), &code, d)) != RC_OK ||
	    (rc = import_text(im, field(ui, UNIT_VALID_FROM), &day, d)) != RC_OK ||
	    (rc = import_text(im, field(ui, UNIT_PARENT_CODE), &parent_code, d)) != RC_OK)
		return rc;
	if (code.n == 0)
		return csv_field_fail(&im->csv, field(ui, UNIT_CODE), command_message(im->env, MSG_IMPORT_REQUIRED), d);
	if (!text_date(day)) {
		return csv_field_fail(&im->csv, field(ui, UNIT_VALID_FROM),
		    command_message(im->env, MSG_IMPORT_NOT_DATE), d);
	}
	memset(cells, 0, sizeof(cells));
	for (i = 0; i < t->columns_count; i++) {
		if ((int)i != ui->parent && ui->known[i].at == CSV_NONE)
			continue;
		cells[count].column = span_str(t->columns[i].name);
		if ((int)i == ui->parent)
			rc = parent_find(im, parent_code, day, &cells[count].value, d);
		else
			rc = import_cell(im, &t->columns[i], ui->known[i].at, &cells[count].value, d);
		if (rc != RC_OK)
			return rc;
		count++;
	}
	if ((rc = unit_key_make(im, code, day, &key, d)) != RC_OK)
		return rc;
	return import_save(im, t, key, cells, count, &key_out, d);
}

enum rc
command_import_units(struct import *im)
{
	static const char *const names[UNIT_FIELDS] = { "code", "parent_code", "valid_from", "level" };
	const struct catalogue *c = im->env->catalogue;
	struct units_import *ui = arena_alloc(&im->env->arena, sizeof(*ui));
	size_t i;

	if (ui == NULL)
		return RC_NOMEM;
	ui->table = catalogue_table_find(c, span_str(c->unit_table));
	INVARIANT(ui->table != NULL);
	for (i = 0; i < ui->table->columns_count; i++)
		ui->known[i] = (struct csv_column){ ui->table->columns[i].name, false, CSV_NONE };
	for (i = 0; i < UNIT_FIELDS; i++) {
		ui->column[i] = catalogue_column_find(ui->table, span_str(names[i]));
		INVARIANT(ui->column[i] >= 0);
		ui->known[ui->column[i]].is_required = true;
	}
	ui->parent = catalogue_column_find(ui->table, span_str(c->unit_parent_column));
	INVARIANT(ui->parent >= 0);
	im->begin = units_begin;
	im->row = units_row;
	im->state = ui;
	return RC_OK;
}
