/* yaml: what has no place in a configuration is refused with file and line; the rest is a tree.
 * Error texts are compared whole: they are what a person mends the file by. */
#include "base/yaml.h"

#include "base/text.h"
#include "support/test.h"

/* Static, so that a test that ends early leaves nothing unreachable. */
static struct arena arena;
static struct text built;
static struct err last;

static enum errc parse(struct str text, const struct yaml **out)
{
    arena_deinit(&arena);
    arena_init(&arena, (size_t)32 << 20);
    return yaml_parse(STR("bursar.yaml"), text, &arena, out, &last);
}

static const struct yaml *tree(const char *text)
{
    const struct yaml *root = NULL;
    return parse(str_from(text), &root) == ERR_OK ? root : NULL;
}

static bool refuses(const char *text, enum errc code, const char *says)
{
    const struct yaml *root = NULL;
    const bool refused = parse(str_from(text), &root) == code && root == NULL;
    if (!refused || strcmp(last.text, says) != 0) {
        test_note(last.text);
        return false;
    }
    return true;
}

static void what_is_not_yaml_is_refused_with_its_line(void)
{
    EXPECT(
        refuses("a: 1\nb: [1, 2\n", ERR_CONFIG, "bursar.yaml:3: did not find expected ',' or ']'"));
    EXPECT(refuses("a: \"open\n", ERR_CONFIG, "bursar.yaml:2: found unexpected end of stream"));
    EXPECT(refuses("a: 1\n\tb: 2\n", ERR_CONFIG,
                   "bursar.yaml:2: found a tab character that violates indentation"));
    EXPECT(refuses("a: b: c\n", ERR_CONFIG,
                   "bursar.yaml:1: mapping values are not allowed in this context"));
    EXPECT(refuses("a: 1\n]\n", ERR_CONFIG, "bursar.yaml:2: did not find expected key"));
}

static void bytes_that_are_no_text_are_refused_with_their_line(void)
{
    EXPECT(
        refuses("a: 1\nb: 2\nc: \xff\n", ERR_CONFIG, "bursar.yaml:3: invalid leading UTF-8 octet"));
    EXPECT(refuses("a: 1\nb: \x01\n", ERR_CONFIG,
                   "bursar.yaml:2: control characters are not allowed"));
    EXPECT(refuses("a: 1\nb: \"x\\0y\"\n", ERR_CONFIG,
                   "bursar.yaml:2: a zero byte (\\0) has no place in a value"));
    const struct yaml *root = NULL;
    EXPECT(parse((struct str){"a: 1\nb\0: 2\n", 11}, &root) == ERR_CONFIG);
    EXPECT(root == NULL);
}

static void what_a_configuration_has_no_use_for_is_refused(void)
{
    EXPECT(refuses("a: &x 1\nb: *x\n", ERR_CONFIG,
                   "bursar.yaml:2: aliases (*name) are not used in this file; write it out"));
    EXPECT(refuses("a: &x [*x]\n", ERR_CONFIG,
                   "bursar.yaml:1: aliases (*name) are not used in this file; write it out"));
    EXPECT(refuses("a: 1\n---\nb: 2\n", ERR_CONFIG,
                   "bursar.yaml:2: a second document (---) in one file"));
    EXPECT(refuses("? [a]\n: 1\n", ERR_CONFIG, "bursar.yaml:1: a key must be plain text"));
    EXPECT(refuses("{a: 1}: 2\n", ERR_CONFIG, "bursar.yaml:1: a key must be plain text"));
}

static void a_key_given_twice_is_refused_with_both_lines(void)
{
    EXPECT(refuses("a: 1\nb: 2\na: 3\n", ERR_CONFIG,
                   "bursar.yaml:3: a is given twice, first on line 1"));
    EXPECT(refuses("w:\n  x: {unit: t,\n      unit: u}\n", ERR_CONFIG,
                   "bursar.yaml:3: w.x.unit is given twice, first on line 2"));
    EXPECT(refuses("a: 1\n\"a\": 2\n", ERR_CONFIG,
                   "bursar.yaml:2: a is given twice, first on line 1"));
    EXPECT(tree("x: {a: 1}\ny: {a: 1}\n") != NULL);
}

static bool nests(size_t depth)
{
    text_deinit(&built);
    text_init(&built, 100000);
    text_repeat(&built, '[', depth);
    text_repeat(&built, ']', depth);
    const struct yaml *root = NULL;
    return parse(text_str(&built), &root) == ERR_OK;
}

static void depth_is_limited(void)
{
    EXPECT(nests(YAML_DEPTH_MAX));
    EXPECT(!nests(YAML_DEPTH_MAX + 1));
    EXPECT(last.code == ERR_LIMIT);
    EXPECT(strcmp(last.text, "bursar.yaml:1: nested deeper than 32") == 0);
    EXPECT(!nests(10000));
    EXPECT(last.code == ERR_LIMIT);
}

static void size_and_members_are_limited(void)
{
    text_deinit(&built);
    text_init(&built, YAML_BYTES_MAX + 1);
    text_repeat(&built, '#', YAML_BYTES_MAX + 1);
    const struct yaml *root = NULL;
    if (test_is_refusing()) {
        return; /* thirty thousand allocations, of kinds that the other tests make too */
    }
    EXPECT(parse(text_str(&built), &root) == ERR_LIMIT);
    EXPECT(strcmp(last.text, "bursar.yaml: larger than the 4194304 bytes allowed") == 0);
    text_clear(&built);
    for (int i = 0; i < YAML_MEMBERS_MAX; i++) {
        text_format(&built, "k%d: 1\n", i);
    }
    EXPECT(parse(text_str(&built), &root) == ERR_OK);
    EXPECT(root->count == YAML_MEMBERS_MAX);
    text_add(&built, STR("more: 1\n"));
    root = NULL;
    EXPECT(parse(text_str(&built), &root) == ERR_LIMIT);
    EXPECT(strcmp(last.text, "bursar.yaml:10001: more than 10000 entries in one list or mapping") ==
           0);
    EXPECT(root == NULL);
}

static void an_arena_that_is_full_is_named(void)
{
    const struct yaml *root = NULL;
    arena_deinit(&arena);
    arena_init(&arena, 300);
    const struct str text = STR("a: {b: {c: {d: {e: 1}}}}\n");
    EXPECT(yaml_parse(STR("bursar.yaml"), text, &arena, &root, &last) == ERR_LIMIT);
    EXPECT(strcmp(last.text, "bursar.yaml: the configuration is too large") == 0);
    EXPECT(root == NULL);
}

static void nothing_is_an_empty_mapping(void)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n", "{}", "---\n{}\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct yaml *root = tree(texts[i]);
        EXPECT(root != NULL);
        EXPECT(root->kind == YAML_MAPPING);
        EXPECT(root->count == 0);
        EXPECT(yaml_get(root, "a") == NULL);
    }
}

static bool is_scalar(const struct yaml *node, const char *key, const char *value, int line)
{
    return node != NULL && node->kind == YAML_SCALAR && str_equal(node->key, str_from(key)) &&
           str_equal(node->scalar, str_from(value)) && node->line == line &&
           node->scalar.data[node->scalar.size] == '\0';
}

static void every_node_knows_its_key_and_line(void)
{
    const struct yaml *root = tree("# comment\n"
                                   "workflows:\n"
                                   "  airline:\n"
                                   "    unit: ticket\n"
                                   "    \"quoted\": '12'\n"
                                   "    text: |\n"
                                   "      one\n"
                                   "      two\n"
                                   "budgets:\n"
                                   "  - {scope: org, usd: 250000}\n"
                                   "  - [a, b]\n"
                                   "  -\n"
                                   "empty:\n");
    EXPECT(root != NULL);
    EXPECT(root->count == 3);
    EXPECT(str_equal(root->file, STR("bursar.yaml")));
    const struct yaml *airline = yaml_get(yaml_get(root, "workflows"), "airline");
    EXPECT(airline != NULL);
    EXPECT(airline->count == 3);
    EXPECT(str_equal(airline->name, STR("airline")));
    EXPECT(is_scalar(yaml_get(airline, "unit"), "workflows.airline.unit", "ticket", 4));
    EXPECT(!yaml_get(airline, "unit")->quoted);
    EXPECT(is_scalar(yaml_get(airline, "quoted"), "workflows.airline.quoted", "12", 5));
    EXPECT(yaml_get(airline, "quoted")->quoted);
    EXPECT(is_scalar(yaml_get(airline, "text"), "workflows.airline.text", "one\ntwo\n", 6));
    const struct yaml *budgets = yaml_get(root, "budgets");
    EXPECT(budgets != NULL);
    EXPECT(budgets->kind == YAML_SEQUENCE);
    EXPECT(budgets->count == 3);
    EXPECT(yaml_get(budgets, "scope") == NULL);
    EXPECT(is_scalar(yaml_get(budgets->first, "usd"), "budgets[0].usd", "250000", 10));
    EXPECT(is_scalar(budgets->first->next->first->next, "budgets[1][1]", "b", 11));
    EXPECT(is_scalar(budgets->first->next->next, "budgets[2]", "", 12));
    EXPECT(yaml_get(root, "empty") != NULL);
    EXPECT(yaml_get(root, "empty")->scalar.size == 0);
    EXPECT(yaml_get(NULL, "a") == NULL);
}

static void a_root_may_be_a_list_or_a_value(void)
{
    const struct yaml *root = tree("- 1\n- 2\n");
    EXPECT(root != NULL);
    EXPECT(root->kind == YAML_SEQUENCE);
    EXPECT(is_scalar(root->first->next, "[1]", "2", 2));
    root = tree("word");
    EXPECT(is_scalar(root, "", "word", 1));
}

static void a_key_too_long_to_show_is_cut(void)
{
    text_deinit(&built);
    text_init(&built, 10000);
    text_repeat(&built, 'k', 900);
    text_add(&built, STR(": 1\n"));
    const struct yaml *root = NULL;
    EXPECT(parse(text_str(&built), &root) == ERR_OK);
    EXPECT(root->first->name.size == 900);
    EXPECT(root->first->key.size == 511);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_not_yaml_is_refused_with_its_line),
        TEST(bytes_that_are_no_text_are_refused_with_their_line),
        TEST(what_a_configuration_has_no_use_for_is_refused),
        TEST(a_key_given_twice_is_refused_with_both_lines),
        TEST(depth_is_limited),
        TEST(size_and_members_are_limited),
        TEST(an_arena_that_is_full_is_named),
        TEST(nothing_is_an_empty_mapping),
        TEST(every_node_knows_its_key_and_line),
        TEST(a_root_may_be_a_list_or_a_value),
        TEST(a_key_too_long_to_show_is_cut),
    };
    arena_init(&arena, 1);
    text_init(&built, 1);
    return test_main(tests, COUNT_OF(tests));
}
