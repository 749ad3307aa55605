#include "app/remote.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

#define CARD_BYTES_MAX   ((size_t)4 << 10)
#define ANSWER_BYTES_MAX ((size_t)600 << 20)
#define ARENA_BYTES_MAX  ((size_t)1 << 20)

/* What serve.json says. */
struct card {
    struct sockaddr_storage address;
    socklen_t address_size;
    struct str host;
    struct str token;
};

static bool read_card(const struct app *app, struct arena *arena, struct json_parser *parser,
                      struct card *out)
{
    char path[4096];
    struct str text;
    struct err err;
    struct json root;
    snprintf(path, sizeof path, STR_FORMAT "/serve.json", STR_ARG(app->home));
    if (file_read(str_from(path), CARD_BYTES_MAX, arena, &text, &err) != ERR_OK ||
        json_parse(parser, text, text.size, &root, &err) != ERR_OK) {
        return false;
    }
    const int64_t own_port = json_int64(json_get(root, "commands_port"), 0);
    const int64_t port = own_port > 0 ? own_port : json_int64(json_get(root, "port"), 0);
    const struct str host = json_str(json_get(root, "address"));
    out->host = arena_copy(arena, own_port > 0 ? STR("127.0.0.1") : host);
    out->token = arena_copy(arena, json_str(json_get(root, "token")));
    if (out->host.data == NULL || out->token.data == NULL || port < 1 || port > 65535) {
        return false;
    }
    struct sockaddr_in *const v4 = (struct sockaddr_in *)&out->address;
    struct sockaddr_in6 *const v6 = (struct sockaddr_in6 *)&out->address;
    if (inet_pton(AF_INET, out->host.data, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        out->address_size = sizeof *v4;
    } else if (inet_pton(AF_INET6, out->host.data, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        out->address_size = sizeof *v6;
    }
    return out->address_size > 0;
}

/* A connection; -1: nobody is there, serve.json is of a server that ended without a word. */
static int dial(const struct card *card)
{
    const int fd = socket(card->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&card->address, card->address_size) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool remote_is_there(const struct app *app)
{
    CHECK(app != NULL);
    struct arena arena;
    struct json_parser *parser = NULL;
    struct card card = {0};
    arena_init(&arena, ARENA_BYTES_MAX);
    json_parser_create(&parser, CARD_BYTES_MAX);
    const int fd = read_card(app, &arena, parser, &card) ? dial(&card) : -1;
    if (fd >= 0) {
        close(fd);
    }
    json_parser_destroy(&parser);
    arena_deinit(&arena);
    return fd >= 0;
}

static bool send_all(int fd, struct str bytes)
{
    while (bytes.size > 0) {
        const ssize_t sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes = (struct str){bytes.data + sent, bytes.size - (size_t)sent};
    }
    return true;
}

static bool send_request(int fd, const struct app *app, const struct card *card, int argc,
                         char **argv, int at)
{
    char cwd[4096];
    struct text body;
    struct text all;
    text_init(&body, (size_t)1 << 20);
    text_init(&all, (size_t)2 << 20);
    json_open_object(&body);
    json_name(&body, "columns");
    json_put_int64(&body, app->columns);
    json_name(&body, "cwd");
    json_put_text(&body, getcwd(cwd, sizeof cwd) != NULL ? cwd : "");
    json_name(&body, "argv");
    json_open_array(&body);
    json_put_text(&body, argv[at]); /* the command's name, then what stood before and behind it */
    for (int i = 1; i < argc; i++) {
        if (i != at) {
            json_put_text(&body, argv[i]);
        }
    }
    json_close_array(&body);
    json_close_object(&body);
    text_format(&all,
                "POST /api/v1/run HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                "Authorization: Bearer " STR_FORMAT "\r\nContent-Length: %zu\r\n\r\n",
                STR_ARG(card->token), body.size);
    text_add(&all, text_str(&body));
    const bool sent = !text_is_full(&all) && send_all(fd, text_str(&all));
    text_deinit(&body);
    text_deinit(&all);
    return sent;
}

static void receive(int fd, struct text *out)
{
    char piece[65536];
    ssize_t got = 0;
    while ((got = recv(fd, piece, sizeof piece, 0)) > 0) {
        text_add(out, (struct str){piece, (size_t)got});
    }
}

/* {"status", "out", "error"} behind the head of the answer. */
static enum errc read_answer(struct app *app, const struct text *answer, enum ledger_use use,
                             struct err *err)
{
    static const struct str ok = STR_STATIC("HTTP/1.1 200 ");
    const struct str all = text_str(answer);
    const size_t head = str_find(all, STR("\r\n\r\n"));
    struct json_parser *parser = NULL;
    struct json root;
    if (head == SIZE_MAX && use == LEDGER_WRITTEN) {
        return err_set(err, ERR_BUSY,
                       "the server that holds the ledger ended before it answered; run the command "
                       "again: what it has written is not written twice");
    }
    if (head == SIZE_MAX || !str_starts_with(all, ok)) {
        return err_set(err, ERR_BUSY,
                       "the server that holds the ledger did not answer; see what it says, or "
                       "stop it");
    }
    const struct str body = {all.data + head + 4, all.size - head - 4};
    json_parser_create(&parser, ANSWER_BYTES_MAX);
    enum errc code = json_parse(parser, body, body.size, &root, err);
    if (code == ERR_OK) {
        const int64_t status = json_int64(json_get(root, "status"), 1);
        text_add(app->out, json_str(json_get(root, "out")));
        if (status != 0) {
            code = err_set(err, status == 2 ? ERR_USAGE : ERR_STORE, STR_FORMAT,
                           STR_ARG(json_str(json_get(root, "error"))));
        }
    }
    json_parser_destroy(&parser);
    return code;
}

enum errc remote_run(struct app *app, int argc, char **argv, int at, enum ledger_use use,
                     bool *out_ran, struct err *err)
{
    CHECK(app != NULL);
    CHECK(out_ran != NULL);
    struct arena arena;
    struct card card = {0};
    struct json_parser *parser = NULL;
    enum errc code = ERR_OK;
    arena_init(&arena, ARENA_BYTES_MAX);
    json_parser_create(&parser, CARD_BYTES_MAX);
    const int fd = read_card(app, &arena, parser, &card) ? dial(&card) : -1;
    *out_ran = fd >= 0;
    if (fd >= 0) {
        struct text answer;
        text_init(&answer, ANSWER_BYTES_MAX);
        if (send_request(fd, app, &card, argc, argv, at)) {
            receive(fd, &answer);
        }
        code = read_answer(app, &answer, use, err);
        text_deinit(&answer);
        close(fd);
    }
    json_parser_destroy(&parser);
    arena_deinit(&arena);
    return code;
}
