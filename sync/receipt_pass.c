/* Receipts on their way down the tree (W33): to a peer goes what speaks of units that it holds, signed by nodes at its
 * own level or above, ours among them; oldest first, so that one number says what it has. */
#include "receipt_impl.h"

#include "engine_impl.h"
#include "exchange_impl.h"
#include "revocation.h"

#include <string.h>

static const char SQL_ABOVE[] = "SELECT n, holder, unit, bytes FROM sync_receipt WHERE n > ?1 ORDER BY n";

static bool
is_relevant(struct engine *e, const struct peer *p, struct span holder, struct span unit)
{
	const struct origin_entry *of;
	unit_id u = unit_find(e, unit);

	if (holder.n != ORIGIN_BYTES || u == UNIT_NONE || !receipt_is_for(e, p, u))
		return false;
	/* What an earlier incarnation of ours held, this one perhaps does not. */
	if (memcmp(holder.p, e->self.origin, ORIGIN_BYTES) == 0)
		return true;
	of = origin_find(e, holder.p);
	return of != NULL && memcmp(of->pubkey, e->self.pubkey, PUBKEY_BYTES) != 0 &&
	    revocation_of(e, of->pubkey) == NULL &&
	    memcmp(of->pubkey, p->pubkey, PUBKEY_BYTES) != 0 && unit_is_within(e, p->unit, of->unit);
}

enum rc
receipt_gather(struct engine *e, struct peer *p, struct bytes *out, uint64_t *upto, struct diag *d)
{
	struct receipt_state *state;
	sqlite3_stmt *stmt;
	size_t begin = out->n;
	unsigned count = 0;
	int code = SQLITE_DONE;
	enum rc rc;

	*upto = 0;
	if ((rc = receipt_state_load(e, &state, d)) != RC_OK || p->belief.receipts >= state->newest ||
	    (rc = engine_stmt(e, SQL_ABOVE, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)p->belief.receipts);
	while (count < RECEIPTS_SENT_MAX && out->n - begin < RECEIPTS_SENT_BYTES_MAX &&
	    (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span bytes = value_of_column(stmt, 3).s;

		if (!is_relevant(e, p, value_of_column(stmt, 1).s, value_of_column(stmt, 2).s))
			continue;
		bytes_put(out, bytes.p, bytes.n);
		*upto = (uint64_t)sqlite3_column_int64(stmt, 0);
		count++;
	}
	rc = engine_sqlite_rc(e, code, "reading receipts", d);
	engine_done(stmt);
	if (rc == RC_OK && count == 0)
		p->belief.receipts = state->newest;	/* not to be looked through again */
	return rc == RC_OK ? bytes_rc(out) : rc;
}

bool
receipt_is_unsent(struct engine *e, const struct peer *p)
{
	struct receipt_state *state;

	return receipt_state_load(e, &state, NULL) == RC_OK && state->newest > p->belief.receipts;
}

bool
receipt_waits(struct engine *e, struct peer *p)
{
	struct receipt_state *state;
	sqlite3_stmt *stmt;
	bool waits = false;

	if (receipt_state_load(e, &state, NULL) != RC_OK)
		return false;
	if (p->receipts_sent < p->belief.receipts)
		p->receipts_sent = p->belief.receipts;
	if (p->receipts_sent >= state->newest || engine_stmt(e, SQL_ABOVE, &stmt, NULL) != RC_OK)
		return false;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)p->receipts_sent);
	while (!waits && sqlite3_step(stmt) == SQLITE_ROW)
		waits = is_relevant(e, p, value_of_column(stmt, 1).s, value_of_column(stmt, 2).s);
	engine_done(stmt);
	if (!waits)
		p->receipts_sent = state->newest;
	return waits;
}
