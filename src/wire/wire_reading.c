/*
 * Readings of one model call: a log may tell of a call several times while it is written, and copy
 * it into other sessions later. The fullest reading is the step.
 *
 * A call is growing from its first line until another call of the same agent begins; as long as it
 * grows it is one stretch of lines, from the first time stamp to the last.
 */
#include "base/check.h"
#include "wire/wire_priv.h"

/* The step is the last call of its agent: the one before it is complete. */
static void track_growth(struct wire_decoder *decoder, size_t index, struct str agent)
{
    CHECK(decoder->growing_count <= WIRE_AGENTS_MAX);
    size_t at = 0;
    while (at < decoder->growing_count && !str_equal(decoder->growing[at].agent, agent)) {
        at++;
    }
    if (at == WIRE_AGENTS_MAX) {
        wire_step_close(decoder, decoder->growing[0].step);
        at--;
        memmove(&decoder->growing[0], &decoder->growing[1], at * sizeof decoder->growing[0]);
    } else if (at < decoder->growing_count) {
        wire_step_close(decoder, decoder->growing[at].step);
    } else {
        decoder->growing_count++;
    }
    decoder->growing[at].agent = agent;
    decoder->growing[at].step = index;
    decoder->extras.rows[index].unit = wire_unit_open(decoder);
}

size_t wire_take_reading(struct wire_decoder *decoder, struct str identity,
                         const struct step *reading, bool *out_is_kept)
{
    CHECK(out_is_kept != NULL);
    size_t index = wire_step_find(decoder, identity);
    const bool is_new = index == SIZE_MAX;
    if (is_new && !decoder->full) {
        index = wire_step_new(decoder, reading->attempt_index, STEP_LLM, identity);
    }
    if (index == SIZE_MAX || decoder->full) {
        return SIZE_MAX;
    }
    struct step *step = wire_step(decoder, index);
    const bool grows = !is_new && decoder->extras.rows[index].unit != SIZE_MAX &&
                       str_equal(step->agent, reading->agent);
    if (is_new || wire_step_is_fuller(step, reading)) {
        const struct step before = *step;
        *step = *reading;
        step->identity = before.identity;
        step->model = wire_intern(decoder, reading->model);
        step->region = wire_intern(decoder, reading->region);
        step->provider = wire_intern(decoder, reading->provider);
        step->alias = wire_intern(decoder, reading->alias);
        if (grows) {
            step->line = before.line;
            step->sequence = before.sequence;
            step->started_ns = before.started_ns;
            step->ended_ns = wire_end(step->started_ns, reading->ended_ns);
        } else if (!decoder->full) {
            wire_step_close(decoder, index);
            track_growth(decoder, index, step->agent);
        }
        *out_is_kept = !decoder->full;
    } else if (grows) {
        const int64_t ended_ns = wire_end(step->started_ns, reading->ended_ns);
        step->ended_ns = ended_ns > step->ended_ns ? ended_ns : step->ended_ns;
    }
    return decoder->full ? SIZE_MAX : index;
}
