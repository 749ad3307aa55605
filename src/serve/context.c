/* What of a request, beside its body, its steps may be attributed by. */
#include "wire/context.h"
#include "base/check.h"
#include "serve/serve.h"
#include "wire/correlation.h"

static void add_caller(const struct serve_caller *caller, struct text *out)
{
    const struct {
        const char *name;
        const char *value;
    } facts[] = {{"workflow", caller->workflow}, {"team", caller->team}, {"user", caller->user}};
    for (size_t i = 0; i < COUNT_OF(facts); i++) {
        if (facts[i].value[0] != '\0') {
            (void)context_add(out, STR("key."), str_from(facts[i].name), str_from(facts[i].value));
        }
    }
}

void serve_context(const struct correlation *correlation, const struct http_head *head,
                   const struct serve_caller *caller, struct text *out)
{
    static const char *const own[] = {"baggage", "x-bursar-workflow", "x-bursar-case",
                                      "x-bursar-attempt", "x-bursar-input-key"};
    const struct str prefix = STR("header.");
    CHECK(head != NULL);
    CHECK(caller != NULL);
    add_caller(caller, out);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *const field = &head->fields[i];
        bool is_kept = false;
        for (size_t k = 0; k < COUNT_OF(own) && !is_kept; k++) {
            is_kept = str_equal_fold(field->name, str_from(own[k]));
        }
        for (size_t k = 0; correlation != NULL && k < correlation->name_count && !is_kept; k++) {
            const struct str name = correlation->names[k];
            is_kept = str_starts_with(name, prefix) &&
                      str_equal_fold(field->name, (struct str){name.data + prefix.size,
                                                               name.size - prefix.size});
        }
        if (is_kept) {
            (void)context_add(out, prefix, field->name,
                              field->value); /* too long: as if not sent */
        }
    }
}
