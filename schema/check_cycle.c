/* The state machine at work: may this step be recorded?
 *
 * Where a product stands is counted, not remembered: every event enters one state and leaves another, so a product is
 * in the states that were entered more often than left.  That holds in whatever order events of several offices
 * arrived, and shows two concurrent steps as two states.
 */
#include <sqlite3.h>

#include "check.h"
#include "check_row.h"
#include "sync/statements.h"
#include "rules_dates.h"
#include "rules_states.h"

#define STATE_BYTES 33

static const char SQL_EVENT[] =
    "SELECT e.date, e.from_state, e.to_state, e.reason, e.actor_role,"
    " coalesce((SELECT regime FROM dossier WHERE id = e.dossier), e.regime),"
    " e.dossier IS NULL, EXISTS (SELECT 1 FROM dossier_snapshot WHERE dossier = e.dossier)"
    " FROM cycle_event e WHERE e.id = ?1";

static const char SQL_STANDING[] =
    "WITH o AS (SELECT p.from_state AS f, p.to_state AS t FROM cycle_event e JOIN cycle_event p"
    " ON p.product = e.product AND p.cycle IS e.cycle AND p.id <> e.id WHERE e.id = ?1),"
    " s AS (SELECT t AS state, 1 AS n FROM o UNION ALL SELECT f, -1 FROM o WHERE f IS NOT NULL)"
    " SELECT state FROM s GROUP BY state HAVING sum(n) > 0 ORDER BY state";

enum {
	EVENT_DATE, EVENT_FROM, EVENT_TO, EVENT_REASON, EVENT_ROLE, EVENT_REGIME, EVENT_NO_DOSSIER, EVENT_FROZEN
};

/* Where the product stands without the event that is judged. */
struct standing {
	bool is_anywhere;	/* it is in some state */
	bool is_ended;		/* and every one of them is an end */
	bool is_in_from;
	bool is_in_to;
	char state[STATE_BYTES];	/* one of them, for the message */
};

static enum rc
standing_read(struct statements *rules, struct span key, struct span from, struct span to, struct standing *out,
    struct diag *d)
{
	struct sqlite3_stmt *stmt;
	enum rc rc = check_row_read(rules, SQL_STANDING, key, CHECK_KEY_BLOB, &stmt, d);
	int code = SQLITE_ROW;

	*out = (struct standing){ .is_ended = true };
	while (rc == RC_OK && stmt != NULL && code == SQLITE_ROW) {
		struct span state = check_row_text(stmt, 0);

		out->is_anywhere = true;
		out->is_in_from |= span_eq(state, from);
		out->is_in_to |= span_eq(state, to);
		if (!rules_state_is_end(state))
			out->is_ended = false;
		sqlite3_snprintf(STATE_BYTES, out->state, "%.*s", (int)state.n, (const char *)state.p);
		code = sqlite3_step(stmt);
	}
	if (rc == RC_OK && stmt != NULL && code != SQLITE_DONE)
		rc = diag_fail(d, RC_DISK, "cycle_event cannot be checked: %s", sqlite3_errmsg(rules->db));
	statements_done(stmt);
	return rc;
}

/* The dossier's regime, else the one on the row, else that of the day, else today's law.  A regime that this program
 * does not know is judged by none. */
static unsigned
regime_of(struct sqlite3_stmt *stmt)
{
	unsigned regime;
	int32_t day;

	if (!check_row_is_null(stmt, EVENT_REGIME)) {
		regime = rules_regime_parse(check_row_text(stmt, EVENT_REGIME));
		return regime == 0 ? (unsigned)RULES_REGIMES_ALL : regime;
	}
	if (rules_day_parse(check_row_text(stmt, EVENT_DATE), &day))
		return rules_regime_on(day);
	return RULES_QD26;
}

static enum rc
names_check(struct span from, struct span to, struct diag *d)
{
	if (!rules_state_is_known(to))
		return diag_fail(d, RC_INPUT, "cycle_event.to_state: there is no state \"%.*s\"; the states are "
		    "listed in schema/SCHEMA.md", (int)to.n, (const char *)to.p);
	if (from.n != 0 && !rules_state_is_known(from))
		return diag_fail(d, RC_INPUT, "cycle_event.from_state: there is no state \"%.*s\"; the states "
		    "are listed in schema/SCHEMA.md", (int)from.n, (const char *)from.p);
	return RC_OK;
}

static enum rc
standing_check(const struct standing *s, struct span from, struct span to, struct diag *d)
{
	if (s->is_in_to && !s->is_in_from)
		return diag_fail(d, RC_CONFLICT, "cycle_event: the product is in %.*s already, by an earlier "
		    "event; nothing is left to record", (int)to.n, (const char *)to.p);
	if (!s->is_anywhere || s->is_in_from)
		return RC_OK;
	if (s->is_ended && rules_state_is_start(from.n == 0 ? to : from))
		return RC_OK;		/* the next way through the cycle */
	if (from.n == 0)
		return diag_fail(d, RC_INPUT, "cycle_event.from_state is missing; the product is in %s",
		    s->state);
	return diag_fail(d, RC_CONFLICT, "cycle_event.from_state: the product is not in %.*s but in %s; read its "
	    "events again", (int)from.n, (const char *)from.p, s->state);
}

static enum rc
table_check(struct sqlite3_stmt *stmt, struct span from, struct span to, struct diag *d)
{
	unsigned regime = regime_of(stmt);
	unsigned role = check_row_is_null(stmt, EVENT_ROLE) ? (unsigned)RULES_ROLES_ALL
	    : rules_role_parse(check_row_text(stmt, EVENT_ROLE));
	const struct rules_transition *t = rules_transition_find(from, to, regime, role);

	if (t == NULL && rules_transition_find(from, to, regime, RULES_ROLES_ALL) != NULL)
		return diag_fail(d, RC_DENIED, "cycle_event: under %s the step from %.*s to %.*s is not for the "
		    "role \"%s\"; the office whose decision it is records it", rules_regime_name(regime),
		    (int)from.n, (const char *)from.p, (int)to.n, (const char *)to.p,
		    (const char *)sqlite3_column_text(stmt, EVENT_ROLE));
	if (t == NULL)
		return diag_fail(d, RC_INPUT, "cycle_event: under %s no step leads from %.*s to %.*s; "
		    "schema/SCHEMA.md lists the steps", rules_regime_name(regime), (int)from.n,
		    (const char *)from.p, (int)to.n, (const char *)to.p);
	if (t->needs_reason && check_row_text(stmt, EVENT_REASON).n == 0)
		return diag_fail(d, RC_INPUT, "cycle_event.reason: %s needs one; say why", t->to);
	return RC_OK;
}

/* What is submitted is frozen first: nobody may work on a text that changes under the hand. */
static enum rc
snapshot_check(struct sqlite3_stmt *stmt, struct span to, struct diag *d)
{
	if (!span_eq(to, span_str("DOSSIER_SUBMITTED")))
		return RC_OK;
	if (sqlite3_column_int(stmt, EVENT_NO_DOSSIER) != 0)
		return diag_fail(d, RC_INPUT, "cycle_event.dossier is missing; name the dossier that is submitted");
	if (sqlite3_column_int(stmt, EVENT_FROZEN) == 0)
		return diag_fail(d, RC_CONFLICT, "cycle_event: the dossier has no snapshot; save its "
		    "dossier_snapshot before, or together with, the submission");
	return RC_OK;
}

enum rc
check_cycle_transition(struct statements *rules, struct span key, bool is_insert, struct diag *d)
{
	static const char *const dates[] = { "cycle_event.date", NULL };
	struct sqlite3_stmt *stmt;
	struct standing standing;
	struct span from, to;
	enum rc rc = check_row_read(rules, SQL_EVENT, key, CHECK_KEY_BLOB, &stmt, d);

	(void)is_insert;
	if (rc != RC_OK || stmt == NULL)
		goto out;
	from = check_row_text(stmt, EVENT_FROM);
	to = check_row_text(stmt, EVENT_TO);
	if ((rc = check_row_dates(stmt, dates, d)) != RC_OK ||
	    (rc = names_check(from, to, d)) != RC_OK ||
	    (rc = standing_read(rules, key, from, to, &standing, d)) != RC_OK ||
	    (rc = standing_check(&standing, from, to, d)) != RC_OK)
		goto out;
	if (from.n == 0 && !rules_state_is_start(to))
		rc = diag_fail(d, RC_INPUT, "cycle_event.from_state is missing; only IDEA_DRAFT, IDEA_SUBMITTED and "
		    "DOSSIER_DRAFT are entered from nowhere");
	else if (from.n != 0)
		rc = table_check(stmt, from, to, d);
	if (rc == RC_OK)
		rc = snapshot_check(stmt, to, d);
out:
	statements_done(stmt);
	return rc;
}
