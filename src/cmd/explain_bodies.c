/* What was kept of a case's calls, on the page: how many, or each with its texts. */
#include "cmd/explain_print_priv.h"

#include <limits.h>

#include "base/check.h"

enum { INDENT = 2, LINE_BYTES_MAX = 1 << 20 };

/* One line of the text so far, without control characters, and a new one at that depth. */
static void end_line(struct text *line, int depth, struct text *out)
{
    (void)page_put_foreign(out, text_str(line), INT_MAX);
    text_char(out, '\n');
    text_clear(line);
    text_repeat(line, ' ', (size_t)(4 + INDENT * depth));
}

/* Compact JSON, a member a line. */
static void print_json(struct str json, struct text *out)
{
    struct text line;
    int depth = 0;
    bool quoted = false;
    text_init(&line, 2 * json.size + LINE_BYTES_MAX);
    text_repeat(&line, ' ', 4);
    for (size_t i = 0; i < json.size; i++) {
        const char c = json.data[i];
        if (quoted) {
            text_char(&line, c);
            if (c == '\\' && i + 1 < json.size) {
                text_char(&line, json.data[++i]);
            }
            quoted = c != '"';
            continue;
        }
        const bool opens = c == '{' || c == '[';
        const bool closes = c == '}' || c == ']';
        const bool is_empty =
            opens && i + 1 < json.size && (json.data[i + 1] == '}' || json.data[i + 1] == ']');
        if (closes) {
            end_line(&line, --depth, out);
        }
        text_char(&line, c);
        quoted = c == '"';
        if (is_empty) {
            text_char(&line, json.data[++i]);
        } else if (opens) {
            end_line(&line, ++depth, out);
        } else if (c == ',') {
            end_line(&line, depth, out);
        } else if (c == ':') {
            text_char(&line, ' ');
        }
    }
    end_line(&line, 0, out);
    text_deinit(&line);
}

void page_print_bodies(const struct page *page, const struct explain *explain, bool with_bodies)
{
    CHECK(page != NULL);
    struct text *const out = page->out;
    if (explain->body_count > 0) {
        text_format(out, "\nOf %zu call%s the bodies are kept%s\n", explain->body_count,
                    explain->body_count == 1 ? "" : "s",
                    with_bodies ? ":" : "; --bodies shows them.");
    } else if (with_bodies) {
        text_add(out, STR("\nNo bodies are kept of it (docs/bodies.md).\n"));
    }
    for (size_t i = 0; with_bodies && i < explain->body_count; i++) {
        const struct explain_body *const body = &explain->bodies[i];
        text_format(out, "\n  attempt %lld, step %lld, kept until ", (long long)body->attempt,
                    (long long)body->number);
        page_put_time(out, body->ends_ns);
        text_char(out, '\n');
        print_json(body->document, out);
    }
    if (with_bodies && explain->bodies_damaged > 0) {
        text_format(out, "\n%lld damaged record%s left out: bytes changed on the disk.\n",
                    (long long)explain->bodies_damaged,
                    explain->bodies_damaged == 1 ? " was" : "s were");
    }
}
