#include "serve/openapi_priv.h"

#include <stdio.h>

#include "base/check.h"
#include "base/json.h"
#include "serve/serve.h"

#define ARENA_BYTES_MAX ((size_t)16 << 20)

struct writer {
    struct text *out;
    struct arena arena;
    struct json schemas; /* of openapi.json, by command */
};

static void put_ref(struct text *out, const char *kind, const char *name)
{
    char path[128];
    const int size = snprintf(path, sizeof path, "#/components/%s/%s", kind, name);
    CHECK(size > 0);
    CHECK((size_t)size < sizeof path);
    json_open_object(out);
    openapi_put_member(out, "$ref", path);
    json_close_object(out);
}

static void copy(struct writer *writer, struct json node)
{
    const size_t size = json_minify(node, NULL, 0);
    char *const text = arena_new(&writer->arena, char, size);
    CHECK(text != NULL);
    (void)json_minify(node, text, size);
    json_put_raw(writer->out, (struct str){text, size});
}

/* ---- operations */

static void put_responses(struct writer *writer, const struct openapi_form *form)
{
    static const struct {
        const char *status;
        const char *name;
    } refusals[] = {{"400", "malformed"}, {"401", "unauthorized"}, {"403", "elsewhere"},
                    {"404", "absent"},    {"405", "method"},       {"415", "type"},
                    {"503", "busy"}};
    struct text *const out = writer->out;
    const char *const name = form->command->name;
    const bool is_described = json_kind(json_get(writer->schemas, name)) == JSON_OBJECT;
    json_name(out, "responses");
    json_open_object(out);
    json_name(out, "200");
    json_open_object(out);
    openapi_put_member(out, "description", form->command->summary);
    json_name(out, "content");
    json_open_object(out);
    json_name(out, "application/json");
    json_open_object(out);
    json_name(out, "schema");
    put_ref(out, "schemas", is_described ? name : "any_report");
    json_close_object(out);
    json_close_object(out);
    json_close_object(out);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        json_name(out, refusals[i].status);
        put_ref(out, "responses", refusals[i].name);
    }
    json_close_object(out);
}

static void put_operation(struct writer *writer, const struct openapi_form *form)
{
    struct text *const out = writer->out;
    const bool writes = form->use == LEDGER_WRITTEN;
    char id[OPENAPI_NAME_BYTES_MAX];
    snprintf(id, sizeof id, "%s_%s", writes ? "post" : "get", form->command->name);
    json_name(out, writes ? "post" : "get");
    json_open_object(out);
    openapi_put_member(out, "operationId", id);
    openapi_put_member(out, "summary", form->command->summary);
    openapi_put_member(out, "description", form->command->about);
    json_name(out, "tags");
    json_open_array(out);
    json_put_text(out, writes ? "writes" : "reports");
    json_close_array(out);
    json_name(out, "parameters");
    json_open_array(out);
    openapi_put_arguments(out, form);
    for (size_t i = 0; i < form->command->option_count; i++) {
        if (openapi_is_offered(&form->command->options[i])) {
            openapi_put_option(out, &form->command->options[i]);
        }
    }
    put_ref(out, "parameters", "since");
    put_ref(out, "parameters", "until");
    json_close_array(out);
    if (writes) {
        json_name(out, "requestBody");
        json_open_object(out);
        openapi_put_member(out, "description", "Empty; the content type is wanted all the same.");
        json_name(out, "content");
        json_open_object(out);
        json_name(out, "application/json");
        json_open_object(out);
        json_close_object(out);
        json_close_object(out);
        json_close_object(out);
    }
    put_responses(writer, form);
    json_close_object(out);
}

/* The words of a synopsis' line that stand for themselves, as arguments. */
static void read_form(struct writer *writer, const struct command *command, struct str line,
                      struct openapi_form *out)
{
    struct str rest = line;
    *out = (struct openapi_form){
        .command = command, .line = line, .args = arena_new(&writer->arena, struct args, 1)};
    CHECK(out->args != NULL);
    while (rest.size > 0) {
        const struct str word = str_cut(&rest, ' ');
        if (word.size > 0 && openapi_is_word(word) && word.data[0] != '[') {
            const struct str kept = arena_copy(&writer->arena, word);
            CHECK(kept.data != NULL);
            out->args->positional[out->args->positional_count++] = kept.data;
        } else {
            break;
        }
    }
    out->use = run_use_of(command, out->args);
}

/* A form, and what a flag of it makes of it: `price update`, `price update --apply`. */
static void put_form(struct writer *writer, struct openapi_form *form, bool done[static 3])
{
    const struct command *const command = form->command;
    if (form->use != LEDGER_UNUSED && !done[form->use]) {
        done[form->use] = true;
        put_operation(writer, form);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].value == NULL && command->use != NULL) {
            form->args->given[0] = &command->options[i];
            form->args->values[0] = "";
            form->args->given_count = 1;
            form->use = run_use_of(command, form->args);
            if (form->use != LEDGER_UNUSED && !done[form->use]) {
                done[form->use] = true;
                put_operation(writer, form);
            }
            form->args->given_count = 0;
        }
    }
}

static void put_command(struct writer *writer, const struct command *command)
{
    char path[OPENAPI_NAME_BYTES_MAX];
    bool done[3] = {false};
    bool opened = false;
    struct str lines = str_from(command->synopsis);
    do {
        struct openapi_form form;
        const struct str line = str_cut(&lines, '\n');
        read_form(writer, command, line, &form);
        /* Options apart, what reads a path of the server's machine is not offered. */
        struct str words = line;
        const size_t options_at = str_find(line, STR("--"));
        words.size = options_at < words.size ? options_at : words.size;
        if (str_find(words, STR("FILE")) != SIZE_MAX || str_find(line, STR("PATH")) != SIZE_MAX ||
            form.use == LEDGER_UNUSED) {
            continue;
        }
        if (!opened) {
            snprintf(path, sizeof path, "/api/v1/%s", command->name);
            json_name(writer->out, path);
            json_open_object(writer->out);
            opened = true;
        }
        put_form(writer, &form, done);
    } while (lines.size > 0);
    if (opened) {
        json_close_object(writer->out);
    }
}

/* ---- the document */

static void put_components(struct writer *writer, struct json components)
{
    struct text *const out = writer->out;
    struct json_cursor at = json_iter(components);
    struct str name;
    struct json value;
    json_open_object(out);
    while (json_next(&at, &name, &value)) {
        json_name_str(out, name);
        if (!str_equal(name, STR("schemas"))) {
            copy(writer, value);
            continue;
        }
        struct json_cursor inner = json_iter(value);
        json_open_object(out);
        while (json_next(&inner, &name, &value)) {
            json_name_str(out, name);
            copy(writer, value);
        }
        json_name(out, "outcome_row");
        openapi_put_outcome(out);
        json_close_object(out);
    }
    json_close_object(out);
}

static void put_paths(struct writer *writer, struct json paths)
{
    struct json_cursor at = json_iter(paths);
    struct str name;
    struct json value;
    json_open_object(writer->out);
    while (json_next(&at, &name, &value)) {
        json_name_str(writer->out, name);
        copy(writer, value);
    }
    for (size_t i = 0; i < run_table_count; i++) {
        put_command(writer, run_table[i]);
    }
    json_close_object(writer->out);
}

static void put_info(struct writer *writer, struct json info)
{
    struct json_cursor at = json_iter(info);
    struct str name;
    struct json value;
    json_open_object(writer->out);
    while (json_next(&at, &name, &value)) {
        json_name_str(writer->out, name);
        if (str_equal(name, STR("version"))) {
            json_put_text(writer->out, BURSAR_VERSION);
        } else {
            copy(writer, value);
        }
    }
    json_close_object(writer->out);
}

void openapi_write(struct text *out)
{
    CHECK(out != NULL);
    const struct str text = {(const char *)openapi_text, openapi_text_size};
    struct json_parser *parser = NULL;
    struct json root;
    struct err err;
    struct writer writer = {.out = out};
    arena_init(&writer.arena, ARENA_BYTES_MAX);
    json_parser_create(&parser, openapi_text_size);
    CHECK(json_parse(parser, text, text.size, &root, &err) == ERR_OK); /* built in */
    writer.schemas = json_path(root, "components.schemas");
    struct json_cursor at = json_iter(root);
    struct str name;
    struct json value;
    json_open_object(out);
    while (json_next(&at, &name, &value)) {
        json_name_str(out, name);
        if (str_equal(name, STR("info"))) {
            put_info(&writer, value);
        } else if (str_equal(name, STR("paths"))) {
            put_paths(&writer, value);
        } else if (str_equal(name, STR("components"))) {
            put_components(&writer, value);
        } else {
            copy(&writer, value);
        }
    }
    json_close_object(out);
    CHECK(!text_is_full(out));
    json_parser_destroy(&parser);
    arena_deinit(&writer.arena);
}

void serve_openapi(struct serve *serve, const struct net_request *request,
                   const struct serve_caller *caller, struct net_reply *reply)
{
    CHECK(serve != NULL);
    CHECK(caller != NULL);
    if (!caller->has_key && !serve_is_addressed(serve, request)) {
        serve_refuse(reply, 403, "the host field names another server");
    } else if (request->head->method != HTTP_GET && request->head->method != HTTP_HEAD) {
        serve_refuse(reply, 405, "this path is for GET");
    } else {
        net_reply_send(reply, &(struct net_response){.status = 200,
                                                     .content_type = STR("application/json"),
                                                     .body = text_str(&serve->description)});
    }
}
