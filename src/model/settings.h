/*
 * model/settings: what bursar.yaml says, as plain data. config/ reads and checks it.
 *
 * Amounts are p$. What the file does not say is absent (`has_…` false), never zero.
 */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/usage.h"

struct yaml;
struct correlation;
struct bodies_policy;

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
    bool has_non_inferiority;
    double non_inferiority_pp; /* percentage points; where the file has none, by the risk */
    struct str team;
    struct str cost_center;
    const struct str *callers; /* [caller_count] teams whose keys may call for it, beside `team` */
    size_t caller_count;
    bool has_go_live;
    int64_t go_live_ns;                      /* when the agent took over */
    bool takes_commits;                      /* a git commit seen in a session resolves its case */
    bool takes_pull_requests;                /* so does a pull request */
    const struct bodies_policy *keep_bodies; /* of bodies/bodies.h; NULL: they are not kept */
};

enum upstream_dialect { UPSTREAM_OPENAI, UPSTREAM_ANTHROPIC, UPSTREAM_DIALECT_COUNT };

struct settings_upstream {
    struct str name;
    struct str base_url;
    struct str api_key_env;  /* name of the environment variable that holds the key */
    struct str api_key_file; /* whose first line is the key */
    bool has_dialect;        /* else by its name: "anthropic" speaks Anthropic's */
    enum upstream_dialect dialect;
    struct str provider;            /* whose prices hold; empty: the upstream's name */
    enum service_tier default_tier; /* that serves calls which leave it open */
};

enum budget_period {
    PERIOD_MINUTE,
    PERIOD_HOUR,
    PERIOD_DAY,
    PERIOD_WEEK, /* from Monday */
    PERIOD_MONTH,
    PERIOD_TOTAL, /* for all time */
    PERIOD_COUNT,
};
enum budget_action { ACTION_NOTIFY, ACTION_SHAPE, ACTION_REFUSE, ACTION_COUNT };
enum { SETTINGS_STEPS_MAX = 8 };

struct settings_budget {
    struct str scope; /* "org", "team:support" */
    enum budget_period period;
    struct str time_zone; /* "Europe/Berlin", whose midnight begins a period; empty: UTC */
    int64_t limit_pusd;
    bool has_per_case;
    int64_t per_case_pusd;
    bool opens_at_zero; /* else with what the ledger has of its first period */
    struct {
        double share; /* of the limit, 0 < share <= 1 */
        enum budget_action action;
    } steps[SETTINGS_STEPS_MAX];
    size_t step_count;
};

/* What becomes of a call whose client has gone. */
enum gateway_leave { GATEWAY_CANCEL, GATEWAY_DRAIN, GATEWAY_LEAVE_COUNT };

struct settings_route {
    struct str workflow; /* empty: any; so are the others of the match */
    bool has_risk;
    enum risk risk;
    struct str matched_model;
    struct str model;
    const struct str *fallback; /* [fallback_count] in order */
    size_t fallback_count;
    struct str upstream;       /* that serves it; empty: the one that was asked */
    struct str under_pressure; /* model once a budget says "shape", or has no room; empty: none */
    bool to_people;            /* refuse: this work stays with people */
    bool has_on_leave;
    enum gateway_leave on_leave;
    int64_t output_ceiling; /* tokens; 0: the gateway's */
    bool has_shrink;
    bool shrink; /* cut a request's bound of the output to the ceiling */
};

/* What is not said is 0 or absent, and the gateway's own default holds. */
struct settings_gateway {
    int64_t refusal_status; /* 402 or 429 */
    bool allow_unpriced;    /* calls whose worst cost nobody knows pass hard limits */
    int64_t output_ceiling; /* tokens held for a request that does not bound its output */
    bool shrink;            /* and the bound such a request is given */
    bool has_on_leave;
    enum gateway_leave on_leave;
    int64_t retries;      /* of the same model, before a fallback */
    int64_t retry_wait_s; /* longest that a provider may ask for before it */
    int64_t first_byte_s;
    int64_t idle_s;
    int64_t total_s;
    bool hides_amounts;            /* of budgets, from clients */
    const struct str *hidden_from; /* [hidden_from_count] names of keys whose clients they are */
    size_t hidden_from_count;
    bool sync_always;      /* holds are on the disk before a call is forwarded */
    struct str notify_url; /* a webhook, told when a budget passes a step; empty: none */
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
    bool has_control_rate;
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

/* Of the server. */
struct settings_limits {
    int64_t connections;
    int64_t body_mib;   /* of one request */
    int64_t memory_mib; /* of all requests being read or handled */
    int64_t queue_mib;  /* received, not in the journal yet */
    int64_t journal_mib;
    int64_t bodies_mib; /* of kept bodies, on the disk */
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
    struct settings_gateway gateway;
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
