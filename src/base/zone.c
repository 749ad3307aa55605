#include "base/zone.h"

#include <limits.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"

enum {
    TYPES_MAX = 256,
    HEADER_BYTES = 44,
    SECONDS_PER_DAY = 86400,
    OFFSET_S_MAX = 26 * 3600 - 1, /* RFC 9636 section 3.2 */
    RULE_HOURS_MAX = 167,
};

/* When a change of a POSIX rule comes: "M3.2.0/2", "J60", "59". */
struct change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_MONTH } kind;
    int day; /* JULIAN 1..365, DAY 0..365, MONTH: of the week 0..6 */
    int month;
    int week; /* 1..5, 5 is the last */
    int32_t time_s;
};

/* What holds behind the last transition. */
struct rule {
    bool has_summer;
    int32_t standard_s;
    int32_t summer_s;
    struct change begin; /* of summer time, by standard time */
    struct change end;   /* by summer time */
};

struct zone {
    const int64_t *times;     /* [count] ascending */
    const int32_t *offsets_s; /* [count] from each time on */
    size_t count;
    int32_t first_s; /* before the first */
    bool has_rule;
    struct rule rule;
};

struct cursor {
    const char *at;
    size_t left;
    bool failed;
};

static const char *take(struct cursor *from, size_t size)
{
    if (from->failed || from->left < size) {
        from->failed = true;
        return NULL;
    }
    const char *const at = from->at;
    from->at += size;
    from->left -= size;
    return at;
}

static int64_t big_endian(const char *at, size_t size)
{
    CHECK(size == 4 || size == 8);
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | (unsigned char)at[i];
    }
    return size == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value;
}

/* The counts of a TZif header. */
struct header {
    char version;
    uint32_t utc_count;
    uint32_t standard_count;
    uint32_t leap_count;
    uint32_t time_count;
    uint32_t type_count;
    uint32_t text_count;
};

static struct header take_header(struct cursor *from)
{
    struct header header = {0};
    const char *const at = take(from, HEADER_BYTES);
    if (at == NULL || memcmp(at, "TZif", 4) != 0) {
        from->failed = true;
        return header;
    }
    uint32_t *const counts[] = {&header.utc_count,  &header.standard_count, &header.leap_count,
                                &header.time_count, &header.type_count,     &header.text_count};
    header.version = at[4];
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        *counts[i] = (uint32_t)big_endian(at + 20 + 4 * i, 4);
        from->failed = from->failed || *counts[i] > ZONE_FILE_BYTES_MAX;
    }
    from->failed = from->failed || header.time_count > ZONE_TRANSITIONS_MAX ||
                   header.type_count == 0 || header.type_count > TYPES_MAX;
    return header;
}

static size_t block_bytes(const struct header *header, size_t time_bytes)
{
    return header->time_count * (time_bytes + 1) + header->type_count * (size_t)6 +
           header->text_count + header->leap_count * (time_bytes + 4) + header->standard_count +
           header->utc_count;
}

static int64_t number(struct cursor *from, int64_t max)
{
    int64_t value = 0;
    size_t digits = 0;
    while (from->left > 0 && *from->at >= '0' && *from->at <= '9' && value <= max) {
        value = value * 10 + (*from->at - '0');
        (void)take(from, 1);
        digits++;
    }
    from->failed = from->failed || digits == 0 || value > max;
    return value;
}

static bool next_is(struct cursor *from, char wanted)
{
    if (from->failed || from->left == 0 || *from->at != wanted) {
        return false;
    }
    (void)take(from, 1);
    return true;
}

/* "CET" or "<+03>". */
static void skip_name(struct cursor *from)
{
    size_t size = 0;
    const bool quoted = next_is(from, '<');
    while (from->left > 0 &&
           (quoted ? *from->at != '>' : (*from->at | 32) >= 'a' && (*from->at | 32) <= 'z')) {
        (void)take(from, 1);
        size++;
    }
    from->failed = from->failed || size < 3 || (quoted && !next_is(from, '>'));
}

/* "-5", "03:30", "-2:00:00" in seconds. */
static int32_t span(struct cursor *from, int64_t hours_max)
{
    const bool negative = next_is(from, '-');
    if (!negative) {
        (void)next_is(from, '+');
    }
    int64_t seconds = number(from, hours_max) * 3600;
    seconds += next_is(from, ':') ? number(from, 59) * 60 : 0;
    seconds += next_is(from, ':') ? number(from, 59) : 0;
    return from->failed ? 0 : (int32_t)(negative ? -seconds : seconds);
}

static struct change read_change(struct cursor *from)
{
    struct change change = {.time_s = 2 * 3600};
    if (!next_is(from, ',')) {
        from->failed = true;
    } else if (next_is(from, 'M')) {
        change.kind = CHANGE_MONTH;
        change.month = (int)number(from, 12);
        from->failed = from->failed || !next_is(from, '.');
        change.week = (int)number(from, 5);
        from->failed = from->failed || !next_is(from, '.') || change.month < 1 || change.week < 1;
        change.day = (int)number(from, 6);
    } else if (next_is(from, 'J')) {
        change.kind = CHANGE_JULIAN;
        change.day = (int)number(from, 365);
        from->failed = from->failed || change.day < 1;
    } else {
        change.kind = CHANGE_DAY;
        change.day = (int)number(from, 365);
    }
    if (next_is(from, '/')) {
        change.time_s = span(from, RULE_HOURS_MAX);
    }
    return change;
}

/* A POSIX TZ text: "CET-1CEST,M3.5.0,M10.5.0/3". Source: POSIX 8.3, RFC 9636 section 3.3. */
static struct rule read_rule(struct cursor *from)
{
    struct rule rule = {0};
    skip_name(from);
    rule.standard_s = -span(from, 24);
    if (from->failed || from->left == 0) {
        return rule;
    }
    rule.has_summer = true;
    skip_name(from);
    rule.summer_s = rule.standard_s + 3600;
    if (from->left > 0 && *from->at != ',') {
        rule.summer_s = -span(from, 24);
    }
    rule.begin = read_change(from);
    rule.end = read_change(from);
    from->failed = from->failed || from->left > 0;
    return rule;
}

static enum errc refuse(struct err *err)
{
    return err_set(err, ERR_SYNTAX, "it is not a time zone file (TZif)");
}

/* The transitions, in the block of `time_bytes` a time that `from` is at. */
static bool read_block(struct cursor *from, const struct header *header, size_t time_bytes,
                       int64_t *times, int32_t *offsets_s, struct zone *zone)
{
    CHECK(!from->failed);
    const char *const at = take(from, block_bytes(header, time_bytes));
    if (at == NULL) {
        return false;
    }
    const unsigned char *const types = (const unsigned char *)at + header->time_count * time_bytes;
    const char *const infos = (const char *)types + header->time_count;
    bool good = true;
    for (size_t i = 0; i < header->type_count; i++) {
        const int64_t offset_s = big_endian(infos + 6 * i, 4);
        good = good && offset_s >= -OFFSET_S_MAX && offset_s <= OFFSET_S_MAX;
    }
    for (size_t i = 0; i < header->time_count && good; i++) {
        times[i] = big_endian(at + i * time_bytes, time_bytes);
        good = types[i] < header->type_count && (i == 0 || times[i] > times[i - 1]);
        offsets_s[i] = good ? (int32_t)big_endian(infos + 6 * (size_t)types[i], 4) : 0;
    }
    zone->times = times;
    zone->offsets_s = offsets_s;
    zone->count = header->time_count;
    zone->first_s = (int32_t)big_endian(infos, 4);
    return good;
}

enum errc zone_parse(struct str bytes, struct arena *arena, const struct zone **out,
                     struct err *err)
{
    CHECK(out != NULL);
    struct cursor from = {bytes.data, bytes.size, false};
    struct header header = take_header(&from);
    size_t time_bytes = 4;
    if (!from.failed && header.version >= '2') { /* the 64-bit block follows */
        (void)take(&from, block_bytes(&header, 4));
        header = take_header(&from);
        time_bytes = 8;
    }
    if (from.failed) {
        return refuse(err);
    }
    struct zone *const zone = arena_new(arena, struct zone, 1);
    int64_t *const times = arena_new(arena, int64_t, header.time_count + 1);
    int32_t *const offsets_s = arena_new(arena, int32_t, header.time_count + 1);
    if (zone == NULL || times == NULL || offsets_s == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left for a time zone");
    }
    if (!read_block(&from, &header, time_bytes, times, offsets_s, zone)) {
        return refuse(err);
    }
    if (time_bytes == 8 && from.left > 2 && next_is(&from, '\n') && *from.at != '\n') {
        const char *const end = memchr(from.at, '\n', from.left);
        struct cursor text = {from.at, end != NULL ? (size_t)(end - from.at) : 0, end == NULL};
        zone->rule = read_rule(&text);
        zone->has_rule = true;
        if (text.failed) {
            return refuse(err);
        }
    }
    *out = zone;
    return ERR_OK;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds since the epoch at which a change comes in a year. */
static int64_t change_s(const struct change *change, int64_t year)
{
    int64_t day = clock_days(year, 1, 1);
    switch (change->kind) {
    case CHANGE_JULIAN:
        day += change->day - 1 + (is_leap(year) && change->day >= 60);
        break;
    case CHANGE_DAY:
        day += change->day;
        break;
    case CHANGE_MONTH: {
        day = clock_days(year, change->month, 1);
        const int64_t next = change->month == 12 ? clock_days(year + 1, 1, 1)
                                                 : clock_days(year, change->month + 1, 1);
        const int64_t weekday = ((day + 4) % 7 + 7) % 7; /* 0 is Sunday */
        day += (change->day - weekday + 7) % 7 + 7 * (int64_t)(change->week - 1);
        day -= day >= next ? 7 : 0;
        break;
    }
    }
    return day * SECONDS_PER_DAY + change->time_s;
}

static int32_t by_rule(const struct rule *rule, int64_t utc_s)
{
    if (!rule->has_summer) {
        return rule->standard_s;
    }
    const int64_t local_s = utc_s + rule->standard_s;
    int64_t year;
    int month;
    int day;
    clock_civil(local_s / SECONDS_PER_DAY - (local_s % SECONDS_PER_DAY < 0), &year, &month, &day);
    const int64_t begin_s = change_s(&rule->begin, year) - rule->standard_s;
    const int64_t end_s = change_s(&rule->end, year) - rule->summer_s;
    const bool summer =
        begin_s < end_s ? utc_s >= begin_s && utc_s < end_s : utc_s >= begin_s || utc_s < end_s;
    return summer ? rule->summer_s : rule->standard_s;
}

int32_t zone_offset_s(const void *place, int64_t utc_s)
{
    const struct zone *const zone = place;
    CHECK(zone != NULL);
    if (zone->count == 0 || utc_s < zone->times[0]) {
        return zone->count == 0 && zone->has_rule ? by_rule(&zone->rule, utc_s) : zone->first_s;
    }
    if (zone->has_rule && utc_s >= zone->times[zone->count - 1]) {
        return by_rule(&zone->rule, utc_s);
    }
    size_t low = 0; /* times[low] <= utc_s < times[high] */
    size_t high = zone->count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= utc_s) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return zone->offsets_s[low];
}

/* "Europe/Berlin": parts of letters, digits, _ + -, none of them beginning otherwise. */
static bool is_name(struct str name)
{
    bool good = name.size > 0 && name.size <= ZONE_NAME_BYTES_MAX;
    bool part = false; /* within one */
    for (size_t i = 0; i < name.size && good; i++) {
        const char c = name.data[i];
        const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        const bool other = (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
        good = letter || (part && (other || c == '/'));
        part = c != '/';
    }
    return good && part;
}

enum errc zone_read(struct str name, struct arena *arena, const struct zone **out, struct err *err)
{
    CHECK(out != NULL);
    if (!is_name(name)) {
        return err_set(err, ERR_NOT_FOUND,
                       "\"%.*s\" is not the name of a time zone, such as Europe/Berlin",
                       (int)(name.size < 40 ? name.size : 40), name.data);
    }
    if (str_equal(name, STR("UTC"))) {
        struct zone *const zone = arena_new(arena, struct zone, 1);
        if (zone == NULL) {
            return err_set(err, ERR_LIMIT, "no memory left for a time zone");
        }
        *out = zone;
        return ERR_OK;
    }
    char path[ZONE_NAME_BYTES_MAX + 32];
    const int size = snprintf(path, sizeof path, "/usr/share/zoneinfo/" STR_FORMAT, STR_ARG(name));
    CHECK(size > 0 && (size_t)size < sizeof path);
    struct str bytes;
    enum errc code =
        file_read((struct str){path, (size_t)size}, ZONE_FILE_BYTES_MAX, arena, &bytes, err);
    if (code == ERR_NOT_FOUND) {
        return err_set(err, code, "this system knows no time zone \"" STR_FORMAT "\" (%s)",
                       STR_ARG(name), path);
    }
    code = code == ERR_OK ? zone_parse(bytes, arena, out, err) : code;
    if (code != ERR_OK) {
        err_prefix(err, "time zone " STR_FORMAT ": ", STR_ARG(name));
    }
    return code;
}
