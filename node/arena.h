/* node/arena.h - memory of one request, freed at once.
 *
 * What is handed out stays where it is until arena_fini().  Failure: NULL or an empty copy, and `failed` is sticky, so
 * that a caller may check once, at the end.
 */
#ifndef NODE_ARENA_H
#define NODE_ARENA_H

#include "sync/mem.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	bool failed;
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a);

/* @n zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);

/* A copy of @s, with a NUL behind it that is not counted. */
struct span arena_copy(struct arena *a, struct span s);
char *arena_text(struct arena *a, struct span s);	/* the same as a C string; NULL without memory */

#endif
