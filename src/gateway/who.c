/*
 * Whose call it is, strongest first: what the key is bound to, x-bursar-… fields, W3C baggage, the
 * request's own metadata; a trace is a case where nothing names one. What nothing names is
 * unattributed.
 */
#include "base/check.h"
#include "gateway/gateway_priv.h"

static void set(struct provider_text *out, struct str value)
{
    if (out->size == 0 && value.size > 0) {
        out->size = value.size < sizeof out->bytes ? value.size : sizeof out->bytes;
        memcpy(out->bytes, value.data, out->size);
    }
}

static struct str field(const struct net_request *request, const char *name)
{
    const struct str value = http_field(request->head, str_from(name));
    return value.data != NULL ? value : (struct str){0};
}

/* Source: W3C Baggage: name=value pairs apart by commas, properties behind semicolons; values are
 * percent-encoded. */
static void read_baggage(struct str baggage, struct gateway_who *out)
{
    char decoded[PROVIDER_NAME_BYTES_MAX];
    while (baggage.size > 0) {
        struct str member = str_cut(&baggage, ',');
        struct str value = str_cut(&member, ';');
        const struct str name = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        const size_t size = http_decode(value, false, decoded, sizeof decoded);
        if (size == SIZE_MAX) {
            continue;
        }
        const struct {
            const char *name;
            struct provider_text *out;
        } members[] = {
            {"bursar.workflow", &out->workflow},   {"bursar.case", &out->case_id},
            {"bursar.case.id", &out->case_id},     {"bursar.attempt", &out->attempt},
            {"bursar.input_key", &out->input_key}, {"bursar.user", &out->user},
        };
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            if (str_equal(name, str_from(members[i].name))) {
                set(members[i].out, (struct str){decoded, size});
            }
        }
    }
}

/* The trace's id of "00-<32 hexadecimal digits>-…"; empty when it is none, or all zeros. */
static struct str trace_of(struct str traceparent)
{
    enum { VERSION = 3, DIGITS = 32 };
    bool zero = true;
    if (traceparent.size < VERSION + DIGITS + 1 || traceparent.data[VERSION + DIGITS] != '-') {
        return (struct str){0};
    }
    for (size_t i = VERSION; i < VERSION + DIGITS; i++) {
        const char c = traceparent.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return (struct str){0};
        }
        zero = zero && c == '0';
    }
    return zero ? (struct str){0} : (struct str){traceparent.data + VERSION, DIGITS};
}

void gateway_who_read(const struct net_request *request, const struct gateway_caller *caller,
                      struct gateway_who *out)
{
    CHECK(request != NULL);
    CHECK(caller != NULL);
    *out = (struct gateway_who){0};
    set(&out->key, caller->key);
    set(&out->team, caller->team);
    set(&out->workflow, caller->workflow);
    set(&out->user, caller->user);
    set(&out->workflow, field(request, "x-bursar-workflow"));
    set(&out->case_id, field(request, "x-bursar-case"));
    set(&out->attempt, field(request, "x-bursar-attempt"));
    set(&out->input_key, field(request, "x-bursar-input-key"));
    set(&out->user, field(request, "x-bursar-user"));
    set(&out->agent, field(request, "user-agent"));
    read_baggage(field(request, "baggage"), out);
}

/* What `text` has between two marks; the rest of it when there is no second. */
static struct str between(struct str text, struct str before, struct str after)
{
    const size_t at = str_find(text, before);
    if (at == SIZE_MAX) {
        return (struct str){0};
    }
    const struct str rest = {text.data + at + before.size, text.size - at - before.size};
    const size_t end = str_find(rest, after);
    return (struct str){rest.data, end == SIZE_MAX ? rest.size : end};
}

struct claude_user {
    struct str session;
    struct str user; /* the account; where nobody is signed in, the device */
};

/*
 * Claude Code says in metadata.user_id whose call it is: since 2.1
 * {"device_id":"…","account_uuid":"…","session_id":"…"}, before that
 * "user_<device>_account_<account>_session_<session>". Ids have no escapes.
 */
static struct claude_user claude_user_of(struct str text)
{
    static const struct str quote = STR_STATIC("\"");
    struct claude_user out;
    struct str device;
    if (str_starts_with(text, STR("{"))) {
        out.session = between(text, STR("\"session_id\":\""), quote);
        out.user = between(text, STR("\"account_uuid\":\""), quote);
        device = between(text, STR("\"device_id\":\""), quote);
    } else {
        out.session = between(text, STR("_session_"), STR("\n"));
        out.user = between(text, STR("_account_"), STR("_session_"));
        device = between(text, STR("user_"), STR("_account_"));
    }
    out.user = out.user.size > 0 ? out.user : device;
    return out;
}

void gateway_who_body(const struct provider_request *body, struct gateway_who *io)
{
    const struct {
        const char *name;
        struct provider_text *out;
    } members[] = {
        {"bursar.workflow", &io->workflow},   {"bursar.case", &io->case_id},
        {"bursar.case.id", &io->case_id},     {"bursar.attempt", &io->attempt},
        {"bursar.input_key", &io->input_key},
    };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        set(members[i].out, json_str(json_get(body->metadata, members[i].name)));
    }
    const struct claude_user claude = claude_user_of(body->user);
    if (claude.session.size > 0) {
        /* As its telemetry is taken, so that its own sums meet these calls in one case. */
        set(&io->workflow, STR("claude-code"));
        io->is_session = io->is_session || io->case_id.size == 0;
        set(&io->case_id, claude.session);
    }
    set(&io->user, claude.session.size > 0 && claude.user.size > 0 ? claude.user : body->user);
}

void gateway_who_complete(struct exchange *exchange)
{
    struct gateway_who *const who = &exchange->who;
    const struct str trace = trace_of(field(exchange->request, "traceparent"));
    if (who->case_id.size == 0) {
        who->is_session = true;
        set(&who->case_id, trace);
        set(&who->case_id, str_from(exchange->id));
    }
    if (!str_to_int64(provider_text_str(&who->attempt), &who->attempt_number) ||
        who->attempt_number < 1) {
        who->attempt_number = 0;
    }
    set(&who->attempt, trace);
    set(&who->attempt, provider_text_str(&who->case_id));
    if (who->team.size == 0) {
        const struct settings_workflow *const workflow =
            settings_workflow(exchange->table->settings, provider_text_str(&who->workflow));
        set(&who->team, workflow != NULL ? workflow->team : (struct str){0});
    }
}
