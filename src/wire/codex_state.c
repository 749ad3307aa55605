/* Codex CLI: running totals, and what of a file its next reading must know. */
#include "base/check.h"
#include "wire/codex_priv.h"

/* A session's running total; far beyond any, far below an overflow. */
#define TOTAL_MAX INT64_C(1000000000000000)

const char *const codex_total_names[T_COUNT] = {
    [T_INPUT] = "input_tokens",
    [T_CACHED] = "cached_input_tokens",
    [T_WRITTEN] = "cache_write_input_tokens",
    [T_OUTPUT] = "output_tokens",
    [T_REASONING] = "reasoning_output_tokens",
    [T_TOTAL] = "total_tokens",
};

struct codex *codex_of(struct wire_decoder *decoder)
{
    CHECK(decoder != NULL);
    if (decoder->codex == NULL && !decoder->full) {
        decoder->codex = arena_new(decoder->arena, struct codex, 1);
        decoder->full = decoder->codex == NULL;
    }
    return decoder->codex;
}

enum errc codex_totals(struct json node, const char *name, int64_t out[static T_COUNT],
                       struct err *err)
{
    CHECK(out != NULL);
    for (int i = 0; i < T_COUNT; i++) {
        const struct json figure = json_get(node, codex_total_names[i]);
        const enum json_kind kind = json_kind(figure);
        out[i] = kind == JSON_ABSENT || kind == JSON_NULL ? 0 : json_int64(figure, -1);
        if (out[i] < 0 || out[i] > TOTAL_MAX) {
            return err_set(err, ERR_RANGE, "%s.%s is not a count", name, codex_total_names[i]);
        }
    }
    return ERR_OK;
}

void codex_load(struct wire_decoder *decoder, struct json state)
{
    struct codex *codex = codex_of(decoder);
    if (codex == NULL) {
        return;
    }
    codex->thread = wire_intern(decoder, json_str(json_get(state, "thread")));
    codex->has_meta = codex->thread.size > 0;
    codex->session = wire_intern(decoder, json_str(json_get(state, "session")));
    codex->agent = wire_intern(decoder, json_str(json_get(state, "agent")));
    codex->provider = wire_intern(decoder, json_str(json_get(state, "provider")));
    codex->model = wire_intern(decoder, json_str(json_get(state, "model")));
    const int64_t tier = json_int64(json_get(state, "tier"), 0);
    codex->tier = tier > 0 && tier < TIER_COUNT ? (enum service_tier)tier : TIER_STANDARD;
    codex->replaying = json_bool(json_get(state, "replaying"), false);
    codex->replayed_ns = json_int64(json_get(state, "replayed_ns"), TIME_UNKNOWN);
    codex->has_totals = json_bool(json_get(state, "has_totals"), false);
    struct err err;
    if (codex_totals(json_get(state, "totals"), "totals", codex->totals, &err) != ERR_OK ||
        codex_totals(json_get(state, "last"), "last", codex->last, &err) != ERR_OK) {
        codex->has_totals = false;
    }
    wire_sessions_load(decoder, json_get(state, "sessions"));
}

static void save_totals(struct text *out, const char *name, const int64_t totals[static T_COUNT])
{
    json_name(out, name);
    json_open_object(out);
    for (int i = 0; i < T_COUNT; i++) {
        json_name(out, codex_total_names[i]);
        json_put_int64(out, totals[i]);
    }
    json_close_object(out);
}

void codex_save(struct wire_decoder *decoder, const void *state, struct text *out)
{
    CHECK(out != NULL);
    static const struct codex empty;
    const struct codex *codex = state != NULL ? state : decoder->codex;
    codex = codex != NULL ? codex : &empty;
    const struct {
        const char *name;
        struct str value;
    } texts[] = {{"thread", codex->thread},
                 {"session", codex->session},
                 {"agent", codex->agent},
                 {"provider", codex->provider},
                 {"model", codex->model}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        wire_save(out, texts[i].name, texts[i].value);
    }
    json_name(out, "tier");
    json_put_int64(out, codex->tier);
    json_name(out, "replaying");
    json_put_bool(out, codex->replaying);
    json_name(out, "replayed_ns");
    json_put_int64(out, codex->replayed_ns);
    json_name(out, "has_totals");
    json_put_bool(out, codex->has_totals);
    save_totals(out, "totals", codex->totals);
    save_totals(out, "last", codex->last);
    wire_sessions_save(decoder, out);
}
