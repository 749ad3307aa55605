/* answer: streams that are not known or no JSON are refused; pieces are joined; what broke off says
 * so. */
#include "bodies/bodies.h"

#include "support/test.h"

#define OUT_BYTES ((size_t)1 << 20)

static struct text out;
static bool is_whole;
static struct err err;

static enum errc assemble(enum provider_api api, const char *events)
{
    text_clear(&out);
    const enum errc code = bodies_assemble(api, str_from(events), &out, &is_whole, &err);
    test_note(code == ERR_OK ? out.data : err.text);
    return code;
}

static bool has(const char *part)
{
    return strstr(out.data, part) != NULL;
}

static void other_streams_are_refused(void)
{
    EXPECT(assemble(PROVIDER_OTHER, "data: {}\n\n") == ERR_UNSUPPORTED);
    EXPECT(assemble(PROVIDER_CHAT, "data: {\"a\":\n\n") == ERR_SYNTAX);
    EXPECT(assemble(PROVIDER_MESSAGES, "data: hello\n\n") == ERR_SYNTAX);
}

static void pieces_of_a_chat_are_joined(void)
{
    EXPECT(assemble(PROVIDER_CHAT,
                    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a@\"}}]}\n\n"
                    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b.com\"}}]}\n\n"
                    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
                    "\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\":\"}}]}}]"
                    "}\n\n"
                    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
                    "\"function\":{\"arguments\":\"1}\"}}]},\"finish_reason\":\"stop\"}]}\n\n"
                    "data: [DONE]\n\n") == ERR_OK);
    EXPECT(is_whole);
    EXPECT(has("\"text\":\"a@b.com\""));
    EXPECT(has("\"name\":\"f\",\"id\":\"c1\",\"arguments\":\"{\\\"x\\\":1}\""));
    EXPECT(has("\"stop\":\"stop\""));
}

static void blocks_of_messages_are_joined_and_open_ones_say_so(void)
{
    static const char begun[] =
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n"
        "data: "
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
        "\"thinking\":\"Hm\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\","
        "\"text\":\"so f\"}}\n\n"
        "data: {\"type\":\"content_bl";
    EXPECT(assemble(PROVIDER_MESSAGES, begun) == ERR_OK);
    EXPECT(!is_whole);
    EXPECT(has("\"kind\":\"thinking\",\"output\":0,\"text\":\"Hm\""));
    EXPECT(has("\"kind\":\"text\",\"output\":1,\"text_so_far\":\"so f\""));
}

static void a_response_that_is_told_whole_takes_the_place_of_its_pieces(void)
{
    EXPECT(assemble(PROVIDER_RESPONSES,
                    "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,"
                    "\"content_index\":0,\"delta\":\"Do\"}\n\n"
                    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":"
                    "[{\"text\":\"Done\"}]}}\n\n") == ERR_OK);
    EXPECT(is_whole);
    EXPECT(has("\"response\":{\"id\":\"r\",\"output\":[{\"text\":\"Done\"}]}"));
    EXPECT(!has("\"parts\""));
}

int main(void)
{
    static const struct test tests[] = {
        TEST(other_streams_are_refused),
        TEST(pieces_of_a_chat_are_joined),
        TEST(blocks_of_messages_are_joined_and_open_ones_say_so),
        TEST(a_response_that_is_told_whole_takes_the_place_of_its_pieces),
    };
    text_init(&out, OUT_BYTES);
    const int status = test_main(tests, COUNT_OF(tests));
    text_deinit(&out);
    return status;
}
