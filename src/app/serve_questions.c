/*
 * Questions to the ledger: one thread runs them one after the other as command lines, so that an
 * answer over HTTP is what the command prints.
 *
 *     GET /api/v1/route?workflow=leads&cascade  ->  bursar route --cascade --json -- leads
 *     POST /api/v1/run {"argv": [...], "columns": 80}  ->  what a terminal shows; for commands
 * typed while the server holds the ledger, which show its token
 */
#include "app/serve.h"

#include <openssl/crypto.h>

#include "app/run.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#define QUESTION_BYTES_MAX ((size_t)64 << 10)
#define ANSWER_BYTES_MAX   ((size_t)256 << 20)

enum { WORDS_MAX = 64, WAITING_MAX = 64, COLUMNS_MAX = 500 };

static const struct str api_prefix = STR_STATIC("/api/v1/");

struct serve_question {
    struct arena arena;
    struct net_reply *reply;
    char *words[WORDS_MAX];
    int word_count;
    int columns;
    bool for_terminal;
    struct serve_question *next;
};

/* Commands that read the ledger and nothing else. */
static bool is_served(struct str name)
{
    const struct command *const command = run_find(name);
    return command != NULL && command->reads_ledger;
}

static struct serve_question *new_question(struct net_reply *reply)
{
    struct serve_question *const question = memory_new(struct serve_question);
    arena_init(&question->arena, ANSWER_BYTES_MAX);
    question->reply = reply;
    return question;
}

static void free_question(struct serve_question *question)
{
    arena_deinit(&question->arena);
    memory_free(question);
}

static bool add_word(struct serve_question *question, struct str word)
{
    const struct str copy = arena_copy(&question->arena, word);
    if (copy.data == NULL || question->word_count == WORDS_MAX ||
        memchr(copy.data, '\0', copy.size) != NULL) {
        return false;
    }
    question->words[question->word_count++] = (char *)(uintptr_t)copy.data;
    return true;
}

/* ---- the thread */

static void answer_api(const struct serve_question *question, enum errc code,
                       const struct text *out, const struct err *err)
{
    if (code != ERR_OK) {
        serve_refuse(question->reply, err_http_status(code), err->text);
        return;
    }
    net_reply_send(question->reply, &(struct net_response){.status = 200,
                                                           .content_type = STR("application/json"),
                                                           .body = text_str(out)});
}

static void answer_terminal(const struct serve_question *question, enum errc code,
                            const struct text *out, const struct err *err)
{
    struct text body;
    text_init(&body, 2 * ANSWER_BYTES_MAX);
    json_open_object(&body);
    json_name(&body, "status");
    json_put_int64(&body, code == ERR_OK ? 0 : code == ERR_USAGE ? 2 : 1);
    json_name(&body, "out");
    json_put_str(&body, text_str(out));
    json_name(&body, "error");
    json_put_text(&body, code == ERR_OK ? "" : err->text);
    json_close_object(&body);
    net_reply_send(question->reply, &(struct net_response){.status = 200,
                                                           .content_type = STR("application/json"),
                                                           .body = text_str(&body)});
    text_deinit(&body);
}

static void run_question(struct serve *serve, struct serve_question *question)
{
    struct text out;
    struct err err = {0};
    text_init(&out, ANSWER_BYTES_MAX);
    struct app app = *serve->app;
    const struct serve_config *const config = serve_config_take(serve);
    /* a command typed here reads the file as it is, as it would without the server */
    app.settings = question->for_terminal ? NULL : config->settings;
    app.ledger = serve->reader;
    app.arena = &question->arena;
    app.out = &out;
    app.now_ns = clock_now_ns();
    app.since_ns = INT64_MIN;
    app.until_ns = INT64_MAX;
    app.columns = question->columns;
    const enum errc code = run_command_line(&app, question->word_count, question->words, &err);
    serve_config_give(serve, config);
    (question->for_terminal ? answer_terminal : answer_api)(question, code, &out, &err);
    atomic_fetch_add(&serve->questions.answered, 1);
    text_deinit(&out);
}

static void *run(void *context)
{
    struct serve *const serve = context;
    struct serve_questions *const q = &serve->questions;
    pthread_mutex_lock(&q->lock);
    while (true) {
        while (q->first == NULL && !q->closing) {
            pthread_cond_wait(&q->asked, &q->lock);
        }
        struct serve_question *const question = q->first;
        if (question == NULL) {
            break;
        }
        q->first = question->next;
        q->last = q->first == NULL ? &q->first : q->last;
        q->waiting--;
        pthread_mutex_unlock(&q->lock);
        run_question(serve, question);
        free_question(question);
        pthread_mutex_lock(&q->lock);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

void serve_questions_start(struct serve *serve)
{
    struct serve_questions *const q = &serve->questions;
    q->last = &q->first;
    CHECK(pthread_mutex_init(&q->lock, NULL) == 0);
    CHECK(pthread_cond_init(&q->asked, NULL) == 0);
    CHECK(pthread_create(&q->thread, NULL, run, serve) == 0);
}

void serve_questions_stop(struct serve *serve)
{
    struct serve_questions *const q = &serve->questions;
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_signal(&q->asked);
    pthread_mutex_unlock(&q->lock);
    CHECK(pthread_join(q->thread, NULL) == 0);
    pthread_cond_destroy(&q->asked);
    pthread_mutex_destroy(&q->lock);
}

static void ask(struct serve *serve, struct serve_question *question)
{
    struct serve_questions *const q = &serve->questions;
    pthread_mutex_lock(&q->lock);
    const bool full = q->waiting >= WAITING_MAX || q->closing;
    if (!full) {
        q->waiting++;
        *q->last = question;
        q->last = &question->next;
        pthread_cond_signal(&q->asked);
    }
    pthread_mutex_unlock(&q->lock);
    if (full) {
        atomic_fetch_add(&q->turned_away, 1);
        serve_refuse(question->reply, 503, "too many questions are waiting; try again");
        free_question(question);
    }
}

/* ---- what is asked */

/* One name=value of the query as a word of the command line; positional ones go behind. */
static bool add_parameter(struct serve_question *question, struct str name, struct str value,
                          bool positional)
{
    static const char *const names_positional[] = {"workflow", "case", "scope", "model", "arg"};
    char *const text = arena_new(&question->arena, char, name.size + value.size + 8);
    if (text == NULL) {
        return false;
    }
    bool is_positional = false;
    for (size_t i = 0; i < COUNT_OF(names_positional); i++) {
        is_positional = is_positional || str_equal(name, str_from(names_positional[i]));
    }
    if (is_positional != positional) {
        return true;
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

static bool read_query(struct serve_question *question, struct str query, bool positional)
{
    struct str name;
    struct str value;
    while (http_query_next(&query, &name, &value)) {
        if (!add_parameter(question, name, value, positional)) {
            return false;
        }
    }
    return true;
}

static void ask_api(struct serve *serve, const struct net_request *request, struct str command,
                    struct net_reply *reply)
{
    struct serve_question *const question = new_question(reply);
    const struct str query = request->head->query;
    if (!add_word(question, STR("bursar")) || !add_word(question, command) ||
        !add_word(question, STR("--json")) || !read_query(question, query, false) ||
        !add_word(question, STR("--")) || !read_query(question, query, true)) {
        free_question(question);
        serve_refuse(reply, 400, "the query is malformed or too long");
        return;
    }
    ask(serve, question);
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
    return good && question->word_count > 1 && is_served(str_from(question->words[1]));
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
    struct serve_question *const question = new_question(reply);
    json_parser_create(&parser, QUESTION_BYTES_MAX);
    const bool good =
        request->body.size <= QUESTION_BYTES_MAX &&
        json_parse(parser, request->body, request->body.size, &root, &err) == ERR_OK &&
        read_words(question, root);
    json_parser_destroy(&parser);
    if (good) {
        ask(serve, question);
    } else {
        free_question(question);
        serve_refuse(reply, 400, "not a command line that the server runs");
    }
}

/* Whether the request was meant for this server: a page of another site that has its name point
 * here (DNS rebinding) sends that name. */
static bool is_for_us(const struct serve *serve, const struct net_request *request)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    struct str host = http_field(request->head, STR("host"));
    const size_t port = host.size > 0 && host.data[host.size - 1] != ']' ? host.size : 0;
    for (size_t i = port; i > 0; i--) {
        if (host.data[i - 1] == ':') {
            host.size = i - 1;
            break;
        }
    }
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_equal_fold(host, str_from(names[i]))) {
            return true;
        }
    }
    return str_equal_fold(host, str_from(serve->host));
}

bool serve_question(struct serve *serve, const struct net_request *request,
                    const struct serve_caller *caller, struct net_reply *reply)
{
    CHECK(serve != NULL);
    const struct str path = request->head->path;
    if (!str_starts_with(path, api_prefix)) {
        return false;
    }
    const struct str name = {path.data + api_prefix.size, path.size - api_prefix.size};
    const bool posts = request->head->method == HTTP_POST;
    if (!caller->has_key && !is_for_us(serve, request)) {
        serve_refuse(reply, 403, "the host field names another server");
    } else if (str_equal(name, STR("run")) && posts) {
        ask_terminal(serve, request, reply);
    } else if (!is_served(name)) {
        serve_refuse(reply, 404, "no such report; docs/server.md lists what there is");
    } else if (request->head->method != HTTP_GET) {
        serve_refuse(reply, 405, "reports are for GET");
    } else {
        ask_api(serve, request, name, reply);
    }
    return true;
}
