/* The figures of a record, by the attributes or by Langfuse's details, and as they came. */
#include "base/check.h"
#include "wire/otlp_priv.h"

static const enum otlp_role token_roles[] = {
    OTLP_ROLE_INPUT,     OTLP_ROLE_OUTPUT,      OTLP_ROLE_CACHE_READ,  OTLP_ROLE_CACHE_WRITE,
    OTLP_ROLE_REASONING, OTLP_ROLE_THOUGHTS,    OTLP_ROLE_TOOL_TOKENS, OTLP_ROLE_INPUT_AUDIO,
    OTLP_ROLE_TOTAL,     OTLP_ROLE_OUTPUT_AUDIO};

/* False: one of them is no count. */
static bool read_attributes(const struct otlp *otlp, struct otlp_figures *figures)
{
    bool all = true;
    for (size_t i = 0; i < COUNT_OF(token_roles); i++) {
        const enum otlp_role role = token_roles[i];
        const struct otlp_attribute *const attribute = otlp->slots[role].attribute;
        if (attribute != NULL) {
            figures->has[role] = otlp_integer(&attribute->value, &figures->counts[role]);
            all = all && figures->has[role];
        }
    }
    return all;
}

/* Names in usage_details. Parts stand beside `input` and `output`, not in them. Source: Langfuse,
 * "Token & cost tracking"; @langfuse/tracing 5.11.1. */
enum detail {
    DETAIL_INPUT,
    DETAIL_OUTPUT,
    DETAIL_READ,
    DETAIL_WRITE,
    DETAIL_WRITE_1H,
    DETAIL_REASONING,
    DETAIL_TOTAL,
    DETAIL_AUDIO,
    DETAIL_AUDIO_OUT,
    DETAIL_IMAGE,
    DETAIL_PROMPT,
    DETAIL_COMPLETION,
    DETAIL_SEARCHES
};

static const struct {
    struct str name;
    enum detail detail;
} detail_names[] = {
    {STR_STATIC("input"), DETAIL_INPUT},
    {STR_STATIC("input_tokens"), DETAIL_INPUT},
    {STR_STATIC("input_text"), DETAIL_INPUT},
    {STR_STATIC("output"), DETAIL_OUTPUT},
    {STR_STATIC("output_tokens"), DETAIL_OUTPUT},
    {STR_STATIC("output_text"), DETAIL_OUTPUT},
    {STR_STATIC("total"), DETAIL_TOTAL},
    {STR_STATIC("total_tokens"), DETAIL_TOTAL},
    {STR_STATIC("prompt_tokens"), DETAIL_PROMPT},
    {STR_STATIC("completion_tokens"), DETAIL_COMPLETION},
    {STR_STATIC("cache_read_input_tokens"), DETAIL_READ},
    {STR_STATIC("input_cache_read"), DETAIL_READ},
    {STR_STATIC("input_cached_tokens"), DETAIL_READ},
    {STR_STATIC("cache_creation_input_tokens"), DETAIL_WRITE},
    {STR_STATIC("input_cache_creation"), DETAIL_WRITE},
    {STR_STATIC("input_cache_creation_5m"), DETAIL_WRITE},
    {STR_STATIC("input_cache_creation_1h"), DETAIL_WRITE_1H},
    {STR_STATIC("output_reasoning_tokens"), DETAIL_REASONING},
    {STR_STATIC("output_reasoning"), DETAIL_REASONING},
    {STR_STATIC("input_audio_tokens"), DETAIL_AUDIO},
    {STR_STATIC("input_audio"), DETAIL_AUDIO},
    {STR_STATIC("output_audio_tokens"), DETAIL_AUDIO_OUT},
    {STR_STATIC("output_audio"), DETAIL_AUDIO_OUT},
    {STR_STATIC("input_image"), DETAIL_IMAGE},
    {STR_STATIC("web_search_requests"), DETAIL_SEARCHES},
};

static bool count_of(struct json node, int64_t *out)
{
    const int64_t count = json_int64(node, -1);
    *out = count >= 0 && count <= USAGE_TOKENS_MAX ? count : 0;
    return json_kind(node) == JSON_NULL || (count >= 0 && count <= USAGE_TOKENS_MAX);
}

static bool take_detail(struct otlp_figures *figures, enum detail detail, int64_t count)
{
    static const enum otlp_role roles[] = {
        [DETAIL_INPUT] = OTLP_ROLE_INPUT,
        [DETAIL_OUTPUT] = OTLP_ROLE_OUTPUT,
        [DETAIL_READ] = OTLP_ROLE_CACHE_READ,
        [DETAIL_WRITE] = OTLP_ROLE_CACHE_WRITE,
        [DETAIL_WRITE_1H] = OTLP_ROLE_CACHE_WRITE,
        [DETAIL_REASONING] = OTLP_ROLE_REASONING,
        [DETAIL_TOTAL] = OTLP_ROLE_TOTAL,
        [DETAIL_AUDIO] = OTLP_ROLE_INPUT_AUDIO,
        [DETAIL_AUDIO_OUT] = OTLP_ROLE_OUTPUT_AUDIO,
        [DETAIL_IMAGE] = OTLP_ROLE_NONE,
        [DETAIL_PROMPT] = OTLP_ROLE_INPUT,
        [DETAIL_COMPLETION] = OTLP_ROLE_OUTPUT,
        [DETAIL_SEARCHES] = OTLP_ROLE_NONE,
    };
    const enum otlp_role role = roles[detail];
    figures->has[role] = true;
    figures->counts[role] += count;
    figures->cache_write_1h += detail == DETAIL_WRITE_1H ? count : 0;
    figures->input_image += detail == DETAIL_IMAGE ? count : 0;
    figures->web_searches += detail == DETAIL_SEARCHES ? count : 0;
    return detail == DETAIL_PROMPT;
}

/* usage_details: false: one of them is no count. */
static bool read_details(struct json root, struct otlp_figures *figures)
{
    CHECK(figures != NULL);
    bool all = true;
    bool is_provider_style = false; /* OpenAI's own object: parts are in prompt_tokens */
    figures->meaning = OTLP_EXCLUSIVE;
    figures->reasoning_beside = true;
    struct json_cursor cursor = json_iter(root);
    struct str name;
    struct json value;
    while (json_next(&cursor, &name, &value)) {
        for (size_t i = 0; i < COUNT_OF(detail_names); i++) {
            int64_t count = 0;
            if (str_equal(name, detail_names[i].name)) {
                all = count_of(value, &count) && all;
                is_provider_style =
                    take_detail(figures, detail_names[i].detail, count) || is_provider_style;
                break;
            }
        }
    }
    if (is_provider_style) {
        int64_t count = 0;
        figures->meaning = OTLP_EITHER;
        figures->reasoning_beside = false;
        (void)count_of(json_path(root, "prompt_tokens_details.cached_tokens"), &count);
        figures->counts[OTLP_ROLE_CACHE_READ] += count;
        (void)count_of(json_path(root, "completion_tokens_details.reasoning_tokens"), &count);
        figures->counts[OTLP_ROLE_REASONING] += count;
    }
    return all;
}

/* Figures as they came: {"gen_ai.usage.input_tokens":12}. */
static struct str raw_usage(struct otlp *otlp)
{
    CHECK(otlp->rows != NULL);
    struct text *const text = &otlp->rows->scratch;
    text_clear(text);
    json_open_object(text);
    const size_t empty = text->size;
    for (size_t i = 0; i < COUNT_OF(token_roles); i++) {
        const struct otlp_attribute *const attribute = otlp->slots[token_roles[i]].attribute;
        if (attribute == NULL) {
            continue;
        }
        json_name_str(text, attribute->key);
        switch (attribute->value.type) {
        case OTLP_INT:
            json_put_int64(text, attribute->value.integer);
            break;
        case OTLP_DOUBLE:
            json_put_double(text, attribute->value.number);
            break;
        case OTLP_BOOL:
            json_put_bool(text, attribute->value.integer != 0);
            break;
        case OTLP_TEXT:
            json_put_str(text, attribute->value.text.size <= WIRE_NOTE_BYTES_MAX
                                   ? attribute->value.text
                                   : STR("..."));
            break;
        case OTLP_NONE:
        case OTLP_BYTES:
        case OTLP_LIST:
            json_put_null(text);
            break;
        }
    }
    const struct str details = otlp_text(otlp, OTLP_ROLE_USAGE_DETAILS);
    if (details.size > 0 && details.size < WIRE_RAW_BYTES_MAX / 2) {
        json_name(text, "langfuse.observation.usage_details");
        json_put_str(text, details);
    }
    const bool is_empty = text->size == empty;
    json_close_object(text);
    const struct str raw = text_str(text);
    return is_empty || text_is_full(text) || raw.size > WIRE_RAW_BYTES_MAX
               ? (struct str){0}
               : wire_copy(otlp->rows, raw);
}

static bool has_word(const struct otlp *otlp, enum otlp_role role, const char *word)
{
    return wire_contains(otlp_text(otlp, role), word);
}

/* Providers whose own figures count caches beside the input. */
static bool counts_caches_apart(const struct otlp *otlp)
{
    return has_word(otlp, OTLP_ROLE_PROVIDER, "nthropic") ||
           has_word(otlp, OTLP_ROLE_PROVIDER, "bedrock") ||
           has_word(otlp, OTLP_ROLE_MODEL, "claude");
}

/* Whether the figure has the short name that only that program uses. */
static bool is_own_word(const struct otlp *otlp, enum otlp_role role)
{
    const struct otlp_attribute *const attribute = otlp->slots[role].attribute;
    return attribute != NULL && !wire_contains(attribute->key, ".");
}

static enum otlp_meaning meaning_of(const struct otlp *otlp, unsigned dialect)
{
    if (dialect == OTLP_DIALECT_CLAUDE && is_own_word(otlp, OTLP_ROLE_INPUT)) {
        return OTLP_EXCLUSIVE;
    }
    return dialect == OTLP_DIALECT_CODEX || dialect == OTLP_DIALECT_GEMINI ? OTLP_INCLUSIVE
                                                                           : OTLP_EITHER;
}

void otlp_usage(struct otlp *otlp, unsigned dialect, struct step *step)
{
    CHECK(step != NULL);
    struct otlp_figures figures = {.meaning = meaning_of(otlp, dialect),
                                   .caches_apart = counts_caches_apart(otlp)};
    const struct json root = otlp_details(otlp, OTLP_ROLE_USAGE_DETAILS);
    const bool has_details = json_kind(root) == JSON_OBJECT && json_count(root) > 0;
    const bool all = has_details ? read_details(root, &figures) : read_attributes(otlp, &figures);
    if (figures.has[OTLP_ROLE_THOUGHTS]) {
        figures.counts[OTLP_ROLE_REASONING] = figures.counts[OTLP_ROLE_THOUGHTS];
        figures.has[OTLP_ROLE_REASONING] = true;
        figures.reasoning_beside = true;
    }
    if (dialect == OTLP_DIALECT_GEMINI) { /* Codex fills in its total under that name */
        figures.input_more = figures.counts[OTLP_ROLE_TOOL_TOKENS];
    }
    const char *conflict = NULL;
    if (all) {
        conflict = otlp_disjoint(&figures, &step->usage, &step->has_usage);
    } else {
        conflict = "a count of tokens is none: negative, not whole or above 1,000,000,000";
    }
    step->raw_usage = raw_usage(otlp);
    const char *cost_conflict = NULL;
    step->has_reported = otlp_cost(otlp, &step->reported_pusd, &cost_conflict);
    conflict = conflict != NULL ? conflict : cost_conflict;
    if (conflict != NULL) {
        otlp->batch.counts.conflicts++;
        otlp_step_note(otlp, step, conflict);
    }
}
