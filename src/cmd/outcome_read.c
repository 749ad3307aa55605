/* One outcome, as `bursar outcome add` states it. */
#include "cmd/outcome_cli.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/money.h"

#define MINUTES_MAX INT64_C(1000000) /* near two years of somebody's time */

enum { MINUTE_DECIMALS = 3, MS_PER_MILLIMINUTE = 60, QUALITY_DECIMALS = 9 };

static const struct {
    const char *name;
    enum outcome_status status;
} statuses[] = {
    /* in the order of the enum */
    {"resolved", OUTCOME_RESOLVED},
    {"failed", OUTCOME_FAILED},
    {"reopened", OUTCOME_REOPENED},
    {"escalated", OUTCOME_ESCALATED},
};
_Static_assert(COUNT_OF(statuses) == OUTCOME_CANDIDATE, "a candidate is seen, never stated");

const char *outcome_cli_word(enum outcome_status status)
{
    CHECK(status < COUNT_OF(statuses));
    return statuses[status].name;
}

static enum errc read_status(struct str word, enum outcome_status *out, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        if (str_equal_fold(word, str_from(statuses[i].name))) {
            *out = statuses[i].status;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_USAGE,
                   "\"" STR_FORMAT "\" is no status; it is resolved, failed, reopened or escalated",
                   STR_ARG(word));
}

/* A decimal option of 0..max, times 10^decimals. */
static enum errc read_number(const struct args *args, const char *name, int decimals, int64_t max,
                             bool *out_given, int64_t *out, struct err *err)
{
    const char *const text = args_get(args, name);
    int64_t value = 0;
    if (text != NULL) {
        if (money_parse_scaled(str_from(text), decimals, &value, err) != ERR_OK) {
            err_prefix(err, "%s: ", name);
            return ERR_USAGE;
        }
        if (value < 0 || value > max) {
            char limit[MONEY_TEXT_BYTES_MAX];
            money_sum limit_pusd = money_scale(MONEY_PUSD_PER_USD, max, 1);
            for (int i = 0; i < decimals; i++) {
                limit_pusd /= 10;
            }
            money_print_rounded(limit_pusd, 0, limit);
            return err_set(err, ERR_USAGE, "%s: %s is not from 0 to %s", name, text, limit);
        }
    }
    *out_given = text != NULL;
    *out = value;
    return ERR_OK;
}

static enum errc read_time(const struct app *app, const struct args *args, int64_t *out,
                           struct err *err)
{
    const char *const text = args_get(args, "--at");
    *out = TIME_UNKNOWN;
    if (text == NULL) {
        return ERR_OK;
    }
    if (clock_parse_relative(str_from(text), app->now_ns, out, err) != ERR_OK) {
        err_prefix(err, "--at: ");
        return ERR_USAGE;
    }
    if (*out > app->now_ns + CLOCK_NS_PER_DAY) {
        return err_set(err, ERR_USAGE, "--at: %s is in the future; record it when it has happened",
                       text);
    }
    return ERR_OK;
}

enum errc outcome_cli_read(const struct app *app, const struct args *args, struct outcome *out,
                           struct err *err)
{
    if (args->positional_count != 4) {
        return err_set(err, ERR_USAGE,
                       "outcome add wants a workflow, a case and a status, such as:"
                       " bursar outcome add support T-1042 resolved");
    }
    struct outcome outcome = {
        .workflow = str_from(args->positional[1]),
        .case_id = str_from(args->positional[2]),
        .id = args_str(args, "--id"),
        .recorded_ns = TIME_UNKNOWN,
        .source = args_str(args, "--source"),
        .reference = args_str(args, "--reference"),
    };
    if (str_equal(outcome.workflow, STR("unattributed"))) {
        outcome.workflow = STR("");
    }
    if (outcome.case_id.size == 0) {
        return err_set(err, ERR_USAGE, "the case has no name");
    }
    bool has_minutes = false;
    int64_t minutes = 0;
    int64_t quality = 0;
    enum errc code = read_status(str_from(args->positional[3]), &outcome.status, err);
    if (code == ERR_OK) {
        code = read_number(args, "--value", MONEY_DECIMALS, INT64_MAX, &outcome.has_value,
                           &outcome.value_pusd, err);
    }
    if (code == ERR_OK) {
        code = read_number(args, "--minutes", MINUTE_DECIMALS, MINUTES_MAX * 1000, &has_minutes,
                           &minutes, err);
    }
    if (code == ERR_OK) {
        code = read_number(args, "--quality", QUALITY_DECIMALS, INT64_C(1000000000),
                           &outcome.has_quality, &quality, err);
    }
    if (code == ERR_OK) {
        code = read_time(app, args, &outcome.effective_ns, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    outcome.human_ms = minutes * MS_PER_MILLIMINUTE;
    outcome.quality = (double)quality / 1e9;
    *out = outcome;
    return ERR_OK;
}
