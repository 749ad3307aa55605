/* A ledger's file that was begun and never made: whoever made it was killed within its first
 * milliseconds, before anything could be written into it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool is_unmade = is_begun_only(path, fd);
    (void)close(fd);
    return is_unmade;
}

void store_remove_unmade(const char *path)
{
    CHECK(path != NULL);
    struct stat found;
    if (stat(path, &found) != 0 || found.st_size >= HEADERS_BYTES) {
        return; /* as nearly always */
    }
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    /* DuckDB's own kind of lock: whoever makes the file just now has it. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) == 0 && is_begun_only(path, fd)) {
        (void)unlink(path); /* if not, opening it says why */
    }
    (void)close(fd);
}
