#include "budget/budget_priv.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum { SYNC_MS = 5 };
#define UNKNOWN_KEEP_NS (INT64_C(3600) * CLOCK_NS_PER_SECOND)

static enum errc replay(void *context, const struct hold_record *record, struct err *err)
{
    return holds_apply(context, record, NULL, err);
}

enum errc budget_open(const struct budget_options *options, struct budget **out,
                      struct budget_opened *out_opened, struct err *err)
{
    CHECK(options != NULL);
    CHECK(out != NULL);
    const struct hold_log_options log_options = {
        .home = options->home,
        .sync_ms = options->sync_ms != 0 ? options->sync_ms : SYNC_MS,
        .segment_bytes =
            options->segment_bytes != 0 ? options->segment_bytes : HOLD_LOG_SEGMENT_BYTES,
    };
    if (log_options.sync_ms < 1 || log_options.sync_ms > HOLD_LOG_SYNC_MS_MAX) {
        return err_set(err, ERR_RANGE, "sync every %lld ms; 1 to %d are allowed",
                       (long long)log_options.sync_ms, HOLD_LOG_SYNC_MS_MAX);
    }
    struct hold_log_opened read = {0};
    struct budget_opened opened = {0};
    struct budget *budget = memory_new(struct budget);
    CHECK(pthread_mutex_init(&budget->mutex, NULL) == 0);
    budget->sync_always = options->sync == BUDGET_SYNC_ALWAYS;
    budget->charge_unknown = options->unknown == BUDGET_UNKNOWN_CHARGE;
    holds_create(&budget->holds);
    enum errc code = hold_log_open(&log_options, replay, budget->holds, &budget->log, &read, err);
    if (code == ERR_OK) {
        budget_clock_begin(budget, options->steady_ns, options->now_ns);
        code = budget_clock_open(budget, options->now_ns, err);
    }
    if (code == ERR_OK) {
        const int64_t keep_ns =
            options->unknown_keep_ns != 0 ? options->unknown_keep_ns : UNKNOWN_KEEP_NS;
        struct holds_counts counts;
        opened = (struct budget_opened){
            .records = read.records, .payloads = read.payloads, .cut_bytes = read.cut_bytes};
        opened.unknown_holds = holds_begin(budget->holds, options->now_ns + keep_ns);
        holds_count(budget->holds, &counts);
        opened.unknown_pusd = counts.held_pusd;
        code = options->keeps_limits
                   ? ERR_OK
                   : budget_set_limits(budget, options->limits, options->limit_count,
                                       options->now_ns, err);
    }
    if (code != ERR_OK) {
        budget_close(&budget);
        return code;
    }
    *out = budget;
    if (out_opened != NULL) {
        *out_opened = opened;
    }
    return ERR_OK;
}

void budget_close(struct budget **budget)
{
    CHECK(budget != NULL);
    if (*budget != NULL) {
        if ((*budget)->log != NULL) {
            budget_shorten(*budget);
        }
        hold_log_close(&(*budget)->log);
        holds_destroy(&(*budget)->holds);
        pthread_mutex_destroy(&(*budget)->mutex);
        memory_free(*budget);
        *budget = NULL;
    }
}

enum errc budget_change(struct budget *budget, struct hold_record *records, size_t count,
                        struct holds_effect *out, uint64_t *out_number, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(count > 0);
    const enum errc code = hold_log_append(budget->log, records, count, out_number, err);
    if (code != ERR_OK) {
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(holds_apply(budget->holds, &records[i], out, err) == ERR_OK);
    }
    return ERR_OK;
}

/* Until what was logged is on the disk, where that is asked for. */
static enum errc settle(struct budget *budget, enum errc code, uint64_t number, struct err *err)
{
    CHECK(code != ERR_OK || number > 0);
    return code == ERR_OK && budget->sync_always ? hold_log_wait(budget->log, number, err) : code;
}

static enum errc set_limits(struct budget *budget, const struct hold_limit *limits,
                            size_t limit_count, const bool *opens, int64_t now_ns,
                            uint64_t *out_number, struct err *err)
{
    struct holds_table *table = NULL;
    enum errc code = budget_clock_ready(budget, err);
    if (code == ERR_OK) {
        code = holds_table_make(budget->holds, limits, limit_count, now_ns, &table, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (opens != NULL) {
        holds_table_open(budget->holds, table, opens);
    }
    if (!holds_table_same(budget->holds, table)) {
        const size_t size = holds_table_bytes(table);
        char *const body = memory_new_array(char, size);
        holds_table_save(table, body);
        struct hold_record record = {
            .event = HOLD_LIMITED,
            .at_ns = holds_latest(budget->holds, now_ns),
            .body = {body, size},
        };
        code = hold_log_append(budget->log, &record, 1, out_number, err);
        memory_free(body);
    }
    if (code == ERR_OK) {
        holds_table_install(budget->holds, &table, now_ns);
    }
    holds_table_destroy(&table);
    return code;
}

static enum errc set_or_open(struct budget *budget, const struct hold_limit *limits,
                             size_t limit_count, const bool *opens, int64_t now_ns, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(limits != NULL || limit_count == 0);
    uint64_t number = 0;
    if (now_ns < 0) {
        return err_set(err, ERR_RANGE, "the clock says %lld ns; set it right", (long long)now_ns);
    }
    pthread_mutex_lock(&budget->mutex);
    const enum errc code = set_limits(budget, limits, limit_count, opens,
                                      budget_clock_now(budget, now_ns), &number, err);
    holds_watch(budget->holds, NULL);
    pthread_mutex_unlock(&budget->mutex);
    return number > 0 ? settle(budget, code, number, err) : code;
}

enum errc budget_set_limits(struct budget *budget, const struct hold_limit *limits,
                            size_t limit_count, int64_t now_ns, struct err *err)
{
    return set_or_open(budget, limits, limit_count, NULL, now_ns, err);
}

enum errc budget_open_limits(struct budget *budget, const struct hold_limit *limits,
                             size_t limit_count, const bool *opens, int64_t now_ns, struct err *err)
{
    CHECK(opens != NULL || limit_count == 0);
    return set_or_open(budget, limits, limit_count, opens, now_ns, err);
}

/* A record written at once, or with the next write. */
enum when { NOW, LATER };

static enum errc change(struct budget *budget, enum when when, struct hold_record *record,
                        struct holds_effect *out, uint64_t *out_number, struct err *err)
{
    if (when == NOW) {
        return budget_change(budget, record, 1, out, out_number, err);
    }
    const enum errc code = hold_log_add(budget->log, record, err);
    if (code == ERR_OK) {
        CHECK(holds_apply(budget->holds, record, out, err) == ERR_OK);
    }
    return code;
}

static enum errc reserve(struct budget *budget, enum when when, const struct hold_request *asked,
                         struct holds_effect *effect, struct hold_record *record,
                         struct hold_refusal *out_refusal, uint64_t *out_number, struct err *err)
{
    struct hold_record rolls[HOLDS_ROLLS_MAX];
    struct hold_request request = *asked;
    request.now_ns = budget_clock_now(budget, asked->now_ns);
    if (request.now_ns != asked->now_ns && asked->expires_ns != HOLD_NO_END) {
        request.expires_ns = request.now_ns + (asked->expires_ns - asked->now_ns);
    }
    enum errc code = budget_clock_ready(budget, err);
    if (code == ERR_OK) {
        code = holds_draft_reserve(budget->holds, &request, record, err);
    }
    size_t count = 0;
    while (code == ERR_OK && (count = holds_draft_rolls(budget->holds, record, rolls)) > 0) {
        code = budget_change(budget, rolls, count, NULL, out_number, err);
    }
    if (code == ERR_OK && when == LATER && hold_log_is_behind(budget->log)) {
        code = hold_log_write(budget->log, out_number, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    code = holds_admit(budget->holds, record, out_refusal, err);
    if (code != ERR_OK) {
        budget->refused++;
        holds_note_refusal(budget->holds, record, out_refusal);
        return code;
    }
    return change(budget, when, record, effect, out_number, err);
}

static enum errc reserve_when(struct budget *budget, enum when when,
                              const struct hold_request *request, struct hold_grant *out_grant,
                              struct hold_refusal *out_refusal, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(out_grant != NULL && out_refusal != NULL);
    struct holds_effect effect;
    struct hold_record record;
    struct hold_grant grant = {0};
    uint64_t number = 0;
    pthread_mutex_lock(&budget->mutex);
    enum errc code = reserve(budget, when, request, &effect, &record, out_refusal, &number, err);
    if (code == ERR_OK) {
        grant = (struct hold_grant){.id = record.id,
                                    .remaining_pusd = effect.remaining_pusd,
                                    .limited = effect.limited,
                                    .shape = effect.shape};
        memcpy(grant.shape_scope, effect.shape_scope.data != NULL ? effect.shape_scope.data : "",
               effect.shape_scope.size);
    }
    pthread_mutex_unlock(&budget->mutex);
    code = when == NOW ? settle(budget, code, number, err) : code;
    if (code == ERR_OK) {
        *out_grant = grant;
    }
    return code;
}

enum errc budget_reserve(struct budget *budget, const struct hold_request *request,
                         struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                         struct err *err)
{
    return reserve_when(budget, NOW, request, out_grant, out_refusal, err);
}

enum errc budget_reserve_later(struct budget *budget, const struct hold_request *request,
                               struct hold_grant *out_grant, struct hold_refusal *out_refusal,
                               struct err *err)
{
    return reserve_when(budget, LATER, request, out_grant, out_refusal, err);
}

static enum errc post_when(struct budget *budget, enum when when, uint64_t id,
                           const struct hold_settlement *settlement, struct str payload,
                           struct hold_settled *out_settled, struct err *err)
{
    CHECK(budget != NULL);
    CHECK(settlement != NULL);
    struct holds_effect effect = {0};
    struct hold_record record;
    uint64_t number = 0;
    pthread_mutex_lock(&budget->mutex);
    struct hold_settlement settled = *settlement;
    settled.now_ns = budget_clock_then(budget, settlement->now_ns);
    enum errc code = holds_draft_post(budget->holds, id, &settled, &record, err);
    if (code == ERR_OK) {
        record.body = payload;
        code = change(budget, when, &record, &effect, &number, err);
    }
    pthread_mutex_unlock(&budget->mutex);
    if (code == ERR_OK && out_settled != NULL) {
        *out_settled = (struct hold_settled){.reserved_pusd = effect.reserved_pusd,
                                             .overshoot_pusd = effect.overshoot_pusd,
                                             .cause = effect.cause,
                                             .remaining_pusd = effect.remaining_pusd,
                                             .limited = effect.limited};
    }
    return when == NOW ? settle(budget, code, number, err) : code;
}

enum errc budget_post(struct budget *budget, uint64_t id, const struct hold_settlement *settlement,
                      struct str payload, struct hold_settled *out_settled, struct err *err)
{
    return post_when(budget, NOW, id, settlement, payload, out_settled, err);
}

enum errc budget_post_later(struct budget *budget, uint64_t id,
                            const struct hold_settlement *settlement, struct str payload,
                            struct hold_settled *out_settled, struct err *err)
{
    return post_when(budget, LATER, id, settlement, payload, out_settled, err);
}

static enum errc void_when(struct budget *budget, enum when when, uint64_t id, int64_t now_ns,
                           struct str payload, struct err *err)
{
    CHECK(budget != NULL);
    struct hold_record record;
    uint64_t number = 0;
    pthread_mutex_lock(&budget->mutex);
    enum errc code =
        holds_draft_void(budget->holds, id, budget_clock_then(budget, now_ns), &record, err);
    if (code == ERR_OK) {
        record.body = payload;
        code = change(budget, when, &record, NULL, &number, err);
    }
    pthread_mutex_unlock(&budget->mutex);
    return when == NOW ? settle(budget, code, number, err) : code;
}

enum errc budget_void(struct budget *budget, uint64_t id, int64_t now_ns, struct str payload,
                      struct err *err)
{
    return void_when(budget, NOW, id, now_ns, payload, err);
}

enum errc budget_void_later(struct budget *budget, uint64_t id, int64_t now_ns, struct str payload,
                            struct err *err)
{
    return void_when(budget, LATER, id, now_ns, payload, err);
}

static enum errc note_when(struct budget *budget, enum when when, struct str payload,
                           struct err *err)
{
    CHECK(budget != NULL);
    CHECK(payload.size > 0);
    struct hold_record record = {.event = HOLD_NOTED, .body = payload};
    uint64_t number = 0;
    pthread_mutex_lock(&budget->mutex);
    const enum errc code = change(budget, when, &record, NULL, &number, err);
    pthread_mutex_unlock(&budget->mutex);
    return when == NOW ? settle(budget, code, number, err) : code;
}

enum errc budget_note(struct budget *budget, struct str payload, struct err *err)
{
    return note_when(budget, NOW, payload, err);
}

enum errc budget_note_later(struct budget *budget, struct str payload, struct err *err)
{
    return note_when(budget, LATER, payload, err);
}

enum errc budget_record(struct budget *budget, struct err *err)
{
    CHECK(budget != NULL);
    uint64_t number = 0;
    const enum errc code = hold_log_write(budget->log, &number, err);
    return code == ERR_OK && number > 0 ? settle(budget, code, number, err) : code;
}
