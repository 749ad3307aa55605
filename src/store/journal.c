#include "store/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "store/journal_priv.h"

#define SEGMENT_BYTES ((int64_t)64 << 20) /* then the next file begins */

enum {
    SPARES_MAX = 2,   /* files kept to be written anew */
    PIECES_MAX = 192, /* written with one call */
    PIECES_A_MESSAGE = 1 + JOURNAL_PARTS
};

struct journal {
    pthread_mutex_t lock; /* guards the list, its segments' sizes and what is removed */
    int folder;
    char path[JOURNAL_PATH_BYTES_MAX];
    struct journal_segment *first; /* oldest; appended to is the last */
    struct journal_segment *last;
    struct journal_segment *spares;
    size_t spare_count;
    int64_t next_id;
    int64_t removed_through;
    struct { /* where reading goes on: the reader's alone */
        uint64_t number;
        int64_t id;
        int64_t offset;
    } cursor;
};

static enum errc fail(const struct journal *journal, const char *what, struct err *err)
{
    return err_set(err, ERR_STORE, "the inbox %s: %s: %s", journal->path, what, strerror(errno));
}

static enum errc damaged(const struct journal *journal, uint64_t number, int64_t offset,
                         struct err *err)
{
    return err_set(err, ERR_STORE,
                   "%s/%020llu.log is damaged at byte %lld; stop the server and move the file away "
                   "to go on without the messages in it",
                   journal->path, (unsigned long long)number, (long long)offset);
}

/* ---- segments */

static enum errc write_all(struct journal *journal, int fd, struct iovec *pieces, size_t count,
                           int64_t offset, struct err *err)
{
    while (count > 0) {
        const int now = (int)(count < PIECES_MAX ? count : PIECES_MAX);
        ssize_t wrote = pwritev(fd, pieces, now, offset);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return fail(journal, "writing", err);
        }
        offset += wrote;
        while (count > 0 && (size_t)wrote >= pieces->iov_len) {
            wrote -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (wrote > 0) {
            pieces->iov_base = (char *)pieces->iov_base + wrote;
            pieces->iov_len -= (size_t)wrote;
        }
    }
    return ERR_OK;
}

static void drop_segment(struct journal *journal, struct journal_segment *segment, bool unlinks)
{
    char name[JOURNAL_NAME_BYTES_MAX];
    journal_name(name, segment->number);
    if (unlinks && unlinkat(journal->folder, name, 0) != 0) {
        fprintf(stderr, "bursar: %s/%s stays: %s\n", journal->path, name, strerror(errno));
    }
    close(segment->fd);
    memory_free(segment);
}

static struct journal_segment *take_spare(struct journal *journal)
{
    struct journal_segment *const spare = journal->spares;
    if (spare != NULL) {
        journal->spares = spare->next;
        journal->spare_count--;
        spare->next = NULL;
    }
    return spare;
}

/* A file to append to, whose head is on the disk. */
static enum errc begin_segment(struct journal *journal, struct err *err)
{
    char name[JOURNAL_NAME_BYTES_MAX];
    char older[JOURNAL_NAME_BYTES_MAX];
    struct journal_segment *segment = take_spare(journal);
    const uint64_t number = journal->last != NULL ? journal->last->number + 1 : 1;
    journal_name(name, number);
    int fd = -1;
    if (segment != NULL) {
        journal_name(older, segment->number);
        fd = renameat(journal->folder, older, journal->folder, name) == 0 ? segment->fd : -1;
    } else {
        segment = memory_new(struct journal_segment);
        fd = openat(journal->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd >= 0) { /* room that is there already costs half; where it is not, none is lost */
            (void)fallocate(fd, 0, 0, SEGMENT_BYTES);
        }
    }
    if (fd < 0) {
        const enum errc code = fail(journal, name, err);
        if (segment->number > 0) {
            drop_segment(journal, segment, true);
        } else {
            memory_free(segment);
        }
        return code;
    }
    struct journal_head head = {.number = number, .first_id = journal->next_id};
    memcpy(head.magic, JOURNAL_MAGIC, sizeof head.magic);
    head.check = journal_head_check(&head);
    *segment = (struct journal_segment){.number = number,
                                        .fd = fd,
                                        .first_id = journal->next_id,
                                        .next_id = journal->next_id,
                                        .size = (int64_t)sizeof head};
    struct iovec piece = {&head, sizeof head};
    enum errc code = write_all(journal, fd, &piece, 1, 0, err);
    if (code == ERR_OK && (fdatasync(fd) != 0 || fsync(journal->folder) != 0)) {
        code = fail(journal, name, err);
    }
    if (code != ERR_OK) {
        drop_segment(journal, segment, true);
        return code;
    }
    pthread_mutex_lock(&journal->lock);
    if (journal->last != NULL) {
        journal->last->next = segment;
    } else {
        journal->first = segment;
    }
    journal->last = segment;
    pthread_mutex_unlock(&journal->lock);
    return ERR_OK;
}

/* Files whose messages are all removed are spare, or go; the last one stays. */
static void retire_segments(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    struct journal_segment *gone = NULL;
    struct journal_segment **end = &gone;
    while (journal->first != journal->last &&
           journal->first->next_id <= journal->removed_through + 1) {
        *end = journal->first;
        end = &journal->first->next;
        journal->first = journal->first->next;
    }
    *end = NULL;
    pthread_mutex_unlock(&journal->lock);
    struct journal_segment *next = NULL;
    for (struct journal_segment *s = gone; s != NULL; s = next) {
        next = s->next;
        if (journal->spare_count < SPARES_MAX) {
            s->next = journal->spares;
            journal->spares = s;
            journal->spare_count++;
        } else {
            drop_segment(journal, s, true);
        }
    }
}

/* ---- opening */

struct finding {
    int64_t next_id;
    int64_t removed_through;
    struct journal_size size;
    int64_t not_before; /* count messages from this id on */
};

static bool note(void *context, const struct journal_record *record, int64_t offset)
{
    struct finding *const finding = context;
    CHECK(offset > 0);
    if (record->kind == JOURNAL_REMOVED) {
        finding->removed_through =
            record->id > finding->removed_through ? record->id : finding->removed_through;
        return true;
    }
    if (record->id != finding->next_id) {
        return false;
    }
    finding->next_id++;
    if (record->id >= finding->not_before) {
        finding->size.messages++;
        finding->size.bytes +=
            (int64_t)(record->sizes[JOURNAL_BYTES] + record->sizes[JOURNAL_CONTEXT]);
    }
    return true;
}

/* Read one file; *out is NULL when it holds nothing yet: a crash came before its head. */
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
        const enum errc code = fail(journal, name, err);
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    const bool has_head = status.st_size >= (off_t)sizeof head &&
                          journal_read_at(fd, &head, sizeof head, 0) &&
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
        return is_last ? ERR_OK : damaged(journal, number, 0, err);
    }
    struct finding finding = {.next_id = head.first_id};
    struct journal_segment *const segment = memory_new(struct journal_segment);
    *segment = (struct journal_segment){.number = number, .fd = fd, .first_id = head.first_id};
    segment->size = journal_walk(fd, number, sizeof head, status.st_size, is_last, note, &finding);
    segment->next_id = finding.next_id;
    journal->removed_through = finding.removed_through > journal->removed_through
                                   ? finding.removed_through
                                   : journal->removed_through;
    *out = segment;
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
        return fail(journal, "listing", err);
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
        if (before != NULL && before->number + 1 == segment->number &&
            before->next_id != segment->first_id) {
            code =
                err_set(err, ERR_STORE,
                        "%s/%020llu.log is damaged at byte %lld; move it away to go on without "
                        "the messages in it",
                        journal->path, (unsigned long long)before->number, (long long)before->size);
        }
        if (before != NULL) {
            before->next = segment;
        } else {
            journal->first = segment;
        }
        journal->last = segment;
        journal->next_id = segment->next_id;
    }
    memory_free(numbers);
    return code;
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
        code = fail(journal, "opening", err);
    }
    if (code == ERR_OK) {
        code = open_segments(journal, err);
    }
    if (code == ERR_OK) {
        retire_segments(journal);
        code = journal_take_over(journal, home, err);
    }
    if (code != ERR_OK) {
        journal_close(&journal);
        return code;
    }
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
    struct journal_segment *next = NULL;
    for (struct journal_segment *s = j->first; s != NULL; s = next) {
        next = s->next;
        drop_segment(j, s, false);
    }
    for (struct journal_segment *s = j->spares; s != NULL; s = next) {
        next = s->next;
        drop_segment(j, s, true);
    }
    if (j->folder >= 0) {
        close(j->folder);
    }
    pthread_mutex_destroy(&j->lock);
    memory_free(j);
    *journal = NULL;
}

/* ---- writing */

static void parts_of(const struct journal_message *message, struct str parts[static JOURNAL_PARTS])
{
    CHECK(message != NULL);
    parts[JOURNAL_WORKFLOW] = message->binding.workflow;
    parts[JOURNAL_TEAM] = message->binding.team;
    parts[JOURNAL_USER] = message->binding.user;
    parts[JOURNAL_CONTEXT] = message->context;
    parts[JOURNAL_BYTES] = message->bytes;
}

static struct journal_record record_of(const struct journal *journal, int64_t id,
                                       const struct journal_message *message)
{
    struct str parts[JOURNAL_PARTS];
    parts_of(message, parts);
    struct journal_record record = {.number = journal->last->number,
                                    .id = id,
                                    .kind = message->kind,
                                    .received_ns = message->received_ns,
                                    .payload_check = journal_payload_check(parts)};
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        record.sizes[i] = parts[i].size;
    }
    record.check = journal_record_check(&record);
    return record;
}

/* Records behind the last: the removal first. */
static enum errc write_records(struct journal *journal, const struct journal_message *messages,
                               size_t count, int64_t remove_through, int64_t *out_size,
                               struct err *err)
{
    struct journal_record *const records = memory_new_array(struct journal_record, count + 1);
    struct iovec *const pieces = memory_new_array(struct iovec, PIECES_A_MESSAGE * count + 1);
    const struct journal_message removed = {.kind = JOURNAL_REMOVED};
    size_t used = 0;
    *out_size = 0;
    if (remove_through > 0) {
        records[count] = record_of(journal, remove_through, &removed);
        pieces[used++] = (struct iovec){&records[count], sizeof records[count]};
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = record_of(journal, journal->next_id + (int64_t)i, &messages[i]);
        pieces[used++] = (struct iovec){&records[i], sizeof records[i]};
        struct str parts[JOURNAL_PARTS];
        parts_of(&messages[i], parts);
        for (int k = 0; k < JOURNAL_PARTS; k++) {
            if (parts[k].size > 0) {
                pieces[used++] = (struct iovec){(void *)(uintptr_t)parts[k].data, parts[k].size};
            }
        }
    }
    for (size_t i = 0; i < used; i++) {
        *out_size += (int64_t)pieces[i].iov_len;
    }
    const struct journal_segment *const to = journal->last;
    enum errc code = write_all(journal, to->fd, pieces, used, to->size, err);
    if (code == ERR_OK && count > 0 && fdatasync(to->fd) != 0) {
        code = fail(journal, "syncing", err);
    }
    memory_free(pieces);
    memory_free(records);
    return code;
}

enum errc journal_append(struct journal *journal, struct journal_message *messages, size_t count,
                         int64_t remove_through, struct err *err)
{
    CHECK(journal != NULL);
    CHECK(messages != NULL || count == 0);
    CHECK(remove_through < journal->next_id);
    if (remove_through <= journal->removed_through) {
        remove_through = 0;
    }
    if (count == 0 && remove_through == 0) {
        return ERR_OK;
    }
    enum errc code = ERR_OK;
    if (journal->last == NULL || journal->last->size >= SEGMENT_BYTES) {
        code = begin_segment(journal, err);
    }
    int64_t size = 0;
    if (code == ERR_OK) {
        code = write_records(journal, messages, count, remove_through, &size, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        messages[i].id = journal->next_id++;
    }
    journal->last->size += size;
    journal->last->next_id = journal->next_id;
    journal->removed_through = remove_through > 0 ? remove_through : journal->removed_through;
    pthread_mutex_unlock(&journal->lock);
    if (remove_through > 0) {
        retire_segments(journal);
    }
    return ERR_OK;
}

enum errc journal_remove(struct journal *journal, int64_t through, struct err *err)
{
    CHECK(journal != NULL);
    return journal_append(journal, NULL, 0, through, err);
}

/* ---- reading */

struct reading {
    struct journal *journal;
    int fd;
    int64_t after;
    size_t bytes_max;
    size_t bytes;
    struct arena *arena;
    struct {
        struct journal_message *rows;
        size_t count;
        size_t capacity;
    } messages;
    bool is_full;
    enum errc code;
    struct err *err;
};

static bool take(void *context, const struct journal_record *record, int64_t offset)
{
    struct reading *const reading = context;
    if (record->kind == JOURNAL_REMOVED || record->id <= reading->after) {
        return true;
    }
    const size_t size = journal_payload_size(record, SIZE_MAX - 1);
    if (reading->messages.count > 0 && reading->bytes + size > reading->bytes_max) {
        reading->is_full = true;
        return false;
    }
    char *const payload = arena_room(reading->arena, size + 1);
    const size_t at = payload != NULL ? arena_push(reading->arena, &reading->messages) : SIZE_MAX;
    if (at == SIZE_MAX) {
        reading->code =
            err_set(reading->err, ERR_LIMIT, "a message of %zu bytes does not fit %zu bytes", size,
                    reading->arena->size_max);
        return false;
    }
    struct str parts[JOURNAL_PARTS];
    journal_split(record, payload, parts);
    if (!journal_read_at(reading->fd, payload, size, offset + (int64_t)sizeof *record) ||
        journal_payload_check(parts) != record->payload_check) {
        reading->code = damaged(reading->journal, record->number, offset, reading->err);
        return false;
    }
    payload[size] = '\0';
    reading->messages.rows[at] = (struct journal_message){
        .id = record->id,
        .kind = record->kind,
        .received_ns = record->received_ns,
        .bytes = parts[JOURNAL_BYTES],
        .binding = {parts[JOURNAL_WORKFLOW], parts[JOURNAL_TEAM], parts[JOURNAL_USER]},
        .context = parts[JOURNAL_CONTEXT]};
    reading->bytes += size;
    return true;
}

/* Messages of one segment, which holds some behind reading->after. */
static void read_segment(struct journal *journal, const struct journal_segment *segment,
                         struct reading *reading)
{
    const bool goes_on =
        journal->cursor.number == segment->number && journal->cursor.id == reading->after;
    reading->fd = segment->fd;
    const int64_t end =
        journal_walk(segment->fd, segment->number,
                     goes_on ? journal->cursor.offset : (int64_t)sizeof(struct journal_head),
                     segment->size, false, take, reading);
    if (end < segment->size && !reading->is_full && reading->code == ERR_OK) {
        reading->code = damaged(journal, segment->number, end, reading->err);
    }
    if (reading->messages.count > 0) {
        reading->after = reading->messages.rows[reading->messages.count - 1].id;
    }
    journal->cursor.number = segment->number;
    journal->cursor.offset = end;
    journal->cursor.id = reading->after;
}

enum errc journal_read(struct journal *journal, int64_t after, size_t bytes_max,
                       struct arena *arena, struct journal_messages *out, struct err *err)
{
    CHECK(journal != NULL);
    CHECK(arena != NULL);
    CHECK(out != NULL);
    struct reading reading = {
        .journal = journal, .bytes_max = bytes_max, .arena = arena, .err = err};
    pthread_mutex_lock(&journal->lock);
    reading.after = after > journal->removed_through ? after : journal->removed_through;
    struct journal_segment *segment = journal->first;
    while (segment != NULL && !reading.is_full && reading.code == ERR_OK) {
        if (segment->next_id > reading.after + 1) {
            const struct journal_segment now = *segment;
            pthread_mutex_unlock(&journal->lock);
            read_segment(journal, &now, &reading);
            pthread_mutex_lock(&journal->lock);
        }
        segment = segment->next; /* one whose messages are asked for is not retired meanwhile */
    }
    pthread_mutex_unlock(&journal->lock);
    if (reading.code == ERR_OK) {
        *out = (struct journal_messages){reading.messages.rows, reading.messages.count};
    }
    return reading.code;
}

struct journal_size journal_measure(struct journal *journal)
{
    CHECK(journal != NULL);
    struct journal_size size = {0};
    for (const struct journal_segment *s = journal->first; s != NULL; s = s->next) {
        struct finding finding = {.next_id = s->first_id,
                                  .not_before = journal->removed_through + 1};
        (void)journal_walk(s->fd, s->number, sizeof(struct journal_head), s->size, false, note,
                           &finding);
        size.messages += finding.size.messages;
        size.bytes += finding.size.bytes;
    }
    return size;
}
