/* Covers csv_*() and csv_write_*().
 * Rows that are taken, written and read again are the same rows, with either separator, guarded or not. */
#include <string.h>

#include "node/csv.h"
#include "node/csv_write.h"
#include "node/text.h"
#include "sync/cursor.h"

#define INPUT_BYTES_MAX 65536
#define ROWS_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_row(const struct csv *c, struct csv_write *w, struct bytes *rows, bool is_guarded)
{
	struct span field;
	size_t i;

	INVARIANT(c->field_count != 0);
	INVARIANT(c->field_count <= CSV_FIELDS_MAX);
	wr_varint(rows, c->field_count);
	for (i = 0; i < c->field_count; i++) {
		field = is_guarded ? csv_unguard(csv_field(c, i)) : csv_field(c, i);
		INVARIANT(text_utf8_check(field, NULL));
		wr_blob(rows, field);
		csv_write_field(w, field);
	}
	csv_write_row_end(w);
}

/* A first line from which the separator can be told, whatever follows. */
static void
write_titles(struct csv_write *w, struct bytes *rows)
{
	csv_write_cstr(w, "title");
	csv_write_cstr(w, "other");
	csv_write_row_end(w);
	wr_varint(rows, 2);
	wr_blob(rows, span_str("title"));
	wr_blob(rows, span_str("other"));
}

/* Read @text, put its rows onto @rows in a form of ours and write them to @out; @is_first: not what we wrote ourselves.
 * Whether all of it was taken. */
static bool
copy(struct span text, bool is_first, const struct csv_write_options *options, struct bytes *rows,
    struct bytes *out)
{
	struct csv_write w;
	struct csv c;
	struct diag d;
	bool is_row = true, is_good = true;
	size_t count = 0;
	enum rc rc;

	diag_init(&d);
	INVARIANT(csv_init(&c, text, "f", &d) == RC_OK);
	csv_write_init(&w, out, options);
	if (is_first)
		write_titles(&w, rows);
	while (is_row || !is_good) {
		rc = csv_next(&c, &is_row, &d);
		INVARIANT(rc == RC_OK || rc == RC_INPUT);
		INVARIANT((rc == RC_OK) == (d.text[0] == '\0'));
		diag_init(&d);
		if (rc != RC_OK)
			is_good = false;
		if (c.is_broken || (rc == RC_OK && !is_row) || ++count == ROWS_MAX)
			break;
		if (rc == RC_OK)
			write_row(&c, &w, rows, !is_first && options->is_guarded);
	}
	csv_fini(&c);
	return is_good && count != ROWS_MAX;
}

static void
read_with_header(struct span text)
{
	struct csv_column columns[] = { { "a", true, 0 }, { "b", false, 0 } };
	struct csv c;
	struct diag d;
	bool is_row;
	size_t i;

	diag_init(&d);
	INVARIANT(csv_init(&c, text, "f", &d) == RC_OK);
	if (csv_header(&c, columns, 2, &d) == RC_OK) {
		INVARIANT(columns[0].at < c.column_count);
		for (i = 0; i < ROWS_MAX && csv_next(&c, &is_row, &d) == RC_OK && is_row; i++)
			INVARIANT(c.field_count == c.column_count);
	}
	csv_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csv_write_options options = { ',', false, false };
	struct bytes rows, rows_again, out, out_again;

	if (size == 0 || size > INPUT_BYTES_MAX)
		return 0;
	options.separator = (data[0] & 1) != 0 ? ';' : ',';
	options.has_bom = (data[0] & 2) != 0;
	options.is_guarded = (data[0] & 4) != 0;
	bytes_init(&rows);
	bytes_init(&rows_again);
	bytes_init(&out);
	bytes_init(&out_again);
	read_with_header(span_of(data + 1, size - 1));
	(void)copy(span_of(data + 1, size - 1), true, &options, &rows, &out);
	INVARIANT(copy(span_bytes(&out), false, &options, &rows_again, &out_again));
	INVARIANT(span_eq(span_bytes(&rows), span_bytes(&rows_again)));
	INVARIANT(span_eq(span_bytes(&out), span_bytes(&out_again)));
	bytes_free(&rows);
	bytes_free(&rows_again);
	bytes_free(&out);
	bytes_free(&out_again);
	return 0;
}
