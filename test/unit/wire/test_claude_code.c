/* Claude Code logs: what is refused, what is counted once, what becomes steps and candidates.
 * Hand-made records of each shape the program writes; every cut of a file gives the same rows. */
#include <stdio.h>

#include "base/clock.h"
#include "decoding.h"
#include "support/test.h"

static struct decoding decoding;

#define HEAD                                                                                       \
    "'sessionId':'s1','cwd':'/srv/shop','version':'2.1.4','gitBranch':'main','isSidechain'"        \
    ":false,"
#define AT(seconds) "'timestamp':'2026-02-01T10:00:" seconds ".000Z'"
#define USAGE(input, write, read, output)                                                          \
    "'usage':{'input_tokens':" #input ",'cache_creation_input_tokens':" #write                     \
    ",'cache_read_input_tokens':" #read ",'output_tokens':" #output "}"
#define ANSWER(id, content, usage, seconds, uuid)                                                  \
    "{" HEAD "'message':{'model':'claude-opus-4-6','id':'" id                                      \
    "','role':'assistant','content':[" content "]," usage "},'requestId':'r" id                    \
    "','type':'assistant','uuid':'" uuid "'," AT(seconds) "}\n"
#define TEXT "{'type':'text','text':'ok'}"
#define TOOL(id, name, input)                                                                      \
    "{'type':'tool_use','id':'" id "','name':'" name "','input':{" input "}}"
#define RESULT(id, content, error, seconds, uuid)                                                  \
    "{" HEAD "'type':'user','message':{'role':'user','content':[{'tool_use_id':'" id               \
    "','type':'tool_result','content':" content ",'is_error':" error "}]},'uuid':'" uuid           \
    "'," AT(seconds) "}\n"

/* clang-format off */
static const char session[] =
    "{'type':'summary','summary':'x','leafUuid':'u0'}\n"
    "{" HEAD "'type':'user','message':{'role':'user','content':'go'},'uuid':'u1'," AT("00") "}\n"
    ANSWER("msg_1", TEXT, USAGE(3, 100, 2000, 1), "01", "u2")
    ANSWER("msg_1", TOOL("t1", "Bash", "'command':'git status'"), USAGE(3, 100, 2000, 40), "02",
           "u3")
    ANSWER("msg_1", TOOL("t2", "Read", "'file_path':'a.c'"), USAGE(3, 100, 2000, 40), "03", "u4")
    RESULT("t1", "'clean'", "false", "04", "u5")
    RESULT("t2", "[{'type':'text','text':'int x;'},{'type':'text','text':'y'}]", "false", "05",
           "u6")
    "\n"
    ANSWER("msg_2", TOOL("t3", "Bash", "'command':'git add -A && git commit -m x'"),
           USAGE(1, 50, 2100, 30), "06", "u7")
    RESULT("t3", "'[main 1a2b3c4] x\\n 1 file changed'", "false", "08", "u8")
    ANSWER("msg_3", TOOL("t4", "Edit", "'file_path':'a.c'"), USAGE(1, 10, 2200, 20), "09", "u9")
    RESULT("t4", "'The user doesn\\u0027t want to proceed with this tool use.'", "true", "10",
           "u10")
    "{" HEAD "'type':'system','subtype':'compact_boundary','uuid':'u11','compactMetadata':{"
    "'trigger':'auto','preTokens':150000}," AT("11") "}\n"
    "{" HEAD "'type':'user','isCompactSummary':true,'parentUuid':'u11','uuid':'u12','message':{"
    "'role':'user','content':'so far'}," AT("12") "}\n"
    "{" HEAD "'type':'assistant','isApiErrorMessage':true,'uuid':'u13','message':{'id':'e1',"
    "'model':'<synthetic>','content':[{'type':'text','text':'API Error: 529 overloaded'}],"
    "'usage':{'input_tokens':0,'output_tokens':0}}," AT("13") "}\n"
    ANSWER("msg_4", TOOL("t5", "Bash", "'command':'gh pr create --title x'"),
           USAGE(2, 5, 2300, 25), "14", "u14")
    RESULT("t5", "'Warning: x\\nhttps://example.com/o/r/pull/7\\n'", "false", "16", "u15")
    "{'type':'pr-link','sessionId':'s1','prNumber':7,'prUrl':'https://example.com/o/r/pull/7',"
    AT("17") "}\n"
    ANSWER("msg_5", TOOL("t6", "Bash", "'command':'git commit -m y'"), USAGE(2, 5, 2400, 9), "18",
           "u16")
    RESULT("t6", "'Exit code 1\\nnothing to commit'", "true", "19", "u17")
    ANSWER("msg_6", TOOL("t7", "Task", "'prompt':'look'"), USAGE(2, 5, 2500, 8), "20", "u18");
/* clang-format on */

static const struct trace *run(const char *text)
{
    const struct decoding_source source = {
        .format = WIRE_CLAUDE_CODE, .path = "x/s1.jsonl", .bytes = decoding_quoted(text)};
    return decoding_run(&decoding, &source) == ERR_OK ? decoding_trace(&decoding) : NULL;
}

static int64_t at_seconds(int64_t seconds)
{
    return (clock_days(2026, 2, 1) * 86400 + 36000 + seconds) * CLOCK_NS_PER_SECOND;
}

static void figures_that_are_no_counts_reject_their_line_alone(void)
{
    /* clang-format off */
    static const char text[] =
        ANSWER("m1", TEXT, USAGE(-1, 0, 0, 0), "01", "a")
        ANSWER("m2", TEXT, USAGE(1, 1000000001, 0, 0), "01", "b")
        ANSWER("m3", TEXT, USAGE(1, 0, 18446744073709551615, 0), "01", "c")
        ANSWER("m4", TEXT, USAGE(1, 0, 0, 1.5), "01", "d")
        ANSWER("m5", TEXT, USAGE(true, 0, 0, 0), "01", "e")
        ANSWER("m6", TEXT, "'usage':7", "01", "f")
        ANSWER("m7", TEXT, USAGE(NaN, 0, 0, 0), "01", "g")
        ANSWER("m8", TEXT, USAGE(1, 0, 0, 1e400), "01", "h")
        ANSWER("m9", TEXT, USAGE(4, null, null, 6), "01", "i");
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 8);
    EXPECT(decoding_rejects(trace, 0, 1, "usage.input_tokens is -1"));
    EXPECT(decoding_rejects(trace, 1, 2, "usage.cache_creation_input_tokens is 1000000001"));
    EXPECT(decoding_rejects(trace, 2, 3, "usage.cache_read_input_tokens is 18446744073709551615"));
    EXPECT(decoding_rejects(trace, 3, 4, "usage.output_tokens is 1.5"));
    EXPECT(decoding_rejects(trace, 4, 5, "usage.input_tokens is true"));
    EXPECT(decoding_rejects(trace, 5, 6, "usage is not an object"));
    EXPECT(decoding_rejects(trace, 6, 7, "not JSON"));
    EXPECT(decoding_rejects(trace, 7, 8, "not JSON"));
    EXPECT(trace->steps.count == 1);
    EXPECT(trace->steps.rows[0].usage.counts[USAGE_INPUT_UNCACHED] == 4);
    EXPECT(trace->steps.rows[0].usage.counts[USAGE_OUTPUT] == 6);
}

static void records_of_the_wrong_shape_are_rejected_with_line_and_reason(void)
{
    /* clang-format off */
    static const char text[] =
        "[1,2]\n"
        "{'type':'assistant','sessionId':'s'\n"
        "{'no':'type'}\n"
        "{'type':'assistant','sessionId':'s','message':'text'}\n"
        "{'type':'assistant','sessionId':'s','message':{'content':[]}}\n"
        "{'type':7}\n"
        ANSWER("m1", "{'type':'tool_use','name':'Bash'}", USAGE(1, 0, 0, 1), "01", "a")
        "{'type':'system','subtype':'compact_boundary','sessionId':'s'}\n"
        "{'type':'assistant','sessionId':'s','message':{'id':'m\xff'}}\n";
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 1, "not a JSON object"));
    EXPECT(decoding_rejects(trace, 1, 2, "not JSON"));
    EXPECT(decoding_rejects(trace, 2, 3, "without a type"));
    EXPECT(decoding_rejects(trace, 3, 4, "without a message and its id"));
    EXPECT(decoding_rejects(trace, 4, 5, "without a message and its id"));
    EXPECT(decoding_rejects(trace, 5, 6, "without a type"));
    EXPECT(decoding_rejects(trace, 6, 7, "tool_use block without id"));
    EXPECT(decoding_rejects(trace, 7, 8, "without a uuid"));
    EXPECT(decoding_rejects(trace, 8, 9, "not JSON"));
    EXPECT(trace->rejected == 9);
    EXPECT(trace->steps.count == 1);
    EXPECT(trace->lines == 9);
}

static void a_clock_that_is_wrong_is_unknown_time(void)
{
    /* clang-format off */
    static const char text[] =
        "{" HEAD "'type':'assistant','uuid':'a','timestamp':'0001-01-01T00:00:00Z','message':{"
        "'id':'m1','model':'claude-x'," USAGE(1, 0, 0, 1) "}}\n"
        "{" HEAD "'type':'assistant','uuid':'b','timestamp':'2250-01-01T00:00:00Z','message':{"
        "'id':'m2','model':'claude-x'," USAGE(1, 0, 0, 1) "}}\n"
        "{" HEAD "'type':'assistant','uuid':'b','timestamp':17,'message':{"
        "'id':'m3','model':'claude-x'," USAGE(1, 0, 0, 1) "}}\n"
        ANSWER("m4", TOOL("t", "Read", ""), USAGE(1, 0, 0, 1), "10", "c")
        RESULT("t", "'late'", "false", "05", "d");
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 5);
    for (size_t i = 0; i < 3; i++) {
        EXPECT(trace->steps.rows[i].started_ns == TIME_UNKNOWN);
    }
    const struct step *tool = decoding_step(trace, "tool:t");
    EXPECT(tool != NULL);
    EXPECT(tool->started_ns == at_seconds(10));
    EXPECT(tool->ended_ns == TIME_UNKNOWN);
    EXPECT(tool->status == STATUS_OK);
}

static void a_response_on_several_lines_is_one_step_with_its_fullest_usage(void)
{
    const struct trace *trace = run(session);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_LLM) == 6);
    const struct step *step = decoding_step(trace, "msg_1");
    EXPECT(step != NULL);
    EXPECT(str_equal(step->alias, STR("rmsg_1"))); /* what its telemetry calls it */
    EXPECT(step->usage.counts[USAGE_INPUT_UNCACHED] == 3);
    EXPECT(step->usage.counts[USAGE_CACHE_WRITE_5M] == 100);
    EXPECT(step->usage.counts[USAGE_CACHE_READ] == 2000);
    EXPECT(step->usage.counts[USAGE_OUTPUT] == 40);
    EXPECT(step->usage.counts[USAGE_REQUESTS] == 1);
    EXPECT(step->has_usage);
    EXPECT(step->line == 3);
    EXPECT(step->started_ns == at_seconds(1));
    EXPECT(step->ended_ns == at_seconds(3));
    EXPECT(str_equal(step->model, STR("claude-opus-4-6")));
    EXPECT(str_equal(step->provider, STR("anthropic")));
    EXPECT(
        str_equal(step->raw_usage, STR("{\"input_tokens\":3,\"cache_creation_input_tokens\":100,"
                                       "\"cache_read_input_tokens\":2000,\"output_tokens\":40}")));
    EXPECT(trace->cases.count == 1);
    EXPECT(trace->attempts.count == 1);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("s1")));
    EXPECT(str_equal(trace->attempts.rows[0].agent, STR("claude-code 2.1.4")));
    EXPECT(trace->cases.rows[0].attribute_count == 3);
    EXPECT(str_equal(trace->cases.rows[0].attributes[0].value, STR("shop")));
}

static void tools_carry_their_caller_effect_arguments_and_result(void)
{
    const struct trace *trace = run(session);
    EXPECT(trace != NULL);
    const struct step *bash = decoding_step(trace, "tool:t1");
    const struct step *read = decoding_step(trace, "tool:t2");
    const struct step *edit = decoding_step(trace, "tool:t4");
    const struct step *failed = decoding_step(trace, "tool:t6");
    const struct step *open = decoding_step(trace, "tool:t7");
    EXPECT(bash != NULL);
    EXPECT(read != NULL);
    EXPECT(edit != NULL);
    EXPECT(failed != NULL);
    EXPECT(open != NULL);
    EXPECT(str_equal(bash->caller, STR("msg_1")));
    EXPECT(bash->effect == EFFECT_READ);
    EXPECT(bash->status == STATUS_OK);
    EXPECT(bash->result_bytes == 5);
    EXPECT(bash->args_bytes == (int64_t)strlen("{\"command\":\"git status\"}"));
    EXPECT(bash->args_hash != 0);
    EXPECT(bash->args_hash != read->args_hash);
    EXPECT(bash->started_ns == at_seconds(2));
    EXPECT(bash->ended_ns == at_seconds(4));
    EXPECT(read->result_bytes == 7);
    EXPECT(edit->status == STATUS_REJECTED);
    EXPECT(edit->effect == EFFECT_WRITE);
    EXPECT(failed->status == STATUS_ERROR);
    EXPECT(str_equal(failed->note, STR("Exit code 1")));
    EXPECT(open->status == STATUS_INTERRUPTED); /* no result: nobody knows */
    EXPECT(open->ended_ns == TIME_UNKNOWN);
}

static void commits_and_pull_requests_become_candidates_once(void)
{
    const struct trace *trace = run(session);
    EXPECT(trace != NULL);
    EXPECT(trace->outcomes.count == 2);
    const struct outcome *commit = &trace->outcomes.rows[0];
    const struct outcome *pull = &trace->outcomes.rows[1];
    EXPECT(str_equal(commit->id, STR("git:shop/1a2b3c4")));
    EXPECT(str_equal(commit->reference, STR("1a2b3c4")));
    EXPECT(str_equal(commit->source, STR("git commit")));
    EXPECT(str_equal(commit->case_id, STR("s1")));
    EXPECT(commit->status == OUTCOME_CANDIDATE);
    EXPECT(commit->effective_ns == at_seconds(8));
    EXPECT(str_equal(pull->id, STR("pr:https://example.com/o/r/pull/7")));
    EXPECT(str_equal(pull->source, STR("pull request")));
}

static void a_commit_without_its_hash_is_a_candidate_named_by_its_call(void)
{
    /* clang-format off */
    static const char text[] =
        ANSWER("m1", TOOL("t1", "Bash", "'command':'git commit -qm x'"), USAGE(1, 0, 0, 1), "01",
               "a")
        RESULT("t1", "''", "false", "02", "b")
        ANSWER("m2", TOOL("t2", "Bash", "'command':'git commit -m x || true'"), USAGE(1, 0, 0, 1),
               "03", "c")
        RESULT("t2", "'On branch main\\nnothing to commit'", "false", "04", "d");
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(trace->outcomes.count == 1);
    EXPECT(str_equal(trace->outcomes.rows[0].id, STR("tool:t1")));
    EXPECT(trace->outcomes.rows[0].reference.size == 0);
}

static void compactions_and_failed_calls_are_steps_without_usage(void)
{
    const struct trace *trace = run(session);
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_AGENT) == 2); /* the summary belongs to its boundary */
    const struct step *compaction = decoding_step(trace, "compact:u11");
    const struct step *error = decoding_step(trace, "error:u13");
    EXPECT(compaction != NULL);
    EXPECT(error != NULL);
    EXPECT(str_equal(compaction->name, STR("compaction")));
    EXPECT(str_equal(compaction->note, STR("auto, 150000 tokens before")));
    EXPECT(error->status == STATUS_ERROR);
    EXPECT(!error->has_usage);
    EXPECT(str_equal(error->note, STR("API Error: 529 overloaded")));
}

static void tiers_regions_searches_and_the_hour_cache_are_read(void)
{
    /* clang-format off */
    static const char text[] =
        ANSWER("m1", TEXT,
               "'usage':{'input_tokens':1,'cache_creation_input_tokens':100,"
               "'cache_creation':{'ephemeral_5m_input_tokens':30,'ephemeral_1h_input_tokens':70},"
               "'output_tokens':9,'output_tokens_details':{'thinking_tokens':4},"
               "'server_tool_use':{'web_search_requests':2},'service_tier':'priority',"
               "'inference_geo':'us'}",
               "01", "a")
        ANSWER("m2", TEXT,
               "'usage':{'input_tokens':1,'speed':'fast','service_tier':'standard',"
               "'inference_geo':'not_available'}",
               "02", "b")
        ANSWER("m3", TEXT,
               "'usage':{'cache_creation':{'ephemeral_5m_input_tokens':30,"
               "'ephemeral_1h_input_tokens':70}}",
               "03", "c")
        ANSWER("m4", TEXT,
               "'usage':{'cache_creation_input_tokens':50,'cache_creation':{"
               "'ephemeral_1h_input_tokens':70}}",
               "04", "d");
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 4);
    const struct step *rows = trace->steps.rows;
    EXPECT(rows[0].usage.counts[USAGE_CACHE_WRITE_5M] == 30);
    EXPECT(rows[0].usage.counts[USAGE_CACHE_WRITE_1H] == 70);
    EXPECT(rows[0].usage.counts[USAGE_WEB_SEARCHES] == 2);
    EXPECT(rows[0].usage.reasoning == 4);
    EXPECT(rows[0].tier == TIER_PRIORITY);
    EXPECT(str_equal(rows[0].region, STR("us")));
    EXPECT(rows[1].tier == TIER_FAST);
    EXPECT(rows[1].region.size == 0);
    EXPECT(rows[2].usage.counts[USAGE_CACHE_WRITE_5M] == 30);
    EXPECT(rows[2].usage.counts[USAGE_CACHE_WRITE_1H] == 70);
    EXPECT(rows[3].usage.counts[USAGE_CACHE_WRITE_5M] == 0); /* the total is the authority */
    EXPECT(rows[3].usage.counts[USAGE_CACHE_WRITE_1H] == 50);
}

static void sub_agents_belong_to_their_parents_attempt(void)
{
    /* clang-format off */
    static const char text[] =
        "{'sessionId':'s1','agentId':'a7','isSidechain':true,'type':'assistant','uuid':'a',"
        AT("01") ",'message':{'id':'m1','model':'claude-haiku-4-5'," USAGE(1, 0, 5, 1) "}}\n"
        "{'sessionId':'s1','isSidechain':true,'type':'assistant','uuid':'b',"
        AT("02") ",'message':{'id':'m2','model':'claude-haiku-4-5'," USAGE(1, 0, 5, 1) "}}\n"
        "{'sessionId':'s1','isSidechain':false,'type':'assistant','uuid':'c',"
        AT("02") ",'message':{'id':'m2','model':'claude-haiku-4-5'," USAGE(1, 0, 5, 1) "}}\n"
        "{'sessionId':'s1','isSidechain':true,'type':'assistant','uuid':'d',"
        AT("02") ",'message':{'id':'m2','model':'claude-haiku-4-5'," USAGE(1, 0, 5, 1) "}}\n";
    /* clang-format on */
    const struct trace *trace = run(text);
    EXPECT(trace != NULL);
    EXPECT(trace->attempts.count == 1);
    EXPECT(trace->steps.count == 2);
    EXPECT(str_equal(trace->steps.rows[0].agent, STR("a7")));
    EXPECT(trace->steps.rows[1].agent.size == 0); /* the main agent's own line beats its copies */
}

static void a_call_nobody_reported_usage_of_is_kept_without(void)
{
    const struct trace *trace = run("{" HEAD "'type':'assistant','uuid':'u1'," AT(
        "01") ",'costUSD':0.0125,"
              "'message':{'model':'glm-4.6','content':[" TEXT "]}}\n");
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 1);
    const struct step *step = &trace->steps.rows[0];
    EXPECT(str_equal(step->identity, STR("u1")));
    EXPECT(!step->has_usage);
    EXPECT(step->usage.counts[USAGE_REQUESTS] == 0);
    EXPECT(step->provider.size == 0);
    EXPECT(step->has_reported);
    EXPECT(step->reported_pusd == INT64_C(12500000000));
}

static void every_cut_of_a_file_gives_the_same_rows(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct decoding_source source = {.format = WIRE_CLAUDE_CODE, .path = "x/s1.jsonl"};
    source.bytes = decoding_quoted(session);
    for (size_t cut = 0; cut <= source.bytes.size; cut++) {
        const bool is_line_end = cut == 0 || source.bytes.data[cut - 1] == '\n';
        if (is_line_end || cut % 37 == 0) {
            EXPECT(decoding_agrees_when_split(&source, cut));
        }
    }
}

static void pieces_of_any_size_give_the_same_rows(void)
{
    if (test_is_refusing()) {
        return;
    }
    static struct decoding whole;
    static struct decoding_union all;
    struct decoding_source source = {.format = WIRE_CLAUDE_CODE, .path = "x/s1.jsonl"};
    source.bytes = decoding_quoted(session);
    EXPECT(decoding_run(&whole, &source) == ERR_OK);
    for (source.piece = 1; source.piece < 400; source.piece += 1 + source.piece / 8) {
        EXPECT(decoding_run(&decoding, &source) == ERR_OK);
        all.count = 0;
        all.outcome_count = 0;
        decoding_join(&all, decoding_trace(&decoding));
        EXPECT(decoding_difference(&all, decoding_trace(&whole)) == NULL);
        EXPECT(decoding_trace(&decoding)->lines == decoding_trace(&whole)->lines);
        EXPECT(decoding.position.offset == whole.position.offset);
    }
}

static void an_answer_that_may_grow_is_read_again(void)
{
    struct decoding_source source = {.format = WIRE_CLAUDE_CODE, .path = "s.jsonl"};
    source.bytes = decoding_quoted(ANSWER("m1", TEXT, USAGE(1, 0, 0, 1), "01", "a") ANSWER(
        "m2", TEXT, USAGE(1, 0, 0, 1), "02", "b") ANSWER("m2", TEXT, USAGE(1, 0, 0, 9), "03", "c"));
    const size_t line = source.bytes.size / 3;
    EXPECT(decoding_run(&decoding, &source) == ERR_OK);
    EXPECT(decoding.position.offset == (int64_t)line); /* behind m1, before m2 */
    EXPECT(decoding.position.line == 1);
}

static void a_tool_without_its_result_is_left_behind_within_the_window(void)
{
    static char text[12 << 20];
    struct decoding_source source = {.format = WIRE_CLAUDE_CODE, .path = "s.jsonl"};
    const struct str call =
        decoding_quoted(ANSWER("m1", TOOL("t1", "Bash", ""), USAGE(1, 0, 0, 1), "01", "a")
                            ANSWER("m2", TEXT, USAGE(1, 0, 0, 1), "02", "b"));
    memcpy(text, call.data, call.size);
    size_t size = call.size;
    const char filler[] = "{\"type\":\"progress\",\"sessionId\":\"s1\",\"data\":{}}\n";
    while (size < (4 << 20)) {
        memcpy(text + size, filler, sizeof filler - 1);
        size += sizeof filler - 1;
    }
    source.bytes = (struct str){text, size};
    EXPECT(decoding_run(&decoding, &source) == ERR_OK);
    EXPECT(decoding.position.offset == 0);
    while (size < (10 << 20)) {
        memcpy(text + size, filler, sizeof filler - 1);
        size += sizeof filler - 1;
    }
    source.bytes.size = size;
    EXPECT(decoding_run(&decoding, &source) == ERR_OK);
    EXPECT(decoding.position.offset == (int64_t)size);
}

static void a_session_without_an_id_is_named_after_its_file(void)
{
    const struct decoding_source source = {
        .format = WIRE_CLAUDE_CODE,
        .path = "dir/0f1e.jsonl.gz",
        .bytes = decoding_quoted(
            "{'type':'assistant','uuid':'u','message':{'id':'m'," USAGE(1, 0, 0, 1) "}}\n")};
    EXPECT(decoding_run(&decoding, &source) == ERR_OK);
    EXPECT(str_equal(decoding_trace(&decoding)->cases.rows[0].id, STR("0f1e")));
}

int main(void)
{
    const struct test tests[] = {
        TEST(figures_that_are_no_counts_reject_their_line_alone),
        TEST(records_of_the_wrong_shape_are_rejected_with_line_and_reason),
        TEST(a_clock_that_is_wrong_is_unknown_time),
        TEST(a_response_on_several_lines_is_one_step_with_its_fullest_usage),
        TEST(tools_carry_their_caller_effect_arguments_and_result),
        TEST(commits_and_pull_requests_become_candidates_once),
        TEST(a_commit_without_its_hash_is_a_candidate_named_by_its_call),
        TEST(compactions_and_failed_calls_are_steps_without_usage),
        TEST(tiers_regions_searches_and_the_hour_cache_are_read),
        TEST(sub_agents_belong_to_their_parents_attempt),
        TEST(a_call_nobody_reported_usage_of_is_kept_without),
        TEST(every_cut_of_a_file_gives_the_same_rows),
        TEST(pieces_of_any_size_give_the_same_rows),
        TEST(an_answer_that_may_grow_is_read_again),
        TEST(a_tool_without_its_result_is_left_behind_within_the_window),
        TEST(a_session_without_an_id_is_named_after_its_file),
    };
    return test_main(tests, COUNT_OF(tests));
}
