/* How it works: csv_next() reads a row field by field into csv.row.  The first thing wrong with a row is kept while
 * reading goes on to the row's end, so that the next pull starts on a new row.  Only a misplaced quote ends reading.
 */
#include "csv.h"

#include <string.h>

#include "message.h"
#include "sync/cursor.h"
#include "text.h"

/* One row while it is read. */
struct row {
	size_t count; /* fields, kept or not */
	size_t limit; /* fields from here on must be empty */
	bool has_text; /* a field is not empty, or is quoted */
	enum rc rc;
};

enum rc
csv_init(struct csv *c, struct span file, const char *file_name, struct diag *d)
{
	size_t commas = 0, semicolons = 0, i;
	bool is_quoted = false;

	memset(c, 0, sizeof(*c));
	bytes_init(&c->row);
	bytes_init(&c->titles);
	bytes_init(&c->folded);
	c->file_name = file_name;
	c->line = 1;
	if (file.n > CSV_FILE_BYTES_MAX)
		return diag_fail(
		    d, RC_LIMIT, message(MSG_CSV_TOO_LARGE), file_name, CSV_FILE_BYTES_MAX);
	if (file.n >= 3 && memcmp(file.p, "\xEF\xBB\xBF", 3) == 0)
		file = span_of(file.p + 3, file.n - 3);
	for (i = 0; i < file.n && (is_quoted || file.p[i] != '\n'); i++) {
		if (file.p[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && file.p[i] == ',')
			commas++;
		else if (!is_quoted && file.p[i] == ';')
			semicolons++;
	}
	c->separator = semicolons > commas ? ';' : ',';
	c->rest = file;
	return RC_OK;
}

void
csv_fini(struct csv *c)
{
	bytes_free(&c->row);
	bytes_free(&c->titles);
	bytes_free(&c->folded);
}

struct span
csv_title(const struct csv *c, size_t at)
{
	struct rd r = rd_span(span_bytes(&c->titles));
	struct span title = span_str("");
	size_t i;

	for (i = 0; at < c->column_count && i <= at; i++)
		title = rd_blob(&r, CSV_FILE_BYTES_MAX);
	return title;
}

static enum rc
place_fail(const struct csv *c, size_t line, size_t at, const char *why, struct diag *d)
{
	struct span title = csv_title(c, at);

	if (title.n == 0 || title.n > DIAG_BYTES_MAX / 4)
		return diag_fail(d, RC_INPUT, message(MSG_CSV_AT), c->file_name, line, at + 1, why);
	return diag_fail(d, RC_INPUT, message(MSG_CSV_AT_NAMED), c->file_name, line, at + 1,
	    (int)title.n, (const char *)title.p, why);
}

enum rc
csv_field_fail(const struct csv *c, size_t at, const char *why, struct diag *d)
{
	size_t line = at < c->field_count ? c->field[at].line : c->row_line;

	INVARIANT(at != CSV_NONE);
	return place_fail(c, line, at, why, d);
}

/* Something wrong with the row that does not hide where it ends. */
static void
row_fail(const struct csv *c, struct row *row, size_t line, enum message_id why, struct diag *d)
{
	if (row->rc == RC_OK)
		row->rc = place_fail(c, line, row->count, message(why), d);
}

/* Something after which nobody knows where rows end. */
static enum rc
quote_fail(struct csv *c, const struct row *row, size_t line, enum message_id why, struct diag *d)
{
	c->is_broken = true;
	c->field_count = 0;
	return place_fail(c, line, row->count, message(why), d);
}

static void
skip(struct csv *c, size_t n)
{
	c->rest = span_of(c->rest.p + n, c->rest.n - n);
}

static bool
at_line_end(const struct csv *c)
{
	return c->rest.n == 0 || c->rest.p[0] == '\n' ||
	    (c->rest.n >= 2 && c->rest.p[0] == '\r' && c->rest.p[1] == '\n');
}

static bool
at_field_end(const struct csv *c)
{
	return at_line_end(c) || c->rest.p[0] == (uint8_t)c->separator;
}

static enum rc
read_quoted(struct csv *c, const struct row *row, struct diag *d)
{
	size_t line = c->line, start = c->row.n, n;
	const uint8_t *quote;

	skip(c, 1);
	for (;;) {
		quote = c->rest.n == 0 ? NULL : memchr(c->rest.p, '"', c->rest.n);
		if (quote == NULL)
			return quote_fail(c, row, line, MSG_CSV_QUOTE_OPEN, d);
		for (n = 0; c->rest.p + n < quote; n++) {
			if (c->rest.p[n] == '\n') {
				c->line++;
				while (c->row.n > start && c->row.p[c->row.n - 1] == '\r')
					c->row.n--;
			}
			bytes_byte(&c->row, c->rest.p[n]);
		}
		skip(c, n + 1);
		if (at_field_end(c))
			return RC_OK;
		if (c->rest.p[0] != '"')
			return quote_fail(c, row, c->line, MSG_CSV_QUOTE_STRAY, d);
		bytes_byte(&c->row, '"');
		skip(c, 1);
	}
}

static enum rc
read_plain(struct csv *c, struct row *row, struct diag *d)
{
	const uint8_t *start = c->rest.p;

	while (!at_field_end(c)) {
		if (c->rest.p[0] == '"')
			return quote_fail(c, row, c->line, MSG_CSV_QUOTE_STRAY, d);
		if (c->rest.p[0] == '\r')
			row_fail(c, row, c->line, MSG_CSV_RETURN, d);
		skip(c, 1);
	}
	if (c->rest.p != start)
		row->has_text = true;
	bytes_put(&c->row, start, (size_t)(c->rest.p - start));
	return RC_OK;
}

/* Line @line of the file holds the start of the field that begins at @offset of csv.row and is complete. */
static void
keep_field(struct csv *c, struct row *row, size_t offset, size_t line, struct diag *d)
{
	struct span text;

	if (c->row.failed) {
		row->rc = diag_fail(d, RC_NOMEM, "%s", message(MSG_OUT_OF_MEMORY));
		return;
	}
	text = span_of(c->row.p + offset, c->row.n - offset);
	if (text.n != 0 && memchr(text.p, '\0', text.n) != NULL)
		row_fail(c, row, line, MSG_CSV_NUL, d);
	else if (!text_utf8_check(text, NULL))
		row_fail(c, row, line, MSG_CSV_UTF8, d);
	if (row->count < row->limit) {
		c->field[row->count] = (struct csv_slot){ offset, text.n, line };
		c->field_count = row->count + 1;
	} else if (text.n != 0) {
		row_fail(c, row, line, MSG_CSV_FIELDS_MANY, d);
	}
}

static enum rc
read_row(struct csv *c, struct row *row, struct diag *d)
{
	size_t offset, line;
	enum rc rc;

	bytes_clear(&c->row);
	(void)bytes_room(&c->row, 1); /* an address for empty fields */
	c->field_count = 0;
	c->row_line = c->line;
	for (;;) {
		offset = c->row.n;
		line = c->line;
		if (c->rest.n != 0 && c->rest.p[0] == '"') {
			row->has_text = true;
			rc = read_quoted(c, row, d);
		} else {
			rc = read_plain(c, row, d);
		}
		if (rc != RC_OK)
			return rc;
		keep_field(c, row, offset, line, d);
		row->count++;
		if (at_line_end(c))
			break;
		skip(c, 1);
	}
	if (c->rest.n != 0)
		skip(c, c->rest.p[0] == '\r' ? 2 : 1);
	return row->rc;
}

enum rc
csv_next(struct csv *c, bool *is_row, struct diag *d)
{
	struct row row;
	enum rc rc;

	*is_row = false;
	if (c->is_broken)
		return place_fail(c, c->line, 0, message(MSG_CSV_QUOTE_STRAY), d);
	while (c->rest.n != 0) {
		row = (struct row){ .limit =
					c->column_count == 0 ? CSV_FIELDS_MAX : c->column_count };
		rc = read_row(c, &row, d);
		if (rc == RC_OK && row.has_text && row.count < c->column_count)
			rc = place_fail(c, c->line, row.count, message(MSG_CSV_FIELDS_FEW), d);
		if (!c->is_broken)
			c->line++;
		if (rc != RC_OK)
			return rc;
		if (row.has_text) {
			*is_row = true;
			return RC_OK;
		}
	}
	c->field_count = 0;
	return RC_OK;
}

struct span
csv_field(const struct csv *c, size_t at)
{
	if (at >= c->field_count)
		return span_str("");
	return span_of(c->row.p + c->field[at].offset, c->field[at].len);
}

/* Keep the row's fields as titles. */
static enum rc
keep_titles(struct csv *c, struct diag *d)
{
	struct bytes one;
	size_t i;
	enum rc rc = RC_OK;

	bytes_init(&one);
	for (i = 0; i < c->column_count && rc == RC_OK; i++) {
		bytes_clear(&one);
		wr_blob(&c->titles, text_trim(csv_field(c, i)));
		rc = text_fold(csv_field(c, i), &one);
		wr_blob(&c->folded, span_bytes(&one));
	}
	bytes_free(&one);
	if (c->titles.failed || c->folded.failed)
		rc = RC_NOMEM;
	if (rc == RC_NOMEM)
		return diag_fail(d, rc, "%s", message(MSG_OUT_OF_MEMORY));
	return rc == RC_OK ? rc : csv_field_fail(c, i - 1, message(MSG_CSV_COLUMN_UNKNOWN), d);
}

static enum rc
refuse_duplicates(const struct csv *c, struct diag *d)
{
	struct span seen[CSV_FIELDS_MAX];
	struct rd r = rd_span(span_bytes(&c->folded));
	size_t i, j;

	for (i = 0; i < c->column_count; i++) {
		seen[i] = rd_blob(&r, CSV_FILE_BYTES_MAX);
		for (j = 0; j < i; j++) {
			if (span_eq(seen[i], seen[j]))
				return csv_field_fail(c, i, message(MSG_CSV_COLUMN_DUPLICATE), d);
		}
	}
	return RC_OK;
}

static enum rc
match_columns(const struct csv *c, struct csv_column *columns, size_t count, struct diag *d)
{
	bool is_known[CSV_FIELDS_MAX] = { false };
	size_t i;
	enum rc rc;

	for (i = 0; i < count; i++) {
		rc = csv_find(c, columns[i].title, &columns[i].at);
		if (rc == RC_OK)
			is_known[columns[i].at] = true;
		else if (rc != RC_NOTFOUND)
			return diag_fail(d, rc, "%s", message(MSG_OUT_OF_MEMORY));
		else if (columns[i].is_required)
			return diag_fail(d, RC_INPUT, message(MSG_CSV_COLUMN_MISSING), c->file_name,
			    c->row_line, columns[i].title);
	}
	for (i = 0; count != 0 && i < c->column_count; i++) {
		if (!is_known[i])
			return csv_field_fail(c, i, message(MSG_CSV_COLUMN_UNKNOWN), d);
	}
	return RC_OK;
}

enum rc
csv_header(struct csv *c, struct csv_column *columns, size_t count, struct diag *d)
{
	bool is_row;
	enum rc rc;

	INVARIANT(c->column_count == 0);
	if ((rc = csv_next(c, &is_row, d)) != RC_OK)
		return rc;
	if (!is_row)
		return place_fail(c, 1, 0, message(MSG_CSV_EMPTY), d);
	c->column_count = c->field_count;
	while (c->column_count > 1 && csv_field(c, c->column_count - 1).n == 0)
		c->column_count--;
	if ((rc = keep_titles(c, d)) != RC_OK)
		return rc;
	if ((rc = refuse_duplicates(c, d)) != RC_OK)
		return rc;
	return match_columns(c, columns, count, d);
}

enum rc
csv_find(const struct csv *c, const char *title, size_t *at)
{
	struct rd r = rd_span(span_bytes(&c->folded));
	struct bytes wanted;
	size_t i;
	enum rc rc;

	*at = CSV_NONE;
	bytes_init(&wanted);
	rc = text_fold(span_str(title), &wanted);
	for (i = 0; rc == RC_OK && i < c->column_count; i++) {
		if (span_eq(rd_blob(&r, CSV_FILE_BYTES_MAX), span_bytes(&wanted))) {
			*at = i;
			break;
		}
	}
	bytes_free(&wanted);
	return rc == RC_OK && *at == CSV_NONE ? RC_NOTFOUND : rc;
}
