/* node/csv.h - reading comma-separated values (RFC 4180, and what offices' spreadsheets make of it).
 *
 * Reading: a whole file in memory, pulled row by row.  A byte order mark is skipped; the separator is `,` or `;`,
 * whichever the first line has more of outside quotes; lines end in CRLF or LF; within quotes CR before LF is dropped.
 * Rows of nothing but empty unquoted fields are skipped, empty fields beyond the header's last are ignored: both are
 * what spreadsheets leave around the data.  Any other difference from the header's length is an error.
 * Errors name file, line (of the place, from 1) and column (the field's number, from 1).
 *
 * Failure: RC_INPUT.  After a bad row the reader stands behind it and may go on, unless is_broken: then a quote was out
 * of place, nobody knows where rows end, and every further call fails.
 * Limits: CSV_FILE_BYTES_MAX, CSV_FIELDS_MAX fields that are not empty.
 */
#ifndef NODE_CSV_H
#define NODE_CSV_H

#include "sync/mem.h"

#define CSV_FILE_BYTES_MAX ((size_t)64 << 20)
#define CSV_FIELDS_MAX 256
#define CSV_NONE SIZE_MAX

struct csv_slot {
	size_t offset; /* in csv.row */
	size_t len;
	size_t line;
};

struct csv {
	const char *file_name; /* for errors; borrowed */
	struct span rest; /* not yet read; borrowed */
	char separator;
	bool is_broken;
	size_t line; /* where @rest begins */
	size_t row_line; /* where the row last pulled begins */
	struct bytes row; /* the fields' text, one after the other */
	struct csv_slot field[CSV_FIELDS_MAX];
	size_t field_count; /* of the row, as far as they are kept */
	struct bytes titles; /* the header's fields, a blob each */
	struct bytes folded; /* their search forms, a blob each */
	size_t column_count; /* 0 before csv_header() */
};

/* A column that the caller knows.  Titles match by search form (text_fold), so in any case and with any marks. */
struct csv_column {
	const char *title;
	bool is_required;
	size_t at; /* set by csv_header(): its field, or CSV_NONE */
};

/* Read @file, borrowed until csv_fini().  RC_LIMIT when it is too large. */
RC_CHECK enum rc csv_init(struct csv *c, struct span file, const char *file_name, struct diag *d);
void csv_fini(struct csv *c);

/* Read the header, once and before the first row, and find the @count @columns in it.  RC_INPUT: no header, a column
 * that is unknown, stands twice, or is required and missing.  With @count 0 any titles are taken. */
RC_CHECK enum rc
csv_header(struct csv *c, struct csv_column *columns, size_t count, struct diag *d);

/* The field whose title is @title by search form, into *@at; RC_NOTFOUND and CSV_NONE when there is none.
 * O(columns). */
RC_CHECK enum rc csv_find(const struct csv *c, const char *title, size_t *at);
struct span csv_title(const struct csv *c, size_t at); /* O(at); empty beyond the last */

/* Pull the next row; *@is_row is false at the end of the file. */
RC_CHECK enum rc csv_next(struct csv *c, bool *is_row, struct diag *d);

/* The text of field @at, borrowed until the next pull; empty for CSV_NONE and beyond the row's last. */
struct span csv_field(const struct csv *c, size_t at);

/* Answer RC_INPUT and put into @d that @why is wrong with field @at of the row last pulled; not for CSV_NONE. */
RC_CHECK enum rc csv_field_fail(const struct csv *c, size_t at, const char *why, struct diag *d);

#endif
