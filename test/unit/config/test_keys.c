/* The tables bursar.yaml is read by, against its documents: the list of every key is drawn from
 * them (UPDATE=1 rewrites it), and what the manuals show as YAML is read without an error. */
#include "config/config_priv.h"

#include <stdio.h>

#include "base/text.h"
#include "support/golden.h"
#include "support/test.h"

#define PAGE_BYTES_MAX ((size_t)64 << 10)
#define ARENA_BYTES    ((size_t)1 << 20)
#define PATH_BYTES_MAX 200

static const char *const head =
    "# Every key of bursar.yaml\n\n"
    "What each means is in [configuration](configuration.md), [gateway](gateway.md) and "
    "[correlation](correlation.md). `NAME` stands for a name of yours, `[]` for each entry of a "
    "list; needed is meant within what it stands in.\n\n"
    "| key | allowed | without it |\n|---|---|---|\n";

static void put_words(struct text *out, const char *const *words, const char *behind)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        text_format(out, "%s%s%s", i > 0 ? ", " : "", words[i], behind);
    }
}

static void put_allowed(struct text *out, const struct config_field *field)
{
    switch (field->type) {
    case CONFIG_TEXT:
    case CONFIG_OWN:
        text_add(out, str_from(field->allowed != NULL ? field->allowed : "a text"));
        return;
    case CONFIG_TEXTS:
        text_add(out, STR("a text, or a list of them"));
        return;
    case CONFIG_URL:
        put_words(out, field->words, "…");
        return;
    case CONFIG_FLAG:
        text_add(out, STR("true, false"));
        return;
    case CONFIG_EITHER:
    case CONFIG_WORD:
        put_words(out, field->words, "");
        return;
    case CONFIG_MONEY:
        text_add(out, STR("USD"));
        return;
    case CONFIG_NUMBER:
        text_format(out, "%g to %g", field->low, field->high);
        return;
    case CONFIG_COUNT:
        text_format(out, "%lld to %lld", (long long)field->low, (long long)field->high);
        return;
    case CONFIG_MINUTES:
        text_add(out, STR("minutes"));
        return;
    case CONFIG_HOURS:
        text_add(out, STR("hours"));
        return;
    case CONFIG_GROUP:
    case CONFIG_LIST:
    case CONFIG_NAMED:
        return;
    }
}

static const char *without(const struct config_field *field)
{
    if (field->required) {
        return "needed";
    }
    if (field->preset != NULL || field->absent != NULL) {
        return field->preset != NULL ? field->preset : field->absent;
    }
    return field->type == CONFIG_FLAG ? "false" : "none";
}

/* As deep as the tables are. */
static void put_keys(struct text *out, const struct config_group *group, const char *prefix)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct config_field *const field = &group->fields[i];
        const bool is_group = field->type == CONFIG_GROUP || field->type == CONFIG_LIST ||
                              field->type == CONFIG_NAMED;
        char path[PATH_BYTES_MAX];
        if (!is_group) {
            text_format(out, "| `%s%s` | ", prefix, field->name);
            put_allowed(out, field);
            text_format(out, " | %s |\n", without(field));
        }
        if (field->group != NULL) {
            const bool is_list =
                field->type == CONFIG_LIST || (field->type == CONFIG_OWN && group != &config_rule &&
                                               field->group != &config_keeping);
            const int size = snprintf(path, sizeof path, "%s%s%s.", prefix, field->name,
                                      is_list                       ? "[]"
                                      : field->type == CONFIG_NAMED ? ".NAME"
                                                                    : "");
            CHECK(size > 0 && (size_t)size < sizeof path);
            put_keys(out, field->group, path);
        }
    }
}

static void the_document_lists_every_key(void)
{
    struct text page;
    text_init(&page, PAGE_BYTES_MAX);
    text_add(&page, str_from(head));
    put_keys(&page, &config_file, "");
    const bool same =
        !text_is_full(&page) && golden_same("../../docs/configuration-keys.md", text_str(&page));
    text_deinit(&page);
    EXPECT(same);
}

static void a_row_has_what_its_kind_needs_at_any_depth(void)
{
    static const struct config_group *groups[64] = {&config_file};
    size_t count = 1;
    bool right = true;
    for (size_t at = 0; at < count; at++) {
        for (size_t i = 0; i < groups[at]->count; i++) {
            const struct config_field *const field = &groups[at]->fields[i];
            const bool is_rows = field->type == CONFIG_LIST || field->type == CONFIG_NAMED;
            right = right && field->low <= field->high;
            right = right && (field->type != CONFIG_WORD || field->words != NULL);
            right = right && (field->type != CONFIG_EITHER || field->words != NULL);
            right = right && (field->type != CONFIG_URL || field->words != NULL);
            right = right && (field->type != CONFIG_OWN || field->allowed != NULL);
            right = right && (field->type != CONFIG_TEXTS || field->count_offset > 0);
            right = right && (!is_rows || field->group->row_size > 0);
            right = right && !(field->required && field->preset != NULL);
            if (field->group != NULL && count < COUNT_OF(groups)) {
                groups[count++] = field->group;
            }
        }
    }
    EXPECT(count > 10 && count < COUNT_OF(groups));
    EXPECT(right);
}

/* How many ```yaml blocks of a page are read; -1: one is not. */
static int read_blocks(const char *page)
{
    struct arena arena;
    struct err err = {0};
    int count = 0;
    arena_init(&arena, ARENA_BYTES);
    struct str text = golden_read(page, &arena);
    while (text.size > 0 && count >= 0) {
        const char *const begin = memmem(text.data, text.size, "```yaml\n", 8);
        if (begin == NULL) {
            break;
        }
        text = (struct str){begin + 8, text.size - (size_t)(begin + 8 - text.data)};
        const char *const end = memmem(text.data, text.size, "```\n", 4);
        if (end == NULL) {
            break;
        }
        const struct str block = {text.data, (size_t)(end - text.data)};
        text = (struct str){end + 4, text.size - block.size - 4};
        struct settings settings;
        count =
            config_parse(str_from(page), block, &arena, &settings, &err) == ERR_OK ? count + 1 : -1;
    }
    arena_deinit(&arena);
    if (count <= 0) {
        test_note(err.text);
    }
    return count;
}

static void what_the_manuals_show_is_read(void)
{
    EXPECT(read_blocks("../../docs/configuration.md") == 2);
    EXPECT(read_blocks("../../docs/gateway.md") == 5);
    EXPECT(read_blocks("../../docs/correlation.md") > 0);
    EXPECT(read_blocks("../../docs/keys.md") > 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(the_document_lists_every_key),
        TEST(a_row_has_what_its_kind_needs_at_any_depth),
        TEST(what_the_manuals_show_is_read),
    };
    return test_main(tests, COUNT_OF(tests));
}
