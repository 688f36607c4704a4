#include "revocation.h"

#include "cursor.h"
#include "rank.h"
#include "save.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { REVOCATION_PUBKEY = 1, REVOCATION_CUT = 2, REVOCATION_REASON = 3 };

static const struct catalogue_column g_columns[] = {
	{ .number = REVOCATION_PUBKEY, .name = "pubkey", .type = COLUMN_BLOB, .policy = POLICY_APPEND,
	  .max = PUBKEY_BYTES, .required = true, .note = "the key that is revoked, with all its incarnations" },
	{ .number = REVOCATION_CUT, .name = "cut", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = CUT_BYTES_MAX,
	  .note = "streams and the number up to which each stands; those not named: 0" },
	{ .number = REVOCATION_REASON, .name = "reason", .type = COLUMN_TEXT, .policy = POLICY_APPEND,
	  .max = REVOCATION_REASON_MAX, .note = "for people" },
};

const struct catalogue_table revocation_table = {
	.number = 1001,
	.name = "node_revocation",
	.key_column = "id",
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	.is_insert_only = true,
	.columns = g_columns,
	.columns_count = sizeof(g_columns) / sizeof(g_columns[0]),
	.note = "nodes whose key no longer counts",
};

/* --- the cut ------------------------------------------------------------------------------------ */

static int
entry_cmp(const struct cut_entry *a, const struct cut_entry *b)
{
	int c = memcmp(a->origin, b->origin, ORIGIN_BYTES);

	if (c == 0)
		c = span_cmp(a->unit, b->unit);
	return c != 0 ? c : (int)a->reach - (int)b->reach;
}

static int
entry_order(const void *a, const void *b)
{
	return entry_cmp(a, b);
}

void
revocation_cut_emit(const struct cut_entry *entry, struct bytes *out)
{
	bytes_put(out, entry->origin, ORIGIN_BYTES);
	wr_blob(out, entry->unit);
	wr_u8(out, (uint8_t)entry->reach);
	wr_varint(out, entry->seq);
	bytes_put(out, entry->hash, HASH_BYTES);
}

bool
revocation_cut_next(struct span *rest, const struct cut_entry *before, struct cut_entry *out, bool *is_ok)
{
	struct rd r = rd_span(*rest);
	struct span origin, hash;
	uint8_t reach;

	*is_ok = true;
	if (rest->n == 0)
		return false;
	origin = rd_fixed(&r, ORIGIN_BYTES);
	out->unit = rd_blob(&r, UNIT_BYTES_MAX);
	reach = rd_u8(&r);
	out->seq = rd_varint_max(&r, STREAM_SEQ_MAX);
	hash = rd_fixed(&r, HASH_BYTES);
	*is_ok = rd_ok(&r) && out->unit.n > 0 && reach <= REACH_DOWN && out->seq > 0;
	if (!*is_ok)
		return false;
	memcpy(out->origin, origin.p, ORIGIN_BYTES);
	memcpy(out->hash, hash.p, HASH_BYTES);
	out->reach = (enum reach)reach;
	*is_ok = before == NULL || entry_cmp(before, out) < 0;
	*rest = span_of(r.p, (size_t)(r.end - r.p));
	return *is_ok;
}

bool
revocation_cut_ok(struct span cut)
{
	struct cut_entry entry, before;
	bool is_ok, is_first = true;

	while (revocation_cut_next(&cut, is_first ? NULL : &before, &entry, &is_ok)) {
		before = entry;
		is_first = false;
	}
	return is_ok;
}

/* --- what a row says ------------------------------------------------------------------------------ */

static bool
op_pubkey(const struct commit_op *op, const uint8_t **pubkey)
{
	const struct value *v = commit_op_value(op, REVOCATION_PUBKEY);

	if (op->kind != COMMIT_INSERT || v == NULL || v->type != VALUE_BLOB || v->s.n != PUBKEY_BYTES)
		return false;
	*pubkey = v->s.p;
	return true;
}

enum rc
revocation_form(const struct commit_op *op, struct diag *why)
{
	const struct value *cut = commit_op_value(op, REVOCATION_CUT);
	const uint8_t *pubkey;

	if (!op_pubkey(op, &pubkey) || (cut != NULL && cut->type == VALUE_BLOB &&
	    (cut->s.n > CUT_BYTES_MAX || !revocation_cut_ok(cut->s))))
		return diag_fail(why, RC_DENIED, "a revocation is malformed");
	return RC_OK;
}

bool
revocation_is_own(const struct commit_op *op, const struct origin_entry *by)
{
	const uint8_t *pubkey;

	return op->table == revocation_table.number && op_pubkey(op, &pubkey) && by != NULL &&
	    memcmp(pubkey, by->pubkey, PUBKEY_BYTES) == 0;
}

enum rc
revocation_check(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
{
	const struct origin_entry *by = origin_find(e, s->origin);
	bool is_known = false;
	const uint8_t *pubkey;
	size_t i;

	if (!op_pubkey(op, &pubkey))
		return RC_BUG;
	if (revocation_is_own(op, by))
		return RC_OK;
	rank_refresh(e);
	for (i = 0; i < e->origins_count; i++) {
		const struct origin_entry *of = &e->origins[i];

		if (memcmp(of->pubkey, pubkey, PUBKEY_BYTES) != 0)
			continue;
		is_known = true;
		if (by == NULL || !rank_is_above(e, by, of))
			return diag_fail(why, RC_DENIED,
			    "a node is revoked by one of a unit above its own, or by itself");
	}
	return is_known ? RC_OK : diag_fail(why, RC_DENIED, "a revocation of a key that nobody has a credential for");
}

/* --- those that count -------------------------------------------------------------------------------- */

enum rc
revocation_take(struct engine *e, const struct commit_op *op, const uint8_t origin[ORIGIN_BYTES], uint64_t v,
    uint64_t hlc)
{
	const struct origin_entry *by;
	const struct value *cut = commit_op_value(op, REVOCATION_CUT), *reason = commit_op_value(op, REVOCATION_REASON);
	struct revocation *r, *grown = mem_grow(e->revocations, e->revocations_count + 1, sizeof(*grown));
	const uint8_t *pubkey;

	if (grown == NULL)
		return RC_NOMEM;
	e->revocations = grown;
	if (!op_pubkey(op, &pubkey))
		return RC_BUG;
	r = &grown[e->revocations_count++];
	memset(r, 0, sizeof(*r));
	memcpy(r->pubkey, pubkey, PUBKEY_BYTES);
	memcpy(r->origin, origin, ORIGIN_BYTES);
	rank_refresh(e);
	by = origin_find(e, origin);
	r->rank = by == NULL ? 0 : by->rank;
	r->v = v;
	r->hlc = hlc;
	bytes_init(&r->cut);
	bytes_init(&r->reason);
	if (cut != NULL && cut->type == VALUE_BLOB)
		bytes_put(&r->cut, cut->s.p, cut->s.n);
	if (reason != NULL && reason->type == VALUE_TEXT)
		bytes_put(&r->reason, reason->s.p, reason->s.n);
	return bytes_rc(&r->cut) != RC_OK ? RC_NOMEM : bytes_rc(&r->reason);
}

void
revocation_clear(struct engine *e)
{
	size_t i;

	for (i = 0; i < e->revocations_count; i++) {
		bytes_free(&e->revocations[i].cut);
		bytes_free(&e->revocations[i].reason);
	}
	mem_free(e->revocations);
	e->revocations = NULL;
	e->revocations_count = 0;
}

bool
revocation_binds(const struct engine *e, const struct revocation *r, const struct origin_entry *entry, bool is_self)
{
	const struct origin_entry *by = origin_find(e, r->origin);

	if (memcmp(r->pubkey, entry->pubkey, PUBKEY_BYTES) != 0)
		return false;
	if (by != NULL && memcmp(by->pubkey, entry->pubkey, PUBKEY_BYTES) == 0)
		return is_self;
	return r->rank > entry->rank;	/* C3 */
}

uint64_t
revocation_limit(const struct engine *e, const struct revocation *r, const struct stream *s)
{
	struct span rest = span_bytes(&r->cut);
	struct cut_entry entry;
	bool is_ok;

	while (revocation_cut_next(&rest, NULL, &entry, &is_ok))
		if (memcmp(entry.origin, s->origin, ORIGIN_BYTES) == 0 && entry.reach == s->reach &&
		    span_eq(entry.unit, unit_key(e, s->unit)))
			return entry.seq;
	return 0;
}

uint64_t
revocation_cut(const struct engine *e, const struct stream *s, bool is_self, const struct revocation **by)
{
	const struct origin_entry *entry = e->revocations_count == 0 ? NULL : origin_find(e, s->origin);
	uint64_t limit, lowest = REVOCATION_NONE;
	size_t i;

#ifdef BUG_P7_IGNORE_REVOCATION
	return lowest;
#endif
	for (i = 0; entry != NULL && i < e->revocations_count; i++) {
		if (!revocation_binds(e, &e->revocations[i], entry, is_self))
			continue;
		if ((limit = revocation_limit(e, &e->revocations[i], s)) >= lowest)
			continue;
		lowest = limit;
		if (by != NULL)
			*by = &e->revocations[i];
	}
	return lowest;
}

const struct revocation *
revocation_of(const struct engine *e, const uint8_t pubkey[PUBKEY_BYTES])
{
	const struct revocation *newest = NULL;
	size_t i;

	for (i = 0; i < e->revocations_count; i++)
		if (memcmp(e->revocations[i].pubkey, pubkey, PUBKEY_BYTES) == 0 &&
		    (newest == NULL || e->revocations[i].hlc > newest->hlc))
			newest = &e->revocations[i];
	return newest;
}

void
revocation_tell(const struct revocation *r, struct diag *out)
{
	/* The day, in the calendar: no clock is asked. */
	uint64_t days = HLC_MS(r->hlc) / 86400000 + 719468, era = days / 146097, doe = days - era * 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	unsigned day = (unsigned)(doy - (153 * mp + 2) / 5 + 1), month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	char hex[2 * ORIGIN_BYTES + 1];

	(void)sodium_bin2hex(hex, sizeof(hex), r->origin, ORIGIN_BYTES);
	diag_init(out);
	(void)diag_fail(out, RC_DENIED, "revoked on %04u-%02u-%02u by node %s: %.*s",
	    (unsigned)(yoe + era * 400) + (month <= 2 ? 1 : 0), month, day, hex, (int)r->reason.n,
	    r->reason.n == 0 ? "" : (const char *)r->reason.p);
}

/* --- saving one ----------------------------------------------------------------------------------------- */

static enum rc
cut_make(struct engine *e, const uint8_t pubkey[PUBKEY_BYTES], struct bytes *out, struct diag *d)
{
	struct cut_entry *entries = mem_array(stream_count(e) + 1, sizeof(*entries));
	size_t i, n = 0;
	uint32_t sid;

	if (entries == NULL)
		return RC_NOMEM;
	for (sid = 1; sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);
		const struct origin_entry *entry = origin_find(e, s->origin);

		if (entry == NULL || s->head_seq == 0 || memcmp(entry->pubkey, pubkey, PUBKEY_BYTES) != 0)
			continue;
		entries[n] = (struct cut_entry){ .unit = unit_key(e, s->unit), .reach = s->reach, .seq = s->head_seq };
		memcpy(entries[n].origin, s->origin, ORIGIN_BYTES);
		memcpy(entries[n++].hash, s->head_hash, HASH_BYTES);
	}
	qsort(entries, n, sizeof(*entries), entry_order);
	for (i = 0; i < n; i++)
		revocation_cut_emit(&entries[i], out);
	mem_free(entries);
	if (bytes_rc(out) != RC_OK)
		return RC_NOMEM;
	return out->n <= CUT_BYTES_MAX ? RC_OK : diag_fail(d, RC_LIMIT, "the node has written into %zu scopes, too "
	    "many to name in one revocation: revoke it at a node that holds fewer of them", n);
}

enum rc
revocation_save(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span author, struct span reason,
    struct diag *d)
{
	const struct origin_entry *of = origin_find(e, origin);
	struct save_options o = { .author = author };
	struct save_cell cells[] = {
		{ .column = span_str("pubkey") },
		{ .column = span_str("cut") },
		{ .column = span_str("reason"), .value = value_text(reason) },
	};
	struct save_result result;
	struct bytes cut;
	struct save *s;
	uint8_t pubkey[PUBKEY_BYTES];
	enum rc rc;

	if (of == NULL)
		return diag_fail(d, RC_NOTFOUND, "no such node is known here: list the peers");
	memcpy(pubkey, of->pubkey, PUBKEY_BYTES);
	bytes_init(&cut);
	if ((rc = cut_make(e, pubkey, &cut, d)) == RC_OK && (rc = save_begin(e, &o, &s, d)) == RC_OK) {
		cells[0].value = value_blob(span_of(pubkey, PUBKEY_BYTES));
		cells[1].value = value_blob(span_bytes(&cut));
		if ((rc = save_row(s, span_str("node_revocation"), span_of(NULL, 0), cells, 3, NULL, d)) == RC_OK)
			rc = save_commit(s, &result, d);
		else
			save_abandon(s);
	}
	bytes_free(&cut);
	return rc;
}
