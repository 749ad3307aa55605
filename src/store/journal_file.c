/* One file of the journal: its records and what of them is good. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "store/journal_priv.h"

enum {
    WINDOW_BYTES = 16 << 10,           /* of heads of records, which may be far apart */
    THOROUGH_WINDOW_BYTES = 256 << 10, /* of all that is there */
};
_Static_assert(sizeof(struct journal_record) == 88, "no gaps between its fields");
_Static_assert(sizeof(struct journal_head) == 32, "no gaps between its fields");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "records are written as they are held");

uint64_t journal_record_check(const struct journal_record *record)
{
    CHECK(record != NULL);
    const char *const from = (const char *)record + sizeof record->check;
    return hash64((struct str){from, sizeof *record - sizeof record->check});
}

uint64_t journal_head_check(const struct journal_head *head)
{
    CHECK(head != NULL);
    return hash64((struct str){(const char *)head, offsetof(struct journal_head, check)});
}

uint64_t journal_payload_check(const struct str parts[static JOURNAL_PARTS])
{
    uint64_t check = 0;
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        check = (check << 1 | check >> 63) ^ hash64(parts[i]);
    }
    return check;
}

uint64_t journal_payload_size(const struct journal_record *record, uint64_t room)
{
    CHECK(room < UINT64_MAX);
    uint64_t size = 0;
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        if (record->sizes[i] > room - size) {
            return UINT64_MAX;
        }
        size += record->sizes[i];
    }
    return size;
}

void journal_split(const struct journal_record *record, const char *payload,
                   struct str parts[static JOURNAL_PARTS])
{
    CHECK(payload != NULL);
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        parts[i] = (struct str){payload, record->sizes[i]};
        payload += record->sizes[i];
    }
}

void journal_name(char name[static JOURNAL_NAME_BYTES_MAX], uint64_t number)
{
    const int size =
        snprintf(name, JOURNAL_NAME_BYTES_MAX, "%020llu.log", (unsigned long long)number);
    CHECK(size > 0 && size < JOURNAL_NAME_BYTES_MAX);
}

struct window {
    char *bytes; /* [room] owned */
    int64_t room;
    int64_t offset;
    int64_t size;
};

/* `size` bytes at `offset`, from the window or the file; NULL: there are not as many before `end`,
 * or the window has not the room. */
static const char *bytes_at(int fd, struct window *window, int64_t offset, int64_t size,
                            int64_t end)
{
    if (size > end - offset || size > window->room) {
        return NULL;
    }
    if (offset < window->offset || offset + size > window->offset + window->size) {
        window->offset = offset;
        window->size = end - offset < window->room ? end - offset : window->room;
        if (!file_read_at(fd, window->bytes, (size_t)window->size, offset)) {
            window->size = 0;
            return NULL;
        }
    }
    return window->bytes + (offset - window->offset);
}

static bool payload_is_whole(int fd, struct window *window, const struct journal_record *record,
                             size_t size, int64_t offset, int64_t end)
{
    struct str parts[JOURNAL_PARTS];
    const char *const payload =
        bytes_at(fd, window, offset + (int64_t)sizeof *record, (int64_t)size, end);
    if (payload == NULL) {
        return journal_is_whole(fd, record, size, offset);
    }
    journal_split(record, payload, parts);
    return journal_payload_check(parts) == record->payload_check;
}

bool journal_is_whole(int fd, const struct journal_record *record, size_t size, int64_t offset)
{
    CHECK(record != NULL);
    char *const payload = memory_new_array(char, size + 1);
    struct str parts[JOURNAL_PARTS];
    journal_split(record, payload, parts);
    const bool good = file_read_at(fd, payload, size, offset + (int64_t)sizeof *record) &&
                      journal_payload_check(parts) == record->payload_check;
    memory_free(payload);
    return good;
}

int64_t journal_walk(int fd, uint64_t number, int64_t offset, int64_t end, bool thorough,
                     journal_each *each, void *context)
{
    CHECK(each != NULL);
    struct window window = {.room = thorough ? THOROUGH_WINDOW_BYTES : WINDOW_BYTES};
    struct journal_record record;
    const char *head;
    window.bytes = memory_new_array(char, (size_t)window.room);
    while ((head = bytes_at(fd, &window, offset, (int64_t)sizeof record, end)) != NULL) {
        memcpy(&record, head, sizeof record);
        const uint64_t room = (uint64_t)(end - offset) - sizeof record;
        const uint64_t size = journal_payload_size(&record, room);
        if (record.number != number || record.check != journal_record_check(&record) ||
            size == UINT64_MAX ||
            (thorough && !payload_is_whole(fd, &window, &record, size, offset, end)) ||
            !each(context, &record, offset)) {
            break;
        }
        offset += (int64_t)(sizeof record + size);
    }
    memory_free(window.bytes);
    return offset;
}
