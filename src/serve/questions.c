/*
 * Questions to the ledger and changes of it: one thread answers questions one after the other;
 * another makes changes, with the store of the inbox, which stands still meanwhile.
 */
#include "serve/questions_priv.h"

#include "app/run.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#define ANSWER_BYTES_MAX ((size_t)256 << 20)

enum { WAITING_MAX = 64 };

struct serve_question *serve_question_new(struct net_reply *reply)
{
    struct serve_question *const question = memory_new(struct serve_question);
    arena_init(&question->arena, ANSWER_BYTES_MAX);
    question->reply = reply;
    return question;
}

void serve_question_free(struct serve_question *question)
{
    arena_deinit(&question->arena);
    memory_free(question);
}

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

/* With the shared connection to the ledger, which a failed commit of a writer takes away. */
static enum errc run_reading(struct serve *serve, struct app *app, struct serve_question *question,
                             struct err *err)
{
    pthread_mutex_lock(&serve->reader_lock);
    app->ledger = serve->reader;
    enum errc code = ERR_OK;
    if (app->ledger == NULL) {
        code = err_set(err, ERR_BUSY, "the ledger cannot be opened at this moment; see the log");
    } else {
        code = store_begin(app->ledger, err); /* all it reads is of one moment */
    }
    if (code == ERR_OK) {
        code = run_command_line(app, question->word_count, question->words, err);
        store_rollback(app->ledger);
    }
    pthread_mutex_unlock(&serve->reader_lock);
    return code;
}

static void run_question(struct serve *serve, struct serve_question *question)
{
    struct text out;
    struct err err = {0};
    text_init(&out, ANSWER_BYTES_MAX);
    struct app app = *serve->app;
    const struct serve_config *const config = serve_config_take(serve);
    const bool writes = question->use == LEDGER_WRITTEN;
    /* a command typed here reads the file as it is, as it would without the server */
    app.settings = question->for_terminal ? NULL : config->settings;
    app.inbox = writes ? serve->inbox : NULL;
    app.cwd = question->cwd;
    app.no_paths = !question->for_terminal;
    app.actor = str_from(question->actor);
    app.stop = &serve->stopping;
    app.budget = serve->gateway.budget;
    app.bodies = serve->gateway.bodies;
    app.in_force = config->settings;
    app.arena = &question->arena;
    app.out = &out;
    app.now_ns = clock_now_ns();
    app.since_ns = INT64_MIN;
    app.until_ns = INT64_MAX;
    app.columns = question->columns;
    const enum errc code = writes
                               ? run_command_line(&app, question->word_count, question->words, &err)
                               : run_reading(serve, &app, question, &err);
    serve_config_give(serve, config);
    (question->for_terminal ? answer_terminal : answer_api)(question, code, &out, &err);
    atomic_fetch_add(writes ? &serve->changes.answered : &serve->questions.answered, 1);
    text_deinit(&out);
}

static void *run(void *context)
{
    struct serve_questions *const q = context;
    struct serve *const serve = q->serve;
    CHECK(serve != NULL);
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
        if (question->reply != NULL) {
            run_question(serve, question);
        } else {
            serve_figures_take(serve, &question->arena);
        }
        serve_question_free(question);
        pthread_mutex_lock(&q->lock);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

static void start(struct serve *serve, struct serve_questions *q)
{
    q->serve = serve;
    q->last = &q->first;
    CHECK(pthread_mutex_init(&q->lock, NULL) == 0);
    CHECK(pthread_cond_init(&q->asked, NULL) == 0);
    CHECK(pthread_create(&q->thread, NULL, run, q) == 0);
}

static void stop(struct serve_questions *q)
{
    pthread_mutex_lock(&q->lock);
    q->closing = true;
    pthread_cond_signal(&q->asked);
    pthread_mutex_unlock(&q->lock);
    CHECK(pthread_join(q->thread, NULL) == 0);
    pthread_cond_destroy(&q->asked);
    pthread_mutex_destroy(&q->lock);
}

void serve_questions_start(struct serve *serve)
{
    CHECK(serve != NULL);
    start(serve, &serve->questions);
    start(serve, &serve->changes);
}

void serve_questions_stop(struct serve *serve)
{
    CHECK(serve != NULL);
    stop(&serve->changes);
    stop(&serve->questions);
}

/* False: too much is waiting, and the question is still the caller's. */
static bool queue(struct serve_questions *q, struct serve_question *question)
{
    pthread_mutex_lock(&q->lock);
    const bool full = q->waiting >= WAITING_MAX || q->closing;
    if (!full) {
        q->waiting++;
        *q->last = question;
        q->last = &question->next;
        pthread_cond_signal(&q->asked);
    }
    pthread_mutex_unlock(&q->lock);
    return !full;
}

void serve_question_ask(struct serve *serve, struct serve_question *question)
{
    struct serve_questions *const q =
        question->use == LEDGER_WRITTEN ? &serve->changes : &serve->questions;
    if (!queue(q, question)) {
        atomic_fetch_add(&q->turned_away, 1);
        serve_refuse(question->reply, 503, "too many commands are waiting; try again");
        serve_question_free(question);
    }
}

bool serve_questions_ask_figures(struct serve *serve)
{
    CHECK(serve != NULL);
    struct serve_question *const question = serve_question_new(NULL);
    const bool queued = queue(&serve->questions, question);
    if (!queued) {
        serve_question_free(question);
    }
    return queued;
}
