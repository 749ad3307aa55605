#include "decoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "support/test.h"

enum { ARENA_BYTES_MAX = 1 << 30, FILE_BYTES_MAX = 64 << 20 };

void decoding_close(struct decoding *decoding)
{
    if (decoding->is_open) {
        wire_decoder_destroy(&decoding->decoder);
        json_parser_destroy(&decoding->parser);
        arena_deinit(&decoding->arena);
        decoding->is_open = false;
    }
}

static enum errc feed(struct decoding *decoding, const struct decoding_source *source)
{
    const size_t from = source->start != NULL ? (size_t)source->start->offset : 0;
    size_t at = from;
    enum errc code = ERR_OK;
    CHECK(from <= source->bytes.size);
    while (at < source->bytes.size && code == ERR_OK) {
        size_t size = source->bytes.size - at;
        size = source->piece > 0 && source->piece < size ? source->piece : size;
        code = wire_feed(decoding->decoder, (struct str){source->bytes.data + at, size}, size,
                         &decoding->err);
        at += size;
    }
    return code;
}

enum errc decoding_run(struct decoding *decoding, const struct decoding_source *source)
{
    decoding_close(decoding);
    *decoding = (struct decoding){.is_open = true};
    arena_init(&decoding->arena, ARENA_BYTES_MAX);
    json_parser_create(&decoding->parser, WIRE_DOCUMENT_BYTES_MAX);
    const struct wire_options options = {
        .format = source->format,
        .path = str_from(source->path),
        .arena = &decoding->arena,
        .parser = decoding->parser,
        .start = source->start != NULL ? *source->start : (struct wire_position){0},
    };
    enum errc code = wire_decoder_create(&decoding->decoder, &options, &decoding->err);
    code = code != ERR_OK ? code : feed(decoding, source);
    code = code != ERR_OK ? code : wire_finish(decoding->decoder, source->may_grow, &decoding->err);
    code = code != ERR_OK ? code
                          : wire_position(decoding->decoder, &decoding->position, &decoding->err);
    return code;
}

const struct trace *decoding_trace(const struct decoding *decoding)
{
    return wire_trace(decoding->decoder);
}

struct str decoding_quoted(const char *text)
{
    static char copies[4][DECODING_TEXT_MAX + JSON_PADDING];
    static size_t turn;
    char *copy = copies[turn++ % COUNT_OF(copies)];
    const size_t size = strlen(text);
    CHECK(size < DECODING_TEXT_MAX);
    for (size_t i = 0; i < size; i++) {
        copy[i] = text[i] == '\'' ? '"' : text[i];
    }
    copy[size] = '\0';
    return (struct str){copy, size};
}

struct str decoding_file(const char *path)
{
    static char *bytes;
    if (bytes == NULL) {
        bytes = malloc(FILE_BYTES_MAX + JSON_PADDING);
        CHECK(bytes != NULL);
    }
    gzFile file = gzopen(path, "rb");
    if (file == NULL) {
        return (struct str){0};
    }
    const int size = gzread(file, bytes, FILE_BYTES_MAX);
    gzclose(file);
    return size > 0 ? (struct str){bytes, (size_t)size} : (struct str){0};
}

const struct step *decoding_step(const struct trace *trace, const char *identity)
{
    for (size_t i = 0; i < trace->steps.count; i++) {
        if (str_equal(trace->steps.rows[i].identity, str_from(identity))) {
            return &trace->steps.rows[i];
        }
    }
    return NULL;
}

bool decoding_rejects(const struct trace *trace, size_t index, int64_t line, const char *part)
{
    if (index >= trace->rejects.count) {
        return false;
    }
    const struct reject *reject = &trace->rejects.rows[index];
    if (reject->line != line || str_find(reject->reason, str_from(part)) == SIZE_MAX) {
        char text[256];
        snprintf(text, sizeof text, "rejected line %lld: " STR_FORMAT, (long long)reject->line,
                 STR_ARG(reject->reason));
        test_note(text);
        return false;
    }
    return true;
}

int64_t decoding_count(const struct trace *trace, enum step_kind kind)
{
    int64_t count = 0;
    for (size_t i = 0; i < trace->steps.count; i++) {
        count += trace->steps.rows[i].kind == kind;
    }
    return count;
}

int64_t decoding_sum(const struct trace *trace, enum usage_class class)
{
    int64_t sum = 0;
    for (size_t i = 0; i < trace->steps.count; i++) {
        sum += trace->steps.rows[i].usage.counts[class];
    }
    return sum;
}

void decoding_join(struct decoding_union *all, const struct trace *trace)
{
    for (size_t i = 0; i < trace->steps.count; i++) {
        const struct step *step = &trace->steps.rows[i];
        size_t at = 0;
        while (at < all->count && !str_equal(all->rows[at].step->identity, step->identity)) {
            at++;
        }
        CHECK(at < DECODING_ROWS_MAX);
        if (at == all->count) {
            all->count++;
        } else if (!wire_step_is_fuller(all->rows[at].step, step)) {
            continue;
        }
        all->rows[at].step = step;
        all->rows[at].trace = trace;
    }
    for (size_t i = 0; i < trace->outcomes.count; i++) {
        const struct outcome *outcome = &trace->outcomes.rows[i];
        size_t at = 0;
        while (at < all->outcome_count && !str_equal(all->outcomes[at]->id, outcome->id)) {
            at++;
        }
        CHECK(at < DECODING_ROWS_MAX);
        if (at == all->outcome_count) {
            all->outcomes[all->outcome_count++] = outcome;
        }
    }
}

static bool same_attributes(const struct trace_case *a, const struct trace_case *b)
{
    bool same = a->attribute_count == b->attribute_count;
    for (size_t i = 0; same && i < a->attribute_count; i++) {
        same = str_equal(a->attributes[i].name, b->attributes[i].name) &&
               str_equal(a->attributes[i].value, b->attributes[i].value);
    }
    return same;
}

/* The name of the first field that differs, or NULL. */
static const char *step_difference(const struct step *a, const struct trace *in_a,
                                   const struct step *b, const struct trace *in_b)
{
    const struct attempt *attempt_a = &in_a->attempts.rows[a->attempt_index];
    const struct attempt *attempt_b = &in_b->attempts.rows[b->attempt_index];
    const struct trace_case *case_a = &in_a->cases.rows[attempt_a->case_index];
    const struct trace_case *case_b = &in_b->cases.rows[attempt_b->case_index];
    const struct {
        const char *name;
        bool same;
    } fields[] = {
        {"case", str_equal(case_a->id, case_b->id)},
        {"attributes", same_attributes(case_a, case_b)},
        {"attempt", str_equal(attempt_a->id, attempt_b->id)},
        {"program", str_equal(attempt_a->agent, attempt_b->agent)},
        {"kind", a->kind == b->kind},
        {"status", a->status == b->status},
        {"effect", a->effect == b->effect},
        {"caller", str_equal(a->caller, b->caller)},
        {"agent", str_equal(a->agent, b->agent)},
        {"name", str_equal(a->name, b->name)},
        {"sequence", a->sequence == b->sequence},
        {"line", a->line == b->line},
        {"started_ns", a->started_ns == b->started_ns},
        {"ended_ns", a->ended_ns == b->ended_ns},
        {"provider", str_equal(a->provider, b->provider)},
        {"model", str_equal(a->model, b->model)},
        {"usage", memcmp(&a->usage, &b->usage, sizeof a->usage) == 0},
        {"has_usage", a->has_usage == b->has_usage},
        {"raw_usage", str_equal(a->raw_usage, b->raw_usage)},
        {"tier", a->tier == b->tier},
        {"region", str_equal(a->region, b->region)},
        {"reported", a->has_reported == b->has_reported && a->reported_pusd == b->reported_pusd},
        {"args", a->args_hash == b->args_hash && a->args_bytes == b->args_bytes},
        {"result_bytes", a->result_bytes == b->result_bytes},
        {"note", str_equal(a->note, b->note)},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (!fields[i].same) {
            return fields[i].name;
        }
    }
    return NULL;
}

static bool same_outcome(const struct outcome *a, const struct outcome *b)
{
    return str_equal(a->id, b->id) && str_equal(a->case_id, b->case_id) && a->status == b->status &&
           a->effective_ns == b->effective_ns && str_equal(a->source, b->source) &&
           str_equal(a->reference, b->reference) && a->line == b->line;
}

const char *decoding_difference(const struct decoding_union *all, const struct trace *trace)
{
    static char text[512];
    if (all->count != trace->steps.count || all->outcome_count != trace->outcomes.count) {
        snprintf(text, sizeof text, "%zu steps and %zu outcomes, %zu and %zu in one run",
                 all->count, all->outcome_count, trace->steps.count, trace->outcomes.count);
        return text;
    }
    for (size_t i = 0; i < trace->steps.count; i++) {
        const struct step *step = &trace->steps.rows[i];
        size_t at = 0;
        while (at < all->count && !str_equal(all->rows[at].step->identity, step->identity)) {
            at++;
        }
        const char *field = at == all->count ? "identity"
                                             : step_difference(all->rows[at].step,
                                                               all->rows[at].trace, step, trace);
        if (field != NULL) {
            snprintf(text, sizeof text, "%s of " STR_FORMAT, field, STR_ARG(step->identity));
            return text;
        }
    }
    for (size_t i = 0; i < trace->outcomes.count; i++) {
        size_t at = 0;
        while (at < all->outcome_count &&
               !same_outcome(all->outcomes[at], &trace->outcomes.rows[i])) {
            at++;
        }
        if (at == all->outcome_count) {
            snprintf(text, sizeof text, "outcome " STR_FORMAT, STR_ARG(trace->outcomes.rows[i].id));
            return text;
        }
    }
    return NULL;
}

static const char *split_difference(const struct decoding_source *source, size_t cut)
{
    static struct decoding whole;
    static struct decoding before;
    static struct decoding after;
    static struct decoding_union all;
    static char text[600];
    struct decoding_source first = *source;
    struct decoding_source second = *source;
    CHECK(cut <= source->bytes.size);
    first.bytes.size = cut;
    first.may_grow = true;
    if (decoding_run(&whole, source) != ERR_OK || decoding_run(&before, &first) != ERR_OK) {
        return "refused";
    }
    CHECK(before.position.offset <= (int64_t)cut);
    second.start = &before.position;
    if (decoding_run(&after, &second) != ERR_OK) {
        return after.err.text;
    }
    all.count = 0;
    all.outcome_count = 0;
    decoding_join(&all, decoding_trace(&before));
    decoding_join(&all, decoding_trace(&after));
    const char *difference = decoding_difference(&all, decoding_trace(&whole));
    if (difference != NULL) {
        snprintf(text, sizeof text, "cut at %zu, resumed at %lld: %s", cut,
                 (long long)before.position.offset, difference);
        return text;
    }
    return NULL;
}

bool decoding_agrees_when_split(const struct decoding_source *source, size_t cut)
{
    const char *const difference = split_difference(source, cut);
    if (difference != NULL) {
        test_note(difference);
    }
    return difference == NULL;
}
