/*
 * api/route: which model a workflow should use, from what its models did on comparable work.
 *
 *     case_costs --store/--> arms, cells, pairs --attribution/routing--> struct route --> JSON
 *
 * Not thread-safe: one store, one caller. Texts and rows are owned by the arena.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/api.h"
#include "attribution/routing/routing.h"

enum {
    ROUTE_HELD_MAX = 4, /* attributes held fixed together */
    ROUTE_SEGMENT_ATTRIBUTES_MAX = 3,
    ROUTE_SEGMENT_VALUES_MAX = 8,
    ROUTE_CASCADES_MAX = 12,
    ROUTE_RECENT_LEAST =
        100, /* cases of the window's last quarter that say which model is in use */
};
#define ROUTE_EQUALLY_USED 0.95 /* of the most used model's cases, where nothing has a date */

struct route_request {
    struct api_request common; /* its workflow is named */
    struct str reference;      /* empty: the model in use */
    bool cascades; /* of every pair of models, not only those that end in the reference */
    bool brief;    /* recommendation, savings and experiment only */
};

struct route_model {
    struct str model;
    struct routing_arm arm;
    int64_t attempts; /* first attempts, of open cases too */
    int64_t mixed;    /* of which other models took a part */
    int64_t unpriced; /* closed ones left out of costs: a step has no price */
    int64_t zero;     /* closed ones left out of costs: nothing was reported */
    int64_t recent;
    int64_t first_ns; /* INT64_MIN: no date */
    int64_t last_ns;
    struct stats_interval cost_per_outcome;
    bool bootstrapped;
};

struct route_attribute {
    struct str name;
    int64_t values;
    struct routing_balance balance;
    double q;        /* false discovery rate over the attributes */
    bool unbalanced; /* models had different mixes of it */
    bool held;       /* fixed in the comparison */
};

enum route_source { ROUTE_OF_REPLICATES, ROUTE_OF_ESCALATIONS };

struct route_cascade {
    size_t first; /* of models */
    size_t second;
    enum route_source source;
    int64_t units_all; /* of which `cascade.units` were taken */
    struct routing_cascade cascade;
};

/* One value of an attribute: each model on its cases, and what is best there. */
struct route_segment {
    struct str attribute;
    struct str value; /* empty: without the attribute */
    int64_t cases;
    const struct routing_arm *arms;               /* [model_count] */
    const struct routing_comparison *comparisons; /* [model_count] with the reference */
    size_t recommended;                           /* SIZE_MAX: nothing better is shown */
};

struct route {
    struct str workflow;
    struct str unit;
    double margin_pp;
    int64_t cases;
    int64_t closed;
    int64_t first_ns; /* INT64_MIN: no case has a date */
    int64_t last_ns;
    int64_t dated;
    int64_t recent_ns; /* INT64_MIN: the model in use is that of all cases */
    int64_t unknown;   /* first attempts whose model is not known */
    int64_t unlisted;  /* first attempts of models beyond ROUTING_MODELS_MAX */

    struct route_model *models;           /* [count] most used first */
    const struct routing_option *options; /* [count] each against the reference */
    size_t count;
    size_t current;   /* the model in use; SIZE_MAX: no model is known */
    size_t reference; /* compared with: the one named, or current */
    bool reference_named;

    struct route_attribute *attributes; /* [attribute_count] by name */
    size_t attribute_count;
    const struct str *wide; /* [wide_count] attributes of too many values to be checked */
    size_t wide_count;

    size_t recommended; /* the reference where nothing better is shown */
    int64_t volume;     /* closed cases of the reference that the savings are of */
    struct stats_interval savings_usd;
    struct stats_interval savings_month_usd; /* NaN: without dates */
    double cases_per_day;                    /* NaN: without dates */
    struct routing_experiment experiment;    /* option SIZE_MAX: none */

    const struct route_cascade *cascades; /* [cascade_count] cheapest first */
    size_t cascade_count;
    const struct route_segment *segments; /* [segment_count] */
    size_t segment_count;
};

/*
 * settings  may lack the workflow: then the margin is the default.
 *
 * The table case_costs holds the cases of the request (figures_create_costs()).
 *
 * Errors: ERR_NOT_FOUND  no case of the workflow was served by request->reference; the text lists
 *                        the models that there are.
 *         ERR_STORE; ERR_LIMIT when the arena is full.
 */
MUST_CHECK enum errc route_read(struct store *store, const struct settings *settings,
                                const struct route_request *request, struct arena *arena,
                                struct route *out, struct err *err);

/* "bursar.route/1". Errors: as above; ERR_NOT_FOUND also when there is no such workflow. */
MUST_CHECK enum errc api_route(struct store *store, const struct settings *settings,
                               const struct route_request *request, struct arena *arena,
                               struct text *out, struct err *err);

#endif
