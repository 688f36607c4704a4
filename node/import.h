/* node/import.h - taking a file of rows as one save: all of it, or nothing.
 *
 * A bad row is named by file, line and column.  With --skip-bad it is left out and named; because a save is dead after
 * a row that the engine refuses, the file is then read once more without that row.
 */
#ifndef NODE_IMPORT_H
#define NODE_IMPORT_H

#include "node/command.h"
#include "node/csv.h"

#define IMPORT_BAD_MAX 200

struct import_bad {
	size_t line;
	const char *why;
};

struct import {
	struct command_env *env;
	const struct command_file *file;
	bool is_skip_bad;
	/* Read the header and get ready. */
	enum rc (*begin)(struct import *im, struct diag *d);
	/* Save the row that im->csv holds, by import_save() and csv_field_fail(). */
	enum rc (*row)(struct import *im, struct diag *d);
	void *state;				/* of these two; in the arena */

	struct csv csv;
	struct save *save;
	bool is_dead;				/* the save is */
	struct import_bad bad[IMPORT_BAD_MAX];
	size_t bad_count;
	size_t rows_count;			/* taken */
	struct save_result result;
};

RC_CHECK enum rc import_run(struct import *im, struct diag *d);

/* save_row() for the row under way. */
RC_CHECK enum rc import_save(struct import *im, const struct catalogue_table *t, struct span key,
    const struct save_cell *cells, size_t cells_count, struct save_key *key_out, struct diag *d);

/* Field @at of the row under way as a value of @c: empty is NULL.  Checked against the catalogue here, so that the
 * message can name the field. */
RC_CHECK enum rc import_cell(struct import *im, const struct catalogue_column *c, size_t at, struct value *out,
    struct diag *d);

/* The text of field @at, trimmed, in NFC, in the arena. */
RC_CHECK enum rc import_text(struct import *im, size_t at, struct span *out, struct diag *d);

/* command_import_units.c, command_import_products.c, command_import_table.c: set im->begin and the others. */
RC_CHECK enum rc command_import_units(struct import *im);
RC_CHECK enum rc command_import_products(struct import *im);
RC_CHECK enum rc command_import_table(struct import *im, const struct catalogue_table *t);

#endif
