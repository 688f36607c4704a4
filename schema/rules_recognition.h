/* schema/rules_recognition.h - what a product's stars are on a given day.
 *
 * Decisions arrive in any order and are never changed; the standing is worked out from all of them.  They count by
 * (effective day, decision number); a revocation wins over the recognition it names, on the same day as well.  An older
 * decision that arrives late never lowers a newer one.
 */
#ifndef SCHEMA_RULES_RECOGNITION_H
#define SCHEMA_RULES_RECOGNITION_H

#include "sync/mem.h"

#define RULES_DAY_NONE	INT32_MIN	/* no such day */

enum rules_standing_state {
	RULES_UNRECOGNISED,	/* no decision counts yet */
	RULES_ACTIVE,
	RULES_EXPIRING,		/* 180 days or less to go */
	RULES_REEVAL_FILED,	/* renewal filed within the window 180 to 120 days before expiry */
	RULES_EXTENDED,		/* past expiry, renewal filed: at most 180 days */
	RULES_EXPIRED,
	RULES_REVOKED,
	RULES_SUPERSEDED,	/* a later recognition took its place */
};

struct rules_recognition {
	int32_t effective_day;
	int32_t expires_day;	/* last day */
	int32_t stars;
	struct span decision_no;
	int32_t filed_day;	/* when its renewal was filed, RULES_DAY_NONE if it was not */
};

struct rules_revocation {
	size_t recognition;	/* index of the one it names */
	int32_t effective_day;
};

struct rules_standing {
	enum rules_standing_state state;
	size_t recognition;	/* index of the one that counts; meaningless while unrecognised */
	int32_t stars;		/* that may be shown today: 0 when expired, revoked or unrecognised */
};

struct rules_decisions {
	const struct rules_recognition *recognitions;
	size_t recognitions_count;
	const struct rules_revocation *revocations;
	size_t revocations_count;
};

/* The standing of the product on day @today. */
struct rules_standing rules_standing_on(const struct rules_decisions *d, int32_t today);

/* The state of recognition @index on day @today, superseded ones included. */
enum rules_standing_state rules_recognition_state(const struct rules_decisions *d, size_t index,
    int32_t today);

/* "ACTIVE", "EXPIRING" …; static. */
const char *rules_standing_name(enum rules_standing_state state);

#endif
