#include "rules_council.h"

bool
rules_quorum_is_met(const struct rules_attendance *a)
{
	return a->is_chair_present && a->members > 0 && a->present <= a->members &&
	    (uint64_t)a->present * 100 >= (uint64_t)a->members * a->percent;
}

int32_t
rules_spread(const int32_t *totals, size_t count)
{
	int32_t lo, hi;

	if (count == 0)
		return 0;
	lo = hi = totals[0];
	for (size_t i = 1; i < count; i++) {
		if (totals[i] < lo)
			lo = totals[i];
		if (totals[i] > hi)
			hi = totals[i];
	}
	return hi - lo;
}

int64_t
rules_sum(const int32_t *totals, size_t count)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += totals[i];
	return sum;
}

bool
rules_may_forward(int64_t sum, int64_t count, int64_t threshold)
{
	return count > 0 && sum >= threshold * count;
}
