/* node/keymap.h - from text to a row key: which rows of these names are there already.
 *
 * Names are kept in the arena given; memory failure is sticky there.  O(1) on average.
 */
#ifndef NODE_KEYMAP_H
#define NODE_KEYMAP_H

#include "node/arena.h"
#include "sync/save.h"

struct keymap_entry;

struct keymap {
	struct arena *arena;
	struct keymap_entry **slots;
	size_t slots_count;	/* a power of two, or 0 */
	size_t count;
};

void keymap_init(struct keymap *m, struct arena *arena);

/* The key under @name, or NULL. */
const struct save_key *keymap_find(const struct keymap *m, struct span name);

/* Put @key under @name, which is copied; an entry that is there already stays. */
void keymap_put(struct keymap *m, struct span name, const struct save_key *key);

#endif
