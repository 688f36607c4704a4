#include "incarnation.h"

#include "credential.h"
#include "cursor.h"
#include "engine_impl.h"
#include "save.h"

#include <sodium.h>
#include <string.h>

struct taking {
	struct credential fresh;
	struct credential base;		/* the first credential of our key: it issues all later ones */
	uint8_t before[ORIGIN_BYTES];
};

bool
incarnation_is_ours(const struct engine *e, const uint8_t origin[ORIGIN_BYTES])
{
	const struct origin_entry *entry;

	if (memcmp(origin, e->self.origin, ORIGIN_BYTES) == 0)
		return true;
	entry = origin_find(e, origin);
	return entry != NULL && memcmp(entry->pubkey, e->self.pubkey, PUBKEY_BYTES) == 0;
}

const uint8_t *
incarnation_for_peer(const struct engine *e, bool knows_newest)
{
	return knows_newest ? e->self.origin : e->self.base;
}

const uint8_t *
incarnation_named(const struct engine *e, const uint8_t *prefix, size_t n)
{
	size_t i;

	if (memcmp(e->self.origin, prefix, n) == 0)
		return e->self.origin;
	for (i = 0; i < e->origins_count; i++)
		if (memcmp(e->origins[i].origin, prefix, n) == 0 &&
		    memcmp(e->origins[i].pubkey, e->self.pubkey, PUBKEY_BYTES) == 0)
			return e->origins[i].origin;
	return NULL;
}

static enum rc
credential_make(struct engine *e, struct taking *t, struct diag *d)
{
	struct credential *c = &t->fresh;
	uint32_t number = 0;
	enum rc rc;

	if ((rc = credential_own(e, e->self.base, &t->base)) != RC_OK)
		return diag_fail(d, rc, "this node's own credential is not known here");
	*c = t->base;
	while (number == 0)
		engine_random(e, &number, sizeof(number));
	c->incarnation = number;
	memset(c->invitation, 0, sizeof(c->invitation));
	return credential_renew(e, c, &t->base);
}

/* In the save's transaction, before its first row: what the old name wrote is sealed, the new name is ours. */
static enum rc
name_change(struct engine *e, void *ctx, struct diag *d)
{
	struct taking *t = ctx;
	struct bytes chain, old;
	uint32_t sid;
	enum rc rc = RC_OK;

	for (sid = 1; sid <= stream_count(e) && rc == RC_OK; sid++)
		if (stream_is_own(e, stream_at(e, sid)))
			rc = seal_own(e, stream_at(e, sid), d);
	bytes_init(&chain);
	bytes_init(&old);
	credential_emit(&t->fresh, &chain);
	/* The chain stays as it was behind the credential that it begins with now: the base and its issuers. */
	if (rc == RC_OK && (rc = engine_meta_get(e, "chain", &old, d)) == RC_OK) {
		struct rd r = rd_span(span_bytes(&old));
		struct credential c;
		const uint8_t *from = r.p;

		credential_read(&c, &r);
		if (memcmp(c.origin, e->self.base, ORIGIN_BYTES) != 0)
			from = r.p;
		bytes_put(&chain, from, (size_t)(old.p + old.n - from));
	}
	if (rc == RC_OK && (rc = bytes_rc(&chain)) == RC_OK &&
	    (rc = engine_meta_set(e, "chain", span_bytes(&chain), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "origin", span_of(t->fresh.origin, ORIGIN_BYTES), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "incarnation_due", span_str("0"), d)) == RC_OK) {
		memcpy(e->self.origin, t->fresh.origin, ORIGIN_BYTES);
		rc = origin_reload(e, d);
	}
	bytes_free(&chain);
	bytes_free(&old);
	return rc;
}

/* The old name again, after a rollback. */
static void
name_restore(struct engine *e, const struct taking *t)
{
	struct diag d;

	diag_init(&d);
	memcpy(e->self.origin, t->before, ORIGIN_BYTES);
	if (!e->is_broken && (origin_reload(e, &d) != RC_OK || stream_reload(e, &d) != RC_OK))
		e->is_broken = true;
}

enum rc
incarnation_take_with(struct engine *e, incarnation_rows_fn rows, void *ctx, struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	struct taking t;
	struct save_options o = { .prelude = name_change, .prelude_ctx = &t };
	struct save_result result;
	struct save *s;
	bool was_due = e->is_incarnation_due;
	enum rc rc;

	if (!e->is_enrolled && memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0)
		return RC_OK;
	memcpy(t.before, e->self.origin, ORIGIN_BYTES);
	if ((rc = credential_make(e, &t, d)) != RC_OK)
		return rc;
	e->is_incarnation_due = false;		/* or the save below would begin with one, too */
	if ((rc = save_begin(e, &o, &s, d)) == RC_OK) {
		rc = credential_row(s, &t.fresh, d);
		if (rc == RC_OK && rows != NULL)
			rc = rows(ctx, s, d);
		if (rc == RC_OK)
			rc = save_commit(s, &result, d);
		else
			save_abandon(s);
	}
	if (rc != RC_OK) {
		e->is_incarnation_due = was_due;
		name_restore(e, &t);
	}
	return rc;
}

enum rc
incarnation_take(struct engine *e, struct diag *d)
{
	return incarnation_take_with(e, NULL, NULL, d);
}

enum rc
incarnation_note_due(struct engine *e, struct diag *d)
{
	enum rc rc = engine_meta_set(e, "incarnation_due", span_str("1"), d);

	if (rc == RC_OK)
		e->is_incarnation_due = true;
	return rc;
}

enum rc
incarnation_mark_due(sqlite3 *db, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_meta(name, value) VALUES('incarnation_due', x'31') "
	    "ON CONFLICT(name) DO UPDATE SET value = excluded.value";

	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? RC_OK :
	    diag_fail(d, RC_DISK, "the copy cannot be marked: %s", sqlite3_errmsg(db));
}
