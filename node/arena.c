#include "node/arena.h"

#include <stdalign.h>
#include <string.h>

#define ARENA_CHUNK_BYTES ((size_t)16 << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size;
	alignas(max_align_t) uint8_t data[];
};

void
arena_init(struct arena *a)
{
	a->chunks = NULL;
	a->failed = false;
}

void
arena_fini(struct arena *a)
{
	struct arena_chunk *next;

	for (; a->chunks != NULL; a->chunks = next) {
		next = a->chunks->next;
		mem_free(a->chunks);
	}
}

void *
arena_alloc(struct arena *a, size_t n)
{
	const size_t step = alignof(max_align_t);
	struct arena_chunk *c = a->chunks;
	size_t size;
	void *p;

	if (n > SIZE_MAX / 2) {
		a->failed = true;
		return NULL;
	}
	n = (n + step - 1) / step * step;
	if (c == NULL || c->size - c->used < n) {
		size = n > ARENA_CHUNK_BYTES ? n : ARENA_CHUNK_BYTES;
		if ((c = mem_alloc(sizeof(*c) + size)) == NULL) {
			a->failed = true;
			return NULL;
		}
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->data + c->used;
	c->used += n;
	return p;
}

char *
arena_text(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.n + 1);

	if (p != NULL && s.n != 0)
		memcpy(p, s.p, s.n);
	return p;
}

struct span
arena_copy(struct arena *a, struct span s)
{
	char *p = arena_text(a, s);

	return p == NULL ? span_of(NULL, 0) : span_of(p, s.n);
}
