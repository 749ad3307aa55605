/* The schema of an outcome, from the names the import knows. */
#include "serve/openapi.h"

#include <stdio.h>

#include "base/check.h"
#include "ingest/outcome_body.h"

static void put_field(struct text *out, const struct outcome_field *field, const char *alias_of)
{
    static const struct {
        const char *type;
        const char *schema;
    } schemas[] = {
        {"text", "{\"type\":[\"string\",\"number\",\"null\"],\"maxLength\":4096"},
        {"status", "{\"type\":[\"string\",\"boolean\"],\"examples\":[\"resolved\",\"failed\","
                   "\"reopened\",\"escalated\"]"},
        {"money", "{\"type\":[\"number\",\"string\",\"null\"],\"description\":\"US dollars, not "
                  "negative; as text exact to the last digit\""},
        {"time", "{\"type\":[\"string\",\"null\"],\"description\":\"RFC 3339 or a date, UTC "
                 "without a zone\""},
        {"minutes", "{\"type\":[\"number\",\"string\",\"null\"],\"description\":\"of people's "
                    "work, not negative\""},
        {"number", "{\"type\":[\"number\",\"string\",\"null\"],\"description\":\"from 0 to 1\""},
    };
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        if (strcmp(schemas[i].type, field->type) == 0) {
            char text[512];
            const int size = alias_of != NULL
                                 ? snprintf(text, sizeof text, "%s,\"title\":\"same as %s\"}",
                                            schemas[i].schema, alias_of)
                                 : snprintf(text, sizeof text, "%s}", schemas[i].schema);
            CHECK(size > 0);
            CHECK((size_t)size < sizeof text);
            json_name(out, field->name);
            json_put_raw(out, str_from(text));
            return;
        }
    }
    CHECK(field->type == NULL); /* a type without a schema */
}

void openapi_put_outcome(struct text *out)
{
    CHECK(out != NULL);
    struct outcome_field field;
    const char *name = NULL;
    json_open_object(out);
    json_name(out, "type");
    json_put_text(out, "object");
    json_name(out, "description");
    json_put_text(out, "An outcome: columns and words of `bursar outcome import`.");
    json_name(out, "allOf");
    json_put_raw(out,
                 STR("[{\"anyOf\":[{\"required\":[\"case\"]},{\"required\":[\"case_id\"]}]},"
                     "{\"anyOf\":[{\"required\":[\"status\"]},{\"required\":[\"outcome\"]}]}]"));
    json_name(out, "properties");
    json_open_object(out);
    for (size_t i = 0; ingest_outcome_field(i, &field); i++) {
        put_field(out, &field, field.is_alias ? name : NULL);
        name = field.is_alias ? name : field.name;
    }
    json_close_object(out);
    json_close_object(out);
}
