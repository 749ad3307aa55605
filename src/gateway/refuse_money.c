/*
 * Refusals for money: whose budget, of what period, what is left of it and when it begins anew.
 *
 * Who is not to know the organisation's amounts is told the same without them.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"

enum { SCOPE_SHOWN = 120 }; /* bytes of a scope in a message; its field has all of them */

bool gateway_hides_amounts(const struct exchange *exchange)
{
    const struct settings_gateway *const gateway = &exchange->table->settings->gateway;
    const struct str key = provider_text_str(&exchange->who.key);
    bool hides = gateway->hides_amounts;
    for (size_t i = 0; i < gateway->hidden_from_count && !hides; i++) {
        hides = str_equal(gateway->hidden_from[i], key);
    }
    return hides;
}

static const char *period_word(const struct hold_refusal *refusal)
{
    static const char *const periods[PERIOD_COUNT] = {
        [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
        [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "all time"};
    return refusal->why == HOLD_WHY_CASE ? "all time" : periods[refusal->period];
}

/* "for the day", "for all time" */
static const char *the(const struct hold_refusal *refusal)
{
    return refusal->why == HOLD_WHY_CASE || refusal->period == PERIOD_TOTAL ? "" : "the ";
}

static const char *case_words(const struct hold_refusal *refusal)
{
    return refusal->why == HOLD_WHY_CASE ? "one case of " : "";
}

static void say_no_room(struct exchange *exchange, const struct hold_refusal *refusal,
                        const char *resets, bool hides)
{
    char limit[MONEY_TEXT_BYTES_MAX];
    char spent[MONEY_TEXT_BYTES_MAX];
    char held[MONEY_TEXT_BYTES_MAX];
    char wanted[MONEY_TEXT_BYTES_MAX];
    const char *const then =
        resets[0] != '\0' ? "It begins anew at " : "Ask its owner to raise it.";
    (void)money_print(refusal->limit_pusd, limit);
    (void)money_print(refusal->spent_pusd, spent);
    (void)money_print(refusal->held_pusd, held);
    (void)money_print(refusal->wanted_pusd, wanted);
    if (hides) {
        gateway_say(exchange, "The budget of %s%.*s for %s%s has no room for this call. %s%s",
                    case_words(refusal), SCOPE_SHOWN, refusal->scope, the(refusal),
                    period_word(refusal), then, resets);
        return;
    }
    gateway_say(
        exchange,
        "The budget of %s%.*s for %s%s has no room: limit $%s, spent $%s, held for calls under way "
        "$%s; this call may cost up to $%s. %s%s",
        case_words(refusal), SCOPE_SHOWN, refusal->scope, the(refusal), period_word(refusal), limit,
        spent, held, wanted, then, resets);
}

/* exchange->message is why nobody knows. */
static void say_unknown(struct exchange *exchange, const struct hold_refusal *refusal)
{
    const struct str model = gateway_model(exchange);
    char why[GATEWAY_MESSAGE_BYTES];
    char limit[MONEY_TEXT_BYTES_MAX + 16] = "";
    memcpy(why, exchange->message, sizeof why);
    if (!gateway_hides_amounts(exchange)) {
        memcpy(limit, " ($", 3);
        const size_t size = money_print(refusal->limit_pusd, limit + 3);
        memcpy(limit + 3 + size, ")", 2);
    }
    gateway_say(exchange,
                "What %s%.*s%s may cost is not known (%.120s), and the budget of %s%.*s for %s%s%s "
                "has a hard limit. Give it a price under prices in bursar.yaml, or set gateway: "
                "{allow_unpriced: true}.",
                model.size > 0 ? "\"" : "this call",
                (int)(model.size < SCOPE_SHOWN ? model.size : SCOPE_SHOWN),
                model.size > 0 ? model.data : "", model.size > 0 ? "\"" : "", why,
                case_words(refusal), SCOPE_SHOWN, refusal->scope, the(refusal),
                period_word(refusal), limit);
}

/* The answer, exchange->message in it. `waits`: it helps to come again when the budget begins anew.
 */
static enum gateway_step answer(struct exchange *exchange, const struct hold_refusal *refusal,
                                const char *resets, bool waits)
{
    char wait[32] = "";
    char free_usd[MONEY_TEXT_BYTES_MAX];
    char limit_usd[MONEY_TEXT_BYTES_MAX];
    const bool is_429 = exchange->table->settings->gateway.refusal_status == 429;
    struct http_field more[4] = {{STR("x-bursar-budget-scope"), str_from(refusal->scope)}};
    size_t count = 1;
    if (!gateway_hides_amounts(exchange)) {
        size_t size = money_print(refusal->limit_pusd, limit_usd);
        more[count++] = (struct http_field){STR("x-bursar-budget-limit-usd"), {limit_usd, size}};
        size = money_print(refusal->free_pusd, free_usd);
        more[count++] = (struct http_field){STR("x-bursar-budget-remaining-usd"), {free_usd, size}};
    }
    if (resets[0] != '\0') {
        more[count++] = (struct http_field){STR("x-bursar-budget-resets"), str_from(resets)};
    }
    if (is_429 && waits && resets[0] != '\0') {
        const int64_t left_ns = refusal->resets_ns - clock_now_ns();
        snprintf(wait, sizeof wait, "%lld",
                 left_ns > 0 ? (long long)(left_ns / CLOCK_NS_PER_SECOND + 1) : 1);
    }
    atomic_fetch_add(&exchange->home->gateway->counts.refused, 1);
    return gateway_refuse_with(exchange, REFUSE_MONEY, is_429 ? 429 : 402, str_from(wait), more,
                               count);
}

static void record(struct exchange *exchange, const struct hold_refusal *refusal,
                   int64_t wanted_pusd)
{
    char rule[HOLD_SCOPE_BYTES_MAX + 64];
    snprintf(rule, sizeof rule, "budget of %s%s, %s", case_words(refusal), refusal->scope,
             period_word(refusal));
    const struct gateway_decision decision = {
        .choice = "refused", .rule = rule, .reason = exchange->message, .wanted_pusd = wanted_pusd};
    gateway_record_refusal(exchange, &decision);
}

static void print_resets(const struct hold_refusal *refusal, char out[static CLOCK_TEXT_BYTES_MAX])
{
    out[0] = '\0';
    if (refusal->resets_ns != HOLD_NO_END && refusal->why != HOLD_WHY_CASE) {
        (void)clock_print(refusal->resets_ns, out);
    }
}

enum gateway_step gateway_refuse_money(struct exchange *exchange,
                                       const struct hold_refusal *refusal)
{
    CHECK(exchange->reply != NULL);
    CHECK(refusal != NULL);
    if (refusal->why == HOLD_WHY_HOLDS || refusal->why == HOLD_WHY_CASES) {
        gateway_say(exchange,
                    "more calls are under way than can be held for; nothing was forwarded");
        return gateway_refuse(exchange, REFUSE_RECORD);
    }
    char resets[CLOCK_TEXT_BYTES_MAX];
    print_resets(refusal, resets);
    say_no_room(exchange, refusal, resets, false);
    record(exchange, refusal, refusal->wanted_pusd);
    say_no_room(exchange, refusal, resets, gateway_hides_amounts(exchange));
    return answer(exchange, refusal, resets, true);
}

enum gateway_step gateway_refuse_unpriced(struct exchange *exchange)
{
    CHECK(exchange->reply != NULL);
    CHECK(exchange->hold != 0);
    struct gateway *const gateway = exchange->home->gateway;
    struct hold_refusal refusal;
    char resets[CLOCK_TEXT_BYTES_MAX];
    /* False where the limits were changed since: then nothing is named that is not there. */
    const bool found = budget_tightest(gateway->settings.budget, exchange->hold, &refusal);
    (void)gateway_end_hold(exchange, NULL, NULL);
    if (!found) {
        gateway_say(exchange, "the budgets have just been changed; nothing was forwarded");
        return gateway_refuse(exchange, REFUSE_RECORD);
    }
    print_resets(&refusal, resets);
    say_unknown(exchange, &refusal);
    record(exchange, &refusal, -1);
    return answer(exchange, &refusal, resets, false);
}
