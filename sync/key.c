#include "key.h"

#include <stdio.h>
#include <string.h>

static const char g_base32[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
key_make(struct key *k, uint64_t ms, uint32_t counter, const uint8_t origin[ORIGIN_SHORT_BYTES])
{
	size_t i;

	for (i = 0; i < 6; i++)
		k->b[i] = (uint8_t)(ms >> (40 - 8 * i));
	for (i = 0; i < 4; i++)
		k->b[6 + i] = (uint8_t)(counter >> (24 - 8 * i));
	memcpy(k->b + 10, origin, ORIGIN_SHORT_BYTES);
}

void
key_format(const uint8_t b[KEY_BYTES], char out[KEY_TEXT_CHARS + 1])
{
	size_t i, bit;

	for (i = 0; i < KEY_TEXT_CHARS; i++) {
		unsigned v = 0;

		/* 130 bits, the first two of which are zero. */
		for (bit = 5 * i; bit < 5 * i + 5; bit++) {
			v <<= 1;
			if (bit >= 2)
				v |= (unsigned)b[(bit - 2) / 8] >> (7 - (bit - 2) % 8) & 1u;
		}
		out[i] = g_base32[v];
	}
	out[KEY_TEXT_CHARS] = '\0';
}

bool
key_parse(struct span text, struct key *out)
{
	size_t i, bit;

	memset(out, 0, sizeof(*out));
	if (text.n != KEY_TEXT_CHARS)
		return false;
	for (i = 0; i < KEY_TEXT_CHARS; i++) {
		int c = text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + ('a' - 'A') : text.p[i];
		const char *at = c == '\0' ? NULL : strchr(g_base32, c);
		unsigned v;

		if (at == NULL)
			return false;
		v = (unsigned)(at - g_base32);
		for (bit = 5 * i; bit < 5 * i + 5; bit++) {
			unsigned set = v >> (4 - (bit - 5 * i)) & 1;

			if (bit >= 2)
				out->b[(bit - 2) / 8] |= (uint8_t)(set << (7 - (bit - 2) % 8));
			else if (set != 0)
				return false;
		}
	}
	return true;
}

uint64_t
key_ms(const uint8_t b[KEY_BYTES])
{
	uint64_t ms = 0;
	size_t i;

	for (i = 0; i < 6; i++)
		ms = ms << 8 | b[i];
	return ms;
}

/* Civil date from days since 1970-01-01, by eras of 400 years. */
static void
civil_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

void
key_time_format(uint64_t ms, char out[TIME_TEXT_CHARS + 1])
{
	const uint64_t last_ms = UINT64_C(253402300799999);	/* 9999-12-31T23:59:59.999Z */
	uint64_t s;
	int year, month, day;
	char text[64];

	if (ms > last_ms)
		ms = last_ms;
	s = ms / 1000;
	civil_of_days((int64_t)(s / 86400), &year, &month, &day);
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02u:%02u:%02u.%03uZ", year, month, day,
	    (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(ms % 1000));
	memcpy(out, text, TIME_TEXT_CHARS);
	out[TIME_TEXT_CHARS] = '\0';
}
