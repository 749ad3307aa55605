/*
 * Goal: events come out the same however their bytes were cut, and none that is not whole.
 * Method: streams as providers send them, in pieces of every size.
 */
#include <stdio.h>

#include "support/test.h"
#include "wire/sse.h"

static struct err err;

/* All events as "name|data;" and their bytes, read in pieces of `step`. */
static bool read_all(struct str stream, size_t step, struct text *out, struct text *bytes)
{
    struct sse sse;
    bool fine = true;
    sse_init(&sse);
    for (size_t at = 0; at < stream.size && fine; at += step) {
        struct str piece = {stream.data + at, stream.size - at < step ? stream.size - at : step};
        bool has = true;
        while (fine && has) {
            struct sse_event event;
            fine = sse_next(&sse, &piece, &event, &has, &err) == ERR_OK;
            if (fine && has) {
                text_format(out, STR_FORMAT "|" STR_FORMAT ";", STR_ARG(event.name),
                            STR_ARG(event.data));
                text_add(bytes, event.bytes);
            }
        }
    }
    text_format(out, "rest=" STR_FORMAT, STR_ARG(sse_rest(&sse)));
    sse_deinit(&sse);
    return fine;
}

/* Whether pieces of every size give `want`; LAST is what no event has. */
static bool gives(struct str stream, struct str last, struct str want)
{
    bool same = true;
    for (size_t step = 1; step <= stream.size && same; step++) {
        struct text out;
        struct text bytes;
        text_init(&out, 4096);
        text_init(&bytes, 4096);
        same = read_all(stream, step, &out, &bytes) && str_equal(text_str(&out), want) &&
               bytes.size + last.size == stream.size &&
               memcmp(bytes.data != NULL ? bytes.data : "", stream.data, bytes.size) == 0;
        if (!same) {
            test_note(out.data);
        }
        text_deinit(&out);
        text_deinit(&bytes);
    }
    return same;
}

static void what_is_not_whole_is_no_event(void)
{
    EXPECT(gives(STR("data: x\n"), STR("data: x\n"), STR("rest=data: x\n")));
    EXPECT(gives(STR("data: 1\n\ndata: 2"), STR("data: 2"), STR("|1;rest=data: 2")));
    EXPECT(gives(STR("event: a\ndata"), STR("event: a\ndata"), STR("rest=event: a\ndata")));
}

static void an_event_larger_than_the_limit_is_refused(void)
{
    static char large[1 << 20];
    struct sse sse;
    enum errc code = ERR_OK;
    memset(large, 'x', sizeof large);
    sse_init(&sse);
    for (int i = 0; i < 17 && code == ERR_OK; i++) {
        struct str piece = {large, sizeof large};
        struct sse_event event;
        bool has = true;
        code = sse_next(&sse, &piece, &event, &has, &err);
    }
    sse_deinit(&sse);
    EXPECT(code == ERR_LIMIT);
}

static void events_are_cut_at_blank_lines_of_every_kind(void)
{
    EXPECT(gives(STR("data: 1\n\ndata: 2\n\n"), STR(""), STR("|1;|2;rest=")));
    EXPECT(gives(STR("data: 1\r\n\r\ndata: 2\r\n\r\n"), STR(""), STR("|1;|2;rest=")));
    EXPECT(gives(STR("data: 1\r\rdata: 2\n\n"), STR(""), STR("|1;|2;rest=")));
    EXPECT(gives(STR("event: message_stop\ndata: {}\n\n"), STR(""), STR("message_stop|{};rest=")));
}

static void several_data_lines_are_joined_and_comments_left_out(void)
{
    EXPECT(gives(STR(": ping\n\ndata: a\ndata:b\ndata\n\n"), STR(""), STR("|;|a\nb\n;rest=")));
    EXPECT(gives(STR("\xEF\xBB\xBF"
                     "data: x\nid: 7\n\n"),
                 STR(""), STR("|x;rest=")));
    EXPECT(gives(STR("\n\ndata: x\n\n"), STR(""), STR("|;|;|x;rest=")));
}

int main(void)
{
    const struct test tests[] = {
        TEST(what_is_not_whole_is_no_event),
        TEST(an_event_larger_than_the_limit_is_refused),
        TEST(events_are_cut_at_blank_lines_of_every_kind),
        TEST(several_data_lines_are_joined_and_comments_left_out),
    };
    return test_main(tests, COUNT_OF(tests));
}
