/* Rows of any table: the header names columns of the table, and its key where rows are to be changed. */
#include <string.h>

#include "node/cell.h"
#include "node/import.h"
#include "node/text.h"

struct table_import {
	const struct catalogue_table *table;
	struct csv_column known[COLUMNS_MAX + 1];	/* the key, then the columns */
};

static enum rc
table_begin(struct import *im, struct diag *d)
{
	struct table_import *ti = im->state;

	return csv_header(&im->csv, ti->known, ti->table->columns_count + 1, d);
}

static enum rc
key_read(struct import *im, struct span *key, struct diag *d)
{
	struct table_import *ti = im->state;
	struct span text;
	struct diag why;
	enum rc rc;

	*key = span_of(NULL, 0);
	if ((rc = import_text(im, ti->known[0].at, &text, d)) != RC_OK || (text.n == 0 && !ti->table->has_text_key))
		return rc;
	diag_init(&why);
	rc = cell_key_parse(im->env, ti->table, text, key, &why);
	return rc == RC_INPUT ? csv_field_fail(&im->csv, ti->known[0].at, why.text, d) : rc;
}

static enum rc
table_row(struct import *im, struct diag *d)
{
	struct table_import *ti = im->state;
	const struct catalogue_table *t = ti->table;
	struct save_cell cells[COLUMNS_MAX];
	struct save_key key_out;
	struct span key;
	size_t count = 0, i;
	enum rc rc;

	if ((rc = key_read(im, &key, d)) != RC_OK)
		return rc;
	memset(cells, 0, sizeof(cells));
	for (i = 0; i < t->columns_count; i++) {
		if (ti->known[i + 1].at == CSV_NONE)
			continue;
		cells[count].column = span_str(t->columns[i].name);
		cells[count].is_delta = t->columns[i].policy == POLICY_COUNTER;
		if ((rc = import_cell(im, &t->columns[i], ti->known[i + 1].at, &cells[count].value, d)) != RC_OK)
			return rc;
		/* A row that is new has no value where the field is empty; a counter adds nothing then. */
		if (cells[count].value.type != VALUE_NULL || (key.n != 0 && !cells[count].is_delta))
			count++;
	}
	return import_save(im, t, key, cells, count, &key_out, d);
}

enum rc
command_import_table(struct import *im, const struct catalogue_table *t)
{
	struct table_import *ti = arena_alloc(&im->env->arena, sizeof(*ti));
	size_t i;

	if (ti == NULL)
		return RC_NOMEM;
	ti->table = t;
	ti->known[0] = (struct csv_column){ t->key_column, t->has_text_key, CSV_NONE };
	for (i = 0; i < t->columns_count; i++)
		ti->known[i + 1] = (struct csv_column){ t->columns[i].name, false, CSV_NONE };
	im->begin = table_begin;
	im->row = table_row;
	im->state = ti;
	return RC_OK;
}
