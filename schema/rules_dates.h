/* schema/rules_dates.h - the calendar of the regulations.
 *
 * A day is a number: days since 1970-01-01 in the Gregorian calendar, local date, no clock and no zone.  Text is
 * `YYYY-MM-DD`, years 1900 to 9999.  Pure functions; nothing can fail but parsing.
 */
#ifndef SCHEMA_RULES_DATES_H
#define SCHEMA_RULES_DATES_H

#include "sync/mem.h"

#define RULES_DAY_TEXT_BYTES	11	/* with the NUL */
#define RULES_CERTIFICATE_MONTHS 36	/* QĐ 26/2026: how long a recognition lasts */
#define RULES_RENEWAL_FROM_DAYS	180	/* renewal may be filed from so long before expiry */
#define RULES_RENEWAL_TO_DAYS	120	/* and until so long before it */
#define RULES_LATE_DAYS_MAX	180	/* a late filer keeps validity so long past expiry */
#define RULES_COMMUNE_WORKING_DAYS 15	/* for the commune's assessment */

/* The day that @text names; false when it is not a real date in this form. */
bool rules_day_parse(struct span text, int32_t *day);
void rules_day_text(int32_t day, char out[RULES_DAY_TEXT_BYTES]);

/* The same day of the month @months later; where that month is shorter, its last day. */
int32_t rules_day_add_months(int32_t day, int32_t months);

/* Last day of a recognition that counts from @day for @months. */
int32_t rules_certificate_expiry(int32_t day, int32_t months);

/* Is @day in the window in which the renewal of what ends on @expiry is to be filed? */
bool rules_renewal_is_open(int32_t expiry, int32_t day);

/* Monday to Friday and not among the @holidays (any order). */
bool rules_day_is_working(int32_t day, const int32_t *holidays, size_t holidays_count);

/* The @count-th working day after @day, which itself does not count.  @count 0 gives @day.  O(count * holidays). */
int32_t rules_working_deadline(int32_t day, uint32_t count, const int32_t *holidays,
    size_t holidays_count);

/* Is @text a reporting period: 2026, 2026-H1, 2026-Q3 or 2026-07? */
bool rules_period_is_ok(struct span text);

#endif
