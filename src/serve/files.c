/* How many files may be open decides how many connections can be: the limit is raised as far as
 * the system lets it, and what the ledger needs is set aside. */
#include "serve/serve.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/check.h"

enum {
    FILES_SET_ASIDE = 256,   /* ledger, journal, loops, what is read meanwhile */
    UPSTREAM_SHARE = 4,      /* of the rest, kept from clients for the calls of those that are in */
    CONNECTIONS_MIN = 64,    /* whatever the limit */
    CONNECTIONS_FEW = 10000, /* below that it is told how to get more */
};

struct serve_files serve_raise_files(const struct settings *settings, int connections)
{
    CHECK(settings != NULL);
    CHECK(connections > 0);
    /* A client whose call is under way has a connection to an upstream as well. */
    const int each = settings->upstreams.count > 0 ? 2 : 1;
    struct rlimit files = {0};
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    const rlim_t needed = (rlim_t)connections * (rlim_t)each + FILES_SET_ASIDE;
    const rlim_t before = files.rlim_cur;
    if (files.rlim_cur < needed) {
        files.rlim_cur = files.rlim_max < needed ? files.rlim_max : needed;
        files.rlim_cur = setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : before;
    }
    const int open_max = files.rlim_cur < needed ? (int)files.rlim_cur : (int)needed;
    int sockets = open_max - FILES_SET_ASIDE;
    sockets = sockets > CONNECTIONS_MIN * each ? sockets : CONNECTIONS_MIN * each;
    const int most = each == 1 ? sockets : sockets - sockets / UPSTREAM_SHARE;
    return (struct serve_files){
        .open_max = open_max,
        .sockets = sockets,
        .connections = connections < most ? connections : most,
    };
}

void serve_tell_files(const struct serve_files *files, int wanted)
{
    CHECK(files != NULL);
    CHECK(files->connections <= wanted);
    if (files->connections < wanted && files->connections < CONNECTIONS_FEW) {
        fprintf(stderr,
                "bursar: only %d connections are taken, because only %d files may be open at once; "
                "raise that: LimitNOFILE= of systemd, ulimit -Hn of a shell\n",
                files->connections, files->open_max);
    }
}
