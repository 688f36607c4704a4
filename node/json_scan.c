/* The grammar of RFC 8259, without recursion: scan_value() reads up to the end of a value or, when it opens an array or
 * an object, up to the first value within; scan_after_value() closes what is to be closed and reads up to the next
 * value.  The text ends in a NUL, which nothing in the grammar takes, so that looking one byte ahead is always safe.
 */
#include "json_scan.h"

#include <string.h>

#include "json_read.h"
#include "text.h"

struct scan {
	const char *at; /* the offending byte, once why is set */
	const char *end; /* a NUL stands here */
	size_t nodes;
	unsigned depth;
	bool is_object[JSON_DEPTH_MAX]; /* by depth */
	enum rc rc;
	enum message_id why;
};

static bool
scan_fail(struct scan *s, const char *at, enum rc rc, enum message_id why)
{
	s->at = at;
	s->rc = rc;
	s->why = why;
	return false;
}

enum rc
json_scan_fail(const char *text, const char *at, enum rc rc, enum message_id why, struct diag *d)
{
	size_t line = 1, column = 1;
	const char *p;

	for (p = text; p < at; p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xC0) != 0x80) {
			column++;
		}
	}
	return diag_fail(d, rc, message(MSG_JSON_AT), line, column, message(why));
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
scan_blanks(struct scan *s)
{
	while (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')
		s->at++;
}

static bool
scan_digits(struct scan *s)
{
	if (!is_digit(*s->at))
		return scan_fail(s, s->at, RC_INPUT, MSG_JSON_NUMBER);
	while (is_digit(*s->at))
		s->at++;
	return true;
}

static bool
scan_number(struct scan *s)
{
	const char *start = s->at;

	if (*s->at == '-')
		s->at++;
	if (s->at[0] == '0' && is_digit(s->at[1]))
		return scan_fail(s, s->at, RC_INPUT, MSG_JSON_NUMBER);
	if (!scan_digits(s))
		return false;
	if (*s->at == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (*s->at == 'e' || *s->at == 'E') {
		s->at++;
		if (*s->at == '+' || *s->at == '-')
			s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (s->at - start > JSON_NUMBER_BYTES_MAX)
		return scan_fail(s, start, RC_LIMIT, MSG_JSON_NUMBER_LONG);
	return true;
}

/* The value of the four hexadecimal digits at @p, or -1. */
static int
hex4(const char *p)
{
	int v = 0, i;

	for (i = 0; i < 4; i++) {
		if (is_digit(p[i]))
			v = v * 16 + (p[i] - '0');
		else if ((p[i] >= 'a' && p[i] <= 'f') || (p[i] >= 'A' && p[i] <= 'F'))
			v = v * 16 + ((p[i] | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* After the backslash and the u. */
static bool
scan_unicode_escape(struct scan *s)
{
	const char *start = s->at - 2;
	int high = hex4(s->at), low;

	if (high < 0)
		return scan_fail(s, start, RC_INPUT, MSG_JSON_ESCAPE);
	if (high == 0)
		return scan_fail(s, start, RC_INPUT, MSG_JSON_NUL);
	s->at += 4;
	if (high < 0xD800 || high > 0xDFFF)
		return true;
	low = high < 0xDC00 && s->at[0] == '\\' && s->at[1] == 'u' ? hex4(s->at + 2) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return scan_fail(s, start, RC_INPUT, MSG_JSON_SURROGATE);
	s->at += 6;
	return true;
}

static bool
scan_string(struct scan *s)
{
	const char *start = s->at++;

	while (*s->at != '"') {
		if (s->at == s->end)
			return scan_fail(s, start, RC_INPUT, MSG_JSON_STRING);
		if ((unsigned char)*s->at < 0x20)
			return scan_fail(s, s->at, RC_INPUT, MSG_JSON_CONTROL);
		if (*s->at++ != '\\')
			continue;
		if (*s->at == 'u') {
			s->at++;
			if (!scan_unicode_escape(s))
				return false;
		} else if (*s->at != '\0' && strchr("\"\\/bfnrt", *s->at) != NULL) {
			s->at++;
		} else {
			return scan_fail(s, s->at - 1, RC_INPUT, MSG_JSON_ESCAPE);
		}
	}
	s->at++;
	return true;
}

static bool
scan_key(struct scan *s)
{
	scan_blanks(s);
	if (*s->at != '"')
		return scan_fail(s, s->at, RC_INPUT, MSG_JSON_KEY);
	if (!scan_string(s))
		return false;
	scan_blanks(s);
	if (*s->at != ':')
		return scan_fail(s, s->at, RC_INPUT, MSG_JSON_COLON);
	s->at++;
	return true;
}

/* An opening bracket; *@is_empty when it is closed at once.  Else an object is read up to its first value. */
static bool
scan_open(struct scan *s, bool *is_empty)
{
	bool is_object = *s->at == '{';

	if (s->depth == JSON_DEPTH_MAX)
		return scan_fail(s, s->at, RC_LIMIT, MSG_JSON_DEPTH);
	s->at++;
	scan_blanks(s);
	*is_empty = *s->at == (is_object ? '}' : ']');
	if (*is_empty) {
		s->at++;
		return true;
	}
	s->is_object[s->depth++] = is_object;
	return is_object ? scan_key(s) : true;
}

/* A value up to its end, or up to the first value within it: then *@is_open. */
static bool
scan_value(struct scan *s, bool *is_open)
{
	static const char *const words[] = { "true", "false", "null" };
	bool is_empty;
	size_t i;

	*is_open = false;
	scan_blanks(s);
	if (++s->nodes > JSON_NODES_MAX)
		return scan_fail(s, s->at, RC_LIMIT, MSG_JSON_NODES);
	if (*s->at == '{' || *s->at == '[') {
		if (!scan_open(s, &is_empty))
			return false;
		*is_open = !is_empty;
		return true;
	}
	if (*s->at == '"')
		return scan_string(s);
	if (*s->at == '-' || is_digit(*s->at))
		return scan_number(s);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(s->at, words[i], strlen(words[i])) == 0) {
			s->at += strlen(words[i]);
			return true;
		}
	}
	return scan_fail(s, s->at, RC_INPUT, MSG_JSON_VALUE);
}

/* What follows a value: closing brackets, then a comma up to the next value; *@is_end when nothing is open any more. */
static bool
scan_after_value(struct scan *s, bool *is_end)
{
	*is_end = false;
	for (;;) {
		scan_blanks(s);
		if (s->depth == 0) {
			*is_end = true;
			return s->at == s->end || scan_fail(s, s->at, RC_INPUT, MSG_JSON_TRAILING);
		}
		if (*s->at == ',') {
			s->at++;
			return s->is_object[s->depth - 1] ? scan_key(s) : true;
		}
		if (*s->at != (s->is_object[s->depth - 1] ? '}' : ']'))
			return scan_fail(s, s->at, RC_INPUT, MSG_JSON_COMMA);
		s->at++;
		s->depth--;
	}
}

static bool
scan_document(struct scan *s)
{
	bool is_open, is_end = false;

	if (s->end - s->at >= 3 && memcmp(s->at, "\xEF\xBB\xBF", 3) == 0)
		return scan_fail(s, s->at, RC_INPUT, MSG_JSON_BOM);
	while (!is_end) {
		if (!scan_value(s, &is_open))
			return false;
		if (!is_open && !scan_after_value(s, &is_end))
			return false;
	}
	return true;
}

enum rc
json_scan(const char *text, size_t len, struct diag *d)
{
	struct scan s = { .at = text, .end = text + len };
	size_t bad_at;

	if (!text_utf8_check(span_of(text, len), &bad_at))
		return json_scan_fail(text, text + bad_at, RC_INPUT, MSG_JSON_UTF8, d);
	if (!scan_document(&s))
		return json_scan_fail(text, s.at, s.rc, s.why, d);
	return RC_OK;
}
