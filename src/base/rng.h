/* rng: seeded pseudo-random numbers; the same seed gives the same numbers on every machine.
 * Source: Blackman and Vigna, xoshiro256++ 1.0; seeded by splitmix64 (both public domain). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
/* An independent stream of the same seed, so that adding draws in one place moves no other. */
void rng_init_stream(struct rng *rng, uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *rng);
/* Uniform in [0, bound), without modulo bias. bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* Uniform in [0, 1), 53 bits. */
double rng_unit(struct rng *rng);
/* Standard normal (polar method) and exponential with mean 1. */
double rng_normal(struct rng *rng);
double rng_exponential(struct rng *rng);

#endif
