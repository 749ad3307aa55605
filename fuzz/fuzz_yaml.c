/* fuzz_yaml: any bytes as a configuration; every node of the tree is asked for every kind. */
#include "base/check.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct yaml *node)
{
    static const char *const words[] = {"low", "normal", "high", NULL};
    struct err err;
    struct str text = {0};
    int64_t integer = 0;
    double real = 0;
    bool truth = false;
    int word = 0;
    CHECK(node->line >= 1);
    if (yaml_str(node, &text, &err) == ERR_OK) {
        CHECK(node->kind == YAML_SCALAR);
        CHECK(text.data[text.size] == '\0');
    }
    if (yaml_int64(node, -5, 1000, &integer, &err) == ERR_OK) {
        CHECK(integer >= -5);
        CHECK(integer <= 1000);
    }
    if (yaml_double(node, 0, 1, &real, &err) == ERR_OK) {
        CHECK(real >= 0);
        CHECK(real <= 1);
    }
    if (yaml_money(node, &integer, &err) == ERR_OK) {
        CHECK(integer >= 0);
    }
    if (yaml_bool(node, &truth, &err) == ERR_OK && yaml_word(node, words, &word, &err) == ERR_OK) {
        CHECK(word < 3);
    }
    if (yaml_only(node, words, &err) == ERR_OK) {
        CHECK(node->kind == YAML_MAPPING);
        CHECK(node->count <= 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct err err;
    const struct yaml *root = NULL;
    arena_init(&arena, (size_t)16 << 20);
    const struct str text = {(const char *)data, size};
    if (yaml_parse(STR("bursar.yaml"), text, &arena, &root, &err) == ERR_OK) {
        const struct yaml *open[YAML_DEPTH_MAX + 2] = {root};
        size_t depth = 1;
        while (depth > 0) { /* depth first, without recursion */
            const struct yaml *node = open[depth - 1];
            if (node == NULL) {
                depth--;
                continue;
            }
            ask(node);
            open[depth - 1] = depth > 1 ? node->next : NULL;
            if (node->first != NULL) {
                CHECK(depth < YAML_DEPTH_MAX + 2);
                open[depth++] = node->first;
            }
        }
    }
    arena_deinit(&arena);
    return 0;
}
