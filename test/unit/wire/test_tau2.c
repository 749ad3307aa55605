/* tau2-bench results: a simulation is a case; only the agent's calls cost; the reward is the
 * outcome. Hand-made records. */
#include "base/clock.h"
#include "decoding.h"
#include "support/test.h"

static struct decoding decoding;

#define AT(seconds) "'timestamp':'2026-01-02T03:04:" seconds ".500000'"
#define INFO                                                                                       \
    "'info':{'git_commit':'x','num_trials':2,'user_info':{'llm':'sim-1'},'agent_info':{"           \
    "'implementation':'llm_agent','llm':'model-1'},'environment_info':{'domain_name':'airline'}}"
#define SIMULATION(id, trial, messages, more)                                                      \
    "{'id':'" id "','task_id':'7','trial':" trial ",'start_time':'2026-01-02T03:04:00',"           \
    "'end_time':'2026-01-02T03:05:00','messages':[" messages "]," more "}"
#define GREETING "{'role':'assistant','content':'Hi!','cost':0.0,'usage':null," AT("00") "}"
#define USER                                                                                       \
    "{'role':'user','content':'x','cost':0.5,'usage':{'prompt_tokens':9,'completion_tokens':9}"    \
    "," AT("01") "}"
#define ENDED(reward) "'termination_reason':'user_stop','reward_info':{'reward':" reward "}"

/* clang-format off */
static const char results[] =
    "{'timestamp':'x'," INFO ",'tasks':[],'simulations':[\n"
    SIMULATION("sim-a", "0",
        GREETING "," USER
        ",{'role':'assistant','content':null,'cost':0.019545," AT("05")
        ",'generation_time_seconds':2.5,'usage':{'prompt_tokens':5730,'completion_tokens':157},"
        "'tool_calls':[{'id':'c1','name':'get_user','arguments':{'id':'u'}},"
        "{'id':'c1','name':'cancel','arguments':{}}]}"
        ",{'role':'tool','id':'c1','content':'{}','error':false," AT("06") "}"
        ",{'role':'tool','tool_messages':[{'role':'tool','id':'c1','content':'no such','error':"
        "true," AT("07") "}]}"
        ",{'role':'assistant','content':'done','cost':0.0," AT("08")
        ",'usage':{'prompt_tokens':6000,'completion_tokens':10},'raw_data':{'usage':{"
        "'cache_read_input_tokens':5000,'cache_creation_input_tokens':400}}}",
        ENDED("1.0"))
    ",\n"
    SIMULATION("sim-b", "1",
        "{'role':'assistant','content':'y'," AT("01")
        ",'cost':0.001,'usage':{'prompt_tokens':100,'completion_tokens':5}}",
        "'termination_reason':'max_steps','reward_info':{'reward':0.5}")
    ",\n"
    SIMULATION("sim-c", "2", GREETING,
        "'termination_reason':'infrastructure_error','reward_info':null")
    "]}\n";
/* clang-format on */

static const struct trace *run(const char *path, const char *text)
{
    const struct decoding_source source = {
        .format = WIRE_TAU2, .path = path, .bytes = decoding_quoted(text)};
    return decoding_run(&decoding, &source) == ERR_OK ? decoding_trace(&decoding) : NULL;
}

static void broken_simulations_are_rejected_and_the_others_kept(void)
{
    /* clang-format off */
    static const char text[] =
        "{" INFO ",'simulations':[7,{'id':'x'},"
        SIMULATION("sim-a", "0",
            "{'role':'assistant','cost':-4,'usage':{'prompt_tokens':-1}},"
            "{'content':'x'},"
            "{'role':'assistant','usage':{'prompt_tokens':2},'cost':-4,'tool_calls':[{'id':'x'}]}",
            ENDED("'high'")) ","
        SIMULATION("sim-a", "1", "", ENDED("1")) "]}";
    /* clang-format on */
    const struct trace *trace = run("r.json", text);
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 0, "simulation 1: no id and task_id"));
    EXPECT(decoding_rejects(trace, 1, 0, "simulation 2: no id and task_id"));
    EXPECT(decoding_rejects(trace, 2, 0, "simulation sim-a, message 1: usage.prompt_tokens is -1"));
    EXPECT(decoding_rejects(trace, 3, 0, "simulation sim-a, message 2: no role"));
    EXPECT(decoding_rejects(trace, 4, 0, "message 3: a tool call without a name"));
    EXPECT(decoding_rejects(trace, 5, 0, "simulation 4: its id was used before"));
    EXPECT(trace->rejected == 6);
    EXPECT(decoding_count(trace, STEP_LLM) == 1);
    EXPECT(!trace->steps.rows[0].has_reported); /* nothing is paid back */
    EXPECT(trace->outcomes.count == 0);
    trace = run("r.json", "{'x':1}");
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 0, "neither simulations nor a simulation"));
    trace = run("r.json", "{" INFO ",'simulations':[");
    EXPECT(trace != NULL);
    EXPECT(decoding_rejects(trace, 0, 0, "not JSON"));
}

static void a_trial_is_a_case_of_its_own_and_shares_its_tasks_key(void)
{
    const struct trace *trace = run("r.json", results);
    EXPECT(trace != NULL);
    EXPECT(trace->rejected == 0);
    EXPECT(trace->cases.count == 3);
    EXPECT(trace->attempts.count == 3);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("airline/model-1/7/0")));
    EXPECT(str_equal(trace->cases.rows[1].id, STR("airline/model-1/7/1")));
    EXPECT(str_equal(trace->cases.rows[0].input_key, STR("airline/7")));
    EXPECT(str_equal(trace->cases.rows[1].input_key, STR("airline/7")));
    EXPECT(str_equal(trace->attempts.rows[0].id, STR("sim-a")));
    EXPECT(str_equal(trace->attempts.rows[0].agent, STR("llm_agent")));
}

static void only_the_agents_calls_are_its_cost(void)
{
    const struct trace *trace = run("r.json", results);
    EXPECT(trace != NULL);
    EXPECT(decoding_count(trace, STEP_LLM) == 3); /* the greeting asked nobody */
    const struct step *call = decoding_step(trace, "tau2:sim-a:m3.0");
    const struct step *free = decoding_step(trace, "tau2:sim-a:m6.0");
    const struct step *user = decoding_step(trace, "tau2:sim-a:u2.0");
    EXPECT(call != NULL);
    EXPECT(free != NULL);
    EXPECT(user != NULL);
    EXPECT(call->has_reported);
    EXPECT(call->reported_pusd == INT64_C(19545000000));
    EXPECT(call->usage.counts[USAGE_INPUT_UNCACHED] == 5730);
    EXPECT(call->usage.counts[USAGE_OUTPUT] == 157);
    EXPECT(call->ended_ns - call->started_ns == INT64_C(2500000000));
    EXPECT(call->ended_ns ==
           (clock_days(2026, 1, 2) * 86400 + 3 * 3600 + 4 * 60 + 5) * CLOCK_NS_PER_SECOND +
               CLOCK_NS_PER_SECOND / 2);
    EXPECT(!free->has_reported); /* 0 is what nobody could price */
    EXPECT(free->usage.counts[USAGE_INPUT_UNCACHED] == 600);
    EXPECT(free->usage.counts[USAGE_CACHE_READ] == 5000);
    EXPECT(free->usage.counts[USAGE_CACHE_WRITE_5M] == 400);
    EXPECT(user->kind == STEP_AGENT);
    EXPECT(!user->has_usage);
    EXPECT(!user->has_reported);
    EXPECT(str_equal(user->agent, STR("user-simulator")));
}

static void results_find_their_calls_in_order_when_ids_repeat(void)
{
    const struct trace *trace = run("r.json", results);
    EXPECT(trace != NULL);
    const struct step *first = decoding_step(trace, "tau2:sim-a:t3.1");
    const struct step *second = decoding_step(trace, "tau2:sim-a:t3.2");
    EXPECT(first != NULL);
    EXPECT(second != NULL);
    EXPECT(first->status == STATUS_OK);
    EXPECT(first->result_bytes == 2);
    EXPECT(second->status == STATUS_ERROR);
    EXPECT(str_equal(second->note, STR("no such")));
    EXPECT(str_equal(first->caller, STR("tau2:sim-a:m3.0")));
}

static void the_reward_is_the_outcome_and_its_absence_is_none(void)
{
    const struct trace *trace = run("r.json", results);
    EXPECT(trace != NULL);
    EXPECT(trace->outcomes.count == 2);
    EXPECT(trace->outcomes.rows[0].status == OUTCOME_RESOLVED);
    EXPECT(trace->outcomes.rows[0].quality > 0.999);
    EXPECT(trace->outcomes.rows[1].status == OUTCOME_FAILED);
    EXPECT(trace->outcomes.rows[1].has_quality);
    EXPECT(trace->outcomes.rows[1].effective_ns ==
           (clock_days(2026, 1, 2) * 86400 + 3 * 3600 + 5 * 60) * CLOCK_NS_PER_SECOND);
    EXPECT(trace->attempts.rows[0].has_succeeded);
    EXPECT(trace->attempts.rows[0].succeeded);
    EXPECT(trace->attempts.rows[1].has_succeeded);
    EXPECT(!trace->attempts.rows[1].succeeded);
    EXPECT(!trace->attempts.rows[2].has_succeeded);
    const struct step *limit = decoding_step(trace, "tau2:sim-b:e2.0");
    const struct step *broken = decoding_step(trace, "tau2:sim-c:e2.0");
    EXPECT(limit != NULL);
    EXPECT(broken != NULL);
    EXPECT(limit->status == STATUS_INTERRUPTED);
    EXPECT(broken->status == STATUS_ERROR);
    EXPECT(str_equal(broken->note, STR("infrastructure_error")));
}

static void a_simulation_in_a_file_of_its_own_is_named_by_its_run(void)
{
    const struct trace *trace =
        run("data/run-9/simulations/s.json",
            "{'id':'s','task_id':40,'termination_reason':'agent_stop','agent_cost':0.25,'ticks':"
            "[],'start_time':'2026-01-02T03:04:00','end_time':'2026-01-02T03:05:00',"
            "'reward_info':{'reward':0}}");
    EXPECT(trace != NULL);
    EXPECT(trace->cases.count == 1);
    EXPECT(str_equal(trace->cases.rows[0].id, STR("run-9/40/0")));
    EXPECT(decoding_count(trace, STEP_LLM) == 1); /* a spoken session: no usage, but its cost */
    EXPECT(!trace->steps.rows[0].has_usage);
    EXPECT(trace->steps.rows[0].reported_pusd == INT64_C(250000000000));
}

int main(void)
{
    const struct test tests[] = {
        TEST(broken_simulations_are_rejected_and_the_others_kept),
        TEST(a_trial_is_a_case_of_its_own_and_shares_its_tasks_key),
        TEST(only_the_agents_calls_are_its_cost),
        TEST(results_find_their_calls_in_order_when_ids_repeat),
        TEST(the_reward_is_the_outcome_and_its_absence_is_none),
        TEST(a_simulation_in_a_file_of_its_own_is_named_by_its_run),
    };
    return test_main(tests, COUNT_OF(tests));
}
