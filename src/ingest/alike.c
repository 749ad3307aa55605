/*
 * Calls that no name tells to be one: Codex and Gemini CLI report a call in events, spans and
 * session logs, with another name or none on each. Two readings are one call when session, model
 * and tokens are the same, they are of different channels, and at most two seconds lie between
 * them; a call has at most one reading of each channel. They become names of one step (names.c).
 */
#include <stdlib.h>

#include "base/check.h"
#include "ingest/ingest_priv.h"

#define ALIKE_SLACK_NS INT64_C(2000000000)

enum { ALIKE_MAX = 64 }; /* readings of one content that are looked at; further ones stay apart */

/* Readings of one content: those of the ledger, and of the group those that were looked at. */
struct alike {
    struct ledger_nameless *rows;
    size_t count;
};

bool group_note_nameless(struct group *group, const struct step *step,
                         const struct ledger_steps *row)
{
    CHECK(group != NULL);
    const int64_t tokens[] = {row->input_uncached + row->cache_write_5m + row->cache_write_1h,
                              row->cache_read, row->output};
    const int64_t ended_ns = row->ended_ns != LEDGER_NULL ? row->ended_ns : row->started_ns;
    if (step->nameless.size == 0 || tokens[0] + tokens[1] + tokens[2] == 0 ||
        ended_ns == LEDGER_NULL) {
        return true;
    }
    const uint64_t model = ingest_model_key(step->model);
    const size_t at = arena_push(&group->arena, &group->nameless);
    if (at == SIZE_MAX) {
        return false;
    }
    group->nameless.rows[at] = (struct ledger_nameless){
        .content_key = hash64_of(step->nameless, (struct str){(const char *)&model, sizeof model},
                                 (struct str){(const char *)tokens, sizeof tokens}),
        .reading_key = row->step_key,
        .family_key = row->step_key,
        .channel = row->channel,
        .started_ns = row->started_ns,
        .ended_ns = ended_ns,
    };
    return true;
}

static int compare_keys(struct hash128 a, struct hash128 b)
{
    return a.high != b.high ? (a.high < b.high ? -1 : 1) : (a.low > b.low) - (a.low < b.low);
}

static int by_content(const void *a, const void *b)
{
    const struct ledger_nameless *const x = a;
    const struct ledger_nameless *const y = b;
    if (x->content_key != y->content_key) {
        return x->content_key < y->content_key ? -1 : 1;
    }
    if (x->ended_ns != y->ended_ns) {
        return x->ended_ns < y->ended_ns ? -1 : 1;
    }
    return compare_keys(x->reading_key, y->reading_key);
}

/* Time between two readings: 0 where they overlap. */
static int64_t gap_ns(const struct ledger_nameless *a, const struct ledger_nameless *b)
{
    const struct ledger_nameless *const first = a->ended_ns <= b->ended_ns ? a : b;
    const struct ledger_nameless *const last = first == a ? b : a;
    return last->started_ns > first->ended_ns ? last->started_ns - first->ended_ns : 0;
}

static bool has_channel(const struct alike *alike, struct hash128 family, uint8_t channel)
{
    for (size_t i = 0; i < alike->count; i++) {
        if (hash128_equal(alike->rows[i].family_key, family) && alike->rows[i].channel == channel) {
            return true;
        }
    }
    return false;
}

/* The nearest reading whose call lacks one of this channel; SIZE_MAX: none. */
static size_t partner_of(const struct alike *alike, const struct ledger_nameless *reading)
{
    size_t best = SIZE_MAX;
    int64_t best_ns = 0;
    for (size_t i = 0; i < alike->count; i++) {
        const struct ledger_nameless *const other = &alike->rows[i];
        const int64_t apart_ns = other->ended_ns > reading->ended_ns
                                     ? other->ended_ns - reading->ended_ns
                                     : reading->ended_ns - other->ended_ns;
        if (gap_ns(other, reading) <= ALIKE_SLACK_NS && (best == SIZE_MAX || apart_ns < best_ns) &&
            !has_channel(alike, other->family_key, reading->channel)) {
            best = i;
            best_ns = apart_ns;
        }
    }
    return best;
}

static bool is_there(const struct alike *alike, struct hash128 key)
{
    for (size_t i = 0; i < alike->count; i++) {
        if (hash128_equal(alike->rows[i].reading_key, key)) {
            return true;
        }
    }
    return false;
}

/* Readings of the group that are of one content, by time: each joins a call, or begins one. */
static bool match(struct group *group, struct alike *alike, const struct ledger_nameless *readings,
                  size_t count, struct ledger_nameless *added, size_t *added_count)
{
    for (size_t i = 0; i < count; i++) {
        struct ledger_nameless reading = readings[i];
        if (is_there(alike, reading.reading_key)) {
            continue;
        }
        const size_t partner = alike->count < ALIKE_MAX ? partner_of(alike, &reading) : SIZE_MAX;
        if (partner != SIZE_MAX) {
            reading.family_key = alike->rows[partner].family_key;
            const size_t at = arena_push(&group->arena, &group->aliases);
            if (at == SIZE_MAX) {
                return false;
            }
            group->aliases.rows[at] = (struct ledger_step_aliases){.alias_key = reading.reading_key,
                                                                   .step_key = reading.family_key};
        }
        if (alike->count < ALIKE_MAX) {
            alike->rows[alike->count++] = reading;
        }
        added[(*added_count)++] = reading;
    }
    return true;
}

static struct hash128 key_at(const struct store_result *result, size_t row, size_t column)
{
    const money_magnitude key = (money_magnitude)store_sum(result, row, column);
    return (struct hash128){(uint64_t)key, (uint64_t)(key >> 64)};
}

static struct ledger_nameless known_at(const struct store_result *known, size_t row)
{
    return (struct ledger_nameless){.content_key = (uint64_t)store_sum(known, row, 0),
                                    .reading_key = key_at(known, row, 1),
                                    .family_key = key_at(known, row, 2),
                                    .channel = (uint8_t)store_int64(known, row, 3, 0),
                                    .started_ns = store_int64(known, row, 4, 0),
                                    .ended_ns = store_int64(known, row, 5, 0)};
}

/* All readings of the group by content, next to those of the ledger. */
static enum errc match_all(struct ingest *ingest, const struct store_result *known, struct err *err)
{
    struct group *const group = &ingest->group;
    const struct ledger_nameless *const rows = group->nameless.rows;
    const size_t count = group->nameless.count;
    struct alike alike = {.rows = arena_new(&group->arena, struct ledger_nameless, ALIKE_MAX)};
    struct ledger_nameless *const added = arena_new(&group->arena, struct ledger_nameless, count);
    if (alike.rows == NULL || added == NULL) {
        return ingest_full(ingest, err);
    }
    size_t added_count = 0;
    size_t at = 0; /* in known */
    for (size_t first = 0, after = 0; first < count; first = after) {
        const uint64_t content = rows[first].content_key;
        while (after < count && rows[after].content_key == content) {
            after++;
        }
        alike.count = 0;
        while (at < known->rows && (uint64_t)store_sum(known, at, 0) < content) {
            at++;
        }
        for (; at < known->rows && (uint64_t)store_sum(known, at, 0) == content; at++) {
            if (alike.count < ALIKE_MAX) {
                alike.rows[alike.count++] = known_at(known, at);
            }
        }
        if (!match(group, &alike, &rows[first], after - first, added, &added_count)) {
            return ingest_full(ingest, err);
        }
    }
    for (size_t i = 0; i < added_count; i++) {
        added[i].import_id = ingest->next_import;
    }
    ingest->ledger_had_nameless = true;
    return store_append(ingest->store, LEDGER_nameless, added, added_count, err);
}

enum errc ingest_match_nameless(struct ingest *ingest, struct err *err)
{
    CHECK(ingest != NULL);
    struct group *const group = &ingest->group;
    struct store_result known = {0};
    if (group->nameless.count == 0) {
        return ERR_OK;
    }
    qsort(group->nameless.rows, group->nameless.count, sizeof group->nameless.rows[0], by_content);
    enum errc code = ERR_OK;
    if (ingest->ledger_had_nameless) {
        code = store_stage(ingest->store, LEDGER_nameless, group->nameless.rows,
                           group->nameless.count, err);
        if (code == ERR_OK) {
            code =
                store_run(ingest->store, QUERY_known_nameless, NULL, 0, &group->arena, &known, err);
        }
    }
    return code == ERR_OK ? match_all(ingest, &known, err) : code;
}
