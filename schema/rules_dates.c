#include "rules_dates.h"

#include <string.h>

#define YEAR_MIN	1900
#define YEAR_MAX	9999
#define DAYS_PER_ERA	146097	/* 400 years */
#define DAYS_TO_1970	719468	/* from 0000-03-01 */

struct civil {
	int32_t year;
	int32_t month;		/* 1 to 12 */
	int32_t day;		/* 1 to 31 */
};

static bool
digits_parse(const uint8_t *p, size_t n, int32_t *out)
{
	int32_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return true;
}

static int32_t
month_days(int32_t year, int32_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)))
		return 29;
	return days[month - 1];
}

/* Years are counted from March, so that the leap day is the last of its year. */
static int32_t
day_of_civil(struct civil c)
{
	int32_t year = c.month <= 2 ? c.year - 1 : c.year;
	int32_t era = year / 400;
	int32_t year_of_era = year - era * 400;
	int32_t month = (c.month + 9) % 12;
	int32_t day_of_year = (153 * month + 2) / 5 + c.day - 1;
	int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static struct civil
civil_of_day(int32_t day)
{
	int32_t z = day + DAYS_TO_1970;
	int32_t era = z / DAYS_PER_ERA;
	int32_t day_of_era = z - era * DAYS_PER_ERA;
	int32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
	    day_of_era / 146096) / 365;
	int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int32_t month = (5 * day_of_year + 2) / 153;
	struct civil c;

	c.day = day_of_year - (153 * month + 2) / 5 + 1;
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = year_of_era + era * 400 + (c.month <= 2 ? 1 : 0);
	return c;
}

bool
rules_day_parse(struct span text, int32_t *day)
{
	struct civil c;

	if (text.n != RULES_DAY_TEXT_BYTES - 1 || text.p[4] != '-' || text.p[7] != '-')
		return false;
	if (!digits_parse(text.p, 4, &c.year) || !digits_parse(text.p + 5, 2, &c.month) ||
	    !digits_parse(text.p + 8, 2, &c.day))
		return false;
	if (c.year < YEAR_MIN || c.month < 1 || c.month > 12 || c.day < 1 ||
	    c.day > month_days(c.year, c.month))
		return false;
	*day = day_of_civil(c);
	return true;
}

static void
digits_put(char *out, int n, int32_t v)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		out[i] = (char)('0' + v % 10);
}

void
rules_day_text(int32_t day, char out[RULES_DAY_TEXT_BYTES])
{
	struct civil c = civil_of_day(day);

	INVARIANT(c.year >= 0 && c.year <= YEAR_MAX);
	memcpy(out, "0000-00-00", RULES_DAY_TEXT_BYTES);
	digits_put(out, 4, c.year);
	digits_put(out + 5, 2, c.month);
	digits_put(out + 8, 2, c.day);
}

int32_t
rules_day_add_months(int32_t day, int32_t months)
{
	struct civil c = civil_of_day(day);
	int32_t count = c.year * 12 + (c.month - 1) + months;
	int32_t last;

	c.year = count / 12;
	c.month = count % 12 + 1;
	last = month_days(c.year, c.month);
	if (c.day > last)
		c.day = last;
	return day_of_civil(c);
}

int32_t
rules_certificate_expiry(int32_t day, int32_t months)
{
	return rules_day_add_months(day, months);
}

bool
rules_renewal_is_open(int32_t expiry, int32_t day)
{
	return day >= expiry - RULES_RENEWAL_FROM_DAYS && day <= expiry - RULES_RENEWAL_TO_DAYS;
}

bool
rules_day_is_working(int32_t day, const int32_t *holidays, size_t holidays_count)
{
	int32_t weekday = ((day + 3) % 7 + 7) % 7;	/* 1970-01-01 was a Thursday; 0 = Monday */

	if (weekday >= 5)
		return false;
	for (size_t i = 0; i < holidays_count; i++)
		if (holidays[i] == day)
			return false;
	return true;
}

int32_t
rules_working_deadline(int32_t day, uint32_t count, const int32_t *holidays, size_t holidays_count)
{
	while (count > 0) {
		day++;
		if (rules_day_is_working(day, holidays, holidays_count))
			count--;
	}
	return day;
}

bool
rules_period_is_ok(struct span text)
{
	int32_t year, part;

	if (text.n < 4 || !digits_parse(text.p, 4, &year) || year < YEAR_MIN)
		return false;
	if (text.n == 4)
		return true;
	if (text.n != 7 || text.p[4] != '-')
		return false;
	if (text.p[5] == 'H')
		return text.p[6] == '1' || text.p[6] == '2';
	if (text.p[5] == 'Q')
		return text.p[6] >= '1' && text.p[6] <= '4';
	return digits_parse(text.p + 5, 2, &part) && part >= 1 && part <= 12;
}
