/*
 * Requests over HTTP as command lines, so that an answer is what the command prints.
 *
 *     GET /api/v1/route?workflow=leads&cascade  ->  bursar route --cascade --json -- leads
 *     POST /api/v1/price?arg=update&apply  ->  bursar price --apply --json -- update
 *     POST /api/v1/run {"argv": [...], "columns": 80}  ->  what a terminal shows; for commands
 * typed while the server holds the ledger, which show its token
 */
#include "serve/questions_priv.h"

#include <openssl/crypto.h>

#include "app/run.h"
#include "base/check.h"
#include "base/json.h"

#define QUESTION_BYTES_MAX ((size_t)2 << 20)

enum { COLUMNS_MAX = 500 };

static const struct str api_prefix = STR_STATIC("/api/v1/");

/* Whether the command reads or writes the ledger, whatever its arguments or with some. */
static bool is_served(struct str name)
{
    const struct command *const command = run_find(name);
    return command != NULL && (command->reads_ledger || command->use != NULL);
}

static bool add_word(struct serve_question *question, struct str word)
{
    const struct str copy = arena_copy(&question->arena, word);
    if (copy.data == NULL || question->word_count == SERVE_WORDS_MAX ||
        memchr(copy.data, '\0', copy.size) != NULL) {
        return false;
    }
    question->words[question->word_count++] = (char *)(uintptr_t)copy.data;
    return true;
}

/* The flag that a parameter is, or NULL. */
static const struct option *flag_named(const struct command *command, struct str name)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct option *const option = &command->options[i];
        if (option->value == NULL && str_equal(name, str_from(option->name + 2))) {
            return option;
        }
    }
    return NULL;
}

/* A flag is said by its name alone, or with true or false. */
static bool add_flag(struct serve_question *question, const struct option *flag, struct str value)
{
    if (value.size == 0 || str_equal(value, STR("true")) || str_equal(value, STR("1"))) {
        return add_word(question, str_from(flag->name));
    }
    return str_equal(value, STR("false")) || str_equal(value, STR("0"));
}

/* One name=value of the query as a word of the command line; arguments go behind. */
static bool add_parameter(struct serve_question *question, const struct command *command,
                          struct str name, struct str value, bool positional)
{
    char *const text = arena_new(&question->arena, char, name.size + value.size + 8);
    if (text == NULL) {
        return false;
    }
    if (run_is_argument(command, name) != positional) {
        return true;
    }
    const struct option *const flag = flag_named(command, name);
    if (flag != NULL) {
        return add_flag(question, flag, value);
    }
    size_t size = 0;
    if (!positional) {
        const size_t decoded = http_decode(name, true, text + 2, name.size);
        if (decoded == SIZE_MAX) {
            return false;
        }
        text[0] = text[1] = '-';
        size = 2 + decoded;
    }
    if (!positional && value.size > 0) {
        text[size++] = '=';
    }
    const size_t decoded = http_decode(value, true, text + size, value.size);
    return decoded != SIZE_MAX && add_word(question, (struct str){text, size + decoded});
}

static bool read_query(struct serve_question *question, const struct command *command,
                       struct str query, bool positional)
{
    struct str name;
    struct str value;
    while (http_query_next(&query, &name, &value)) {
        if (!add_parameter(question, command, name, value, positional)) {
            return false;
        }
    }
    return true;
}

/* Whether a web page cannot have sent this without being asked first: a form has another type. */
static bool is_deliberate(const struct net_request *request)
{
    return serve_is_type(http_field(request->head, STR("content-type")), STR("application/json"));
}

/* Ask, when the method goes with what the command does. */
static void ask_with_method(struct serve *serve, const struct net_request *request,
                            const struct serve_caller *caller, struct serve_question *question,
                            struct net_reply *reply)
{
    struct err err;
    const enum http_method method = request->head->method;
    const enum errc code =
        run_use(&question->arena, question->word_count, question->words, &question->use, &err);
    int status = 0;
    const char *said = "";
    if (code != ERR_OK) {
        status = err_http_status(code);
        said = err.text;
    } else if (question->use == LEDGER_UNUSED) {
        status = 404;
        said = "this form of the command does without the ledger; the server does not run it";
    } else if (question->use == LEDGER_READ && method != HTTP_GET) {
        status = 405;
        said = "reports are for GET";
    } else if (question->use == LEDGER_WRITTEN && method != HTTP_POST) {
        status = 405;
        said = "what writes is for POST";
    } else if (question->use == LEDGER_WRITTEN && !is_deliberate(request)) {
        status = 415;
        said = "what writes wants content-type application/json; the body may be empty";
    } else if (question->use == LEDGER_WRITTEN && caller->workflow[0] != '\0') {
        status = 403; /* a command could name any */
        said = "a key bound to a workflow writes by POST /api/v1/outcomes and telemetry alone";
    } else if (caller->has_key &&
               run_confides(&question->arena, question->word_count, question->words)) {
        const bool may = caller->role == ROLE_APPROVER || caller->role == ROLE_ADMIN;
        status = may && caller->workflow[0] == '\0' ? 0 : 403;
        said = may ? "a key bound to a workflow reads no bodies"
                   : "this key may not read bodies; that takes the role approver or admin";
    }
    if (status == 0) {
        serve_question_ask(serve, question);
    } else {
        serve_refuse(reply, status, said);
        serve_question_free(question);
    }
}

static void ask_api(struct serve *serve, const struct net_request *request,
                    const struct serve_caller *caller, struct str name, struct net_reply *reply)
{
    struct serve_question *const question = serve_question_new(reply);
    const struct command *const command = run_find(name);
    const struct str query = request->head->query;
    CHECK(command != NULL);
    (void)serve_actor(request, caller, question->actor);
    if (!add_word(question, STR("bursar")) || !add_word(question, name) ||
        !add_word(question, STR("--json")) || !read_query(question, command, query, false) ||
        !add_word(question, STR("--")) || !read_query(question, command, query, true)) {
        serve_question_free(question);
        serve_refuse(reply, 400, "the query is malformed or too long");
        return;
    }
    ask_with_method(serve, request, caller, question, reply);
}

/* Whether the request shows the token of serve.json. */
static bool shows_token(const struct serve *serve, const struct net_request *request)
{
    const struct str field = http_field(request->head, STR("authorization"));
    const struct str bearer = STR("Bearer ");
    const size_t size = sizeof serve->token - 1;
    return request->peer_is_loopback && str_starts_with(field, bearer) &&
           field.size == bearer.size + size &&
           CRYPTO_memcmp(field.data + bearer.size, serve->token, size) == 0;
}

static bool read_words(struct serve_question *question, struct json root)
{
    struct json_cursor at = json_iter(json_get(root, "argv"));
    struct json word;
    bool good = add_word(question, STR("bursar"));
    while (good && json_next(&at, NULL, &word)) {
        good = json_kind(word) == JSON_STRING && add_word(question, json_str(word));
    }
    const int64_t columns = json_int64(json_get(root, "columns"), 0);
    question->columns = columns >= 0 && columns <= COLUMNS_MAX ? (int)columns : 0;
    question->for_terminal = true;
    question->cwd = arena_copy(&question->arena, json_str(json_get(root, "cwd")));
    struct err err;
    return good && question->word_count > 1 && is_served(str_from(question->words[1])) &&
           question->cwd.data != NULL &&
           run_use(&question->arena, question->word_count, question->words, &question->use, &err) ==
               ERR_OK &&
           question->use != LEDGER_UNUSED;
}

static void ask_terminal(struct serve *serve, const struct net_request *request,
                         struct net_reply *reply)
{
    struct err err;
    struct json root;
    struct json_parser *parser = NULL;
    if (!shows_token(serve, request)) {
        serve_refuse(reply, 401, "this path is for commands of this machine's owner");
        return;
    }
    struct serve_question *const question = serve_question_new(reply);
    json_parser_create(&parser, QUESTION_BYTES_MAX);
    const bool good =
        request->body.size <= QUESTION_BYTES_MAX &&
        json_parse(parser, request->body, request->body.size, &root, &err) == ERR_OK &&
        read_words(question, root);
    json_parser_destroy(&parser);
    if (good) {
        serve_question_ask(serve, question);
    } else {
        serve_question_free(question);
        serve_refuse(reply, 400, "not a command line that the server runs");
    }
}

bool serve_ask(struct serve *serve, const struct net_request *request,
               const struct serve_caller *caller, struct net_reply *reply)
{
    CHECK(serve != NULL);
    const struct str path = request->head->path;
    if (!str_starts_with(path, api_prefix)) {
        return false;
    }
    const struct str name = {path.data + api_prefix.size, path.size - api_prefix.size};
    const bool posts = request->head->method == HTTP_POST;
    if (str_equal(name, STR("openapi.json"))) {
        serve_openapi(serve, request, caller, reply);
    } else if (!caller->has_key && !serve_is_addressed(serve, request)) {
        serve_refuse(reply, 403, "the host field names another server");
    } else if (str_equal(name, STR("run")) && posts) {
        ask_terminal(serve, request, reply);
    } else if (!is_served(name)) {
        serve_refuse(reply, 404, "no such report; docs/server.md lists what there is");
    } else {
        ask_api(serve, request, caller, name, reply);
    }
    return true;
}
