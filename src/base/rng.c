#include "base/rng.h"

#include <math.h>
#include <stddef.h>

#include "base/check.h"

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed)
{
    CHECK(rng != NULL);
    for (size_t i = 0; i < COUNT_OF(rng->state); i++) {
        rng->state[i] = splitmix(&seed);
    }
}

void rng_init_stream(struct rng *rng, uint64_t seed, uint64_t stream)
{
    uint64_t mixed = seed;
    mixed = splitmix(&mixed) ^ stream;
    rng_init(rng, splitmix(&mixed));
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(struct rng *rng)
{
    CHECK(rng != NULL);
    uint64_t *s = rng->state;
    const uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    CHECK(bound > 0);
    const uint64_t threshold = -bound % bound;
    uint64_t value = rng_next(rng);
    while (value < threshold) {
        value = rng_next(rng);
    }
    return value % bound;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *rng)
{
    double u;
    double s;
    do {
        u = 2 * rng_unit(rng) - 1;
        const double v = 2 * rng_unit(rng) - 1;
        s = u * u + v * v;
    } while (s >= 1 || s <= 0);
    return u * sqrt(-2 * log(s) / s);
}

double rng_exponential(struct rng *rng)
{
    return -log1p(-rng_unit(rng));
}
