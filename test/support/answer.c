#include "answer.h"

#include "test.h"

#define ANSWER_ARENA_BYTES_MAX ((size_t)64 << 20)
#define ANSWER_TEXT_BYTES_MAX  ((size_t)4 << 20)

void answer_open(struct answer *answer)
{
    *answer = (struct answer){0};
    arena_init(&answer->arena, ANSWER_ARENA_BYTES_MAX);
    text_init(&answer->text, ANSWER_TEXT_BYTES_MAX);
    json_parser_create(&answer->parser, ANSWER_TEXT_BYTES_MAX);
}

void answer_read(struct answer *answer, enum errc code)
{
    answer->code = code;
    if (code == ERR_OK) {
        answer->code = json_parse(answer->parser, text_str(&answer->text), answer->text.size,
                                  &answer->root, &answer->err);
    }
    if (answer->code != ERR_OK) {
        test_note(answer->err.text);
    }
}

void answer_close(struct answer *answer)
{
    json_parser_destroy(&answer->parser);
    text_deinit(&answer->text);
    arena_deinit(&answer->arena);
}
