/* What of a workflow's spend was wasted, by label: step_labels -> "bursar.waste/1".
 * economics.md section 7 defines the labels; docs/waste.md shows them worked by hand. */
#include <math.h>

#include "api/api_priv.h"
#include "api/explain.h"
#include "api/labels.h"
#include "base/check.h"

enum {
    EXAMPLES_MAX = 3, /* of each label */
    TOOLS_MAX = 5,    /* of each label */
    RANGES_MAX = 4096,
};
#define RANGE_STEPS INT64_C(1000000) /* labelled at a time: some 600 MB in the store */

struct sums {
    int64_t steps;
    int64_t unpriced;
    money_sum human_ms;
    money_sum amount_pusd;
};

struct waste {
    struct sums reasons[LABEL_COUNT][REASON_COUNT];
    struct sums labels[LABEL_COUNT];
    struct sums all;
    bool judges_ignored;
    int64_t cases;
    int64_t open;
    int64_t attempts;
    money_sum spend_pusd;  /* tokens and fees, of every case of the window */
    money_sum failed_pusd; /* of which retry tail and sunk */
    struct store_result tools;
    struct store_result examples;
};

static void add(struct sums *to, const struct sums *from)
{
    to->steps += from->steps;
    to->unpriced += from->unpriced;
    to->human_ms += from->human_ms;
    to->amount_pusd += from->amount_pusd;
}

/* Columns of QUERY_waste_labels. */
enum { SUM_LABEL, SUM_REASON, SUM_STEPS, SUM_UNPRICED, SUM_HUMAN, SUM_AMOUNT, SUM_COUNT };

static void add_rows(struct waste *waste, const struct store_result *rows)
{
    CHECK(rows->rows == 0 || rows->columns == SUM_COUNT);
    for (size_t i = 0; i < rows->rows; i++) {
        const int64_t label = store_int64(rows, i, SUM_LABEL, LABEL_COUNT);
        int64_t reason = store_int64(rows, i, SUM_REASON, REASON_COUNT);
        CHECK(label >= 0 && label < LABEL_COUNT);
        CHECK(reason >= 0 && reason < REASON_COUNT);
        reason = reason == REASON_ISSUED ? REASON_ISSUED_ONE : reason;
        const struct sums sums = {
            .steps = store_int64(rows, i, SUM_STEPS, 0),
            .unpriced = store_int64(rows, i, SUM_UNPRICED, 0),
            .human_ms = store_sum(rows, i, SUM_HUMAN),
            .amount_pusd = store_sum(rows, i, SUM_AMOUNT),
        };
        add(&waste->reasons[label][reason], &sums);
        add(&waste->labels[label], &sums);
        add(&waste->all, &sums);
    }
}

/* Label the cases of one range and add them up; what is kept of it is small. */
static enum errc read_range(struct store *store, const struct labels_range *range,
                            struct arena *arena, struct waste *waste, struct err *err)
{
    const struct store_value examples = STORE_OF_INT64(EXAMPLES_MAX);
    const struct arena_position mark = arena_mark(arena);
    struct store_result rows;
    enum errc code = labels_create(store, range, err);
    if (code == ERR_OK) {
        code = store_run(store, QUERY_waste_labels, NULL, 0, arena, &rows, err);
    }
    if (code == ERR_OK) {
        add_rows(waste, &rows);
        code = store_execute(store, QUERY_waste_tools_add, NULL, 0, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_waste_examples_add, &examples, 1, NULL, err);
    }
    arena_rewind(arena, mark);
    return code;
}

/* Keys of cases are hashes, so that equal ranges of keys hold about as many steps. */
static enum errc read_ranges(struct store *store, const struct api_request *request, int64_t steps,
                             struct arena *arena, struct waste *waste, struct err *err)
{
    CHECK(steps >= 0);
    const int64_t wanted = steps / RANGE_STEPS + 1;
    const uint64_t count = (uint64_t)(wanted < RANGES_MAX ? wanted : RANGES_MAX);
    const uint64_t width = UINT64_MAX / count;
    enum errc code = ERR_OK;
    for (uint64_t i = 0; i < count && code == ERR_OK; i++) {
        const struct labels_range range = {
            .workflow = request->workflow,
            .key_low = i * width + (i > 0),
            .key_high = i + 1 < count ? (i + 1) * width : UINT64_MAX,
            .as_of_ns = request->as_of_ns,
        };
        code = read_range(store, &range, arena, waste, err);
    }
    return code;
}

static enum errc read_costs(struct store *store, const struct api_request *request,
                            struct arena *arena, struct waste *waste, int64_t *out_steps,
                            struct err *err)
{
    const struct store_value values[] = {STORE_OF_TEXT(request->workflow),
                                         STORE_OF_INT64(request->as_of_ns)};
    struct store_result rows;
    enum errc code = store_run(store, QUERY_waste_costs, values, 1, arena, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    waste->cases = store_int64(&rows, 0, 0, 0);
    waste->attempts = store_int64(&rows, 0, 1, 0);
    waste->spend_pusd = store_sum(&rows, 0, 2);
    waste->failed_pusd = store_sum(&rows, 0, 3);
    waste->open = store_int64(&rows, 0, 4, 0);
    code = labels_judge(store, request, arena, &waste->judges_ignored, err);
    if (code != ERR_OK) {
        return code;
    }
    code = store_run(store, QUERY_waste_step_count, values, COUNT_OF(values), arena, &rows, err);
    if (code == ERR_OK) {
        *out_steps = store_int64(&rows, 0, 0, 0);
    }
    return code;
}

static enum errc read_waste(struct store *store, const struct settings *settings,
                            const struct api_request *request, struct arena *arena,
                            struct waste *out, struct err *err)
{
    const struct store_value tools = STORE_OF_INT64(TOOLS_MAX);
    const struct store_value examples = STORE_OF_INT64(EXAMPLES_MAX);
    int64_t steps = 0;
    enum errc code = figures_require_workflow(store, request->workflow, arena, err);
    if (code == ERR_OK) {
        code = figures_create_costs(store, settings, request, err);
    }
    if (code == ERR_OK) {
        code = read_costs(store, request, arena, out, &steps, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_waste_tools_create, NULL, 0, NULL, err);
    }
    if (code == ERR_OK) {
        code = store_execute(store, QUERY_waste_examples_create, NULL, 0, NULL, err);
    }
    if (code == ERR_OK) {
        code = read_ranges(store, request, steps, arena, out, err);
    }
    if (code == ERR_OK) {
        code = store_run(store, QUERY_waste_tools, &tools, 1, arena, &out->tools, err);
    }
    return code == ERR_OK
               ? store_run(store, QUERY_waste_examples, &examples, 1, arena, &out->examples, err)
               : code;
}

/* Not known of nothing. */
static double share(const struct waste *waste, money_sum amount_pusd)
{
    return waste->spend_pusd > 0 ? money_usd(amount_pusd) / money_usd(waste->spend_pusd) : NAN;
}

static void put_sums(struct text *out, const struct waste *waste, const struct sums *sums)
{
    put_count(out, "steps", sums->steps);
    put_money(out, "usd", sums->amount_pusd);
    put_number(out, "share", share(waste, sums->amount_pusd));
    put_count(out, "unpriced_steps", sums->unpriced);
    put_number(out, "human_minutes", (double)sums->human_ms / 60000.0);
}

static void put_reasons(struct text *out, const struct waste *waste, enum step_label label)
{
    json_name(out, "reasons");
    json_open_array(out);
    for (size_t i = 0; i < REASON_COUNT; i++) {
        if (waste->reasons[label][i].steps > 0) {
            json_open_object(out);
            json_name(out, "reason");
            json_put_text(out, label_reason_text((enum label_reason)i));
            put_sums(out, waste, &waste->reasons[label][i]);
            json_close_object(out);
        }
    }
    json_close_array(out);
}

/* A name, or null where there is none: calls that asked for no tool. */
static void put_tool(struct text *out, const struct store_result *rows, size_t row, size_t kind,
                     size_t name)
{
    const int64_t number = store_int64(rows, row, kind, STEP_TOOL);
    CHECK(number >= 0 && number < STEP_KIND_COUNT);
    json_name(out, "kind");
    json_put_text(out, api_step_kind_name((enum step_kind)number));
    json_name(out, "name");
    if (store_text(rows, row, name).size > 0) {
        json_put_str(out, store_text(rows, row, name));
    } else {
        json_put_null(out);
    }
}

static void put_tools(struct text *out, const struct waste *waste, enum step_label label)
{
    enum { AT_LABEL, AT_KIND, AT_NAME, AT_STEPS, AT_AMOUNT };
    const struct store_result *const rows = &waste->tools;
    json_name(out, "tools");
    json_open_array(out);
    for (size_t i = 0; i < rows->rows; i++) {
        if (store_int64(rows, i, AT_LABEL, LABEL_COUNT) == (int64_t)label) {
            json_open_object(out);
            put_tool(out, rows, i, AT_KIND, AT_NAME);
            put_count(out, "steps", store_int64(rows, i, AT_STEPS, 0));
            put_money(out, "usd", store_sum(rows, i, AT_AMOUNT));
            put_number(out, "share", share(waste, store_sum(rows, i, AT_AMOUNT)));
            json_close_object(out);
        }
    }
    json_close_array(out);
}

static void put_example(struct text *out, const struct store_result *rows, size_t row)
{
    enum { AT_LABEL, AT_CASE, AT_ATTEMPT, AT_N, AT_KIND, AT_NAME, AT_REASON, AT_REF, AT_AMOUNT };
    struct text reason;
    text_init(&reason, 4096);
    label_put_reason(&reason, (enum label_reason)store_int64(rows, row, AT_REASON, REASON_OTHER),
                     store_int64(rows, row, AT_REF, LABELS_REF_NONE),
                     store_text(rows, row, AT_NAME));
    json_open_object(out);
    put_str(out, "case", store_text(rows, row, AT_CASE));
    put_str(out, "attempt", store_text(rows, row, AT_ATTEMPT));
    put_count(out, "n", store_int64(rows, row, AT_N, 0));
    put_tool(out, rows, row, AT_KIND, AT_NAME);
    put_money(out, "usd", store_sum(rows, row, AT_AMOUNT));
    put_str(out, "reason", text_str(&reason));
    json_close_object(out);
    text_deinit(&reason);
}

static void put_label(struct text *out, const struct waste *waste, enum step_label label)
{
    json_open_object(out);
    json_name(out, "label");
    json_put_text(out, label_name(label));
    json_name(out, "judged");
    json_put_bool(out, label != LABEL_IGNORED || waste->judges_ignored);
    put_sums(out, waste, &waste->labels[label]);
    put_reasons(out, waste, label);
    put_tools(out, waste, label);
    json_name(out, "examples");
    json_open_array(out);
    for (size_t i = 0; i < waste->examples.rows; i++) {
        if (store_int64(&waste->examples, i, 0, LABEL_COUNT) == (int64_t)label) {
            put_example(out, &waste->examples, i);
        }
    }
    json_close_array(out);
    json_close_object(out);
}

static void put_waste(struct text *out, const struct api_request *request, const struct str unit,
                      const struct waste *waste)
{
    struct sums wasted = {0};
    for (size_t i = LABEL_ATTEMPT; i < LABEL_OVERHEAD; i++) {
        add(&wasted, &waste->labels[i]);
    }
    json_open_object(out);
    put_request(out, "bursar.waste/1", request);
    put_str(out, "workflow", request->workflow);
    put_str(out, "unit", unit);
    put_count(out, "cases", waste->cases);
    put_count(out, "open", waste->open);
    put_count(out, "attempts", waste->attempts);
    put_count(out, "steps", waste->all.steps);
    put_count(out, "unpriced_steps", waste->all.unpriced);
    json_name(out, "basis");
    json_put_text(out, "measured");
    put_money(out, "spend", waste->spend_pusd);
    put_money(out, "failed_attempts", waste->failed_pusd);
    json_name(out, "wasted");
    json_open_object(out);
    put_sums(out, waste, &wasted);
    json_close_object(out);
    json_name(out, "labels");
    json_open_array(out);
    for (size_t i = 0; i < LABEL_COUNT; i++) {
        put_label(out, waste, (enum step_label)i);
    }
    json_close_array(out);
    json_close_object(out);
}

enum errc api_waste(struct store *store, const struct settings *settings,
                    const struct api_request *request, struct arena *arena, struct text *out,
                    struct err *err)
{
    CHECK(store != NULL);
    CHECK(settings != NULL);
    CHECK(out != NULL);
    CHECK(request->workflow.size > 0);
    struct waste *const waste = arena_new(arena, struct waste, 1);
    if (waste == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for the report");
    }
    const enum errc code = read_waste(store, settings, request, arena, waste, err);
    if (code != ERR_OK) {
        return code;
    }
    CHECK(waste->all.amount_pusd == waste->spend_pusd);
    CHECK(waste->labels[LABEL_ATTEMPT].amount_pusd == waste->failed_pusd);
    const struct settings_workflow *const own = settings_workflow(settings, request->workflow);
    put_waste(out, request, own != NULL && own->unit.size > 0 ? own->unit : STR("case"), waste);
    return ERR_OK;
}
