/* node/text.h - text where it enters and leaves: encoding, normal form, search form, width, strict numbers and dates.
 *
 * Stored text is UTF-8 in NFC without control characters other than line feed and tab.  Searching compares folded
 * text, in which case, tone and vowel marks and the bar of đ are gone.  Only text_fold() output goes into
 * text_has_words().
 *
 * Functions that take @out append to it; when they fail with RC_INPUT or RC_LIMIT nothing was appended.
 * Limits: text_nfc() and text_fold() take TEXT_BYTES_MAX bytes; text_nfc() takes TEXT_MARKS_MAX combining marks in a
 * row (ordering them costs the square of their number).
 */
#ifndef NODE_TEXT_H
#define NODE_TEXT_H

#include "sync/mem.h"

#define TEXT_BYTES_MAX ((size_t)4 << 20)
#define TEXT_MARKS_MAX 30

/* Bytes of the character at the start of @s, which goes into *@code; 0 when @s is empty or does not start with valid
 * UTF-8 (overlong forms, surrogates and values beyond U+10FFFF are invalid). */
size_t text_char(struct span s, int32_t *code);

/* Whether all of @s is valid UTF-8; if not, *@bad_at is the offset of the first byte that is not.  @bad_at may be
 * NULL. */
bool text_utf8_check(struct span s, size_t *bad_at);

/* Append @s in NFC.  RC_INPUT: invalid UTF-8, NUL or another control character that text may not hold. */
RC_CHECK enum rc text_nfc(struct span s, struct bytes *out);

/* Append the search form of @s: compatibility forms resolved, lower case, marks and invisible characters dropped,
 * đ as d, every run of blanks and control characters as one blank, none at the ends.  RC_INPUT: invalid UTF-8. */
RC_CHECK enum rc text_fold(struct span s, struct bytes *out);

/* Whether @needle stands in @text with no letter or digit run on at either end of it.  Both folded.  An empty @needle
 * stands everywhere.  Worst cost is the product of the lengths. */
bool text_has_words(struct span text, struct span needle);

/* Append @s as a terminal may show it: control and direction-changing characters become blanks, bytes that are not
 * UTF-8 become U+FFFD. */
void text_printable(struct span s, struct bytes *out);

/* Columns @s takes on a terminal: combining marks 0, wide characters 2, an invalid byte 1. */
size_t text_width(struct span s);

/* The longest start of @s that takes at most @columns_max columns, whole characters with their marks. */
struct span text_cut(struct span s, size_t columns_max);

/* @s without blanks, tabs, CR and LF at its ends. */
struct span text_trim(struct span s);

/* Strict decimal: an optional minus, digits without leading zeros, within int64; no blank, no plus, no "-0".  *@v is
 * written only on success. */
RC_CHECK bool text_int64(struct span s, int64_t *v);

/* Whether @s is YYYY-MM-DD and names a day of the calendar, from 0001-01-01 on. */
RC_CHECK bool text_date(struct span s);

#endif
