/* A ledger's file that was begun and never made: whoever made it was killed within its first
 * milliseconds, before anything could be written into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "store/ledger_priv.h"

/* DuckDB writes three headers before a new file is a database; the first has "DUCK" behind a
 * checksum. Source: DuckDB 1.4, storage/single_file_block_manager.cpp, CreateNewDatabase(). */
enum { HEADERS_BYTES = 3 * 4096, MAGIC_AT = 8, MAGIC_BYTES = 4 };

/* Somebody else's file of that name stays, and so does one with a log, which only comes later. */
static bool is_begun_only(const char *path, int fd)
{
    char log[STORE_PATH_BYTES_MAX + 8];
    snprintf(log, sizeof log, "%s.wal", path);
    struct stat found;
    if (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode) || found.st_size >= HEADERS_BYTES ||
        access(log, F_OK) == 0) {
        return false;
    }
    char magic[MAGIC_BYTES] = "";
    return found.st_size == 0 || (pread(fd, magic, sizeof magic, MAGIC_AT) == MAGIC_BYTES &&
                                  memcmp(magic, "DUCK", sizeof magic) == 0);
}

bool store_is_unmade(const char *path)
{
    CHECK(path != NULL);
    struct stat found;
    if (stat(path, &found) != 0 || found.st_size >= HEADERS_BYTES) {
        return false; /* not opened either: closing it would let go of this process's locks */
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool is_unmade = is_begun_only(path, fd);
    (void)close(fd);
    return is_unmade;
}

/* Whether the path still names the file that is open; a symbolic link never does. */
static bool is_named(const char *path, int fd)
{
    struct stat named;
    struct stat mine;
    return lstat(path, &named) == 0 && fstat(fd, &mine) == 0 && named.st_dev == mine.st_dev &&
           named.st_ino == mine.st_ino;
}

static void remove_unmade(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    /* DuckDB's own kind of lock: whoever has the file open to write has it. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0 && is_named(path, fd) && is_begun_only(path, fd)) {
        (void)unlink(path); /* if not, opening it says why */
    }
    (void)close(fd);
}

int store_begin_making(const char *path)
{
    CHECK(path != NULL);
    struct stat found;
    if (stat(path, &found) == 0 && found.st_size >= HEADERS_BYTES) {
        return -1; /* as nearly always */
    }
    char home[STORE_PATH_BYTES_MAX];
    const char *const name = strrchr(path, '/');
    CHECK(name != NULL);
    snprintf(home, sizeof home, "%.*s", (int)(name - path), path);
    const int fd = open(home[0] != '\0' ? home : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1; /* opening the ledger says why */
    }
    int locked = -1;
    do {
        locked = flock(fd, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked == 0) {
        remove_unmade(path);
    }
    return fd;
}

void store_end_making(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}
