/*
 * model/settings: what bursar.yaml says, as plain data. app/config.c reads and checks it.
 *
 * Amounts are p$. What the file does not say is absent (`has_…` false), never zero.
 */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct yaml;
struct correlation;

enum risk { RISK_LOW, RISK_NORMAL, RISK_HIGH, RISK_COUNT };

/* Who does the work without the agent. */
enum baseline { BASELINE_BPO, BASELINE_HUMAN, BASELINE_COUNT };

struct settings_baseline {
    bool set;
    int64_t price_pusd;  /* of one unit tried; of people: minutes times the workflow's rate */
    int64_t work_ms;     /* a person's time for one unit; BASELINE_HUMAN only */
    double success_rate; /* 0 < rate <= 1 */
};

struct settings_workflow {
    struct str name;
    struct str unit; /* empty: not said */
    enum risk risk;
    bool has_value;
    int64_t value_pusd; /* of one resolved case that carries no value of its own */
    bool has_human_rate;
    int64_t human_rate_pusd; /* of an hour of people's work, fully loaded */
    struct settings_baseline baselines[BASELINE_COUNT];
    double non_inferiority_pp; /* percentage points */
    struct str team;
    struct str cost_center;
    bool has_go_live;
    int64_t go_live_ns;       /* when the agent took over */
    bool takes_commits;       /* a git commit seen in a session resolves its case */
    bool takes_pull_requests; /* so does a pull request */
};

struct settings_upstream {
    struct str name;
    struct str base_url;
    struct str api_key_env; /* name of the environment variable that holds the key */
};

enum budget_period { PERIOD_HOUR, PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_COUNT };
enum budget_action { ACTION_NOTIFY, ACTION_REFUSE, ACTION_COUNT };
enum { SETTINGS_STEPS_MAX = 8 };

struct settings_budget {
    struct str scope; /* "org", "team:support" */
    enum budget_period period;
    int64_t limit_pusd;
    bool has_per_case;
    int64_t per_case_pusd;
    struct {
        double share; /* of the limit, 0 < share <= 1 */
        enum budget_action action;
    } steps[SETTINGS_STEPS_MAX];
    size_t step_count;
};

struct settings_route {
    struct str workflow; /* empty: any; so are the others of the match */
    bool has_risk;
    enum risk risk;
    struct str matched_model;
    struct str model;
    const struct str *fallback; /* [fallback_count] in order */
    size_t fallback_count;
};

/* What a tool is worth, one of the kinds of economics.md section 4. */
struct settings_pipeline {
    bool set;
    bool has_leads;
    double leads; /* absent: the resolved cases of the tool's workflows */
    double conversion_rate;
    int64_t contract_pusd;
    double share; /* attributed to the tool, 0..1 */
};

struct settings_productivity {
    bool set;
    bool has_uses;
    double uses; /* absent: the cases of the tool's workflows */
    double hours_per_use;
    int64_t hour_pusd; /* fully loaded */
};

struct settings_conversion {
    bool set;
    int64_t visitors;
    int64_t conversions;
    bool has_control; /* a control group was kept */
    int64_t control_visitors;
    int64_t control_conversions;
    double control_rate; /* assumed, where there was none */
    int64_t conversion_pusd;
};

struct settings_tool {
    struct str name;
    const struct str *workflows; /* [workflow_count] whose cost is the tool's */
    size_t workflow_count;
    bool has_spend;
    int64_t spend_pusd;         /* tokens that no ledger saw */
    int64_t invested_ms;        /* of people: building, prompting, teaching */
    int64_t invested_rate_pusd; /* of an hour */
    struct settings_pipeline pipeline;
    struct settings_productivity productivity;
    struct settings_conversion conversion;
};

/* PEM files; both are set or none is. */
struct settings_tls {
    struct str certificate; /* NUL-terminated */
    struct str private_key;
};

/* Of the server; 0: its default. */
struct settings_limits {
    int64_t connections;
    int64_t body_mib;   /* of one request */
    int64_t memory_mib; /* of all requests being read or handled */
    int64_t queue_mib;  /* received, not in the journal yet */
    int64_t journal_mib;
    int64_t head_seconds;
    int64_t body_seconds;
    int64_t idle_seconds;
    int64_t write_seconds;
};

#define SETTINGS_ROWS(type, name)                                                                  \
    struct {                                                                                       \
        struct type *rows;                                                                         \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    } name

struct settings {
    struct str listen; /* "127.0.0.1:4318" */
    struct settings_tls tls;
    bool require_keys; /* of senders and readers on this machine too */
    struct settings_limits limits;
    struct str ledger_url;     /* empty: ledger.duckdb in the home */
    struct str control_url;    /* empty: control.sqlite in the home */
    const struct yaml *prices; /* NULL: none; what it may hold is the price book's business */
    SETTINGS_ROWS(settings_workflow, workflows);
    SETTINGS_ROWS(settings_upstream, upstreams);
    SETTINGS_ROWS(settings_budget, budgets);
    SETTINGS_ROWS(settings_route, routes);
    SETTINGS_ROWS(settings_tool, tools);
    const struct correlation *correlation; /* rules of wire/correlation.h; NULL: none */
};

static inline const struct settings_workflow *settings_workflow(const struct settings *settings,
                                                                struct str name)
{
    for (size_t i = 0; i < settings->workflows.count; i++) {
        if (str_equal(settings->workflows.rows[i].name, name)) {
            return &settings->workflows.rows[i];
        }
    }
    return NULL;
}

#endif
