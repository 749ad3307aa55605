/*
 * A JSON document without what rules name.
 *
 *     document --parse--> values --each text: JSON inside, blobs, rules, escapes--> document
 *
 * Names of members are texts like any other, and so are numbers; what is done to one text is in
 * redact_text.c. Whatever cannot be told for sure ends the whole document.
 */
#include "base/check.h"
#include "base/json.h"
#include "base/memory.h"
#include "bodies/redact_priv.h"

enum { NUMBER_BYTES_MAX = 1024 }; /* printed */

#define PARSER_BYTES_MAX ((size_t)32 << 20)

void bodies_redactor_create(struct bodies_redactor **out)
{
    CHECK(out != NULL);
    struct bodies_redactor *const redactor = memory_new(struct bodies_redactor);
    regex_matcher_create(&redactor->matcher);
    for (int i = 0; i < REDACT_NESTING_MAX; i++) {
        json_parser_create(&redactor->levels[i].parser, PARSER_BYTES_MAX);
        redactor->levels[i].frames = memory_new_array(struct redact_frame, JSON_DEPTH_MAX + 1);
        text_init(&redactor->levels[i].out, REDACT_SCRATCH_BYTES_MAX);
    }
    text_init(&redactor->work[0], REDACT_SCRATCH_BYTES_MAX);
    text_init(&redactor->work[1], REDACT_SCRATCH_BYTES_MAX);
    text_init(&redactor->plain, REDACT_SCRATCH_BYTES_MAX);
    *out = redactor;
}

void bodies_redactor_destroy(struct bodies_redactor **redactor)
{
    CHECK(redactor != NULL);
    struct bodies_redactor *const r = *redactor;
    if (r == NULL) {
        return;
    }
    regex_matcher_destroy(&r->matcher);
    memory_free(r->spans);
    for (int i = 0; i < REDACT_NESTING_MAX; i++) {
        json_parser_destroy(&r->levels[i].parser);
        memory_free(r->levels[i].frames);
        text_deinit(&r->levels[i].out);
    }
    text_deinit(&r->work[0]);
    text_deinit(&r->work[1]);
    text_deinit(&r->plain);
    memory_free(r);
    *redactor = NULL;
}

/* ---- one document */

/* Room that is left of the outermost document's. */
static size_t room(const struct bodies_redactor *r, int number, const struct text *out)
{
    return number > 0 ? SIZE_MAX : out->size < r->bytes_max ? r->bytes_max - out->size : 0;
}

static void put_text(struct bodies_redactor *r, int number, struct str text, struct text *out)
{
    const size_t left = room(r, number, out);
    if (text.size <= left) {
        json_put_str(out, text);
        return;
    }
    struct text cut;
    text_init(&cut, left + 16);
    text_add(&cut, (struct str){text.data, bodies_character_start(text, left)});
    text_add(&cut, STR("…[cut]"));
    json_put_str(out, text_str(&cut));
    text_deinit(&cut);
    r->result.is_cut = true;
}

static bool is_member(const struct redact_level *level, const struct bodies_rule *rule,
                      struct str name)
{
    size_t part = rule->part_count - 1;
    if (!str_equal(rule->parts[part], name)) {
        return false;
    }
    for (size_t i = level->depth; i > 0 && part > 0; i--) {
        const struct str above = level->frames[i - 1].name;
        if (above.data == NULL) {
            continue; /* an array's element is where the array is */
        }
        if (!str_equal(rule->parts[part - 1], above)) {
            return false;
        }
        part--;
    }
    return part == 0;
}

/* The rule that takes a member out whole, or NULL. */
static const struct bodies_rule *member_rule(const struct bodies_redactor *r,
                                             const struct redact_level *level, struct str name)
{
    for (size_t i = 0; i < r->policy->rule_count; i++) {
        const struct bodies_rule *const rule = &r->policy->rules[i];
        if (rule->kind == BODIES_RULE_MEMBER && is_member(level, rule, name)) {
            return rule;
        }
    }
    return NULL;
}

/* Numbers are told as texts where a rule finds something in them: a card's, a phone's. */
static enum errc put_number(struct bodies_redactor *r, struct json value, int number,
                            struct text *out, struct err *err)
{
    char digits[NUMBER_BYTES_MAX];
    const size_t size = json_minify(value, digits, sizeof digits);
    CHECK(size <= sizeof digits);
    const int64_t before = r->result.removed;
    struct str text;
    const enum errc code =
        bodies_redact_text(r, (struct str){digits, size}, false, number, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    if (r->result.removed > before) {
        put_text(r, number, text, out);
    } else {
        text_add(out, (struct str){digits, size});
    }
    return ERR_OK;
}

static enum errc put_scalar(struct bodies_redactor *r, struct json value, struct str name,
                            int number, struct text *out, struct err *err)
{
    switch (json_kind(value)) {
    case JSON_STRING: {
        const bool may_go_on = r->is_broken && str_ends_with(name, STR("_so_far"));
        struct str text;
        const enum errc code =
            bodies_redact_text(r, json_str(value), may_go_on, number, &text, err);
        if (code == ERR_OK) {
            put_text(r, number, text, out);
        }
        return code;
    }
    case JSON_INT64:
    case JSON_UINT64:
    case JSON_DOUBLE:
        return put_number(r, value, number, out, err);
    case JSON_BOOL:
        text_add(out, json_bool(value, false) ? STR("true") : STR("false"));
        return ERR_OK;
    case JSON_NULL:
    case JSON_ABSENT:
        text_add(out, STR("null"));
        return ERR_OK;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    CHECK(false);
    return ERR_OK;
}

static void open_container(struct redact_level *level, struct json value, struct str name,
                           struct text *out)
{
    CHECK(level->depth <= JSON_DEPTH_MAX);
    const bool is_object = json_kind(value) == JSON_OBJECT;
    level->frames[level->depth++] =
        (struct redact_frame){.at = json_iter(value), .name = name, .is_object = is_object};
    text_char(out, is_object ? '{' : '[');
}

/* A member's name and the colon. */
static enum errc put_name(struct bodies_redactor *r, struct str name, int number, struct text *out,
                          struct err *err)
{
    struct str text;
    const enum errc code = bodies_redact_text(r, name, false, number, &text, err);
    if (code == ERR_OK) {
        put_text(r, number, text, out);
        text_char(out, ':');
    }
    return code;
}

/* The next value of the innermost container; at its end the container is closed. */
static enum errc step(struct bodies_redactor *r, int number, struct text *out, struct err *err)
{
    struct redact_level *const level = &r->levels[number];
    struct redact_frame *const frame = &level->frames[level->depth - 1];
    struct str name = {0};
    struct json value;
    const bool has_room = room(r, number, out) > 0;
    const bool has = json_next(&frame->at, &name, &value);
    if (!has || !has_room) {
        r->result.is_cut = r->result.is_cut || has;
        text_char(out, frame->is_object ? '}' : ']');
        level->depth--;
        return ERR_OK;
    }
    if (frame->filled) {
        text_char(out, ',');
    }
    frame->filled = true;
    const struct bodies_rule *const rule = frame->is_object ? member_rule(r, level, name) : NULL;
    const enum errc code = frame->is_object ? put_name(r, name, number, out, err) : ERR_OK;
    if (code != ERR_OK) {
        return code;
    }
    if (rule != NULL) {
        put_text(r, number, rule->with, out);
        r->result.removed++;
        return ERR_OK;
    }
    const enum json_kind kind = json_kind(value);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        open_container(level, value, frame->is_object ? name : (struct str){0}, out);
        return ERR_OK;
    }
    return put_scalar(r, value, name, number, out, err);
}

enum errc bodies_redact_document(struct bodies_redactor *r, struct str json, int number,
                                 struct text *out, struct err *err)
{
    struct redact_level *const level = &r->levels[number];
    struct json root;
    enum errc code = json_parse(level->parser, json, json.size, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    level->depth = 0;
    if (json_kind(root) != JSON_OBJECT && json_kind(root) != JSON_ARRAY) {
        return put_scalar(r, root, (struct str){0}, number, out, err);
    }
    open_container(level, root, (struct str){0}, out);
    while (level->depth > 0 && code == ERR_OK) {
        code = step(r, number, out, err);
    }
    return code;
}

enum errc bodies_redact(struct bodies_redactor *redactor, const struct bodies_policy *policy,
                        struct str json, bool is_broken, const struct bodies_patience *patience,
                        struct text *out, struct bodies_redacted *result, struct err *err)
{
    CHECK(redactor != NULL);
    CHECK(policy != NULL);
    redactor->policy = policy;
    redactor->patience = patience;
    redactor->bytes_max = (size_t)policy->kib << 10;
    redactor->is_broken = is_broken;
    redactor->result = (struct bodies_redacted){0};
    text_clear(out);
    const enum errc code = bodies_redact_document(redactor, json, 0, out, err);
    if (code != ERR_OK) {
        text_clear(out);
        return code;
    }
    if (text_is_full(out)) {
        text_clear(out);
        return err_set(err, ERR_LIMIT, "it is larger than %zu bytes", out->size_max);
    }
    *result = redactor->result;
    return ERR_OK;
}
