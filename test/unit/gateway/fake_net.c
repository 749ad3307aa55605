#include "fake_net.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct fake fake;

#define WRAP(name) __wrap_##name

void fake_begin(struct rng *rng)
{
    memset((void *)&fake, 0, sizeof fake);
    fake.rng = rng;
    fake.expected_pusd = -1;
    text_init(&fake.expected, (size_t)64 << 20);
    fake.now_ns = INT64_C(1795000000) * 1000000000;
    for (int i = 0; i < FAKE_LOOPS; i++) {
        fake.loops[i].index = i;
    }
}

struct net_reply *fake_client(void)
{
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        struct net_reply *const reply = &fake.replies[i];
        if (!reply->is_used) {
            memset((void *)reply, 0, sizeof *reply);
            reply->is_used = true;
            reply->loop = &fake.loops[rng_below(fake.rng, FAKE_LOOPS)];
            text_init(&reply->asked, (size_t)1 << 20);
            text_init(&reply->got, (size_t)64 << 20);
            return reply;
        }
    }
    return NULL;
}

static void answered(struct net_reply *reply)
{
    CHECK(reply->is_used);
    reply->is_used = false;
    fake.answered++;
    text_deinit(&reply->asked); /* a request is not there any more once it is answered */
    text_deinit(&reply->got);
    memset((void *)&reply->head, 0xa5, sizeof reply->head);
}

void fake_end(void)
{
    for (size_t i = 0; i < FAKE_CALLS_MAX; i++) {
        CHECK(!fake.calls[i].is_used);
        CHECK(!fake.replies[i].is_used);
    }
    CHECK(fake.timer_count == 0);
    text_deinit(&fake.expected);
}

/* ---- loops and clock */

int WRAP(net_loops_count)(const struct net_loops *loops);
int WRAP(net_loops_count)(const struct net_loops *loops)
{
    (void)loops;
    return FAKE_LOOPS;
}

struct net_loop *WRAP(net_loops_at)(struct net_loops *loops, int index);
struct net_loop *WRAP(net_loops_at)(struct net_loops *loops, int index)
{
    (void)loops;
    return &fake.loops[index];
}

int64_t WRAP(clock_now_ns)(void);
int64_t WRAP(clock_now_ns)(void)
{
    return fake.now_ns;
}

int64_t WRAP(clock_monotonic_ns)(void);
int64_t WRAP(clock_monotonic_ns)(void)
{
    return fake.now_ns;
}

void WRAP(net_timer_clear)(struct net_loop *loop, struct net_timer *timer);
void WRAP(net_timer_clear)(struct net_loop *loop, struct net_timer *timer)
{
    (void)loop;
    if (timer->place == 0) {
        return;
    }
    CHECK(fake.timers[timer->place - 1] == timer);
    fake.timers[timer->place - 1] = fake.timers[--fake.timer_count];
    fake.timers[timer->place - 1]->place = timer->place;
    timer->place = 0;
}

void WRAP(net_timer_set)(struct net_loop *loop, struct net_timer *timer, int64_t wait_ms);
void WRAP(net_timer_set)(struct net_loop *loop, struct net_timer *timer, int64_t wait_ms)
{
    CHECK(timer->run != NULL);
    CHECK(wait_ms >= 0);
    WRAP(net_timer_clear)(loop, timer);
    CHECK(fake.timer_count < FAKE_TIMERS_MAX);
    fake.timers[fake.timer_count++] = timer;
    timer->place = fake.timer_count;
    timer->due_ns = fake.now_ns + wait_ms * 1000000;
}

void WRAP(net_turn_clear)(struct net_loop *loop, struct net_turn *turn);
void WRAP(net_turn_clear)(struct net_loop *loop, struct net_turn *turn)
{
    (void)loop;
    for (size_t i = 0; i < fake.turn_count; i++) {
        if (fake.turns[i] == turn) {
            fake.turns[i] = fake.turns[--fake.turn_count];
        }
    }
    turn->is_set = false;
}

void WRAP(net_turn_set)(struct net_loop *loop, struct net_turn *turn);
void WRAP(net_turn_set)(struct net_loop *loop, struct net_turn *turn)
{
    CHECK(turn->run != NULL);
    WRAP(net_turn_clear)(loop, turn);
    CHECK(fake.turn_count < FAKE_LOOPS);
    turn->is_set = true;
    fake.turns[fake.turn_count++] = turn;
}

void fake_turn(void)
{
    while (fake.turn_count > 0) {
        struct net_turn *const turn = fake.turns[0];
        WRAP(net_turn_clear)(NULL, turn);
        turn->run(turn->context);
    }
}

bool WRAP(net_timer_is_set)(const struct net_timer *timer);
bool WRAP(net_timer_is_set)(const struct net_timer *timer)
{
    return timer->place != 0;
}

void fake_pass(int64_t ms)
{
    const int64_t until_ns = fake.now_ns + ms * 1000000;
    for (;;) {
        struct net_timer *next = NULL;
        for (size_t i = 0; i < fake.timer_count; i++) {
            if (next == NULL || fake.timers[i]->due_ns < next->due_ns) {
                next = fake.timers[i];
            }
        }
        if (next == NULL || next->due_ns > until_ns) {
            break;
        }
        fake.now_ns = next->due_ns > fake.now_ns ? next->due_ns : fake.now_ns;
        WRAP(net_timer_clear)(NULL, next);
        next->run(next->context);
        fake_turn();
    }
    fake.now_ns = until_ns;
}

/* ---- replies */

struct net_loop *WRAP(net_reply_loop)(const struct net_reply *reply);
struct net_loop *WRAP(net_reply_loop)(const struct net_reply *reply)
{
    return reply->loop;
}

void WRAP(net_reply_watch)(struct net_reply *reply, const struct net_reply_events *events,
                           void *context);
void WRAP(net_reply_watch)(struct net_reply *reply, const struct net_reply_events *events,
                           void *context)
{
    CHECK(reply->is_used);
    CHECK(!reply->is_watched);
    reply->is_watched = true;
    reply->events = events;
    reply->exchange = context;
}

void WRAP(net_reply_forget_head)(struct net_reply *reply);
void WRAP(net_reply_forget_head)(struct net_reply *reply)
{
    CHECK(reply->is_used);
    reply->request.head = NULL; /* who looks at it falls */
    memset((void *)&reply->head, 0xee, sizeof reply->head);
}

static void note_cost(const struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fake.told_costs += str_equal(fields[i].name, STR("x-bursar-cost-usd"));
        CHECK(fields[i].name.size > 0);
        CHECK(memchr(fields[i].value.data, '\n', fields[i].value.size) == NULL);
    }
}

void WRAP(net_reply_begin)(struct net_reply *reply, const struct net_reply_head *head);
void WRAP(net_reply_begin)(struct net_reply *reply, const struct net_reply_head *head)
{
    CHECK(reply->is_used);
    CHECK(!reply->has_begun);
    CHECK(head->status >= 200);
    CHECK(head->field_count <= HTTP_FIELDS_MAX);
    note_cost(head->fields, head->field_count);
    reply->has_begun = true;
    reply->length = head->length;
}

bool WRAP(net_reply_write)(struct net_reply *reply, struct str piece);
bool WRAP(net_reply_write)(struct net_reply *reply, struct str piece)
{
    CHECK(reply->is_used);
    CHECK(reply->has_begun);
    if (reply->has_left || piece.size == 0) {
        return true;
    }
    text_add(&reply->got, piece);
    CHECK(reply->length < 0 || reply->got.size <= (size_t)reply->length);
    reply->is_full = reply->is_full || rng_below(fake.rng, 4) == 0;
    return !reply->is_full;
}

void WRAP(net_reply_end)(struct net_reply *reply, const struct http_field *trailers, size_t count);
void WRAP(net_reply_end)(struct net_reply *reply, const struct http_field *trailers, size_t count)
{
    (void)trailers;
    CHECK(count == 0);
    CHECK(reply->is_used);
    CHECK(reply->has_begun);
    CHECK(reply->has_left || reply->length < 0 || reply->got.size == (size_t)reply->length);
    const struct exchange *const exchange = reply->exchange;
    if (fake.expected_of == exchange && !reply->has_left && !exchange->hides_usage) {
        CHECK(str_equal(text_str(&reply->got), text_str(&fake.expected)));
    }
    fake.whole++;
    answered(reply);
}

void WRAP(net_reply_abort)(struct net_reply *reply);
void WRAP(net_reply_abort)(struct net_reply *reply)
{
    fake.aborted++;
    answered(reply);
}

/* Who is refused for money is told whose it is, and the amounts, or nothing of any amount. */
static void check_refusal(const struct net_reply *reply, const struct net_response *response)
{
    size_t found = 0;
    static const char *const names[] = {"x-bursar-budget-scope", "x-bursar-budget-limit-usd",
                                        "x-bursar-budget-remaining-usd"};
    const bool hides = reply->exchange->table->settings->gateway.hides_amounts;
    for (size_t i = 0; i < response->field_count; i++) {
        for (size_t j = 0; j < COUNT_OF(names); j++) {
            found += str_equal(response->fields[i].name, str_from(names[j]));
        }
    }
    CHECK(found == (hides ? 1 : COUNT_OF(names)));
    CHECK(!hides || str_find(response->body, STR("$")) == SIZE_MAX);
}

void WRAP(net_reply_send)(struct net_reply *reply, const struct net_response *response);
void WRAP(net_reply_send)(struct net_reply *reply, const struct net_response *response)
{
    CHECK(!reply->has_begun);
    CHECK(response->status >= 400);
    CHECK(response->body.size > 0);
    if (response->status == 402) {
        check_refusal(reply, response);
    }
    note_cost(response->fields, response->field_count);
    fake.refused++;
    answered(reply);
}

/* ---- calls */

struct net_call *WRAP(net_call_start)(struct net_client *client, struct net_loop *loop,
                                      const struct net_call_request *request,
                                      const struct net_call_events *events, void *context);
struct net_call *WRAP(net_call_start)(struct net_client *client, struct net_loop *loop,
                                      const struct net_call_request *request,
                                      const struct net_call_events *events, void *context)
{
    (void)client;
    struct exchange *const exchange = context;
    CHECK(exchange->home->loop == loop);
    CHECK(request->path.size > 0);
    CHECK(request->field_count <= HTTP_FIELDS_MAX);
    CHECK(exchange->is_free || exchange->hold != 0); /* nothing is forwarded unrecorded */
    for (size_t i = 0; i < fake.unrecorded_count; i++) {
        CHECK(exchange->is_free || exchange->hold != fake.unrecorded[i]);
    }
    fake.tries += exchange->is_free ? 0 : 1;
    struct net_reply *const reply = exchange->reply;
    if (reply != NULL && reply->not_before_ns > 0 && reply->asked_at == exchange->chain_at) {
        CHECK(fake.now_ns >= reply->not_before_ns);
        fake.waited++;
    }
    for (size_t i = 0; i < FAKE_CALLS_MAX; i++) {
        struct net_call *const call = &fake.calls[i];
        if (!call->is_used) {
            *call = (struct net_call){.is_used = true, .events = events, .exchange = exchange};
            text_init(&call->body, (size_t)64 << 20);
            return call;
        }
    }
    CHECK(false);
    return NULL;
}

void WRAP(net_call_cancel)(struct net_call *call);
void WRAP(net_call_cancel)(struct net_call *call)
{
    CHECK(call->is_used);
    text_deinit(&call->body);
    call->is_used = false;
}

void WRAP(net_call_pause)(struct net_call *call);
void WRAP(net_call_pause)(struct net_call *call)
{
    CHECK(call->is_used);
    CHECK(!call->is_paused);
    call->is_paused = true;
}

void WRAP(net_call_resume)(struct net_call *call);
void WRAP(net_call_resume)(struct net_call *call)
{
    CHECK(call->is_used);
    CHECK(call->is_paused);
    call->is_paused = false;
}

bool WRAP(net_call_was_sent)(const struct net_call *call);
bool WRAP(net_call_was_sent)(const struct net_call *call)
{
    CHECK(call->is_used);
    return call->was_sent;
}

/* ---- the budget, on a disk that may refuse */

static enum errc refuse(struct err *err)
{
    fake.refusals++;
    return err_set(err, ERR_IO, "the disk is full");
}

enum errc __real_budget_reserve_later(struct budget *budget, const struct hold_request *request,
                                      struct hold_grant *out_grant,
                                      struct hold_refusal *out_refusal, struct err *err);
enum errc WRAP(budget_reserve_later)(struct budget *budget, const struct hold_request *request,
                                     struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                                     struct err *err);
enum errc WRAP(budget_reserve_later)(struct budget *budget, const struct hold_request *request,
                                     struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                                     struct err *err)
{
    if (fake.disk_refuses) {
        return refuse(err);
    }
    const enum errc code =
        __real_budget_reserve_later(budget, request, out_grant, out_refusal, err);
    if (code == ERR_OK) {
        CHECK(fake.unrecorded_count < FAKE_CLIENTS_MAX);
        fake.unrecorded[fake.unrecorded_count++] = out_grant->id;
    }
    return code;
}

enum errc __real_budget_post_later(struct budget *budget, uint64_t id,
                                   const struct hold_settlement *settlement, struct str payload,
                                   struct hold_settled *out_settled, struct err *err);
enum errc WRAP(budget_post_later)(struct budget *budget, uint64_t id,
                                  const struct hold_settlement *settlement, struct str payload,
                                  struct hold_settled *out_settled, struct err *err);
enum errc WRAP(budget_post_later)(struct budget *budget, uint64_t id,
                                  const struct hold_settlement *settlement, struct str payload,
                                  struct hold_settled *out_settled, struct err *err)
{
    if (fake.disk_refuses) {
        return refuse(err);
    }
    const enum errc code =
        __real_budget_post_later(budget, id, settlement, payload, out_settled, err);
    CHECK(code == ERR_OK); /* every hold is settled once */
    CHECK(payload.size > 0);
    CHECK(fake.expected_pusd < 0 || settlement->cost_pusd == fake.expected_pusd);
    fake.recorded++;
    fake.spent_pusd += settlement->cost_pusd;
    return code;
}

enum errc __real_budget_void_later(struct budget *budget, uint64_t id, int64_t now_ns,
                                   struct str payload, struct err *err);
enum errc WRAP(budget_void_later)(struct budget *budget, uint64_t id, int64_t now_ns,
                                  struct str payload, struct err *err);
enum errc WRAP(budget_void_later)(struct budget *budget, uint64_t id, int64_t now_ns,
                                  struct str payload, struct err *err)
{
    if (fake.disk_refuses) {
        return refuse(err);
    }
    const enum errc code = __real_budget_void_later(budget, id, now_ns, payload, err);
    CHECK(code == ERR_OK);
    for (size_t i = 0; i < fake.unrecorded_count; i++) {
        if (fake.unrecorded[i] == id) {
            fake.unrecorded[i] = fake.unrecorded[--fake.unrecorded_count];
        }
    }
    fake.recorded += payload.size > 0;
    return code;
}

enum errc __real_budget_note_later(struct budget *budget, struct str payload, struct err *err);
enum errc WRAP(budget_note_later)(struct budget *budget, struct str payload, struct err *err);
enum errc WRAP(budget_note_later)(struct budget *budget, struct str payload, struct err *err)
{
    if (fake.disk_refuses) {
        return refuse(err);
    }
    fake.recorded += payload.size > 0;
    return __real_budget_note_later(budget, payload, err);
}

enum errc __real_budget_note(struct budget *budget, struct str payload, struct err *err);
enum errc WRAP(budget_note)(struct budget *budget, struct str payload, struct err *err);
enum errc WRAP(budget_note)(struct budget *budget, struct str payload, struct err *err)
{
    if (fake.disk_refuses) {
        return refuse(err);
    }
    static const char word[] = "\"refused\":";
    const size_t at = str_find(payload, str_from(word));
    CHECK(payload.size > 0);
    if (at != SIZE_MAX) {
        const char *c = payload.data + at + sizeof word - 1;
        int64_t count = 0;
        for (; *c >= '0' && *c <= '9'; c++) {
            count = count * 10 + (*c - '0');
        }
        fake.refusal_rows++;
        fake.refused_on_record += count;
    } else {
        fake.recorded++;
    }
    return __real_budget_note(budget, payload, err);
}

enum errc __real_budget_record(struct budget *budget, struct err *err);
enum errc WRAP(budget_record)(struct budget *budget, struct err *err);
enum errc WRAP(budget_record)(struct budget *budget, struct err *err)
{
    if (fake.record_refuses) {
        fake.unrecorded_turns += fake.unrecorded_count > 0;
        return err_set(err, ERR_IO, "the disk is full");
    }
    fake.unrecorded_count = 0;
    return __real_budget_record(budget, err);
}
