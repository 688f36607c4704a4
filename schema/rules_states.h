/* schema/rules_states.h - the states of a product in a cycle, and who may move it under which regime.
 *
 * One constant table holds every transition.  A transition is valid when it stands there for the regime of the dossier
 * and for the role in which it was decided.  Who holds a role is not asked here.
 */
#ifndef SCHEMA_RULES_STATES_H
#define SCHEMA_RULES_STATES_H

#include "sync/mem.h"

enum rules_regime {
	RULES_SEED2018 = 1 << 0,
	RULES_QD1048 = 1 << 1,
	RULES_QD148 = 1 << 2,
	RULES_QD1489 = 1 << 3,
	RULES_QD26 = 1 << 4,
	RULES_REGIMES_ALL = (1 << 5) - 1,
};

enum rules_role {
	RULES_PRODUCER = 1 << 0,
	RULES_COMMUNE = 1 << 1,
	RULES_DISTRICT = 1 << 2,
	RULES_PROVINCE = 1 << 3,
	RULES_ADVISORY = 1 << 4,
	RULES_COUNCIL = 1 << 5,
	RULES_CENTRAL = 1 << 6,
	RULES_ROLES_ALL = (1 << 7) - 1,
};

struct rules_transition {
	const char *from;	/* "*" = any state that is not an end */
	const char *to;
	unsigned roles;		/* enum rules_role */
	unsigned regimes;	/* enum rules_regime */
	bool needs_reason;
};

/* The table, for pages and tests. */
const struct rules_transition *rules_transitions(size_t *count);

/* The row of the table for @from to @to that stands for @regime and allows @role; NULL when there is none.
 * RULES_REGIMES_ALL and RULES_ROLES_ALL ask for any. */
const struct rules_transition *rules_transition_find(struct span from, struct span to, unsigned regime,
    unsigned role);

bool rules_state_is_known(struct span state);
bool rules_state_is_end(struct span state);
/* May a product's way begin here?  Upgrades and re-evaluations begin with the dossier. */
bool rules_state_is_start(struct span state);

/* By its key ("QD26") or role name ("commune"); 0 when unknown. */
unsigned rules_regime_parse(struct span text);
unsigned rules_role_parse(struct span text);
const char *rules_regime_name(unsigned regime);

/* The regime that new dossiers of @day fall under. */
unsigned rules_regime_on(int32_t day);

#endif
