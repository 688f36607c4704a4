#include "table_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sync/cursor.h"
#include "text.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define GAP 2

static void
add(struct table_print *t, size_t column, struct span text)
{
	struct span shown;
	size_t width;

	bytes_clear(&t->scratch);
	text_printable(text, &t->scratch);
	if (t->scratch.failed)
		t->cells.failed = true;
	shown = span_bytes(&t->scratch);
	if (text_width(shown) > TABLE_COLUMN_WIDTH_MAX) {
		t->scratch.n = text_cut(shown, TABLE_COLUMN_WIDTH_MAX - 1).n;
		bytes_str(&t->scratch, ELLIPSIS);
		shown = span_bytes(&t->scratch);
	}
	width = text_width(shown);
	if (width > t->width[column])
		t->width[column] = width;
	wr_blob(&t->cells, shown);
}

void
table_print_init(struct table_print *t, const struct table_column *columns, size_t column_count)
{
	size_t i;

	INVARIANT(column_count != 0);
	INVARIANT(column_count <= TABLE_COLUMNS_MAX);
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->column_count = column_count;
	bytes_init(&t->cells);
	bytes_init(&t->scratch);
	for (i = 0; i < column_count; i++)
		add(t, i, span_str(columns[i].title));
}

void
table_print_fini(struct table_print *t)
{
	bytes_free(&t->cells);
	bytes_free(&t->scratch);
}

void
table_print_cell(struct table_print *t, struct span text)
{
	add(t, t->cell_count % t->column_count, text);
	t->cell_count++;
}

void
table_print_cstr(struct table_print *t, const char *text)
{
	table_print_cell(t, span_str(text == NULL ? "" : text));
}

void
table_print_int64(struct table_print *t, int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, v);
	table_print_cstr(t, text);
}

static void
put_blanks(struct bytes *out, size_t count)
{
	for (; count != 0; count--)
		bytes_byte(out, ' ');
}

/* One line.  Blanks are owed until something is put after them, so that none ends a line. */
static void
emit_row(const struct table_print *t, struct rd *cells, struct bytes *out)
{
	size_t owed = 0, i, pad;
	struct span cell;

	for (i = 0; i < t->column_count; i++) {
		cell = rd_blob(cells, SIZE_MAX);
		pad = t->width[i] - text_width(cell);
		if (t->columns[i].is_numeric)
			owed += pad;
		if (cell.n != 0) {
			put_blanks(out, owed);
			bytes_put(out, cell.p, cell.n);
			owed = 0;
		}
		owed += GAP + (t->columns[i].is_numeric ? 0 : pad);
	}
	bytes_byte(out, '\n');
}

enum rc
table_print_emit(const struct table_print *t, struct bytes *out)
{
	struct rd cells = rd_span(span_bytes(&t->cells));
	size_t row;

	INVARIANT(t->cell_count % t->column_count == 0);
	if (t->cells.failed)
		return RC_NOMEM;
	for (row = 0; row <= t->cell_count / t->column_count; row++) /* the titles first */
		emit_row(t, &cells, out);
	INVARIANT(rd_done(&cells));
	return bytes_rc(out);
}
