#include "tests/sim/prng.h"

#include <string.h>

#include "sync/rc.h"

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t
rotl(uint64_t x, unsigned by)
{
	return (x << by) | (x >> (64 - by));
}

void
prng_seed(struct prng *prng, uint64_t seed)
{
	for (size_t i = 0; i < 4; i++)
		prng->s[i] = splitmix64(&seed);
}

uint64_t
prng_next(struct prng *prng)
{
	uint64_t *s = prng->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

uint64_t
prng_below(struct prng *prng, uint64_t n)
{
	uint64_t skip, x;

	INVARIANT(n != 0);
	skip = (UINT64_MAX - n + 1) % n;	/* 2^64 mod n: the values that would favour the low */
	do {
		x = prng_next(prng);
	} while (x < skip);
	return x % n;
}

bool
prng_chance(struct prng *prng, uint64_t num, uint64_t den)
{
	return prng_below(prng, den) < num;
}

void
prng_fill(struct prng *prng, void *buf, size_t len)
{
	uint8_t *p = buf;

	while (len > 0) {
		uint64_t x = prng_next(prng);
		size_t n = len < sizeof(x) ? len : sizeof(x);

		memcpy(p, &x, n);
		p += n;
		len -= n;
	}
}

static void
swap(uint8_t *a, uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

void
prng_shuffle(struct prng *prng, void *base, size_t count, size_t item_bytes)
{
	uint8_t *p = base;

	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)prng_below(prng, i);

		if (j != i - 1)
			swap(p + j * item_bytes, p + (i - 1) * item_bytes, item_bytes);
	}
}
