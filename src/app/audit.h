/* app/audit: who changed what, in the control store, for every command that writes. */
#ifndef APP_AUDIT_H
#define APP_AUDIT_H

#include "app/app.h"

/* Who this run is for: app->actor, else the user of the operating system. Owned by app->arena,
 * which has room for it. */
struct str app_actor(struct app *app);

/*
 * action   "import", "outcome add". subject  what it was done to. detail  what came of it.
 *
 * Errors: those of control_open() and control_add_audit().
 */
MUST_CHECK enum errc app_audit(struct app *app, const char *action, struct str subject,
                               struct str detail, struct err *err);

#endif
