/* journal_segment: the files a journal is made of: begun, written at their end, used anew. */
#include "store/journal_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum {
    SPARES_MAX = 2,  /* files kept to be written anew */
    PIECES_MAX = 192 /* written with one call */
};

enum errc journal_fail(const struct journal *journal, const char *what, struct err *err)
{
    return err_set(err, ERR_STORE, "the inbox %s: %s: %s", journal->path, what, strerror(errno));
}

enum errc journal_damaged(const struct journal *journal, uint64_t number, int64_t offset,
                          struct err *err)
{
    return err_set(err, ERR_STORE,
                   "%s/%020llu.log is damaged at byte %lld; stop the server and move the file away "
                   "to go on without the messages in it",
                   journal->path, (unsigned long long)number, (long long)offset);
}

enum errc journal_write(struct journal *journal, int fd, struct iovec *pieces, size_t count,
                        int64_t offset, struct err *err)
{
    while (count > 0) {
        const int now = (int)(count < PIECES_MAX ? count : PIECES_MAX);
        ssize_t wrote = pwritev(fd, pieces, now, offset);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return journal_fail(journal, "writing", err);
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

void journal_drop_segment(struct journal *journal, struct journal_segment *segment, bool unlinks)
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

enum errc journal_begin_segment(struct journal *journal, struct err *err)
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
            (void)fallocate(fd, 0, 0, JOURNAL_SEGMENT_BYTES);
        }
    }
    if (fd < 0) {
        const enum errc code = journal_fail(journal, name, err);
        if (segment->number > 0) {
            journal_drop_segment(journal, segment, true);
        } else {
            memory_free(segment);
        }
        return code;
    }
    struct journal_head head = {.number = number, .first_id = journal->next_id};
    memcpy(head.magic, JOURNAL_MAGIC, sizeof head.magic);
    head.check = journal_head_check(&head);
    *segment = (struct journal_segment){
        .number = number,
        .fd = fd,
        .first_id = journal->next_id,
        .end = {.offset = (int64_t)sizeof head, .next_id = journal->next_id}};
    struct iovec piece = {&head, sizeof head};
    enum errc code = journal_write(journal, fd, &piece, 1, 0, err);
    if (code == ERR_OK && (fdatasync(fd) != 0 || fsync(journal->folder) != 0)) {
        code = journal_fail(journal, name, err);
    }
    if (code != ERR_OK) {
        journal_drop_segment(journal, segment, true);
        return code;
    }
    pthread_mutex_lock(&journal->lock);
    if (journal->last != NULL) {
        journal->last->next = segment;
    } else {
        journal->first = segment;
    }
    journal->last = segment;
    journal->mark_count = 0;
    pthread_mutex_unlock(&journal->lock);
    journal_mark_begun(journal);
    return ERR_OK;
}

void journal_retire_segments(struct journal *journal)
{
    pthread_mutex_lock(&journal->lock);
    struct journal_segment *gone = NULL;
    struct journal_segment **end = &gone;
    while (journal->first != journal->last &&
           journal->first->end.next_id <= journal->removed_through + 1) {
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
            journal_drop_segment(journal, s, true);
        }
    }
}
