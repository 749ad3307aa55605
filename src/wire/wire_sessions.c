/* Sessions: the cases and attempts of logs that name nothing else. What is known of a session comes
 * on any of its lines, so its case gets its attributes when the file ends. */
#include "base/check.h"
#include "wire/wire_priv.h"

struct session *wire_session(struct wire_decoder *decoder, struct str id)
{
    CHECK(decoder != NULL);
    if (id.size == 0 || id.size > WIRE_ID_BYTES_MAX || decoder->full) {
        return NULL;
    }
    size_t row = decoder->contexts.count;
    if (row > 0 && str_equal(decoder->contexts.rows[row - 1].id, id)) {
        return &decoder->contexts.rows[row - 1];
    }
    row = wire_index_find(&decoder->sessions, id);
    if (row != SIZE_MAX) {
        return &decoder->contexts.rows[row];
    }
    const struct str copy = wire_intern(decoder, id);
    row = decoder->full ? SIZE_MAX : arena_push(decoder->arena, &decoder->contexts);
    if (row == SIZE_MAX || !wire_index_add(&decoder->sessions, decoder->arena, copy, row)) {
        decoder->full = true;
        return NULL;
    }
    decoder->contexts.rows[row] = (struct session){.id = copy, .attempt_index = SIZE_MAX};
    return &decoder->contexts.rows[row];
}

size_t wire_attempt(struct wire_decoder *decoder, struct session *session)
{
    CHECK(session != NULL);
    if (session->attempt_index == SIZE_MAX) {
        const size_t row = wire_case(decoder, session->id, (struct str){0}, NULL, 0);
        session->attempt_index = wire_attempt_of(decoder, row, session->id, (struct str){0});
    }
    return session->attempt_index;
}

void wire_sessions_complete(struct wire_decoder *decoder, const char *agent)
{
    CHECK(agent != NULL);
    for (size_t i = 0; i < decoder->contexts.count && !decoder->full; i++) {
        const struct session *session = &decoder->contexts.rows[i];
        if (session->attempt_index == SIZE_MAX) {
            continue;
        }
        const struct attribute attributes[] = {
            {STR("project"), session->project},
            {STR("git_branch"), session->branch},
            {STR("version"), session->version},
            {STR("entrypoint"), session->entrypoint},
        };
        struct attempt *attempt = &decoder->trace.attempts.rows[session->attempt_index];
        wire_case_attributes(decoder, attempt->case_index, attributes, COUNT_OF(attributes));
        attempt->agent =
            wire_format_copy(decoder, "%s%s" STR_FORMAT, agent,
                             session->version.size > 0 ? " " : "", STR_ARG(session->version));
    }
}

void wire_save(struct text *out, const char *name, struct str value)
{
    CHECK(name != NULL);
    if (value.size > 0) {
        json_name(out, name);
        json_put_str(out, value);
    }
}

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    {"id", offsetof(struct session, id)},
    {"project", offsetof(struct session, project)},
    {"branch", offsetof(struct session, branch)},
    {"version", offsetof(struct session, version)},
    {"entrypoint", offsetof(struct session, entrypoint)},
};

void wire_sessions_load(struct wire_decoder *decoder, struct json state)
{
    CHECK(decoder->contexts.count == 0);
    struct json_cursor cursor = json_iter(state);
    struct json saved;
    while (json_next(&cursor, NULL, &saved)) {
        struct session *session = wire_session(decoder, json_str(json_get(saved, "id")));
        for (size_t i = 1; i < COUNT_OF(members) && session != NULL; i++) {
            const struct str value =
                wire_intern(decoder, json_str(json_get(saved, members[i].name)));
            memcpy((char *)session + members[i].offset, &value, sizeof value);
        }
    }
}

void wire_sessions_save(const struct wire_decoder *decoder, struct text *out)
{
    const size_t count = decoder->contexts.count;
    json_name(out, "sessions");
    json_open_array(out);
    size_t first = count > WIRE_STATE_SESSIONS_MAX ? count - WIRE_STATE_SESSIONS_MAX : 0;
    for (; first < count; first++) {
        const struct session *session = &decoder->contexts.rows[first];
        json_open_object(out);
        for (size_t i = 0; i < COUNT_OF(members); i++) {
            struct str value;
            memcpy(&value, (const char *)session + members[i].offset, sizeof value);
            wire_save(out, members[i].name, value);
        }
        json_close_object(out);
    }
    json_close_array(out);
}
