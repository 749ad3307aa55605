/* Options and arguments of a command as parameters of a request. */
#include "serve/openapi_priv.h"

#include <stdio.h>

#include "base/check.h"
#include "base/json.h"

void openapi_put_member(struct text *out, const char *name, const char *value)
{
    json_name(out, name);
    json_put_text(out, value);
}

static void open_parameter(struct text *out, const char *name, bool is_needed)
{
    json_open_object(out);
    openapi_put_member(out, "name", name);
    openapi_put_member(out, "in", "query");
    json_name(out, "required");
    json_put_bool(out, is_needed);
}

/* Its schema: a value of that type, or a list of them. */
static void close_parameter(struct text *out, const char *type, bool many)
{
    json_name(out, "schema");
    json_open_object(out);
    openapi_put_member(out, "type", many ? "array" : type);
    if (many) {
        json_name(out, "items");
        json_open_object(out);
        openapi_put_member(out, "type", type);
        json_close_object(out);
    }
    json_close_object(out);
    json_close_object(out);
}

void openapi_put_option(struct text *out, const struct option *option)
{
    char description[512];
    snprintf(description, sizeof description, "%s%s%s", option->value != NULL ? option->value : "",
             option->value != NULL ? ": " : "", option->help);
    open_parameter(out, option->name + 2, false);
    openapi_put_member(out, "description", description);
    if (option->value == NULL) {
        json_name(out, "allowEmptyValue");
        json_put_bool(out, true);
    }
    close_parameter(out, option->value == NULL ? "boolean" : "string", false);
}

bool openapi_is_offered(const struct option *option)
{
    return option->value == NULL || strstr(option->value, "FILE") == NULL ||
           strstr(option->value, "|") != NULL;
}

/* "[WORKFLOW]" -> "workflow", or "arg" where the command has no such parameter. */
static void argument_name(const struct command *command, struct str word,
                          char name[static OPENAPI_NAME_BYTES_MAX], bool *out_needed,
                          bool *out_many)
{
    size_t size = 0;
    *out_needed = word.data[0] != '[';
    *out_many = str_find(word, STR("…")) != SIZE_MAX;
    for (size_t i = 0; i < word.size && size < OPENAPI_NAME_BYTES_MAX - 1; i++) {
        const char c = word.data[i];
        if (c >= 'A' && c <= 'Z') {
            name[size++] = (char)(c - 'A' + 'a');
        }
    }
    name[size] = '\0';
    if (!run_is_argument(command, (struct str){name, size})) {
        memcpy(name, "arg", sizeof "arg");
    }
}

/* Arguments of a form that has words of its own, in their order, as ?arg=update&arg=… */
static void put_words(struct text *out, const struct openapi_form *form)
{
    char description[256];
    snprintf(description, sizeof description, "In this order: " STR_FORMAT, STR_ARG(form->line));
    open_parameter(out, "arg", form->args->positional_count > 0);
    openapi_put_member(out, "description", description);
    json_name(out, "explode");
    json_put_bool(out, true);
    close_parameter(out, "string", true);
}

bool openapi_is_word(struct str word)
{
    CHECK(word.size > 0);
    const char c = word.data[word.data[0] == '[' && word.size > 1];
    return c >= 'a' && c <= 'z';
}

void openapi_put_arguments(struct text *out, const struct openapi_form *form)
{
    struct str rest = form->line;
    bool has_words = form->args->positional_count > 0;
    while (rest.size > 0 && !has_words) {
        char name[OPENAPI_NAME_BYTES_MAX];
        bool needed = false;
        bool many = false;
        const struct str word = str_cut(&rest, ' ');
        if (word.size == 0 || str_find(word, STR("--")) != SIZE_MAX) {
            return;
        }
        if (openapi_is_word(word)) {
            continue;
        }
        argument_name(form->command, word, name, &needed, &many);
        open_parameter(out, name, needed);
        close_parameter(out, "string", many);
    }
    if (has_words) {
        put_words(out, form);
    }
}
