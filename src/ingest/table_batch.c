#include <inttypes.h>

#include "base/check.h"
#include "base/hash.h"
#include "ingest/table_priv.h"

#define BATCH_BYTES_MAX   ((size_t)1 << 30)
#define BATCH_BYTES_FLUSH ((size_t)192 << 20) /* what one more row adds fits behind it */

void ingest_batch_init(struct ingest_batch *batch, const struct ingest_table *options)
{
    CHECK(options != NULL);
    CHECK(options->batch_rows <= INGEST_TABLE_ROWS_MAX);
    *batch = (struct ingest_batch){.options = options};
    batch->rows_max = options->batch_rows > 0 ? options->batch_rows : INGEST_TABLE_ROWS_MAX;
    arena_init(&batch->arena, BATCH_BYTES_MAX);
    ingest_keys_init(&batch->cases);
    ingest_keys_init(&batch->attempts);
    ingest_keys_init(&batch->ordinals);
    ingest_keys_init(&batch->natural);
    ingest_keys_init(&batch->given);
    ingest_keys_init(&batch->figures);
}

void ingest_batch_deinit(struct ingest_batch *batch)
{
    arena_deinit(&batch->arena);
    ingest_keys_deinit(&batch->cases);
    ingest_keys_deinit(&batch->attempts);
    ingest_keys_deinit(&batch->ordinals);
    ingest_keys_deinit(&batch->natural);
    ingest_keys_deinit(&batch->given);
    ingest_keys_deinit(&batch->figures);
}

static enum errc full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "a batch of rows needs more than the %zu MB allowed",
                   BATCH_BYTES_MAX >> 20);
}

enum errc ingest_batch_flush(struct ingest_batch *batch, struct err *err)
{
    CHECK(batch->options->sink != NULL);
    enum errc code = ERR_OK;
    if (batch->trace.lines > 0) {
        batch->counts.rows += batch->trace.lines;
        batch->counts.rejected += batch->trace.rejected;
        code = batch->options->sink(batch->options->context, &batch->trace, batch->file, err);
    }
    batch->trace = (struct trace){0};
    arena_rewind(&batch->arena, (struct arena_position){0});
    ingest_keys_clear(&batch->cases);
    ingest_keys_clear(&batch->attempts);
    return code;
}

enum errc ingest_batch_reject(struct ingest_batch *batch, int64_t line, struct str reason,
                              struct err *err)
{
    CHECK(line >= 0);
    batch->trace.rejected++;
    if (batch->trace.rejects.count == TRACE_REJECTS_MAX) {
        return ERR_OK;
    }
    const struct str copy = arena_copy(&batch->arena, reason);
    const size_t at =
        copy.data != NULL ? arena_push(&batch->arena, &batch->trace.rejects) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return full(err);
    }
    batch->trace.rejects.rows[at] = (struct reject){.line = line, .reason = copy};
    return ERR_OK;
}

/* Copies into the batch, noting when there was no room. */
struct copier {
    struct arena *arena;
    bool full;
};

static struct str copied(struct copier *copier, struct str text)
{
    if (text.size == 0) {
        return (struct str){0};
    }
    const struct str copy = arena_copy(copier->arena, text);
    copier->full = copier->full || copy.data == NULL;
    return copy;
}

static enum errc copy_attributes(struct ingest_batch *batch, const struct trace_case *from,
                                 struct trace_case *to, struct err *err)
{
    struct attribute *rows = arena_new(&batch->arena, struct attribute, from->attribute_count);
    struct copier copier = {&batch->arena, rows == NULL};
    for (size_t i = 0; i < from->attribute_count && !copier.full; i++) {
        rows[i].name = copied(&copier, from->attributes[i].name);
        rows[i].value = copied(&copier, from->attributes[i].value);
    }
    if (copier.full) {
        return full(err);
    }
    to->attributes = rows;
    to->attribute_count = from->attribute_count;
    return ERR_OK;
}

/* The case's place in the batch; what an earlier row left out is filled in. */
static enum errc add_case(struct ingest_batch *batch, const struct trace_case *row, size_t *out,
                          struct err *err)
{
    uint64_t *index;
    enum errc code = ingest_keys_at(&batch->cases, hash64_of(row->workflow, row->id), &index, err);
    if (code != ERR_OK) {
        return code;
    }
    struct copier copier = {&batch->arena, false};
    if (*index == 0) {
        const size_t at = arena_push(&batch->arena, &batch->trace.cases);
        if (at == SIZE_MAX) {
            return full(err);
        }
        batch->trace.cases.rows[at] = (struct trace_case){
            .workflow = copied(&copier, row->workflow), .id = copied(&copier, row->id)};
        *index = at + 1;
    }
    struct trace_case *known = &batch->trace.cases.rows[*index - 1];
    *out = *index - 1;
    if (known->input_key.size == 0) {
        known->input_key = copied(&copier, row->input_key);
    }
    if (copier.full) {
        return full(err);
    }
    return known->attribute_count == 0 && row->attribute_count > 0
               ? copy_attributes(batch, row, known, err)
               : ERR_OK;
}

static enum errc add_attempt(struct ingest_batch *batch, uint64_t key, const struct attempt *row,
                             size_t *out, struct err *err)
{
    uint64_t *index;
    const enum errc code = ingest_keys_at(&batch->attempts, key, &index, err);
    if (code != ERR_OK) {
        return code;
    }
    struct copier copier = {&batch->arena, false};
    if (*index == 0) {
        const size_t at = arena_push(&batch->arena, &batch->trace.attempts);
        if (at == SIZE_MAX) {
            return full(err);
        }
        batch->trace.attempts.rows[at] =
            (struct attempt){.case_index = row->case_index, .id = copied(&copier, row->id)};
        *index = at + 1;
    }
    struct attempt *known = &batch->trace.attempts.rows[*index - 1];
    *out = *index - 1;
    known->number = known->number == 0 ? row->number : known->number;
    if (known->agent.size == 0) {
        known->agent = copied(&copier, row->agent);
    }
    if (!known->has_succeeded) {
        known->has_succeeded = row->has_succeeded;
        known->succeeded = row->succeeded;
    }
    return copier.full ? full(err) : ERR_OK;
}

/*
 * Steps without an id of their own are told apart by attempt, sequence and name; where the source
 * repeats those, the second gets "…#2" and so on, so that none swallows the other.
 */
static enum errc name_step(struct ingest_batch *batch, uint64_t attempt_key,
                           const struct table_row *row, struct step *step, struct err *err)
{
    uint64_t *count;
    const struct str attempt = {(const char *)&attempt_key, sizeof attempt_key};
    enum errc code = ingest_keys_at(&batch->ordinals, attempt_key, &count, err);
    if (code != ERR_OK) {
        return code;
    }
    *count += 1;
    step->sequence = row->has_sequence ? step->sequence : (int64_t)*count;
    const struct str sequence = {(const char *)&step->sequence, sizeof step->sequence};
    code = ingest_keys_at(&batch->natural, hash64_of(attempt, sequence, step->name), &count, err);
    if (code != ERR_OK) {
        return code;
    }
    *count += 1;
    if (*count == 1) {
        return ERR_OK;
    }
    struct text text;
    text_init(&text, 8 * TABLE_TEXT_BYTES_MAX);
    text_format(&text,
                STR_FORMAT "/" STR_FORMAT "/" STR_FORMAT "/%" PRId64 "/" STR_FORMAT "#%" PRIu64,
                STR_ARG(row->case_.workflow), STR_ARG(row->case_.id), STR_ARG(row->attempt.id),
                step->sequence, STR_ARG(step->name), *count);
    step->identity = arena_copy(&batch->arena, text_str(&text));
    text_deinit(&text);
    return step->identity.data != NULL ? ERR_OK : full(err);
}

static enum errc add_text(struct ingest_batch *batch, size_t step, const struct table_row *row,
                          struct err *err)
{
    struct fingerprints *const prints = &batch->prints;
    fingerprints_clear(prints);
    fingerprints_add(prints, row->text);
    uint32_t *const rows = arena_new(&batch->arena, uint32_t, prints->count + 1);
    const size_t at = rows != NULL ? arena_push(&batch->arena, &batch->trace.texts) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return full(err);
    }
    for (size_t i = 0; i < prints->count; i++) {
        rows[i] = fingerprint_at(prints, i);
    }
    batch->trace.texts.rows[at] = (struct trace_text){
        .step_index = step,
        .role = row->text_role,
        .hash = hash64((struct str){(const char *)rows, prints->count * sizeof rows[0]}),
        .prints = {rows, prints->count}};
    return ERR_OK;
}

static enum errc add_step(struct ingest_batch *batch, uint64_t attempt_key, size_t attempt_index,
                          const struct table_row *row, struct err *err)
{
    struct step step = row->step;
    struct copier copier = {&batch->arena, false};
    step.attempt_index = attempt_index;
    if (step.identity.size > 0) {
        step.identity = copied(&copier, step.identity);
    } else {
        const enum errc code = name_step(batch, attempt_key, row, &step, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    struct str *const texts[] = {&step.caller, &step.agent,     &step.name, &step.provider,
                                 &step.model,  &step.raw_usage, &step.note, &step.region};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = copied(&copier, *texts[i]);
    }
    const size_t at = copier.full ? SIZE_MAX : arena_push(&batch->arena, &batch->trace.steps);
    if (at == SIZE_MAX) {
        return full(err);
    }
    batch->trace.steps.rows[at] = step;
    return row->has_text ? add_text(batch, at, row, err) : ERR_OK;
}

static enum errc add_outcome(struct ingest_batch *batch, const struct table_row *row,
                             struct err *err)
{
    struct outcome outcome = row->outcome;
    struct copier copier = {&batch->arena, false};
    struct str *const texts[] = {&outcome.id, &outcome.workflow, &outcome.case_id, &outcome.source,
                                 &outcome.reference};
    outcome.workflow = row->case_.workflow;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = copied(&copier, *texts[i]);
    }
    const size_t at = copier.full ? SIZE_MAX : arena_push(&batch->arena, &batch->trace.outcomes);
    if (at == SIZE_MAX) {
        return full(err);
    }
    batch->trace.outcomes.rows[at] = outcome;
    return ERR_OK;
}

static enum errc add_kpi(struct ingest_batch *batch, const struct table_row *row, struct err *err)
{
    struct kpi kpi = row->kpi;
    struct copier copier = {&batch->arena, false};
    struct str *const texts[] = {&kpi.workflow, &kpi.name, &kpi.unit, &kpi.series};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = copied(&copier, *texts[i]);
    }
    const size_t at = copier.full ? SIZE_MAX : arena_push(&batch->arena, &batch->trace.kpis);
    if (at == SIZE_MAX) {
        return full(err);
    }
    batch->trace.kpis.rows[at] = kpi;
    return ERR_OK;
}

static enum errc add_row(struct ingest_batch *batch, const struct table_row *row, struct err *err)
{
    size_t case_index = 0;
    size_t attempt_index = 0;
    enum errc code = row->has[TABLE_CASE] ? add_case(batch, &row->case_, &case_index, err) : ERR_OK;
    const uint64_t attempt_key = hash64_of(row->case_.workflow, row->case_.id, row->attempt.id);
    if (code == ERR_OK && row->has[TABLE_ATTEMPT]) {
        struct attempt attempt = row->attempt;
        attempt.case_index = case_index;
        code = add_attempt(batch, attempt_key, &attempt, &attempt_index, err);
    }
    if (code == ERR_OK && row->has[TABLE_STEP]) {
        code = add_step(batch, attempt_key, attempt_index, row, err);
    }
    if (code == ERR_OK && row->has[TABLE_OUTCOME]) {
        code = add_outcome(batch, row, err);
    }
    return code == ERR_OK && row->has[TABLE_KPI] ? add_kpi(batch, row, err) : code;
}

/* Whether the step's own id was seen before, and then whether on a row that says the same. */
static enum errc seen_before(struct ingest_batch *batch, const struct table *table,
                             const struct str *values, const struct table_row *row, bool *seen,
                             bool *same, struct err *err)
{
    *seen = false;
    *same = false;
    if (!row->has[TABLE_STEP] || row->step.identity.size == 0) {
        return ERR_OK;
    }
    uint64_t *known;
    const enum errc code = ingest_keys_at(&batch->given, hash64(row->step.identity), &known, err);
    if (code != ERR_OK) {
        return code;
    }
    const uint64_t hash = hash128_parts(values, table->value_count).low | 1; /* never 0 */
    *seen = *known != 0;
    *same = *known == hash;
    *known = *seen ? *known : hash;
    return ERR_OK;
}

/* The same figure of the same time on an earlier row of this run, and whether that says the same.
 */
static enum errc kpi_seen_before(struct ingest_batch *batch, const struct table_row *row,
                                 bool *seen, bool *same, struct err *err)
{
    *seen = false;
    *same = false;
    if (!row->has[TABLE_KPI]) {
        return ERR_OK;
    }
    const struct kpi *const kpi = &row->kpi;
    const struct str time = {(const char *)&kpi->at_ns, sizeof kpi->at_ns};
    const struct str value = {(const char *)&kpi->value, sizeof kpi->value};
    uint64_t *known;
    const enum errc code = ingest_keys_at(
        &batch->figures, hash64_of(kpi->workflow, kpi->name, kpi->series, time), &known, err);
    if (code != ERR_OK) {
        return code;
    }
    const uint64_t hash = hash64_of(value, kpi->unit) | 1; /* never 0 */
    *seen = *known != 0;
    *same = *known == hash;
    *known = *seen ? *known : hash;
    return ERR_OK;
}

static enum errc add_once(struct ingest_batch *batch, const struct table_row *row, int64_t line,
                          struct err *err)
{
    bool seen = false;
    bool same = false;
    const enum errc code = kpi_seen_before(batch, row, &seen, &same, err);
    if (code != ERR_OK || (seen && same)) {
        return code;
    }
    if (seen) {
        struct err why;
        (void)err_set(&why, ERR_CONFLICT,
                      "kpi.value: \"" STR_FORMAT "\" of that time was on an earlier row with "
                      "another value or unit",
                      STR_ARG(row->kpi.name));
        return ingest_batch_reject(batch, line, str_from(why.text), err);
    }
    return add_row(batch, row, err);
}

enum errc ingest_batch_row(struct ingest_batch *batch, const struct table *table,
                           const struct str *values, int64_t line, struct err *err)
{
    CHECK(batch != NULL);
    CHECK(table != NULL);

    struct table_row row = {0};
    struct err why;
    bool seen = false;
    bool same = false;
    batch->trace.lines++;
    enum errc code = ERR_OK;
    if (table_map_row(table, values, line, &row, &why) != ERR_OK) {
        return ingest_batch_reject(batch, line, str_from(why.text), err);
    }
    if (row.case_.workflow.size == 0) {
        row.case_.workflow = batch->options->workflow;
    }
    code = seen_before(batch, table, values, &row, &seen, &same, err);
    if (code == ERR_OK && seen && !same) {
        (void)err_set(&why, ERR_CONFLICT,
                      "step.id: \"" STR_FORMAT "\" was on an earlier row that says something else",
                      STR_ARG(row.step.identity));
        code = ingest_batch_reject(batch, line, str_from(why.text), err);
    } else if (code == ERR_OK && seen) {
        batch->counts.repeated++;
    } else if (code == ERR_OK) {
        code = add_once(batch, &row, line, err);
    }
    const bool is_full =
        batch->trace.lines >= (int64_t)batch->rows_max || batch->arena.size >= BATCH_BYTES_FLUSH;
    return code == ERR_OK && is_full ? ingest_batch_flush(batch, err) : code;
}
