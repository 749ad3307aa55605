/* doctor: what the server would need to be reached: keys that are good, a certificate that is. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/keys.h"
#include "base/check.h"
#include "base/clock.h"
#include "cmd/doctor.h"
#include "model/settings.h"

enum { SOON_DAYS = 21, LIST_BYTES_MAX = 600, LISTED_MAX = 5, PATH_BYTES_MAX = 4096 };

static bool is_far(struct str listen)
{
    return !str_starts_with(listen, STR("127.")) && !str_starts_with(listen, STR("localhost:")) &&
           !str_starts_with(listen, STR("[::1]"));
}

/* Keys that were given an end and have reached it, or soon will; and those open for ever. */
static void say_keys(struct doctor *doctor, const struct control_keys *keys,
                     const struct settings *settings)
{
    const int64_t now_ns = doctor->app->now_ns;
    const bool needed = is_far(settings->listen) || settings->require_keys;
    struct text ending;
    text_init(&ending, LIST_BYTES_MAX);
    size_t active = 0;
    size_t soon = 0;
    for (size_t i = 0; i < keys->count; i++) {
        const struct control_key *const key = &keys->rows[i];
        if (key->revoked_ns != CONTROL_KEY_NEVER) {
            continue;
        }
        active += keys_is_active(key, now_ns);
        if (key->expires_ns < CONTROL_KEY_NEVER &&
            key->expires_ns - now_ns < SOON_DAYS * CLOCK_NS_PER_DAY) {
            char date[CLOCK_TEXT_BYTES_MAX];
            clock_print_date(key->expires_ns, date);
            if (soon++ < LISTED_MAX) {
                text_format(&ending, "%s%.40s (%s)", soon > 1 ? ", " : "", key->name.data, date);
            }
        }
    }
    if (needed && active == 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "keys",
                   settings->upstreams.count > 0
                       ? "bursar key create --role gateway for calls of models, --role ingest for "
                         "telemetry"
                       : "bursar key create --role ingest",
                   "bursar.yaml makes the server ask for keys, and none is good");
    } else if (soon > 0) {
        doctor_say(doctor, DOCTOR_NOTE, "keys",
                   "make new ones, then revoke the old: bursar key create, bursar key revoke ID",
                   "%zu of %zu keys have expired or will within %d days: %s", soon, keys->count,
                   SOON_DAYS, ending.data);
    } else {
        doctor_say(doctor, DOCTOR_OK, "keys", NULL, "%zu of %zu open the server%s", active,
                   keys->count, needed ? "" : ", which answers this machine without one");
    }
    text_deinit(&ending);
}

static void check_keys(struct doctor *doctor, const struct settings *settings)
{
    char path[PATH_BYTES_MAX];
    struct control *control = NULL;
    struct control_keys keys = {0};
    struct err err;
    snprintf(path, sizeof path, STR_FORMAT "/control.sqlite", STR_ARG(doctor->app->home));
    if (access(path, F_OK) == 0) { /* what is not there is not made */
        enum errc code = control_open(doctor->app->home, &control, &err);
        if (code == ERR_OK) {
            code = control_list_keys(control, doctor->app->arena, &keys, &err);
        }
        control_close(&control);
        if (code != ERR_OK) {
            return; /* the check of the control store says so */
        }
    }
    say_keys(doctor, &keys, settings);
}

/* Whole days until the certificate ends; false: the file has none that can be read. */
static bool read_end(const char *path, int *out_days)
{
    FILE *const file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    X509 *const certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (certificate == NULL) {
        return false;
    }
    int days = 0;
    int seconds = 0;
    const int read = ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
    X509_free(certificate);
    *out_days = seconds < 0 ? days - 1 : days;
    return read == 1;
}

static void check_tls(struct doctor *doctor, const struct settings *settings)
{
    const char *const certificate = settings->tls.certificate.data;
    const char *const private_key = settings->tls.private_key.data;
    struct stat status;
    int days = 0;
    if (certificate == NULL) {
        if (is_far(settings->listen)) {
            doctor_say(doctor, DOCTOR_NOTE, "TLS",
                       "set tls in bursar.yaml, or keep the network between to yourself",
                       "listen is %.*s, without TLS: keys and telemetry can be read on the way",
                       STR_ARG(settings->listen));
        }
        return;
    }
    if (!read_end(certificate, &days)) {
        doctor_say(doctor, DOCTOR_PROBLEM, "TLS", "tls.certificate names a PEM file",
                   "%s has no certificate that can be read", certificate);
    } else if (stat(private_key, &status) != 0 || access(private_key, R_OK) != 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "TLS", "tls.private_key names a PEM file",
                   "%s cannot be read", private_key);
    } else if (days < 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, "TLS",
                   "put a new one there, then: systemctl reload bursar, or kill -HUP its process",
                   "the certificate in %s ended %d days ago", certificate, -days);
    } else if (days < SOON_DAYS) {
        doctor_say(doctor, DOCTOR_NOTE, "TLS",
                   "put a new one there, then: systemctl reload bursar, or kill -HUP its process",
                   "the certificate in %s ends in %d days", certificate, days);
    } else if ((status.st_mode & 077) != 0) {
        doctor_say(doctor, DOCTOR_NOTE, "TLS", "chmod 600", "other users may read %s (mode %03o)",
                   private_key, (unsigned int)status.st_mode & 0777U);
    } else {
        doctor_say(doctor, DOCTOR_OK, "TLS", NULL, "the certificate in %s is good for %d days",
                   certificate, days);
    }
}

void doctor_check_serve(struct doctor *doctor)
{
    CHECK(doctor != NULL);
    const struct settings *settings = NULL;
    struct err err;
    if (app_settings(doctor->app, &settings, &err) == ERR_OK) {
        check_keys(doctor, settings);
        check_tls(doctor, settings);
    }
}
