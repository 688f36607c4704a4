/* schema/criteria.h - scoring forms: where their data is, and one of them in memory for the rules.
 *
 * The data files are CSV, embedded in the program; the first column is the table's key, the others are columns of the
 * table by name.  They are loaded through ordinary saves, in the order given here, so that what is referred to exists.
 */
#ifndef SCHEMA_CRITERIA_H
#define SCHEMA_CRITERIA_H

#include "schema/rules_stars.h"
#include "sync/catalogue.h"

struct sqlite3;

struct criteria_file {
	const char *name;	/* as embedded: "data/criteria.csv" */
	const char *table;
};

#define CRITERIA_LINES_MAX	256	/* scored lines of one form */

/* A form: its scored lines in order.  Owned by the caller, freed with criteria_form_free(). */
struct criteria_form {
	struct rules_criterion *lines;
	char (*keys)[KEY_TEXT_BYTES_MAX + 1];		/* of the lines, NUL-terminated */
	struct rules_option *options;	/* those of all lines */
	size_t count;
	int32_t part_max[RULES_PARTS];
};

/* The files, in the order in which they are to be loaded; static. */
const struct criteria_file *criteria_files(size_t *count);

/* Read form @set_id (a key of criteria_set).  RC_NOTFOUND when there is none or it has no scored line; then @out is
 * empty and needs no freeing. */
RC_CHECK enum rc criteria_form_load(struct sqlite3 *db, struct span set_id, struct criteria_form *out,
    struct diag *d);
void criteria_form_free(struct criteria_form *f);

/* Read the points of score sheet @sheet (16 bytes) into @points, one for each line of @f; RULES_POINTS_NONE where the
 * sheet says nothing. */
RC_CHECK enum rc criteria_sheet_points(struct sqlite3 *db, struct span sheet, const struct criteria_form *f,
    int32_t *points, struct diag *d);

#endif
