/*
 * table_map: which columns of a company's own tables are cases, attempts, steps and outcomes.
 *
 *     map (YAML)      --table_map_parse-->  struct table_map: sources, tables, a field's origin
 *     a row of text   --table_map_row---->  struct table_row: case, attempt, step, outcome, kpi
 *
 * Pure: reading the files and running the SQL expressions is the business of store/scan.h. Every
 * value arrives as text, so money never passes through a double. docs/table-maps.md is the manual.
 */
#ifndef WIRE_TABLE_MAP_H
#define WIRE_TABLE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/yaml.h"
#include "model/trace.h"

enum {
    TABLE_SOURCES_MAX = 32,
    TABLE_TABLES_MAX = 32,
    TABLE_ATTRIBUTES_MAX = 32,
    TABLE_WORDS_MAX = 64,
    TABLE_TEXT_BYTES_MAX = 4096, /* of one value of a row; TABLE_PROSE may be of any size */
    TABLE_SQL_BYTES_MAX = 65536,
    TABLE_RAW_BYTES_MAX = 1024,
};

enum table_section {
    TABLE_CASE,
    TABLE_ATTEMPT,
    TABLE_STEP,
    TABLE_OUTCOME,
    TABLE_KPI,
    TABLE_SECTION_COUNT,
};

/* What the text of a field is read as, and which units or words it may be given in. */
enum table_type {
    TABLE_TEXT,
    TABLE_PROSE,    /* only looked at, never kept */
    TABLE_COUNT,    /* a whole number, not negative */
    TABLE_MONEY,    /* -> p$, not negative */
    TABLE_TIME,     /* -> ns */
    TABLE_DURATION, /* -> ns, not negative */
    TABLE_BOOL,
    TABLE_NUMBER, /* -> millionths */
    TABLE_HASH,
    TABLE_KIND,
    TABLE_STATUS,
    TABLE_EFFECT,
    TABLE_TIER,
    TABLE_VERDICT, /* enum outcome_status */
    TABLE_TYPE_COUNT,
};

/* X(section, NAME, key in the map, type) */
#define TABLE_FIELDS(X)                                                                            \
    X(CASE, WORKFLOW, "workflow", TEXT)                                                            \
    X(CASE, ID, "id", TEXT)                                                                        \
    X(CASE, INPUT_KEY, "input_key", TEXT)                                                          \
    X(ATTEMPT, ID, "id", TEXT)                                                                     \
    X(ATTEMPT, NUMBER, "number", COUNT)                                                            \
    X(ATTEMPT, AGENT, "agent", TEXT)                                                               \
    X(ATTEMPT, SUCCEEDED, "succeeded", BOOL)                                                       \
    X(STEP, KIND, "kind", KIND)                                                                    \
    X(STEP, STATUS, "status", STATUS)                                                              \
    X(STEP, EFFECT, "effect", EFFECT)                                                              \
    X(STEP, ID, "id", TEXT)                                                                        \
    X(STEP, CALLER, "caller", TEXT)                                                                \
    X(STEP, AGENT, "agent", TEXT)                                                                  \
    X(STEP, NAME, "name", TEXT)                                                                    \
    X(STEP, SEQUENCE, "sequence", COUNT)                                                           \
    X(STEP, START, "start", TIME)                                                                  \
    X(STEP, END, "end", TIME)                                                                      \
    X(STEP, DURATION, "duration", DURATION)                                                        \
    X(STEP, PROVIDER, "provider", TEXT)                                                            \
    X(STEP, MODEL, "model", TEXT)                                                                  \
    X(STEP, TIER, "tier", TIER)                                                                    \
    X(STEP, REGION, "region", TEXT)                                                                \
    X(STEP, INPUT, "input_tokens", COUNT)                                                          \
    X(STEP, UNCACHED, "uncached_input_tokens", COUNT)                                              \
    X(STEP, CACHE_READ, "cache_read_tokens", COUNT)                                                \
    X(STEP, CACHE_WRITE, "cache_write_tokens", COUNT)                                              \
    X(STEP, CACHE_WRITE_1H, "cache_write_1h_tokens", COUNT)                                        \
    X(STEP, INPUT_AUDIO, "input_audio_tokens", COUNT)                                              \
    X(STEP, INPUT_IMAGE, "input_image_tokens", COUNT)                                              \
    X(STEP, OUTPUT, "output_tokens", COUNT)                                                        \
    X(STEP, OUTPUT_AUDIO, "output_audio_tokens", COUNT)                                            \
    X(STEP, REASONING, "reasoning_tokens", COUNT)                                                  \
    X(STEP, REQUESTS, "requests", COUNT)                                                           \
    X(STEP, WEB_SEARCHES, "web_searches", COUNT)                                                   \
    X(STEP, COST, "cost", MONEY)                                                                   \
    X(STEP, FEE, "fee", MONEY)                                                                     \
    X(STEP, HUMAN, "human_time", DURATION)                                                         \
    X(STEP, ARGS_HASH, "args_hash", HASH)                                                          \
    X(STEP, ARGS_BYTES, "args_bytes", COUNT)                                                       \
    X(STEP, RESULT_BYTES, "result_bytes", COUNT)                                                   \
    X(STEP, NOTE, "note", TEXT)                                                                    \
    X(STEP, TEXT, "text", PROSE)                                                                   \
    X(OUTCOME, ID, "id", TEXT)                                                                     \
    X(OUTCOME, STATUS, "status", VERDICT)                                                          \
    X(OUTCOME, AT, "at", TIME)                                                                     \
    X(OUTCOME, RECORDED_AT, "recorded_at", TIME)                                                   \
    X(OUTCOME, VALUE, "value", MONEY)                                                              \
    X(OUTCOME, HUMAN, "human_time", DURATION)                                                      \
    X(OUTCOME, QUALITY, "quality", NUMBER)                                                         \
    X(OUTCOME, SOURCE, "source", TEXT)                                                             \
    X(OUTCOME, REFERENCE, "reference", TEXT)                                                       \
    X(KPI, WORKFLOW, "workflow", TEXT)                                                             \
    X(KPI, NAME, "name", TEXT)                                                                     \
    X(KPI, AT, "at", TIME)                                                                         \
    X(KPI, VALUE, "value", NUMBER)                                                                 \
    X(KPI, UNIT, "unit", TEXT)                                                                     \
    X(KPI, SERIES, "series", TEXT)

enum table_name {
#define X(section, name, key, type) TABLE_##section##_##name,
    TABLE_FIELDS(X)
#undef X
        TABLE_FIELD_COUNT,
};

enum table_origin { TABLE_ABSENT, TABLE_COLUMN, TABLE_SQL, TABLE_CONST };

struct table_word {
    struct str from; /* empty: a value that is missing */
    struct str to;
};

struct table_field {
    enum table_origin origin;
    enum table_type type;
    struct str text;   /* column's name, SQL expression or constant */
    struct str format; /* of a time, as strptime has it; empty: by `unit` */
    int unit;          /* row of the type's units */
    const struct table_word *words;
    size_t word_count;
    bool has_fallback;
    struct str fallback; /* what a missing value is read as */
    size_t value;        /* its place in a row of values; of columns and SQL only */
    const struct yaml *node;
};

enum table_format { TABLE_BY_NAME, TABLE_CSV, TABLE_JSONL, TABLE_PARQUET };

struct table_source {
    struct str name; /* empty: a table's own `file` */
    struct str file; /* pattern relative to the data's folder */
    enum table_format format;
    char delimiter; /* of a CSV file; 0: found in the header */
    const struct yaml *node;
};

struct table_attribute {
    struct str name;
    struct table_field field;
};

struct table {
    struct str name;
    size_t source;  /* index, or SIZE_MAX: `sql`, or the one file the data is */
    struct str sql; /* a SELECT over the sources; empty: none */
    struct str where;
    bool has[TABLE_SECTION_COUNT];
    struct table_field fields[TABLE_FIELD_COUNT];
    struct table_attribute attributes[TABLE_ATTRIBUTES_MAX];
    size_t attribute_count;
    bool zero_cost_is_unknown;
    size_t value_count; /* fields and attributes that a row of values holds */
    const struct yaml *node;
};

struct table_map {
    struct str name;
    struct str about;
    struct table_source sources[TABLE_SOURCES_MAX];
    size_t source_count;
    struct table *tables; /* [table_count], owned by the arena */
    size_t table_count;
};

/*
 * Read a map.
 *
 * file   its name, for errors; borrowed, must outlive the map, as must the arena, which owns it.
 *
 * Errors: ERR_CONFIG  naming file, line, key, what was found and what is allowed.
 *         ERR_LIMIT   the arena is full, or a _MAX above is passed.
 */
MUST_CHECK enum errc table_map_parse(struct str file, struct str text, struct arena *arena,
                                     struct table_map *out, struct err *err);

/* One row, read. Strings are borrowed from the values and from the map. It is scratch: it points
 * into itself, and after an error holds nothing of use. */
struct table_row {
    bool has[TABLE_SECTION_COUNT]; /* no outcome where its status is missing */
    struct trace_case case_;       /* attributes point at `attributes` */
    struct attribute attributes[TABLE_ATTRIBUTES_MAX];
    struct attempt attempt;
    struct step step; /* raw_usage points at `raw` */
    bool has_sequence;
    bool has_text; /* what the step wrote or was answered */
    enum text_role text_role;
    struct str text;
    struct outcome outcome;
    struct kpi kpi;
    char raw[TABLE_RAW_BYTES_MAX];
};

/*
 * Read one row of a table.
 *
 * values  [table->value_count] text of each column or expression; data NULL: missing.
 * line    for steps, outcomes and rejects.
 *
 * Errors: ERR_SYNTAX, ERR_RANGE  the row is to be rejected; the text names the field and why.
 */
MUST_CHECK enum errc table_map_row(const struct table *table, const struct str *values,
                                   int64_t line, struct table_row *out, struct err *err);

#endif
