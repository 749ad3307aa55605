/* How many files may be open decides how many connections can be: the limit is raised as far as
 * the system lets it, and what the ledger needs is set aside. */
#include "app/serve.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/check.h"

enum {
    FILES_SET_ASIDE = 256,   /* ledger, journal, loops, what is read meanwhile */
    CONNECTIONS_MIN = 64,    /* whatever the limit */
    CONNECTIONS_FEW = 10000, /* below that it is told how to get more */
};

/* A client whose call is under way has a connection to an upstream as well. */
static int files_each(const struct settings *settings)
{
    return settings->upstreams.count > 0 ? 2 : 1;
}

int serve_raise_files(const struct settings *settings, int connections)
{
    CHECK(settings != NULL);
    CHECK(connections > 0);
    struct rlimit files = {0};
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlim_t needed = (rlim_t)connections * (rlim_t)files_each(settings) + FILES_SET_ASIDE;
    const rlim_t before = files.rlim_cur;
    if (files.rlim_cur < needed) {
        files.rlim_cur = files.rlim_max < needed ? files.rlim_max : needed;
        files.rlim_cur = setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : before;
    }
    if (files.rlim_cur >= needed) {
        return connections;
    }
    const int fitting = ((int)files.rlim_cur - FILES_SET_ASIDE) / files_each(settings);
    const int most = fitting > CONNECTIONS_MIN ? fitting : CONNECTIONS_MIN;
    return connections < most ? connections : most;
}

void serve_tell_files(const struct settings *settings, int connections, int wanted)
{
    CHECK(settings != NULL);
    CHECK(connections > 0);
    CHECK(connections <= wanted);
    if (connections < wanted && connections < CONNECTIONS_FEW) {
        fprintf(stderr,
                "bursar: only %d connections are taken, because only %d files may be open at once; "
                "raise that: LimitNOFILE= of systemd, ulimit -Hn of a shell\n",
                connections, connections * files_each(settings) + FILES_SET_ASIDE);
    }
}
