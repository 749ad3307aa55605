/*
 * Whose call it is, strongest first: what the key is bound to, x-bursar-… fields, W3C baggage, the
 * request's own metadata; a trace is a case where nothing names one. What nothing names is
 * unattributed.
 */
#include "base/check.h"
#include "gateway/gateway_priv.h"
#include "wire/context.h"

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

static void read_baggage(struct str baggage, struct gateway_who *out)
{
    const struct {
        const char *name;
        struct provider_text *out;
    } members[] = {
        {"bursar.workflow", &out->workflow},   {"bursar.case", &out->case_id},
        {"bursar.case.id", &out->case_id},     {"bursar.attempt", &out->attempt},
        {"bursar.input_key", &out->input_key}, {"bursar.user", &out->user},
    };
    char decoded[PROVIDER_NAME_BYTES_MAX];
    struct baggage_member member;
    size_t count = 0;
    baggage.size = baggage.size < BAGGAGE_BYTES_MAX ? baggage.size : BAGGAGE_BYTES_MAX;
    while (baggage_next(&baggage, &count, &member)) {
        const size_t size = baggage_decode(member.encoded, decoded, sizeof decoded);
        for (size_t i = 0; i < COUNT_OF(members) && size != SIZE_MAX; i++) {
            if (str_equal(member.name, str_from(members[i].name))) {
                set(members[i].out, (struct str){decoded, size});
            }
        }
    }
}

static bool is_hexadecimal(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

/* The trace's id of "00-<32 hexadecimal digits>-<16>-<2>", of this version or a later one; empty
 * when it is none, or all zeros. Source: W3C Trace Context, section 3.2. */
static struct str trace_of(struct str traceparent)
{
    enum { VERSION = 2, TRACE = 32, PARENT = 16, FLAGS = 2 };
    static const struct str zeros = STR_STATIC("00000000000000000000000000000000");
    struct str rest = traceparent;
    const struct str version = str_cut(&rest, '-');
    const struct str trace = str_cut(&rest, '-');
    const struct str parent = str_cut(&rest, '-');
    const struct str flags = str_cut(&rest, '-');
    if (version.size != VERSION || trace.size != TRACE || parent.size != PARENT ||
        flags.size != FLAGS || !is_hexadecimal(version) || !is_hexadecimal(trace) ||
        !is_hexadecimal(parent) || !is_hexadecimal(flags) || str_equal(version, STR("ff")) ||
        str_equal(trace, zeros)) {
        return (struct str){0};
    }
    return trace;
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
    out->is_of_team = caller->team.size > 0 && caller->workflow.size == 0;
    set(&out->workflow, field(request, "x-bursar-workflow"));
    set(&out->case_id, field(request, "x-bursar-case"));
    set(&out->attempt, field(request, "x-bursar-attempt"));
    set(&out->input_key, field(request, "x-bursar-input-key"));
    set(&out->user, field(request, "x-bursar-user"));
    set(&out->agent, field(request, "user-agent"));
    read_baggage(field(request, "baggage"), out);
    if (str_starts_with(provider_text_str(&out->agent), STR("codex"))) {
        set(&out->session, field(request, "session_id")); /* its conversation, as it logs it */
    }
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
        io->is_program = io->workflow.size == 0;
        set(&io->workflow, STR("claude-code"));
        set(&io->session, claude.session);
        io->is_session = io->is_session || io->case_id.size == 0;
        set(&io->case_id, claude.session);
    }
    set(&io->user, claude.session.size > 0 && claude.user.size > 0 ? claude.user : body->user);
}

void gateway_who_complete(struct exchange *exchange)
{
    struct gateway_who *const who = &exchange->who;
    const struct str trace = trace_of(field(exchange->request, "traceparent"));
    who->has_attempt = who->attempt.size > 0;
    set(&who->trace, trace);
    if (who->case_id.size == 0 && who->session.size > 0) { /* of Codex; of Claude Code it is set */
        who->is_program = who->workflow.size == 0;
        set(&who->workflow, STR("codex"));
        who->is_session = true;
        set(&who->case_id, provider_text_str(&who->session));
    }
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
