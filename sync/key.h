/* sync/key.h - 128-bit row keys and hybrid logical clock readings.
 *
 * A minted key is  milliseconds (6) | counter (4) | short origin (6), big-endian: keys sort by age, never collide
 * (the counter belongs to one incarnation, whose short origin no other has), and cost a byte or two in a commit.
 * Its text form is 26 characters of Crockford's base 32 in lower case, which sorts like the bytes.
 *
 * A clock reading (HLC) is  milliseconds since 1970 (48 bit) << 16 | counter.
 */
#ifndef SYNC_KEY_H
#define SYNC_KEY_H

#include "catalogue.h"

#define KEY_TEXT_CHARS		26
#define ORIGIN_BYTES		8
#define ORIGIN_SHORT_BYTES	6

struct key {
	uint8_t b[KEY_BYTES];
};

/* Only the first ORIGIN_SHORT_BYTES of @origin count. */
void key_make(struct key *k, uint64_t ms, uint32_t counter, const uint8_t origin[ORIGIN_SHORT_BYTES]);
void key_format(const uint8_t b[KEY_BYTES], char out[KEY_TEXT_CHARS + 1]);
/* Accepts upper and lower case; refuses anything that key_format could not have written but for case. */
bool key_parse(struct span text, struct key *out);
uint64_t key_ms(const uint8_t b[KEY_BYTES]);

#define HLC_MS(h)	((h) >> 16)
#define HLC_MAKE(ms)	((uint64_t)(ms) << 16)

/* "2018-11-01T07:30:00.123Z" for a clock reading's milliseconds; years 1970-9999. */
#define TIME_TEXT_CHARS 24
void key_time_format(uint64_t ms, char out[TIME_TEXT_CHARS + 1]);

#endif
