/* The keys of bursar.yaml about who may reach the server, and how much of it: tls, limits. */
#include "config/config_priv.h"

#include "base/check.h"

enum errc config_read_path(struct arena *arena, const struct config_field *field,
                           const struct yaml *node, void *place, struct err *err)
{
    (void)field;
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
    char *const joined = arena_new(arena, char, size + path.size + 1);
    if (joined == NULL) {
        return config_full(node, err);
    }
    memcpy(joined, node->file.data, size);
    memcpy(joined + size, path.data, path.size);
    *(struct str *)place = (struct str){joined, size + path.size};
    return ERR_OK;
}

static const struct config_field tls_fields[] = {
    {KEY("certificate", OWN), AT(settings_tls, certificate), .required = true,
     .read = config_read_path, .allowed = "a PEM file"},
    {KEY("private_key", OWN), AT(settings_tls, private_key), .required = true,
     .read = config_read_path, .allowed = "a PEM file"},
};

const struct config_group config_tls = {FIELDS(tls_fields)};

static enum errc check_limits(const struct yaml *node, void *record, struct err *err)
{
    const struct settings_limits *const limits = record;
    CHECK(limits->memory_mib > 0);
    if (limits->body_mib > limits->memory_mib) {
        return yaml_error(node, err,
                          "found memory_mib %lld, which is less than body_mib (%lld); raise the "
                          "one or lower the other",
                          (long long)limits->memory_mib, (long long)limits->body_mib);
    }
    return ERR_OK;
}

#define LIMIT(key, most, without)                                                                  \
    {                                                                                              \
        KEY(#key, COUNT), AT(settings_limits, key), RANGE(1, most), .preset = without              \
    }

static const struct config_field limit_fields[] = {
    LIMIT(connections, 1000000, "20000"), LIMIT(body_mib, 64, "64"),
    LIMIT(memory_mib, 65536, "256"),      LIMIT(queue_mib, 65536, "256"),
    LIMIT(journal_mib, 1048576, "4096"),  LIMIT(bodies_mib, 16777216, "10240"),
    LIMIT(head_seconds, 3600, "15"),      LIMIT(body_seconds, 3600, "60"),
    LIMIT(idle_seconds, 3600, "75"),      LIMIT(write_seconds, 3600, "60"),
};

const struct config_group config_limits = {FIELDS(limit_fields), .check = check_limits};
