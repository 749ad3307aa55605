/* api/api_priv: the figures of workflows, read once from the ledger, and how they are written. */
#ifndef API_API_PRIV_H
#define API_API_PRIV_H

#include "api/api.h"
#include "attribution/stats/stats.h"
#include "model/usage.h"

enum method { METHOD_DELTA, METHOD_BOOTSTRAP };

struct unpriced_model {
    struct str workflow;
    struct str model; /* empty: not known either */
    int64_t calls;
};

/* One workflow. Closed cases are those with a final outcome: resolved or not. */
struct figures {
    struct str workflow;                      /* empty: unattributed */
    const struct settings_workflow *settings; /* NULL: not configured */

    int64_t cases;
    int64_t open;
    int64_t closed;
    int64_t resolved;
    int64_t attempts;
    int64_t attempts_closed;
    int64_t attempts_empty;   /* of which no step is known */
    int64_t first_successes;  /* cases whose first attempt brought the resolution */
    int64_t named_by_session; /* cases named by nothing better than a session or trace */
    int64_t untraced;         /* outcomes of cases no attempt of which was seen */
    int64_t first_ns;         /* INT64_MIN: no case has a date */
    int64_t last_ns;
    int64_t open_oldest_ns;
    int64_t open_mean_ns;

    money_sum base_pusd;
    money_sum retry_tail_pusd;
    money_sum sunk_pusd;
    money_sum rework_pusd;
    money_sum human_pusd;
    money_sum open_pusd;
    money_sum total_pusd;
    money_sum closed_pusd;        /* all but open */
    money_sum people_pusd;        /* people's part of the total */
    money_sum closed_people_pusd; /* and of the closed cases */
    money_sum human_ms;

    money_sum value_pusd; /* of resolved cases that have one */
    int64_t valued_recorded;
    int64_t valued_configured;

    money_sum tokens[USAGE_COUNT];
    money_sum reasoning;
    int64_t calls;
    int64_t unpriced_calls;
    int64_t estimated_calls; /* their usage, or a part of it, is not the provider's */
    money_sum estimated_pusd;
    money_sum refused_calls; /* by rules of the gateway: never made */
    money_sum fees_pusd;
    money_sum priced_pusd;
    money_sum reported_pusd;

    struct stats_sums cost_to_resolved; /* over closed cases, USD: y cost, x 1 when resolved */
    struct stats_sums value_to_cost;    /* y value, x cost */
    enum method method;
    struct stats_interval cost_per_outcome;
    struct stats_interval outcomes_per_usd;
    struct stats_interval value_per_usd;
};

struct figures_list {
    struct figures *rows; /* by total cost, dearest first; owned by the arena */
    size_t count;
    size_t capacity;
    struct figures unattributed;
    const struct unpriced_model *unpriced; /* [unpriced_count] by workflow, most called first */
    size_t unpriced_count;
    int64_t undated; /* cases without any date, which no window holds */
};

/* Everything a report says, from the ledger. Leaves the table case_costs for further queries. */
MUST_CHECK enum errc figures_read(struct store *store, const struct settings *settings,
                                  const struct api_request *request, struct arena *arena,
                                  struct figures_list *out, struct err *err);

/* Fill the tables workflow_settings and case_costs, one row a case. Errors: ERR_STORE. */
MUST_CHECK enum errc figures_create_costs(struct store *store, const struct settings *settings,
                                          const struct api_request *request, struct err *err);

/* ERR_NOT_FOUND when no case is of that workflow; the text lists those there are. */
MUST_CHECK enum errc figures_require_workflow(struct store *store, struct str workflow,
                                              struct arena *arena, struct err *err);

/* NULL when the ledger has no case of that workflow. */
const struct figures *figures_find(const struct figures_list *list, struct str workflow);

/* What the unit of work is called: as configured, else "session" or "case". */
struct str figures_unit(const struct figures *figures);

/* Cost of one successful unit without the agent, USD; NaN where no such baseline is configured. */
double figures_baseline(const struct figures *figures, enum baseline baseline);

/* ---- JSON pieces */

/* low, high: NaN for none. Written as (x - offset) * scale, bounds in order. */
struct estimate {
    struct stats_interval interval;
    double scale;
    double offset;
    int64_t n;          /* sample size; -1: no sample */
    const char *basis;  /* "measured", "estimated", "assumed" */
    const char *method; /* "wilson", "delta", "bootstrap", "newcombe"; NULL: none */
    bool incomplete;    /* some of what should be in it is not known */
};
void put_estimate(struct text *out, const char *name, const struct estimate *estimate);
void put_money(struct text *out, const char *name, money_sum amount_pusd);
void put_count(struct text *out, const char *name, int64_t count);
void put_number(struct text *out, const char *name, double number); /* NaN: null */
void put_time(struct text *out, const char *name, int64_t time_ns, int64_t none);
void put_str(struct text *out, const char *name, struct str value);
void put_request(struct text *out, const char *schema, const struct api_request *request);
const char *method_name(enum method method);

#endif
