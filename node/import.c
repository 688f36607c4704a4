#include "node/import.h"

#include <string.h>

#include "node/cell.h"
#include "node/csv_write.h"
#include "node/text.h"

/* Failures that are the row's fault, not the program's or the disk's. */
static bool
is_of_row(enum rc rc)
{
	return rc == RC_INPUT || rc == RC_NOTFOUND || rc == RC_DENIED || rc == RC_CONFLICT || rc == RC_LIMIT;
}

enum rc
import_save(struct import *im, const struct catalogue_table *t, struct span key, const struct save_cell *cells,
    size_t cells_count, struct save_key *key_out, struct diag *d)
{
	struct diag why;
	enum rc rc;

	diag_init(&why);
	rc = save_row(im->save, span_str(t->name), key, cells, cells_count, key_out, &why);
	if (rc == RC_OK)
		return RC_OK;
	im->is_dead = true;
	return diag_fail(d, rc, command_message(im->env, MSG_IMPORT_LINE), im->file->name, im->csv.row_line, why.text);
}

enum rc
import_text(struct import *im, size_t at, struct span *out, struct diag *d)
{
	enum rc rc = command_nfc(im->env, text_trim(csv_unguard(csv_field(&im->csv, at))), out);

	if (rc == RC_INPUT || rc == RC_LIMIT)
		return csv_field_fail(&im->csv, at, command_message(im->env, MSG_IMPORT_NOT_TEXT), d);
	return rc;
}

static bool
is_choice(const struct catalogue_column *c, struct span text)
{
	size_t i;

	for (i = 0; c->choices[i] != NULL; i++) {
		if (span_eq(span_str(c->choices[i]), text))
			return true;
	}
	return false;
}

/* What the engine would refuse about @v, or NULL. */
static const char *
objection(const struct command_env *env, const struct catalogue_column *c, struct value v)
{
	size_t bytes_max = c->max > 0 ? (size_t)c->max : 4096;

	if (v.type == VALUE_NULL)
		return c->required ? command_message(env, MSG_IMPORT_REQUIRED) : NULL;
	if (v.type == VALUE_INT && c->min < c->max && (v.i < c->min || v.i > c->max))
		return command_message(env, MSG_IMPORT_RANGE);
	if (c->type == COLUMN_TEXT && c->choices != NULL && !is_choice(c, v.s))
		return command_message(env, MSG_IMPORT_CHOICE);
	if ((c->type == COLUMN_TEXT || c->type == COLUMN_BLOB) && v.s.n > bytes_max)
		return command_message(env, MSG_IMPORT_LONG);
	return NULL;
}

enum rc
import_cell(struct import *im, const struct catalogue_column *c, size_t at, struct value *out, struct diag *d)
{
	struct span text;
	struct diag why;
	const char *no;
	enum rc rc;

	if ((rc = import_text(im, at, &text, d)) != RC_OK)
		return rc;
	diag_init(&why);
	*out = value_null();
	if (text.n != 0 && (rc = cell_parse(im->env, c, text, out, &why)) != RC_OK)
		return is_of_row(rc) ? csv_field_fail(&im->csv, at, why.text, d) : rc;
	if ((no = objection(im->env, c, *out)) != NULL)
		return csv_field_fail(&im->csv, at, no, d);
	return RC_OK;
}

static bool
is_known_bad(const struct import *im)
{
	size_t i;

	for (i = 0; i < im->bad_count; i++) {
		if (im->bad[i].line == im->csv.row_line)
			return true;
	}
	return false;
}

/* Note the row under way as bad; RC_OK when the import may go on without it. */
static enum rc
bad_add(struct import *im, enum rc rc, const struct diag *why, struct diag *d)
{
	if (!is_of_row(rc) || !im->is_skip_bad || im->csv.is_broken)
		return diag_fail(d, rc, "%s", why->text);
	if (im->bad_count == IMPORT_BAD_MAX)
		return diag_fail(d, RC_INPUT, command_message(im->env, MSG_IMPORT_BAD_MANY), IMPORT_BAD_MAX, why->text);
	im->bad[im->bad_count].line = im->csv.row_line;
	im->bad[im->bad_count].why = arena_text(&im->env->arena, span_str(why->text));
	im->bad_count++;
	return im->env->arena.failed ? RC_NOMEM : RC_OK;
}

static enum rc
file_read(struct import *im, struct diag *d)
{
	bool is_row = true;
	struct diag why;
	enum rc rc;

	if ((rc = csv_init(&im->csv, im->file->bytes, im->file->name, d)) != RC_OK)
		return rc;
	rc = im->begin(im, d);
	while (rc == RC_OK && is_row && !im->is_dead) {
		diag_init(&why);
		rc = csv_next(&im->csv, &is_row, &why);
		if (is_known_bad(im) && (is_row || rc != RC_OK)) {
			rc = RC_OK;
			is_row = true;
			continue;
		}
		if (rc == RC_OK && is_row) {
			rc = im->row(im, &why);
			im->rows_count += rc == RC_OK;
		}
		if (rc != RC_OK) {
			rc = bad_add(im, rc, &why, d);
			is_row = true;
		}
	}
	csv_fini(&im->csv);
	return rc;
}

/* Read the file once.  im->is_dead afterwards: the engine refused a row, and the save is gone. */
static enum rc
pass_run(struct import *im, struct diag *d)
{
	struct save_options o = { .is_bulk = true };
	enum rc rc;

	if ((rc = command_author(im->env, im->env->author, &o.author, d)) != RC_OK ||
	    (rc = save_begin(im->env->engine, &o, &im->save, d)) != RC_OK)
		return rc;
	im->is_dead = false;
	im->rows_count = 0;
	rc = file_read(im, d);
	if (rc != RC_OK || im->is_dead) {
		save_abandon(im->save);
		return rc;
	}
	return save_commit(im->save, &im->result, d);
}

enum rc
import_run(struct import *im, struct diag *d)
{
	enum rc rc;

	do {
		rc = pass_run(im, d);	/* each further pass has one more bad row, of at most IMPORT_BAD_MAX */
	} while (rc == RC_OK && im->is_dead);
	return rc;
}
