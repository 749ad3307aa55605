/*
 * tau2-bench results: one document of simulations, or one simulation a file. A simulation is a
 * case of one attempt. Only the agent's calls are its cost; the simulated customer stands by as
 * steps without usage. Source: docs/formats.md.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "wire/wire_priv.h"

enum {
    LOOKBACK_MAX = 256, /* tool calls a result may answer */
    ID_PART_BYTES_MAX = 120,
};
#define REWARD_RESOLVED 0.999

/* What all simulations of the file have in common. */
struct run {
    struct str domain;
    struct str model;
    struct str implementation;
    struct str user_model;
};

struct simulation {
    size_t attempt_index;
    struct str id;
    size_t step_first;
    int64_t sequence;
};

static struct str clipped(struct str text)
{
    text.size = text.size < ID_PART_BYTES_MAX ? text.size : ID_PART_BYTES_MAX;
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

static enum errc read_usage(struct json message, struct usage *out, struct err *err)
{
    const struct json usage = json_get(message, "usage");
    const struct json raw = json_path(message, "raw_data.usage");
    int64_t prompt = 0;
    int64_t output = 0;
    int64_t read = 0;
    int64_t written = 0;
    int64_t reasoning = 0;
    struct json cached = json_path(usage, "prompt_tokens_details.cached_tokens");
    cached = json_is_number(cached) ? cached : json_get(usage, "cache_read_input_tokens");
    cached = json_is_number(cached) ? cached : json_get(raw, "cache_read_input_tokens");
    struct json creation = json_get(usage, "cache_creation_input_tokens");
    creation = json_is_number(creation) ? creation : json_get(raw, "cache_creation_input_tokens");
    const struct {
        struct json node;
        const char *name;
        int64_t *out;
    } figures[] = {
        {json_get(usage, "prompt_tokens"), "usage.prompt_tokens", &prompt},
        {json_get(usage, "completion_tokens"), "usage.completion_tokens", &output},
        {cached, "cached tokens", &read},
        {creation, "cache_creation_input_tokens", &written},
        {json_path(usage, "completion_tokens_details.reasoning_tokens"), "reasoning_tokens",
         &reasoning},
    };
    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        const enum errc code = wire_count(figures[i].node, figures[i].name, figures[i].out, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    /* prompt_tokens holds what is cached; where it is less than that, it cannot. */
    const bool is_inclusive = read + written <= prompt;
    out->counts[USAGE_INPUT_UNCACHED] = is_inclusive ? prompt - read - written : prompt;
    out->counts[USAGE_CACHE_READ] = read;
    out->counts[USAGE_CACHE_WRITE_5M] = written;
    out->counts[USAGE_OUTPUT] = output;
    out->counts[USAGE_REQUESTS] = 1;
    out->reasoning = reasoning < output ? reasoning : output;
    return ERR_OK;
}

/* When the message was begun: its stamp is its end. */
static int64_t begun(struct json message, int64_t ended_ns)
{
    const double seconds = json_double(json_get(message, "generation_time_seconds"), 0);
    if (ended_ns == TIME_UNKNOWN || !(seconds > 0) || seconds > 86400) {
        return ended_ns;
    }
    return ended_ns - (int64_t)(seconds * 1e9);
}

static size_t add_step(struct wire_decoder *decoder, const struct simulation *simulation,
                       enum step_kind kind, const char *suffix, int64_t part)
{
    char text[2 * ID_PART_BYTES_MAX];
    const int size =
        snprintf(text, sizeof text, "tau2:" STR_FORMAT ":%s%lld.%lld", STR_ARG(simulation->id),
                 suffix, (long long)simulation->sequence, (long long)part);
    CHECK(size > 0);
    CHECK((size_t)size < sizeof text);
    if (decoder->full) {
        return SIZE_MAX;
    }
    const size_t index =
        wire_step_new(decoder, simulation->attempt_index, kind, (struct str){text, (size_t)size});
    if (index != SIZE_MAX) {
        wire_step(decoder, index)->sequence = simulation->sequence;
    }
    return index;
}

static void take_calls(struct wire_decoder *decoder, const struct simulation *simulation,
                       struct json message, struct str caller, struct str agent)
{
    const struct json calls = json_get(message, "tool_calls");
    const int64_t time_ns = wire_time(json_get(message, "timestamp"));
    struct json_cursor cursor = json_iter(calls);
    struct json call;
    for (int64_t part = 1; json_kind(calls) == JSON_ARRAY && json_next(&cursor, NULL, &call);
         part++) {
        const struct str name = json_str(json_get(call, "name"));
        if (name.size == 0) {
            wire_reject(decoder, 0,
                        "simulation " STR_FORMAT ", message %lld: a tool call without "
                        "a name",
                        STR_ARG(simulation->id), (long long)simulation->sequence);
            continue;
        }
        const size_t index = add_step(decoder, simulation, STEP_TOOL, "t", part);
        if (index == SIZE_MAX) {
            return;
        }
        const struct str id = wire_copy(decoder, json_str(json_get(call, "id")));
        decoder->extras.rows[index].call = id;
        decoder->extras.rows[index].awaits = true;
        struct step *step = wire_step(decoder, index);
        step->status = STATUS_INTERRUPTED; /* until its result is seen */
        step->caller = caller;
        step->agent = agent;
        step->name = wire_intern(decoder, name);
        step->effect = wire_effect(name);
        step->started_ns = time_ns;
        wire_arguments_json(step, json_get(call, "arguments"));
    }
}

static void take_result(struct wire_decoder *decoder, const struct simulation *simulation,
                        struct json message)
{
    const struct str id = json_str(json_get(message, "id"));
    const size_t count = decoder->trace.steps.count;
    size_t first = simulation->step_first;
    first = count - first > LOOKBACK_MAX ? count - LOOKBACK_MAX : first;
    for (size_t i = first; i < count; i++) {
        struct step_extra *extra = &decoder->extras.rows[i];
        if (!extra->awaits || !str_equal(extra->call, id)) {
            continue;
        }
        extra->awaits = false;
        struct step *step = wire_step(decoder, i);
        const struct str text = wire_content(json_get(message, "content"), &step->result_bytes);
        const bool failed = json_bool(json_get(message, "error"), false);
        step->status = failed ? STATUS_ERROR : STATUS_OK;
        step->ended_ns = wire_end(step->started_ns, wire_time(json_get(message, "timestamp")));
        if (failed) {
            step->note = wire_shorten(decoder, text, WIRE_NOTE_BYTES_MAX);
        }
        return;
    }
    decoder->ignored++;
}

static void take_agent(struct wire_decoder *decoder, const struct run *run,
                       const struct simulation *simulation, struct json message)
{
    const bool has_usage = json_kind(json_get(message, "usage")) == JSON_OBJECT;
    const bool has_calls = json_count(json_get(message, "tool_calls")) > 0;
    struct step call = {.model = run->model};
    call.has_reported = wire_money(json_get(message, "cost"), &call.reported_pusd);
    if (!has_usage && !has_calls && !call.has_reported &&
        json_kind(json_get(message, "raw_data")) != JSON_OBJECT) {
        decoder->ignored++; /* the fixed greeting: nobody was asked */
        return;
    }
    struct err err;
    if (has_usage && read_usage(message, &call.usage, &err) != ERR_OK) {
        wire_reject(decoder, 0, "simulation " STR_FORMAT ", message %lld: %s",
                    STR_ARG(simulation->id), (long long)simulation->sequence, err.text);
        return;
    }
    const size_t index = add_step(decoder, simulation, STEP_LLM, "m", 0);
    if (index == SIZE_MAX) {
        return;
    }
    struct step *step = wire_step(decoder, index);
    step->ended_ns = wire_time(json_get(message, "timestamp"));
    step->started_ns = begun(message, step->ended_ns);
    step->model = call.model;
    if (step->model.size == 0) {
        step->model = wire_intern(decoder, json_str(json_path(message, "raw_data.model")));
    }
    step->usage = call.usage;
    step->has_usage = has_usage;
    step->has_reported = call.has_reported;
    step->reported_pusd = call.reported_pusd;
    if (has_usage) {
        const struct str raw = wire_minify(decoder, json_get(message, "usage"));
        step->raw_usage = raw.size <= WIRE_RAW_BYTES_MAX ? wire_copy(decoder, raw) : STR("");
    }
    take_calls(decoder, simulation, message, step->identity, (struct str){0});
}

static void take_user(struct wire_decoder *decoder, const struct simulation *simulation,
                      struct json message)
{
    const size_t index = add_step(decoder, simulation, STEP_AGENT, "u", 0);
    if (index != SIZE_MAX) {
        struct step *step = wire_step(decoder, index);
        step->name = STR("user simulator");
        step->agent = STR("user-simulator");
        step->ended_ns = wire_time(json_get(message, "timestamp"));
        step->started_ns = begun(message, step->ended_ns);
        take_calls(decoder, simulation, message, step->identity, step->agent);
    }
}

static void take_message(struct wire_decoder *decoder, const struct run *run,
                         const struct simulation *simulation, struct json message)
{
    const struct str role = json_str(json_get(message, "role"));
    const struct json several = json_get(message, "tool_messages");
    if (str_equal(role, STR("assistant"))) {
        take_agent(decoder, run, simulation, message);
    } else if (str_equal(role, STR("user"))) {
        take_user(decoder, simulation, message);
    } else if (json_kind(several) == JSON_ARRAY) {
        struct json_cursor cursor = json_iter(several);
        struct json one;
        while (json_next(&cursor, NULL, &one)) {
            take_result(decoder, simulation, one);
        }
    } else if (str_equal(role, STR("tool"))) {
        take_result(decoder, simulation, message);
    } else if (role.size > 0) {
        decoder->ignored++;
    } else {
        wire_reject(decoder, 0, "simulation " STR_FORMAT ", message %lld: no role",
                    STR_ARG(simulation->id), (long long)simulation->sequence);
    }
}

/* How it ended: a step, and where a reward was given, an outcome. */
static void take_end(struct wire_decoder *decoder, struct simulation *simulation, struct json node)
{
    static const char *const limits[] = {"max_steps", "timeout", "context_window_exceeded"};
    const struct str reason = json_str(json_get(node, "termination_reason"));
    const int64_t ended_ns = wire_time(json_get(node, "end_time"));
    simulation->sequence++;
    const size_t index = add_step(decoder, simulation, STEP_AGENT, "e", 0);
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

static size_t case_of(struct wire_decoder *decoder, const struct run *run, struct json node,
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

static void take_simulation(struct wire_decoder *decoder, const struct run *run, struct json node,
                            int64_t number)
{
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
    struct simulation simulation = {.id = wire_copy(decoder, id),
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
            take_message(decoder, run, &simulation, message);
        }
    } else if (json_kind(json_get(node, "ticks")) == JSON_ARRAY) {
        simulation.sequence++; /* spoken: one session of a realtime model, billed as a whole */
        const size_t index = add_step(decoder, &simulation, STEP_LLM, "m", 0);
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
    const struct run run = {
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
