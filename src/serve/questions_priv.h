/* serve/questions_priv: a command line that somebody sent, on its way to the thread. */
#ifndef SERVE_QUESTIONS_PRIV_H
#define SERVE_QUESTIONS_PRIV_H

#include "serve/serve.h"

enum { SERVE_WORDS_MAX = ARGS_POSITIONAL_MAX + 64 };

struct serve_question {
    struct arena arena;
    struct net_reply *reply; /* NULL: the figures of the metrics are wanted */
    char *words[SERVE_WORDS_MAX];
    int word_count;
    int columns;
    bool for_terminal;
    enum ledger_use use;
    struct str cwd; /* of a terminal */
    char actor[SERVE_ACTOR_BYTES_MAX];
    struct serve_question *next;
};

/* reply  NULL: the figures of the metrics are wanted. */
struct serve_question *serve_question_new(struct net_reply *reply);
void serve_question_free(struct serve_question *question);

/* Put in line for the thread it is for, or answered with 503 and freed. */
void serve_question_ask(struct serve *serve, struct serve_question *question);

#endif
