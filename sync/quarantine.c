#include "quarantine.h"

#include "authority.h"
#include "control.h"
#include "credential.h"
#include "merge.h"
#include "release.h"
#include "revocation.h"

#include <string.h>

/* --- the judgement -------------------------------------------------------------------------------- */

/* A stream that begins with its own credential: the founder's, proved by the root key, or a new incarnation's, whose
 * issuer is known, and (@is_in_force) in force. */
static bool
introduces_itself(const struct engine *e, const struct stream *s, const struct commit *c, bool is_in_force)
{
	static const uint8_t none[ORIGIN_BYTES];
	const struct origin_entry *issuer;
	struct credential own;
	size_t i;

	for (i = 0; i < c->ops_count; i++) {
		if (c->ops[i].table != credential_table.number || credential_of_op(&c->ops[i], &own) != RC_OK ||
		    memcmp(own.origin, s->origin, ORIGIN_BYTES) != 0)
			continue;
		if (memcmp(own.issuer, none, ORIGIN_BYTES) == 0)
			return true;
		issuer = origin_find(e, own.issuer);
		return issuer != NULL && (issuer->is_in_force || !is_in_force);
	}
	return false;
}

static bool
revokes_itself(const struct engine *e, const struct stream *s, const struct commit *c)
{
	const struct origin_entry *by = origin_find(e, s->origin);
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if (revocation_is_own(&c->ops[i], by))
			return true;
	return false;
}

/* C5: what decides over others is never lifted; else whoever lacks the right could be given it. */
static bool
decides_over_others(const struct commit *c)
{
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table >= CONTROL_TABLE_MIN)
			return true;
	return false;
}

static enum rc
cut_judge(struct engine *e, const struct stream *s, const struct commit *c, uint64_t seq, enum verdict *out,
    struct diag *why)
{
	const struct revocation *by = NULL;
	bool is_self, is_lifted = false;
	struct diag text;
	enum rc rc;

	if (e->revocations_count == 0)
		return RC_OK;
	is_self = !revokes_itself(e, s, c);	/* or it would take back itself */
	if (revocation_cut(e, s, is_self, &by) >= seq)
		return RC_OK;
	if ((rc = release_lifts_revocation(e, s, seq, is_self, &is_lifted, why)) != RC_OK || is_lifted)
		return rc;
	*out = VERDICT_REVOKED;
	revocation_tell(by, &text);
	(void)diag_fail(why, RC_DENIED, "its node was %s", text.text);
	return RC_OK;
}

enum rc
quarantine_judge(struct engine *e, const struct stream *s, const struct commit *c, uint64_t seq, bool is_formed,
    enum verdict *out, struct diag *why)
{
	const struct origin_entry *author = origin_find(e, s->origin);
	bool is_lifted = false;
	enum rc rc;

	*out = VERDICT_VALID;
	if (author == NULL && !introduces_itself(e, s, c, false)) {
		*out = VERDICT_STRANGER;
		(void)diag_fail(why, RC_DENIED, "its author's credential is not known here");
		return RC_OK;
	}
	if (!is_formed && (rc = authority_form(e, s, c, why)) != RC_OK) {
		*out = rc == RC_DENIED ? VERDICT_BROKEN : VERDICT_DEFERRED;
		return rc == RC_DENIED || rc == RC_CONFLICT ? RC_OK : rc;
	}
	if ((author == NULL || !author->is_in_force) && !introduces_itself(e, s, c, true)) {
		*out = VERDICT_NO_CREDENTIAL;
		(void)diag_fail(why, RC_DENIED, "its author's credential is not in force");
		return RC_OK;
	}
	if ((rc = cut_judge(e, s, c, seq, out, why)) != RC_OK || *out != VERDICT_VALID)
		return rc;
	rc = authority_check(e, s, c, why);
	if (rc == RC_CONFLICT)
		*out = VERDICT_DEFERRED;
	if (rc != RC_DENIED)
		return rc == RC_CONFLICT ? RC_OK : rc;
	*out = decides_over_others(c) ? VERDICT_OVERREACH : VERDICT_RIGHT;
	rc = RC_OK;
	if (*out == VERDICT_RIGHT && (rc = release_lifts_right(e, s, c, seq, &is_lifted, why)) == RC_OK && is_lifted)
		*out = VERDICT_VALID;
	return rc;
}

/* --- the table -------------------------------------------------------------------------------------- */

enum rc
quarantine_get(struct engine *e, uint64_t v, struct quarantine_entry *out, struct diag *d)
{
	static const char sql[] = "SELECT verdict FROM sync_quarantine WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	out->v = v;
	out->verdict = VERDICT_VALID;
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		out->verdict = (enum verdict)sqlite3_column_int(stmt, 0);
	else
		rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading the quarantine", d);
	engine_done(stmt);
	return rc;
}

enum rc
quarantine_has(struct engine *e, uint64_t v, bool *out, struct diag *d)
{
	struct quarantine_entry q;
	enum rc rc = quarantine_get(e, v, &q, d);

	*out = rc == RC_OK;
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc
quarantine_is_empty(struct engine *e, bool *out, struct diag *d)
{
	static const char sql[] = "SELECT 1 FROM sync_quarantine LIMIT 1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	code = sqlite3_step(stmt);
	*out = code == SQLITE_DONE;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading the quarantine", d);
	engine_done(stmt);
	return rc;
}

static enum rc
drop(struct engine *e, uint64_t v, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_quarantine WHERE v = ?1";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	return engine_run(e, stmt, "writing the quarantine", d);
}

enum rc
quarantine_put(struct engine *e, uint64_t v, enum verdict verdict, const struct diag *why, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_quarantine(v, reason, verdict) VALUES(?1, ?2, ?3) "
	    "ON CONFLICT(v) DO UPDATE SET reason = excluded.reason, verdict = excluded.verdict";
	sqlite3_stmt *stmt;
	enum rc rc;

	if (verdict == VERDICT_VALID)
		return drop(e, v, d);
	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	if (value_bind(stmt, 2, value_text(span_str(why->text))) != SQLITE_OK)
		return RC_NOMEM;
	(void)sqlite3_bind_int(stmt, 3, (int)verdict);
	return engine_run(e, stmt, "writing the quarantine", d);
}
