/* schema/rules_council.h - when a council may sit, and when its sheets may be averaged.
 *
 * Provincial practice: 75 % of the members with the chair among them; totals of two members differ by at most 10
 * points, else they discuss and score again.  A council's own regulation may set other figures.
 */
#ifndef SCHEMA_RULES_COUNCIL_H
#define SCHEMA_RULES_COUNCIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_QUORUM_PERCENT	75
#define RULES_SPREAD_MAX	10

struct rules_attendance {
	uint32_t members;	/* seats that score */
	uint32_t present;	/* of them, who came */
	uint32_t percent;	/* needed */
	bool is_chair_present;
};

bool rules_quorum_is_met(const struct rules_attendance *a);

/* Highest less lowest of @totals; 0 when there are none. */
int32_t rules_spread(const int32_t *totals, size_t count);

/* Sum of @totals. */
int64_t rules_sum(const int32_t *totals, size_t count);

/* May a result with average @sum / @count be forwarded under a rule "from @threshold points"? */
bool rules_may_forward(int64_t sum, int64_t count, int64_t threshold);

#endif
