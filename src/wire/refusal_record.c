#include "wire/refusal_record.h"

#include "base/check.h"

/* Above the version that call records have: a program that knows only those takes it for none. */
enum { VERSION = 2 };

static const char *const attribute_names[] = {"team", "user", "key"};

static void put_some(struct text *out, const char *name, struct str value)
{
    if (value.size > 0) {
        json_name(out, name);
        json_put_str(out, value);
    }
}

static void put_number(struct text *out, const char *name, int64_t value)
{
    json_name(out, name);
    json_put_int64(out, value);
}

void refusal_record_write(const struct refusal_record *record, struct text *out)
{
    CHECK(record->identity.size > 0);
    CHECK(record->case_id.size > 0);
    CHECK(record->attempt.size > 0);
    CHECK(record->count > 0);
    json_open_object(out);
    put_number(out, "v", VERSION);
    put_number(out, "refused", record->count);
    put_some(out, "identity", record->identity);
    put_some(out, "workflow", record->workflow);
    put_some(out, "case", record->case_id);
    put_number(out, "is_session", record->is_session ? 1 : 0);
    put_some(out, "attempt", record->attempt);
    put_number(out, "attempt_number", record->attempt_number);
    put_some(out, "input_key", record->input_key);
    put_some(out, "team", record->team);
    put_some(out, "user", record->user);
    put_some(out, "key", record->key);
    put_number(out, "first_ns", record->first_ns);
    put_number(out, "last_ns", record->last_ns);
    put_some(out, "choice", record->choice);
    put_some(out, "rule", record->rule);
    put_some(out, "reason", record->reason);
    put_some(out, "evidence", record->evidence);
    json_close_object(out);
}

bool refusal_record_is(struct json root)
{
    return json_int64(json_get(root, "refused"), 0) > 0;
}

/* A member's text, owned by the arena; sets *io_full when there is no room. */
static struct str take(struct json root, const char *name, struct arena *arena, bool *io_full)
{
    const struct str text = json_str(json_get(root, name));
    if (text.size == 0) {
        return (struct str){0};
    }
    const struct str copy = arena_copy(arena, text);
    *io_full = *io_full || copy.data == NULL;
    return copy;
}

static int64_t number_of(struct json root, const char *name, int64_t high)
{
    const int64_t value = json_int64(json_get(root, name), 0);
    return value < 0 ? 0 : value > high ? high : value;
}

static bool take_case(struct json root, struct arena *arena, struct trace *out)
{
    bool is_full = false;
    struct attribute *const attributes =
        arena_new(arena, struct attribute, COUNT_OF(attribute_names));
    struct trace_case row = {
        .workflow = take(root, "workflow", arena, &is_full),
        .id = take(root, "case", arena, &is_full),
        .input_key = take(root, "input_key", arena, &is_full),
        .is_session = number_of(root, "is_session", 1) != 0,
        .attributes = attributes,
    };
    for (size_t i = 0; i < COUNT_OF(attribute_names) && attributes != NULL; i++) {
        const struct str value = take(root, attribute_names[i], arena, &is_full);
        if (value.size > 0) {
            attributes[row.attribute_count++] =
                (struct attribute){str_from(attribute_names[i]), value};
        }
    }
    const struct attempt attempt = {.case_index = out->cases.count,
                                    .id = take(root, "attempt", arena, &is_full),
                                    .number = number_of(root, "attempt_number", INT32_MAX)};
    const size_t at = arena_push(arena, &out->cases);
    const size_t attempt_at = at == SIZE_MAX ? SIZE_MAX : arena_push(arena, &out->attempts);
    if (attributes == NULL || is_full || attempt_at == SIZE_MAX) {
        return false;
    }
    out->cases.rows[at] = row;
    out->attempts.rows[attempt_at] = attempt;
    return true;
}

static bool take_step(struct json root, struct arena *arena, struct trace *out)
{
    bool is_full = false;
    struct decision *const decision = arena_new(arena, struct decision, 1);
    const size_t at = decision == NULL ? SIZE_MAX : arena_push(arena, &out->steps);
    if (at == SIZE_MAX) {
        return false;
    }
    *decision = (struct decision){.kind = STR("refusal"),
                                  .choice = take(root, "choice", arena, &is_full),
                                  .by = DECIDER_RULE,
                                  .rule = take(root, "rule", arena, &is_full),
                                  .reason = take(root, "reason", arena, &is_full),
                                  .evidence = take(root, "evidence", arena, &is_full)};
    /* A guard that did its work: it overrules no step, for the call it is about was not made. */
    struct step step = {.attempt_index = out->attempts.count - 1,
                        .kind = STEP_GUARD,
                        .status = STATUS_OK,
                        .identity = take(root, "identity", arena, &is_full),
                        .name = STR("refusal"),
                        .started_ns = json_int64(json_get(root, "first_ns"), TIME_UNKNOWN),
                        .ended_ns = json_int64(json_get(root, "last_ns"), TIME_UNKNOWN),
                        .has_channel = true,
                        .channel = CHANNEL_GATEWAY,
                        .decision = decision,
                        .note = decision->choice};
    step.usage.counts[USAGE_REQUESTS] = number_of(root, "refused", USAGE_TOKENS_MAX);
    out->steps.rows[at] = step;
    return !is_full;
}

enum errc refusal_record_read(struct json root, struct arena *arena, struct trace *out,
                              struct err *err)
{
    CHECK(arena != NULL);
    CHECK(refusal_record_is(root));
    const int64_t version = json_int64(json_get(root, "v"), 0);
    if (version > VERSION) {
        return err_set(err, ERR_UNSUPPORTED,
                       "a refusal recorded by a newer version of bursar (%lld)",
                       (long long)version);
    }
    if (version < VERSION || json_str(json_get(root, "case")).size == 0 ||
        json_str(json_get(root, "attempt")).size == 0 ||
        json_str(json_get(root, "identity")).size == 0) {
        return err_set(err, ERR_SYNTAX, "not the record of a refusal");
    }
    return take_case(root, arena, out) && take_step(root, arena, out)
               ? ERR_OK
               : err_set(err, ERR_LIMIT, "a refusal's record does not fit");
}
