/* Codex CLI rollouts: a call is a token_count that adds something; copies of an ancestor's history
 * are nobody's call; responses without figures are kept as unknown. Hand-made records. */
#include "decoding.h"
#include "support/test.h"

static struct decoding decoding;

#define LINE(stamp, type, payload)                                                                 \
    "{'timestamp':'2026-05-11T08:" stamp "Z','type':'" type "','payload':{" payload "}}\n"
#define ITEM(stamp, payload)  LINE(stamp, "response_item", payload)
#define EVENT(stamp, payload) LINE(stamp, "event_msg", payload)
#define META(stamp, id, more)                                                                      \
    LINE(stamp, "session_meta",                                                                    \
         "'id':'" id "','cwd':'/srv/shop','originator':'cli','cli_version':'0.125.0',"             \
         "'model_provider':'openai','git':{'branch':'main'}" more)
#define FIGURES(input, cached, output, reasoning)                                                  \
    "{'input_tokens':" #input ",'cached_input_tokens':" #cached ",'output_tokens':" #output        \
    ",'reasoning_output_tokens':" #reasoning ",'total_tokens':" #input "}"
#define COUNT(stamp, total, last)                                                                  \
    EVENT(stamp, "'type':'token_count','info':{'total_token_usage':" total                         \
                 ",'last_token_usage':" last "}")
#define TOTAL(stamp, total)                                                                        \
    EVENT(stamp, "'type':'token_count','info':{'total_token_usage':" total "}")
#define LAST(stamp, last) EVENT(stamp, "'type':'token_count','info':{'last_token_usage':" last "}")
#define CALL(stamp, id, command)                                                                   \
    ITEM(stamp, "'type':'function_call','name':'exec_command','arguments':'{\\'cmd\\':\\'" command \
                "\\'}','call_id':'" id "'")
#define OUTPUT(stamp, id, text)                                                                    \
    ITEM(stamp, "'type':'function_call_output','call_id':'" id "','output':'" text "'")

/* clang-format off */
static const char session[] =
    META("00:00.000", "th1", "")
    EVENT("00:00.010", "'type':'task_started','turn_id':'1'")
    LINE("00:00.020", "turn_context", "'model':'gpt-5.5','service_tier':'flex'")
    ITEM("00:00.030", "'type':'message','role':'user','content':[]")
    EVENT("00:00.040", "'type':'token_count','info':null")
    ITEM("00:02.000", "'type':'reasoning','summary':[]")
    CALL("00:03.000", "c1", "git status")
    COUNT("00:03.100", FIGURES(1000, 0, 50, 20), FIGURES(1000, 0, 50, 20))
    OUTPUT("00:04.000", "c1", "Process exited with code 0\\nOutput:\\nclean")
    CALL("00:06.000", "c2", "git commit -m x")
    CALL("00:06.100", "c3", "make test")
    COUNT("00:06.200", FIGURES(2200, 1000, 80, 20), FIGURES(1200, 1000, 30, 0))
    OUTPUT("00:07.000", "c2", "Process running with session ID 7\\nOutput:\\n")
    OUTPUT("00:07.100", "c3", "Process exited with code 2\\nOutput:\\nbroken")
    COUNT("00:07.200", FIGURES(2200, 1000, 80, 20), FIGURES(1200, 1000, 30, 0))
    EVENT("00:09.000", "'type':'exec_command_end','call_id':'c2','exit_code':0,"
                       "'aggregated_output':'[main (root-commit) 1a2b3c4d] x\\n'")
    ITEM("00:10.000", "'type':'web_search_call','status':'completed','action':{'type':'search',"
                      "'query':'q'}")
    ITEM("00:11.000", "'type':'message','role':'assistant','content':[]")
    COUNT("00:11.100", FIGURES(3500, 2200, 90, 20), FIGURES(1300, 1200, 10, 0))
    LINE("00:12.000", "compacted", "'message':'x'")
    EVENT("00:13.000", "'type':'error','message':'stream disconnected'")
    LINE("00:14.000", "turn_context", "'model':'gpt-5.5-mini'")
    ITEM("00:15.000", "'type':'reasoning','summary':[]")
    EVENT("00:16.000", "'type':'turn_aborted','reason':'interrupted'")
    ITEM("00:18.000", "'type':'custom_tool_call','name':'apply_patch','input':'*** Begin',"
                      "'call_id':'c4'")
    COUNT("00:18.100", FIGURES(3600, 2200, 95, 20), FIGURES(100, 0, 5, 0))
    EVENT("00:18.200", "'type':'patch_apply_end','call_id':'c4','success':false,'stdout':'no'")
    ITEM("00:18.300", "'type':'custom_tool_call_output','call_id':'c4','output':'failed'");
/* clang-format on */

static const struct trace *run(const char *text, bool may_grow)
{
    const struct decoding_source source = {.format = WIRE_CODEX,
                                           .path = "rollout-x.jsonl",
                                           .bytes = decoding_quoted(text),
                                           .may_grow = may_grow};
    return decoding_run(&decoding, &source) == ERR_OK ? decoding_trace(&decoding) : NULL;
}

static void figures_that_cannot_be_are_rejected(void)
{
    /* clang-format off */
    static const char text[] =
        META("00:00.000", "th1", "")
        COUNT("00:01.000", FIGURES(-1, 0, 0, 0), FIGURES(1, 0, 0, 0))
        COUNT("00:02.000", FIGURES(10, 0, 0, 0), FIGURES(10, 11, 1, 0))
        COUNT("00:03.000", FIGURES(20, 0, 0, 0), FIGURES(2000000000, 0, 1, 0))
        COUNT("00:04.000", FIGURES(30, 0, 1e30, 0), FIGURES(1, 0, 1, 0))
        EVENT("00:05.000", "'type':'token_count','info':'x'")
        "{'timestamp':'2026-05-11T08:06:00Z','type':'event_msg','payload':\n"
        ITEM("00:07.000", "'type':'function_call','name':'x'")
        COUNT("00:08.000", FIGURES(50, 0, 9, 0), FIGURES(10, 0, 9, 12));
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 2, "total_token_usage.input_tokens is not a count"));
    EXPECT(decoding_rejects(trace, 1, 3, "11 cached of 10 input tokens"));
    EXPECT(decoding_rejects(trace, 2, 4, "input_tokens is 2000000000, above 1000000000"));
    EXPECT(decoding_rejects(trace, 3, 5, "total_token_usage.output_tokens is not a count"));
    EXPECT(decoding_rejects(trace, 4, 7, "not JSON"));
    EXPECT(decoding_rejects(trace, 5, 8, "without call_id"));
    EXPECT(trace->rejected == 6);
    EXPECT(trace->steps.count == 1);
    EXPECT(trace->steps.rows[0].usage.reasoning ==
           9); /* never more than the output it is part of */
}

static void calls_are_the_token_counts_that_add_something(void)
{
    const struct trace *trace = run(session, false);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_LLM) == 5); /* four, and the aborted one */
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 3600 - 2200);
    EXPECT(decoding_sum(trace, USAGE_CACHE_READ) == 2200);
    EXPECT(decoding_sum(trace, USAGE_OUTPUT) == 95);
    EXPECT(decoding_sum(trace, USAGE_WEB_SEARCHES) == 1);
    const struct step *first = decoding_step(trace, "codex:th1:1000:1778486403100000000");
    EXPECT(first != NULL);
    EXPECT(str_equal(first->model, STR("gpt-5.5")));
    EXPECT(str_equal(first->provider, STR("openai")));
    EXPECT(first->tier == TIER_FLEX);
    EXPECT(first->usage.reasoning == 20);
    EXPECT(first->ended_ns - first->started_ns == INT64_C(1100000000));
    const struct step *last = decoding_step(trace, "codex:th1:3600:1778486418100000000");
    EXPECT(last != NULL);
    EXPECT(str_equal(last->model, STR("gpt-5.5-mini")));
    EXPECT(last->tier == TIER_STANDARD);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("th1")));
    EXPECT(str_equal(trace->attempts.rows[0].agent, STR("codex 0.125.0")));
}

static void tools_end_as_their_last_word_says(void)
{
    const struct trace *trace = run(session, false);
    EXPECT(trace != NULL);
    const struct step *status = decoding_step(trace, "tool:c1");
    const struct step *commit = decoding_step(trace, "tool:c2");
    const struct step *broken = decoding_step(trace, "tool:c3");
    const struct step *patch = decoding_step(trace, "tool:c4");
    EXPECT(status != NULL);
    EXPECT(commit != NULL);
    EXPECT(broken != NULL);
    EXPECT(patch != NULL);
    EXPECT(status->status == STATUS_OK);
    EXPECT(status->effect == EFFECT_READ);
    EXPECT(str_equal(status->caller, STR("codex:th1:1000:1778486403100000000")));
    EXPECT(str_equal(commit->caller, broken->caller));
    EXPECT(commit->status == STATUS_OK);
    EXPECT(broken->status == STATUS_ERROR);
    EXPECT(patch->status == STATUS_ERROR);
    EXPECT(patch->effect == EFFECT_WRITE);
    EXPECT(patch->result_bytes == 6);
    EXPECT(trace->outcomes.count == 1);
    EXPECT(str_equal(trace->outcomes.rows[0].id, STR("git:shop/1a2b3c4d")));
}

static void compactions_errors_and_aborts_are_steps(void)
{
    const struct trace *trace = run(session, false);
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_AGENT) == 3);
    int64_t interrupted = 0;
    for (size_t i = 0; i < trace->steps.count; i++) {
        const struct step *step = &trace->steps.rows[i];
        interrupted += step->kind == STEP_LLM && step->status == STATUS_INTERRUPTED;
        EXPECT(step->kind != STEP_LLM || step->has_usage == (step->status == STATUS_OK));
    }
    EXPECT(interrupted == 1);
}

static void responses_without_figures_are_unknown_calls(void)
{
    /* clang-format off */
    static const char text[] =
        META("00:00.000", "th2", "")
        ITEM("00:01.000", "'type':'reasoning'")
        CALL("00:02.000", "d1", "ls")
        OUTPUT("00:03.000", "d1", "x")
        ITEM("00:04.000", "'type':'message','role':'assistant'");
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_LLM) == 2);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 0);
    for (size_t i = 0; i < trace->steps.count; i++) {
        EXPECT(!trace->steps.rows[i].has_usage);
    }
    trace = run(text, true); /* the second may yet get its figures */
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_LLM) == 1);
    EXPECT(decoding.position.line == 4);
}

static void missing_last_or_total_figures_are_made_up_by_subtraction(void)
{
    /* clang-format off */
    static const char text[] =
        META("00:00.000", "th3", "")
        TOTAL("00:01.000", FIGURES(100, 0, 10, 0))
        TOTAL("00:02.000", FIGURES(350, 100, 25, 0))
        TOTAL("00:03.000", FIGURES(40, 0, 5, 0))
        LAST("00:04.000", FIGURES(7, 0, 1, 0))
        LAST("00:05.000", FIGURES(7, 0, 1, 0));
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 4);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 100 + 150 + 40 + 7);
    EXPECT(decoding_sum(trace, USAGE_CACHE_READ) == 100);
    EXPECT(decoding_sum(trace, USAGE_OUTPUT) == 10 + 15 + 5 + 1);
}

static void a_spawned_thread_does_not_count_its_parents_history(void)
{
    /* clang-format off */
    static const char text[] =
        META("10:00.000", "child",
             ",'source':{'subagent':{'thread_spawn':{'parent_thread_id':'parent'}}}")
        META("10:00.001", "parent", "")
        LINE("10:00.002", "turn_context", "'model':'gpt-5.5'")
        CALL("10:00.003", "p1", "git commit -m x")
        COUNT("10:00.004", FIGURES(900, 0, 9, 0), FIGURES(900, 0, 9, 0))
        OUTPUT("10:00.005", "p1", "Process exited with code 0\\n[main 1234567] x")
        COUNT("10:00.150", FIGURES(1900, 900, 19, 0), FIGURES(1000, 900, 10, 0))
        ITEM("10:02.000", "'type':'reasoning'")
        COUNT("10:02.100", FIGURES(2000, 900, 24, 0), FIGURES(100, 0, 5, 0))
        ITEM("10:02.200", "'type':'message','role':'user'")
        COUNT("10:02.300", FIGURES(2100, 900, 26, 0), FIGURES(100, 0, 2, 0));
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 2);
    EXPECT(trace->outcomes.count == 0);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 200);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("parent")));
    EXPECT(str_equal(trace->attempts.rows[0].id, STR("parent")));
    EXPECT(str_equal(trace->steps.rows[0].agent, STR("child")));
    EXPECT(str_equal(trace->steps.rows[0].model, STR("gpt-5.5")));
    EXPECT(wire_format_named(STR("codex")) == WIRE_CODEX);
}

static void a_fork_counts_from_where_it_left(void)
{
    /* clang-format off */
    static const char text[] =
        META("10:00.000", "fork", ",'forked_from_id':'old'")
        COUNT("10:00.001", FIGURES(900, 0, 9, 0), FIGURES(900, 0, 9, 0))
        COUNT("10:05.000", FIGURES(1000, 0, 10, 0), FIGURES(100, 0, 1, 0));
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 1);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("fork")));
    EXPECT(trace->steps.rows[0].agent.size == 0);
}

static void logs_from_before_the_envelope_are_read(void)
{
    /* clang-format off */
    static const char text[] =
        "{'id':'old1','timestamp':'2025-07-01T08:00:00Z','instructions':null}\n"
        "{'record_type':'state'}\n"
        "{'type':'message','role':'user','content':[]}\n"
        "{'type':'local_shell_call','call_id':'k1','action':{'command':['bash','-lc',"
        "'git commit -m x']}}\n"
        "{'type':'function_call_output','call_id':'k1','output':'[main 1a2b3c4] x'}\n"
        "{'type':'function_call','name':'shell','call_id':'k2','arguments':'{\\'command\\':["
        "\\'ls\\',\\'-l\\']}'}\n"
        "{'type':'function_call_output','call_id':'k2','output':'{\\'metadata\\':{"
        "\\'exit_code\\':1}}'}\n";
    /* clang-format on */
    const struct trace *trace = run(text, false);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(trace->outcomes.count == 1);
    const struct step *commit = decoding_step(trace, "tool:k1");
    const struct step *list = decoding_step(trace, "tool:k2");
    EXPECT(commit != NULL);
    EXPECT(list != NULL);
    EXPECT(commit->effect == EFFECT_WRITE);
    EXPECT(list->effect == EFFECT_READ);
    EXPECT(list->status == STATUS_ERROR);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("old1")));
}

static void every_cut_of_a_file_gives_the_same_rows(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct decoding_source source = {.format = WIRE_CODEX, .path = "rollout-x.jsonl"};
    source.bytes = decoding_quoted(session);
    for (size_t cut = 0; cut <= source.bytes.size; cut++) {
        const bool is_line_end = cut == 0 || source.bytes.data[cut - 1] == '\n';
        if (is_line_end || cut % 41 == 0) {
            EXPECT(decoding_agrees_when_split(&source, cut));
        }
    }
}

static void a_position_that_cannot_be_read_is_refused(void)
{
    const struct wire_position start = {.state = STR("{\"thread\":")};
    const struct decoding_source source = {
        .format = WIRE_CODEX, .path = "a.jsonl", .bytes = STR(""), .start = &start};
    EXPECT(decoding_run(&decoding, &source) == ERR_SYNTAX);
    EXPECT(str_find(str_from(decoding.err.text), STR("import the file from its beginning")) !=
           SIZE_MAX);
}

int main(void)
{
    const struct test tests[] = {
        TEST(figures_that_cannot_be_are_rejected),
        TEST(a_position_that_cannot_be_read_is_refused),
        TEST(calls_are_the_token_counts_that_add_something),
        TEST(tools_end_as_their_last_word_says),
        TEST(compactions_errors_and_aborts_are_steps),
        TEST(responses_without_figures_are_unknown_calls),
        TEST(missing_last_or_total_figures_are_made_up_by_subtraction),
        TEST(a_spawned_thread_does_not_count_its_parents_history),
        TEST(a_fork_counts_from_where_it_left),
        TEST(logs_from_before_the_envelope_are_read),
        TEST(every_cut_of_a_file_gives_the_same_rows),
    };
    return test_main(tests, COUNT_OF(tests));
}
