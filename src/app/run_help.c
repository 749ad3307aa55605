/* What --help prints: of one command, and of all. */
#include "app/run_priv.h"

#include <stdio.h>

#include "base/check.h"

enum { HELP_COLUMNS = 79, HELP_INDENT = 23 };

/* Words of one paragraph, broken at HELP_COLUMNS; the first line has `used` columns already. */
static void print_wrapped(struct text *out, struct str words, size_t used, size_t indent)
{
    while (words.size > 0) {
        const struct str word = str_cut(&words, ' ');
        if (used > indent && used + 1 + word.size > HELP_COLUMNS) {
            text_char(out, '\n');
            text_repeat(out, ' ', indent);
            used = indent;
        } else if (used > indent) {
            text_char(out, ' ');
            used++;
        }
        text_add(out, word);
        used += word.size;
    }
    text_char(out, '\n');
}

static void print_options(struct text *out, const struct option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].value != NULL ? " " : "",
                 options[i].value != NULL ? options[i].value : "");
        text_format(out, "  %-20s ", left);
        print_wrapped(out, str_from(options[i].help), HELP_INDENT, HELP_INDENT);
    }
}

/* Paragraphs as they are written, but lines that go on join into one and are broken anew; a line
 * that begins with a blank stands as it is. */
static void print_about(struct text *out, struct str about)
{
    struct text paragraph;
    text_init(&paragraph, (size_t)16 << 10);
    while (about.size > 0) {
        const struct str line = str_cut(&about, '\n');
        const bool stands = line.size == 0 || line.data[0] == ' ';
        if (!stands) {
            text_format(&paragraph, "%s" STR_FORMAT, paragraph.size > 0 ? " " : "", STR_ARG(line));
        }
        if ((stands || about.size == 0) && paragraph.size > 0) {
            print_wrapped(out, text_str(&paragraph), 0, 0);
            text_clear(&paragraph);
        }
        if (stands) {
            text_add(out, line);
            text_char(out, '\n');
        }
    }
    text_deinit(&paragraph);
}

void run_print_help(struct text *out, const struct command *command)
{
    CHECK(command != NULL);
    struct str forms = str_from(command->synopsis);
    const char *lead = "usage:";
    do {
        const struct str form = str_cut(&forms, '\n');
        text_format(out, "%s bursar %s%s" STR_FORMAT "\n", lead, command->name,
                    form.size > 0 ? " " : "", STR_ARG(form));
        lead = "      ";
    } while (forms.size > 0);
    text_char(out, '\n');
    print_about(out, str_from(command->about));
    if (command->option_count > 0) {
        text_add(out, STR("\nOptions\n"));
        print_options(out, command->options, command->option_count);
    }
    text_add(out, STR("\nOptions of every command\n"));
    print_options(out, run_common_options, RUN_COMMON_OPTIONS);
    text_format(out, "\nExample\n  %s\n", command->example);
}

void run_print_overview(struct text *out)
{
    text_add(out, STR("bursar: what a token bought, and what the next one should\n\n"
                      "usage: bursar COMMAND [ARGUMENT …] [--home DIR] [--json] [--help]\n\n"));
    for (size_t i = 0; i < run_table_count; i++) {
        text_format(out, "  %-12s %s\n", run_table[i]->name, run_table[i]->summary);
    }
    text_add(out, STR("\nbursar COMMAND --help tells more, with an example.\n"
                      "First thing to type: bursar import ~/.claude && bursar report\n"));
}
