#include "base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/check.h"
#include "base/memory.h"

enum { NESTING_MAX = 32, MESSAGE_BYTES_MAX = 120 };

struct regex {
    pcre2_code *code; /* in the arena */
    uint32_t groups;
    bool is_for_find; /* its texts are UTF-8 */
};

struct regex_matcher {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_context *find_limits;
    pcre2_match_data *data;
};

static void *take_from_arena(PCRE2_SIZE size, void *arena)
{
    return arena_alloc(arena, size, 1, _Alignof(max_align_t));
}

static void leave_to_arena(void *object, void *arena)
{
    (void)object;
    (void)arena;
}

static void *take(PCRE2_SIZE size, void *context)
{
    (void)context;
    return memory_alloc(size, 1);
}

static void give_back(void *object, void *context)
{
    (void)context;
    memory_free(object);
}

static enum errc full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "there is no room for the compiled pattern");
}

static enum errc compile(struct str pattern, uint32_t more, pcre2_compile_context *settings,
                         pcre2_code **out, struct err *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | more;
    int code = 0;
    PCRE2_SIZE at = 0;
    *out = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size, options, &code, &at, settings);
    if (*out != NULL) {
        return ERR_OK;
    }
    if (code == PCRE2_ERROR_HEAP_FAILED) {
        return full(err);
    }
    char message[MESSAGE_BYTES_MAX];
    CHECK(pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message) != 0);
    return err_set(err, ERR_SYNTAX, "%s, after byte %zu", message, (size_t)at);
}

static enum errc compile_in(struct str pattern, uint32_t more, struct arena *arena,
                            struct regex **out, struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);
    if (pattern.size > REGEX_PATTERN_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "a pattern of %zu bytes; at most %d are taken", pattern.size,
                       REGEX_PATTERN_BYTES_MAX);
    }
    struct regex *const regex = arena_new(arena, struct regex, 1);
    pcre2_general_context *const memory =
        regex != NULL ? pcre2_general_context_create(take_from_arena, leave_to_arena, arena) : NULL;
    pcre2_compile_context *const settings =
        memory != NULL ? pcre2_compile_context_create(memory) : NULL;
    if (settings == NULL) {
        return full(err);
    }
    CHECK(pcre2_set_parens_nest_limit(settings, NESTING_MAX) == 0);
    const enum errc code = compile(pattern, more, settings, &regex->code, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->groups) == 0);
    if (regex->groups > REGEX_GROUPS_MAX) {
        return err_set(err, ERR_LIMIT,
                       "%u groups; at most %d are taken: write (?:…) for those that nothing is "
                       "taken from",
                       regex->groups, REGEX_GROUPS_MAX);
    }
    *out = regex;
    return ERR_OK;
}

enum errc regex_compile(struct str pattern, struct arena *arena, const struct regex **out,
                        struct err *err)
{
    struct regex *regex = NULL;
    /* Texts need not be UTF-8: what is not matches nothing. */
    const enum errc code = compile_in(pattern, PCRE2_MATCH_INVALID_UTF, arena, &regex, err);
    if (code == ERR_OK) {
        *out = regex;
    }
    return code;
}

enum errc regex_compile_find(struct str pattern, struct arena *arena, const struct regex **out,
                             struct err *err)
{
    struct regex *regex = NULL;
    const enum errc code = compile_in(pattern, 0, arena, &regex, err);
    if (code == ERR_OK) {
        regex->is_for_find = true;
        *out = regex;
    }
    return code;
}

uint32_t regex_groups(const struct regex *regex)
{
    CHECK(regex != NULL);
    return regex->groups;
}

void regex_matcher_create(struct regex_matcher **out)
{
    CHECK(out != NULL);
    struct regex_matcher *const matcher = memory_new(struct regex_matcher);
    matcher->memory = pcre2_general_context_create(take, give_back, NULL);
    CHECK(matcher->memory != NULL);
    matcher->limits = pcre2_match_context_create(matcher->memory);
    matcher->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, matcher->memory);
    matcher->find_limits = pcre2_match_context_create(matcher->memory);
    CHECK(matcher->limits != NULL);
    CHECK(matcher->find_limits != NULL);
    CHECK(pcre2_set_heap_limit(matcher->find_limits, REGEX_FIND_HEAP_KIB_MAX) == 0);
    CHECK(matcher->data != NULL);
    CHECK(pcre2_set_match_limit(matcher->limits, REGEX_STEPS_MAX) == 0);
    CHECK(pcre2_set_depth_limit(matcher->limits, REGEX_STEPS_MAX) == 0);
    CHECK(pcre2_set_heap_limit(matcher->limits, REGEX_HEAP_KIB_MAX) == 0);
    *out = matcher;
}

void regex_matcher_destroy(struct regex_matcher **matcher)
{
    CHECK(matcher != NULL);
    struct regex_matcher *const m = *matcher;
    if (m != NULL) {
        pcre2_match_data_free(m->data);
        pcre2_match_context_free(m->limits);
        pcre2_match_context_free(m->find_limits);
        pcre2_general_context_free(m->memory);
        memory_free(m);
        *matcher = NULL;
    }
}

enum regex_result regex_match(struct regex_matcher *matcher, const struct regex *regex,
                              struct str subject, uint32_t group, struct str *out)
{
    CHECK(matcher != NULL);
    CHECK(group <= regex->groups);
    const size_t size =
        subject.size < REGEX_SUBJECT_BYTES_MAX ? subject.size : REGEX_SUBJECT_BYTES_MAX;
    const char *const text = subject.data != NULL ? subject.data : "";
    const int count =
        pcre2_match(regex->code, (PCRE2_SPTR)text, size, 0, 0, matcher->data, matcher->limits);
    if (count == PCRE2_ERROR_NOMATCH) {
        return REGEX_DIFFERS;
    }
    if (count < 0) {
        return REGEX_GIVEN_UP;
    }
    CHECK(count > 0); /* the match data have room for all groups */
    const PCRE2_SIZE *const places = pcre2_get_ovector_pointer(matcher->data);
    const size_t from = places[2 * group];
    const size_t to = places[2 * group + 1];
    const bool is_part = (int)group < count && from != PCRE2_UNSET && from <= to && to <= size;
    *out = is_part ? (struct str){text + from, to - from} : (struct str){text, 0};
    return REGEX_MATCHES;
}

enum regex_result regex_find(struct regex_matcher *matcher, const struct regex *regex,
                             struct str subject, size_t from, bool may_go_on, size_t *out_from,
                             size_t *out_to)
{
    CHECK(matcher != NULL);
    CHECK(regex->is_for_find);
    CHECK(from <= subject.size);
    CHECK(subject.size <= REGEX_FIND_BYTES_MAX);
    const uint64_t steps =
        REGEX_FIND_STEPS_MAX + (uint64_t)REGEX_FIND_STEPS_PER_BYTE * (subject.size - from);
    const uint32_t options = PCRE2_NO_UTF_CHECK | (may_go_on ? PCRE2_PARTIAL_HARD : 0);
    CHECK(pcre2_set_match_limit(matcher->find_limits, (uint32_t)steps) == 0);
    CHECK(pcre2_set_depth_limit(matcher->find_limits, (uint32_t)steps) == 0);
    const int count =
        pcre2_match(regex->code, (PCRE2_SPTR)(subject.data != NULL ? subject.data : ""),
                    subject.size, from, options, matcher->data, matcher->find_limits);
    if (count == PCRE2_ERROR_NOMATCH) {
        return REGEX_DIFFERS;
    }
    if (count < 0 && count != PCRE2_ERROR_PARTIAL) {
        return REGEX_GIVEN_UP;
    }
    CHECK(count != 0);
    const PCRE2_SIZE *const places = pcre2_get_ovector_pointer(matcher->data);
    if (places[0] > places[1] || places[1] > subject.size) { /* \K in a lookaround */
        return REGEX_GIVEN_UP;
    }
    *out_from = places[0];
    *out_to = count == PCRE2_ERROR_PARTIAL ? subject.size : places[1];
    return count == PCRE2_ERROR_PARTIAL ? REGEX_BEGINS : REGEX_MATCHES;
}
