/* journal_mark: places of the last file up to which it was on the disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "store/journal_priv.h"

enum { MARK_BYTES = 4 << 20 }; /* between two of them, and a batch */
_Static_assert(JOURNAL_MARKS_MAX *(int64_t)MARK_BYTES > JOURNAL_SEGMENT_BYTES,
               "every file has room for its marks");

static const char file_name[] = "marks";

/* As they are in the file, in the order of their places. */
struct mark {
    uint64_t check; /* of what follows here */
    uint64_t number;
    struct journal_place place;
    uint64_t last_check; /* of the record before the place; 0: there is none */
    int64_t removed_through;
};
_Static_assert(sizeof(struct mark) == 64, "no gaps between its fields");

static uint64_t check_of(const struct mark *mark)
{
    const char *const from = (const char *)mark + sizeof mark->check;
    return hash64((struct str){from, sizeof *mark - sizeof mark->check});
}

static int64_t marked(const struct journal *journal)
{
    return journal->mark_count > 0 ? journal->marks[journal->mark_count - 1].offset : 0;
}

/* The end of the last file, which is on the disk. */
static void mark_end(struct journal *journal)
{
    const struct journal_segment *const last = journal->last;
    struct mark mark = {
        .number = last->number, .place = last->end, .removed_through = journal->removed_through};
    struct journal_record record;
    if (journal->mark_count == JOURNAL_MARKS_MAX) {
        return;
    }
    if (mark.place.last > 0) {
        if (!file_read_at(last->fd, &record, sizeof record, mark.place.last)) {
            return;
        }
        mark.last_check = record.check;
    }
    mark.check = check_of(&mark);
    const int fd = openat(journal->folder, file_name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return;
    }
    const off_t at = (off_t)(journal->mark_count * sizeof mark);
    const bool written = pwrite(fd, &mark, sizeof mark, at) == (ssize_t)sizeof mark;
    close(fd);
    if (written) {
        pthread_mutex_lock(&journal->lock);
        journal->marks[journal->mark_count++] = mark.place;
        pthread_mutex_unlock(&journal->lock);
    }
}

void journal_mark_begun(struct journal *journal)
{
    CHECK(journal != NULL);
    CHECK(journal->mark_count == 0);
    /* Should all files be moved away, numbers begin anew: marks of the file that had a number
     * before must not be found beside the one that has it then. */
    if (unlinkat(journal->folder, file_name, 0) == 0 || errno == ENOENT) {
        mark_end(journal);
    }
}

void journal_mark_synced(struct journal *journal)
{
    CHECK(journal != NULL);
    CHECK(journal->last != NULL);
    if (journal->last->end.offset - marked(journal) >= MARK_BYTES) {
        mark_end(journal);
    }
}

void journal_mark_closing(struct journal *journal)
{
    CHECK(journal != NULL);
    if (journal->last == NULL || journal->last->end.offset == marked(journal) ||
        fdatasync(journal->last->fd) != 0) {
        return;
    }
    if (journal->mark_count > 1 &&
        marked(journal) - journal->marks[journal->mark_count - 2].offset < MARK_BYTES) {
        journal->mark_count--; /* one of an earlier closing: many of them do not use the room up */
    }
    mark_end(journal);
}

/* Whether the file has the record that the mark was made behind. */
static bool is_of(const struct mark *mark, const struct journal_segment *segment)
{
    const struct journal_place *const place = &mark->place;
    struct journal_record record;
    if (place->offset > segment->file_size) {
        return false;
    }
    if (place->last == 0) {
        return place->offset == (int64_t)sizeof(struct journal_head) &&
               place->next_id == segment->first_id && place->bytes == 0;
    }
    if (!file_read_at(segment->fd, &record, sizeof record, place->last)) {
        return false;
    }
    const int64_t behind = place->last + (int64_t)sizeof record;
    const uint64_t size = behind <= place->offset
                              ? journal_payload_size(&record, (uint64_t)(place->offset - behind))
                              : UINT64_MAX;
    return record.check == mark->last_check && record.check == journal_record_check(&record) &&
           record.number == segment->number && size == (uint64_t)(place->offset - behind) &&
           journal_is_whole(segment->fd, &record, size, place->last);
}

bool journal_marks_read(struct journal *journal)
{
    CHECK(journal != NULL);
    CHECK(journal->last != NULL);
    struct journal_segment *const last = journal->last;
    struct mark marks[JOURNAL_MARKS_MAX];
    const int fd = openat(journal->folder, file_name, O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd >= 0 ? pread(fd, marks, sizeof marks, 0) : 0;
    if (fd >= 0) {
        close(fd);
    }
    const size_t written = size > 0 ? (size_t)size / sizeof marks[0] : 0;
    size_t count = 0;
    while (count < written && marks[count].check == check_of(&marks[count]) &&
           marks[count].number == last->number) {
        count++;
    }
    while (count > 0 && !is_of(&marks[count - 1], last)) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        journal->marks[i] = marks[i].place;
    }
    journal->mark_count = count;
    if (count == 0) {
        return false;
    }
    last->end = marks[count - 1].place;
    journal->removed_through = marks[count - 1].removed_through;
    return true;
}

struct journal_place journal_place_before(const struct journal *journal,
                                          const struct journal_segment *segment, int64_t id)
{
    CHECK(segment != NULL);
    struct journal_place place = {.offset = (int64_t)sizeof(struct journal_head),
                                  .next_id = segment->first_id};
    for (size_t i = 0; segment == journal->last && i < journal->mark_count; i++) {
        place = journal->marks[i].next_id <= id ? journal->marks[i] : place;
    }
    return place;
}
