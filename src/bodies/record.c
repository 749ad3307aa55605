/* One call's bodies as a record: redacted, cut, or why they are not there. */
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "bodies/bodies_priv.h"

#define ASSEMBLED_BYTES_MAX ((size_t)2 * BODIES_ANSWER_BYTES_MAX)

static void put_why(struct text *out, const char *state, const char *why)
{
    json_name(out, "state");
    json_put_text(out, state);
    if (why[0] != '\0') {
        json_name(out, "why");
        json_put_text(out, why);
    }
}

/* One of the two, redacted. False: withheld. */
static bool put_redacted(const struct bodies_call *call, struct bodies_writer *writer,
                         struct str json, bool is_broken, struct text *out)
{
    struct bodies_redacted result;
    struct err err;
    if (bodies_redact(writer->redactor, call->policy, json, is_broken, writer->patience,
                      &writer->scratch, &result, &err) != ERR_OK) {
        put_why(out, "withheld", err.text);
        return false;
    }
    put_why(out, result.is_cut ? "cut" : "kept", "");
    json_name(out, "removed");
    json_put_int64(out, result.removed);
    json_name(out, "body");
    json_put_raw(out, text_str(&writer->scratch));
    return true;
}

static void put_request(const struct bodies_call *call, struct bodies_writer *writer, bool dropped,
                        struct bodies_written *io, struct text *out)
{
    json_name(out, "request");
    json_open_object(out);
    json_name(out, "bytes");
    json_put_int64(out, (int64_t)call->request.size);
    if (dropped) {
        put_why(out, "dropped", "too much was waiting to be redacted");
    } else if (put_redacted(call, writer, call->request, false, out)) {
        io->kept++;
    } else {
        io->withheld++;
    }
    json_close_object(out);
}

/* The events as a document, redacted. */
static bool put_events(const struct bodies_call *call, struct bodies_writer *writer,
                       struct text *out)
{
    struct text document;
    struct err err;
    bool is_whole = false;
    bool kept = false;
    text_init(&document, ASSEMBLED_BYTES_MAX);
    if (bodies_assemble(call->api, call->answer, &document, &is_whole, &err) != ERR_OK) {
        put_why(out, "withheld", err.text);
    } else if (text_is_full(&document)) {
        put_why(out, "withheld", "it is too large");
    } else {
        kept = put_redacted(call, writer, text_str(&document), !is_whole, out);
    }
    text_deinit(&document);
    return kept;
}

static void put_answer(const struct bodies_call *call, struct bodies_writer *writer, bool dropped,
                       struct bodies_written *io, struct text *out)
{
    bool kept = false;
    json_name(out, "answer");
    json_open_object(out);
    json_name(out, "bytes");
    json_put_int64(out, (int64_t)call->answer.size);
    if (call->is_broken) {
        json_name(out, "broke_off");
        json_put_bool(out, true);
    }
    if (dropped && call->answer_kind != BODIES_ANSWER_NONE) {
        put_why(out, "dropped", "too much was waiting to be redacted");
        json_close_object(out);
        return;
    }
    switch (call->answer_kind) {
    case BODIES_ANSWER_NONE:
        put_why(out, "none", "");
        break;
    case BODIES_ANSWER_JSON:
        kept = put_redacted(call, writer, call->answer, false, out);
        break;
    case BODIES_ANSWER_EVENTS:
        kept = put_events(call, writer, out);
        break;
    case BODIES_ANSWER_OTHER:
        put_why(out, "withheld", "it is no JSON, so that nothing could be taken out of it");
        break;
    case BODIES_ANSWER_LOST:
        put_why(out, "withheld", "it is too large, or broke off within");
        break;
    }
    json_close_object(out);
    io->kept += kept;
    io->withheld += !kept && call->answer_kind != BODIES_ANSWER_NONE;
}

void bodies_write(const struct bodies_call *call, bool dropped, struct bodies_writer *writer,
                  struct text *out, struct bodies_written *written)
{
    CHECK(call->policy != NULL);
    char at[CLOCK_TEXT_BYTES_MAX];
    *written = (struct bodies_written){0};
    text_clear(out);
    json_open_object(out);
    json_name(out, "v");
    json_put_int64(out, 1);
    json_name(out, "request_id");
    json_put_str(out, call->request_id);
    json_name(out, "workflow");
    json_put_str(out, call->workflow);
    json_name(out, "case");
    json_put_str(out, call->case_id);
    json_name(out, "at");
    json_put_str(out, (struct str){at, clock_print(call->at_ns, at)});
    json_name(out, "status");
    json_put_int64(out, call->status);
    json_name(out, "rules");
    json_put_int64(out, (int64_t)call->policy->rule_count);
    put_request(call, writer, dropped, written, out);
    put_answer(call, writer, dropped, written, out);
    json_close_object(out);
}
