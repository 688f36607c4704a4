/* tests/sim/prng.h - the one source of chance in the simulator.
 *
 * xoshiro256** seeded through splitmix64: small, fast, and the same on every machine.  Not for keys.
 * A struct prng is plain data: copy it to fork a stream that repeats the original.
 */
#ifndef TESTS_SIM_PRNG_H
#define TESTS_SIM_PRNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t s[4];		/* never all zero: splitmix64 sees to it */
};

/* Start the stream that belongs to @seed; every seed, 0 too, is good. */
void prng_seed(struct prng *prng, uint64_t seed);

uint64_t prng_next(struct prng *prng);

/* A number in [0, @n), without bias; @n must not be 0. */
uint64_t prng_below(struct prng *prng, uint64_t n);

/* True @num times out of @den. */
bool prng_chance(struct prng *prng, uint64_t num, uint64_t den);

/* Fill @buf with @len bytes. */
void prng_fill(struct prng *prng, void *buf, size_t len);

/* Put the @count elements of @item_bytes bytes at @base in a random order. */
void prng_shuffle(struct prng *prng, void *base, size_t count, size_t item_bytes);

#endif
