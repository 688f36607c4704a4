/* sync/mem.h - all allocation of the project.
 *
 * Every size is checked for overflow, zeroed on allocation, and counted by a fault countdown that tests set.
 * mem_free(NULL) is a no-op.  Owned bytes are `struct bytes`, borrowed ones `struct span`: the type says which.
 */
#ifndef SYNC_MEM_H
#define SYNC_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "rc.h"

struct span {
	const uint8_t *p;
	size_t n;
};

/* A growable owned buffer.  After a failed growth `failed` is sticky and further appends do nothing, so that a writer
 * checks once, at the end. */
struct bytes {
	uint8_t *p;
	size_t n;
	size_t cap;
	bool failed;
};

void *mem_alloc(size_t size);				/* zeroed; NULL without memory */
void *mem_array(size_t count, size_t size);		/* zeroed; NULL on overflow too */
void *mem_grow(void *old, size_t count, size_t size);	/* like realloc; tail not zeroed; old kept on failure */
char *mem_strdup(const char *s);
void mem_free(void *p);

/* Fail the @n-th allocation from now (1 = the next), once; 0 switches off.  For tests. */
void mem_fault_set(uint64_t n);

void bytes_init(struct bytes *b);
void bytes_free(struct bytes *b);		/* leaves an empty, usable buffer */
void bytes_clear(struct bytes *b);		/* n = 0, memory kept, failure forgotten */
void bytes_put(struct bytes *b, const void *p, size_t n);
void bytes_str(struct bytes *b, const char *s);
void bytes_byte(struct bytes *b, uint8_t v);
void bytes_fmt(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Make room for @n more bytes and return where they go, or NULL; the caller then adds to b->n. */
uint8_t *bytes_room(struct bytes *b, size_t n);
/* NUL-terminate (the NUL is not counted) and return the text, or NULL when memory ran out. */
char *bytes_cstr(struct bytes *b);
RC_CHECK enum rc bytes_rc(const struct bytes *b);	/* RC_OK or RC_NOMEM */

struct span span_of(const void *p, size_t n);
struct span span_str(const char *s);
struct span span_bytes(const struct bytes *b);
bool span_eq(struct span a, struct span b);
int span_cmp(struct span a, struct span b);	/* bytewise, shorter first on a tie */

#endif
