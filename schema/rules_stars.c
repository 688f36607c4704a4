#include "rules_stars.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sync/rc.h"

bool
rules_points_are_allowed(const struct rules_criterion *c, int32_t points)
{
	if (points == 0 || points == RULES_POINTS_NONE)
		return true;
	if (points < 0 || points > c->max)
		return false;
	if (c->kind == RULES_POINTS)
		return true;
	if (c->kind == RULES_YES_NO)
		return points == c->max;
	for (size_t i = 0; i < c->options_count; i++)
		if (c->options[i].points == points)
			return true;
	return false;
}

size_t
rules_sheet_total(const struct rules_criterion *criteria, const int32_t *points, size_t count,
    const int32_t part_max[RULES_PARTS], struct rules_total *out)
{
	int32_t section_sum = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		const struct rules_criterion *c = &criteria[i];

		if (i > 0 && (c->section != c[-1].section || c->part != c[-1].part))
			section_sum = 0;
		if (c->part >= RULES_PARTS || !rules_points_are_allowed(c, points[i]))
			return i;
		if (points[i] == RULES_POINTS_NONE)
			continue;
		section_sum += points[i];
		out->parts[c->part] += points[i];
		out->total += points[i];
		if (section_sum > c->section_max || out->parts[c->part] > part_max[c->part])
			return i;
	}
	return count;
}

int32_t
rules_band(int64_t sum, int64_t count)
{
	INVARIANT(count > 0);
	if (sum >= 90 * count)
		return 5;
	if (sum >= 70 * count)
		return 4;
	if (sum >= 50 * count)
		return 3;
	return sum >= 30 * count ? 2 : 1;
}

/* Does @points meet the highest-marked option of @c among those marked @star or less? */
static bool
gate_is_met(const struct rules_criterion *c, int32_t points, int32_t star)
{
	const struct rules_option *least = NULL;

	for (size_t i = 0; i < c->options_count; i++) {
		const struct rules_option *o = &c->options[i];

		if (o->min_for_star == 0 || o->min_for_star > star)
			continue;
		if (least == NULL || o->min_for_star > least->min_for_star ||
		    (o->min_for_star == least->min_for_star && o->points < least->points))
			least = o;
	}
	return least == NULL || points >= least->points;
}

int32_t
rules_gate(const struct rules_criterion *criteria, const int32_t *points, size_t count)
{
	for (int32_t star = 5; star >= RULES_STARS_CERTIFIED; star--) {
		size_t met = 0;

		while (met < count && gate_is_met(&criteria[met], points[met], star))
			met++;
		if (met == count)
			return star;
	}
	return RULES_GATE_NONE;
}

int32_t
rules_stars(int32_t band, int32_t gate, bool is_eliminated)
{
	int32_t cap = gate == RULES_GATE_NONE ? RULES_STARS_CERTIFIED - 1 : gate;

	if (is_eliminated)
		return 0;
	return band < cap ? band : cap;
}

void
rules_average_text(int64_t sum, int64_t count, char out[RULES_AVERAGE_BYTES])
{
	int64_t cents;

	INVARIANT(count > 0);
	INVARIANT(sum >= 0);
	cents = sum * 100 / count;
	snprintf(out, RULES_AVERAGE_BYTES, "%" PRId64 ".%02d", cents / 100, (int)(cents % 100));
}
