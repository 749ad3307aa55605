/* Goal: the id of a response is found in a provider's own answer, and in nothing that a model was
 * asked to write. */
#include "support/test.h"
#include "wire/otlp_priv.h"

static void what_is_no_answer_of_a_provider_has_no_id(void)
{
    static const char *const texts[] = {
        "",
        "{",
        "\"",
        "{\"id\"",
        "{\"id\":",
        "{\"id\":\"",
        "{\"id\":\"chatcmpl-1\\",
        "Done.",
        "[{\"id\":\"chatcmpl-1\",\"model\":\"m\",\"choices\":[]}]",
        "{\"id\":\"customer-000123\",\"model\":\"T4\"}",
        "{\"id\":\"customer-000123\",\"choices\":[]}",
        "{\"id\":[\"langchain\"],\"model\":\"m\",\"choices\":[]}",
        "{\"id\":7,\"model\":\"m\",\"choices\":[]}",
        "{\"id\":\"a\\u0041\",\"model\":\"m\",\"choices\":[]}",
        "{\"model\":\"m\",\"choices\":[{\"id\":\"within\"}]}",
        "{\"model\":\"m\",\"choices\":[],\"text\":\"\\\"id\\\":\\\"quoted\\\"\"}",
        "{\"id\":\"x\",\"model\":\"m\",\"content\":\"text\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct str id = otlp_answer_id(str_from(texts[i]));
        EXPECT(id.size == 0);
    }
}

static void answers_of_both_providers_tell_theirs(void)
{
    static const char *const texts[] = {
        "{\"id\":\"call-1\",\"choices\":[{\"id\":\"no\"}],\"model\":\"m\"}",
        "{\"choices\": [{\"message\": {\"content\": \"}\\\"{[\"}}], \"id\": \"call-1\", \"model\": "
        "\"m\"}",
        "{ \"id\" : \"call-1\" , \"content\" : [ ] , \"model\" : \"m\" }",
        "{\"id\":\"call-1\",\"output\":[],\"model\":\"m\",\"id\":\"second\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        EXPECT(str_equal(otlp_answer_id(str_from(texts[i])), STR("call-1")));
    }
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_is_no_answer_of_a_provider_has_no_id),
        TEST(answers_of_both_providers_tell_theirs),
    };
    return test_main(tests, COUNT_OF(tests));
}
