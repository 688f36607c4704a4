#include "rules_code.h"

#include <stdio.h>

#define PROVINCE_DIGITS	2
#define DISTRICT_DIGITS	3
#define COMMUNE_DIGITS	5
#define NUMBER_DIGITS	5
#define YEAR_DIGITS	4
#define YEAR_FIRST	2018
#define YEAR_LAST	2999

/* Take @lo to @hi digits from the front of @text. */
static bool
digits_take(struct span *text, size_t lo, size_t hi, uint32_t *out)
{
	size_t n = 0;
	uint32_t v = 0;

	while (n < text->n && n < hi && text->p[n] >= '0' && text->p[n] <= '9')
		v = v * 10 + (uint32_t)(text->p[n++] - '0');
	if (n < lo)
		return false;
	*text = span_of(text->p + n, text->n - n);
	*out = v;
	return true;
}

static bool
dash_take(struct span *text)
{
	if (text->n == 0 || text->p[0] != '-')
		return false;
	*text = span_of(text->p + 1, text->n - 1);
	return true;
}

static bool
tail_take(struct span *text, struct rules_code *c)
{
	if (!digits_take(text, COMMUNE_DIGITS, COMMUNE_DIGITS, &c->commune) || !dash_take(text))
		return false;
	if (text->n == 0 || text->p[0] == '0')
		return false;		/* zeros in front would be a second spelling */
	if (!digits_take(text, 1, NUMBER_DIGITS, &c->number) || !dash_take(text))
		return false;
	return digits_take(text, YEAR_DIGITS, YEAR_DIGITS, &c->year) && text->n == 0 &&
	    c->year >= YEAR_FIRST && c->year <= YEAR_LAST;
}

bool
rules_code_parse(struct span text, struct rules_code *out)
{
	struct rules_code c;

	if (!digits_take(&text, PROVINCE_DIGITS, PROVINCE_DIGITS, &c.province) ||
	    !dash_take(&text) || !tail_take(&text, &c))
		return false;
	*out = c;
	return true;
}

bool
rules_code_text(const struct rules_code *c, char out[RULES_CODE_BYTES])
{
	if (c->province > 99 || c->commune > 99999 || c->number < 1 ||
	    c->number > RULES_CODE_NUMBER_MAX || c->year < YEAR_FIRST || c->year > YEAR_LAST)
		return false;
	snprintf(out, RULES_CODE_BYTES, "%02u-%05u-%u-%04u", c->province, c->commune, c->number,
	    c->year);
	return true;
}

bool
rules_code_is_legacy(struct span text)
{
	struct rules_code c;
	uint32_t district;

	return digits_take(&text, PROVINCE_DIGITS, PROVINCE_DIGITS, &c.province) &&
	    dash_take(&text) && digits_take(&text, DISTRICT_DIGITS, DISTRICT_DIGITS, &district) &&
	    dash_take(&text) && tail_take(&text, &c);
}
