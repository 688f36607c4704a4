/* The credentials known here, in memory: who an origin is.  Filled from the node table and, for a node that has just
 * joined, from the chain it joined with. */
#include "origin.h"

#include "credential.h"
#include "cursor.h"
#include "engine_impl.h"

#include <stdlib.h>
#include <string.h>

static int
origin_cmp(const void *a, const void *b)
{
	return memcmp(((const struct origin_entry *)a)->origin, ((const struct origin_entry *)b)->origin, ORIGIN_BYTES);
}

const struct origin_entry *
origin_find(const struct engine *e, const uint8_t origin[ORIGIN_BYTES])
{
	struct origin_entry key;

	memcpy(key.origin, origin, ORIGIN_BYTES);
	if (e->origins_count == 0)
		return NULL;
	return bsearch(&key, e->origins, e->origins_count, sizeof(key), origin_cmp);
}

static enum rc
origin_add(struct engine *e, const struct credential *c)
{
	struct origin_entry *grown;
	size_t i;

	for (i = 0; i < e->origins_count; i++)
		if (memcmp(e->origins[i].origin, c->origin, ORIGIN_BYTES) == 0)
			return RC_OK;
	if (e->origins_count == e->origins_cap) {
		size_t cap = e->origins_cap == 0 ? 16 : e->origins_cap * 2;

		if ((grown = mem_grow(e->origins, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		e->origins = grown;
		e->origins_cap = cap;
	}
	grown = &e->origins[e->origins_count++];
	memcpy(grown->origin, c->origin, ORIGIN_BYTES);
	memcpy(grown->pubkey, c->pubkey, PUBKEY_BYTES);
	grown->level = c->level;
	grown->unit = unit_intern(e, span_str(c->unit));
	return grown->unit == UNIT_NONE ? RC_NOMEM : RC_OK;
}

enum rc
origin_reload(struct engine *e, struct diag *d)
{
	static const char sql[] = "SELECT credential FROM node";
	struct credential c;
	struct bytes chain;
	struct rd r;
	sqlite3_stmt *stmt;
	enum rc rc;
	size_t i;
	int code = SQLITE_DONE;

	e->origins_count = 0;
	bytes_init(&chain);
	if ((rc = engine_meta_get(e, "chain", &chain, d)) == RC_OK) {
		for (r = rd_span(span_bytes(&chain)); rc == RC_OK && rd_left(&r) > 0;) {
			credential_read(&c, &r);
			rc = rd_ok(&r) ? origin_add(e, &c) : RC_CORRUPT;
		}
	}
	bytes_free(&chain);
	if (rc != RC_OK || (rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	e->is_enrolled = false;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (credential_parse(&c, value_of_column(stmt, 0).s) != RC_OK)
			rc = diag_fail(d, RC_CORRUPT, "a stored credential is damaged");
		else
			rc = origin_add(e, &c);
		e->is_enrolled = e->is_enrolled || memcmp(c.origin, e->self.origin, ORIGIN_BYTES) == 0;
	}
	engine_done(stmt);
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading nodes", d);
	if (e->origins_count > 1)
		qsort(e->origins, e->origins_count, sizeof(*e->origins), origin_cmp);
	for (i = 0; i < e->streams_count; i++) {
		const struct origin_entry *o = origin_find(e, e->streams[i]->origin);

		e->streams[i]->level = o == NULL ? LEVEL_NONE : o->level;
		e->streams[i]->origin_unit = o == NULL ? UNIT_NONE : o->unit;
	}
	return rc;
}
