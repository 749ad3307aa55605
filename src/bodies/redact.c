/*
 * A JSON document without what rules name.
 *
 *     document --parse--> values --each text: JSON inside, blobs, rules, escapes--> document
 *
 * Texts are looked at decoded, so that no escape hides what a rule would find; a text that is JSON
 * itself, as the arguments of tools are, is read the same way. Names of members are texts like any
 * other, and so are numbers. Whatever cannot be told for sure ends the whole document.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/json.h"
#include "base/memory.h"
#include "bodies/bodies_priv.h"

enum {
    SPANS_MAX = 1 << 20,
    SPANS_AT_FIRST = 64,
    PASSES_MAX = 4,
    NESTING_MAX = 4,         /* JSON in texts in JSON … */
    NUMBER_BYTES_MAX = 1024, /* printed */
    ESCAPES_MAX = 8,         /* of escapes of escapes */
};

#define PARSER_BYTES_MAX  ((size_t)32 << 20)
#define SCRATCH_BYTES_MAX ((size_t)64 << 20)

struct frame {
    struct json_cursor at;
    struct str name; /* of the member that holds it; empty: of an array */
    bool is_object;
    bool filled;
};

/* One document within another has a parser and a stack of its own. */
struct level {
    struct json_parser *parser;
    struct frame *frames; /* [JSON_DEPTH_MAX + 1] */
    size_t depth;
    struct text out;
};

/* A place in a text that is taken out. */
struct span {
    size_t from;
    size_t to;
    struct str with;
};

struct bodies_redactor {
    struct regex_matcher *matcher;
    struct span *spans; /* of the text that is looked at */
    size_t span_count;
    size_t span_capacity;
    struct level levels[NESTING_MAX];
    struct text work[2]; /* a text before and after a rule */
    struct text plain;   /* without its escapes */
    const struct bodies_policy *policy;
    const struct bodies_patience *patience;
    size_t bytes_max; /* of the document */
    bool is_broken;
    struct bodies_redacted result;
};

void bodies_redactor_create(struct bodies_redactor **out)
{
    CHECK(out != NULL);
    struct bodies_redactor *const redactor = memory_new(struct bodies_redactor);
    regex_matcher_create(&redactor->matcher);
    for (int i = 0; i < NESTING_MAX; i++) {
        json_parser_create(&redactor->levels[i].parser, PARSER_BYTES_MAX);
        redactor->levels[i].frames = memory_new_array(struct frame, JSON_DEPTH_MAX + 1);
        text_init(&redactor->levels[i].out, SCRATCH_BYTES_MAX);
    }
    text_init(&redactor->work[0], SCRATCH_BYTES_MAX);
    text_init(&redactor->work[1], SCRATCH_BYTES_MAX);
    text_init(&redactor->plain, SCRATCH_BYTES_MAX);
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
    for (int i = 0; i < NESTING_MAX; i++) {
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

/* ---- one text */

static enum errc too_large(struct err *err)
{
    return err_set(err, ERR_LIMIT, "a text in it is larger than %zu bytes", SCRATCH_BYTES_MAX);
}

static enum errc give_up(const struct bodies_rule *rule, struct err *err)
{
    return err_set(err, ERR_LIMIT, "a %s of the redaction needs too many steps on it",
                   rule->kind == BODIES_RULE_NAMED ? bodies_named_words[rule->named] : "pattern");
}

/* Where a character begins, at `at` or before it. */
static size_t character_start(struct str text, size_t at)
{
    while (at > 0 && at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

static enum errc add_span(struct bodies_redactor *r, struct span span, struct err *err)
{
    if (r->span_count == SPANS_MAX) {
        return err_set(err, ERR_LIMIT, "a text in it has more than %d places to take out",
                       (int)SPANS_MAX);
    }
    if (r->span_count == r->span_capacity) {
        const size_t capacity = r->span_capacity > 0 ? 2 * r->span_capacity : SPANS_AT_FIRST;
        struct span *const spans = memory_new_array(struct span, capacity);
        if (r->span_count > 0) {
            memcpy(spans, r->spans, r->span_count * sizeof *spans);
        }
        memory_free(r->spans);
        r->spans = spans;
        r->span_capacity = capacity;
    }
    r->spans[r->span_count++] = span;
    return ERR_OK;
}

/* All that one rule names in a text; of one that was cut off also what begins at its end. */
static enum errc find_spans(struct bodies_redactor *r, const struct bodies_rule *rule,
                            struct str text, bool may_go_on, struct err *err)
{
    size_t to = 0;
    while (to < text.size) {
        size_t from = 0;
        const enum bodies_found found =
            bodies_rule_find(rule, r->matcher, text, to, may_go_on, &from, &to);
        if (found == BODIES_FOUND_GIVEN_UP) {
            return give_up(rule, err);
        }
        if (found == BODIES_FOUND_NOT) {
            return ERR_OK;
        }
        CHECK(to > from);
        const bool is_cut = found == BODIES_FOUND_BEGINNING;
        const struct span span = {.from = is_cut ? character_start(text, from) : from,
                                  .to = is_cut ? text.size : to,
                                  .with = is_cut ? STR("[cut]") : rule->with};
        const enum errc code = add_span(r, span, err);
        if (code != ERR_OK || is_cut) {
            return code;
        }
    }
    return ERR_OK;
}

/* Of two that begin at one place the longer is first. */
static int by_place(const void *a, const void *b)
{
    const struct span *const x = a;
    const struct span *const y = b;
    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->to > y->to ? -1 : x->to < y->to;
}

/* The text with each span replaced; those that overlap are taken out together. */
static void replace_spans(struct bodies_redactor *r, struct str text, struct text *out)
{
    size_t done = 0;
    text_clear(out);
    qsort(r->spans, r->span_count, sizeof *r->spans, by_place);
    for (size_t i = 0; i < r->span_count; i++) {
        const struct span *const span = &r->spans[i];
        if (i == 0 || span->from >= done) {
            text_add(out, (struct str){text.data + done, span->from - done});
            text_add(out, span->with);
            r->result.removed++;
        }
        done = span->to > done ? span->to : done;
    }
    text_add(out, (struct str){text.data + done, text.size - done});
}

static void take_blobs(struct bodies_redactor *r, struct str text, struct text *out)
{
    size_t done = 0;
    size_t from = 0;
    size_t to = 0;
    size_t bytes = 0;
    struct str kind;
    text_clear(out);
    while (bodies_blob_find(text, done, &from, &to, &kind, &bytes)) {
        text_add(out, (struct str){text.data + done, from - done});
        text_format(out, "[" STR_FORMAT ", %zu bytes]", STR_ARG(kind), bytes);
        r->result.removed++;
        done = to;
    }
    text_add(out, (struct str){text.data + done, text.size - done});
}

/* All rules, each on the text as it is, so that none takes a part of what another names; again, as
 * long as what is left makes something they name. The result is in *io_at of r->work. */
static enum errc apply_all(struct bodies_redactor *r, bool may_go_on, int *io_at, struct err *err)
{
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        const struct str text = text_str(&r->work[*io_at]);
        r->span_count = 0;
        for (size_t i = 0; i < r->policy->rule_count; i++) {
            const struct bodies_rule *const rule = &r->policy->rules[i];
            if (rule->kind != BODIES_RULE_MEMBER) {
                const enum errc code = find_spans(r, rule, text, may_go_on && pass == 0, err);
                if (code != ERR_OK) {
                    return code;
                }
            }
        }
        if (r->span_count == 0) {
            return ERR_OK;
        }
        replace_spans(r, text, &r->work[1 - *io_at]);
        *io_at = 1 - *io_at;
        if (text_is_full(&r->work[*io_at])) {
            return too_large(err);
        }
    }
    return ERR_OK; /* a rule that finds what it writes */
}

/* Whether its escapes hide something that a rule names. */
static enum errc hides(struct bodies_redactor *r, struct str text, bool *out, struct err *err)
{
    struct text *const plain = &r->plain;
    *out = false;
    for (int i = 0; i < ESCAPES_MAX && !*out; i++) {
        struct text *const next = &r->levels[0].out; /* never in use: the first level has its own */
        if (!bodies_unescape(i == 0 ? text : text_str(plain), i == 0 ? plain : next)) {
            return ERR_OK;
        }
        if (i > 0) {
            text_clear(plain);
            text_add(plain, text_str(next));
        }
        if (text_is_full(plain)) {
            return too_large(err);
        }
        for (size_t j = 0; j < r->policy->rule_count && !*out; j++) {
            const struct bodies_rule *const rule = &r->policy->rules[j];
            size_t from = 0;
            size_t to = 0;
            const enum bodies_found found =
                rule->kind == BODIES_RULE_MEMBER
                    ? BODIES_FOUND_NOT
                    : bodies_rule_find(rule, r->matcher, text_str(plain), 0, false, &from, &to);
            if (found == BODIES_FOUND_GIVEN_UP) {
                return give_up(rule, err);
            }
            *out = found != BODIES_FOUND_NOT;
        }
        *out = *out || i + 1 == ESCAPES_MAX; /* nobody writes so but to hide something */
    }
    return ERR_OK;
}

static enum errc redact_document(struct bodies_redactor *r, struct str json, int number,
                                 struct text *out, struct err *err);

/* Also where it was cut off. "[1] says …" does not: an object is what has members. */
static bool looks_like_json(struct str text)
{
    const struct str all = str_trim(text);
    if (all.size == 0 || all.data[0] == '"') {
        return all.size > 0;
    }
    const struct str rest = str_trim((struct str){all.data + 1, all.size - 1});
    const char next = rest.size > 0 ? rest.data[0] : '"';
    if (all.data[0] == '{') {
        return next == '"' || next == '}';
    }
    return all.data[0] == '[' &&
           (next == '"' || next == '{' || next == '[' || str_find(rest, STR("{")) != SIZE_MAX);
}

static bool names_members(const struct bodies_policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (policy->rules[i].kind == BODIES_RULE_MEMBER) {
            return true;
        }
    }
    return false;
}

/* A text that is a document itself: in its place the one that is redacted, if anything was found.
 * What is no JSON stays a text, but where it looks like some, so that members might be in it that a
 * rule names. */
static enum errc redact_inner(struct bodies_redactor *r, struct str text, bool may_go_on,
                              int number, struct str *io_text, struct err *err)
{
    if (r->policy->rule_count == 0 || !looks_like_json(text)) {
        return ERR_OK;
    }
    struct level *const inner = number + 1 < NESTING_MAX ? &r->levels[number + 1] : NULL;
    const int64_t before = r->result.removed;
    struct json root;
    struct err why;
    if (inner == NULL || may_go_on ||
        json_parse(inner->parser, text, text.size, &root, &why) != ERR_OK) {
        const bool is_object = str_trim(text).data[0] != '"';
        if (inner == NULL || (names_members(r->policy) && is_object)) {
            *io_text = STR("[withheld: members in it cannot be told]");
            r->result.removed++;
        }
        return ERR_OK;
    }
    text_clear(&inner->out);
    const enum errc code = redact_document(r, text, number + 1, &inner->out, err);
    if (code == ERR_OK && text_is_full(&inner->out)) {
        return too_large(err);
    }
    if (code == ERR_OK && r->result.removed > before) {
        *io_text = text_str(&inner->out);
    }
    return code;
}

/* A decoded text as it may be kept, in r->work. */
static enum errc redact_text(struct bodies_redactor *r, struct str text, bool may_go_on, int number,
                             struct str *out, struct err *err)
{
    int at = 0;
    bool hidden = false;
    if (r->patience != NULL && r->patience->is_over(r->patience->context)) {
        return err_set(err, ERR_LIMIT, "its redaction takes longer than %d ms",
                       (int)BODIES_REDACT_MS_MAX);
    }
    enum errc code = redact_inner(r, text, may_go_on, number, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    take_blobs(r, text, &r->work[at]);
    if (text_is_full(&r->work[at])) {
        return too_large(err);
    }
    code = apply_all(r, may_go_on, &at, err);
    if (code == ERR_OK && r->policy->rule_count > 0) {
        code = hides(r, text_str(&r->work[at]), &hidden, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    *out = hidden ? STR("[withheld: its escapes hide what a rule names]") : text_str(&r->work[at]);
    r->result.removed += hidden;
    return ERR_OK;
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
    text_add(&cut, (struct str){text.data, character_start(text, left)});
    text_add(&cut, STR("…[cut]"));
    json_put_str(out, text_str(&cut));
    text_deinit(&cut);
    r->result.is_cut = true;
}

static bool is_member(const struct level *level, const struct bodies_rule *rule, struct str name)
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
                                             const struct level *level, struct str name)
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
    const enum errc code = redact_text(r, (struct str){digits, size}, false, number, &text, err);
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
        const enum errc code = redact_text(r, json_str(value), may_go_on, number, &text, err);
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

static void open_container(struct level *level, struct json value, struct str name,
                           struct text *out)
{
    CHECK(level->depth <= JSON_DEPTH_MAX);
    const bool is_object = json_kind(value) == JSON_OBJECT;
    level->frames[level->depth++] =
        (struct frame){.at = json_iter(value), .name = name, .is_object = is_object};
    text_char(out, is_object ? '{' : '[');
}

/* A member's name and the colon. */
static enum errc put_name(struct bodies_redactor *r, struct str name, int number, struct text *out,
                          struct err *err)
{
    struct str text;
    const enum errc code = redact_text(r, name, false, number, &text, err);
    if (code == ERR_OK) {
        put_text(r, number, text, out);
        text_char(out, ':');
    }
    return code;
}

/* The next value of the innermost container; at its end the container is closed. */
static enum errc step(struct bodies_redactor *r, int number, struct text *out, struct err *err)
{
    struct level *const level = &r->levels[number];
    struct frame *const frame = &level->frames[level->depth - 1];
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

static enum errc redact_document(struct bodies_redactor *r, struct str json, int number,
                                 struct text *out, struct err *err)
{
    struct level *const level = &r->levels[number];
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
    const enum errc code = redact_document(redactor, json, 0, out, err);
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
