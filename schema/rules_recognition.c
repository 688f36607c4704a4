#include "rules_recognition.h"

#include "rules_dates.h"

static int
recognition_cmp(const struct rules_recognition *a, const struct rules_recognition *b)
{
	if (a->effective_day != b->effective_day)
		return a->effective_day < b->effective_day ? -1 : 1;
	return span_cmp(a->decision_no, b->decision_no);
}

/* Two rows of the same decision are one: what is revoked of one is revoked of both. */
static bool
is_revoked(const struct rules_decisions *d, size_t index, int32_t today)
{
	for (size_t i = 0; i < d->revocations_count; i++) {
		const struct rules_revocation *r = &d->revocations[i];

		if (r->effective_day > today || r->recognition >= d->recognitions_count)
			continue;
		if (r->recognition == index ||
		    recognition_cmp(&d->recognitions[r->recognition], &d->recognitions[index]) == 0)
			return true;
	}
	return false;
}

static enum rules_standing_state
state_by_calendar(const struct rules_recognition *r, int32_t today)
{
	bool is_filed = r->filed_day != RULES_DAY_NONE && r->filed_day <= today;

	if (today > r->expires_day) {
		if (is_filed && today <= r->expires_day + RULES_LATE_DAYS_MAX)
			return RULES_EXTENDED;
		return RULES_EXPIRED;
	}
	if (is_filed && rules_renewal_is_open(r->expires_day, r->filed_day))
		return RULES_REEVAL_FILED;
	if (today >= r->expires_day - RULES_RENEWAL_FROM_DAYS)
		return RULES_EXPIRING;
	return RULES_ACTIVE;
}

/* Index of the newest recognition in force by @today, or the count when there is none. */
static size_t
newest(const struct rules_decisions *d, int32_t today)
{
	size_t best = d->recognitions_count;

	for (size_t i = 0; i < d->recognitions_count; i++) {
		const struct rules_recognition *r = &d->recognitions[i];

		if (r->effective_day > today)
			continue;
		if (best == d->recognitions_count || recognition_cmp(r, &d->recognitions[best]) > 0)
			best = i;
	}
	return best;
}

enum rules_standing_state
rules_recognition_state(const struct rules_decisions *d, size_t index, int32_t today)
{
	const struct rules_recognition *r;
	size_t best = newest(d, today);

	INVARIANT(index < d->recognitions_count);
	r = &d->recognitions[index];
	if (r->effective_day > today)
		return RULES_UNRECOGNISED;
	if (is_revoked(d, index, today))
		return RULES_REVOKED;
	if (recognition_cmp(r, &d->recognitions[best]) != 0)
		return RULES_SUPERSEDED;
	return state_by_calendar(r, today);
}

struct rules_standing
rules_standing_on(const struct rules_decisions *d, int32_t today)
{
	struct rules_standing s = { .state = RULES_UNRECOGNISED };
	size_t best = newest(d, today);

	if (best == d->recognitions_count)
		return s;
	s.recognition = best;
	s.state = rules_recognition_state(d, best, today);
	if (s.state != RULES_EXPIRED && s.state != RULES_REVOKED)
		s.stars = d->recognitions[best].stars;
	return s;
}

const char *
rules_standing_name(enum rules_standing_state state)
{
	static const char *const names[] = {
		"UNRECOGNISED", "ACTIVE", "EXPIRING", "REEVAL_FILED", "EXTENDED", "EXPIRED",
		"REVOKED", "SUPERSEDED",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == RULES_SUPERSEDED + 1, "a name each");
	return (unsigned)state <= RULES_SUPERSEDED ? names[state] : "unknown";
}
