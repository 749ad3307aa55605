/*
 * One text of a document without what rules name.
 *
 *     text --is it JSON itself: as a document--> --blobs--> --rules, again--> --escapes--> text
 *
 * Texts are looked at decoded, so that no escape hides what a rule would find; a text that is JSON
 * itself, as the arguments of tools are, is read as the document around it.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "bodies/redact_priv.h"

enum {
    SPANS_MAX = 1 << 20,
    SPANS_AT_FIRST = 64,
    PASSES_MAX = 4,
    ESCAPES_MAX = 8, /* of escapes of escapes */
};

size_t bodies_character_start(struct str text, size_t at)
{
    while (at > 0 && at < text.size && ((unsigned char)text.data[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

static enum errc too_large(struct err *err)
{
    return err_set(err, ERR_LIMIT, "a text in it is larger than %zu bytes",
                   REDACT_SCRATCH_BYTES_MAX);
}

static enum errc give_up(const struct bodies_rule *rule, struct err *err)
{
    return err_set(err, ERR_LIMIT, "a %s of the redaction needs too many steps on it",
                   rule->kind == BODIES_RULE_NAMED ? bodies_named_words[rule->named] : "pattern");
}

static enum errc add_span(struct bodies_redactor *r, struct redact_span span, struct err *err)
{
    if (r->span_count == SPANS_MAX) {
        return err_set(err, ERR_LIMIT, "a text in it has more than %d places to take out",
                       (int)SPANS_MAX);
    }
    if (r->span_count == r->span_capacity) {
        const size_t capacity = r->span_capacity > 0 ? 2 * r->span_capacity : SPANS_AT_FIRST;
        struct redact_span *const spans = memory_new_array(struct redact_span, capacity);
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
        const struct redact_span span = {.from = is_cut ? bodies_character_start(text, from) : from,
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
    const struct redact_span *const x = a;
    const struct redact_span *const y = b;
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
        const struct redact_span *const span = &r->spans[i];
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
    struct redact_level *const inner =
        number + 1 < REDACT_NESTING_MAX ? &r->levels[number + 1] : NULL;
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
    const enum errc code = bodies_redact_document(r, text, number + 1, &inner->out, err);
    if (code == ERR_OK && text_is_full(&inner->out)) {
        return too_large(err);
    }
    if (code == ERR_OK && r->result.removed > before) {
        *io_text = text_str(&inner->out);
    }
    return code;
}

/* A decoded text as it may be kept, in r->work. */
enum errc bodies_redact_text(struct bodies_redactor *r, struct str text, bool may_go_on, int number,
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
