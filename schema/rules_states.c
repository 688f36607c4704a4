#include "rules_states.h"

#include <string.h>

#include "rules_dates.h"

#define OLD	(RULES_SEED2018 | RULES_QD1048 | RULES_QD148)	/* with districts */
#define NEW	(RULES_QD1489 | RULES_QD26)			/* without */
#define ALL	RULES_REGIMES_ALL
#define LOCAL	(RULES_PRODUCER | RULES_COMMUNE)
#define PANEL	(RULES_PROVINCE | RULES_COUNCIL)

static const struct rules_transition TRANSITIONS[] = {
	{ "IDEA_DRAFT", "IDEA_SUBMITTED", LOCAL, ALL, false },
	{ "IDEA_SUBMITTED", "IDEA_ACCEPTED", RULES_DISTRICT | RULES_PROVINCE, OLD, false },
	{ "IDEA_SUBMITTED", "IDEA_ACCEPTED", RULES_PROVINCE, NEW, false },
	{ "IDEA_SUBMITTED", "IDEA_RETURNED", RULES_COMMUNE | RULES_DISTRICT | RULES_PROVINCE, OLD, true },
	{ "IDEA_SUBMITTED", "IDEA_RETURNED", RULES_COMMUNE | RULES_PROVINCE, NEW, true },
	{ "IDEA_RETURNED", "IDEA_SUBMITTED", LOCAL, ALL, false },
	{ "IDEA_SUBMITTED", "IDEA_REJECTED", RULES_DISTRICT | RULES_PROVINCE, OLD, true },
	{ "IDEA_SUBMITTED", "IDEA_REJECTED", RULES_PROVINCE, NEW, true },
	{ "IDEA_ACCEPTED", "PLAN_DRAFT", LOCAL, ALL, false },
	{ "PLAN_DRAFT", "PLAN_SUBMITTED", LOCAL, ALL, false },
	{ "PLAN_SUBMITTED", "PLAN_APPROVED", RULES_DISTRICT | RULES_PROVINCE, OLD, false },
	{ "PLAN_SUBMITTED", "PLAN_APPROVED", RULES_PROVINCE, NEW, false },
	{ "PLAN_SUBMITTED", "PLAN_RETURNED", RULES_DISTRICT | RULES_PROVINCE, OLD, true },
	{ "PLAN_SUBMITTED", "PLAN_RETURNED", RULES_PROVINCE, NEW, true },
	{ "PLAN_RETURNED", "PLAN_SUBMITTED", LOCAL, ALL, false },
	{ "PLAN_SUBMITTED", "PLAN_REJECTED", RULES_DISTRICT | RULES_PROVINCE, OLD, true },
	{ "PLAN_SUBMITTED", "PLAN_REJECTED", RULES_PROVINCE, NEW, true },
	{ "PLAN_APPROVED", "IMPLEMENTING", RULES_COMMUNE, ALL, false },
	{ "IMPLEMENTING", "DOSSIER_DRAFT", LOCAL, ALL, false },
	{ "DOSSIER_DRAFT", "DOSSIER_SUBMITTED", LOCAL, ALL, false },
	{ "DOSSIER_SUBMITTED", "COMMUNE_RETURNED", RULES_COMMUNE, ALL, true },
	{ "COMMUNE_RETURNED", "DOSSIER_SUBMITTED", LOCAL, ALL, false },
	{ "DOSSIER_SUBMITTED", "COMMUNE_ASSESSED", RULES_COMMUNE, NEW, false },
	{ "DOSSIER_SUBMITTED", "DISTRICT_SCORED", RULES_DISTRICT | RULES_COUNCIL, OLD, false },
	{ "DISTRICT_SCORED", "RECOGNISED", RULES_DISTRICT, RULES_QD148, false },
	{ "DISTRICT_SCORED", "NOT_RECOGNISED", RULES_DISTRICT, OLD, false },
	{ "DISTRICT_SCORED", "FORWARDED", RULES_DISTRICT, OLD, false },
	{ "COMMUNE_ASSESSED", "FORWARDED", RULES_COMMUNE, NEW, false },
	{ "FORWARDED", "PROVINCE_ACCEPTED", RULES_PROVINCE, ALL, false },
	{ "FORWARDED", "PROVINCE_RETURNED", RULES_PROVINCE, ALL, true },
	{ "PROVINCE_RETURNED", "FORWARDED", RULES_COMMUNE | RULES_DISTRICT, OLD, false },
	{ "PROVINCE_RETURNED", "FORWARDED", RULES_COMMUNE, NEW, false },
	{ "PROVINCE_ACCEPTED", "ADVISORY_REVIEWED", RULES_PROVINCE | RULES_ADVISORY, ALL, false },
	{ "ADVISORY_REVIEWED", "COUNCIL_OPEN", PANEL, ALL, false },
	{ "COUNCIL_OPEN", "ELIMINATED", PANEL, ALL, true },
	{ "COUNCIL_OPEN", "COUNCIL_CLOSED", PANEL, ALL, false },
	{ "COUNCIL_CLOSED", "RECOGNISED", RULES_PROVINCE, ALL, false },
	{ "COUNCIL_CLOSED", "NOT_RECOGNISED", RULES_PROVINCE, ALL, false },
	{ "COUNCIL_CLOSED", "NOMINATED_CENTRAL", RULES_PROVINCE, ALL, false },
	{ "NOMINATED_CENTRAL", "RECOGNISED", RULES_PROVINCE | RULES_CENTRAL, RULES_QD26, false },
	{ "NOMINATED_CENTRAL", "RECOGNISED", RULES_CENTRAL, ALL & ~RULES_QD26, false },
	{ "*", "WITHDRAWN", LOCAL, ALL, true },
};

#define TRANSITIONS_COUNT (sizeof(TRANSITIONS) / sizeof(TRANSITIONS[0]))

static const char *const ENDS[] = {
	"IDEA_REJECTED", "PLAN_REJECTED", "ELIMINATED", "RECOGNISED", "NOT_RECOGNISED", "WITHDRAWN",
};

static const char *const REGIMES[] = { "SEED-2018", "QD1048", "QD148", "QD1489", "QD26" };
static const char *const ROLES[] = {
	"producer", "commune", "district", "province", "advisory", "council", "central",
};

static bool
is_text(struct span s, const char *text)
{
	return span_eq(s, span_str(text));
}

const struct rules_transition *
rules_transitions(size_t *count)
{
	*count = TRANSITIONS_COUNT;
	return TRANSITIONS;
}

const struct rules_transition *
rules_transition_find(struct span from, struct span to, unsigned regime, unsigned role)
{
	for (size_t i = 0; i < TRANSITIONS_COUNT; i++) {
		const struct rules_transition *t = &TRANSITIONS[i];

		if ((t->regimes & regime) == 0 || (t->roles & role) == 0 || !is_text(to, t->to))
			continue;
		if (is_text(from, t->from))
			return t;
		if (strcmp(t->from, "*") == 0 && rules_state_is_known(from) && !rules_state_is_end(from))
			return t;
	}
	return NULL;
}

bool
rules_state_is_known(struct span state)
{
	for (size_t i = 0; i < TRANSITIONS_COUNT; i++)
		if (is_text(state, TRANSITIONS[i].to))
			return true;
	return is_text(state, "IDEA_DRAFT");
}

bool
rules_state_is_end(struct span state)
{
	for (size_t i = 0; i < sizeof(ENDS) / sizeof(ENDS[0]); i++)
		if (is_text(state, ENDS[i]))
			return true;
	return false;
}

bool
rules_state_is_start(struct span state)
{
	return is_text(state, "IDEA_DRAFT") || is_text(state, "IDEA_SUBMITTED") ||
	    is_text(state, "DOSSIER_DRAFT");
}

static unsigned
bit_of(struct span text, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_text(text, names[i]))
			return 1u << i;
	return 0;
}

unsigned
rules_regime_parse(struct span text)
{
	return bit_of(text, REGIMES, sizeof(REGIMES) / sizeof(REGIMES[0]));
}

unsigned
rules_role_parse(struct span text)
{
	return bit_of(text, ROLES, sizeof(ROLES) / sizeof(ROLES[0]));
}

const char *
rules_regime_name(unsigned regime)
{
	for (size_t i = 0; i < sizeof(REGIMES) / sizeof(REGIMES[0]); i++)
		if (regime == 1u << i)
			return REGIMES[i];
	return "unknown";
}

unsigned
rules_regime_on(int32_t day)
{
	static const struct {
		const char *from;
		unsigned regime;
	} since[] = {
		{ "2026-05-22", RULES_QD26 },
		{ "2025-07-06", RULES_QD1489 },
		{ "2023-02-24", RULES_QD148 },
		{ "2019-08-21", RULES_QD1048 },
	};

	for (size_t i = 0; i < sizeof(since) / sizeof(since[0]); i++) {
		int32_t first;

		if (rules_day_parse(span_str(since[i].from), &first) && day >= first)
			return since[i].regime;
	}
	return RULES_SEED2018;
}
