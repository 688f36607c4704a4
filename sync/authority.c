#include "authority.h"

#include "credential.h"
#include "merge.h"
#include "row.h"

#include <string.h>

static bool
is_insertion(const struct commit_op *op)
{
	return op->kind == COMMIT_INSERT || op->kind == COMMIT_REINSERT;
}

/* The owner of a row is whom its insertion names; the column never changes hands, so that a row which stands tells. */
static enum rc
standing_owner(struct engine *e, const struct catalogue_table *t, struct span key, int at, struct bytes *owner,
    struct diag *why)
{
	struct value values[COLUMNS_MAX];
	struct table_plan *p;
	uint64_t v;
	enum rc rc = row_plan_of(e, t, &p, why);

	if (rc != RC_OK || (rc = row_get(e, p, key, values, &v, why)) != RC_OK)
		return rc;
	bytes_put(owner, values[at].s.p, values[at].s.n);
	row_get_done(p);
	return bytes_rc(owner);
}

static enum rc
row_owner(struct engine *e, const struct stream *s, const struct commit *c, const struct catalogue_table *t,
    const struct commit_op *op, struct bytes *owner, struct diag *why)
{
	int at = catalogue_column_find(t, span_str(t->owner_column));
	const struct value *named;
	struct merge_set set;
	uint64_t *heads;
	size_t i;
	enum rc rc = RC_OK;

	if (op->owner != NULL && op->kind != COMMIT_REINSERT) {
		bytes_put(owner, op->owner->p, op->owner->n);
		return bytes_rc(owner);
	}
	if (op->kind == COMMIT_UPDATE && !t->has_text_key &&
	    (rc = standing_owner(e, t, op->key, at, owner, why)) != RC_NOTFOUND)
		return rc;
	rc = RC_OK;
	if (op->kind == COMMIT_INSERT) {
		named = commit_op_value(op, t->columns[at].number);
		if (named != NULL)
			bytes_put(owner, named->s.p, named->s.n);
		return bytes_rc(owner);
	}
	if ((heads = mem_array(op->prevs_count, sizeof(*heads))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < op->prevs_count && rc == RC_OK; i++)
		rc = merge_prev_version(e, s, c, &op->prevs[i], &heads[i], why);
	if (rc == RC_OK)
		rc = merge_gather(e, t, op->key, heads, op->prevs_count, &set, why);
	mem_free(heads);
	if (rc != RC_OK)
		return rc;
	for (i = 0; i < set.count; i++)
		if (set.versions[i].is_valid && is_insertion(set.versions[i].op) &&
		    (named = commit_op_value(set.versions[i].op, t->columns[at].number)) != NULL) {
			bytes_clear(owner);
			bytes_put(owner, named->s.p, named->s.n);
		}
	merge_set_free(&set);
	return bytes_rc(owner);
}

static bool
touches_owned(const struct catalogue_table *t, const struct commit_op *op)
{
	size_t i;
	int at;

	if (op->kind != COMMIT_UPDATE)
		return true;
	for (i = 0; i < op->columns_count; i++)
		if ((at = catalogue_column_numbered(t, op->columns[i])) >= 0 &&
		    (t->columns[at].policy == POLICY_OWNER ||
		    (t->owner_column != NULL && strcmp(t->columns[at].name, t->owner_column) == 0)))
			return true;
	return false;
}

static enum rc
owner_check(struct engine *e, const struct stream *s, const struct commit *c, const struct catalogue_table *t,
    const struct commit_op *op, struct diag *why)
{
	struct bytes owner;
	enum rc rc = RC_OK;

	if (t->owner == OWNER_NONE || !touches_owned(t, op))
		return RC_OK;
#ifdef BUG_P7_NO_OWNER_CHECK
	return RC_OK;
#endif
	if (t->owner == OWNER_UNIT) {
		if (s->origin_unit == s->unit)
			return RC_OK;
		return diag_fail(why, RC_DENIED, "only unit %.*s itself may write its rows of %s",
		    (int)unit_key(e, s->unit).n, (const char *)unit_key(e, s->unit).p, t->name);
	}
	bytes_init(&owner);
	rc = row_owner(e, s, c, t, op, &owner, why);
	if (rc == RC_OK && op->kind == COMMIT_REINSERT) {	/* whoever puts it back is and stays its owner */
		const struct value *named = commit_op_value(op,
		    t->columns[catalogue_column_find(t, span_str(t->owner_column))].number);

		if (!span_eq(named == NULL ? span_str("") : named->s, c->author))
			bytes_byte(&owner, 0);
	}
	if (rc == RC_OK && !span_eq(span_bytes(&owner), c->author))
		rc = diag_fail(why, RC_DENIED, "only the person named as %s of a row of %s may write it",
		    t->owner_column, t->name);
	bytes_free(&owner);
	return rc;
}

/* Which columns an op writes, and whether the author's level is high enough for each. */
static enum rc
columns_check(struct engine *e, const struct stream *s, const struct catalogue_table *t, const struct commit_op *op,
    struct diag *why)
{
	size_t i;
	int at;

	for (i = 0; i < op->columns_count; i++) {
		const struct catalogue_column *col;

		if ((at = catalogue_column_numbered(t, op->columns[i])) < 0)
			return diag_fail(why, RC_CONFLICT, "column %u of %s is not known to this version",
			    op->columns[i], t->name);
		col = &t->columns[at];
		if (col->level_min > s->level && (op->kind == COMMIT_UPDATE || op->values[i].type != VALUE_NULL))
			return diag_fail(why, RC_DENIED, "%s.%s is written by the %s or above", t->name, col->name,
			    catalogue_level_name(col->level_min));
		if (op->kind == COMMIT_UPDATE && (col->policy == POLICY_APPEND ||
		    (t->owner == OWNER_AUTHOR && strcmp(t->owner_column, col->name) == 0)))
			return diag_fail(why, RC_DENIED, "%s.%s is never changed once it stands", t->name, col->name);
		if (t->scope == SCOPE_COLUMN && strcmp(col->name, t->scope_column) == 0 &&
		    (op->values[i].type != VALUE_TEXT || !span_eq(op->values[i].s, unit_key(e, s->unit))))
			return diag_fail(why, RC_DENIED, "a row of %s is addressed to one unit for good", t->name);
		if (op->values[i].type != VALUE_NULL &&
		    (col->type == COLUMN_INTEGER) != (op->values[i].type == VALUE_INT))
			return diag_fail(why, RC_DENIED, "%s.%s has a value of the wrong type", t->name, col->name);
		if (op->values[i].type != VALUE_NULL && col->type != COLUMN_INTEGER &&
		    (col->type == COLUMN_BLOB || col->type == COLUMN_KEY) != (op->values[i].type == VALUE_BLOB))
			return diag_fail(why, RC_DENIED, "%s.%s has a value of the wrong type", t->name, col->name);
	}
	return RC_OK;
}

/* A credential row must be what its name says, proved by the node whose commit this is. */
static enum rc
node_check(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
{
	const struct origin_entry *issuer = origin_find(e, s->origin);
	struct credential c;
	unit_id u;

	if (op->kind != COMMIT_INSERT || credential_of_op(op, &c) != RC_OK)
		return diag_fail(why, RC_DENIED, "a credential is malformed");
	if (memcmp(c.origin, s->origin, ORIGIN_BYTES) == 0)	/* the founder's own: signed by the root key */
		return credential_proof_ok(&c, e->self.root_pubkey) ? RC_OK
		    : diag_fail(why, RC_DENIED, "a credential is not signed by the root key");
	if (issuer == NULL || memcmp(c.issuer, s->origin, ORIGIN_BYTES) != 0 ||
	    !credential_proof_ok(&c, issuer->pubkey))
		return diag_fail(why, RC_DENIED, "a credential is not signed by the node that saved it");
	u = unit_intern(e, span_str(c.unit));
	if (u == UNIT_NONE)
		return RC_NOMEM;
	if (!unit_was_within(e, u, issuer->unit) || c.level > issuer->level)
		return diag_fail(why, RC_DENIED, "a credential for a unit that its issuer is not above");
	return RC_OK;
}

static enum rc
op_check(struct engine *e, const struct stream *s, const struct commit *c, const struct commit_op *op,
    struct diag *why)
{
	const struct catalogue_table *t = catalogue_table_numbered(&e->catalogue, op->table);
	enum rc rc;

	if (t == NULL)
		return diag_fail(why, RC_CONFLICT, "table %u is not known to this version", op->table);
	if (t->has_text_key != op->has_text_key || t->reach != s->reach)
		return diag_fail(why, RC_DENIED, "a row of %s in a stream of the wrong kind", t->name);
	if (t->scope == SCOPE_ROOT && s->unit != e->root_unit)
		return diag_fail(why, RC_DENIED, "rows of %s are addressed to the root", t->name);
	if (t->is_insert_only && op->kind != COMMIT_INSERT)
		return diag_fail(why, RC_DENIED, "rows of %s are never changed once they stand", t->name);
	if (t == &credential_table)
		return node_check(e, s, op, why);
	if (t->level_min > s->level)
		return diag_fail(why, RC_DENIED, "%s is written by the %s or above", t->name,
		    catalogue_level_name(t->level_min));
	/* By the tree as it ever was: what was right when it was written stays right after its unit moved, wherever
	 * the news of the move came first.  (Its author had seen the tree that made it right, so we have, too.) */
	if (!unit_was_within(e, s->unit, s->origin_unit))
		return diag_fail(why, RC_DENIED, "unit %.*s is not below the unit of the node that wrote",
		    (int)unit_key(e, s->unit).n, (const char *)unit_key(e, s->unit).p);
	if ((rc = columns_check(e, s, t, op, why)) != RC_OK || (rc = owner_check(e, s, c, t, op, why)) != RC_OK)
		return rc;
	/* A minted key carries its node's short origin: nobody inserts a row under another node's key. */
	if (op->kind == COMMIT_INSERT && !op->has_text_key &&
	    memcmp(op->key.p + KEY_BYTES - ORIGIN_SHORT_BYTES, s->origin, ORIGIN_SHORT_BYTES) != 0)
		return diag_fail(why, RC_DENIED, "a new row of %s has a key that another node minted", t->name);
	return RC_OK;
}

enum rc
authority_check(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why)
{
	enum rc rc;
	size_t i;

	if (c->schema > e->catalogue.version)
		return diag_fail(why, RC_CONFLICT, "written under schema version %llu, newer than this program's %u",
		    (unsigned long long)c->schema, e->catalogue.version);
	for (i = 0; i < c->ops_count; i++)
		if ((rc = op_check(e, s, c, &c->ops[i], why)) != RC_OK)
			return rc;
	return RC_OK;
}
