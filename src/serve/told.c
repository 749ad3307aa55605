/* told: what people are told of budgets: steps that were passed, and a clock that was set. */
#include <stdio.h>

#include "base/clock.h"
#include "serve/serve.h"

/* ---- steps */

/* Slack takes {"text"}; whoever wants figures finds them beside it. */
void serve_tell_steps(struct serve *serve)
{
    enum { NOTICES_MAX = 16 };
    struct hold_notice notices[NOTICES_MAX];
    const size_t count = budget_notices(serve->gateway.budget, notices, NOTICES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct text line;
        text_init(&line, 1024);
        serve_webhook_line(&notices[i], &line);
        serve_tell(serve, line.data);
        serve_webhook_send(serve, &notices[i], text_str(&line));
        text_deinit(&line);
    }
}

/* ---- the clock */

static const char *const words[] = {
    [BUDGET_LEAP_NONE] = "",
    [BUDGET_LEAP_SEEN] = "Budgets go on by the time before, and by this one if it stays so for ten "
                         "minutes. If it is wrong, set it right before then.",
    [BUDGET_LEAP_OVER] = "It is back. Budgets have not gone by it.",
    [BUDGET_LEAP_BELIEVED] =
        "It has stayed so for ten minutes: budgets go by it. Those whose period is over "
        "begin anew; those whose period is in the future now are back in the present one, with all "
        "that was "
        "spent since it began.",
    [BUDGET_LEAP_FOUND] =
        "That is how far it is behind the log of holds. Budgets go by it, and are "
        "back in the present period, with all that was spent since it began.",
};

/* "40 days", "2 h", "90 s". */
static void say_span(int64_t span_ns, char *out, size_t size)
{
    const long long seconds =
        (long long)((span_ns + CLOCK_NS_PER_SECOND / 2) / CLOCK_NS_PER_SECOND);
    enum { HOUR = 3600, DAY = 86400 };
    if (seconds >= 2 * DAY) {
        snprintf(out, size, "%lld days", (seconds + DAY / 2) / DAY);
    } else if (seconds >= 2 * HOUR) {
        snprintf(out, size, "%lld h", (seconds + HOUR / 2) / HOUR);
    } else {
        snprintf(out, size, "%lld s", seconds);
    }
}

void serve_tell_clock(struct serve *serve)
{
    struct budget_leap leap;
    char span[32];
    char line[512];
    if (!budget_leapt(serve->gateway.budget, &leap)) {
        return;
    }
    say_span(leap.by_ns < 0 ? -leap.by_ns : leap.by_ns, span, sizeof span);
    snprintf(line, sizeof line, "The clock has leapt %s by %s. %s",
             leap.by_ns < 0 ? "back" : "ahead", span, words[leap.state]);
    serve_tell(serve, line);
}
