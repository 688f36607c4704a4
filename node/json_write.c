#include "json_write.h"

#include <inttypes.h>
#include <string.h>

#include "text.h"

void
json_write_init(struct json_write *w, struct bytes *out, bool is_pretty)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
	w->is_pretty = is_pretty;
}

enum rc
json_write_end(struct json_write *w)
{
	INVARIANT(w->depth == 0);
	INVARIANT(w->level[0].has_items);
	return bytes_rc(w->out);
}

static void
new_line(struct json_write *w)
{
	unsigned i;

	if (!w->is_pretty)
		return;
	bytes_byte(w->out, '\n');
	for (i = 0; i < w->depth; i++)
		bytes_str(w->out, "  ");
}

/* Before an item of an array, a member name, or the document. */
static void
item_begin(struct json_write *w)
{
	if (w->level[w->depth].has_items) {
		INVARIANT(w->depth != 0);
		bytes_byte(w->out, ',');
	}
	w->level[w->depth].has_items = true;
	if (w->depth != 0)
		new_line(w);
}

static void
value_begin(struct json_write *w)
{
	if (w->level[w->depth].is_object) {
		INVARIANT(w->has_key);
		w->has_key = false;
	} else {
		item_begin(w);
	}
}

static void
list_begin(struct json_write *w, bool is_object)
{
	value_begin(w);
	INVARIANT(w->depth < JSON_WRITE_DEPTH_MAX);
	w->depth++;
	w->level[w->depth].is_object = is_object;
	w->level[w->depth].has_items = false;
	bytes_byte(w->out, is_object ? '{' : '[');
}

static void
list_end(struct json_write *w, bool is_object)
{
	bool had_items = w->level[w->depth].has_items;

	INVARIANT(w->depth != 0);
	INVARIANT(w->level[w->depth].is_object == is_object);
	INVARIANT(!w->has_key);
	w->depth--;
	if (had_items)
		new_line(w);
	bytes_byte(w->out, is_object ? '}' : ']');
}

void
json_write_object(struct json_write *w)
{
	list_begin(w, true);
}

void
json_write_object_end(struct json_write *w)
{
	list_end(w, true);
}

void
json_write_array(struct json_write *w)
{
	list_begin(w, false);
}

void
json_write_array_end(struct json_write *w)
{
	list_end(w, false);
}

static void
put_escape(struct bytes *out, uint8_t c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* each followed by its letter */
	size_t i;

	for (i = 0; letters[i] != '\0'; i += 2) {
		if (letters[i] == (char)c) {
			bytes_byte(out, '\\');
			bytes_byte(out, (uint8_t)letters[i + 1]);
			return;
		}
	}
	bytes_fmt(out, "\\u%04x", (unsigned)c);
}

static void
put_quoted(struct bytes *out, struct span s)
{
	size_t plain = 0, n; /* bytes at the start of @s that go out as they are */
	int32_t code;

	bytes_byte(out, '"');
	while (plain < s.n) {
		n = text_char(span_of(s.p + plain, s.n - plain), &code);
		if (n != 0 && code >= 0x20 && code != '"' && code != '\\') {
			plain += n;
			continue;
		}
		bytes_put(out, s.p, plain);
		if (n == 0)
			bytes_str(out, "\xEF\xBF\xBD");
		else
			put_escape(out, s.p[plain]);
		s = span_of(s.p + plain + 1, s.n - plain - 1);
		plain = 0;
	}
	bytes_put(out, s.p, plain);
	bytes_byte(out, '"');
}

void
json_write_key_span(struct json_write *w, struct span name)
{
	INVARIANT(w->level[w->depth].is_object);
	INVARIANT(!w->has_key);
	item_begin(w);
	put_quoted(w->out, name);
	bytes_str(w->out, w->is_pretty ? ": " : ":");
	w->has_key = true;
}

void
json_write_key(struct json_write *w, const char *name)
{
	json_write_key_span(w, span_str(name));
}

void
json_write_string(struct json_write *w, struct span text)
{
	value_begin(w);
	put_quoted(w->out, text);
}

void
json_write_cstr(struct json_write *w, const char *text)
{
	if (text == NULL)
		json_write_null(w);
	else
		json_write_string(w, span_str(text));
}

void
json_write_int64(struct json_write *w, int64_t v)
{
	value_begin(w);
	bytes_fmt(w->out, "%" PRId64, v);
}

void
json_write_uint64(struct json_write *w, uint64_t v)
{
	value_begin(w);
	bytes_fmt(w->out, "%" PRIu64, v);
}

void
json_write_fixed(struct json_write *w, int64_t v, unsigned decimals)
{
	uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, unit = 1;
	unsigned i;

	INVARIANT(decimals <= JSON_WRITE_DECIMALS_MAX);
	for (i = 0; i < decimals; i++)
		unit *= 10;
	value_begin(w);
	bytes_fmt(w->out, "%s%" PRIu64, v < 0 ? "-" : "", size / unit);
	if (decimals != 0)
		bytes_fmt(w->out, ".%0*" PRIu64, (int)decimals, size % unit);
}

void
json_write_bool(struct json_write *w, bool v)
{
	value_begin(w);
	bytes_str(w->out, v ? "true" : "false");
}

void
json_write_null(struct json_write *w)
{
	value_begin(w);
	bytes_str(w->out, "null");
}

void
json_write_raw(struct json_write *w, struct span json)
{
	value_begin(w);
	bytes_put(w->out, json.p, json.n);
}
