/* err: texts fit, say one line, and carry their context; every error has a name and a status. */
#include "base/err.h"

#include "support/test.h"

static void a_text_that_is_too_long_is_cut(void)
{
    char long_text[2 * ERR_TEXT_BYTES_MAX];
    memset(long_text, 'a', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    struct err err;
    EXPECT(err_set(&err, ERR_RANGE, "%s", long_text) == ERR_RANGE);
    EXPECT(strlen(err.text) == ERR_TEXT_BYTES_MAX - 1);
    err_prefix(&err, "%s: ", "file.jsonl:7");
    EXPECT(strncmp(err.text, "file.jsonl:7: aaa", 17) == 0);
    EXPECT(strlen(err.text) == ERR_TEXT_BYTES_MAX - 1);
    err_prefix(&err, "%s", long_text);
    EXPECT(strlen(err.text) == ERR_TEXT_BYTES_MAX - 1);
}

static void hostile_text_stays_one_line_and_commands_no_terminal(void)
{
    struct err err;
    EXPECT(err_set(&err, ERR_SYNTAX, "\"%s\" is no number", "1\n2\033[2J\x7f\té") == ERR_SYNTAX);
    EXPECT(strcmp(err.text, "\"1?2?[2J??é\" is no number") == 0);
    err_prefix(&err, "%s: ", "a\nb");
    EXPECT(strcmp(err.text, "a?b: \"1?2?[2J??é\" is no number") == 0);
}

static void context_goes_in_front(void)
{
    struct err err;
    EXPECT(err_set(&err, ERR_SYNTAX, "not JSON") == ERR_SYNTAX);
    err_prefix(&err, "%s:%d: ", "log.jsonl", 12);
    EXPECT(err.code == ERR_SYNTAX);
    EXPECT(strcmp(err.text, "log.jsonl:12: not JSON") == 0);
}

static void every_error_has_a_name_a_text_and_a_status(void)
{
    for (int code = ERR_OK; code < ERR_COUNT; code++) {
        EXPECT(strlen(err_name((enum errc)code)) > 0);
        EXPECT(strlen(err_text((enum errc)code)) > 0);
        const int status = err_http_status((enum errc)code);
        EXPECT(code == ERR_OK ? status == 200 : status >= 400 && status < 600);
    }
    EXPECT(strcmp(err_name(ERR_NOT_FOUND), "NOT_FOUND") == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_text_that_is_too_long_is_cut),
        TEST(hostile_text_stays_one_line_and_commands_no_terminal),
        TEST(context_goes_in_front),
        TEST(every_error_has_a_name_a_text_and_a_status),
    };
    return test_main(tests, COUNT_OF(tests));
}
