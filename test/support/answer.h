/* answer: what a function of api/ said, as JSON. Made with answer_open(), ended with
 * answer_close(). */
#ifndef SUPPORT_ANSWER_H
#define SUPPORT_ANSWER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

struct answer {
    struct arena arena;
    struct text text;
    struct json_parser *parser;
    struct json root; /* once it was read */
    enum errc code;
    struct err err;
};

void answer_open(struct answer *answer);
/* Keep what the function returned; read the JSON when it is ERR_OK, else note why it is not. */
void answer_read(struct answer *answer, enum errc code);
void answer_close(struct answer *answer);

#endif
