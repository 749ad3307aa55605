/* fuzz_call_record: any bytes as the record of a call. What is read is within its bounds, and what
 * is written of it reads back the same. */
#include "wire/call_record.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARSER_BYTES_MAX = 1 << 20, ARENA_BYTES_MAX = 1 << 20 };

static struct call_record record_of(const struct trace *trace)
{
    const struct step *const step = &trace->steps.rows[0];
    const struct trace_case *const row = &trace->cases.rows[0];
    const struct attempt *const attempt = &trace->attempts.rows[0];
    return (struct call_record){
        .request = STR("req"),
        .try_number = step->sequence,
        .identity = step->identity,
        .alias = step->alias,
        .workflow = row->workflow,
        .case_id = row->id,
        .is_session = row->is_session,
        .attempt = attempt->id,
        .attempt_number = attempt->number,
        .provider = step->provider,
        .model = step->model,
        .started_ns = step->started_ns,
        .ended_ns = step->ended_ns,
        .status = step->status,
        .is_uncharged = step->kind == STEP_AGENT,
        .has_usage = step->has_usage,
        .is_estimated = step->is_estimated,
        .usage = step->usage,
        .has_cost = step->has_price,
        .cost_pusd = step->priced_pusd,
        .price_id = step->price_id,
        .tier = step->tier,
        .region = step->region,
    };
}

static void check_step(const struct step *step)
{
    CHECK(step->status < STATUS_COUNT);
    CHECK(step->tier < TIER_COUNT);
    for (int i = 0; i < USAGE_COUNT; i++) {
        CHECK(step->usage.counts[i] >= 0 && step->usage.counts[i] <= USAGE_TOKENS_MAX);
    }
    CHECK(step->usage.reasoning <= step->usage.counts[USAGE_OUTPUT]);
    CHECK(!step->has_price || (step->has_usage && step->priced_pusd >= 0 && step->price_id != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str bytes = {(const char *)data, size};
    struct json_parser *parser = NULL;
    struct arena arena;
    struct trace trace = {0};
    struct trace again = {0};
    struct text text;
    struct err err;
    arena_init(&arena, ARENA_BYTES_MAX);
    json_parser_create(&parser, PARSER_BYTES_MAX);
    text_init(&text, PARSER_BYTES_MAX);
    if (size < PARSER_BYTES_MAX / 16 &&
        call_record_read(parser, bytes, &arena, &trace, &err) == ERR_OK) {
        check_step(&trace.steps.rows[0]);
        const struct call_record record = record_of(&trace);
        call_record_write(&record, &text);
        CHECK(!text_is_full(&text));
        CHECK(call_record_read(parser, text_str(&text), &arena, &again, &err) == ERR_OK);
        CHECK(again.steps.rows[0].priced_pusd == trace.steps.rows[0].priced_pusd);
        CHECK(again.steps.rows[0].price_id == trace.steps.rows[0].price_id);
        CHECK(str_equal(again.steps.rows[0].identity, trace.steps.rows[0].identity));
    }
    text_deinit(&text);
    json_parser_destroy(&parser);
    arena_deinit(&arena);
    return 0;
}
