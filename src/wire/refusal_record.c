#include "wire/refusal_record.h"

#include "base/check.h"
#include "wire/record_members_priv.h"

/* Above the version that call records have: a program that knows only those takes it for none. */
enum { VERSION = 2 };

void refusal_record_write(const struct refusal_record *record, struct text *out)
{
    CHECK(record->identity.size > 0);
    CHECK(record->case_id.size > 0);
    CHECK(record->attempt.size > 0);
    CHECK(record->count > 0);
    json_open_object(out);
    record_put_number(out, "v", VERSION);
    record_put_number(out, "refused", record->count);
    record_put_text(out, "identity", record->identity);
    record_put_text(out, "workflow", record->workflow);
    record_put_text(out, "case", record->case_id);
    record_put_number(out, "is_session", record->is_session ? 1 : 0);
    record_put_text(out, "attempt", record->attempt);
    record_put_number(out, "attempt_number", record->attempt_number);
    record_put_text(out, "input_key", record->input_key);
    record_put_text(out, "team", record->team);
    record_put_text(out, "user", record->user);
    record_put_text(out, "key", record->key);
    record_put_number(out, "first_ns", record->first_ns);
    record_put_number(out, "last_ns", record->last_ns);
    record_put_text(out, "choice", record->choice);
    record_put_text(out, "rule", record->rule);
    record_put_text(out, "reason", record->reason);
    record_put_text(out, "evidence", record->evidence);
    json_close_object(out);
}

bool refusal_record_is(struct json root)
{
    return json_int64(json_get(root, "refused"), 0) > 0;
}

static bool take_case(struct json root, struct arena *arena, struct trace *out)
{
    bool is_full = false;
    record_case(root, arena, out, &is_full);
    const struct attempt attempt = {.case_index = out->cases.count - 1,
                                    .id = record_text(root, "attempt", arena, &is_full),
                                    .number = record_count(root, "attempt_number", INT32_MAX)};
    const size_t at = is_full ? SIZE_MAX : arena_push(arena, &out->attempts);
    if (at == SIZE_MAX) {
        return false;
    }
    out->attempts.rows[at] = attempt;
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
                                  .choice = record_text(root, "choice", arena, &is_full),
                                  .by = DECIDER_RULE,
                                  .rule = record_text(root, "rule", arena, &is_full),
                                  .reason = record_text(root, "reason", arena, &is_full),
                                  .evidence = record_text(root, "evidence", arena, &is_full)};
    /* A guard that did its work: it overrules no step, for the call it is about was not made. */
    struct step step = {.attempt_index = out->attempts.count - 1,
                        .kind = STEP_GUARD,
                        .status = STATUS_OK,
                        .identity = record_text(root, "identity", arena, &is_full),
                        .name = STR("refusal"),
                        .started_ns = json_int64(json_get(root, "first_ns"), TIME_UNKNOWN),
                        .ended_ns = json_int64(json_get(root, "last_ns"), TIME_UNKNOWN),
                        .has_channel = true,
                        .channel = CHANNEL_GATEWAY,
                        .decision = decision,
                        .note = decision->choice};
    step.usage.counts[USAGE_REQUESTS] = record_count(root, "refused", USAGE_TOKENS_MAX);
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
    if (version < VERSION || !record_is_whole(root)) {
        return err_set(err, ERR_SYNTAX, "not the record of a refusal");
    }
    return take_case(root, arena, out) && take_step(root, arena, out)
               ? ERR_OK
               : err_set(err, ERR_LIMIT, "a refusal's record does not fit");
}
