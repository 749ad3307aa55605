/* Budgets for people: which are near or at their end first in a sentence, then a line a limit, then
 * what could go beyond. */
#include <math.h>

#include "base/check.h"
#include "render/render.h"

enum { DATE_BYTES = 10, MINUTE_BYTES = 16 };

static bool is_word(struct json value, const char *word)
{
    return str_equal(json_str(value), str_from(word));
}

/* "2026-11-22 09:04 UTC" */
static struct str minute_of(struct render *r, struct json time)
{
    const struct str at = json_str(time);
    if (at.size < MINUTE_BYTES) {
        return STR("-");
    }
    return render_format(r, "%.10s %.5s UTC", at.data, at.data + DATE_BYTES + 1);
}

/* Midnight is a date; other times have their clock. */
static struct str reset_of(struct json b)
{
    const struct str at = json_str(json_get(b, "resets_local"));
    if (at.size == 0) {
        return STR("never");
    }
    return str_ends_with(at, STR(" 00:00")) ? (struct str){at.data, DATE_BYTES} : at;
}

static struct str percent(struct render *r, struct json share)
{
    const double value = json_double(share, NAN);
    return isfinite(value) ? render_share(r, value, value > 0 && value < 0.1 ? 1 : 0) : STR("-");
}

/* "refuse at $40,000" */
static struct str step_of(struct render *r, struct json step)
{
    if (json_kind(step) != JSON_OBJECT) {
        return STR("-");
    }
    return render_format(r, STR_FORMAT " at " STR_FORMAT, STR_ARG(json_str(json_get(step, "do"))),
                         STR_ARG(render_money(r, json_get(step, "at"))));
}

static struct str state_of(struct json b)
{
    static const struct {
        const char *state;
        const char *words;
    } states[] = {{"refuses", "refuses"}, {"shapes", "saves"}, {"over", "over, soft"}};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (is_word(json_get(b, "state"), states[i].state)) {
            return str_from(states[i].words);
        }
    }
    return json_bool(json_get(b, "hard"), false) ? STR("open") : STR("open, soft");
}

static void print_table(struct render *r, struct json standing)
{
    static const struct render_column columns[] = {
        {"BUDGET OF", false, 0}, {"PERIOD", false, 0}, {"LIMIT", true, 0},
        {"SPENT", true, 0},      {"HELD", true, 1},    {"FREE", true, 0},
        {"USED", true, 0},       {"NOW", false, 0},    {"NEXT", false, 3},
        {"RESETS", false, 2},    {"IN", false, 4},     {"LAST PERIOD", true, 4},
        {"A CASE", true, 5},     {"CALLS", true, 6},   {"BEYOND HOLDS", true, 7},
    };
    struct render_table table = {.columns = columns, .column_count = COUNT_OF(columns)};
    struct json_cursor at = json_iter(json_get(standing, "budgets"));
    struct json b;
    while (json_next(&at, NULL, &b)) {
        const struct json last = json_get(b, "last_period");
        const int64_t calls = json_int64(json_get(b, "open_holds"), 0);
        const bool beyond = !is_word(json_get(b, "overshoot"), "0");
        const struct str cells[] = {
            render_clean(r, json_str(json_get(b, "scope"))),
            json_str(json_get(b, "period")),
            render_money(r, json_get(b, "limit")),
            render_money(r, json_get(b, "spent")),
            render_money(r, json_get(b, "held")),
            render_money(r, json_get(b, "free")),
            percent(r, json_get(b, "share_used")),
            state_of(b),
            step_of(r, json_get(b, "next_step")),
            reset_of(b),
            is_word(json_get(b, "time_zone"), "UTC") ? (struct str){0}
                                                     : json_str(json_get(b, "time_zone")),
            json_kind(last) == JSON_OBJECT ? render_money(r, json_get(last, "spent"))
                                           : (struct str){0},
            json_kind(json_get(b, "per_case")) == JSON_STRING
                ? render_money(r, json_get(b, "per_case"))
                : (struct str){0},
            calls > 0 ? render_count(r, calls) : (struct str){0},
            beyond ? render_money(r, json_get(b, "overshoot")) : (struct str){0},
        };
        CHECK(COUNT_OF(cells) == COUNT_OF(columns));
        render_row(r, &table, cells);
    }
    render_print(r, &table);
}

struct tally {
    int64_t all;
    int64_t refuse;
    int64_t shape;
    int64_t over;
    int64_t soft;
    struct str names; /* of those that refuse */
};

static struct tally count(struct render *r, struct json standing)
{
    enum { NAMED_MAX = 3 };
    struct tally tally = {0};
    struct json_cursor at = json_iter(json_get(standing, "budgets"));
    struct json b;
    while (json_next(&at, NULL, &b)) {
        const struct json state = json_get(b, "state");
        tally.all++;
        tally.soft += !json_bool(json_get(b, "hard"), false);
        tally.shape += is_word(state, "shapes");
        tally.over += is_word(state, "over");
        if (is_word(state, "refuses") && tally.refuse++ < NAMED_MAX) {
            tally.names = render_format(r, STR_FORMAT "%s" STR_FORMAT " (" STR_FORMAT ")",
                                        STR_ARG(tally.names), tally.names.size > 0 ? ", " : "",
                                        STR_ARG(render_clean(r, json_str(json_get(b, "scope")))),
                                        STR_ARG(json_str(json_get(b, "period"))));
        }
    }
    return tally;
}

/* The answer in a sentence or two. */
static void say_first(struct render *r, struct json standing)
{
    const struct tally tally = count(r, standing);
    const struct str from = is_word(json_get(standing, "source"), "server")
                                ? STR("the running server says")
                                : STR("no server runs; its log says");
    struct str text;
    if (tally.all == 0) {
        render_wrap(r, 0, 0,
                    STR("No budget is set: calls through the gateway are counted, never refused. "
                        "docs/budgets.md shows how to write one under budgets in bursar.yaml."));
        return;
    }
    if (tally.refuse > 0) {
        text =
            render_format(r, "%lld of %lld budgets have no room and refuse calls: " STR_FORMAT "%s",
                          (long long)tally.refuse, (long long)tally.all, STR_ARG(tally.names),
                          tally.refuse > 3 ? " …" : "");
    } else {
        text = render_format(r, "%s %s room", tally.all == 1 ? "The budget" : "All budgets",
                             tally.all == 1 ? "has" : "have");
    }
    if (tally.shape > 0) {
        text = render_format(r, STR_FORMAT "; %lld %s cheaper models used", STR_ARG(text),
                             (long long)tally.shape, tally.shape == 1 ? "has" : "have");
    }
    if (tally.over > 0) {
        text = render_format(r, STR_FORMAT "; %lld %s over a limit that does not refuse",
                             STR_ARG(text), (long long)tally.over, tally.over == 1 ? "is" : "are");
    }
    render_wrap(r, 0, 0,
                render_format(r, STR_FORMAT " (" STR_FORMAT ", " STR_FORMAT ").", STR_ARG(text),
                              STR_ARG(from), STR_ARG(minute_of(r, json_get(standing, "as_of")))));
    text_char(r->out, '\n');
    print_table(r, standing);
    text_char(r->out, '\n');
}

static void say_holds(struct render *r, struct json standing)
{
    const struct json holds = json_get(standing, "holds");
    const int64_t open = json_int64(json_get(holds, "open"), 0);
    const int64_t unknown = json_int64(json_path(holds, "unknown.count"), 0);
    render_note(r, "held",
                open == 0
                    ? STR("nothing: no call is under way")
                    : render_format(r, "%lld %s under way, the most they can cost: " STR_FORMAT,
                                    (long long)open, open == 1 ? "call" : "calls",
                                    STR_ARG(render_money(r, json_get(holds, "held")))));
    if (unknown > 0) {
        render_note(r, "after a crash",
                    render_format(r,
                                  "of them %lld %s under way when a server ended; nobody knows yet "
                                  "what they cost. " STR_FORMAT " stays held until they are "
                                  "settled, or charged in full (docs/budgets.md)",
                                  (long long)unknown, unknown == 1 ? "was" : "were",
                                  STR_ARG(render_money(r, json_path(holds, "unknown.held")))));
    }
    const int64_t refused = json_int64(json_get(holds, "refused_since_start"), 0);
    if (refused > 0) {
        render_note(r, "no room",
                    render_format(r,
                                  "%lld %s since the server started: the call was refused, or "
                                  "went to the cheaper model of its route",
                                  (long long)refused, refused == 1 ? "time" : "times"));
    }
    const int64_t late = json_int64(json_get(holds, "expired"), 0);
    if (late > 0) {
        render_note(r, "expired",
                    render_format(r, "%lld holds ended by themselves because nobody settled them",
                                  (long long)late));
    }
}

static void say_scope(struct render *r, struct json standing)
{
    const struct json scope = json_get(standing, "scope");
    const int64_t open = json_int64(json_get(scope, "open_holds"), 0);
    if (json_kind(scope) != JSON_OBJECT) {
        return;
    }
    const struct str name = render_clean(r, json_str(json_get(scope, "name")));
    if (open == 0) {
        render_note(r, "under way", render_format(r, "no call of " STR_FORMAT, STR_ARG(name)));
        return;
    }
    const int64_t cases = json_int64(json_get(scope, "cases_under_way"), 0);
    render_note(r, "under way",
                render_format(r,
                              "%lld %s of " STR_FORMAT " in %lld named %s; " STR_FORMAT
                              " held, at most " STR_FORMAT " for one; the oldest since " STR_FORMAT,
                              (long long)open, open == 1 ? "call" : "calls", STR_ARG(name),
                              (long long)cases, cases == 1 ? "case" : "cases",
                              STR_ARG(render_money(r, json_get(scope, "held"))),
                              STR_ARG(render_money(r, json_get(scope, "largest_hold"))),
                              STR_ARG(minute_of(r, json_get(scope, "oldest_hold")))));
}

static void say_steps(struct render *r, struct json standing)
{
    struct json_cursor at = json_iter(json_get(standing, "budgets"));
    struct json b;
    while (json_kind(json_get(standing, "scope")) == JSON_OBJECT && json_next(&at, NULL, &b)) {
        struct json_cursor steps = json_iter(json_get(b, "steps"));
        struct json step;
        struct str all = {0};
        while (json_next(&steps, NULL, &step)) {
            all = render_format(r, STR_FORMAT "%s" STR_FORMAT " (" STR_FORMAT ")%s", STR_ARG(all),
                                all.size > 0 ? ", " : "", STR_ARG(step_of(r, step)),
                                STR_ARG(percent(r, json_get(step, "share"))),
                                json_bool(json_get(step, "passed"), false) ? " passed" : "");
        }
        const struct json per_case = json_get(b, "per_case");
        if (json_kind(per_case) == JSON_STRING) {
            all = render_format(r, STR_FORMAT "%seach case at most " STR_FORMAT, STR_ARG(all),
                                all.size > 0 ? ", " : "", STR_ARG(render_money(r, per_case)));
        }
        const int64_t refused = json_int64(json_get(b, "refused_since_start"), 0);
        if (refused > 0) {
            render_note(r, "no room",
                        render_format(r,
                                      "of the " STR_FORMAT
                                      ": for %lld %s since the server started; "
                                      "what was refused is in the ledger (bursar explain CASE)",
                                      STR_ARG(json_str(json_get(b, "period"))), (long long)refused,
                                      refused == 1 ? "call" : "calls"));
        }
        const struct json before = json_get(b, "spent_before_budget");
        if (json_kind(before) == JSON_STRING && !str_equal(json_str(before), STR("0"))) {
            render_note(r, "opening",
                        render_format(r,
                                      "of the " STR_FORMAT ": " STR_FORMAT " of what is spent was "
                                      "in the ledger before this budget was there",
                                      STR_ARG(json_str(json_get(b, "period"))),
                                      STR_ARG(render_money(r, before))));
        }
        render_note(r, "steps",
                    render_format(r, "of the " STR_FORMAT ": " STR_FORMAT,
                                  STR_ARG(json_str(json_get(b, "period"))),
                                  STR_ARG(all.size > 0 ? all : STR("none; it only counts"))));
    }
}

/* What happened, by cause. */
static void say_overshoot(struct render *r, struct json overshoot)
{
    static const struct {
        const char *cause;
        const char *words;
    } causes[] = {
        {"unpriced", "models without a price"},   {"output", "output without a bound"},
        {"input", "input that was not text"},     {"fees", "fees"},
        {"late", "settled after the hold's end"}, {"other", "other causes"},
    };
    const int64_t calls = json_int64(json_get(overshoot, "calls"), 0);
    if (calls == 0) {
        render_note(r, "so far", STR("no call has cost more than was held for it"));
        return;
    }
    struct str all = {0};
    for (size_t i = 0; i < COUNT_OF(causes); i++) {
        const struct json cause = json_get(json_get(overshoot, "by_cause"), causes[i].cause);
        const int64_t some = json_int64(json_get(cause, "calls"), 0);
        if (some > 0) {
            all = render_format(r, STR_FORMAT "%s%s " STR_FORMAT " (%lld)", STR_ARG(all),
                                all.size > 0 ? ", " : "", causes[i].words,
                                STR_ARG(render_money(r, json_get(cause, "usd"))), (long long)some);
        }
    }
    render_note(r, "so far",
                render_format(r,
                              "%lld %s cost " STR_FORMAT
                              " more than was held, since the log began: " STR_FORMAT,
                              (long long)calls, calls == 1 ? "call" : "calls",
                              STR_ARG(render_money(r, json_get(overshoot, "usd"))), STR_ARG(all)));
}

static void say_bound(struct render *r, struct json standing)
{
    const struct json overshoot = json_get(standing, "overshoot");
    struct json_cursor at = json_iter(json_path(overshoot, "bound.not_for"));
    struct json gap;
    render_heading(r, "Beyond the limits");
    render_note(r, "bound",
                render_format(r, "$0 for " STR_FORMAT,
                              STR_ARG(json_str(json_path(overshoot, "bound.holds_for")))));
    while (json_next(&at, NULL, &gap)) {
        const struct str mend = json_str(json_get(gap, "mend"));
        const struct str end =
            mend.size > 0 ? render_format(r, ". To mend: " STR_FORMAT, STR_ARG(mend)) : STR("");
        render_note(r, "not $0 for",
                    render_format(r, STR_FORMAT ": " STR_FORMAT "; at most " STR_FORMAT STR_FORMAT,
                                  STR_ARG(render_clean(r, json_str(json_get(gap, "where")))),
                                  STR_ARG(json_str(json_get(gap, "why"))),
                                  STR_ARG(json_str(json_get(gap, "at_most"))), STR_ARG(end)));
    }
    say_overshoot(r, overshoot);
}

enum errc render_budgets(struct json standing, int width, struct arena *arena, struct text *out,
                         struct err *err)
{
    struct render r = render_start(arena, out, width);
    CHECK(json_kind(standing) == JSON_OBJECT);
    say_first(&r, standing);
    say_scope(&r, standing);
    say_steps(&r, standing);
    say_holds(&r, standing);
    say_bound(&r, standing);
    return render_end(&r, err);
}
