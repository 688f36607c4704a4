/* schema/rules_stars.h - from points to stars, exactly.
 *
 *   band   what the average gives: 5 from 90, 4 from 70, 3 from 50, 2 from 30, else 1
 *   gate   highest of 5, 4, 3 whose minimum options are all met; RULES_GATE_NONE when not even those for 3 are
 *   stars  the lower of both; a product that fails the gates for 3 stars has at most 2
 *
 * Averages stay fractions (integer sum, integer count) and are never rounded before they are compared: 89.99… is 4
 * stars, however it is shown.
 */
#ifndef SCHEMA_RULES_STARS_H
#define SCHEMA_RULES_STARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_STARS_CERTIFIED	3	/* from here on there is a decision and a certificate */
#define RULES_GATE_NONE		0
#define RULES_POINTS_NONE	(-1)	/* no option chosen: worth 0, and no gate is met by it */
#define RULES_PARTS		3
#define RULES_AVERAGE_BYTES	24	/* text of an average, with the NUL */

enum rules_kind {
	RULES_OPTIONS,		/* one of the options' points */
	RULES_YES_NO,		/* 0 or max */
	RULES_POINTS,		/* anything from 0 to max */
};

struct rules_option {
	int32_t points;
	int32_t min_for_star;	/* 3, 4, 5: the least option for so many stars; 0 = no mark */
};

/* One scored line of a form.  Lines of a section stand together. */
struct rules_criterion {
	enum rules_kind kind;
	uint32_t part;			/* 0 to RULES_PARTS - 1 */
	uint32_t section;		/* equal for the lines of one section */
	int32_t section_max;
	int32_t max;
	const struct rules_option *options;
	size_t options_count;
};

struct rules_total {
	int32_t parts[RULES_PARTS];
	int32_t total;
};

/* May @points be given?  0 and RULES_POINTS_NONE always may. */
bool rules_points_are_allowed(const struct rules_criterion *c, int32_t points);

/* Add up one sheet: @points[i] for @criteria[i].  Returns @count when all is well, else the index of the first line
 * whose points are not allowed or take its section beyond section_max or its part beyond @part_max. */
size_t rules_sheet_total(const struct rules_criterion *criteria, const int32_t *points, size_t count,
    const int32_t part_max[RULES_PARTS], struct rules_total *out);

/* Stars by the average @sum / @count; @count > 0 and 0 <= @sum <= 100 * @count. */
int32_t rules_band(int64_t sum, int64_t count);

/* Stars that the minimum options allow. */
int32_t rules_gate(const struct rules_criterion *criteria, const int32_t *points, size_t count);

/* What comes out; 0 when eliminated. */
int32_t rules_stars(int32_t band, int32_t gate, bool is_eliminated);

/* The average to two decimals, cut and not rounded: "89.99". */
void rules_average_text(int64_t sum, int64_t count, char out[RULES_AVERAGE_BYTES]);

#endif
