/* api/segments_priv: what the files of the report on segments share. */
#ifndef API_SEGMENTS_PRIV_H
#define API_SEGMENTS_PRIV_H

#include "api/api_priv.h"
#include "attribution/segments/segments.h"

enum { ATTRIBUTES_LISTED_MAX = 200 };

/* An attribute of the closed cases, searched or not. */
struct segments_name {
    struct str name;
    const char *left_out; /* why it is not searched; NULL: it is */
    bool is_number;
    int64_t values;
    int64_t cases;
    int64_t pooled;                   /* values that have no code of their own */
    struct str texts[SEGMENTS_CODES]; /* of each code that is one value */
    double cuts[SEGMENTS_CUTS_MAX];
    size_t cut_count;
};

/* Sums over the cases of one side in one half; amounts exact. */
struct segments_group {
    int64_t cases;
    int64_t resolved;
    int64_t first_successes;
    int64_t attempts;
    money_sum agent_pusd;
    money_sum people_pusd;
    money_sum human_ms;
    struct segments_work kinds[SEGMENTS_KINDS]; /* without the models */
    struct segments_sums sums;                  /* in the search's units */
    struct stats_interval cost_per_outcome;
    enum method method;
};

struct segments_found {
    size_t candidate;
    size_t also[SEGMENTS_ALSO_MAX];
    size_t also_count;
    int64_t cases; /* of both halves */
    double score;
    struct segments_group in[SEGMENTS_HALVES];
    struct segments_group rest[SEGMENTS_HALVES];
    struct segments_side side_in; /* of the confirmation half */
    struct segments_side side_rest;
    double tokens_in; /* input tokens an attempt */
    double tokens_rest;
    bool has_parts; /* both sides have an outcome */
    double parts[SEGMENTS_PARTS];
    struct stats_interval difference;
};

struct segments_search {
    struct store *store;
    const struct api_request *request;
    struct arena *arena;         /* of the answer */
    struct arena *scratch;       /* of one query */
    struct figures figures;      /* of which only settings, unit and counts are filled */
    double scale;                /* units a USD */
    struct segments_name *names; /* [name_count]; the first attribute_count are searched */
    size_t name_count;
    int64_t names_all;
    struct segments_attribute attributes[SEGMENTS_ATTRIBUTES_MAX];
    size_t attribute_count;
    struct segments_plan plan;
    struct segments segments;
    struct segments_found found[SEGMENTS_FOUND_MAX];
    size_t found_count;
    size_t discovered; /* candidates that hold in the first half */
    size_t confirmed;
    int64_t unpriced_calls;
    struct str models[SEGMENTS_MODELS_MAX];
    size_t model_count;
    bool split_is_partial; /* of some model's cost it is not known what went in */
};

/* Closed cases and their attributes in codes, into the tables of the search. */
MUST_CHECK enum errc segments_read(struct segments_search *search, struct err *err);
/* Try the candidates, pick the segments, count them. */
MUST_CHECK enum errc segments_find(struct segments_search *search, struct err *err);
/* Figures of what was found: intervals, parts. */
MUST_CHECK enum errc segments_measure(struct segments_search *search, struct err *err);
/* What a side's models did and what went in cost. */
MUST_CHECK enum errc segments_read_models(struct segments_search *search, struct err *err);

/* "true", "12.5", "(none)" of a test, and its operator. */
const char *segments_test_words(const struct segments_search *search,
                                const struct segments_test *test, struct arena *arena,
                                struct str *out_value);
/* Calls to a model, or to all of them (SIZE_MAX), and what went in cost, on one side. */
double segments_calls(const struct segments_side *side, size_t model);
double segments_prompt_usd(const struct segments_side *side);
/* economics.md section 9, appended. */
void segments_put_sentence(const struct segments_search *search, const struct segments_found *found,
                           struct text *out);
/* The cheapest baseline configured, or BASELINE_COUNT. */
enum baseline segments_baseline(const struct figures *figures);

#endif
