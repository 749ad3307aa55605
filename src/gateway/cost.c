/* What a try has used, by the provider's own figures or by an estimate, and what that costs. */
#include "base/check.h"
#include "gateway/gateway_priv.h"
#include "wire/tokens.h"

static void read_whole(struct exchange *exchange)
{
    struct json root;
    struct err err;
    struct text plain;
    struct str body = text_str(&exchange->buffered);
    text_init(&plain, GATEWAY_BUFFERED_BYTES_MAX);
    if (exchange->is_buffered && exchange->packing == PACKING_ZLIB) {
        body = gateway_unpack(body, &plain, &err) == ERR_OK ? text_str(&plain) : (struct str){0};
    }
    if (exchange->is_buffered && body.size > 0 &&
        json_parse(exchange->home->parser, body, body.size, &root, &err) == ERR_OK) {
        provider_reply_read(exchange->api, root, &exchange->metered);
    }
    text_deinit(&plain);
}

/* Whether a reply that broke off, or told nothing of its usage, can have cost something. */
static bool may_be_charged(const struct exchange *exchange)
{
    switch (exchange->end) {
    case END_WHOLE:
        return exchange->status < 300; /* a redirect is no work */
    case END_ERROR:
    case END_NOT_STARTED:
        return false;
    case END_LEFT:
    case END_FAILED:
        return exchange->status == 0 ? exchange->was_sent : exchange->status < 400;
    case END_NONE:
        break;
    }
    return false;
}

/* Whether something came out that nobody can have seen: the work goes on and is told of in a reply
 * to come, or no answer came, or of a document not its end. A stream that a client leaves stops at
 * what was seen of it; one whose upstream breaks off before anything may have thought till then. */
static bool is_unseen(const struct exchange *exchange)
{
    const struct provider_reply *const reply = &exchange->metered;
    if (reply->has_usage || exchange->output_all == 0) {
        return false;
    }
    const bool goes_on = exchange->is_background && reply->is_pending;
    switch (exchange->end) {
    case END_FAILED:
        return goes_on || !exchange->is_events || exchange->seen.bytes == 0;
    case END_LEFT:
        return goes_on || !exchange->is_stream;
    case END_WHOLE:
        return goes_on;
    case END_ERROR:
    case END_NOT_STARTED:
    case END_NONE:
        break;
    }
    return false;
}

/* What is missing in the provider's figures, from the texts: the input it did not tell, the output
 * beyond its last telling. */
static void estimate(struct exchange *exchange, struct gateway_settled *out)
{
    /* Of a reply that could not be read; packed, text takes a quarter. */
    const int64_t bytes_per_token = exchange->packing == PACKING_NONE ? 4 : 1;
    const struct provider_reply *const reply = &exchange->metered;
    const struct str body = gateway_body(exchange);
    struct json root;
    struct err err;
    const bool is_known_api = exchange->api != PROVIDER_OTHER;
    const struct str model = gateway_model(exchange);
    const enum tokens_encoding encoding = tokens_encoding_of(model);
    out->usage = reply->usage;
    out->is_estimated = true;
    out->has_usage = (exchange->has_body && is_known_api) || reply->has_usage;
    if (!out->has_usage) {
        out->is_estimated = false;
        return;
    }
    if ((reply->told >> FIGURE_INPUT & 1) == 0 &&
        json_parse(exchange->home->parser, body, body.size, &root, &err) == ERR_OK) {
        int64_t tokens = tokens_of_family(
            model, provider_request_tokens(exchange->api, encoding, root, body.size));
        tokens = tokens < exchange->input_tokens_max ? tokens : exchange->input_tokens_max;
        out->usage.counts[USAGE_INPUT_UNCACHED] = tokens;
        out->usage.counts[USAGE_REQUESTS] = 1;
    }
    int64_t seen = tokens_of_family(model, provider_seen_tokens(&exchange->seen, encoding));
    if ((reply->told >> FIGURE_OUTPUT & 1) == 0 && seen == 0 && exchange->output_max != 0) {
        seen = (exchange->received_bytes + bytes_per_token - 1) / bytes_per_token;
    }
    /* An estimate above what can have come is wrong, and would be above its hold. */
    const int64_t most = exchange->output_all >= 0 ? exchange->output_all : USAGE_TOKENS_MAX;
    seen = seen < most ? seen : most;
    if (seen > out->usage.counts[USAGE_OUTPUT]) {
        out->usage.counts[USAGE_OUTPUT] = seen;
    }
}

static void find_usage(struct exchange *exchange, struct gateway_settled *out)
{
    read_whole(exchange);
    const struct provider_reply *const reply = &exchange->metered;
    out->is_charged = !exchange->is_free && (may_be_charged(exchange) || reply->has_usage);
    out->is_unseen = out->is_charged && is_unseen(exchange);
    if (!out->is_charged || out->is_unseen) {
        return;
    }
    /* A stream that broke off may have told only a beginning, as Anthropic's first event does. */
    const bool is_end =
        reply->is_whole || (exchange->end == END_WHOLE &&
                            !(exchange->is_events && exchange->api == PROVIDER_MESSAGES));
    if (is_end && provider_usage_is_full(exchange->api, reply)) {
        out->usage = reply->usage;
        out->has_usage = true;
    } else {
        estimate(exchange, out);
    }
}

struct price_memo *gateway_memo(struct exchange *exchange)
{
    struct gateway_loop *const home = exchange->home;
    CHECK(exchange->table->number != 0);
    /* By its number: a book that is gone may leave its address to the next one. */
    if (home->memo_number != exchange->table->number) {
        arena_deinit(&home->memo_arena);
        arena_init(&home->memo_arena, GATEWAY_MEMO_BYTES_MAX);
        home->memo = price_memo_create(&home->memo_arena);
        home->memo_number = exchange->table->number;
    }
    return home->memo;
}

enum service_tier gateway_tier(const struct exchange *exchange)
{
    const struct gateway_upstream *const upstream = exchange->chain[exchange->chain_at].upstream;
    return exchange->metered.has_tier ? exchange->metered.tier
           : exchange->is_open_tier   ? upstream->default_tier
                                      : exchange->tier;
}

bool gateway_always_searches(struct str model)
{
    return str_find(model, STR("-search-preview")) != SIZE_MAX ||
           str_find(model, STR("-search-api")) != SIZE_MAX;
}

static bool price_of(struct exchange *exchange, struct str model, struct gateway_settled *io)
{
    const struct price_query query = {
        .provider = exchange->chain[exchange->chain_at].upstream->provider,
        .model = model,
        .at_ns = exchange->started_ns,
        .tier = gateway_tier(exchange),
        .region = provider_text_str(&exchange->metered.region),
        .usage = &io->usage,
        .memo = gateway_memo(exchange),
    };
    struct price_result result;
    struct err err;
    if (price_call(exchange->table->book, &query, &result, &err) != ERR_OK ||
        result.state != PRICE_PRICED) {
        return false;
    }
    io->has_cost = true;
    io->cost_pusd = result.cost_pusd;
    io->price_id = result.price_id;
    io->provider = result.provider;
    io->model = model;
    return true;
}

/* By the name of the model that served, else by the one that was asked for; with the search that
 * the reply does not tell of, where its fee is known. */
static void price_usage(struct exchange *exchange, struct str asked, struct gateway_settled *io)
{
    const bool adds = io->usage.counts[USAGE_WEB_SEARCHES] == 0 && gateway_always_searches(asked);
    io->usage.counts[USAGE_WEB_SEARCHES] += adds;
    if (!price_of(exchange, io->model, io) && !price_of(exchange, asked, io) && adds) {
        io->usage.counts[USAGE_WEB_SEARCHES] = 0;
        io->lacks_fee = price_of(exchange, io->model, io) || price_of(exchange, asked, io);
    }
    io->lacks_fee = io->lacks_fee || (io->has_cost && exchange->metered.is_grounded);
}

/* What it cost at least, for who reads its row: the input alone. */
static void find_least(struct exchange *exchange, struct gateway_settled *io)
{
    struct gateway_settled input = {.model = io->model};
    estimate(exchange, &input);
    input.usage.counts[USAGE_OUTPUT] = 0;
    if (input.has_usage) {
        price_usage(exchange, gateway_model(exchange), &input);
    }
    /* An estimate above the most it can be says nothing. */
    io->has_least = input.has_cost && input.cost_pusd <= exchange->held_pusd;
    io->least_pusd = io->has_least ? input.cost_pusd : 0;
}

void gateway_cost(struct exchange *exchange, struct gateway_settled *out)
{
    CHECK(exchange->end != END_NONE);
    *out = (struct gateway_settled){0};
    find_usage(exchange, out);
    const struct str asked = gateway_model(exchange);
    const struct str served = provider_text_str(&exchange->metered.model);
    out->model = served.size > 0 ? served : asked;
    out->provider = exchange->chain[exchange->chain_at].upstream->provider;
    if (!out->is_charged) {
        out->has_cost = true;
    } else if (out->is_unseen) {
        find_least(exchange, out);
    } else if (out->has_usage) {
        price_usage(exchange, asked, out);
    }
}
