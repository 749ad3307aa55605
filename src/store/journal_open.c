/* journal_open: what a crash left is read and joined; and what a journal that is closed gives back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/journal_priv.h"

struct finding {
    struct journal_place end;
    int64_t removed_through;
};

static bool note(void *context, const struct journal_record *record, int64_t offset)
{
    struct finding *const finding = context;
    CHECK(offset > 0);
    const bool is_removal = record->kind == JOURNAL_REMOVED;
    if (!is_removal && record->id != finding->end.next_id) {
        return false;
    }
    if (is_removal) {
        finding->removed_through =
            record->id > finding->removed_through ? record->id : finding->removed_through;
    } else {
        finding->end.next_id++;
        finding->end.bytes +=
            (int64_t)(record->sizes[JOURNAL_BYTES] + record->sizes[JOURNAL_CONTEXT]);
    }
    finding->end.last = offset;
    return true;
}

/* Open one file; *out is NULL when it holds nothing yet: a crash came before its head. */
static enum errc open_segment(struct journal *journal, uint64_t number, bool is_last,
                              struct journal_segment **out, struct err *err)
{
    char name[JOURNAL_NAME_BYTES_MAX];
    journal_name(name, number);
    *out = NULL;
    const int fd = openat(journal->folder, name, O_RDWR | O_CLOEXEC);
    struct stat status;
    struct journal_head head = {0};
    if (fd < 0 || fstat(fd, &status) != 0) {
        const enum errc code = journal_fail(journal, name, err);
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    const bool has_head = status.st_size >= (off_t)sizeof head &&
                          file_read_at(fd, &head, sizeof head, 0) &&
                          memcmp(head.magic, JOURNAL_MAGIC, sizeof head.magic - 1) == 0;
    if (has_head && head.magic[7] != JOURNAL_MAGIC[7]) {
        close(fd);
        return err_set(err, ERR_UNSUPPORTED,
                       "%s/%s is of version %c, this program knows %c; use the newer bursar that "
                       "made it",
                       journal->path, name, head.magic[7], JOURNAL_MAGIC[7]);
    }
    if (!has_head || head.check != journal_head_check(&head) || head.number != number) {
        if (is_last) {
            (void)unlinkat(journal->folder, name, 0);
        }
        close(fd);
        return is_last ? ERR_OK : journal_damaged(journal, number, 0, err);
    }
    struct journal_segment *const segment = memory_new(struct journal_segment);
    *segment = (struct journal_segment){
        .number = number,
        .fd = fd,
        .first_id = head.first_id,
        .file_size = status.st_size,
        .end = {.offset = (int64_t)sizeof head, .next_id = head.first_id},
    };
    *out = segment;
    return ERR_OK;
}

/* From the end that is known to the one that is there. */
static void read_on(struct journal *journal, struct journal_segment *segment)
{
    struct finding finding = {segment->end, journal->removed_through};
    finding.end.offset = journal_walk(segment->fd, segment->number, segment->end.offset,
                                      segment->file_size, segment == journal->last, note, &finding);
    segment->end = finding.end;
    journal->removed_through = finding.removed_through;
}

/* The last one first: it says what is removed, and what is needs not be read. */
static enum errc read_segments(struct journal *journal, struct err *err)
{
    struct journal_segment *const last = journal->last;
    if (last == NULL) {
        return ERR_OK;
    }
    const bool knows_removed = journal_marks_read(journal);
    read_on(journal, last);
    for (struct journal_segment *s = journal->first; s != last; s = s->next) {
        if (knows_removed && s->next->first_id <= journal->removed_through + 1) {
            s->end = (struct journal_place){.offset = s->file_size, .next_id = s->next->first_id};
        } else {
            read_on(journal, s);
        }
        if (s->number + 1 == s->next->number && s->end.next_id != s->next->first_id) {
            return err_set(err, ERR_STORE,
                           "%s/%020llu.log is damaged at byte %lld; move it away to go on without "
                           "the messages in it",
                           journal->path, (unsigned long long)s->number, (long long)s->end.offset);
        }
    }
    journal->next_id = last->end.next_id;
    return ERR_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Numbers of the files there are, ascending; the caller frees them. */
static enum errc list_files(struct journal *journal, uint64_t **out, size_t *out_count,
                            struct err *err)
{
    enum { FILES_MAX = 1 << 16 };
    const int copy = openat(journal->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const folder = copy >= 0 ? fdopendir(copy) : NULL;
    if (folder == NULL) {
        return journal_fail(journal, "listing", err);
    }
    uint64_t *const numbers = memory_new_array(uint64_t, FILES_MAX);
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL && count < FILES_MAX;
         entry = readdir(folder)) {
        char name[JOURNAL_NAME_BYTES_MAX];
        const uint64_t number = strtoull(entry->d_name, NULL, 10);
        journal_name(name, number);
        if (number > 0 && strcmp(name, entry->d_name) == 0) {
            numbers[count++] = number;
        }
    }
    closedir(folder);
    qsort(numbers, count, sizeof numbers[0], compare_numbers);
    *out = numbers;
    *out_count = count;
    return ERR_OK;
}

static enum errc open_segments(struct journal *journal, struct err *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    enum errc code = list_files(journal, &numbers, &count, err);
    for (size_t i = 0; i < count && code == ERR_OK; i++) {
        struct journal_segment *segment = NULL;
        code = open_segment(journal, numbers[i], i + 1 == count, &segment, err);
        if (segment == NULL) {
            continue;
        }
        struct journal_segment *const before = journal->last;
        if (before != NULL) {
            before->next = segment;
        } else {
            journal->first = segment;
        }
        journal->last = segment;
    }
    memory_free(numbers);
    return code == ERR_OK ? read_segments(journal, err) : code;
}

enum errc journal_open(struct str home, struct journal **out, struct err *err)
{
    CHECK(out != NULL);
    struct journal *journal = memory_new(struct journal);
    journal->folder = -1;
    journal->next_id = 1;
    CHECK(pthread_mutex_init(&journal->lock, NULL) == 0);
    const int size =
        snprintf(journal->path, sizeof journal->path, STR_FORMAT "/inbox", STR_ARG(home));
    enum errc code = ERR_OK;
    if (size < 0 || (size_t)size >= sizeof journal->path) {
        code = err_set(err, ERR_USAGE, "the home directory's name is too long");
    } else if ((mkdir(journal->path, 0700) != 0 && errno != EEXIST) ||
               (journal->folder = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        code = journal_fail(journal, "opening", err);
    }
    if (code == ERR_OK) {
        code = open_segments(journal, err);
    }
    if (code == ERR_OK) {
        journal_retire_segments(journal);
        code = journal_take_over(journal, home, err);
    }
    if (code != ERR_OK) {
        journal_close(&journal);
        return code;
    }
    journal->opened = true;
    *out = journal;
    return ERR_OK;
}

void journal_close(struct journal **journal)
{
    CHECK(journal != NULL);
    struct journal *const j = *journal;
    if (j == NULL) {
        return;
    }
    if (j->opened) {
        journal_mark_closing(j);
    }
    struct journal_segment *next = NULL;
    for (struct journal_segment *s = j->first; s != NULL; s = next) {
        next = s->next;
        journal_drop_segment(j, s, false);
    }
    for (struct journal_segment *s = j->spares; s != NULL; s = next) {
        next = s->next;
        journal_drop_segment(j, s, true);
    }
    if (j->folder >= 0) {
        close(j->folder);
    }
    pthread_mutex_destroy(&j->lock);
    memory_free(j);
    *journal = NULL;
}

struct measuring {
    int64_t not_before; /* count messages from this id on */
    struct journal_size size;
};

static bool count(void *context, const struct journal_record *record, int64_t offset)
{
    struct measuring *const measuring = context;
    CHECK(offset > 0);
    if (record->kind != JOURNAL_REMOVED && record->id >= measuring->not_before) {
        measuring->size.messages++;
        measuring->size.bytes +=
            (int64_t)(record->sizes[JOURNAL_BYTES] + record->sizes[JOURNAL_CONTEXT]);
    }
    return true;
}

struct journal_size journal_measure(struct journal *journal)
{
    CHECK(journal != NULL);
    struct measuring all = {.not_before = journal->removed_through + 1};
    for (const struct journal_segment *s = journal->first; s != NULL; s = s->next) {
        if (s->first_id >= all.not_before) {
            all.size.messages += s->end.next_id - s->first_id;
            all.size.bytes += s->end.bytes;
        } else if (s->end.next_id > all.not_before) {
            const struct journal_place from = journal_place_before(journal, s, all.not_before);
            (void)journal_walk(s->fd, s->number, from.offset, s->end.offset, false, count, &all);
        }
    }
    return all.size;
}
