/* sync/cursor.h - one cursor for all reading of bytes, one set of writers for all emitting.
 *
 * Failure is sticky inside `struct rd`: a parser reads as the grammar and checks once, with rd_done() or rd_ok().
 * After a failure every read returns zero or an empty span.
 * Numbers: varint is little-endian base 128, at most 10 bytes, shortest form only (a longer form fails: canonical).
 * Signed numbers are zigzag varints.  u32/u64 are big-endian and fixed.
 */
#ifndef SYNC_CURSOR_H
#define SYNC_CURSOR_H

#include "mem.h"

struct rd {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

struct rd rd_over(const void *p, size_t n);
struct rd rd_span(struct span s);
bool rd_ok(const struct rd *r);		/* nothing failed so far */
bool rd_done(const struct rd *r);	/* nothing failed and every byte was read */
size_t rd_left(const struct rd *r);
uint8_t rd_u8(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint64_t rd_varint(struct rd *r);
uint64_t rd_varint_max(struct rd *r, uint64_t max);	/* fails above @max */
int64_t rd_signed(struct rd *r);
struct span rd_fixed(struct rd *r, size_t n);		/* @n bytes, borrowed */
struct span rd_blob(struct rd *r, size_t max);		/* varint length, then bytes; fails above @max */
void rd_fail(struct rd *r);

void wr_u8(struct bytes *b, uint8_t v);
void wr_u32(struct bytes *b, uint32_t v);
void wr_u64(struct bytes *b, uint64_t v);
void wr_varint(struct bytes *b, uint64_t v);
void wr_signed(struct bytes *b, int64_t v);
void wr_blob(struct bytes *b, struct span s);

#define VARINT_BYTES_MAX 10

#endif
