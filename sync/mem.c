#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_CAP_FIRST 256

static uint64_t g_fault_countdown;

void
mem_fault_set(uint64_t n)
{
	g_fault_countdown = n;
}

static bool
fault_due(void)
{
	return g_fault_countdown != 0 && --g_fault_countdown == 0;
}

void *
mem_alloc(size_t size)
{
	if (fault_due())
		return NULL;
	return calloc(1, size == 0 ? 1 : size);
}

void *
mem_array(size_t count, size_t size)
{
	if (fault_due() || (size != 0 && count > SIZE_MAX / 2 / size))
		return NULL;
	return calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
}

void *
mem_grow(void *old, size_t count, size_t size)
{
	if (fault_due() || (size != 0 && count > SIZE_MAX / size))
		return NULL;
	return realloc(old, count * size == 0 ? 1 : count * size);
}

char *
mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = mem_alloc(n);

	if (copy != NULL)
		memcpy(copy, s, n);
	return copy;
}

void
mem_free(void *p)
{
	free(p);
}

void
bytes_init(struct bytes *b)
{
	memset(b, 0, sizeof(*b));
}

void
bytes_free(struct bytes *b)
{
	mem_free(b->p);
	bytes_init(b);
}

void
bytes_clear(struct bytes *b)
{
	b->n = 0;
	b->failed = false;
}

uint8_t *
bytes_room(struct bytes *b, size_t n)
{
	size_t cap = b->cap == 0 ? BYTES_CAP_FIRST : b->cap;
	uint8_t *p;

	if (b->failed)
		return NULL;
	if (n > SIZE_MAX / 4 - b->n) {
		b->failed = true;
		return NULL;
	}
	while (cap < b->n + n)
		cap *= 2;
	if (cap != b->cap) {
		if ((p = mem_grow(b->p, cap, 1)) == NULL) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

void
bytes_put(struct bytes *b, const void *p, size_t n)
{
	uint8_t *at = bytes_room(b, n);

	if (at != NULL && n != 0) {
		memcpy(at, p, n);
		b->n += n;
	}
}

void
bytes_str(struct bytes *b, const char *s)
{
	bytes_put(b, s, strlen(s));
}

void
bytes_byte(struct bytes *b, uint8_t v)
{
	bytes_put(b, &v, 1);
}

void
bytes_fmt(struct bytes *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;
	uint8_t *at;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && (at = bytes_room(b, (size_t)n + 1)) != NULL) {
		(void)vsnprintf((char *)at, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

char *
bytes_cstr(struct bytes *b)
{
	uint8_t *at = bytes_room(b, 1);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return (char *)b->p;
}

enum rc
bytes_rc(const struct bytes *b)
{
	return b->failed ? RC_NOMEM : RC_OK;
}

struct span
span_of(const void *p, size_t n)
{
	return (struct span){ p, n };
}

struct span
span_str(const char *s)
{
	return span_of(s, strlen(s));
}

struct span
span_bytes(const struct bytes *b)
{
	return span_of(b->p, b->n);
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
