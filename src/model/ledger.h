/* model/ledger: the rows at rest, one struct a table, made from columns.def. */
#ifndef MODEL_LEDGER_H
#define MODEL_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/money.h"
#include "base/str.h"
#include "model/trace.h"

#define LEDGER_NULL        INT64_MIN
#define LEDGER_DAY_UNKNOWN INT32_MIN

/* Where a step's cost comes from. */
enum cost_basis {
    COST_NONE,     /* a step that costs nothing by its nature */
    COST_PRICED,   /* tokens times the price in force; price_id names it */
    COST_REPORTED, /* the source's own figure */
    COST_UNPRICED, /* tokens count, the cost is unknown */
    COST_BASIS_COUNT,
};

/* What named a case: the work itself, or, for want of that, the session or trace. */
enum case_naming { NAMED_BY_SOURCE, NAMED_BY_SESSION, CASE_NAMING_COUNT };

enum ledger_account { ACCOUNT_EXPENSE, ACCOUNT_PAYABLE, ACCOUNT_COUNT };

#define STEP_COLUMNS(t)                                                                            \
    COLUMN(t, step_key, KEY128, "identity: no two live rows share one")                            \
    COLUMN(t, attempt_key, KEY64, "")                                                              \
    COLUMN(t, case_key, KEY64, "")                                                                 \
    COLUMN(t, workflow, NAME, "empty: unattributed")                                               \
    COLUMN(t, kind, WORD, "enum step_kind")                                                        \
    COLUMN(t, status, WORD, "enum step_status")                                                    \
    COLUMN(t, effect, WORD, "enum step_effect")                                                    \
    COLUMN(t, channel, WORD, "enum channel")                                                       \
    COLUMN(t, sequence, INT64, "order within the attempt")                                         \
    COLUMN(t, started_ns, NULL64, "ns since the epoch")                                            \
    COLUMN(t, ended_ns, NULL64, "ns since the epoch")                                              \
    COLUMN(t, name, NAME, "of the tool or span")                                                   \
    COLUMN(t, agent, NAME, "sub-agent; NULL: the main one")                                        \
    COLUMN(t, caller, KEY64, "low half of the step_key that issued it; 0: none")                   \
    COLUMN(t, provider, NAME, "as priced, else as reported")                                       \
    COLUMN(t, model, NAME, "the provider's own name")                                              \
    COLUMN(t, tier, WORD, "enum service_tier")                                                     \
    COLUMN(t, region, NAME, "")                                                                    \
    COLUMN(t, input_uncached, INT64, "tokens")                                                     \
    COLUMN(t, cache_read, INT64, "tokens")                                                         \
    COLUMN(t, cache_write_5m, INT64, "tokens")                                                     \
    COLUMN(t, cache_write_1h, INT64, "tokens")                                                     \
    COLUMN(t, input_audio, INT64, "tokens")                                                        \
    COLUMN(t, input_image, INT64, "tokens")                                                        \
    COLUMN(t, output, INT64, "tokens, reasoning included")                                         \
    COLUMN(t, output_audio, INT64, "tokens")                                                       \
    COLUMN(t, requests, INT64, "requests with a fee of their own")                                 \
    COLUMN(t, web_searches, INT64, "searches")                                                     \
    COLUMN(t, reasoning, INT64, "tokens, part of output")                                          \
    COLUMN(t, raw_usage, JSON, "the figures as they came, JSON")                                   \
    COLUMN(t, cost_basis, WORD, "enum cost_basis")                                                 \
    COLUMN(t, cost_pusd, MONEY, "p$; NULL: unknown")                                               \
    COLUMN(t, price_id, KEY64, "price the cost was made with; 0: none")                            \
    COLUMN(t, reported_pusd, MONEY, "p$, as the source says; NULL: it does not")                   \
    COLUMN(t, human_ms, INT64, "working time of people, ms")                                       \
    COLUMN(t, args_hash, KEY64, "of name and arguments; 0: none")                                  \
    COLUMN(t, args_bytes, INT64, "bytes")                                                          \
    COLUMN(t, result_bytes, INT64, "bytes")                                                        \
    COLUMN(t, note, TEXT, "for people")                                                            \
    COLUMN(t, source_id, KEY64, "of sources")                                                      \
    COLUMN(t, line, INT64, "in the source; 0: none")                                               \
    COLUMN(t, import_id, INT32, "")                                                                \
    COLUMN(t, trace_key, KEY64, "of the trace it was told in; 0: none")                            \
    COLUMN(t, sender, KEY64, "of the program that told it, as its resource says; 0: none")         \
    COLUMN(t, told, INT32, "how well its case is known: TOLD_* of model/trace.h")

#define LEDGER_C_KEY128 struct hash128
#define LEDGER_C_KEY64  uint64_t
#define LEDGER_C_INT64  int64_t
#define LEDGER_C_NULL64 int64_t
#define LEDGER_C_MONEY  int64_t
#define LEDGER_C_SUM    money_sum
#define LEDGER_C_INT32  int32_t
#define LEDGER_C_REAL   double
#define LEDGER_C_WORD   uint8_t
#define LEDGER_C_TEXT   struct str
#define LEDGER_C_NAME   struct str
#define LEDGER_C_JSON   struct str
#define LEDGER_C_PRINTS struct fingerprint_list

/* struct ledger_steps, struct ledger_cases, … */
#define TABLE(table)                     struct ledger_##table {
#define COLUMN(table, field, type, unit) LEDGER_C_##type field;
#define TABLE_END(table)                                                                           \
    }                                                                                              \
    ;
#include "model/columns.def"

enum ledger_table {
#define TABLE(table) LEDGER_##table,
#define COLUMN(table, field, type, unit)
#define TABLE_END(table)
#include "model/columns.def"
    LEDGER_TABLE_COUNT,
};

#endif
