/* wire, tau2-bench: what its two files share. */
#ifndef WIRE_TAU2_PRIV_H
#define WIRE_TAU2_PRIV_H

#include "wire/wire_priv.h"

enum { TAU2_ID_BYTES_MAX = 120 }; /* of a simulation, task, domain or model */

/* What all simulations of the file have in common. */
struct tau2_run {
    struct str domain;
    struct str model;
    struct str implementation;
    struct str user_model;
};

struct tau2_simulation {
    size_t attempt_index;
    struct str id;
    size_t step_first;
    int64_t sequence;
};

/* A step named by its simulation, `suffix`, its place and its part there. SIZE_MAX: no room. */
size_t tau2_step(struct wire_decoder *decoder, const struct tau2_simulation *simulation,
                 enum step_kind kind, const char *suffix, int64_t part);
/* The message at simulation->sequence, from 1. */
void tau2_message(struct wire_decoder *decoder, const struct tau2_run *run,
                  const struct tau2_simulation *simulation, struct json message);

#endif
