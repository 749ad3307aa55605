#include "app/audit.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "store/control.h"

enum { ACTOR_BYTES_MAX = 128 };

struct str app_actor(struct app *app)
{
    CHECK(app != NULL);
    const struct passwd *const user = getpwuid(getuid());
    char actor[ACTOR_BYTES_MAX];
    if (app->actor.size == 0) {
        if (user != NULL) {
            snprintf(actor, sizeof actor, "%s", user->pw_name);
        } else {
            snprintf(actor, sizeof actor, "uid %lld", (long long)getuid());
        }
        const struct str copy = arena_copy(app->arena, str_from(actor));
        app->actor = copy.data != NULL ? copy : STR("unknown");
    }
    return app->actor;
}

enum errc app_audit(struct app *app, const char *action, struct str subject, struct str detail,
                    struct err *err)
{
    CHECK(app != NULL);
    CHECK(action != NULL);

    const struct control_audit audit = {.at_ns = app->now_ns,
                                        .actor = app_actor(app),
                                        .action = str_from(action),
                                        .subject = subject,
                                        .detail = detail};
    struct control *control = NULL;
    enum errc code = control_open(app->home, &control, err);
    if (code == ERR_OK) {
        code = control_add_audit(control, &audit, err);
        control_close(&control);
    }
    return code;
}
