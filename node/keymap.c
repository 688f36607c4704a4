#include "node/keymap.h"

#include <string.h>

#define SLOTS_FIRST 64

struct keymap_entry {
	struct keymap_entry *next;
	struct span name;
	struct save_key key;
};

void
keymap_init(struct keymap *m, struct arena *arena)
{
	memset(m, 0, sizeof(*m));
	m->arena = arena;
}

/* FNV-1a: the names come from one office's file, nobody gains by making them collide. */
static size_t
slot_of(const struct keymap *m, struct span name)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 32) & (m->slots_count - 1);
}

static struct keymap_entry *
entry_find(const struct keymap *m, struct span name)
{
	struct keymap_entry *e;

	if (m->slots_count == 0)
		return NULL;
	for (e = m->slots[slot_of(m, name)]; e != NULL; e = e->next) {
		if (span_eq(e->name, name))
			return e;
	}
	return NULL;
}

static bool
grow(struct keymap *m)
{
	struct keymap_entry **old = m->slots, *e, *next;
	size_t old_count = m->slots_count, count = old_count == 0 ? SLOTS_FIRST : old_count * 2, i;

	m->slots = arena_alloc(m->arena, count * sizeof(struct keymap_entry *));
	if (m->slots == NULL) {
		m->slots = old;
		return false;
	}
	m->slots_count = count;
	for (i = 0; i < old_count; i++) {
		for (e = old[i]; e != NULL; e = next) {
			next = e->next;
			e->next = m->slots[slot_of(m, e->name)];
			m->slots[slot_of(m, e->name)] = e;
		}
	}
	return true;
}

const struct save_key *
keymap_find(const struct keymap *m, struct span name)
{
	struct keymap_entry *e = entry_find(m, name);

	return e == NULL ? NULL : &e->key;
}

void
keymap_put(struct keymap *m, struct span name, const struct save_key *key)
{
	struct keymap_entry *e;

	if (entry_find(m, name) != NULL || (m->count >= m->slots_count && !grow(m)))
		return;
	if ((e = arena_alloc(m->arena, sizeof(*e))) == NULL)
		return;
	e->name = arena_copy(m->arena, name);
	e->key = *key;
	e->next = m->slots[slot_of(m, e->name)];
	m->slots[slot_of(m, e->name)] = e;
	m->count++;
}
