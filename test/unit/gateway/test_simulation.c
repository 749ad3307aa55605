/* gateway: days of calls in seconds. Clients ask for everything there is, read when they like and
 * leave when they like; upstreams answer, refuse, break off and fail in every way; the disk refuses
 * for a while; tables and limits are swapped under way. After every step each exchange must be
 * somewhere, every hold must be some exchange's, and what is spent must be the sum of the costs. */
#include "fake_net.h"

#include <stdio.h>

#include "support/home.h"
#include "support/test.h"

enum { SEEDS = 48, STEPS = 5000, TABLES_MAX = 64, LIMITS = 5, BOOK_BYTES_MAX = 1 << 20 };

static const char prices[] = "format bursar.prices/1\n"
                             "source 1 the list\n"
                             "provider openai\n"
                             "model big\n"
                             "price input=2 cache_read=0.5 output=8\n"
                             "model small\n"
                             "price input=0.4 cache_read=0.1 output=1.6\n"
                             "provider anthropic\n"
                             "model clever\n"
                             "price input=3 cache_read=0.3 cache_write_5m=3.75 output=15\n";

struct world {
    struct home home;
    struct rng rng;
    struct budget *budget;
    struct gateway *gateway;
    struct settings settings[TABLES_MAX];
    int table_count;
    int released;
    int64_t handled;
    int64_t delivered;
    int64_t late; /* calls settled after their holds had expired */
    struct err err;
};

static struct arena book_arena;
static const struct price_book *book;

static struct settings_upstream upstreams[] = {
    {.name = STR_STATIC("openai"), .base_url = STR_STATIC("http://127.0.0.1:1/v1")},
    {.name = STR_STATIC("anthropic"), .base_url = STR_STATIC("http://127.0.0.1:2/v1")}};
static const struct str fallbacks[] = {STR_STATIC("small"), STR_STATIC("nobody-knows"),
                                       STR_STATIC("small")};
static struct settings_route routes[] = {{.workflow = STR_STATIC("chained"),
                                          .model = STR_STATIC("big"),
                                          .fallback = fallbacks,
                                          .fallback_count = COUNT_OF(fallbacks)},
                                         {.workflow = STR_STATIC("pressed"),
                                          .model = STR_STATIC("big"),
                                          .under_pressure = STR_STATIC("small"),
                                          .output_ceiling = 50,
                                          .has_shrink = true,
                                          .shrink = true},
                                         {.workflow = STR_STATIC("drained"),
                                          .model = STR_STATIC("big"),
                                          .has_on_leave = true,
                                          .on_leave = GATEWAY_DRAIN},
                                         {.workflow = STR_STATIC("people"), .to_people = true}};

static bool chance(struct world *w, uint64_t percent)
{
    return rng_below(&w->rng, 100) < percent;
}

static size_t pick(struct world *w, size_t count)
{
    return (size_t)rng_below(&w->rng, count);
}

static void make_limits(struct world *w, struct hold_limit *out)
{
    static const char *const scopes[LIMITS] = {"org", "org", "workflow:chained", "workflow:pressed",
                                               "model:big"};
    static const enum budget_period periods[LIMITS] = {PERIOD_TOTAL, PERIOD_DAY, PERIOD_HOUR,
                                                       PERIOD_MINUTE, PERIOD_DAY};
    for (size_t i = 0; i < LIMITS; i++) {
        const int64_t limit = (int64_t)rng_below(&w->rng, 8000) * INT64_C(1000000000);
        out[i] = (struct hold_limit){.scope = str_from(scopes[i]),
                                     .period = periods[i],
                                     .zone_name = STR("UTC"),
                                     .limit_pusd = i == 0 ? INT64_MAX / 2 : limit,
                                     .hard_pusd = i == 0 ? HOLD_NO_LIMIT : limit,
                                     .per_case_pusd = i == 2 ? limit / 4 : HOLD_NO_LIMIT};
        out[i].steps[0] = (struct hold_step){limit / 2, ACTION_SHAPE};
        out[i].step_count = i == 3;
    }
}

static void on_released(void *context)
{
    struct world *const w = context;
    w->released++;
}

static struct gateway_table *make_table(struct world *w)
{
    static const struct str secrets[COUNT_OF(upstreams)];
    struct gateway_table *table = NULL;
    CHECK(w->table_count < TABLES_MAX);
    struct settings *const settings = &w->settings[w->table_count++];
    *settings =
        (struct settings){.upstreams = {.rows = upstreams, .count = COUNT_OF(upstreams)},
                          .routes = {.rows = routes, .count = COUNT_OF(routes)},
                          .gateway = {.retries = (int64_t)pick(w, 3),
                                      .allow_unpriced = chance(w, 50),
                                      .has_on_leave = true,
                                      .on_leave = chance(w, 30) ? GATEWAY_DRAIN : GATEWAY_CANCEL,
                                      .hides_amounts = chance(w, 30),
                                      .total_s = 30}};
    CHECK(gateway_table_create(settings, secrets, book, &table, &w->err) == ERR_OK);
    gateway_table_on_release(table, on_released, w);
    return table;
}

static void open_world(struct world *w, uint64_t seed)
{
    struct hold_limit limits[LIMITS];
    memset((void *)w, 0, sizeof *w);
    rng_init(&w->rng, seed);
    fake_begin(&w->rng);
    home_make(&w->home);
    make_limits(w, limits);
    const struct budget_options options = {
        .home = home_str(&w->home), .limits = limits, .limit_count = LIMITS, .now_ns = fake.now_ns};
    CHECK(budget_open(&options, &w->budget, NULL, &w->err) == ERR_OK);
    const struct gateway_settings settings = {
        .budget = w->budget, .table = make_table(w), .seed = seed};
    gateway_create(&settings, &w->gateway);
}

/* ---- what happens */

static const struct {
    const char *path;
    const char *members; /* of the body; NULL: a GET */
} apis[] = {
    {"/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"},
    {"/v1/chat/completions", "\"messages\":[],\"n\":3,\"stream_options\":{\"x\":1}"},
    {"/openai/v1/responses", "\"input\":\"hello\",\"max_output_tokens\":60"},
    {"/v1/embeddings", "\"input\":\"hello\""},
    {"/v1/messages", "\"messages\":[],\"max_tokens\":70"},
    {"/v1/messages/count_tokens", "\"messages\":[]"},
    {"/anthropic/v1/else", "\"anything\":1"},
    {"/v1/models", NULL},
    {"/nowhere/v1/chat", "\"messages\":[]"},
    {"/v1/chat/completions", "\"max_tokens\":-1"},
};
static const char *const workflows[] = {"", "chained", "pressed", "drained", "people", "plain"};
static const char *const models[] = {"big", "small", "nobody-knows", "big"};

static void ask(struct world *w)
{
    struct net_reply *const reply = fake_client();
    static const char *const cases[] = {"", "case-1", "case-2", "case-3"};
    if (reply == NULL) {
        return;
    }
    const size_t api = pick(w, COUNT_OF(apis));
    const char *const path = apis[api].path;
    const bool is_messages = strstr(path, "messages") != NULL;
    reply->head = (struct http_head){.method = apis[api].members == NULL ? HTTP_GET : HTTP_POST,
                                     .method_name = STR("POST"),
                                     .target = str_from(path),
                                     .path = str_from(path)};
    reply->head.fields[0] =
        (struct http_field){STR("x-bursar-workflow"), str_from(workflows[pick(w, 6)])};
    reply->head.fields[1] = (struct http_field){STR("x-bursar-case"), str_from(cases[pick(w, 4)])};
    reply->head.field_count = 2;
    if (apis[api].members != NULL) {
        text_format(&reply->asked, "{\"model\":\"%s\",%s%s%s}",
                    is_messages ? "clever" : models[pick(w, 4)], apis[api].members,
                    chance(w, 50) ? ",\"stream\":true" : "",
                    chance(w, 50) && api < 2 ? ",\"max_tokens\":40" : "");
    }
    if (chance(w, 3)) {
        text_char(&reply->asked, '{'); /* no JSON */
    }
    reply->request = (struct net_request){.head = &reply->head, .body = text_str(&reply->asked)};
    const struct gateway_caller caller = {.key = STR("key_1")};
    w->handled++;
    gateway_handle(w->gateway, &reply->request, &caller, reply);
    if (reply->is_used && chance(w, 5)) { /* before its hold is recorded */
        reply->has_left = true;
        reply->events->left(reply->exchange);
    }
}

static void answer_some(struct world *w)
{
    struct net_call *const call = &fake.calls[pick(w, FAKE_CALLS_MAX)];
    for (int i = 0; i < 4 && call->is_used; i++) {
        fake_answer(call);
    }
}

static void read_or_leave(struct world *w)
{
    struct net_reply *const reply = &fake.replies[pick(w, FAKE_CLIENTS_MAX)];
    if (!reply->is_used || reply->has_left) {
        return;
    }
    if (chance(w, 15)) {
        reply->has_left = true;
        reply->events->left(reply->exchange);
    } else if (reply->is_full) {
        reply->is_full = false;
        reply->events->writable(reply->exchange);
    }
}

static void swap(struct world *w)
{
    struct hold_limit limits[LIMITS];
    if (w->table_count < TABLES_MAX && chance(w, 30)) {
        gateway_set_table(w->gateway, make_table(w));
    }
    make_limits(w, limits);
    CHECK(budget_set_limits(w->budget, limits, LIMITS, fake.now_ns, &w->err) == ERR_OK);
}

/* As the thread of the server does. */
static void keep_house(struct world *w)
{
    struct arena arena;
    struct budget_payloads rows = {0};
    arena_init(&arena, (size_t)8 << 20);
    CHECK(budget_expire(w->budget, fake.now_ns, NULL, &w->err) == ERR_OK);
    gateway_flush_refusals(w->gateway, fake.now_ns, false);
    CHECK(budget_payloads(w->budget, 0, (size_t)1 << 20, &arena, &rows, &w->err) == ERR_OK);
    if (rows.count > 0) {
        w->delivered += (int64_t)rows.count;
        CHECK(budget_delivered(w->budget, rows.rows[rows.count - 1].number, &w->err) == ERR_OK);
    }
    arena_deinit(&arena);
}

static void take_step(struct world *w)
{
    const size_t kind = pick(w, 1000);
    if (kind < 250) {
        ask(w);
    } else if (kind < 700) {
        answer_some(w);
    } else if (kind < 880) {
        read_or_leave(w);
    } else if (kind < 960) {
        fake_pass((int64_t)pick(w, 400));
    } else if (kind < 975) {
        keep_house(w);
    } else if (kind < 985) {
        fake.disk_refuses = !fake.disk_refuses && chance(w, 15);
    } else if (kind < 990) {
        swap(w);
    } else if (kind < 995) {
        fake_pass((int64_t)pick(w, 120000)); /* longer than a hold lasts */
    } else {
        fake.record_refuses = !fake.record_refuses && chance(w, 15);
    }
    if (chance(w, 70)) {
        for (size_t more = pick(w, 4); more > 0; more--) { /* in one turn */
            ask(w);
            answer_some(w);
        }
    }
    fake_turn();
}

/* ---- what must be */

struct seen {
    int64_t exchanges;
    int64_t holds;
    int64_t calls;
    int64_t tries; /* of them those that are charged for */
    int64_t owed_rows;
    money_sum held_pusd;
};

static void see(struct seen *seen, const struct exchange *exchange)
{
    seen->exchanges++;
    seen->holds += exchange->hold != 0;
    seen->held_pusd += exchange->hold != 0 ? exchange->held_pusd : 0;
    seen->owed_rows += exchange->owes && exchange->record.size > 0;
    if (exchange->call != NULL) {
        CHECK(exchange->call->is_used);
        CHECK(exchange->call->exchange == exchange);
        seen->calls++;
        seen->tries += exchange->is_free ? 0 : 1;
    }
}

static bool check(struct world *w)
{
    struct seen seen = {0};
    int64_t calls = 0;
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        const struct net_reply *const reply = &fake.replies[i];
        if (reply->is_used) {
            const struct exchange *const exchange = reply->exchange;
            CHECK(exchange->reply == reply);
            CHECK(exchange->step == GATEWAY_WAIT);
            CHECK((exchange->call != NULL) != (exchange->timer.place != 0));
            CHECK(!exchange->owes);
            CHECK(exchange->has_left == reply->has_left);
            /* An upstream that waits waits for somebody who will call it on. */
            CHECK(exchange->call == NULL || exchange->call->is_paused == exchange->is_paused);
            CHECK(!exchange->is_paused || (reply->is_full && !reply->has_left));
            see(&seen, exchange);
        }
        calls += fake.calls[i].is_used;
    }
    for (int i = 0; i < FAKE_LOOPS; i++) {
        const struct gateway_loop *const home = &w->gateway->loops[i];
        for (const struct exchange *at = home->owing; at != NULL; at = at->next) {
            CHECK(at->timer.place != 0);
            see(&seen, at);
        }
    }
    struct budget_counts counts;
    budget_count(w->budget, &counts);
    w->late = counts.late;
    const struct gateway_counts told = gateway_counts(w->gateway);
    return told.under_way == seen.exchanges && told.requests == w->handled && calls == seen.calls &&
           counts.open_holds + counts.expired_holds == seen.holds &&
           (counts.expired_holds > 0 || counts.held_pusd == seen.held_pusd) &&
           fake.tries == fake.recorded + seen.tries + seen.owed_rows;
}

static bool check_money(struct world *w)
{
    struct arena arena;
    struct budget_balances all = {0};
    arena_init(&arena, (size_t)1 << 20);
    const bool good = budget_balances(w->budget, fake.now_ns, &arena, &all, &w->err) == ERR_OK &&
                      all.count == LIMITS && all.rows[0].spent_pusd == fake.spent_pusd &&
                      budget_verify(w->budget, &w->err) == ERR_OK;
    arena_deinit(&arena);
    return good;
}

static bool close_world(struct world *w)
{
    fake.disk_refuses = false;
    fake.record_refuses = false;
    for (int i = 0; i < FAKE_CLIENTS_MAX; i++) {
        struct net_reply *const reply = &fake.replies[i];
        if (reply->is_used && !reply->has_left) {
            reply->has_left = true;
            reply->events->left(reply->exchange);
        }
    }
    for (int i = 0; i < FAKE_CALLS_MAX; i++) {
        while (fake.calls[i].is_used) {
            fake_answer(&fake.calls[i]);
        }
    }
    fake_turn();
    fake_pass(1000);
    gateway_flush_refusals(w->gateway, fake.now_ns, true);
    keep_house(w);
    keep_house(w);
    const struct gateway_counts counts = gateway_counts(w->gateway);
    const bool good =
        check(w) && check_money(w) && counts.under_way == 0 && fake.answered == w->handled &&
        fake.recorded == fake.tries && w->delivered == fake.recorded + fake.refusal_rows &&
        fake.refused_on_record == counts.refused && fake.refusal_rows < counts.refused &&
        budget_payloads_waiting(w->budget) == 0 && w->released == w->table_count - 1;
    fake_end();
    gateway_destroy(&w->gateway);
    CHECK(w->released == w->table_count);
    budget_close(&w->budget);
    home_remove(&w->home);
    return good;
}

static void every_exchange_ends_once_and_every_hold_with_it(void)
{
    static struct world w;
    int64_t tries = 0, refusals = 0, late = 0, waited = 0, unrecorded = 0;
    if (test_is_refusing()) {
        return; /* what goes wrong is drawn */
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_world(&w, seed);
        for (int step = 0; step < STEPS; step++) {
            take_step(&w);
            if (!check(&w) || (step % 16 == 0 && !check_money(&w))) {
                printf("# seed %llu, step %d: %s\n", (unsigned long long)seed, step, w.err.text);
                EXPECT(false);
            }
        }
        tries += fake.tries;
        refusals += fake.refusals;
        unrecorded += fake.unrecorded_turns;
        late += w.late;
        waited += fake.waited;
        EXPECT(close_world(&w));
        EXPECT(fake.told_costs > 0 && fake.whole > 0 && fake.aborted > 0 && fake.refused > 0);
    }
    printf("# %lld calls, %lld refusals of the disk\n", (long long)tries, (long long)refusals);
    EXPECT(tries > 1000 && refusals > 100 && late > 10 && waited > 100);
    EXPECT(unrecorded > 100);
}

static const struct test tests[] = {TEST(every_exchange_ends_once_and_every_hold_with_it)};

int main(void)
{
    struct err err;
    arena_init(&book_arena, BOOK_BYTES_MAX);
    CHECK(price_book_parse(str_from(prices), &book_arena, &book, &err) == ERR_OK);
    const int failed = test_main(tests, COUNT_OF(tests));
    arena_deinit(&book_arena);
    return failed;
}
