/* A budget's owner is told by a POST that Slack and its like understand: {"text"}, figures beside
 * it. Told once; a webhook that does not answer is logged, not asked again. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/money.h"
#include "render/render.h"
#include "serve/serve.h"

enum { URL_BYTES_MAX = 2048, BODY_BYTES_MAX = 4096, ANSWER_MS_MAX = 10000 };

struct webhook {
    struct serve *serve;
    struct net_loop *loop;
    struct net_post post;
    char url[URL_BYTES_MAX];
    struct text body;
    struct str sent;
    int status;
};

static void end(struct webhook *webhook)
{
    text_deinit(&webhook->body);
    memory_free(webhook);
}

static void on_head(void *context, const struct http_response_head *head)
{
    struct webhook *const webhook = context;
    webhook->status = head->status;
}

static void on_body(void *context, struct str piece)
{
    (void)context;
    (void)piece;
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    struct webhook *const webhook = context;
    char line[128];
    (void)trailers;
    (void)trailer_count;
    if (webhook->status < 200 || webhook->status > 299) {
        snprintf(line, sizeof line, "gateway: notify_url answered %d", webhook->status);
        serve_tell(webhook->serve, line);
    }
    end(webhook);
}

static void on_error(void *context, const struct net_failure *failure)
{
    struct webhook *const webhook = context;
    char line[512];
    snprintf(line, sizeof line, "gateway: notify_url: %.400s", failure->text);
    serve_tell(webhook->serve, line);
    end(webhook);
}

static const struct net_call_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_error = on_error};

/* On the loop's thread. */
static void start(void *context)
{
    static const struct http_field fields[] = {
        {STR_STATIC("Content-Type"), STR_STATIC("application/json")},
        {STR_STATIC("User-Agent"), STR_STATIC("bursar/" BURSAR_VERSION)}};
    struct webhook *const webhook = context;
    struct str query = str_from(webhook->url);
    struct str path;
    struct err err;
    const struct str front = str_cut(&query, '?');
    struct net_call_request request = {
        .method = STR("POST"),
        .fields = fields,
        .field_count = COUNT_OF(fields),
        .body = &webhook->sent,
        .body_count = 1,
        .deadlines = {ANSWER_MS_MAX, ANSWER_MS_MAX, ANSWER_MS_MAX, ANSWER_MS_MAX},
    };
    if (net_target_parse(front, &request.target, &path, &err) != ERR_OK) {
        /* The error's text has the URL, and the URL is a secret. */
        serve_tell(webhook->serve, "gateway: notify_url is no URL of a server");
        end(webhook);
        return;
    }
    /* What stands behind the host, in one piece; "https://host?x" has no path. */
    request.path = path.size > 0 ? (struct str){path.data, strlen(path.data)} : STR("/");
    webhook->sent = text_str(&webhook->body);
    (void)net_call_start(webhook->serve->gateway.client, webhook->loop, &request, &events, webhook);
}

static void put_time(struct text *out, const char *name, int64_t time_ns)
{
    char text[CLOCK_TEXT_BYTES_MAX];
    json_name(out, name);
    if (time_ns == HOLD_NO_END) {
        json_put_null(out);
    } else {
        (void)clock_print(time_ns, text);
        json_put_text(out, text);
    }
}

static const char *const actions[ACTION_COUNT] = {
    [ACTION_NOTIFY] = "notify", [ACTION_SHAPE] = "shape", [ACTION_REFUSE] = "refuse"};
static const char *const periods[PERIOD_COUNT] = {
    [PERIOD_MINUTE] = "minute", [PERIOD_HOUR] = "hour",   [PERIOD_DAY] = "day",
    [PERIOD_WEEK] = "week",     [PERIOD_MONTH] = "month", [PERIOD_TOTAL] = "total"};

/* "$0.0024": small amounts with as many decimals as it takes. */
static void put_usd(struct text *out, money_sum amount_pusd)
{
    char text[MONEY_TEXT_BYTES_MAX];
    (void)money_print_rounded(amount_pusd, render_decimals(money_usd(amount_pusd)), text);
    text_format(out, "$%s", text);
}

void serve_webhook_line(const struct hold_notice *notice, struct text *out)
{
    CHECK(notice != NULL);
    char resets[CLOCK_TEXT_BYTES_MAX];
    const bool is_refusal = notice->action == ACTION_REFUSE;
    text_format(out, "The budget of %s", notice->scope);
    if (notice->period != PERIOD_TOTAL) {
        text_format(out, " for the %s", periods[notice->period]);
    }
    if (is_refusal) {
        text_add(out, STR(" refused a call for want of room: "));
    } else {
        text_format(out, " has passed %.4g %%: ",
                    notice->limit_pusd > 0
                        ? 100 * money_usd(notice->at_pusd) / money_usd(notice->limit_pusd)
                        : 100);
    }
    text_add(out, STR("of "));
    put_usd(out, is_refusal ? notice->at_pusd : notice->limit_pusd);
    text_add(out, STR(", "));
    put_usd(out, notice->spent_pusd);
    text_add(out, STR(" is spent"));
    if (notice->held_pusd > 0) {
        text_add(out, STR(" and "));
        put_usd(out, notice->held_pusd);
        text_add(out, STR(" held for calls under way"));
    }
    text_add(out, notice->action == ACTION_SHAPE
                      ? STR("; routes use their cheaper model from now on.")
                      : STR("."));
    if (notice->resets_ns != HOLD_NO_END) {
        (void)clock_print(notice->resets_ns, resets);
        text_format(out, " It begins anew: %s.", resets);
    }
}

void serve_webhook_send(struct serve *serve, const struct hold_notice *notice, struct str line)
{
    CHECK(notice != NULL);
    const struct serve_config *const config = serve_config_take(serve);
    const struct str url = config->settings->gateway.notify_url;
    if (url.size > 0 && url.size < URL_BYTES_MAX) {
        struct webhook *const webhook = memory_new(struct webhook);
        webhook->serve = serve;
        webhook->loop = net_loops_at(net_server_loops(serve->net), 0);
        memcpy(webhook->url, url.data, url.size);
        text_init(&webhook->body, BODY_BYTES_MAX);
        struct text *const body = &webhook->body;
        json_open_object(body);
        json_name(body, "text");
        json_put_str(body, line);
        json_name(body, "scope");
        json_put_text(body, notice->scope);
        json_name(body, "action");
        json_put_text(body, actions[notice->action]);
        json_name(body, "period");
        json_put_text(body, periods[notice->period]);
        json_name(body, "step_usd");
        json_put_money(body, notice->at_pusd);
        json_name(body, "limit_usd");
        json_put_money(body, notice->limit_pusd);
        json_name(body, "spent_usd");
        json_put_money(body, notice->spent_pusd);
        json_name(body, "held_usd");
        json_put_money(body, notice->held_pusd);
        put_time(body, "at", notice->at_ns);
        put_time(body, "resets", notice->resets_ns);
        json_close_object(body);
        webhook->post = (struct net_post){.run = start, .context = webhook};
        net_loop_post(webhook->loop, &webhook->post);
    }
    serve_config_give(serve, config);
}
