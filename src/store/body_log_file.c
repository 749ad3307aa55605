/* One file of the body log, and all of a folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/body_log_priv.h"

_Static_assert(sizeof(struct body_head) == 32, "no gaps between its fields");
_Static_assert(sizeof(struct body_entry) == 80, "no gaps between its fields");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are written as they are held");

void body_file_name(const struct body_file *file, char name[static BODY_LOG_NAME_BYTES_MAX])
{
    int64_t year = 0;
    int month = 0;
    int day = 0;
    clock_civil(file->ends_day, &year, &month, &day);
    const int size = snprintf(name, BODY_LOG_NAME_BYTES_MAX, "%04lld%02d%02d-%010llu.log",
                              (long long)year, month, day, (unsigned long long)file->number);
    CHECK(size > 0 && size < BODY_LOG_NAME_BYTES_MAX);
}

/* The file of that name; false: not one of ours. */
static bool read_name(const char *name, struct body_file *out)
{
    int64_t date = 0;
    int64_t number = 0;
    struct str rest = str_from(name);
    const struct str front = str_cut(&rest, '-');
    if (front.size != 8 || rest.size != 14 || !str_ends_with(rest, STR(".log")) ||
        !str_to_int64(front, &date) || !str_to_int64((struct str){rest.data, 10}, &number) ||
        date < 19700101 || number < 1) {
        return false;
    }
    *out = (struct body_file){
        .ends_day = clock_days(date / 10000, (int)(date / 100 % 100), (int)(date % 100)),
        .number = (uint64_t)number};
    char same[BODY_LOG_NAME_BYTES_MAX];
    body_file_name(out, same);
    return strcmp(name, same) == 0;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const struct body_file *)a)->number;
    const uint64_t y = ((const struct body_file *)b)->number;
    return x < y ? -1 : x > y;
}

enum errc body_files_list(int folder, struct body_files *out, struct err *err)
{
    CHECK(out != NULL);
    const int fd = dup(folder);
    DIR *const dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return err_set(err, ERR_STORE, BODY_LOG_FOLDER ": %s", strerror(errno));
    }
    rewinddir(dir);
    struct body_file *rows = memory_new_array(struct body_file, BODY_LOG_FILES_MAX);
    size_t count = 0;
    enum errc code = ERR_OK;
    for (const struct dirent *entry = readdir(dir); entry != NULL && code == ERR_OK;
         entry = readdir(dir)) {
        struct body_file file;
        struct stat status;
        if (!read_name(entry->d_name, &file)) {
            continue;
        }
        if (count == BODY_LOG_FILES_MAX) {
            code = err_set(err, ERR_LIMIT, BODY_LOG_FOLDER ": more than %d files",
                           (int)BODY_LOG_FILES_MAX);
        } else if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(status.st_mode)) {
            file.size = (int64_t)status.st_size;
            rows[count++] = file;
        }
    }
    closedir(dir);
    if (code != ERR_OK) {
        memory_free(rows);
        return code;
    }
    qsort(rows, count, sizeof *rows, by_number);
    *out = (struct body_files){rows, count};
    return ERR_OK;
}

uint64_t body_entry_check(const struct body_entry *entry)
{
    CHECK(entry != NULL);
    const char *const from = (const char *)entry + sizeof entry->check;
    return hash64((struct str){from, sizeof *entry - sizeof entry->check});
}

uint64_t body_head_check(const struct body_head *head)
{
    CHECK(head != NULL);
    return hash64((struct str){(const char *)head, offsetof(struct body_head, check)});
}

enum errc body_head_read(int fd, const struct body_file *file, struct err *err)
{
    struct body_head head;
    if (file->size < (int64_t)sizeof head) {
        return ERR_NOT_FOUND;
    }
    if (!file_read_at(fd, &head, sizeof head, 0)) {
        return err_set(err, ERR_STORE, BODY_LOG_FOLDER ": %s", strerror(errno));
    }
    if (memcmp(head.magic, BODY_LOG_MAGIC, sizeof head.magic - 1) == 0 &&
        head.magic[7] > BODY_LOG_MAGIC[7] && head.check == body_head_check(&head)) {
        return err_set(err, ERR_UNSUPPORTED,
                       BODY_LOG_FOLDER ": written by a newer version of bursar");
    }
    const bool is_good = memcmp(head.magic, BODY_LOG_MAGIC, sizeof head.magic) == 0 &&
                         head.check == body_head_check(&head) && head.number == file->number;
    return is_good ? ERR_OK : ERR_NOT_FOUND;
}

bool body_entry_at(int fd, const struct body_file *file, int64_t offset, struct body_entry *out)
{
    CHECK(offset >= (int64_t)sizeof(struct body_head));
    const int64_t left = file->size - offset - (int64_t)sizeof *out;
    return left >= 0 && file_read_at(fd, out, sizeof *out, offset) &&
           out->check == body_entry_check(out) && out->number == file->number &&
           out->size <= BODY_LOG_BYTES_MAX && (int64_t)out->size <= left;
}

int body_key_compare(const void *a, const void *b)
{
    const struct hash128 *const x = a;
    const struct hash128 *const y = b;
    if (x->high != y->high) {
        return x->high < y->high ? -1 : 1;
    }
    return x->low < y->low ? -1 : x->low > y->low;
}

static bool has_key(const struct body_log_choice *choice, struct hash128 key)
{
    return choice->key_count > 0 &&
           bsearch(&key, choice->keys, choice->key_count, sizeof key, body_key_compare) != NULL;
}

bool body_is_chosen(const struct body_log_choice *choice, const struct body_entry *entry)
{
    CHECK(choice != NULL);
    const bool by_name = choice->workflow_hash != NULL || choice->case_hash != NULL;
    if (has_key(choice, entry->key)) {
        return true;
    }
    if (!by_name) {
        return choice->keys == NULL;
    }
    return (choice->workflow_hash == NULL || *choice->workflow_hash == entry->workflow_hash) &&
           (choice->case_hash == NULL || *choice->case_hash == entry->case_hash);
}
