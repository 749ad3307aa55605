/* The texts of steps: every format tells which were handed to the model and which it wrote. In each
 * sample a tool answers the same ten words and the model says them again. */
#include "base/fingerprint.h"
#include "decoding.h"
#include "support/test.h"

#define SAID "one two three four five six seven eight nine ten"

static struct decoding decoding;

#define AT(minute) "'timestamp':'2026-01-02T03:" minute ":00.000Z'"

/* clang-format off */
static const char claude[] =
    "{'type':'assistant','sessionId':'s'," AT("01") ",'uuid':'u1','message':{'id':'m1','model':"
    "'claude-x','content':[{'type':'thinking','thinking':'a thought of eight words and no more'},"
    "{'type':'tool_use','id':'t1','name':'Read','input':{'path':['" SAID "']}}],'usage':{"
    "'input_tokens':9,'output_tokens':3}}}\n"
    "{'type':'user','sessionId':'s'," AT("02") ",'uuid':'u2','message':{'content':[{'type':"
    "'tool_result','tool_use_id':'t1','content':[{'type':'text','text':'" SAID "'},{'type':'image',"
    "'source':{'data':'a b c d e f g h i j k l'}}]}]}}\n"
    "{'type':'assistant','sessionId':'s'," AT("03") ",'uuid':'u3','message':{'id':'m2','model':"
    "'claude-x','content':[{'type':'text','text':'" SAID "'}],'usage':{'input_tokens':9,"
    "'output_tokens':3}}}\n";
static const char codex[] =
    "{" AT("00") ",'type':'session_meta','payload':{'id':'th'}}\n"
    "{" AT("01") ",'type':'response_item','payload':{'type':'reasoning','summary':[{'type':"
    "'summary_text','text':'a thought of eight words and no more'}]}}\n"
    "{" AT("01") ",'type':'response_item','payload':{'type':'function_call','call_id':'t1','name':"
    "'look','arguments':'" SAID "'}}\n"
    "{" AT("01") ",'type':'event_msg','payload':{'type':'token_count','info':{'total_token_usage':"
    "{'input_tokens':9,'output_tokens':3,'total_tokens':12},'last_token_usage':{'input_tokens':9,"
    "'output_tokens':3,'total_tokens':12}}}}\n"
    "{" AT("02") ",'type':'response_item','payload':{'type':'function_call_output','call_id':'t1',"
    "'output':'" SAID "'}}\n"
    "{" AT("03") ",'type':'response_item','payload':{'type':'message','role':'assistant','content':"
    "[{'type':'output_text','text':'" SAID "'}]}}\n"
    "{" AT("03") ",'type':'response_item','payload':{'type':'message','role':'user','content':"
    "[{'type':'input_text','text':'this is said by a person and not by the model'}]}}\n"
    "{" AT("03") ",'type':'event_msg','payload':{'type':'token_count','info':{'total_token_usage':"
    "{'input_tokens':18,'output_tokens':6,'total_tokens':24},'last_token_usage':{'input_tokens':9,"
    "'output_tokens':3,'total_tokens':12}}}}\n";
static const char gemini[] =
    "{'sessionId':'s','messages':[{'id':'a','type':'gemini'," AT("01") ",'model':'gemini-x',"
    "'content':'','tokens':{'input':9,'output':3},'thoughts':[{'subject':'x','description':"
    "'a thought of eight words and no more'}],'toolCalls':[{'id':'t1','name':'look','args':{'q':'"
    SAID "'},'status':'success'," AT("02") ",'result':[{'functionResponse':{'response':{'output':'"
    SAID "'}}}]}]},{'id':'b','type':'gemini'," AT("03") ",'model':'gemini-x','content':'" SAID
    "','tokens':{'input':9,'output':3}}]}";
static const char tau2[] =
    "{'info':{},'simulations':[{'id':'s','task_id':'1','messages':["
    "{'role':'assistant','content':'a thought of eight words and no more','usage':{'prompt_tokens':"
    "9,'completion_tokens':3},'tool_calls':[{'id':'t1','name':'look','arguments':{'q':'" SAID
    "'}}]},{'role':'tool','id':'t1','content':'" SAID "'},"
    "{'role':'user','content':'" SAID "','tool_calls':[{'id':'t2','name':'peek','arguments':{'q':'"
    SAID "'}}]},{'role':'tool','id':'t2','content':'" SAID "'},"
    "{'role':'assistant','content':'" SAID "','usage':{'prompt_tokens':9,'completion_tokens':3}}"
    "]}]}";
/* clang-format on */

static bool is_said(const struct trace_text *text)
{
    static struct fingerprints said;
    fingerprints_clear(&said);
    fingerprints_add(&said, STR(SAID));
    for (size_t i = 0; i < said.count; i++) {
        if (i >= text->prints.count || text->prints.rows[i] != fingerprint_at(&said, i)) {
            return false;
        }
    }
    return text->prints.count == said.count;
}

/* A thought, the arguments of a tool, what it answered, and the answer that repeats it. */
static bool has_four(enum wire_format format, const char *path, const char *text, size_t piece)
{
    const struct decoding_source source = {
        .format = format, .path = path, .bytes = decoding_quoted(text), .piece = piece};
    if (decoding_run(&decoding, &source) != ERR_OK) {
        return test_is_refusing();
    }
    const struct trace *const trace = decoding_trace(&decoding);
    size_t thoughts = 0;
    size_t arguments = 0;
    size_t results = 0;
    size_t answers = 0;
    for (size_t i = 0; i < trace->texts.count; i++) {
        const struct trace_text *const row = &trace->texts.rows[i];
        const enum step_kind kind = trace->steps.rows[row->step_index].kind;
        const bool said = is_said(row);
        thoughts += kind == STEP_LLM && row->role == TEXT_USE && !said && row->prints.count == 1;
        answers += kind == STEP_LLM && row->role == TEXT_USE && said;
        arguments += kind == STEP_TOOL && row->role == TEXT_USE && said;
        results += kind == STEP_TOOL && row->role == TEXT_RESULT && said;
    }
    const bool whole = thoughts == 1 && arguments == 1 && results == 1 && answers == 1 &&
                       trace->texts.count == 4 && trace->rejected == 0;
    decoding_close(&decoding);
    return whole;
}

static void every_format_tells_results_from_what_was_written(void)
{
    EXPECT(has_four(WIRE_CLAUDE_CODE, "s.jsonl", claude, 0));
    EXPECT(has_four(WIRE_CODEX, "s.jsonl", codex, 0));
    EXPECT(has_four(WIRE_GEMINI_CLI, "s.json", gemini, 0));
    EXPECT(has_four(WIRE_TAU2, "s.json", tau2, 0));
}

static void how_the_bytes_are_cut_changes_nothing(void)
{
    for (size_t piece = 1; piece < 200 && !test_is_refusing(); piece = piece * 3 + 1) {
        EXPECT(has_four(WIRE_CLAUDE_CODE, "s.jsonl", claude, piece));
        EXPECT(has_four(WIRE_CODEX, "s.jsonl", codex, piece));
        EXPECT(has_four(WIRE_GEMINI_CLI, "s.json", gemini, piece));
        EXPECT(has_four(WIRE_TAU2, "s.json", tau2, piece));
    }
}

static void a_result_too_short_to_tell_is_known_to_have_been_seen(void)
{
    static const char text[] =
        "{'type':'assistant','sessionId':'s','uuid':'u1','message':{'id':'m1','model':'claude-x',"
        "'content':[{'type':'tool_use','id':'t1','name':'Read','input':{'path':'x'}}]}}\n"
        "{'type':'user','sessionId':'s','uuid':'u2','message':{'content':[{'type':'tool_result',"
        "'tool_use_id':'t1','content':'done'}]}}\n";
    const struct decoding_source source = {
        .format = WIRE_CLAUDE_CODE, .path = "s.jsonl", .bytes = decoding_quoted(text)};
    EXPECT(decoding_run(&decoding, &source) == ERR_OK);
    const struct trace *const trace = decoding_trace(&decoding);
    EXPECT(trace->texts.count == 1);
    EXPECT(trace->texts.rows[0].role == TEXT_RESULT);
    EXPECT(trace->texts.rows[0].prints.count == 0);
    decoding_close(&decoding);
}

int main(void)
{
    const struct test tests[] = {
        TEST(every_format_tells_results_from_what_was_written),
        TEST(how_the_bytes_are_cut_changes_nothing),
        TEST(a_result_too_short_to_tell_is_known_to_have_been_seen),
    };
    return test_main(tests, COUNT_OF(tests));
}
