/* tau2-bench: the messages of a simulation. */
#include <stdio.h>

#include "base/check.h"
#include "wire/tau2_priv.h"

enum { LOOKBACK_MAX = 256 }; /* tool calls a result may answer */

static enum errc read_usage(struct json message, struct usage *out, struct err *err)
{
    CHECK(out != NULL);
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

size_t tau2_step(struct wire_decoder *decoder, const struct tau2_simulation *simulation,
                 enum step_kind kind, const char *suffix, int64_t part)
{
    char text[2 * TAU2_ID_BYTES_MAX];
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

static void take_calls(struct wire_decoder *decoder, const struct tau2_simulation *simulation,
                       struct json message, struct str caller, struct str agent)
{
    CHECK(caller.size > 0);
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
        const size_t index = tau2_step(decoder, simulation, STEP_TOOL, "t", part);
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
        wire_text_begin(decoder);
        wire_arguments_json(step, json_get(call, "arguments"), &decoder->prints);
        if (agent.size == 0) { /* the simulated customer's words are not the agent's */
            wire_text_end(decoder, index, TEXT_USE);
        }
    }
}

static void take_result(struct wire_decoder *decoder, const struct tau2_simulation *simulation,
                        struct json message)
{
    CHECK(simulation->step_first <= decoder->trace.steps.count);
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
        const struct json content = json_get(message, "content");
        const struct str text = wire_content(content, &step->result_bytes);
        if (step->agent.size == 0) {
            wire_text_content(decoder, i, TEXT_RESULT, content);
        }
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

static void take_agent(struct wire_decoder *decoder, const struct tau2_run *run,
                       const struct tau2_simulation *simulation, struct json message)
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
    const size_t index = tau2_step(decoder, simulation, STEP_LLM, "m", 0);
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
    wire_text_content(decoder, index, TEXT_USE, json_get(message, "content"));
    take_calls(decoder, simulation, message, step->identity, (struct str){0});
}

static void take_user(struct wire_decoder *decoder, const struct tau2_simulation *simulation,
                      struct json message)
{
    const size_t index = tau2_step(decoder, simulation, STEP_AGENT, "u", 0);
    if (index != SIZE_MAX) {
        struct step *step = wire_step(decoder, index);
        step->name = STR("user simulator");
        step->agent = STR("user-simulator");
        step->ended_ns = wire_time(json_get(message, "timestamp"));
        step->started_ns = begun(message, step->ended_ns);
        take_calls(decoder, simulation, message, step->identity, step->agent);
    }
}

void tau2_message(struct wire_decoder *decoder, const struct tau2_run *run,
                  const struct tau2_simulation *simulation, struct json message)
{
    CHECK(simulation->sequence > 0);
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
