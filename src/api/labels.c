#include "api/labels.h"

#include "api/unused.h"
#include "base/check.h"

/* Of the judged results of a workflow that must have been used, for the others to be called
 * ignored: lookups whose values are copied one by one share no run of eight words with anything. */
enum { USED_PERCENT_LEAST = 20 };

static const char *const names[LABEL_COUNT] = {
    [LABEL_ATTEMPT] = "wasted/attempt", [LABEL_DUPLICATE] = "wasted/duplicate",
    [LABEL_ERROR] = "wasted/error",     [LABEL_IGNORED] = "wasted/ignored",
    [LABEL_AFTER] = "wasted/after",     [LABEL_OVERHEAD] = "overhead",
    [LABEL_ESSENTIAL] = "essential",
};

/* Of one step: # is the number it refers to, @ the name of its tool. Of many: what they share. */
static const struct {
    const char *one;
    const char *many;
} reasons[REASON_COUNT] = {
    [REASON_RETRIED] = {"this attempt failed; attempt # resolved the case",
                        "attempts that failed before another resolved the case"},
    [REASON_SUNK] = {"the case was never resolved", "attempts of cases never resolved"},
    [REASON_SAME] = {"same @ as step #, nothing was changed in between",
                     "done before, nothing was changed in between"},
    [REASON_SAME_UNSURE] = {"same @ as step #, nothing known to change anything in between",
                            "done before; steps of unknown effect in between"},
    [REASON_SAME_FAILED] = {"same @ as step #, which had not worked either",
                            "done before, in vain then too"},
    [REASON_REPAIRED_SAME] = {"failed; step # did the same and worked",
                              "failed; the same worked later"},
    [REASON_REPAIRED] = {"failed; step # used the same tool and worked",
                         "failed; the tool worked later"},
    [REASON_IGNORED] = {"nothing of what it brought back is quoted later",
                        "nothing of what came back is quoted later"},
    [REASON_UNREAD] = {"looked up after the last change (step #); no later call read it",
                       "looked up after the last change, read by no later call"},
    [REASON_GUARD] = {"a guard", "guards"},
    [REASON_PLANNING] = {"planning or formatting", "planning and formatting"},
    [REASON_ANSWER] = {"the last call: the answer", "answers"},
    [REASON_CALL] = {"a call that asked for no tool", "calls that asked for no tool"},
    [REASON_CHANGE] = {"changed something", "changed something"},
    [REASON_FAILED] = {"failed; its tool never worked afterwards",
                       "failed; the tool never worked afterwards"},
    [REASON_REJECTED] = {"refused by a person", "refused by a person"},
    [REASON_INTERRUPTED] = {"stopped before it ended", "stopped before they ended"},
    [REASON_REPAIR] = {"worked where step # had failed", "worked where an earlier one had failed"},
    [REASON_PERSON] = {"a person's work", "people's work"},
    [REASON_DECISION] = {"a decision", "decisions"},
    [REASON_LOOKUP] = {"looked up, not known before", "looked up, not known before"},
    [REASON_OTHER] = {"nothing says it was wasted", "nothing says they were wasted"},
    [REASON_ISSUED_ONE] = {"its cost goes with step #, which it asked for",
                           "calls; their cost is that of the steps they asked for"},
    [REASON_ISSUED] = {"its cost goes with the # steps it asked for",
                       "calls; their cost is that of the steps they asked for"},
    [REASON_REFUSAL] = {"a person refused what came before", "people's refusals"},
    [REASON_CALL_FAILED] = {"the call failed", "calls that failed"},
};

const char *label_name(enum step_label label)
{
    CHECK(label < LABEL_COUNT);
    return names[label];
}

const char *label_reason_text(enum label_reason reason)
{
    CHECK(reason < REASON_COUNT);
    return reasons[reason].many;
}

void label_put_reason(struct text *out, enum label_reason reason, int64_t ref, struct str tool)
{
    CHECK(out != NULL);
    CHECK(reason < REASON_COUNT);
    for (const char *at = reasons[reason].one; *at != '\0'; at++) {
        if (*at == '#') {
            CHECK(ref != LABELS_REF_NONE);
            text_format(out, "%lld", (long long)ref);
        } else if (*at == '@') {
            text_add(out, tool.size > 0 ? tool : STR("step"));
        } else {
            text_char(out, *at);
        }
    }
}

enum errc labels_judge(struct store *store, const struct api_request *request, struct arena *arena,
                       bool *out_judged, struct err *err)
{
    CHECK(request != NULL);
    CHECK(out_judged != NULL);
    struct unused unused;
    enum errc code = unused_read(store, request, arena, &unused, err);
    if (code != ERR_OK) {
        return code;
    }
    *out_judged =
        unused.judged > 0 && unused.states[UNUSED_USED] * 100 >= unused.judged * USED_PERCENT_LEAST;
    return *out_judged ? ERR_OK : store_execute(store, QUERY_unused_forget, NULL, 0, NULL, err);
}

enum errc labels_create(struct store *store, const struct labels_range *range, struct err *err)
{
    CHECK(store != NULL);
    CHECK(range != NULL);
    CHECK(range->key_low <= range->key_high);
    const struct store_value values[] = {
        STORE_OF_UINT64(range->key_low), STORE_OF_UINT64(range->key_high),
        STORE_OF_INT64(range->as_of_ns), STORE_OF_TEXT(range->workflow)};
    enum errc code =
        store_execute(store, QUERY_labels_attempts_create, values, COUNT_OF(values), NULL, err);
    if (code == ERR_OK) {
        code =
            store_execute(store, QUERY_labels_places_create, values, COUNT_OF(values), NULL, err);
    }
    return code == ERR_OK ? store_execute(store, QUERY_labels_create, NULL, 0, NULL, err) : code;
}
