/*
 * yaml: a configuration file as a tree whose every node knows its line.
 *
 * libyaml reads; this makes a tree in an arena, refuses what has no place in a configuration
 * (aliases, several documents, a key twice), and gives errors that name file, line, key, what was
 * found and what is allowed.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum { YAML_DEPTH_MAX = 32, YAML_MEMBERS_MAX = 10000 };
#define YAML_BYTES_MAX ((size_t)4 << 20)

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml {
    enum yaml_kind kind;
    bool quoted;        /* a scalar in quotes, which is text whatever it looks like */
    struct str file;    /* borrowed from the caller of yaml_parse() */
    int line;           /* from 1 */
    struct str key;     /* dotted path from the root: "workflows.airline.unit" */
    struct str name;    /* own key in a mapping; empty in a sequence */
    struct str scalar;  /* text of a scalar */
    struct yaml *first; /* children in file order, owned by the arena */
    struct yaml *next;
    size_t count; /* children */
};

/*
 * Parse one document. An empty one is an empty mapping.
 *
 * file   name for error messages; borrowed, must outlive the tree.
 * text   borrowed only during the call.
 * arena  owns the tree.
 *
 * Errors: ERR_CONFIG  not YAML, or YAML that a configuration has no use for; "file:line: …".
 *         ERR_LIMIT   larger than YAML_BYTES_MAX, deeper than YAML_DEPTH_MAX, more than
 *                     YAML_MEMBERS_MAX entries in one container, or the arena is full.
 */
MUST_CHECK enum errc yaml_parse(struct str file, struct str text, struct arena *arena,
                                const struct yaml **out, struct err *err);

/* Member of a mapping, or NULL. */
const struct yaml *yaml_get(const struct yaml *node, const char *name);

/* "file:line: key: …": the error every reader below makes. */
enum errc yaml_error(const struct yaml *node, struct err *err, const char *format, ...)
    PRINTF_LIKE(3, 4);

MUST_CHECK enum errc yaml_str(const struct yaml *node, struct str *out, struct err *err);
MUST_CHECK enum errc yaml_int64(const struct yaml *node, int64_t low, int64_t high, int64_t *out,
                                struct err *err);
MUST_CHECK enum errc yaml_double(const struct yaml *node, double low, double high, double *out,
                                 struct err *err);
MUST_CHECK enum errc yaml_bool(const struct yaml *node, bool *out, struct err *err);
/* A non-negative amount in USD. */
MUST_CHECK enum errc yaml_money(const struct yaml *node, int64_t *out_pusd, struct err *err);
/* A place in `words`, which ends with NULL. */
MUST_CHECK enum errc yaml_word(const struct yaml *node, const char *const *words, int *out,
                               struct err *err);
MUST_CHECK enum errc yaml_want(const struct yaml *node, enum yaml_kind kind, struct err *err);
/* Refuse members of a mapping not in `names`, which ends with NULL; suggests the nearest. */
MUST_CHECK enum errc yaml_only(const struct yaml *node, const char *const *names, struct err *err);

#endif
