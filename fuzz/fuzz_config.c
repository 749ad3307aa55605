/*
 * fuzz_config: any bytes as bursar.yaml. Nothing crashes, an error names the file, and the workflow
 * found under a name is the one that bears it.
 */
#include "base/check.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct settings settings;
    struct err err = {0};
    arena_init(&arena, (size_t)16 << 20);
    const enum errc code = config_parse(STR("bursar.yaml"), (struct str){(const char *)data, size},
                                        &arena, &settings, &err);
    if (code == ERR_OK) {
        for (size_t i = 0; i < settings.workflows.count; i++) {
            CHECK(settings_workflow(&settings, settings.workflows.rows[i].name) ==
                  &settings.workflows.rows[i]);
        }
    } else {
        CHECK(strlen(err.text) > 0);
        CHECK(code == ERR_LIMIT || strstr(err.text, "bursar.yaml") != NULL);
    }
    arena_deinit(&arena);
    return 0;
}
