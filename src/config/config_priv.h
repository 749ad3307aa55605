/*
 * config/config_priv: bursar.yaml as tables. A key is one row: name, kind, where it goes, what is
 * allowed, what holds without it; read.c reads by them and makes every error.
 *
 * docs/configuration-keys.md is drawn from the same rows (test/unit/config/test_keys.c).
 */
#ifndef CONFIG_CONFIG_PRIV_H
#define CONFIG_CONFIG_PRIV_H

#include "base/yaml.h"
#include "config/config.h"

enum config_type {
    CONFIG_TEXT,    /* struct str, not empty */
    CONFIG_TEXTS,   /* one or a list of them: const struct str *, and a size_t at count_offset */
    CONFIG_URL,     /* struct str that begins with one of `words` */
    CONFIG_FLAG,    /* bool: true or false */
    CONFIG_EITHER,  /* bool: whether it is the last of `words`, which are two or one */
    CONFIG_WORD,    /* an enum whose values are the places in `words` */
    CONFIG_MONEY,   /* int64_t, USD -> p$ */
    CONFIG_NUMBER,  /* double, low..high */
    CONFIG_COUNT,   /* int64_t, low..high */
    CONFIG_MINUTES, /* int64_t, minutes -> ms */
    CONFIG_HOURS,   /* int64_t, hours -> ms */
    CONFIG_GROUP,   /* a mapping with the keys of `group` */
    CONFIG_LIST,    /* a list of such mappings, each a new row of a SETTINGS_ROWS */
    CONFIG_NAMED,   /* a mapping of names to such mappings; a row begins with its name */
    CONFIG_OWN,     /* whatever `read` makes of it */
};

struct config_field;

/* A value that no other kind fits. `place` is where `field` says, in the record being read. */
typedef enum errc config_read(struct arena *arena, const struct config_field *field,
                              const struct yaml *node, void *place, struct err *err);

/* What the keys of a record must be to one another, and what follows from them. */
typedef enum errc config_check(const struct yaml *node, void *record, struct err *err);

struct config_group {
    const struct config_field *fields;
    size_t count;
    size_t row_size;     /* of a record of CONFIG_LIST or CONFIG_NAMED */
    config_check *check; /* or NULL */
};

struct config_field {
    const char *name;
    enum config_type type;
    bool required;
    size_t offset;       /* of the value in its record */
    size_t given_offset; /* of a bool told that the key is there; 0: none */
    size_t count_offset;
    double low;
    double high;
    const char *const *words; /* allowed, ends with NULL */
    const struct config_group *group;
    config_read *read;
    const char *preset;  /* read where the key is absent; NULL: the value stays zero */
    const char *allowed; /* of CONFIG_OWN, and of a text that is not any text: for the document */
    const char *absent;  /* what holds without the key where `preset` does not say it: likewise */
};

/* Parts of a row, and of a group. No record has a flag of this kind in front, at offset 0. */
#define KEY(key, kind)        .name = key, .type = CONFIG_##kind
#define AT(record, member)    .offset = offsetof(struct record, member)
#define GIVEN(record, member) .given_offset = offsetof(struct record, member)
#define COUNT(record, member) .count_offset = offsetof(struct record, member)
#define RANGE(least, most)    .low = (least), .high = (most)
#define FIELDS(rows)          .fields = rows, .count = COUNT_OF(rows)

enum { CONFIG_FIELDS_MAX = 16 };

/* The whole file, a struct settings. */
extern const struct config_group config_file;

/* Groups under its keys. */
extern const struct config_group config_tls;
extern const struct config_group config_limits;
extern const struct config_group config_workflow;
extern const struct config_group config_tool;
extern const struct config_group config_upstream;
extern const struct config_group config_budget;
extern const struct config_group config_route;
extern const struct config_group config_gateway;
extern const struct config_group config_rule;
extern const struct config_group config_keeping;

extern const char *const config_risks[];    /* of an enum risk */
extern const char *const config_web_urls[]; /* "https://", "http://" */

config_read config_correlation;
config_read config_bodies;

/*
 * Read the members of a mapping into *record; anything else in it is an error.
 *
 * record  the struct that the group's offsets are of; what it holds after an error is undefined.
 */
MUST_CHECK enum errc config_group(struct arena *arena, const struct config_group *group,
                                  const struct yaml *node, void *record, struct err *err);

/* Refuse members of a mapping that the group does not have. */
MUST_CHECK enum errc config_only(const struct config_group *group, const struct yaml *node,
                                 struct err *err);

/* A list of texts, or one text, none of them empty. */
MUST_CHECK enum errc config_texts(struct arena *arena, const struct yaml *node,
                                  const struct str **out, size_t *out_count, struct err *err);

/* A file's name; a relative one is meant from the directory of bursar.yaml, wherever the program
 * was started. `place` is a struct str. */
MUST_CHECK enum errc config_read_path(struct arena *arena, const struct config_field *field,
                                      const struct yaml *node, void *place, struct err *err);

enum errc config_full(const struct yaml *node, struct err *err);

#endif
