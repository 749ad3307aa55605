/* simulate/company_words_priv: what the tables of the company's workflows are written with. */
#ifndef SIMULATE_COMPANY_WORDS_PRIV_H
#define SIMULATE_COMPANY_WORDS_PRIV_H

#include "simulate/company_priv.h"

/* Places in company_models. */
enum { SONNET, HAIKU, GPT41, GPT41_MINI, SOL, PRIVATE };

#define MINUTES(low, high)                                                                         \
    {                                                                                              \
        (int)((low)*60000), (int)((high)*60000)                                                    \
    }
#define PUSD(usd_e4) ((int64_t)(usd_e4)*100000000) /* ten-thousandths of a dollar */
#define READS        .kind = STEP_TOOL, .effect = EFFECT_READ
#define FINDS        .kind = STEP_RETRIEVAL, .effect = EFFECT_READ
#define WRITES       .kind = STEP_TOOL, .effect = EFFECT_WRITE

#define LANGUAGES                                                                                  \
    {                                                                                              \
        "language",                                                                                \
        {                                                                                          \
            {"en", 6200}, {"es", 1500}, {"pt", 1200}, {"de", 700},                                 \
            {                                                                                      \
                "fr", 400                                                                          \
            }                                                                                      \
        }                                                                                          \
    }
#define REGIONS                                                                                    \
    {                                                                                              \
        "region",                                                                                  \
        {                                                                                          \
            {"north", 2600}, {"south", 2400}, {"east", 1900}, {"west", 2100},                      \
            {                                                                                      \
                "central", 1000                                                                    \
            }                                                                                      \
        }                                                                                          \
    }

extern const struct company_workflow company_claims;
extern const struct company_workflow company_tickets;
extern const struct company_workflow company_invoices;
extern const struct company_workflow company_contracts;
extern const struct company_workflow company_leads;
extern const struct company_workflow company_code;

#endif
