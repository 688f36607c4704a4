/* The credentials known here, in memory: who an origin is.  Filled from the log (control.c) and, for a node that has
 * just joined, from the chain it joined with. */
#include "origin.h"

#include "control.h"
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

bool
origin_has_siblings(const struct engine *e, const uint8_t origin[ORIGIN_BYTES])
{
	const struct origin_entry *self = origin_find(e, origin);
	size_t i;

	for (i = 0; self != NULL && i < e->origins_count; i++)
		if (memcmp(e->origins[i].pubkey, self->pubkey, PUBKEY_BYTES) == 0 &&
		    memcmp(e->origins[i].origin, origin, ORIGIN_BYTES) != 0)
			return true;
	return false;
}

bool
origin_is_sibling(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], const uint8_t *prefix, size_t n)
{
	const struct origin_entry *self = origin_find(e, origin);
	size_t i;

	for (i = 0; self != NULL && i < e->origins_count; i++)
		if (memcmp(e->origins[i].origin, prefix, n) == 0 &&
		    memcmp(e->origins[i].pubkey, self->pubkey, PUBKEY_BYTES) == 0)
			return true;
	return false;
}

/* Streams carry what their author's credential says. */
static void
streams_fill(struct engine *e, const struct origin_entry *o)
{
	size_t i;

	for (i = 0; i < e->streams_count; i++)
		if (memcmp(e->streams[i]->origin, o->origin, ORIGIN_BYTES) == 0) {
			e->streams[i]->level = o->level;
			e->streams[i]->origin_unit = o->unit;
		}
}

static struct origin_entry *
origin_place(struct engine *e, const struct credential *c)
{
	struct origin_entry *grown, *o = (struct origin_entry *)(uintptr_t)origin_find(e, c->origin);
	size_t at = 0, end = e->origins_count;

	if (o != NULL)
		return o;
	if (e->origins_count == e->origins_cap) {
		size_t cap = e->origins_cap == 0 ? 16 : e->origins_cap * 2;

		if ((grown = mem_grow(e->origins, cap, sizeof(*grown))) == NULL)
			return NULL;
		e->origins = grown;
		e->origins_cap = cap;
	}
	while (at < end) {
		size_t middle = at + (end - at) / 2;

		if (memcmp(e->origins[middle].origin, c->origin, ORIGIN_BYTES) < 0)
			at = middle + 1;
		else
			end = middle;
	}
	o = &e->origins[at];
	memmove(o + 1, o, (e->origins_count++ - at) * sizeof(*o));
	memset(o, 0, sizeof(*o));
	memcpy(o->origin, c->origin, ORIGIN_BYTES);
	memcpy(o->pubkey, c->pubkey, PUBKEY_BYTES);
	o->unit = UNIT_NONE;
	return o;
}

static bool
is_better(const struct origin_claim *a, const struct origin_claim *b)
{
	if (!b->is_any || a->level != b->level)
		return !b->is_any || a->level > b->level;
	return a->hlc != b->hlc ? a->hlc < b->hlc : memcmp(a->by, b->by, ORIGIN_BYTES) < 0;
}

enum rc
origin_know(struct engine *e, const struct credential *c, const struct origin_claim *claim)
{
	struct origin_entry *o = origin_place(e, c);
	unit_id u = unit_intern(e, span_str(c->unit));

	bool is_root = u != UNIT_NONE && u == e->root_unit;

	if (o == NULL || u == UNIT_NONE)
		return RC_NOMEM;
	e->is_rank_due = e->is_rank_due || c->level > o->level_top || (is_root && !o->is_root);
	o->level_top = c->level > o->level_top ? c->level : o->level_top;
	o->is_root = o->is_root || is_root;
	if (!is_better(claim, &o->known))
		return RC_OK;
	e->is_rank_due = true;
	o->known = *claim;
	o->level_known = c->level;
	memcpy(o->issuer, c->issuer, ORIGIN_BYTES);
	if (!o->is_in_force) {
		o->unit = u;
		o->level = c->level;
		streams_fill(e, o);
	}
	return RC_OK;
}

enum rc
origin_enforce(struct engine *e, const struct credential *c, const struct origin_claim *claim)
{
	struct origin_entry *o;
	enum rc rc = origin_know(e, c, claim);

	if (rc != RC_OK)
		return rc;
	o = origin_place(e, c);
	o->is_in_force = true;
	e->is_enrolled = e->is_enrolled || memcmp(c->origin, e->self.origin, ORIGIN_BYTES) == 0;
	if (!is_better(claim, &o->shown))
		return RC_OK;
	o->shown = *claim;
	o->unit = unit_find(e, span_str(c->unit));
	o->level = c->level;
	streams_fill(e, o);
	return RC_OK;
}

enum rc
origin_clear(struct engine *e, struct diag *d)
{
	const struct origin_claim least = { .is_any = true, .level = LEVEL_NONE, .hlc = UINT64_MAX };
	struct credential c;
	struct bytes chain;
	struct rd r;
	size_t i;
	enum rc rc;

	e->origins_count = 0;
	e->is_enrolled = false;
	for (i = 0; i < e->streams_count; i++) {
		e->streams[i]->level = LEVEL_NONE;
		e->streams[i]->origin_unit = UNIT_NONE;
	}
	bytes_init(&chain);
	if ((rc = engine_meta_get(e, "chain", &chain, d)) == RC_OK) {
		for (r = rd_span(span_bytes(&chain)); rc == RC_OK && rd_left(&r) > 0;) {
			credential_read(&c, &r);
			rc = rd_ok(&r) ? origin_know(e, &c, &least) : RC_CORRUPT;
		}
	}
	bytes_free(&chain);
	return rc;
}

enum rc
origin_reload(struct engine *e, struct diag *d)
{
	return control_load(e, d);
}
