#include "text.h"

#include <string.h>
#include <utf8proc.h>

#define CODE_REPLACEMENT 0xFFFD
#define CHAR_BYTES_MAX 4
#define DATE_BYTES 10

size_t
text_char(struct span s, int32_t *code)
{
	utf8proc_ssize_t n;

	if (s.n == 0)
		return 0;
	if (s.p[0] < 0x80) {
		*code = s.p[0];
		return 1;
	}
	n = utf8proc_iterate(
	    s.p, s.n < CHAR_BYTES_MAX ? (utf8proc_ssize_t)s.n : CHAR_BYTES_MAX, code);
	return n < 1 ? 0 : (size_t)n;
}

static struct span
after(struct span s, size_t n)
{
	return span_of(s.p + n, s.n - n);
}

bool
text_utf8_check(struct span s, size_t *bad_at)
{
	struct span rest = s;
	int32_t code;
	size_t n;

	for (; rest.n != 0; rest = after(rest, n)) {
		if ((n = text_char(rest, &code)) == 0) {
			if (bad_at != NULL)
				*bad_at = s.n - rest.n;
			return false;
		}
	}
	return true;
}

static bool
is_control(int32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/* Marks that reorder what stands around them on a screen: a name may not dress up as another one. */
static bool
turns_direction(int32_t code)
{
	return code == 0x200E || code == 0x200F || code == 0x061C ||
	    (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

static void
put_char(struct bytes *out, int32_t code)
{
	uint8_t at[CHAR_BYTES_MAX];

	bytes_put(out, at, (size_t)utf8proc_encode_char(code, at));
}

/* What text_nfc() refuses; *@is_ascii says whether there is anything to normalise. */
static enum rc
storable(struct span s, bool *is_ascii)
{
	unsigned marks = 0;
	int32_t code;
	size_t n;

	*is_ascii = true;
	for (; s.n != 0; s = after(s, n)) {
		if ((n = text_char(s, &code)) == 0)
			return RC_INPUT;
		if (is_control(code) && code != '\n' && code != '\t')
			return RC_INPUT;
		if (code < 0x80) {
			marks = 0;
			continue;
		}
		*is_ascii = false;
		marks = utf8proc_get_property(code)->combining_class == 0 ? 0 : marks + 1;
		if (marks > TEXT_MARKS_MAX)
			return RC_LIMIT;
	}
	return RC_OK;
}

/* The code points of valid @s under @options, in memory that the caller frees and that has room for one more. */
static enum rc
decompose(struct span s, utf8proc_option_t options, int32_t **codes, size_t *count)
{
	utf8proc_ssize_t want, got;

	want = utf8proc_decompose(s.p, (utf8proc_ssize_t)s.n, NULL, 0, options);
	if (want < 0)
		return RC_INPUT;
	if ((*codes = mem_array((size_t)want + 1, sizeof(**codes))) == NULL)
		return RC_NOMEM;
	got = utf8proc_decompose(s.p, (utf8proc_ssize_t)s.n, *codes, want, options);
	INVARIANT(got == want);
	*count = (size_t)got;
	return RC_OK;
}

enum rc
text_nfc(struct span s, struct bytes *out)
{
	utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
	utf8proc_ssize_t n;
	int32_t *codes;
	size_t count;
	bool is_ascii;
	enum rc rc;

	if (s.n > TEXT_BYTES_MAX)
		return RC_LIMIT;
	if ((rc = storable(s, &is_ascii)) != RC_OK)
		return rc;
	if (is_ascii) {
		bytes_put(out, s.p, s.n);
		return bytes_rc(out);
	}
	if ((rc = decompose(s, options, &codes, &count)) != RC_OK)
		return rc;
	n = utf8proc_reencode(codes, (utf8proc_ssize_t)count, options);
	INVARIANT(n >= 0);
	bytes_put(out, codes, (size_t)n);
	mem_free(codes);
	return bytes_rc(out);
}

static bool
is_blank(int32_t code)
{
	utf8proc_category_t category;

	if (is_control(code) || code == ' ')
		return true;
	if (code < 0x80)
		return false;
	category = utf8proc_category(code);
	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
	    category == UTF8PROC_CATEGORY_ZP;
}

/* đ has no decomposition, so that stripping marks leaves it.  Eth and African D stand in for Đ in texts converted
 * from the old Vietnamese fonts. */
static int32_t
without_bar(int32_t code)
{
	return code == 0x0111 || code == 0x00F0 || code == 0x0256 ? 'd' : code;
}

enum rc
text_fold(struct span s, struct bytes *out)
{
	/* Case is taken off after decomposing, so that all forms of a text come to one search form. */
	utf8proc_option_t options =
	    UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE;
	bool gap = false, any = false;
	int32_t *codes;
	size_t count, i;
	enum rc rc;

	if (s.n > TEXT_BYTES_MAX)
		return RC_LIMIT;
	if (!text_utf8_check(s, NULL))
		return RC_INPUT;
	if (s.n == 0)
		return RC_OK;
	if ((rc = decompose(s, options, &codes, &count)) != RC_OK)
		return rc;
	for (i = 0; i < count; i++) {
		if (is_blank(codes[i])) {
			gap = true;
			continue;
		}
		if (utf8proc_category(codes[i]) == UTF8PROC_CATEGORY_CF)
			continue; /* invisible */
		if (gap && any)
			bytes_byte(out, ' ');
		put_char(out, without_bar(utf8proc_tolower(codes[i])));
		gap = false;
		any = true;
	}
	mem_free(codes);
	return bytes_rc(out);
}

static bool
is_alnum(int32_t code)
{
	utf8proc_category_t category = utf8proc_category(code);

	return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
	    (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* Whether a word may begin or end at offset @at of @s: not between two letters or digits. */
static bool
is_boundary(struct span s, size_t at)
{
	size_t before = at;
	int32_t left, right;

	if (at == 0 || at == s.n)
		return true;
	do
		before--;
	while (before != 0 && (s.p[before] & 0xC0) == 0x80);
	if (text_char(span_of(s.p + before, at - before), &left) == 0)
		return true;
	if (text_char(after(s, at), &right) == 0)
		return true;
	return !is_alnum(left) || !is_alnum(right);
}

bool
text_has_words(struct span text, struct span needle)
{
	const uint8_t *hit;
	size_t at;

	if (needle.n == 0)
		return true;
	for (at = 0; at + needle.n <= text.n; at++) {
		hit = memchr(text.p + at, needle.p[0], text.n - needle.n - at + 1);
		if (hit == NULL)
			return false;
		at = (size_t)(hit - text.p);
		if (memcmp(hit, needle.p, needle.n) != 0)
			continue;
		if (is_boundary(text, at) && is_boundary(text, at + needle.n))
			return true;
	}
	return false;
}

void
text_printable(struct span s, struct bytes *out)
{
	int32_t code;
	size_t n;

	for (; s.n != 0; s = after(s, n)) {
		if ((n = text_char(s, &code)) == 0) {
			n = 1;
			put_char(out, CODE_REPLACEMENT);
		} else if (is_control(code) || turns_direction(code) || code == 0x2028 ||
		    code == 0x2029) {
			bytes_byte(out, ' ');
		} else {
			bytes_put(out, s.p, n);
		}
	}
}

/* Columns of the first character of @s, whose bytes go into *@n. */
static size_t
char_width(struct span s, size_t *n)
{
	int32_t code;

	if ((*n = text_char(s, &code)) == 0) {
		*n = 1;
		return 1;
	}
	return (size_t)utf8proc_charwidth(code);
}

size_t
text_width(struct span s)
{
	size_t columns = 0, n;

	for (; s.n != 0; s = after(s, n))
		columns += char_width(s, &n);
	return columns;
}

struct span
text_cut(struct span s, size_t columns_max)
{
	size_t columns = 0, n, width;
	struct span rest;

	for (rest = s; rest.n != 0; rest = after(rest, n)) {
		width = char_width(rest, &n);
		if (columns + width > columns_max)
			break;
		columns += width;
	}
	return span_of(s.p, s.n - rest.n);
}

static bool
is_edge(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
text_trim(struct span s)
{
	while (s.n != 0 && is_edge(s.p[0]))
		s = after(s, 1);
	while (s.n != 0 && is_edge(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
text_int64(struct span s, int64_t *v)
{
	bool is_negative = s.n != 0 && s.p[0] == '-';
	uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	uint64_t sum = 0;
	size_t i = is_negative ? 1 : 0;

	if (i == s.n || (s.p[i] == '0' && s.n != 1))
		return false;
	for (; i < s.n; i++) {
		uint64_t digit = (uint64_t)s.p[i] - '0';

		if (s.p[i] < '0' || s.p[i] > '9' || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	if (is_negative)
		*v = -(int64_t)(sum - 1) - 1; /* sum is not 0: "-0" was refused */
	else
		*v = (int64_t)sum;
	return true;
}

bool
text_date(struct span s)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned number[DATE_BYTES] = { 0 }, year, month, day, last;
	size_t i;

	if (s.n != DATE_BYTES || s.p[4] != '-' || s.p[7] != '-')
		return false;
	for (i = 0; i < DATE_BYTES; i++) {
		if (i == 4 || i == 7)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		number[i] = (unsigned)s.p[i] - '0';
	}
	year = number[0] * 1000 + number[1] * 100 + number[2] * 10 + number[3];
	month = number[5] * 10 + number[6];
	day = number[8] * 10 + number[9];
	if (year == 0 || month < 1 || month > 12)
		return false;
	last = days[month - 1];
	if (month == 2 && (year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)))
		last = 29;
	return day >= 1 && day <= last;
}
