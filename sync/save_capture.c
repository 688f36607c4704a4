/* Capture: what a save touched, as whatever writes a row tells it.  Outside a save SQLite's preupdate hook stands
 * guard: a change of a replicated table by plain SQL is not committed. */
#include "save_impl.h"

#include <string.h>

#define BLOCK_BYTES_FIRST	(4 * 1024)
#define BLOCK_BYTES_MAX		(256 * 1024)

struct save_block {
	struct save_block *next;
	size_t n;
	max_align_t data[];
};

void *
save_take(struct save *s, size_t n)
{
	size_t size = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	struct save_block *b;
	uint8_t *at;

	if (s->arena.blocks == NULL || s->arena.left < size) {
		size_t want = s->arena.blocks == NULL ? BLOCK_BYTES_FIRST : s->arena.blocks->n * 2;

		if (want > BLOCK_BYTES_MAX)
			want = BLOCK_BYTES_MAX;
		if (want < size)
			want = size;
		if ((b = mem_grow(NULL, 1, sizeof(*b) + want)) == NULL)
			return NULL;
		b->n = want;
		b->next = s->arena.blocks;
		s->arena.blocks = b;
		s->arena.left = want;
	}
	/* The free part of a block is its front: taken from the back. */
	at = (uint8_t *)s->arena.blocks->data + s->arena.left - size;
	s->arena.left -= size;
	return at;
}

void
save_arena_free(struct save *s)
{
	struct save_block *b, *next;

	for (b = s->arena.blocks; b != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	s->arena.blocks = NULL;
	s->arena.left = 0;
}

void
save_arena_trim(struct save *s)
{
	struct save_block *b = s->arena.blocks, *next;

	for (; b != NULL && b->next != NULL; b = next) {
		next = b->next;
		mem_free(b);
	}
	s->arena.blocks = b;
	s->arena.left = b == NULL ? 0 : b->n;
}

/* --- rows by key ------------------------------------------------------------------------------ */

static size_t
slot_start(const struct save *s, const struct catalogue_table *t, struct span key)
{
	uint64_t h = UINT64_C(1469598103934665603) ^ t->number, word;
	size_t i;

	for (i = 0; i + sizeof(word) <= key.n; i += sizeof(word)) {
		memcpy(&word, key.p + i, sizeof(word));
		h = (h ^ word) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 32;
	}
	for (; i < key.n; i++)
		h = (h ^ key.p[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 29) & (s->slots_count - 1);
}

static bool
rows_grow(struct save *s)
{
	size_t i, cap = s->rows_cap == 0 ? 32 : s->rows_cap * 2;
	struct save_captured *rows = mem_grow(s->rows, cap, sizeof(*rows));
	uint32_t *slots;

	if (rows == NULL)
		return false;
	s->rows = rows;
	if ((slots = mem_array(cap * 2, sizeof(*slots))) == NULL)
		return false;
	mem_free(s->slots);
	s->slots = slots;
	s->slots_count = cap * 2;
	s->rows_cap = cap;	/* last: without slots the rows cannot be found */
	for (i = 0; i < s->rows_count; i++) {
		size_t at = slot_start(s, rows[i].plan->t, rows[i].key);

		while (slots[at] != 0)
			at = (at + 1) & (s->slots_count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	return true;
}

struct save_captured *
save_captured_find(struct save *s, const struct catalogue_table *t, struct span key)
{
	struct save_captured *r;
	size_t at;

	if (s->slots_count == 0)
		return NULL;
	for (at = slot_start(s, t, key); s->slots[at] != 0; at = (at + 1) & (s->slots_count - 1)) {
		r = &s->rows[s->slots[at] - 1];
		if (r->plan->t == t && span_eq(r->key, key))
			return r;
	}
	return NULL;
}

struct save_captured *
save_captured(struct save *s, struct table_plan *p, struct span key, bool *is_new)
{
	struct save_captured *r;
	uint8_t *copy;
	size_t at;

	*is_new = false;
	if ((r = save_captured_find(s, p->t, key)) != NULL)
		return r;
	if (s->rows_count >= SAVE_ROWS_MAX || (s->rows_count == s->rows_cap && !rows_grow(s)) ||
	    (copy = save_take(s, key.n + 1)) == NULL)
		return NULL;
	memcpy(copy, key.p, key.n);
	for (at = slot_start(s, p->t, key); s->slots[at] != 0;)
		at = (at + 1) & (s->slots_count - 1);
	s->slots[at] = (uint32_t)++s->rows_count;
	r = &s->rows[s->rows_count - 1];
	memset(r, 0, sizeof(*r));
	r->plan = p;
	r->key = span_of(copy, key.n);
	*is_new = true;
	return r;
}

/* --- scopes ----------------------------------------------------------------------------------- */

enum rc
save_scope(struct save *s, unit_id u, enum reach reach, size_t *out, struct diag *d)
{
	struct save_scope *grown;
	enum rc rc;
	size_t i;

	for (i = 0; i < s->scopes_count; i++)
		if (s->scopes[i].unit == u && s->scopes[i].reach == reach) {
			*out = i;
			return RC_OK;
		}
	if (s->scopes_count == SAVE_SCOPES_MAX)
		return diag_fail(d, RC_LIMIT, "a save may touch at most %d units; save it in parts", SAVE_SCOPES_MAX);
	if (s->scopes_count == s->scopes_cap) {
		size_t cap = s->scopes_cap == 0 ? 8 : s->scopes_cap * 2;

		if ((grown = mem_grow(s->scopes, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		s->scopes = grown;
		s->scopes_cap = cap;
	}
	grown = &s->scopes[s->scopes_count];
	memset(grown, 0, sizeof(*grown));
	grown->unit = u;
	grown->reach = reach;
	if ((rc = stream_open(s->e, s->e->self.origin, u, reach, &grown->stream, d)) != RC_OK)
		return rc;
	grown->base_seq = grown->stream->head_seq;
	*out = s->scopes_count++;
	return RC_OK;
}

uint64_t
save_scope_version(const struct save *s, size_t scope)
{
	const struct save_scope *sc = &s->scopes[scope];

	return VERSION(sc->stream->sid, sc->base_seq + sc->part + 1);
}

void
save_scope_count(struct save *s, size_t scope, size_t bytes)
{
	struct save_scope *sc = &s->scopes[scope];

	if (s->o.is_bulk && sc->part_rows > 0 &&
	    (sc->part_bytes + bytes > SAVE_PART_BYTES || sc->part_rows >= SAVE_PART_ROWS)) {
		sc->part++;
		sc->part_bytes = 0;
		sc->part_rows = 0;
	}
	sc->part_bytes += bytes;
	sc->part_rows++;
}

/* --- what a row became ------------------------------------------------------------------------------------------- */

bool
save_value_copy(struct save *s, struct value v, struct value *out)
{
	uint8_t *copy;

	*out = v;
	if (v.s.n == 0)
		return true;
	if ((copy = save_take(s, v.s.n)) == NULL)
		return false;
	memcpy(copy, v.s.p, v.s.n);
	out->s.p = copy;
	return true;
}

bool
save_captured_room(struct save *s, struct save_captured *r, size_t columns)
{
	if (r->cells != NULL || columns == 0)
		return true;
	r->cells = save_take(s, columns * sizeof(*r->cells));
	r->cells_cap = r->cells == NULL ? 0 : columns;
	return r->cells != NULL;
}

enum rc
save_captured_cell(struct save *s, struct save_captured *r, size_t column, struct value old, struct value now,
    bool is_forced)
{
	struct save_cell_change *c, *grown;
	size_t i;

	for (i = 0; i < r->cells_count; i++) {
		c = &r->cells[i];
		if (c->column != column)
			continue;
		c->is_forced = c->is_forced || is_forced;
		return save_value_copy(s, now, &c->now) ? RC_OK : RC_NOMEM;
	}
	if (r->cells_count == r->cells_cap) {
		size_t cap = r->cells_cap == 0 ? 2 : r->cells_cap * 2;

		if ((grown = save_take(s, cap * sizeof(*grown))) == NULL)
			return RC_NOMEM;
		if (r->cells_count > 0)
			memcpy(grown, r->cells, r->cells_count * sizeof(*grown));
		r->cells = grown;
		r->cells_cap = cap;
	}
	c = &r->cells[r->cells_count++];
	c->column = (uint8_t)column;
	c->is_forced = is_forced;
	return save_value_copy(s, old, &c->old) && save_value_copy(s, now, &c->now) ? RC_OK : RC_NOMEM;
}

enum rc
save_captured_owner(struct save *s, struct save_captured *r, struct value owner)
{
	struct value copy;

	if (!save_value_copy(s, owner, &copy))
		return RC_NOMEM;
	r->owner = copy.s;
	r->has_owner = true;
	return RC_OK;
}

/* --- the guard -------------------------------------------------------------------------------- */

static void
on_preupdate(void *ctx, sqlite3 *db, int op, const char *database, const char *name, sqlite3_int64 a, sqlite3_int64 b)
{
	struct engine *e = ctx;

	(void)db;
	(void)op;
	(void)database;
	(void)a;
	(void)b;
	e->is_stray = e->is_stray || catalogue_table_find(&e->catalogue, span_str(name)) != NULL;
}

/* While a save or a received frame writes rows, it knows by itself what it writes: no hook, no cost. */
void
save_guard(struct engine *e, bool is_on)
{
	if (e->is_writer)
		(void)sqlite3_preupdate_hook(e->db, is_on ? on_preupdate : NULL, e);
}
