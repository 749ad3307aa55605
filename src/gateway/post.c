/*
 * The end of a hold, recorded: what a call cost, or that it cost nothing, with the row for the
 * ledger.
 *
 * A disk that refuses is asked again for as long as the process runs: the money stays held and the
 * row is kept, so that neither is lost. If the process ends before, the hold is unknown at the next
 * start and is charged.
 */
#include "base/check.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"

static enum errc record(struct exchange *exchange, struct hold_settled *out, struct err *err)
{
    struct budget *const budget = exchange->home->gateway->settings.budget;
    const struct str row =
        text_is_full(&exchange->record) ? (struct str){0} : text_str(&exchange->record);
    enum errc code = ERR_NOT_FOUND;
    if (exchange->hold != 0 && exchange->is_void) {
        code = budget_void_later(budget, exchange->hold, clock_now_ns(), row, err);
    } else if (exchange->hold != 0) {
        code = budget_post_later(budget, exchange->hold, &exchange->settlement, row, out, err);
    }
    /* No hold, or one that expired and made room for others: its row at least. */
    return code != ERR_NOT_FOUND ? code
           : row.size > 0        ? budget_note_later(budget, row, err)
                                 : ERR_OK;
}

static void tell(struct exchange *exchange, const struct err *err)
{
    const struct gateway_settings *const settings = &exchange->home->gateway->settings;
    if (settings->tell != NULL) {
        settings->tell(settings->context, err->text);
    }
}

static bool try_post(struct exchange *exchange, struct hold_settled *out, struct err *err)
{
    const enum errc code = record(exchange, out, err);
    if (code == ERR_IO) {
        return false;
    }
    if (code != ERR_OK) {
        tell(exchange, err);
    }
    exchange->hold = 0;
    exchange->owes = false;
    text_clear(&exchange->record);
    return true;
}

bool gateway_end_hold(struct exchange *exchange, const struct hold_settlement *settlement,
                      struct hold_settled *out)
{
    CHECK(!exchange->owes);
    struct err err;
    exchange->is_void = settlement == NULL;
    exchange->settlement = settlement != NULL ? *settlement : (struct hold_settlement){0};
    if (try_post(exchange, out, &err)) {
        gateway_record_soon(exchange->home);
        return true;
    }
    exchange->owes = true;
    tell(exchange, &err);
    return false;
}

static void ask_again(void *context)
{
    struct exchange *const exchange = context;
    struct gateway_loop *const home = exchange->home;
    struct err err;
    if (!try_post(exchange, NULL, &err)) {
        net_timer_set(home->loop, &exchange->timer, GATEWAY_OWED_MS);
        return;
    }
    gateway_record_soon(home);
    struct exchange **at = &home->owing;
    while (*at != exchange) {
        at = &(*at)->next;
    }
    *at = exchange->next;
    exchange_give(exchange);
}

bool gateway_keep_owing(struct exchange *exchange)
{
    struct gateway_loop *const home = exchange->home;
    CHECK(exchange->call == NULL);
    CHECK(exchange->reply == NULL);
    if (!exchange->owes) {
        return false;
    }
    exchange->next = home->owing;
    home->owing = exchange;
    exchange->timer.run = ask_again;
    exchange->timer.context = exchange;
    net_timer_set(home->loop, &exchange->timer, GATEWAY_OWED_MS);
    return true;
}

void gateway_drop_owing(struct gateway_loop *home)
{
    while (home->owing != NULL) {
        struct exchange *const exchange = home->owing;
        struct err err;
        home->owing = exchange->next;
        net_timer_clear(home->loop, &exchange->timer);
        if (!try_post(exchange, NULL, &err)) {
            tell(exchange, &err);
            exchange->hold = 0;
            exchange->owes = false;
        }
        exchange_give(exchange);
    }
}
