/* Gemini CLI sessions, as one document and as lines: cached input is part of input, thoughts are
 * output on top, a message written again is the same call. Hand-made records. */
#include "decoding.h"
#include "support/test.h"

static struct decoding decoding;

#define TOKENS(input, output, cached, thoughts, tool)                                              \
    "'tokens':{'input':" #input ",'output':" #output ",'cached':" #cached ",'thoughts':" #thoughts \
    ",'tool':" #tool ",'total':0}"
#define AT(seconds) "'timestamp':'2026-03-01T10:00:" seconds ".000Z'"
#define ANSWER(id, seconds, more)                                                                  \
    "{'id':'" id "'," AT(seconds) ",'type':'gemini','content':'','model':'gemini-3-pro'" more "}"
#define TOOL(id, name, args, status, result, seconds)                                              \
    "{'id':'" id "','name':'" name "','args':{" args "},'status':'" status                         \
    "'," AT(seconds) ",'result':[{'functionResponse':{'response':{'output':'" result "'}}}]}"
#define META "'sessionId':'g1','projectHash':'abc','startTime':'2026-03-01T10:00:00Z'"

/* clang-format off */
static const char document[] =
    "{" META ",'messages':[\n"
    "{'id':'u1'," AT("00") ",'type':'user','content':'hi'},\n"
    ANSWER("a1", "02", "," TOKENS(1000, 50, 400, 30, 7)) ",\n"
    ANSWER("a2", "05", "," TOKENS(1100, 20, 0, 0, 0) ",'toolCalls':["
        TOOL("t1", "run_shell_command", "'command':'git commit -m x'", "success",
             "Output: [main 1a2b3c4] x\\nExit Code: 0", "06") ","
        TOOL("t2", "run_shell_command", "'command':'make'", "success",
             "Output: no\\nExit Code: 2", "07") ","
        TOOL("t3", "read_file", "'path':'a'", "cancelled", "User did not allow tool call", "08")
        "]") ",\n"
    ANSWER("a3", "09", ",'tokens':null") ",\n"
    "{'id':'e1'," AT("10") ",'type':'error','content':'quota exceeded'},\n"
    "{'id':'s1'," AT("11") ",'type':'gemini','content':'a summary'}]}\n";
/* clang-format on */

/* clang-format off */
static const char lines[] =
    "{" META ",'kind':'main'}\n"
    "{'id':'u1'," AT("00") ",'type':'user','content':[]}\n"
    ANSWER("a1", "02", ",'tokens':null") "\n"
    "{'$set':{'lastUpdated':'2026-03-01T10:00:02Z'}}\n"
    ANSWER("a1", "02", "," TOKENS(1000, 50, 400, 30, 7)) "\n"
    ANSWER("a2", "05", "," TOKENS(1100, 20, 0, 0, 0) ",'toolCalls':["
        "{'id':'t1','name':'run_shell_command','args':{'command':'git commit -m x'},'status':"
        "'executing'," AT("06") "}]") "\n"
    ANSWER("a2", "05", "," TOKENS(1100, 20, 0, 0, 0) ",'toolCalls':["
        TOOL("t1", "run_shell_command", "'command':'git commit -m x'", "success",
             "[main 1a2b3c4] x", "06") "]") "\n"
    "{'$rewindTo':'a2'}\n"
    ANSWER("a3", "12", "," TOKENS(900, 10, 0, 0, 0)) "\n"
    "{'$set':{'messages':[" ANSWER("a1", "02", "," TOKENS(1000, 50, 400, 30, 7)) "]}}\n";
/* clang-format on */

static const struct trace *run(const char *path, const char *text)
{
    const struct decoding_source source = {
        .format = WIRE_GEMINI_CLI, .path = path, .bytes = decoding_quoted(text)};
    return decoding_run(&decoding, &source) == ERR_OK ? decoding_trace(&decoding) : NULL;
}

static void what_does_not_add_up_is_rejected_by_message(void)
{
    /* clang-format off */
    static const char text[] =
        "{" META ",'messages':["
        ANSWER("a1", "01", "," TOKENS(5, 1, 6, 0, 0)) ","
        ANSWER("a2", "02", "," TOKENS(-5, 1, 0, 0, 0)) ","
        ANSWER("a3", "03", "," TOKENS(5, 900000000, 0, 900000000, 0)) ","
        "7,{'id':'x'},"
        ANSWER("a4", "04", "," TOKENS(5, 1, 0, 0, 0) ",'toolCalls':[{'name':'x'}]") "]}";
    /* clang-format on */
    const struct trace *trace = run("session-1.json", text);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 6);
    EXPECT(decoding_rejects(trace, 0, 0, "message 1: tokens do not add up: input 5, cached 6"));
    EXPECT(decoding_rejects(trace, 1, 0, "message 2: tokens.input is -5"));
    EXPECT(decoding_rejects(trace, 2, 0, "message 3: tokens do not add up"));
    EXPECT(decoding_rejects(trace, 3, 0, "message 4: no id and type"));
    EXPECT(decoding_rejects(trace, 4, 0, "message 5: no id and type"));
    EXPECT(decoding_rejects(trace, 5, 0, "message 6: a tool call without id"));
    EXPECT(trace->steps.count == 1);
}

static void a_document_cut_short_is_rejected_whole(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct decoding_source source = {.format = WIRE_GEMINI_CLI, .path = "session-1.json"};
    source.bytes = decoding_quoted(document);
    source.bytes.size -= 2; /* the newline is no part of it */
    for (; source.bytes.size > 0; source.bytes.size -= source.bytes.size > 40 ? 37 : 1) {
        source.bytes.size -= 1;
        EXPECT(decoding_run(&decoding, &source) == ERR_OK);
        EXPECT(decoding_trace(&decoding)->rejected == (source.bytes.size > 0));
        EXPECT(decoding_trace(&decoding)->steps.count == 0);
        if (source.bytes.size == 0) {
            break;
        }
    }
    const struct trace *trace = run("session-1.json", "{'messages':{}}");
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 0, "not a session"));
}

static void thoughts_are_output_and_cached_is_input(void)
{
    const struct trace *trace = run("session-1.json", document);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    const struct step *step = decoding_step(trace, "gemini:a1");
    EXPECT(step != NULL);
    EXPECT(step->usage.counts[USAGE_INPUT_UNCACHED] == 607);
    EXPECT(step->usage.counts[USAGE_CACHE_READ] == 400);
    EXPECT(step->usage.counts[USAGE_OUTPUT] == 80);
    EXPECT(step->usage.reasoning == 30);
    EXPECT(str_equal(step->provider, STR("google")));
    EXPECT(str_equal(trace->cases.rows[0].id, STR("g1")));
    const struct step *unknown = decoding_step(trace, "gemini:a3");
    EXPECT(unknown != NULL);
    EXPECT(!unknown->has_usage);
    EXPECT(decoding_step(trace, "gemini:s1") == NULL); /* no model: the program wrote it */
    EXPECT(decoding_count(trace, STEP_LLM) == 3);
    EXPECT(decoding_count(trace, STEP_AGENT) == 1);
}

static void shell_calls_end_as_their_exit_code_says(void)
{
    const struct trace *trace = run("session-1.json", document);
    EXPECT(trace != NULL);
    const struct step *commit = decoding_step(trace, "tool:t1");
    const struct step *make = decoding_step(trace, "tool:t2");
    const struct step *refused = decoding_step(trace, "tool:t3");
    EXPECT(commit != NULL);
    EXPECT(make != NULL);
    EXPECT(refused != NULL);
    EXPECT(commit->status == STATUS_OK);
    EXPECT(make->status == STATUS_ERROR);
    EXPECT(refused->status == STATUS_REJECTED);
    EXPECT(str_equal(commit->caller, STR("gemini:a2")));
    EXPECT(trace->outcomes.count == 1);
    EXPECT(str_equal(trace->outcomes.rows[0].reference, STR("1a2b3c4")));
}

static void lines_and_documents_are_told_apart_whatever_the_name(void)
{
    const struct trace *trace = run("session-1.json", lines);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_LLM) == 3);
    trace = run("session-1.jsonl",
                "{" META ",'messages':[" ANSWER("a1", "01", "," TOKENS(5, 1, 0, 0, 0)) "]}\n");
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_LLM) == 1);
}

static void a_message_written_again_is_the_same_call(void)
{
    const struct trace *trace = run("session-1.jsonl", lines);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(decoding_count(trace, STEP_LLM) == 3);
    EXPECT(decoding_sum(trace, USAGE_INPUT_UNCACHED) == 607 + 1100 + 900);
    EXPECT(decoding_sum(trace, USAGE_OUTPUT) == 80 + 20 + 10);
    EXPECT(decoding_sum(trace, USAGE_REQUESTS) == 3);
    const struct step *tool = decoding_step(trace, "tool:t1");
    EXPECT(tool != NULL);
    EXPECT(tool->status == STATUS_OK);
    EXPECT(trace->outcomes.count == 1);
}

static void a_sub_agents_file_belongs_to_the_session_of_its_folder(void)
{
    const struct trace *trace =
        run("chats/parent-1/g2.jsonl.gz",
            "{'sessionId':'g2','projectHash':'abc','kind':'subagent'}\n" ANSWER(
                "a9", "01", "," TOKENS(5, 1, 0, 0, 0)) "\n");
    EXPECT(trace != NULL);
    EXPECT(trace->steps.count == 1);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("parent-1")));
    EXPECT(str_equal(trace->steps.rows[0].agent, STR("g2")));
}

static void every_cut_of_lines_gives_the_same_rows(void)
{
    if (test_is_refusing()) {
        return;
    }
    struct decoding_source source = {.format = WIRE_GEMINI_CLI, .path = "session-1.jsonl"};
    source.bytes = decoding_quoted(lines);
    for (size_t cut = 0; cut <= source.bytes.size; cut++) {
        const bool is_line_end = cut == 0 || source.bytes.data[cut - 1] == '\n';
        if (is_line_end || cut % 29 == 0) {
            EXPECT(decoding_agrees_when_split(&source, cut));
        }
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_does_not_add_up_is_rejected_by_message),
        TEST(a_document_cut_short_is_rejected_whole),
        TEST(thoughts_are_output_and_cached_is_input),
        TEST(shell_calls_end_as_their_exit_code_says),
        TEST(lines_and_documents_are_told_apart_whatever_the_name),
        TEST(a_message_written_again_is_the_same_call),
        TEST(a_sub_agents_file_belongs_to_the_session_of_its_folder),
        TEST(every_cut_of_lines_gives_the_same_rows),
    };
    return test_main(tests, COUNT_OF(tests));
}
