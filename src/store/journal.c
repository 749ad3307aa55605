#include "store/journal.h"

#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/journal_priv.h"

enum { PIECES_A_MESSAGE = 1 + JOURNAL_PARTS };

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

/* Records behind the last: the removal first. out: where the file ends then. */
static enum errc write_records(struct journal *journal, const struct journal_message *messages,
                               size_t count, int64_t remove_through, struct journal_place *out,
                               struct err *err)
{
    struct journal_record *const records = memory_new_array(struct journal_record, count + 1);
    struct iovec *const pieces = memory_new_array(struct iovec, PIECES_A_MESSAGE * count + 1);
    const struct journal_message removed = {.kind = JOURNAL_REMOVED};
    const struct journal_segment *const to = journal->last;
    struct journal_place end = to->end;
    size_t used = 0;
    if (remove_through > 0) {
        records[count] = record_of(journal, remove_through, &removed);
        pieces[used++] = (struct iovec){&records[count], sizeof records[count]};
        end.last = end.offset;
        end.offset += (int64_t)sizeof records[count];
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = record_of(journal, journal->next_id + (int64_t)i, &messages[i]);
        pieces[used++] = (struct iovec){&records[i], sizeof records[i]};
        end.last = end.offset;
        end.offset += (int64_t)sizeof records[i];
        struct str parts[JOURNAL_PARTS];
        parts_of(&messages[i], parts);
        for (int k = 0; k < JOURNAL_PARTS; k++) {
            if (parts[k].size > 0) {
                pieces[used++] = (struct iovec){(void *)(uintptr_t)parts[k].data, parts[k].size};
                end.offset += (int64_t)parts[k].size;
            }
        }
        end.bytes += (int64_t)journal_message_bytes(&messages[i]);
    }
    end.next_id += (int64_t)count;
    enum errc code = journal_write(journal, to->fd, pieces, used, to->end.offset, err);
    if (code == ERR_OK && count > 0 && fdatasync(to->fd) != 0) {
        code = journal_fail(journal, "syncing", err);
    }
    memory_free(pieces);
    memory_free(records);
    *out = end;
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
    if (journal->last == NULL || journal->last->end.offset >= JOURNAL_SEGMENT_BYTES) {
        code = journal_begin_segment(journal, err);
    }
    struct journal_place end;
    if (code == ERR_OK) {
        code = write_records(journal, messages, count, remove_through, &end, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        messages[i].id = journal->next_id++;
    }
    journal->last->end = end;
    CHECK(end.next_id == journal->next_id);
    journal->removed_through = remove_through > 0 ? remove_through : journal->removed_through;
    pthread_mutex_unlock(&journal->lock);
    if (count > 0) {
        journal_mark_synced(journal);
    }
    if (remove_through > 0) {
        journal_retire_segments(journal);
    }
    return ERR_OK;
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
    if (!file_read_at(reading->fd, payload, size, offset + (int64_t)sizeof *record) ||
        journal_payload_check(parts) != record->payload_check) {
        reading->code = journal_damaged(reading->journal, record->number, offset, reading->err);
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

/* Messages of one segment, which holds some behind reading->after, all of them behind `from`. */
static void read_segment(struct journal *journal, const struct journal_segment *segment,
                         int64_t from, struct reading *reading)
{
    const bool goes_on =
        journal->cursor.number == segment->number && journal->cursor.id == reading->after;
    reading->fd = segment->fd;
    const int64_t end =
        journal_walk(segment->fd, segment->number, goes_on ? journal->cursor.offset : from,
                     segment->end.offset, false, take, reading);
    if (end < segment->end.offset && !reading->is_full && reading->code == ERR_OK) {
        reading->code = journal_damaged(journal, segment->number, end, reading->err);
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
        if (segment->end.next_id > reading.after + 1) {
            const struct journal_segment now = *segment;
            const int64_t from = journal_place_before(journal, segment, reading.after + 1).offset;
            pthread_mutex_unlock(&journal->lock);
            read_segment(journal, &now, from, &reading);
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
