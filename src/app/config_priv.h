/* app/config_priv: mappings read by tables of fields, shared by the files that hold the tables. */
#ifndef APP_CONFIG_PRIV_H
#define APP_CONFIG_PRIV_H

#include "app/config.h"

struct config_reader {
    struct arena *arena;
    struct settings *settings;
};

enum config_type {
    CONFIG_TEXT,    /* struct str, not empty */
    CONFIG_MONEY,   /* int64_t, USD -> p$ */
    CONFIG_NUMBER,  /* double, low..high */
    CONFIG_COUNT,   /* int64_t, low..high */
    CONFIG_MINUTES, /* int64_t, minutes -> ms */
    CONFIG_HOURS,   /* int64_t, hours -> ms */
    CONFIG_OTHER,   /* whatever `read` makes of it */
};

typedef enum errc config_read(struct config_reader *reader, const struct yaml *node, void *out,
                              struct err *err);

#define CONFIG_NO_FLAG SIZE_MAX

struct config_field {
    const char *name;
    enum config_type type;
    bool required;
    size_t offset;      /* of the value in the struct */
    size_t flag_offset; /* of a bool that says it was given, or CONFIG_NO_FLAG */
    double low;
    double high;
    config_read *read;
};

enum { CONFIG_FIELDS_MAX = 16 };

/* Read the members of a mapping into *out by its table; anything else in it is an error. */
MUST_CHECK enum errc config_fields(struct config_reader *reader, const struct yaml *node,
                                   const struct config_field *fields, size_t count, void *out,
                                   struct err *err);

/* A list of texts, or one text, none of them empty. */
MUST_CHECK enum errc config_texts(struct config_reader *reader, const struct yaml *node,
                                  const struct str **out, size_t *out_count, struct err *err);

/* "high" -> RISK_HIGH, into an enum risk. */
config_read config_risk;

/* One a top-level key. */
config_read config_workflows;
config_read config_tools;
config_read config_upstreams;
config_read config_budgets;
config_read config_routes;
config_read config_gateway;
config_read config_listen;
config_read config_tls;
config_read config_limits;

/* true or false, into a bool. */
config_read config_flag;
config_read config_correlation;

enum errc config_full(const struct yaml *node, struct err *err);

#endif
