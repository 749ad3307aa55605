#include "app/app.h"

#include "base/check.h"

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    (void)args;
    (void)err;
    CHECK(app != NULL);
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "version");
        json_put_text(app->out, BURSAR_VERSION);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else {
        text_format(app->out, "bursar %s\n", BURSAR_VERSION);
    }
    return ERR_OK;
}

const struct command cmd_version = {
    .name = "version",
    .synopsis = "",
    .summary = "print the version",
    .about = "Prints the version of this program.",
    .example = "bursar version",
    .run = run,
};
