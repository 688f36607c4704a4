/* Covers text_*().
 * Normal and search form of a form are the form itself; a text and its normal form have one search form. */
#include <string.h>

#include "node/text.h"

#define INPUT_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_nfc(struct span s)
{
	struct bytes nfc, again, fold, nfc_fold;
	enum rc rc;

	bytes_init(&nfc);
	bytes_init(&again);
	bytes_init(&fold);
	bytes_init(&nfc_fold);
	rc = text_nfc(s, &nfc);
	INVARIANT(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT);
	if (rc == RC_OK) {
		INVARIANT(text_utf8_check(s, NULL));
		INVARIANT(text_nfc(span_bytes(&nfc), &again) == RC_OK);
		INVARIANT(span_eq(span_bytes(&nfc), span_bytes(&again)));
		INVARIANT(text_fold(s, &fold) == RC_OK);
		INVARIANT(text_fold(span_bytes(&nfc), &nfc_fold) == RC_OK);
		INVARIANT(span_eq(span_bytes(&fold), span_bytes(&nfc_fold)));
	} else {
		INVARIANT(nfc.n == 0);
	}
	bytes_free(&nfc);
	bytes_free(&again);
	bytes_free(&fold);
	bytes_free(&nfc_fold);
}

static void
check_fold(struct span s)
{
	struct bytes fold, again;
	size_t blank;

	bytes_init(&fold);
	bytes_init(&again);
	INVARIANT((text_fold(s, &fold) == RC_OK) == text_utf8_check(s, NULL));
	INVARIANT(text_fold(span_bytes(&fold), &again) == RC_OK);
	INVARIANT(span_eq(span_bytes(&fold), span_bytes(&again)));
	INVARIANT(text_has_words(span_bytes(&fold), span_bytes(&fold)));
	for (blank = 0; blank < fold.n && fold.p[blank] != ' '; blank++)
		;
	INVARIANT(text_has_words(span_bytes(&fold), span_of(fold.p, blank)));
	bytes_free(&fold);
	bytes_free(&again);
}

static void
check_shown(struct span s, size_t columns)
{
	struct bytes shown, again;
	struct span cut;

	bytes_init(&shown);
	bytes_init(&again);
	text_printable(s, &shown);
	INVARIANT(text_utf8_check(span_bytes(&shown), NULL));
	text_printable(span_bytes(&shown), &again);
	INVARIANT(span_eq(span_bytes(&shown), span_bytes(&again)));
	cut = text_cut(span_bytes(&shown), columns);
	INVARIANT(text_width(cut) <= columns);
	INVARIANT(cut.n == shown.n || text_width(span_bytes(&shown)) > columns);
	bytes_free(&shown);
	bytes_free(&again);
}

static void
check_numbers(struct span s)
{
	struct bytes b;
	int64_t v;

	bytes_init(&b);
	if (text_int64(s, &v)) {
		bytes_fmt(&b, "%lld", (long long)v);
		INVARIANT(span_eq(span_bytes(&b), s));
	}
	if (text_date(s))
		INVARIANT(s.n == 10);
	bytes_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span s = span_of(data, size);
	size_t bad_at = 0;

	if (size > INPUT_BYTES_MAX)
		return 0;
	if (!text_utf8_check(s, &bad_at))
		INVARIANT(bad_at < size && text_utf8_check(span_of(data, bad_at), NULL));
	INVARIANT(text_trim(s).n <= size);
	check_nfc(s);
	check_fold(s);
	check_shown(s, size == 0 ? 0 : data[0] % 32);
	check_numbers(s);
	return 0;
}
