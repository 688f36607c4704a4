#include "csv_write.h"

#include <string.h>

#define BOM "\xEF\xBB\xBF"

void
csv_write_init(struct csv_write *w, struct bytes *out, const struct csv_write_options *options)
{
	INVARIANT(options->separator == ',' || options->separator == ';');
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->options = *options;
	if (options->has_bom)
		bytes_str(out, BOM);
}

/* Either separator is quoted, so that reading finds the right one. */
static bool
needs_quotes(struct span s)
{
	size_t i;

	if (s.n == 0)
		return false;
	if (s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return true;
	if (s.n >= 3 && memcmp(s.p, BOM, 3) == 0)
		return true; /* reading would skip it */
	for (i = 0; i < s.n; i++) {
		if (s.p[i] != '\0' && strchr(",;\"\r\n\t", s.p[i]) != NULL)
			return true;
	}
	return false;
}

/* Digits, at most one point or comma among them, a minus before them or not.  A plus is text: telephone numbers have
 * one, and a spreadsheet would drop it. */
static bool
is_numeric(struct span s)
{
	size_t i = s.n != 0 && s.p[0] == '-' ? 1 : 0;
	size_t digits = 0, points = 0;

	for (; i < s.n; i++) {
		if (s.p[i] >= '0' && s.p[i] <= '9')
			digits++;
		else if ((s.p[i] == '.' || s.p[i] == ',') && digits != 0)
			points++;
		else
			return false;
	}
	return digits != 0 && points <= 1;
}

static bool
starts_formula(struct span s)
{
	return s.n != 0 && s.p[0] != '\0' && strchr("=+-@\t\r", s.p[0]) != NULL;
}

/* The bytes at the start of @s that are apostrophes. */
static size_t
apostrophes(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == '\'')
		n++;
	return n;
}

static bool
needs_guard(struct span s)
{
	size_t n = apostrophes(s);

	return starts_formula(span_of(s.p + n, s.n - n)) && !is_numeric(s);
}

static void
put_quoted(struct bytes *out, const char *prefix, struct span s)
{
	size_t i;

	bytes_byte(out, '"');
	bytes_str(out, prefix);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			bytes_byte(out, '"');
		bytes_byte(out, s.p[i]);
	}
	bytes_byte(out, '"');
}

void
csv_write_field(struct csv_write *w, struct span text)
{
	const char *prefix = w->options.is_guarded && needs_guard(text) ? "'" : "";

	if (w->field_count++ != 0)
		bytes_byte(w->out, (uint8_t)w->options.separator);
	if (text.n == 0)
		return;
	w->has_text = true;
	if (needs_quotes(text)) {
		put_quoted(w->out, prefix, text);
	} else {
		bytes_str(w->out, prefix);
		bytes_put(w->out, text.p, text.n);
	}
}

void
csv_write_cstr(struct csv_write *w, const char *text)
{
	csv_write_field(w, span_str(text == NULL ? "" : text));
}

void
csv_write_row_end(struct csv_write *w)
{
	INVARIANT(w->field_count != 0);
	if (!w->has_text)
		bytes_str(w->out, "\"\""); /* else reading would take it for an empty line */
	bytes_str(w->out, "\r\n");
	w->field_count = 0;
	w->has_text = false;
}

struct span
csv_unguard(struct span text)
{
	size_t n = apostrophes(text);

	if (n != 0 && starts_formula(span_of(text.p + n, text.n - n)))
		return span_of(text.p + 1, text.n - 1);
	return text;
}
