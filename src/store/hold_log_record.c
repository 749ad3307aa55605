/* hold_log_record: records as bytes, and back. What is read is not trusted. */
#include "store/hold_log_priv.h"

#include "base/check.h"
#include "base/hash.h"

static const char magic[8] = {'B', 'U', 'R', 'S', 'H', 'O', 'L', 'D'};

struct cursor {
    char *at;
};

#define PUT(cursor, value)                                                                         \
    do {                                                                                           \
        memcpy((cursor)->at, &(value), sizeof(value));                                             \
        (cursor)->at += sizeof(value);                                                             \
    } while (0)

struct source {
    const char *at;
};

#define GET(source, value)                                                                         \
    do {                                                                                           \
        memcpy(&(value), (source)->at, sizeof(value));                                             \
        (source)->at += sizeof(value);                                                             \
    } while (0)

void hold_log_header_put(const struct hold_log_header *header, char out[HOLD_LOG_HEADER_BYTES])
{
    CHECK(header != NULL);
    const uint32_t version = HOLD_LOG_VERSION;
    struct cursor to = {out};
    PUT(&to, magic);
    PUT(&to, version);
    PUT(&to, header->segment);
    PUT(&to, header->first);
    CHECK(to.at == out + HOLD_LOG_HEADER_BYTES);
}

enum errc hold_log_header_get(struct str bytes, struct hold_log_header *out, struct err *err)
{
    CHECK(out != NULL);
    if (bytes.size < HOLD_LOG_HEADER_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0) {
        return err_set(err, ERR_INTEGRITY, "it does not begin like a log of holds");
    }
    uint32_t version;
    struct source from = {bytes.data + sizeof magic};
    struct hold_log_header header;
    GET(&from, version);
    GET(&from, header.segment);
    GET(&from, header.first);
    if (version != HOLD_LOG_VERSION) {
        return err_set(err, ERR_UNSUPPORTED,
                       "version %u, this program knows %d; use the newer bursar that made it",
                       version, HOLD_LOG_VERSION);
    }
    *out = header;
    return ERR_OK;
}

/* The body lies elsewhere: the checksum is of the hash of each part. */
static uint64_t checksum(struct str fixed, struct str body)
{
    const uint64_t parts[] = {hash64(fixed), hash64(body)};
    return hash64((struct str){(const char *)parts, sizeof parts});
}

size_t hold_log_record_put(const struct hold_record *record, uint64_t synced,
                           char out[HOLD_LOG_RECORD_BYTES_MAX])
{
    CHECK(record->event > HOLD_EVENT_NONE && record->event < HOLD_EVENT_COUNT);
    CHECK(record->scope_count <= HOLD_SCOPES_MAX);
    CHECK(record->body.size <= HOLD_LOG_SNAPSHOT_BYTES_MAX);
    const uint8_t event = (uint8_t)record->event;
    const uint8_t cause = (uint8_t)record->cause;
    const uint8_t scope_count = (uint8_t)record->scope_count;
    const uint8_t zero = 0;
    const uint32_t body_size = (uint32_t)record->body.size;
    const size_t scopes_size = record->scope_count * sizeof record->scopes[0];
    struct cursor to = {out + HOLD_LOG_FRAME_BYTES};
    PUT(&to, record->number);
    PUT(&to, synced);
    PUT(&to, event);
    PUT(&to, cause);
    PUT(&to, scope_count);
    PUT(&to, zero);
    PUT(&to, body_size);
    PUT(&to, record->id);
    PUT(&to, record->amount_pusd);
    PUT(&to, record->at_ns);
    PUT(&to, record->until_ns);
    PUT(&to, record->case_key);
    memcpy(to.at, record->scopes, scopes_size);
    to.at += scopes_size;
    const struct str fixed = {out + HOLD_LOG_FRAME_BYTES,
                              (size_t)(to.at - out) - HOLD_LOG_FRAME_BYTES};
    CHECK(fixed.size == HOLD_LOG_FIXED_BYTES + scopes_size);
    const uint32_t size = (uint32_t)(fixed.size + record->body.size);
    const uint64_t sum = checksum(fixed, record->body);
    to.at = out;
    PUT(&to, size);
    PUT(&to, sum);
    return HOLD_LOG_FRAME_BYTES + fixed.size;
}

size_t hold_log_record_get(struct str bytes, struct hold_record *out, uint64_t *out_synced)
{
    CHECK(out != NULL);
    if (bytes.size < HOLD_LOG_FRAME_BYTES + HOLD_LOG_FIXED_BYTES) {
        return 0;
    }
    uint32_t size;
    uint64_t sum;
    uint8_t event;
    uint8_t cause;
    uint8_t scope_count;
    uint8_t zero;
    uint32_t body_size;
    struct source from = {bytes.data};
    GET(&from, size);
    GET(&from, sum);
    if (size > bytes.size - HOLD_LOG_FRAME_BYTES || size < HOLD_LOG_FIXED_BYTES) {
        return 0;
    }
    memset(out, 0, sizeof *out);
    GET(&from, out->number);
    GET(&from, *out_synced);
    GET(&from, event);
    GET(&from, cause);
    GET(&from, scope_count);
    GET(&from, zero);
    GET(&from, body_size);
    const size_t scopes_size = scope_count * sizeof out->scopes[0];
    if (event == HOLD_EVENT_NONE || event >= HOLD_EVENT_COUNT || cause >= HOLD_CAUSE_COUNT ||
        scope_count > HOLD_SCOPES_MAX || zero != 0 ||
        size != HOLD_LOG_FIXED_BYTES + scopes_size + (size_t)body_size) {
        return 0;
    }
    const size_t fixed_size = HOLD_LOG_FIXED_BYTES + scopes_size;
    const struct str fixed = {bytes.data + HOLD_LOG_FRAME_BYTES, fixed_size};
    out->body = (struct str){fixed.data + fixed_size, body_size};
    if (checksum(fixed, out->body) != sum) {
        return 0;
    }
    out->event = (enum hold_event)event;
    out->cause = (enum hold_cause)cause;
    out->scope_count = scope_count;
    GET(&from, out->id);
    GET(&from, out->amount_pusd);
    GET(&from, out->at_ns);
    GET(&from, out->until_ns);
    GET(&from, out->case_key);
    memcpy(out->scopes, from.at, scopes_size);
    return HOLD_LOG_FRAME_BYTES + size;
}

/* Whether a record behind the end says that what is missing here was on the disk already: then
 * the disk is at fault, and not a write that was cut short. */
static bool written_after(struct str bytes, size_t from, uint64_t missing)
{
    struct hold_record record;
    uint64_t synced;
    for (size_t at = from; at + HOLD_LOG_FRAME_BYTES + HOLD_LOG_FIXED_BYTES <= bytes.size; at++) {
        const struct str rest = {bytes.data + at, bytes.size - at};
        if (hold_log_record_get(rest, &record, &synced) != 0 && record.number > missing &&
            synced >= missing) {
            return true;
        }
    }
    return false;
}

enum errc hold_log_scan(struct str bytes, hold_log_visit visit, void *context,
                        struct hold_log_scan *scan, struct err *err)
{
    CHECK(scan != NULL);
    struct hold_log_header header;
    enum errc code = hold_log_header_get(bytes, &header, err);
    if (code != ERR_OK) {
        return code;
    }
    if (scan->expected != 0 && header.first != scan->expected) {
        return err_set(err, ERR_INTEGRITY, "it begins with record %llu, %llu is the next",
                       (unsigned long long)header.first, (unsigned long long)scan->expected);
    }
    scan->expected = header.first;
    scan->used = HOLD_LOG_HEADER_BYTES;
    for (;;) {
        struct hold_record record;
        uint64_t synced;
        const struct str rest = {bytes.data + scan->used, bytes.size - scan->used};
        const size_t size = hold_log_record_get(rest, &record, &synced);
        if (size == 0 || record.number != scan->expected) {
            break;
        }
        code = visit != NULL ? visit(context, &record, err) : ERR_OK;
        if (code != ERR_OK) {
            return code;
        }
        scan->used += size;
        scan->expected++;
        scan->records++;
    }
    scan->damaged = written_after(bytes, scan->used, scan->expected);
    return ERR_OK;
}
