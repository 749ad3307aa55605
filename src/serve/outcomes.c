/*
 * POST /api/v1/outcomes: what became of cases, told by other systems. The good rows go to the inbox
 * and the client hears 200 when the journal has them; it hears which were not taken, and why.
 */
#include "serve/serve.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "ingest/outcome_body.h"
#include "store/control.h"

#define ARENA_BYTES_MAX  ((size_t)512 << 20)
#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define HEADER_BYTES_MAX ((size_t)64 << 10)

enum { WORKFLOW_BYTES_MAX = 4096 };

/* An answer that waits for the journal. */
struct owed {
    struct serve *serve;
    struct net_reply *reply;
    int64_t accepted;
    struct text body;
};

/* What is put in front of a body in the journal: one line of JSON. */
struct header {
    struct str actor;
    struct str workflow;
    bool is_lines;
};

struct str serve_actor(const struct net_request *request, const struct serve_caller *caller,
                       char text[static SERVE_ACTOR_BYTES_MAX])
{
    CHECK(request != NULL);
    CHECK(caller != NULL);
    const bool named = strcmp(caller->name, caller->id) != 0;
    const int size = caller->has_key
                         ? snprintf(text, SERVE_ACTOR_BYTES_MAX, "key %s%s%.90s", caller->id,
                                    named ? " " : "", named ? caller->name : "")
                         : snprintf(text, SERVE_ACTOR_BYTES_MAX, "http %s", request->peer);
    CHECK(size > 0);
    CHECK(size < SERVE_ACTOR_BYTES_MAX);
    return (struct str){text, (size_t)size};
}

/* ---- the journal */

static void write_message(const struct header *header, struct str body, struct text *out)
{
    json_open_object(out);
    json_name(out, "actor");
    json_put_str(out, header->actor);
    json_name(out, "workflow");
    json_put_str(out, header->workflow);
    json_name(out, "lines");
    json_put_bool(out, header->is_lines);
    json_close_object(out);
    text_char(out, '\n');
    text_add(out, body);
}

static enum errc read_header(struct str line, struct arena *arena, struct header *out,
                             struct err *err)
{
    struct json_parser *parser = NULL;
    struct json root;
    json_parser_create(&parser, HEADER_BYTES_MAX);
    const enum errc code = json_parse(parser, line, line.size, &root, err);
    if (code == ERR_OK) {
        *out = (struct header){
            .actor = arena_copy(arena, json_str(json_get(root, "actor"))),
            .workflow = arena_copy(arena, json_str(json_get(root, "workflow"))),
            .is_lines = json_bool(json_get(root, "lines"), false),
        };
    }
    json_parser_destroy(&parser);
    return code;
}

enum errc serve_decode_outcomes(const struct journal_message *message, struct arena *arena,
                                struct inbox_decoded *out, struct err *err)
{
    CHECK(message != NULL);
    CHECK(out != NULL);
    struct header header;
    struct outcome_rows rows;
    struct outcome_body body = {.text = message->bytes, .received_ns = message->received_ns};
    const struct str line = str_cut(&body.text, '\n');
    enum errc code = read_header(line, arena, &header, err);
    if (code == ERR_OK) {
        body.workflow = header.workflow;
        body.is_lines = header.is_lines;
        code = ingest_outcome_body(&body, arena, &rows, err);
    }
    if (code == ERR_OK) {
        *out = (struct inbox_decoded){
            .trace = rows.trace, .channel = CHANNEL_TABLE, .actor = header.actor};
    }
    return code;
}

enum errc serve_audit(void *context, const struct inbox_decoded *decoded, int64_t received_ns,
                      struct err *err)
{
    struct serve *const serve = context;
    CHECK(serve != NULL);
    CHECK(decoded->trace.outcomes.count > 0);
    char subject[512];
    char detail[64];
    const struct outcome *const first = &decoded->trace.outcomes.rows[0];
    const struct str bound = decoded->binding.workflow;
    const struct str workflow = bound.size > 0 ? bound : first->workflow;
    const size_t count = decoded->trace.outcomes.count;
    snprintf(subject, sizeof subject, STR_FORMAT " of " STR_FORMAT "%s", STR_ARG(first->case_id),
             STR_ARG(workflow), count > 1 ? " and others" : "");
    snprintf(detail, sizeof detail, "%zu received", count);
    const struct control_audit audit = {.at_ns = received_ns,
                                        .actor = decoded->actor,
                                        .action = STR("outcomes post"),
                                        .subject = str_from(subject),
                                        .detail = str_from(detail)};
    enum errc code = ERR_OK;
    if (serve->trail == NULL) {
        code = control_open(serve->app->home, &serve->trail, err);
    }
    return code == ERR_OK ? control_add_audit(serve->trail, &audit, err) : code;
}

/* ---- answers */

static void put_reject(struct text *out, const struct outcome_reject *reject)
{
    json_open_object(out);
    json_name(out, "index");
    json_put_int64(out, reject->index);
    if (reject->line > 0) {
        json_name(out, "line");
        json_put_int64(out, reject->line);
    }
    json_name(out, "field");
    json_put_str(out, reject->field);
    json_name(out, "found");
    if (reject->found.size > 0) {
        json_put_str(out, reject->found);
    } else {
        json_put_null(out);
    }
    json_name(out, "message");
    json_put_str(out, reject->reason);
    json_close_object(out);
}

static void put_answer(struct text *out, const struct outcome_rows *rows)
{
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.outcomes/1");
    json_name(out, "accepted");
    json_put_int64(out, rows->count - rows->rejected);
    json_name(out, "rejected");
    json_put_int64(out, rows->rejected);
    json_name(out, "rejects");
    json_open_array(out);
    for (size_t i = 0; i < rows->rejects.count; i++) {
        put_reject(out, &rows->rejects.rows[i]);
    }
    json_close_array(out);
    json_name(out, "ignored");
    json_open_array(out);
    for (size_t i = 0; i < rows->ignored_count; i++) {
        json_put_str(out, rows->ignored[i]);
    }
    json_close_array(out);
    if (rows->rejected == rows->count) {
        json_name(out, "error");
        json_open_object(out);
        json_name(out, "code");
        json_put_int64(out, 400);
        json_name(out, "message");
        json_put_text(out, "none of the outcomes can be taken; rejects says why");
        json_close_object(out);
    }
    json_close_object(out);
}

static void send_answer(struct net_reply *reply, int status, const struct text *body)
{
    net_reply_send(reply, &(struct net_response){.status = status,
                                                 .content_type = STR("application/json"),
                                                 .body = text_str(body)});
}

static void on_done(void *context, enum errc code, const struct err *err)
{
    struct owed *const owed = context;
    if (code == ERR_OK) {
        atomic_fetch_add(&owed->serve->outcomes_accepted, owed->accepted);
        send_answer(owed->reply, 200, &owed->body);
    } else {
        serve_refuse(owed->reply, 503, err->text);
    }
    text_deinit(&owed->body);
    memory_free(owed);
}

/* ---- requests */

/* Hand over what was read; the answer waits for the journal. */
static void keep(struct serve *serve, const struct outcome_body *body, const struct header *header,
                 const struct inbox_decoded *decoded, const struct outcome_rows *rows,
                 struct arena *arena, struct net_reply *reply)
{
    struct err err;
    struct text message;
    struct owed *const owed = memory_new(struct owed);
    *owed = (struct owed){.serve = serve, .reply = reply, .accepted = rows->count - rows->rejected};
    text_init(&owed->body, ANSWER_BYTES_MAX);
    put_answer(&owed->body, rows);
    text_init(&message, HEADER_BYTES_MAX + OTLP_REQUEST_BYTES_MAX + 1);
    write_message(header, body->text, &message);
    const struct journal_message kept = {
        .kind = SERVE_KIND_OUTCOMES, .received_ns = body->received_ns, .bytes = text_str(&message)};
    if (inbox_offer_decoded(serve->inbox, &kept, decoded, arena, on_done, owed, &err) != ERR_OK) {
        text_deinit(&owed->body);
        memory_free(owed);
        serve_refuse(reply, 503, err.text);
    }
    text_deinit(&message);
}

static void take(struct serve *serve, const struct outcome_body *body, const struct header *header,
                 const struct serve_caller *caller, struct net_reply *reply)
{
    struct arena arena;
    struct outcome_rows rows;
    struct inbox_decoded decoded = {.channel = CHANNEL_TABLE};
    struct err err;
    arena_init(&arena, ARENA_BYTES_MAX);
    enum errc code = ingest_outcome_body(body, &arena, &rows, &err);
    if (code == ERR_OK) {
        decoded.trace = rows.trace;
        decoded.actor = arena_copy(&arena, header->actor);
        if (decoded.actor.data == NULL || !serve_copy_binding(caller, &arena, &decoded.binding)) {
            code = err_set(&err, ERR_LIMIT, "the outcomes do not fit %zu bytes", arena.size_max);
        }
    }
    if (code != ERR_OK) {
        serve_refuse(reply, err_http_status(code), err.text);
    } else {
        atomic_fetch_add(&serve->outcomes_rejected, rows.rejected);
        if (rows.rejected == rows.count) {
            struct text answer;
            text_init(&answer, ANSWER_BYTES_MAX);
            put_answer(&answer, &rows);
            send_answer(reply, 400, &answer);
            text_deinit(&answer);
        } else {
            keep(serve, body, header, &decoded, &rows, &arena, reply);
        }
    }
    arena_deinit(&arena);
}

/* Whether it is UTF-8, as what is in JSON has to be. */
static bool is_text(struct str text)
{
    struct text quoted;
    struct json_parser *parser = NULL;
    struct json root;
    struct err err;
    text_init(&quoted, HEADER_BYTES_MAX);
    json_put_str(&quoted, text);
    json_parser_create(&parser, HEADER_BYTES_MAX);
    const bool same = json_parse(parser, text_str(&quoted), quoted.size, &root, &err) == ERR_OK &&
                      str_equal(json_str(root), text);
    json_parser_destroy(&parser);
    text_deinit(&quoted);
    return same;
}

/* ?workflow=W, which is all there may be; false: the request is answered. */
static bool read_query(struct str query, char *workflow, struct str *out, struct net_reply *reply)
{
    struct str name;
    struct str value;
    while (http_query_next(&query, &name, &value)) {
        const size_t size = value.size <= WORKFLOW_BYTES_MAX
                                ? http_decode(value, true, workflow, WORKFLOW_BYTES_MAX)
                                : SIZE_MAX;
        if (!str_equal(name, STR("workflow")) || size == SIZE_MAX ||
            !is_text((struct str){workflow, size})) {
            serve_refuse(reply, 400,
                         "the query may hold workflow=W, of rows that name none, and "
                         "nothing else");
            return false;
        }
        *out = (struct str){workflow, size};
    }
    return true;
}

/* What the content-type says: 1 lines, 0 one document, -1 neither. */
static int lines_of(struct str type)
{
    static const char *const names[] = {"application/x-ndjson", "application/jsonl",
                                        "application/x-jsonlines", "application/jsonlines"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (serve_is_type(type, str_from(names[i]))) {
            return 1;
        }
    }
    return serve_is_type(type, STR("application/json")) ? 0 : -1;
}

static void answer(struct serve *serve, const struct net_request *request,
                   const struct serve_caller *caller, struct net_reply *reply)
{
    char actor[SERVE_ACTOR_BYTES_MAX];
    char workflow[WORKFLOW_BYTES_MAX];
    struct header header = {.actor = serve_actor(request, caller, actor),
                            .workflow = str_from(caller->workflow)};
    const struct str packing = http_field(request->head, STR("content-encoding"));
    const int lines = lines_of(http_field(request->head, STR("content-type")));
    const bool plain = packing.size == 0 || str_equal_fold(packing, STR("identity"));
    if (request->head->method != HTTP_POST) {
        serve_refuse(reply, 405, "outcomes come by POST");
        return;
    }
    if (lines < 0 || (!plain && !str_equal_fold(packing, STR("gzip")))) {
        serve_refuse(reply, 415,
                     lines < 0 ? "content-type is neither application/json nor application/x-ndjson"
                               : "content-encoding is neither gzip nor identity");
        return;
    }
    if (!read_query(request->head->query, workflow, &header.workflow, reply)) {
        return;
    }
    struct text unpacked;
    struct err err;
    text_init(&unpacked, (size_t)OTLP_REQUEST_BYTES_MAX + 1);
    bool turn = false;
    const enum errc code = plain ? serve_take_turn(serve, request->body.size, &turn, &err)
                                 : serve_unpack(serve, request->body, &unpacked, &turn, &err);
    header.is_lines = lines == 1;
    if (code == ERR_OK) {
        const struct outcome_body body = {.text = plain ? request->body : text_str(&unpacked),
                                          .workflow = header.workflow,
                                          .is_lines = header.is_lines,
                                          .received_ns = clock_now_ns()};
        take(serve, &body, &header, caller, reply);
    } else {
        serve_refuse(reply, err_http_status(code), err.text);
    }
    serve_end_turn(serve, &turn);
    text_deinit(&unpacked);
}

bool serve_outcomes(struct serve *serve, const struct net_request *request,
                    const struct serve_caller *caller, struct net_reply *reply)
{
    CHECK(serve != NULL);
    if (!str_equal(request->head->path, STR("/api/v1/outcomes"))) {
        return false;
    }
    if (caller->has_key || serve_is_addressed(serve, request)) {
        answer(serve, request, caller, reply);
    } else {
        serve_refuse(reply, 403, "the host field names another server");
    }
    return true;
}
