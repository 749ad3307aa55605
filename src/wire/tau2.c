/*
 * tau2-bench results: one document of simulations, or one simulation a file. A simulation is a
 * case of one attempt. Only the agent's calls are its cost; the simulated customer stands by as
 * steps without usage. Source: docs/formats.md.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "wire/tau2_priv.h"

#define REWARD_RESOLVED 0.999

static struct str clipped(struct str text)
{
    text.size = text.size < TAU2_ID_BYTES_MAX ? text.size : TAU2_ID_BYTES_MAX;
    return text;
}

/* Ids that some versions write as numbers. */
static struct str id_text(struct json node, char buffer[static 32])
{
    const struct str text = json_str(node);
    if (text.data != NULL || !json_is_number(node)) {
        return clipped(text);
    }
    const int size = snprintf(buffer, 32, "%lld", (long long)json_int64(node, -1));
    CHECK(size > 0);
    return (struct str){buffer, (size_t)size};
}

/* "…/<run>/simulations/<id>.json" -> "<run>", where the file does not say its domain. */
static struct str run_of_path(const struct wire_decoder *decoder)
{
    struct str path = decoder->path;
    path.size -= wire_last_component(path).size;
    const struct str folder = wire_last_component(path);
    if (!str_equal(folder, STR("simulations"))) {
        return decoder->stem;
    }
    const char *start = folder.data;
    return wire_last_component((struct str){path.data, (size_t)(start - path.data)});
}

/* How it ended: a step, and where a reward was given, an outcome. */
static void take_end(struct wire_decoder *decoder, struct tau2_simulation *simulation,
                     struct json node)
{
    CHECK(simulation->id.size > 0);
    static const char *const limits[] = {"max_steps", "timeout", "context_window_exceeded"};
    const struct str reason = json_str(json_get(node, "termination_reason"));
    const int64_t ended_ns = wire_time(json_get(node, "end_time"));
    simulation->sequence++;
    const size_t index = tau2_step(decoder, simulation, STEP_AGENT, "e", 0);
    if (index == SIZE_MAX) {
        return;
    }
    struct step *step = wire_step(decoder, index);
    const bool stopped = str_ends_with(reason, STR("_stop"));
    step->name = STR("termination");
    step->status = stopped || reason.size == 0 ? STATUS_OK : STATUS_ERROR;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (str_equal(reason, str_from(limits[i]))) {
            step->status = STATUS_INTERRUPTED;
        }
    }
    step->note = wire_shorten(decoder, reason, WIRE_NOTE_BYTES_MAX);
    step->started_ns = ended_ns;
    step->ended_ns = ended_ns;
    const struct json reward = json_path(node, "reward_info.reward");
    if (!json_is_number(reward) || decoder->full) {
        return; /* nobody judged it */
    }
    const double quality = json_double(reward, 0);
    struct attempt *attempt = &decoder->trace.attempts.rows[simulation->attempt_index];
    attempt->has_succeeded = true;
    attempt->succeeded = quality > REWARD_RESOLVED;
    const struct str id = wire_format_copy(decoder, "tau2:" STR_FORMAT, STR_ARG(simulation->id));
    const size_t row =
        decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->trace.outcomes);
    if (row == SIZE_MAX) {
        decoder->full = true;
        return;
    }
    decoder->trace.outcomes.rows[row] = (struct outcome){
        .id = id,
        .case_id = decoder->trace.cases.rows[attempt->case_index].id,
        .status = attempt->succeeded ? OUTCOME_RESOLVED : OUTCOME_FAILED,
        .effective_ns = ended_ns,
        .recorded_ns = ended_ns,
        .has_quality = quality >= 0 && quality <= 1,
        .quality = quality >= 0 && quality <= 1 ? quality : 0,
        .source = STR("tau2-bench"),
    };
}

static size_t case_of(struct wire_decoder *decoder, const struct tau2_run *run, struct json node,
                      struct str task)
{
    char trial_text[32];
    const int64_t trial = json_int64(json_get(node, "trial"), 0);
    const int size = snprintf(trial_text, sizeof trial_text, "%lld", (long long)trial);
    CHECK(size > 0);
    const struct str id = wire_format_copy(
        decoder, STR_FORMAT "/" STR_FORMAT "%s" STR_FORMAT "/%s", STR_ARG(run->domain),
        STR_ARG(run->model), run->model.size > 0 ? "/" : "", STR_ARG(task), trial_text);
    const size_t known = decoder->full ? SIZE_MAX : wire_index_find(&decoder->sessions, id);
    if (known != SIZE_MAX) {
        return known;
    }
    const struct attribute attributes[] = {
        {STR("domain"), run->domain},
        {STR("task"), wire_intern(decoder, task)},
        {STR("trial"), wire_intern(decoder, (struct str){trial_text, (size_t)size})},
        {STR("agent_model"), run->model},
        {STR("user_model"), run->user_model},
    };
    const struct str key =
        wire_format_copy(decoder, STR_FORMAT "/" STR_FORMAT, STR_ARG(run->domain), STR_ARG(task));
    const size_t row = wire_case(decoder, id, key, attributes, COUNT_OF(attributes));
    if (!decoder->full && !wire_index_add(&decoder->sessions, decoder->arena, id, row)) {
        decoder->full = true;
    }
    return row;
}

static void take_simulation(struct wire_decoder *decoder, const struct tau2_run *run,
                            struct json node, int64_t number)
{
    CHECK(number > 0);
    char task_text[32];
    const struct str task = id_text(json_get(node, "task_id"), task_text);
    const struct str id = clipped(json_str(json_get(node, "id")));
    if (task.size == 0 || id.size == 0) {
        wire_reject(decoder, 0, "simulation %lld: no id and task_id", (long long)number);
        return;
    }
    if (wire_index_find(&decoder->outcomes, id) != SIZE_MAX) {
        wire_reject(decoder, 0, "simulation %lld: its id was used before", (long long)number);
        return;
    }
    struct tau2_simulation simulation = {.id = wire_copy(decoder, id),
                                         .step_first = decoder->trace.steps.count};
    const size_t case_index = case_of(decoder, run, node, task);
    simulation.attempt_index =
        wire_attempt_of(decoder, case_index, simulation.id, run->implementation);
    if (decoder->full ||
        !wire_index_add(&decoder->outcomes, decoder->arena, simulation.id, (size_t)number)) {
        decoder->full = true;
        return;
    }
    const struct json messages = json_get(node, "messages");
    if (json_kind(messages) == JSON_ARRAY) {
        struct json_cursor cursor = json_iter(messages);
        struct json message;
        while (!decoder->full && json_next(&cursor, NULL, &message)) {
            simulation.sequence++;
            tau2_message(decoder, run, &simulation, message);
        }
    } else if (json_kind(json_get(node, "ticks")) == JSON_ARRAY) {
        simulation.sequence++; /* spoken: one session of a realtime model, billed as a whole */
        const size_t index = tau2_step(decoder, &simulation, STEP_LLM, "m", 0);
        if (index != SIZE_MAX) {
            struct step *step = wire_step(decoder, index);
            step->model = run->model;
            step->note = STR("voice session");
            step->started_ns = wire_time(json_get(node, "start_time"));
            step->ended_ns = wire_end(step->started_ns, wire_time(json_get(node, "end_time")));
            step->has_reported = wire_money(json_get(node, "agent_cost"), &step->reported_pusd);
        }
    }
    if (!decoder->full) {
        take_end(decoder, &simulation, node);
    }
}

static void tau2_document(struct wire_decoder *decoder, struct json root)
{
    const struct json info = json_get(root, "info");
    const struct json simulations = json_get(root, "simulations");
    struct str domain = json_str(json_path(info, "environment_info.domain_name"));
    domain = domain.size > 0 ? domain : run_of_path(decoder);
    const struct tau2_run run = {
        .domain = wire_intern(decoder, clipped(domain)),
        .model = wire_intern(decoder, clipped(json_str(json_path(info, "agent_info.llm")))),
        .implementation =
            wire_intern(decoder, json_str(json_path(info, "agent_info.implementation"))),
        .user_model = wire_intern(decoder, json_str(json_path(info, "user_info.llm"))),
    };
    decoder->trace.lines++;
    if (json_kind(simulations) == JSON_ARRAY) {
        struct json_cursor cursor = json_iter(simulations);
        struct json node;
        for (int64_t number = 1; !decoder->full && json_next(&cursor, NULL, &node); number++) {
            take_simulation(decoder, &run, node, number);
        }
    } else if (json_kind(json_get(root, "task_id")) != JSON_ABSENT) {
        take_simulation(decoder, &run, root, 1);
    } else {
        wire_reject(decoder, 0, "neither simulations nor a simulation");
    }
}

const struct wire_ops wire_tau2 = {
    .name = "tau2",
    .is_document = true,
    .document = tau2_document,
};
