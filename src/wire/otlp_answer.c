/*
 * The id of a response in the text of the response, for instrumentations that tell it nowhere else:
 * OpenInference gives a provider's answer whole as output.value. Nothing else of it is looked at.
 */
#include "base/check.h"
#include "wire/otlp_priv.h"

/* What says that an object is the answer of a provider, and not what a model was asked to write:
 * an id and a model, and what OpenAI or Anthropic call the answer itself. */
struct found {
    struct str id;
    bool has_model;
    bool has_answer;
};

/* Where the string ends that begins before `at`: its closing quote, or the end of the text. */
static size_t string_end(struct str text, size_t at)
{
    while (at < text.size && text.data[at] != '"') {
        at += text.data[at] == '\\' ? 2 : 1;
    }
    return at < text.size ? at : text.size;
}

static size_t skip_space(struct str text, size_t at)
{
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\n' ||
                              text.data[at] == '\r' || text.data[at] == '\t')) {
        at++;
    }
    return at;
}

/* A member of the object itself, its value beginning at `at`. */
static void take(struct str text, struct str name, size_t at, struct found *io)
{
    static const char *const answers[] = {"choices", "content", "output"};
    const bool is_string = at < text.size && text.data[at] == '"';
    const size_t end = is_string ? string_end(text, at + 1) : at;
    const struct str value = is_string && end < text.size
                                 ? (struct str){text.data + at + 1, end - at - 1}
                                 : (struct str){0};
    if (str_equal(name, STR("id")) && io->id.size == 0 && str_find(value, STR("\\")) == SIZE_MAX) {
        io->id = value;
    }
    io->has_model = io->has_model || (str_equal(name, STR("model")) && value.size > 0);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        io->has_answer = io->has_answer || (str_equal(name, str_from(answers[i])) &&
                                            at < text.size && text.data[at] == '[');
    }
}

struct str otlp_answer_id(struct str text)
{
    CHECK(text.data != NULL || text.size == 0);
    struct found found = {0};
    int64_t depth = 0;
    for (size_t at = 0; at < text.size; at++) {
        const char c = text.data[at];
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == '"') {
            const size_t begin = at + 1;
            at = string_end(text, begin);
            const size_t next = skip_space(text, at + 1);
            if (depth == 1 && next < text.size && text.data[next] == ':') {
                take(text, (struct str){text.data + begin, at - begin}, skip_space(text, next + 1),
                     &found);
            }
        }
    }
    return found.has_model && found.has_answer ? found.id : (struct str){0};
}
