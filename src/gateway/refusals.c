/*
 * What was refused, for the ledger: decisions of rules, each with the case it stopped and why.
 *
 *     FREE -> a first refusal: recorded before the client has it -> COUNTING further ones
 *     COUNTING -> its minute is over: what was counted is recorded -> FREE
 *
 * The same refusal of the same case is one row a minute. Cases beyond the room there is share a row
 * of their workflow and budget, and beyond those all share one: a client that asks a thousand times
 * a second, with a new case each time, fills no disk. What is counted and not recorded yet is lost
 * when the process is killed: at most a minute, of refusals like one that was recorded.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"
#include "wire/refusal_record.h"

enum {
    CASES_MAX = 96,  /* rows of one case */
    GROUPS_MAX = 31, /* rows of many */
    ROWS_MAX = CASES_MAX + GROUPS_MAX + 1,
    RULE_BYTES_MAX = HOLD_SCOPE_BYTES_MAX + 64,
    EVIDENCE_BYTES_MAX = 512,
};
#define MINUTE_NS (INT64_C(60) * 1000000000)

struct refusal_row {
    uint64_t key; /* of all that makes it the same refusal */
    int64_t minute;
    int64_t count; /* not recorded yet */
    int64_t records;
    int64_t first_ns; /* of those counted */
    int64_t last_ns;
    int64_t wanted_pusd; /* dearest of them; -1: not known */
    bool is_group;
    struct gateway_who who;
    char id[GATEWAY_ID_BYTES + 1]; /* of the first request */
    struct provider_text model;    /* that it asked for */
    char rule[RULE_BYTES_MAX];
    char reason[GATEWAY_MESSAGE_BYTES];
    const char *choice;
};

struct gateway_refusals {
    pthread_mutex_t lock;
    struct refusal_row rows[ROWS_MAX];
};

struct gateway_refusals *gateway_refusals_create(void)
{
    struct gateway_refusals *const refusals = memory_new(struct gateway_refusals);
    pthread_mutex_init(&refusals->lock, NULL);
    return refusals;
}

void gateway_refusals_destroy(struct gateway_refusals **refusals)
{
    CHECK(refusals != NULL);
    if (*refusals != NULL) {
        pthread_mutex_destroy(&(*refusals)->lock);
        memory_free(*refusals);
        *refusals = NULL;
    }
}

/* ---- a row as a record */

static void say_evidence(const struct refusal_row *row, char out[static EVIDENCE_BYTES_MAX])
{
    char first[CLOCK_TEXT_BYTES_MAX];
    char last[CLOCK_TEXT_BYTES_MAX];
    char when[2 * CLOCK_TEXT_BYTES_MAX + 32];
    char cost[MONEY_TEXT_BYTES_MAX + 32] = "a cost that was not known";
    char amount[MONEY_TEXT_BYTES_MAX];
    (void)clock_print(row->first_ns - row->first_ns % CLOCK_NS_PER_SECOND, first);
    (void)clock_print(row->last_ns - row->last_ns % CLOCK_NS_PER_SECOND, last);
    if (row->wanted_pusd >= 0) {
        (void)money_print(row->wanted_pusd, amount);
        snprintf(cost, sizeof cost, "up to $%s%s", amount, row->count > 1 ? " each" : "");
    }
    if (row->count == 1) {
        snprintf(when, sizeof when, "call at %s", first);
    } else {
        snprintf(when, sizeof when, "calls from %s to %s", first, last);
    }
    snprintf(out, EVIDENCE_BYTES_MAX, "%lld %s, at %s; %s%s asked for " STR_FORMAT,
             (long long)row->count, when, cost,
             row->count > 1 || row->records > 0 ? "the first, " : "", row->id,
             STR_ARG(row->model.size > 0 ? provider_text_str(&row->model) : STR("no model")));
}

/* The row's count as a record. */
static void write_row(const struct refusal_row *row, struct text *out)
{
    char identity[64];
    char day[CLOCK_TEXT_BYTES_MAX];
    char shared[64];
    char evidence[EVIDENCE_BYTES_MAX];
    const struct gateway_who *const who = &row->who;
    const int size =
        snprintf(identity, sizeof identity, "refused:%s:%lld", row->id, (long long)row->records);
    say_evidence(row, evidence);
    (void)clock_print_date(row->first_ns, day);
    const int shared_size = snprintf(shared, sizeof shared, "refused %s", day);
    const struct str group = {shared, (size_t)shared_size};
    const struct refusal_record record = {
        .identity = {identity, (size_t)size},
        .workflow = provider_text_str(&who->workflow),
        .case_id = row->is_group ? group : provider_text_str(&who->case_id),
        .is_session = row->is_group || who->is_session,
        .attempt = row->is_group ? group : provider_text_str(&who->attempt),
        .attempt_number = row->is_group ? 0 : who->attempt_number,
        .input_key = row->is_group ? (struct str){0} : provider_text_str(&who->input_key),
        .team = provider_text_str(&who->team),
        .user = row->is_group ? (struct str){0} : provider_text_str(&who->user),
        .key = row->is_group ? (struct str){0} : provider_text_str(&who->key),
        .count = row->count,
        .first_ns = row->first_ns,
        .last_ns = row->last_ns,
        .choice = str_from(row->choice),
        .rule = str_from(row->rule),
        .reason = str_from(row->reason),
        .evidence = str_from(evidence),
    };
    refusal_record_write(&record, out);
}

/* Record what the row has counted; with the lock held, which is given up meanwhile. */
static void record_row(struct gateway *gateway, struct refusal_row *row)
{
    struct gateway_refusals *const refusals = gateway->refusals;
    const uint64_t key = row->key;
    const int64_t minute = row->minute;
    const int64_t count = row->count;
    struct text text;
    struct err err;
    text_init(&text, REFUSAL_RECORD_BYTES_MAX);
    write_row(row, &text);
    CHECK(!text_is_full(&text));
    row->count = 0;
    row->records++;
    pthread_mutex_unlock(&refusals->lock);
    const enum errc code = budget_note(gateway->settings.budget, text_str(&text), &err);
    pthread_mutex_lock(&refusals->lock);
    text_deinit(&text);
    if (row->key != key || row->minute != minute) {
        return; /* another has the row; it was recorded, or the disk has refused and says so */
    }
    row->count += code == ERR_OK ? 0 : count;
}

/* ---- which row */

static bool is_free(const struct refusal_row *row, int64_t minute)
{
    return row->key == 0 || (row->minute != minute && row->count == 0);
}

/* The row of that key in this minute, or one that is free; NULL: neither. */
static struct refusal_row *find(struct refusal_row *rows, size_t count, uint64_t key,
                                int64_t minute)
{
    struct refusal_row *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].key == key && rows[i].minute == minute) {
            return &rows[i];
        }
        found = found == NULL && is_free(&rows[i], minute) ? &rows[i] : found;
    }
    return found;
}

static uint64_t key_of(const struct exchange *exchange, const struct gateway_decision *decision,
                       bool is_group)
{
    const struct gateway_who *const who = &exchange->who;
    const struct str parts[] = {
        provider_text_str(&who->workflow),
        is_group ? (struct str){0} : provider_text_str(&who->case_id),
        is_group ? (struct str){0} : provider_text_str(&who->attempt),
        is_group ? (struct str){0} : provider_text_str(&who->user),
        is_group ? (struct str){0} : provider_text_str(&who->key),
        str_from(decision->choice),
        str_from(decision->rule),
    };
    uint64_t key = is_group;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        key = hash64_of((struct str){(const char *)&key, sizeof key}, parts[i]);
    }
    return key | 1;
}

static struct refusal_row *row_for(struct gateway_refusals *refusals,
                                   const struct exchange *exchange,
                                   const struct gateway_decision *decision, int64_t minute,
                                   uint64_t *out_key)
{
    struct refusal_row *row = NULL;
    const struct str id = str_from(exchange->id);
    /* A case that is nothing but this request would never be asked for. */
    if (!str_equal(provider_text_str(&exchange->who.case_id), id)) {
        *out_key = key_of(exchange, decision, false);
        row = find(refusals->rows, CASES_MAX, *out_key, minute);
    }
    if (row == NULL) {
        *out_key = key_of(exchange, decision, true);
        row = find(refusals->rows + CASES_MAX, GROUPS_MAX, *out_key, minute);
    }
    if (row == NULL) {
        *out_key = 1;
        row = &refusals->rows[ROWS_MAX - 1];
    }
    return row;
}

static void begin_row(const struct gateway_refusals *refusals, struct refusal_row *row,
                      const struct exchange *exchange, const struct gateway_decision *decision,
                      uint64_t key, int64_t now_ns)
{
    const size_t at = (size_t)(row - refusals->rows);
    *row = (struct refusal_row){.key = key,
                                .minute = now_ns / MINUTE_NS,
                                .first_ns = now_ns,
                                .wanted_pusd = -1,
                                .is_group = at >= CASES_MAX,
                                .choice = decision->choice,
                                .model = exchange->model};
    memcpy(row->id, exchange->id, sizeof row->id);
    if (at == ROWS_MAX - 1) { /* of anything */
        row->choice = "refused";
        snprintf(row->rule, sizeof row->rule, "several");
        snprintf(row->reason, sizeof row->reason,
                 "more was refused in this minute than is told apart; the first: %.300s",
                 decision->reason);
        return;
    }
    row->who = exchange->who;
    snprintf(row->rule, sizeof row->rule, "%s", decision->rule);
    snprintf(row->reason, sizeof row->reason, "%s", decision->reason);
}

void gateway_record_refusal(const struct exchange *exchange,
                            const struct gateway_decision *decision)
{
    struct gateway *const gateway = exchange->home->gateway;
    struct gateway_refusals *const refusals = gateway->refusals;
    const int64_t now_ns = clock_now_ns();
    const int64_t minute = now_ns / MINUTE_NS;
    uint64_t key = 0;
    CHECK(decision->choice != NULL);
    pthread_mutex_lock(&refusals->lock);
    struct refusal_row *row = row_for(refusals, exchange, decision, minute, &key);
    /* The one that all share is at hand also when its last minute could not be recorded yet: then
     * that goes on. */
    const bool is_old = row->key == key && (row->minute == minute || row->count > 0);
    if (!is_old) {
        begin_row(refusals, row, exchange, decision, key, now_ns);
    }
    row->first_ns = row->count == 0 ? now_ns : row->first_ns;
    row->last_ns = now_ns;
    row->count++;
    row->wanted_pusd =
        decision->wanted_pusd > row->wanted_pusd ? decision->wanted_pusd : row->wanted_pusd;
    if (!is_old) {
        record_row(gateway, row);
    }
    pthread_mutex_unlock(&refusals->lock);
}

void gateway_flush_refusals(struct gateway *gateway, int64_t now_ns, bool all)
{
    CHECK(gateway != NULL);
    struct gateway_refusals *const refusals = gateway->refusals;
    pthread_mutex_lock(&refusals->lock);
    for (size_t i = 0; i < ROWS_MAX; i++) {
        struct refusal_row *const row = &refusals->rows[i];
        if (row->count > 0 && (all || row->minute != now_ns / MINUTE_NS)) {
            record_row(gateway, row);
        }
    }
    pthread_mutex_unlock(&refusals->lock);
}
