#include "cursor.h"

#include <string.h>

struct rd
rd_over(const void *p, size_t n)
{
	static const uint8_t none[1];
	const uint8_t *at = n == 0 ? none : p;

	return (struct rd){ at, at + n, false };
}

struct rd
rd_span(struct span s)
{
	return rd_over(s.p, s.n);
}

bool
rd_ok(const struct rd *r)
{
	return !r->failed;
}

bool
rd_done(const struct rd *r)
{
	return !r->failed && r->p == r->end;
}

size_t
rd_left(const struct rd *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->p);
}

void
rd_fail(struct rd *r)
{
	r->failed = true;
	r->p = r->end;
}

uint8_t
rd_u8(struct rd *r)
{
	if (r->p == r->end) {
		rd_fail(r);
		return 0;
	}
	return *r->p++;
}

uint32_t
rd_u32(struct rd *r)
{
	struct span s = rd_fixed(r, 4);

	if (s.n != 4)
		return 0;
	return (uint32_t)s.p[0] << 24 | (uint32_t)s.p[1] << 16 | (uint32_t)s.p[2] << 8 | s.p[3];
}

uint64_t
rd_u64(struct rd *r)
{
	uint64_t high = rd_u32(r);
	uint64_t low = rd_u32(r);

	return r->failed ? 0 : high << 32 | low;
}

uint64_t
rd_varint(struct rd *r)
{
	uint64_t v = 0;
	unsigned shift;
	uint8_t byte;

	for (shift = 0; shift < 70; shift += 7) {
		byte = rd_u8(r);
		if (r->failed)
			return 0;
		if (shift == 63 && byte > 1)
			break;			/* beyond 64 bits */
		v |= (uint64_t)(byte & 0x7F) << shift;
		if ((byte & 0x80) == 0) {
			if (byte == 0 && shift != 0)
				break;		/* not the shortest form */
			return v;
		}
	}
	rd_fail(r);
	return 0;
}

uint64_t
rd_varint_max(struct rd *r, uint64_t max)
{
	uint64_t v = rd_varint(r);

	if (v > max) {
		rd_fail(r);
		return 0;
	}
	return v;
}

int64_t
rd_signed(struct rd *r)
{
	uint64_t v = rd_varint(r);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

struct span
rd_fixed(struct rd *r, size_t n)
{
	struct span s;

	if (r->failed || (size_t)(r->end - r->p) < n) {
		rd_fail(r);
		return (struct span){ r->end, 0 };
	}
	s = span_of(r->p, n);
	r->p += n;
	return s;
}

struct span
rd_blob(struct rd *r, size_t max)
{
	uint64_t n = rd_varint_max(r, max);

	return rd_fixed(r, (size_t)n);
}

void
wr_u8(struct bytes *b, uint8_t v)
{
	bytes_byte(b, v);
}

void
wr_u32(struct bytes *b, uint32_t v)
{
	uint8_t at[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	bytes_put(b, at, sizeof(at));
}

void
wr_u64(struct bytes *b, uint64_t v)
{
	wr_u32(b, (uint32_t)(v >> 32));
	wr_u32(b, (uint32_t)v);
}

void
wr_varint(struct bytes *b, uint64_t v)
{
	uint8_t at[VARINT_BYTES_MAX];
	size_t n = 0;

	while (v >= 0x80) {
		at[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	at[n++] = (uint8_t)v;
	bytes_put(b, at, n);
}

void
wr_signed(struct bytes *b, int64_t v)
{
	wr_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void
wr_blob(struct bytes *b, struct span s)
{
	wr_varint(b, s.n);
	bytes_put(b, s.p, s.n);
}
