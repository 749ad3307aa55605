/* attempt: one run of an agent on a case, turn by turn: a call, then what it asked for. */
#include "simulate/simulate_priv.h"

enum {
    FAILED_TURNS_PERCENT = 130, /* a failing attempt goes round longer */
    NOISE_E4 = 400,             /* of what each turn adds, either way */
    SHARED_PROMPT_PERCENT = 40, /* of a first call: what every case has in common */
    CACHE_BLOCK = 128,          /* tokens; caches match whole blocks */
    ANSWER_TURNS = 2,           /* the write and the answer behind it */
};

struct run {
    struct lane *lane;
    const struct company_workflow *workflow;
    const struct company_context *context;
    const struct company_model *model;
    int model_index;
    bool passed;
    int turns;
    int64_t inputs[SIMULATE_TURNS_MAX + 1]; /* tokens of each call; the last repeats */
    int64_t now_ms;
    const struct company_tool *repair; /* tool that failed in the turn before */
    size_t again;                      /* step a read may repeat; SIZE_MAX: none */
    struct simulate_attempt *out;
};

static struct simulate_step *add_step(struct run *run, enum step_kind kind)
{
    CHECK(run->out->step_count < SIMULATE_STEPS_MAX);
    struct simulate_step *step = &run->out->steps[run->out->step_count++];
    *step = (struct simulate_step){.kind = kind, .started_ms = run->now_ms};
    return step;
}

static void draw_turns(struct run *run, int turns_percent, bool wide)
{
    CHECK(run->context->turns[0] >= ANSWER_TURNS);
    CHECK(turns_percent > 0);
    struct rng *const draws = &run->lane->draws[DRAW_SIZE];
    int64_t turns = draw_between(draws, run->context->turns[0], run->context->turns[1]);
    const int64_t spread = draw_between(draws, 70, 160);
    turns = (turns * turns_percent + 50) / 100;
    turns = run->passed ? turns : (turns * FAILED_TURNS_PERCENT + 50) / 100;
    turns = wide ? turns * spread / 100 : turns;
    turns = turns < ANSWER_TURNS ? ANSWER_TURNS : turns;
    run->turns = (int)(turns < SIMULATE_TURNS_MAX ? turns : SIMULATE_TURNS_MAX);
}

/* Cumulative input follows turn ^ growth, whatever the attempt's size. */
static void draw_inputs(struct run *run, bool wide)
{
    struct rng *const draws = &run->lane->draws[DRAW_SIZE];
    CHECK(run->turns >= 1);
    CHECK(run->turns <= SIMULATE_TURNS_MAX);
    const int64_t first = run->context->first_tokens * draw_size(draws, wide) / 1024;
    for (int turn = 1; turn <= run->turns; turn++) {
        const int64_t more = growth_cumulative(turn, run->context->growth_16ths) -
                             growth_cumulative(turn - 1, run->context->growth_16ths);
        const int64_t noise = draw_between(draws, ONE_E4 - NOISE_E4, ONE_E4 + NOISE_E4);
        const int64_t input = first * more / 1024 * noise / ONE_E4;
        run->inputs[turn - 1] =
            input < SIMULATE_INPUT_TOKENS_MAX ? input : SIMULATE_INPUT_TOKENS_MAX;
    }
    run->inputs[run->turns] = run->inputs[run->turns - 1];
}

/* Split a call's input into what the cache gave, what was written to it, and the rest. */
static void split_input(struct run *run, int turn, struct simulate_step *step)
{
    struct rng *const draws = &run->lane->draws[DRAW_SIZE];
    const int64_t input = run->inputs[turn];
    CHECK(input > 0);
    const bool hit = draw_chance(draws, run->context->cache_e4);
    const int64_t tail = draw_between(draws, 40, 200);
    const int64_t before = turn > 0 ? run->inputs[turn - 1] : input * SHARED_PROMPT_PERCENT / 100;
    int64_t read = hit ? (before < input ? before : input) : 0;
    read -= read % CACHE_BLOCK;
    const int64_t rest = input - read;
    const bool writes = run->model->cache_writes && run->context->cache_e4 > 0 && rest > tail;
    step->cache_read = read;
    step->cache_write = writes ? rest - tail : 0;
    step->input_uncached = rest - step->cache_write;
}

static void call_model(struct run *run, int turn)
{
    struct rng *const draws = &run->lane->draws[DRAW_SIZE];
    struct simulate_step *const step = add_step(run, STEP_LLM);
    step->name = STR("chat");
    step->model = run->model_index;
    split_input(run, turn, step);
    CHECK(run->model->reasoning_e4 < ONE_E4);
    const int64_t visible = run->context->output_tokens * draw_between(draws, 50, 150) / 100;
    step->output = visible * ONE_E4 / (ONE_E4 - run->model->reasoning_e4);
    step->reasoning = step->output - visible;
    run->now_ms += 600 + step->output * 12 + draw_between(&run->lane->draws[DRAW_TIME], 0, 800);
    step->ended_ms = run->now_ms;
}

static const struct company_tool *choose_tool(struct run *run, int turn, struct rng *draws)
{
    const size_t count = company_tool_count(run->workflow);
    CHECK(count > 1);
    const uint64_t choice = rng_below(draws, count - 1);
    if (run->repair != NULL) {
        return run->repair;
    }
    return run->passed && turn == run->turns - ANSWER_TURNS ? &run->workflow->tools[count - 1]
                                                            : &run->workflow->tools[choice];
}

/* The last turn's read once more, to the letter. */
static bool repeat_read(struct run *run, struct rng *draws)
{
    const bool wanted = draw_chance(draws, run->context->duplicate_e4);
    if (!wanted || run->again == SIZE_MAX) {
        return false;
    }
    CHECK(run->again < run->out->step_count);
    const struct simulate_step first = run->out->steps[run->again];
    CHECK(first.effect == EFFECT_READ);
    struct simulate_step *const step = add_step(run, first.kind);
    *step = first;
    step->started_ms = run->now_ms;
    step->ended_ms = run->now_ms + (first.ended_ms - first.started_ms);
    run->now_ms = step->ended_ms;
    run->again = SIZE_MAX;
    return true;
}

static void call_tool(struct run *run, int turn)
{
    struct rng *const draws = &run->lane->draws[DRAW_TOOL];
    const bool ending = turn == run->turns - ANSWER_TURNS;
    if (!ending && run->repair == NULL && repeat_read(run, draws)) {
        return;
    }
    const struct company_tool *const tool = choose_tool(run, turn, draws);
    struct simulate_step *const step = add_step(run, tool->kind);
    const bool error = draw_chance(draws, tool->error_e4) && run->repair == NULL &&
                       turn < run->turns - ANSWER_TURNS - 1;
    const int64_t added = run->inputs[turn + 1] - run->inputs[turn] - run->context->output_tokens;
    const int64_t least = draw_between(draws, 60, 400);
    step->name = str_from(tool->name);
    step->effect = tool->effect;
    step->status = error ? STATUS_ERROR : STATUS_OK;
    step->args_hash = rng_next(draws) | 1;
    step->args_bytes = draw_between(draws, 24, 180);
    step->result_bytes = 4 * (added > least ? added : least);
    step->fee_pusd = tool->fee_pusd;
    run->now_ms +=
        draw_between(&run->lane->draws[DRAW_TIME], tool->latency_ms[0], tool->latency_ms[1]);
    step->ended_ms = run->now_ms;
    run->repair = error ? tool : NULL;
    run->again = !error && tool->effect == EFFECT_READ ? run->out->step_count - 1 : SIZE_MAX;
}

static void call_person(struct run *run, const struct company_segment *segment)
{
    struct rng *const draws = &run->lane->draws[DRAW_HUMAN];
    const bool wanted = draw_chance(draws, segment->review_e4);
    const int64_t human_ms = draw_minutes_ms(draws, segment->review_ms);
    const int64_t wait_ms = draw_between(draws, 2 * MS_PER_MINUTE, 75 * MS_PER_MINUTE);
    if (wanted) {
        run->now_ms += wait_ms;
        struct simulate_step *const step = add_step(run, STEP_HUMAN);
        step->name = STR("review");
        step->status = run->passed ? STATUS_OK : STATUS_REJECTED;
        step->human_ms = human_ms;
        run->now_ms += human_ms;
        step->ended_ms = run->now_ms;
    }
}

int64_t attempt_run(const struct simulate *simulate, struct lane *lane,
                    const struct company_workflow *workflow, int segment, int use, bool passed,
                    int64_t start_ms, struct simulate_attempt *out)
{
    CHECK(use >= 0);
    CHECK(start_ms < PERIOD_END_MS);
    const struct company_segment *const force = segment_in_force(simulate, workflow, segment);
    const bool wide =
        workflow->variance_plant >= 0 && has_plant(simulate, workflow->variance_plant);
    struct run run = {
        .lane = lane,
        .workflow = workflow,
        .context = context_of(simulate, workflow),
        .model = &company_models[workflow->models[use].model],
        .model_index = workflow->models[use].model,
        .passed = passed,
        .now_ms = start_ms,
        .again = SIZE_MAX,
        .out = out,
    };
    out->use = use;
    out->passed = passed;
    out->step_count = 0;
    draw_turns(&run, force->turns_percent, wide);
    draw_inputs(&run, wide);
    for (int turn = 0; turn < run.turns; turn++) {
        call_model(&run, turn);
        if (turn < run.turns - 1) {
            call_tool(&run, turn);
        }
    }
    call_person(&run, force);
    return run.now_ms;
}

void attempt_run_unattributed(struct lane *lane, int64_t start_ms, struct simulate_attempt *out)
{
    static const struct company_context context = {
        .first_tokens = 1800, .growth_16ths = 20, .output_tokens = 300};
    const int model = (int)rng_below(&lane->draws[DRAW_MODEL], COMPANY_MODELS - 1);
    CHECK(company_models[model].priced);
    struct run run = {
        .lane = lane,
        .context = &context,
        .model = &company_models[model],
        .model_index = model,
        .turns = (int)draw_between(&lane->draws[DRAW_SIZE], 1, 4),
        .now_ms = start_ms,
        .again = SIZE_MAX,
        .out = out,
    };
    out->use = -1;
    out->passed = false;
    out->step_count = 0;
    draw_inputs(&run, false);
    for (int turn = 0; turn < run.turns; turn++) {
        call_model(&run, turn);
        run.now_ms += draw_between(&lane->draws[DRAW_TIME], 20000, 240000);
    }
}
