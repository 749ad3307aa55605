/* doctor: workflows whose calls' bodies are kept, and who could look at them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "bodies/bodies.h"
#include "cmd/doctor.h"
#include "model/settings.h"

enum { PATH_BYTES_MAX = 4096, OTHERS = 077 };

static void check_workflow(struct doctor *doctor, const struct settings_workflow *workflow)
{
    const struct bodies_policy *const policy = workflow->keep_bodies;
    if (policy->rule_count == 0) {
        doctor_say(doctor, DOCTOR_NOTE, "bodies", "redact: [email, phone, card, iban, ip, secret]",
                   "those of " STR_FORMAT
                   " are kept for %lld days, and nothing is taken out of them",
                   STR_ARG(workflow->name), (long long)policy->days);
    } else {
        doctor_say(doctor, DOCTOR_OK, "bodies", NULL,
                   "those of " STR_FORMAT " are kept for %lld %s, after %zu %s taken out of them",
                   STR_ARG(workflow->name), (long long)policy->days,
                   policy->days == 1 ? "day" : "days", policy->rule_count,
                   policy->rule_count == 1 ? "rule has" : "rules have");
    }
}

static void check_folder(struct doctor *doctor)
{
    char path[PATH_BYTES_MAX];
    struct stat status;
    snprintf(path, sizeof path, STR_FORMAT "/bodies", STR_ARG(doctor->app->home));
    if (lstat(path, &status) != 0) {
        if (errno != ENOENT) {
            doctor_say(doctor, DOCTOR_PROBLEM, "bodies", NULL, "%s: %s", path, strerror(errno));
        }
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "bodies", "move it away",
                   "%s is no directory: nothing is kept there", path);
    } else if (status.st_uid != geteuid()) {
        doctor_say(doctor, DOCTOR_PROBLEM, "bodies", "chown it, or move it away",
                   "%s belongs to another user: nothing is kept there", path);
    } else if ((status.st_mode & OTHERS) != 0) {
        doctor_say(doctor, DOCTOR_NOTE, "bodies", "chmod 700; bursar serve does so at its start",
                   "%s: other users may look into it (mode %03o)", path,
                   (unsigned int)status.st_mode & 0777U);
    }
}

void doctor_check_bodies(struct doctor *doctor)
{
    CHECK(doctor != NULL);
    const struct settings *settings = NULL;
    struct err err;
    check_folder(doctor);
    if (app_settings(doctor->app, &settings, &err) != ERR_OK) {
        return; /* said before */
    }
    for (size_t i = 0; i < settings->workflows.count; i++) {
        if (settings->workflows.rows[i].keep_bodies != NULL) {
            check_workflow(doctor, &settings->workflows.rows[i]);
        }
    }
}
