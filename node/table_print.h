/* node/table_print.h - aligned tables for people.
 *
 * Cells are added one after the other, row by row, and copied; the widest cell of a column sets its width, up to
 * TABLE_COLUMN_WIDTH_MAX, beyond which a cell is cut and ends in "…".  Numbers stand at the right.  Control characters
 * show as blanks, so that no cell can drive a terminal.  Memory failure is sticky; table_print_emit() tells.
 */
#ifndef NODE_TABLE_PRINT_H
#define NODE_TABLE_PRINT_H

#include "sync/mem.h"

#define TABLE_COLUMNS_MAX 32
#define TABLE_COLUMN_WIDTH_MAX 60

struct table_column {
	const char *title;
	bool is_numeric;
};

struct table_print {
	const struct table_column *columns;
	size_t column_count;
	size_t cell_count;
	struct bytes cells; /* a blob each, fit to be shown */
	struct bytes scratch;
	size_t width[TABLE_COLUMNS_MAX]; /* of what is in @cells, titles included */
};

/* @columns is borrowed until table_print_fini(). */
void
table_print_init(struct table_print *t, const struct table_column *columns, size_t column_count);
void table_print_fini(struct table_print *t);

void table_print_cell(struct table_print *t, struct span text);
void table_print_cstr(struct table_print *t, const char *text); /* NULL: an empty cell */
void table_print_int64(struct table_print *t, int64_t v);

/* Append the titles and all rows to @out, a line each, no blanks at line ends.  The last row must be complete. */
RC_CHECK enum rc table_print_emit(const struct table_print *t, struct bytes *out);

#endif
