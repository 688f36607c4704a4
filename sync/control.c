#include "control.h"

#include "control_judge.h"
#include "credential.h"
#include "rank.h"
#include "release.h"
#include "revocation.h"

#include <string.h>

static const struct catalogue_table *
units_table(const struct engine *e)
{
	return catalogue_table_find(&e->catalogue, span_str(e->catalogue.unit_table));
}

static bool
is_decision(const struct commit_op *op)
{
	return op->table == revocation_table.number || op->table == release_table.number;
}

bool
control_touches(const struct engine *e, const struct stream *s, const struct commit *c)
{
	uint16_t units;
	size_t i;

	if (s->unit != e->root_unit || s->reach != REACH_DOWN)
		return false;
	units = units_table(e)->number;
	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table == units || c->ops[i].table == credential_table.number || is_decision(&c->ops[i]))
			return true;
	return false;
}

/* --- into memory ------------------------------------------------------------------------------------- */

static struct origin_claim
claim_of(const struct engine *e, const uint8_t *origin, uint64_t hlc)
{
	const struct origin_entry *by = origin_find(e, origin);
	struct origin_claim claim = { .is_any = true, .hlc = hlc };

	claim.level = by == NULL ? LEVEL_NONE : by->level_known;
	memcpy(claim.by, origin, ORIGIN_BYTES);
	return claim;
}

static enum rc
credentials_take(struct engine *e, const uint8_t *origin, const struct commit *c, bool is_in_force)
{
	struct origin_claim claim = claim_of(e, origin, c->hlc);
	struct credential cred;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < c->ops_count && rc == RC_OK; i++) {
		if (c->ops[i].table != credential_table.number || credential_of_op(&c->ops[i], &cred) != RC_OK)
			continue;
		rc = is_in_force ? origin_enforce(e, &cred, &claim) : origin_know(e, &cred, &claim);
	}
	return rc;
}

enum rc
control_know(struct engine *e, const uint8_t origin[ORIGIN_BYTES], const struct commit *c)
{
	return credentials_take(e, origin, c, false);
}

enum rc
control_take(struct engine *e, const uint8_t origin[ORIGIN_BYTES], const struct commit *c, uint64_t v)
{
	const struct catalogue_table *units = units_table(e);
	int at = catalogue_column_find(units, span_str(e->catalogue.unit_parent_column));
	unsigned parent = units->columns[at].number;
	enum rc rc = credentials_take(e, origin, c, true);
	size_t i;

	for (i = 0; i < c->ops_count && rc == RC_OK; i++) {
		const struct commit_op *op = &c->ops[i];
		const struct value *up = op->table == units->number ? commit_op_value(op, parent) : NULL;

		if (up != NULL && up->type == VALUE_TEXT && up->s.n > 0)
			rc = unit_edge_add(e, op->key, up->s);
		else if (op->table == revocation_table.number)
			rc = revocation_take(e, op, origin, v, c->hlc);
		else if (op->table == release_table.number)
			rc = release_take(e, op, origin);
	}
	return rc;
}

void
control_clear(struct engine *e)
{
	revocation_clear(e);
	release_clear(e);
	unit_edges_clear(e);
}

enum rc
control_each(struct engine *e, control_fn fn, void *ctx, struct diag *d)
{
	/* Prepared for each walk: a reader has its own, and walks are rare. */
	static const char sql[] = "SELECT c.v, l.body, s.origin, q.verdict FROM sync_control c "
	    "JOIN sync_log l ON l.v = c.v JOIN sync_stream s ON s.sid = c.v >> 24 "
	    "LEFT JOIN sync_quarantine q ON q.v = c.v ORDER BY c.v";
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);

	_Static_assert(STREAM_SEQ_BITS == 24, "the SQL above takes versions apart");
	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading control rows", d);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct value origin = value_of_column(stmt, 2);

		if (origin.s.n != ORIGIN_BYTES)
			rc = diag_fail(d, RC_CORRUPT, "the list of streams is damaged");
		else
			rc = fn(ctx, (uint64_t)sqlite3_column_int64(stmt, 0), origin.s.p,
			    (enum verdict)sqlite3_column_int(stmt, 3), value_of_column(stmt, 1).s);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading control rows", d);
	sqlite3_finalize(stmt);
	return rc;
}

struct loading {
	struct engine *e;
	struct diag *d;
	bool is_taking;			/* second walk: what is valid; first: credentials that are proved */
};

static enum rc
load_step(void *ctx, uint64_t v, const uint8_t *origin, enum verdict verdict, struct span body)
{
	struct loading *l = ctx;
	struct commit c;
	enum rc rc;

	if (l->is_taking ? verdict != VERDICT_VALID
	    : verdict == VERDICT_BROKEN || verdict == VERDICT_DEFERRED || verdict == VERDICT_STRANGER)
		return RC_OK;
	rc = commit_parse(&c, body, origin, VERSION_SEQ(v), l->d);
	if (rc != RC_OK)
		return rc == RC_PEER ? RC_CORRUPT : rc;
	rc = l->is_taking ? control_take(l->e, origin, &c, v) : control_know(l->e, origin, &c);
	commit_free(&c);
	return rc;
}

enum rc
control_load(struct engine *e, struct diag *d)
{
	struct loading l = { e, d, false };
	enum rc rc = origin_clear(e, d);

	control_clear(e);
	/* Twice, because a credential may stand before its issuer's: what a claim is worth is known the second time. */
	if (rc == RC_OK && (rc = control_each(e, load_step, &l, d)) == RC_OK)
		rc = control_each(e, load_step, &l, d);
	rank_refresh(e);
	l.is_taking = true;
	return rc == RC_OK ? control_each(e, load_step, &l, d) : rc;
}

/* --- something came ------------------------------------------------------------------------------------- */

static enum rc
note(struct engine *e, uint64_t v, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_control(v) VALUES(?1)";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)v);
	return engine_run(e, stmt, "noting a control row", d);
}

enum rc
control_written(struct engine *e, const struct stream *s, const struct commit *c, uint64_t v, enum verdict verdict,
    struct diag *d)
{
	bool is_empty, is_plain = verdict == VERDICT_VALID && !e->is_control_due && e->revocations_count == 0 &&
	    e->releases_count == 0;
	enum rc rc;
	size_t i;

	if (!control_touches(e, s, c))
		return RC_OK;
	if ((rc = note(e, v, d)) != RC_OK || (rc = quarantine_is_empty(e, &is_empty, d)) != RC_OK)
		return rc;
	for (i = 0; i < c->ops_count; i++)
		is_plain = is_plain && !is_decision(&c->ops[i]);
	if (!is_plain || !is_empty) {
		e->is_control_due = true;
		return RC_OK;
	}
	return control_take(e, s->origin, c, v);
}

enum rc
control_forget(struct engine *e, uint64_t from, uint64_t to, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_control WHERE v BETWEEN ?1 AND ?2";
	sqlite3_stmt *stmt;
	enum rc rc = engine_stmt(e, sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)to);
	rc = engine_run(e, stmt, "forgetting control rows", d);
	if (rc == RC_OK && sqlite3_changes(e->db) > 0)
		e->is_control_due = true;
	return rc;
}

enum rc
control_follow(struct engine *e, struct diag *d)
{
	if (!e->is_control_due)
		return RC_OK;
	e->is_control_due = false;
	return control_judge_all(e, d);
}

enum rc
control_grow(struct engine *e, struct diag *d)
{
	static const char version_sql[] = "PRAGMA user_version";
	char sql[64];
	sqlite3_stmt *stmt;
	int64_t version = 0;
	enum rc rc = engine_stmt(e, version_sql, &stmt, d);

	if (rc != RC_OK)
		return rc;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int64(stmt, 0);
	engine_done(stmt);
	if (version >= (int64_t)e->catalogue.version)
		return RC_OK;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	(void)sqlite3_snprintf(sizeof(sql), sql, "PRAGMA user_version=%u", e->catalogue.version);
	save_guard(e, false);
	rc = control_judge_all(e, d);
	save_guard(e, true);
	e->v_now = 0;
	if (rc == RC_OK && (rc = engine_exec(e, sql, d)) == RC_OK)
		return engine_commit_tx(e, d);
	engine_rollback(e);
	return rc;
}
