#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

enum { STEP_BYTES = 65536 };

/* Read to the end, growing: a pipe and /proc do not say how long they are. */
static enum errc read_all(int fd, const char *path, size_t size_max, struct arena *arena,
                          struct str *out, struct err *err)
{
    struct {
        char *rows;
        size_t count;
        size_t capacity;
    } bytes = {0};
    char step[STEP_BYTES];
    for (;;) {
        const ssize_t got = read(fd, step, sizeof step);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        }
        if ((size_t)got > size_max - bytes.count) {
            return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", path, size_max);
        }
        const size_t wanted = bytes.count + (size_t)got + 1;
        if (wanted > bytes.capacity) {
            const size_t capacity = wanted > 2 * bytes.capacity ? wanted : 2 * bytes.capacity;
            char *const rows = arena_new(arena, char, capacity);
            if (rows == NULL) {
                return err_set(err, ERR_LIMIT, "%s: no memory left for it in this command", path);
            }
            if (bytes.count > 0) {
                memcpy(rows, bytes.rows, bytes.count);
            }
            bytes.rows = rows;
            bytes.capacity = capacity;
        }
        if (got == 0) {
            break;
        }
        memcpy(bytes.rows + bytes.count, step, (size_t)got);
        bytes.count += (size_t)got;
    }
    bytes.rows[bytes.count] = '\0';
    *out = (struct str){bytes.rows, bytes.count};
    return ERR_OK;
}

enum errc file_read(struct str path, size_t size_max, struct arena *arena, struct str *out,
                    struct err *err)
{
    CHECK(out != NULL);
    CHECK(size_max < SIZE_MAX / 4);
    char name[PATH_MAX];
    const int size = snprintf(name, sizeof name, STR_FORMAT, STR_ARG(path));
    if (size < 0 || (size_t)size >= sizeof name || (size_t)size != path.size) {
        return err_set(err, ERR_NOT_FOUND, "a file name of %zu bytes; at most %d are possible",
                       path.size, PATH_MAX - 1);
    }
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", name,
                       strerror(errno));
    }
    const enum errc code = read_all(fd, name, size_max, arena, out, err);
    close(fd);
    return code;
}

bool file_read_at(int fd, void *out, size_t size, int64_t offset)
{
    CHECK(out != NULL || size == 0);
    size_t done = 0;
    while (done < size) {
        const ssize_t got = pread(fd, (char *)out + done, size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return false;
        }
        done += (size_t)got;
    }
    return true;
}
