/*
 * What the callbacks of a turn have changed in the budgets, recorded with one write when they are
 * over, before anything that they wrote is sent: then calls leave whose hold is on record, and
 * clients are told of postings that are.
 *
 * Where the disk refuses, calls that wait for their hold are refused and their holds voided. What
 * is recorded later, postings and these, waits in memory and the disk is asked again for as long as
 * the process runs.
 */
#include "base/check.h"
#include "gateway/gateway_priv.h"

static void tell(const struct gateway_loop *home, const struct err *err)
{
    const struct gateway_settings *const settings = &home->gateway->settings;
    if (settings->tell != NULL) {
        settings->tell(settings->context, err->text);
    }
}

/* Whether all that was changed is recorded; else the disk is asked again. */
static bool record(struct gateway_loop *home, struct err *err)
{
    const bool is_again = net_timer_is_set(&home->again);
    if (budget_record(home->gateway->settings.budget, err) == ERR_OK) {
        net_timer_clear(home->loop, &home->again);
        return true;
    }
    if (!is_again) {
        tell(home, err);
    }
    net_timer_set(home->loop, &home->again, GATEWAY_OWED_MS);
    return false;
}

static void go_on(struct exchange *exchange, bool is_recorded, const struct err *err)
{
    CHECK(exchange->is_unrecorded);
    exchange->is_unrecorded = false;
    exchange->next = NULL;
    if (!is_recorded) {
        gateway_say(exchange, "%s", err->text);
        exchange_run(exchange, GATEWAY_UNRECORDED);
    } else if (exchange->has_left) {
        (void)gateway_end_hold(exchange, NULL, NULL);
        exchange_run(exchange, GATEWAY_END);
    } else {
        exchange_run(exchange, GATEWAY_FORWARD);
    }
}

static void end_turn(void *context)
{
    struct gateway_loop *const home = context;
    struct err err;
    const bool is_recorded = record(home, &err);
    struct exchange *first = home->unrecorded;
    home->unrecorded = NULL;
    home->unrecorded_end = &home->unrecorded;
    while (first != NULL) {
        struct exchange *const exchange = first;
        first = exchange->next;
        go_on(exchange, is_recorded, &err);
    }
}

static void ask_again(void *context)
{
    struct gateway_loop *const home = context;
    struct err err;
    if (budget_record(home->gateway->settings.budget, &err) != ERR_OK) {
        net_timer_set(home->loop, &home->again, GATEWAY_OWED_MS);
    }
}

void gateway_record_open(struct gateway_loop *home)
{
    CHECK(home->loop != NULL);
    home->unrecorded_end = &home->unrecorded;
    home->turn = (struct net_turn){.run = end_turn, .context = home};
    home->again = (struct net_timer){.run = ask_again, .context = home};
}

void gateway_record_close(struct gateway_loop *home)
{
    struct err err;
    CHECK(home->unrecorded == NULL);
    net_turn_clear(home->loop, &home->turn);
    net_timer_clear(home->loop, &home->again);
    if (budget_record(home->gateway->settings.budget, &err) != ERR_OK) {
        tell(home, &err);
    }
}

void gateway_record_soon(struct gateway_loop *home)
{
    net_turn_set(home->loop, &home->turn);
}

void gateway_record_now(struct gateway_loop *home)
{
    struct err err;
    (void)record(home, &err);
}

enum gateway_step gateway_record_hold(struct exchange *exchange)
{
    struct gateway_loop *const home = exchange->home;
    CHECK(exchange->hold != 0);
    CHECK(exchange->call == NULL);
    exchange->is_unrecorded = true;
    exchange->next = NULL;
    *home->unrecorded_end = exchange;
    home->unrecorded_end = &exchange->next;
    gateway_record_soon(home);
    return GATEWAY_WAIT;
}
