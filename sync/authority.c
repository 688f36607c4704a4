#include "authority.h"

#include "clock_right.h"
#include "credential.h"
#include "merge.h"
#include "quarantine.h"
#include "release.h"
#include "revocation.h"
#include "row.h"
#include "value.h"

#include <string.h>

/* The owner of a row is whom its insertion names; the column never changes hands, so that a row which stands tells as
 * long as no insertion was ever refused. */
static enum rc
standing_owner(struct engine *e, const struct catalogue_table *t, struct span key, struct bytes *owner,
    struct diag *why)
{
	struct table_plan *p;
	enum rc rc = row_plan_of(e, t, &p, why);

	return rc == RC_OK ? row_owner_get(e, p, key, owner, why) : rc;
}

/* Of several insertions of one key, whose is the row?  (M13; whether they took effect plays no part here, so that the
 * answer does not change when one of them is judged again.) */
static bool
is_earlier(const struct merge_version *a, const struct merge_version *b)
{
	if (a->level != b->level)
		return a->level > b->level;
	if (a->commit.hlc != b->commit.hlc)
		return a->commit.hlc < b->commit.hlc;
	return memcmp(a->origin, b->origin, ORIGIN_BYTES) < 0;
}

static enum rc
row_owner(struct engine *e, const struct stream *s, const struct commit *c, const struct catalogue_table *t,
    const struct commit_op *op, struct bytes *owner, struct diag *why)
{
	int at = catalogue_column_find(t, span_str(t->owner_column));
	const struct merge_version *first = NULL;
	const struct value *named;
	struct merge_set set;
	uint64_t *heads;
	bool is_easy;
	size_t i, count = 0;
	enum rc rc;

	if (op->owner != NULL && op->kind != COMMIT_REINSERT) {
		bytes_put(owner, op->owner->p, op->owner->n);
		return bytes_rc(owner);
	}
	if ((rc = quarantine_is_empty(e, &is_easy, why)) != RC_OK)
		return rc;
	if (is_easy && op->kind == COMMIT_UPDATE && !t->has_text_key &&
	    (rc = standing_owner(e, t, op->key, owner, why)) != RC_NOTFOUND)
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
	for (i = 0; i < op->prevs_count && rc == RC_OK; i++) {
		bool fits = false;

		if (merge_prev_version(e, s, c, &op->prevs[i], &heads[count], NULL) == RC_OK)
			rc = merge_fits(e, t, op->key, heads[count], &fits, why);
		count += fits ? 1 : 0;		/* C12 */
	}
	if (rc == RC_OK)
		rc = merge_gather(e, t, op->key, heads, count, &set, why);
	mem_free(heads);
	if (rc != RC_OK)
		return rc;
	for (i = 0; i < set.count; i++)
		if (set.versions[i].op->kind == COMMIT_INSERT &&
		    (first == NULL || is_earlier(&set.versions[i], first)))
			first = &set.versions[i];
	named = first == NULL ? NULL : commit_op_value(first->op, t->columns[at].number);
	if (named != NULL)
		bytes_put(owner, named->s.p, named->s.n);
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

/* --- rights --------------------------------------------------------------------------------------- */

static enum rc
columns_check(const struct stream *s, const struct catalogue_table *t, const struct commit_op *op, struct diag *why)
{
	size_t i;

	for (i = 0; i < op->columns_count; i++) {
		int at = catalogue_column_numbered(t, op->columns[i]);
		const struct catalogue_column *col;

		INVARIANT(at >= 0);	/* authority_form knew them all */
		col = &t->columns[at];
		if (col->level_min > s->level && (op->kind == COMMIT_UPDATE || op->values[i].type != VALUE_NULL))
			return diag_fail(why, RC_DENIED, "%s.%s is written by the %s or above", t->name, col->name,
			    catalogue_level_name(col->level_min));
	}
	return RC_OK;
}

/* A credential is issued for one's own unit or below; a node goes on under a new name by itself (C7). */
static enum rc
node_check(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
{
	const struct origin_entry *issuer = origin_find(e, s->origin);
	struct credential c;
	unit_id u;

	if (credential_of_op(op, &c) != RC_OK)
		return RC_BUG;
	if (memcmp(c.origin, s->origin, ORIGIN_BYTES) == 0)
		return RC_OK;	/* the founder's own, or a renewal: proved */
	if (issuer == NULL)
		return diag_fail(why, RC_DENIED, "a credential of an issuer that is not known");
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

	INVARIANT(t != NULL);
	if (t == &credential_table)
		return node_check(e, s, op, why);
	if (t == &revocation_table)
		return revocation_check(e, s, op, why);
	if (t == &release_table)
		return release_check(e, s, op, why);
	if (t == &clock_table)
		return clock_right_check(e, s, c, op, why);
	if (t->level_min > s->level)
		return diag_fail(why, RC_DENIED, "%s is written by the %s or above", t->name,
		    catalogue_level_name(t->level_min));
	/* By the tree as it ever was: what was right when it was written stays right after its unit moved, wherever
	 * the news of the move came first.  (Its author had seen the tree that made it right, so we have, too.) */
	if (!unit_was_within(e, s->unit, s->origin_unit))
		return diag_fail(why, RC_DENIED, "unit %.*s is not below the unit of the node that wrote",
		    (int)unit_key(e, s->unit).n, (const char *)unit_key(e, s->unit).p);
	if ((rc = columns_check(s, t, op, why)) != RC_OK)
		return rc;
	return owner_check(e, s, c, t, op, why);
}

enum rc
authority_check(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why)
{
	enum rc rc;
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if ((rc = op_check(e, s, c, &c->ops[i], why)) != RC_OK)
			return rc;
	return RC_OK;
}

/* --- form (C5) -------------------------------------------------------------------------------------- */

static enum rc
value_form(const struct catalogue_table *t, const struct catalogue_column *col, const struct value *v, struct diag *why)
{
	bool is_bytes = col->type == COLUMN_BLOB || col->type == COLUMN_KEY;
	enum value_type type = col->type == COLUMN_INTEGER ? VALUE_INT : is_bytes ? VALUE_BLOB : VALUE_TEXT;

	if (v->type == VALUE_NULL)
		return RC_OK;
	if (v->type != type || (col->type == COLUMN_KEY && v->s.n != KEY_BYTES))
		return diag_fail(why, RC_DENIED, "%s.%s has a value of the wrong type", t->name, col->name);
	if (type == VALUE_TEXT && !value_text_ok(v->s))
		return diag_fail(why, RC_DENIED, "%s.%s has a text that is not valid UTF-8 or holds a NUL", t->name,
		    col->name);
	return RC_OK;
}

static enum rc
columns_form(struct engine *e, const struct stream *s, const struct catalogue_table *t, const struct commit_op *op,
    struct diag *why)
{
	size_t i;
	int at;
	enum rc rc;

	for (i = 0; i < op->columns_count; i++) {
		const struct catalogue_column *col;

		if ((at = catalogue_column_numbered(t, op->columns[i])) < 0)
			return diag_fail(why, RC_CONFLICT, "column %u of %s is not known to this version",
			    op->columns[i], t->name);
		col = &t->columns[at];
		if (op->kind == COMMIT_UPDATE && (col->policy == POLICY_APPEND ||
		    (t->owner == OWNER_AUTHOR && strcmp(t->owner_column, col->name) == 0)))
			return diag_fail(why, RC_DENIED, "%s.%s is never changed once it stands", t->name, col->name);
		if (t->scope == SCOPE_COLUMN && strcmp(col->name, t->scope_column) == 0 &&
		    (op->values[i].type != VALUE_TEXT || !span_eq(op->values[i].s, unit_key(e, s->unit))))
			return diag_fail(why, RC_DENIED, "a row of %s is addressed to one unit for good", t->name);
		if ((rc = value_form(t, col, &op->values[i], why)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* A credential row must be what its name says, proved by the node whose commit this is. */
static enum rc
node_form(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
{
	const struct origin_entry *issuer = origin_find(e, s->origin);
	struct credential c;

	if (op->kind != COMMIT_INSERT || credential_of_op(op, &c) != RC_OK)
		return diag_fail(why, RC_DENIED, "a credential is malformed");
	if (memcmp(c.origin, s->origin, ORIGIN_BYTES) == 0 && credential_is_renewal(e, &c))
		return RC_OK;	/* C7: a node goes on under a new name */
	if (memcmp(c.origin, s->origin, ORIGIN_BYTES) == 0)	/* the founder's own: signed by the root key */
		return credential_proof_ok(&c, e->self.root_pubkey) ? RC_OK
		    : diag_fail(why, RC_DENIED, "a credential is not signed by the root key");
	/* By whatever incarnation of it: what a branch that yielded had granted is granted again (C10). */
	if (issuer == NULL || !origin_is_sibling(e, s->origin, c.issuer, ORIGIN_BYTES) ||
	    !credential_proof_ok(&c, issuer->pubkey))
		return diag_fail(why, RC_DENIED, "a credential is not signed by the node that saved it");
	return RC_OK;
}

/* A minted key carries its node's short origin, of whatever incarnation: nobody inserts a row under another node's
 * key. */
static bool
key_is_own(struct engine *e, const struct stream *s, const struct commit_op *op)
{
	const uint8_t *minter;

	if (op->kind != COMMIT_INSERT || op->has_text_key)
		return true;
	minter = op->key.p + KEY_BYTES - ORIGIN_SHORT_BYTES;
	return memcmp(minter, s->origin, ORIGIN_SHORT_BYTES) == 0 ||
	    origin_is_sibling(e, s->origin, minter, ORIGIN_SHORT_BYTES);
}

static enum rc
op_form(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
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
	if (op->has_text_key && (op->key.n == 0 || !value_text_ok(op->key)))
		return diag_fail(why, RC_DENIED, "a key of %s is not valid UTF-8 or holds a NUL", t->name);
	if ((rc = columns_form(e, s, t, op, why)) != RC_OK)
		return rc;
	if (!key_is_own(e, s, op))
		return diag_fail(why, RC_DENIED, "a new row of %s has a key that another node minted", t->name);
	if (t == &credential_table)
		return node_form(e, s, op, why);
	if (t == &revocation_table)
		return revocation_form(op, why);
	return t == &release_table ? release_form(op, why) : RC_OK;
}

enum rc
authority_form(struct engine *e, const struct stream *s, const struct commit *c, struct diag *why)
{
	enum rc rc;
	size_t i;

	if (c->schema > e->catalogue.version)
		return diag_fail(why, RC_CONFLICT, "written under schema version %llu, newer than this program's %u",
		    (unsigned long long)c->schema, e->catalogue.version);
	if (!value_text_ok(c->author))
		return diag_fail(why, RC_DENIED, "an author's name is not valid UTF-8 or holds a NUL");
	for (i = 0; i < c->ops_count; i++)
		if ((rc = op_form(e, s, &c->ops[i], why)) != RC_OK)
			return rc;
	return RC_OK;
}
