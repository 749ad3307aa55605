/* cmd/doctor: the findings of bursar doctor, printed as they come. */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

#include "app/app.h"
#include "model/settings.h"
#include "render/render.h"

enum doctor_state { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_PROBLEM };

struct doctor {
    struct app *app;
    struct render render;
    int64_t problems;
    int64_t notes;
    bool online; /* others may be asked over the network */
};

/* One finding. mend: what to do about it; NULL when there is nothing to do. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *check, const char *mend,
                const char *format, ...) PRINTF_LIKE(5, 6);

/* The two stores, what is in the ledger, and the agents' logs that are not. */
void doctor_check_ledger(struct doctor *doctor);
/* Keys and certificate; says nothing when the configuration cannot be read. */
void doctor_check_serve(struct doctor *doctor);
/* Upstreams, routes, budgets, notices; likewise. */
void doctor_check_gateway(struct doctor *doctor);
/* What is kept of calls, and who could read it. */
void doctor_check_bodies(struct doctor *doctor);
void doctor_check_online(struct doctor *doctor, const struct settings *settings);

#endif
