/* The keys of bursar.yaml about who may reach the server, and how much of it: tls, limits. */
#include "app/config_priv.h"

#include "base/check.h"

enum { BODY_MIB_MAX = 64 }; /* also the default */

enum errc config_flag(struct config_reader *reader, const struct yaml *node, void *out,
                      struct err *err)
{
    static const char *const words[] = {"false", "true", NULL};
    (void)reader;
    CHECK(out != NULL);
    int word = 0;
    const enum errc code = yaml_word(node, words, &word, err);
    if (code == ERR_OK) {
        *(bool *)out = word == 1;
    }
    return code;
}

/* A file's name; a relative one is meant from the directory of bursar.yaml, wherever the program
 * was started. */
static enum errc read_path(struct config_reader *reader, const struct yaml *node, void *out,
                           struct err *err)
{
    struct str path;
    const enum errc code = yaml_str(node, &path, err);
    if (code != ERR_OK) {
        return code;
    }
    if (path.size == 0 || memchr(path.data, '\0', path.size) != NULL) {
        return yaml_error(node, err, "found no name of a file");
    }
    size_t slash = node->file.size;
    while (slash > 0 && node->file.data[slash - 1] != '/') {
        slash--;
    }
    const size_t size = path.data[0] == '/' ? 0 : slash;
    char *const joined = arena_new(reader->arena, char, size + path.size + 1);
    if (joined == NULL) {
        return config_full(node, err);
    }
    memcpy(joined, node->file.data, size);
    memcpy(joined + size, path.data, path.size);
    *(struct str *)out = (struct str){joined, size + path.size};
    return ERR_OK;
}

enum errc config_tls(struct config_reader *reader, const struct yaml *node, void *out,
                     struct err *err)
{
    static const struct config_field fields[] = {
        {.name = "certificate",
         .type = CONFIG_OTHER,
         .required = true,
         .offset = offsetof(struct settings_tls, certificate),
         .flag_offset = CONFIG_NO_FLAG,
         .read = read_path},
        {.name = "private_key",
         .type = CONFIG_OTHER,
         .required = true,
         .offset = offsetof(struct settings_tls, private_key),
         .flag_offset = CONFIG_NO_FLAG,
         .read = read_path},
    };
    return config_fields(reader, node, fields, COUNT_OF(fields), out, err);
}

#define LIMIT(key, least, most)                                                                    \
    {                                                                                              \
        .name = #key, .type = CONFIG_COUNT, .offset = offsetof(struct settings_limits, key),       \
        .flag_offset = CONFIG_NO_FLAG, .low = (least), .high = (most)                              \
    }

enum errc config_limits(struct config_reader *reader, const struct yaml *node, void *out,
                        struct err *err)
{
    static const struct config_field fields[] = {
        LIMIT(connections, 1, 1000000), LIMIT(body_mib, 1, BODY_MIB_MAX),
        LIMIT(memory_mib, 1, 65536),    LIMIT(queue_mib, 1, 65536),
        LIMIT(journal_mib, 1, 1048576), LIMIT(head_seconds, 1, 3600),
        LIMIT(body_seconds, 1, 3600),   LIMIT(idle_seconds, 1, 3600),
        LIMIT(write_seconds, 1, 3600),
    };
    enum errc code = config_fields(reader, node, fields, COUNT_OF(fields), out, err);
    const struct settings_limits *const limits = out;
    const int64_t body_mib = limits->body_mib > 0 ? limits->body_mib : BODY_MIB_MAX;
    if (code == ERR_OK && limits->memory_mib > 0 && body_mib > limits->memory_mib) {
        code = yaml_error(node, err,
                          "found memory_mib %lld, which is less than body_mib (%lld); raise the "
                          "one or lower the other",
                          (long long)limits->memory_mib, (long long)body_mib);
    }
    return code;
}
