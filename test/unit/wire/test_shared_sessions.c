/* Real session logs against figures counted by another program: ../shared/data/agent_sessions.
 * Every file is decoded, rows are joined by identity, and each file's own figures are compared
 * with sessions.csv; what is counted otherwise on purpose is listed below with its reason. */
#include <stdio.h>
#include <stdlib.h>

#include "decoding.h"
#include "support/test.h"

enum { FILES_MAX = 64 };

static struct decoding decodings[FILES_MAX];
static struct decoding_union all;

struct figures {
    char file[256];
    char agent[16];
    long long calls;
    long long tools;
    long long results;
    long long errors;
    long long compactions;
    long long commits;
};

static char sessions_text[1 << 16];

/* "" is -1. */
static long long number_of(struct str text)
{
    int64_t value;
    return str_to_int64(text, &value) ? value : -1;
}

static size_t read_figures(struct figures out[static FILES_MAX])
{
    const char *path = test_shared("agent_sessions/sessions.csv");
    FILE *file = path != NULL ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return 0;
    }
    struct str text = {sessions_text, fread(sessions_text, 1, sizeof sessions_text, file)};
    fclose(file);
    (void)str_cut(&text, '\n');
    size_t count = 0;
    while (text.size > 0 && count < FILES_MAX) {
        struct str line = str_cut(&text, '\n');
        struct str cells[14] = {0};
        for (size_t i = 0; i < COUNT_OF(cells); i++) {
            cells[i] = str_cut(&line, ',');
        }
        struct figures *row = &out[count++];
        *row = (struct figures){
            .calls = number_of(cells[8]),
            .tools = number_of(cells[9]),
            .results = number_of(cells[10]),
            .errors = number_of(cells[11]),
            .compactions = number_of(cells[12]),
            .commits = number_of(cells[13]),
        };
        snprintf(row->file, sizeof row->file, STR_FORMAT, STR_ARG(cells[0]));
        snprintf(row->agent, sizeof row->agent, STR_FORMAT, STR_ARG(cells[1]));
    }
    return count;
}

static const struct trace *decode(struct decoding *decoding, const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "agent_sessions/raw/%s/%s.gz", folder, name);
    const char *full = test_shared(path);
    if (full == NULL) {
        return NULL;
    }
    struct decoding_source source = {.path = full, .piece = 100000};
    source.bytes = decoding_file(full);
    source.format = wire_detect(str_from(full), source.bytes);
    if (source.format == WIRE_UNKNOWN || decoding_run(decoding, &source) != ERR_OK) {
        return NULL;
    }
    return decoding_trace(decoding);
}

static void claude_responses_of_all_files_are_counted_once(void)
{
    static struct figures figures[FILES_MAX];
    if (test_is_refusing()) {
        return;
    }
    const size_t count = read_figures(figures);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(figures[i].agent, "claude") == 0) {
            const struct trace *trace = decode(&decodings[i], "claude", figures[i].file);
            EXPECT(trace != NULL);
            EXPECT(trace->rejected == 0);
            decoding_join(&all, trace);
        }
    }
    if (count == 0) {
        return;
    }
    int64_t calls = 0;
    int64_t sums[USAGE_COUNT] = {0};
    for (size_t i = 0; i < all.count; i++) {
        calls += all.rows[i].step->kind == STEP_LLM;
        for (int class = 0; class < USAGE_COUNT; class ++) {
            sums[class] += all.rows[i].step->usage.counts[class];
        }
    }
    EXPECT(calls == 1104);
    EXPECT(sums[USAGE_INPUT_UNCACHED] == 37788);
    EXPECT(sums[USAGE_CACHE_WRITE_5M] + sums[USAGE_CACHE_WRITE_1H] == 7490219);
    EXPECT(sums[USAGE_CACHE_READ] == 89942904);
    EXPECT(sums[USAGE_OUTPUT] == 390285);
}

static void figures_of_each_claude_file_are_those_of_the_table(void)
{
    static struct figures figures[FILES_MAX];
    if (test_is_refusing()) {
        return;
    }
    const size_t count = read_figures(figures);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(figures[i].agent, "claude") != 0) {
            continue;
        }
        const struct trace *trace = decode(&decodings[i], "claude", figures[i].file);
        EXPECT(trace != NULL);
        int64_t answered = 0;
        int64_t errors = 0;
        int64_t compactions = 0;
        for (size_t k = 0; k < trace->steps.count; k++) {
            const struct step *step = &trace->steps.rows[k];
            const bool has_result = step->kind == STEP_TOOL && step->ended_ns != TIME_UNKNOWN;
            answered += has_result;
            errors += has_result && step->status != STATUS_OK;
            compactions += str_equal(step->name, STR("compaction"));
        }
        test_note(figures[i].file);
        EXPECT(decoding_count(trace, STEP_LLM) == figures[i].calls);
        EXPECT(decoding_count(trace, STEP_TOOL) == figures[i].tools);
        EXPECT(answered == figures[i].results);
        EXPECT(errors == figures[i].errors);
        EXPECT(compactions == figures[i].compactions);
        EXPECT((long long)trace->outcomes.count == figures[i].commits);
    }
}

static void the_codex_rollout_has_66_calls(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct trace *trace =
        decode(&decodings[0], "codex",
               "codemie_rollout-2026-05-11T11-26-55-019e1625-789d-76c0-80ab-3724b5ddb799.jsonl");
    if (trace == NULL) {
        return;
    }
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_LLM) == 66);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 6055836 - 4929536);
    EXPECT(decoding_sum(trace, USAGE_CACHE_READ) == 4929536);
    EXPECT(decoding_sum(trace, USAGE_OUTPUT) == 9118);
    EXPECT(decoding_count(trace, STEP_TOOL) == 102 + 3); /* the table leaves web searches out */
    EXPECT(decoding_sum(trace, USAGE_WEB_SEARCHES) == 3);
    for (size_t i = 0; i < trace->steps.count; i++) {
        EXPECT(trace->steps.rows[i].kind != STEP_TOOL || trace->steps.rows[i].caller.size > 0);
    }
}

static void a_rollout_without_figures_has_calls_of_unknown_usage(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct trace *trace =
        decode(&decodings[0], "codex",
               "codemie_rollout-2026-05-11T13-28-45-019e1695-0522-7c83-8b39-0dd379793f80.jsonl");
    if (trace == NULL) {
        return;
    }
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_TOOL) == 38);
    EXPECT(decoding_count(trace, STEP_LLM) > 0);
    for (size_t i = 0; i < trace->steps.count; i++) {
        EXPECT(!trace->steps.rows[i].has_usage);
    }
}

static void gemini_tokens_add_up_to_the_totals_of_the_log(void)
{
    if (test_is_refusing()) {
        return;
    }
    const struct {
        const char *file;
        int64_t calls;
        int64_t total; /* sum of tokens.total */
        int64_t tools;
    } sessions[] = {
        {"codemie_gemini__session-2025-12-01T21-45-5b959dae.json", 11, 105857, 10},
        {"codemie_gemini__session-2026-01-16T11-01-file-ops-37b7abef.json", 9, 91773, 14},
    };
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        const struct trace *trace = decode(&decodings[0], "gemini", sessions[i].file);
        if (trace == NULL) {
            return;
        }
        int64_t total = 0;
        for (size_t k = 0; k < trace->steps.count; k++) {
            total += usage_tokens_total(&trace->steps.rows[k].usage);
        }
        EXPECT(trace->rejected == 0);
        EXPECT(decoding_count(trace, STEP_LLM) == sessions[i].calls);
        EXPECT(decoding_count(trace, STEP_TOOL) == sessions[i].tools);
        EXPECT(total == sessions[i].total);
    }
}

static void a_real_session_cut_anywhere_gives_the_same_rows(void)
{
    if (test_is_refusing()) {
        return;
    }
    static const struct {
        const char *file;
        enum wire_format format;
    } sessions[] = {
        {"claude/codemie_session-624a4a58.jsonl", WIRE_CLAUDE_CODE},
        {"codex/codemie_rollout-2026-05-11T11-26-55-019e1625-789d-76c0-80ab-3724b5ddb799.jsonl",
         WIRE_CODEX},
    };
    for (size_t i = 0; i < COUNT_OF(sessions); i++) {
        char path[512];
        snprintf(path, sizeof path, "agent_sessions/raw/%s.gz", sessions[i].file);
        const char *full = test_shared(path);
        if (full == NULL) {
            return;
        }
        struct decoding_source source = {.format = sessions[i].format, .path = full};
        source.bytes = decoding_file(full);
        const size_t step = source.bytes.size / 60;
        for (size_t cut = step / 2; cut < source.bytes.size; cut += step) {
            EXPECT(decoding_agrees_when_split(&source, cut));
        }
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(claude_responses_of_all_files_are_counted_once),
        TEST(figures_of_each_claude_file_are_those_of_the_table),
        TEST(the_codex_rollout_has_66_calls),
        TEST(a_rollout_without_figures_has_calls_of_unknown_usage),
        TEST(gemini_tokens_add_up_to_the_totals_of_the_log),
        TEST(a_real_session_cut_anywhere_gives_the_same_rows),
    };
    return test_main(tests, COUNT_OF(tests));
}
