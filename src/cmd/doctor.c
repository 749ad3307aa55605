/* doctor: is everything there that this program needs, and how to mend what is not. */
#include "cmd/doctor.h"
#include "app/app.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "model/settings.h"
#include "price/price.h"
#include "render/render.h"

#define DISK_PROBLEM_BYTES ((uint64_t)256 << 20)
#define DISK_NOTE_BYTES    ((uint64_t)2 << 30)

enum { BOOK_NOTE_DAYS = 60, PATH_BYTES_MAX = 4096, FOUND_BYTES_MAX = 1600 };

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *check, const char *mend,
                const char *format, ...)
{
    static const char *const names[] = {
        [DOCTOR_OK] = "ok", [DOCTOR_NOTE] = "note", [DOCTOR_PROBLEM] = "problem"};
    CHECK(doctor != NULL);
    char found[FOUND_BYTES_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    doctor->problems += state == DOCTOR_PROBLEM;
    doctor->notes += state == DOCTOR_NOTE;
    if (doctor->app->json) {
        struct text *const json = doctor->app->out;
        json_open_object(json);
        json_name(json, "check");
        json_put_text(json, check);
        json_name(json, "state");
        json_put_text(json, names[state]);
        json_name(json, "found");
        json_put_text(json, found);
        json_name(json, "mend");
        if (mend != NULL) {
            json_put_text(json, mend);
        } else {
            json_put_null(json);
        }
        json_close_object(json);
        return;
    }
    struct render *const render = &doctor->render;
    const struct str clean = render_clean(render, str_from(found));
    render_wrap(
        render, 0, 25,
        render_format(render, "%-8s %-15s " STR_FORMAT, names[state], check, STR_ARG(clean)));
    if (mend != NULL) {
        render_wrap(render, 25, 28, render_format(render, "-> %s", mend));
    }
}

static void check_home(struct doctor *doctor)
{
    const char *const home = doctor->app->home.data;
    struct stat status;
    if (stat(home, &status) != 0 && errno == ENOENT) {
        doctor_say(doctor, DOCTOR_NOTE, "home", "bursar import PATH makes it",
                   "%s is not there yet", home);
    } else if (stat(home, &status) != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "home", "name another one with --home or BURSAR_HOME",
                   "%s: %s", home, strerror(errno));
    } else if (!S_ISDIR(status.st_mode)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "home", "name a directory with --home or BURSAR_HOME",
                   "%s is not a directory", home);
    } else if (access(home, R_OK | W_OK | X_OK) != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "home", "make it readable and writable for this user",
                   "%s: %s", home, strerror(errno));
    } else if ((status.st_mode & 077) != 0) {
        doctor_say(doctor, DOCTOR_NOTE, "home", "chmod 700, unless they are meant to",
                   "%s: other users may look into it (mode %03o)", home,
                   (unsigned int)status.st_mode & 0777U);
    } else {
        doctor_say(doctor, DOCTOR_OK, "home", NULL, "%s: writable, private", home);
    }
}

/* The file system of the home, or of the nearest directory above it that is there. */
static void check_disk(struct doctor *doctor)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof path, STR_FORMAT, STR_ARG(doctor->app->home));
    struct statvfs disk;
    while (statvfs(path, &disk) != 0) {
        char *const slash = strrchr(path, '/');
        if (slash == NULL) {
            snprintf(path, sizeof path, ".");
        } else {
            slash[slash == path ? 1 : 0] = '\0';
        }
        if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0) {
            break;
        }
    }
    if (statvfs(path, &disk) != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "disk", NULL, "%s: %s", path, strerror(errno));
        return;
    }
    const uint64_t bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    const enum doctor_state state = bytes < DISK_PROBLEM_BYTES ? DOCTOR_PROBLEM
                                    : bytes < DISK_NOTE_BYTES  ? DOCTOR_NOTE
                                                               : DOCTOR_OK;
    doctor_say(doctor, state, "disk",
               state != DOCTOR_OK ? "make room, or move the home with --home or BURSAR_HOME" : NULL,
               "%.1f GB free", (double)bytes / 1e9);
}

/* Whether the rest may go by it. */
static bool check_config(struct doctor *doctor)
{
    const struct settings *settings = NULL;
    struct err err;
    const char *const path = doctor->app->config_path.data;
    if (app_settings(doctor->app, &settings, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "configuration", "mend that line, then run this again",
                   "%s", err.text);
        return false;
    }
    if (access(path, F_OK) != 0) {
        doctor_say(doctor, DOCTOR_OK, "configuration", NULL,
                   "none; %s would hold workflows, values and baselines (docs/configuration.md)",
                   path);
    } else {
        doctor_say(doctor, DOCTOR_OK, "configuration", NULL, "%s: %zu workflows, %zu tools", path,
                   settings->workflows.count, settings->tools.count);
    }
    return true;
}

static void check_book(struct doctor *doctor)
{
    const struct price_book *book = NULL;
    struct err err;
    if (app_price_book(doctor->app, &book, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "price book", "mend `prices` in the configuration", "%s",
                   err.text);
        return;
    }
    const int64_t now_ns = doctor->app->now_ns;
    int64_t newest_ns = INT64_MIN;
    for (size_t i = 0; i < book->rows.count; i++) {
        const int64_t from_ns = book->rows.rows[i].from_ns;
        newest_ns = from_ns <= now_ns && from_ns > newest_ns ? from_ns : newest_ns;
    }
    if (newest_ns == INT64_MIN) {
        doctor_say(doctor, DOCTOR_OK, "price book", NULL, "%zu prices of %zu models",
                   book->rows.count, book->models.count);
        return;
    }
    const int64_t days = (now_ns - newest_ns) / CLOCK_NS_PER_DAY;
    char date[CLOCK_TEXT_BYTES_MAX];
    clock_print_date(newest_ns, date);
    doctor_say(doctor, days > BOOK_NOTE_DAYS ? DOCTOR_NOTE : DOCTOR_OK, "price book",
               days > BOOK_NOTE_DAYS ? "newer prices come with a newer bursar, or from you: "
                                       "`prices` in bursar.yaml"
                                     : NULL,
               "%zu prices of %zu models; the newest has been in force since %s, %lld days",
               book->rows.count, book->models.count, date, (long long)days);
}

static enum errc run(struct app *app, const struct args *args, struct err *err)
{
    CHECK(app != NULL);
    if (args->positional_count > 0) {
        return err_set(err, ERR_USAGE, "doctor takes no %s; it checks everything",
                       args->positional[0]);
    }
    struct doctor doctor = {.app = app,
                            .render = render_start(app->arena, app->out, app->columns),
                            .online = args_get(args, "--online") != NULL};
    if (app->json) {
        json_open_object(app->out);
        json_name(app->out, "schema");
        json_put_text(app->out, "bursar.doctor/1");
        json_name(app->out, "checks");
        json_open_array(app->out);
    }
    check_home(&doctor);
    check_disk(&doctor);
    if (check_config(&doctor)) {
        check_book(&doctor);
        doctor_check_serve(&doctor);
        doctor_check_gateway(&doctor);
        doctor_check_bodies(&doctor);
    }
    doctor_check_ledger(&doctor);
    if (app->json) {
        json_close_array(app->out);
        json_name(app->out, "ok");
        json_put_bool(app->out, doctor.problems == 0);
        json_close_object(app->out);
        text_char(app->out, '\n');
    } else {
        text_format(app->out, "\n%lld %s, %lld %s\n", (long long)doctor.problems,
                    doctor.problems == 1 ? "problem" : "problems", (long long)doctor.notes,
                    doctor.notes == 1 ? "note" : "notes");
    }
    if (doctor.problems > 0) {
        return err_set(err, ERR_CONFIG, "%lld %s; each says above how to mend it",
                       (long long)doctor.problems, doctor.problems == 1 ? "problem" : "problems");
    }
    return render_end(&doctor.render, err);
}

static const struct option options[] = {
    {"--online", NULL, "ask each upstream over the network whether it answers; no key is sent"},
};

const struct command cmd_doctor = {
    .name = "doctor",
    .synopsis = "[--online]",
    .summary = "check the installation, and say how to mend it",
    .about =
        "Checks the home, the disk, the configuration, the price book, the server's keys and\n"
        "certificate, the gateway's upstreams, routes and budgets, the ledger, what in it has no "
        "price, no workflow or no name, and where on\n"
        "this machine agents keep their logs. Each\n"
        "line is ok, a note or a problem, with what to do. Exit status 1 when there is a problem.\n"
        "Nothing is changed.",
    .example = "bursar doctor",
    .options = options,
    .option_count = COUNT_OF(options),
    .run = run,
};
