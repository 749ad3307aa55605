#include <errno.h>
#include <zlib.h>

#include "base/check.h"
#include "store/scan_priv.h"

enum { HEADER_BYTES_MAX = 1 << 20, READ_BYTES = 1 << 16 };

static enum errc truncated(struct str path, struct err *err)
{
    return err_set(err, ERR_TRUNCATED,
                   STR_FORMAT ": the compressed file ends too early or is "
                              "damaged; fetch it again",
                   STR_ARG(path));
}

static enum errc open_file(struct str path, gzFile *out, struct err *err)
{
    CHECK(path.size < STORE_SCAN_PATH_BYTES_MAX);
    char name[STORE_SCAN_PATH_BYTES_MAX];
    memcpy(name, path.data, path.size);
    name[path.size] = '\0';
    *out = gzopen(name, "rb");
    if (*out == NULL) {
        return err_set(err, ERR_IO, STR_FORMAT ": cannot be opened: %s", STR_ARG(path),
                       strerror(errno));
    }
    return ERR_OK;
}

static enum errc read_on(const struct store_scan *scan, struct str path, gzFile file, char *data,
                         size_t size, size_t *out_size, struct err *err)
{
    if (store_scan_stopped(scan)) {
        return err_set(err, ERR_INTERRUPTED, "interrupted while reading");
    }
    const int count = gzread(file, data, (unsigned)size);
    int state = Z_OK;
    (void)gzerror(file, &state);
    if (count < 0 || state == Z_BUF_ERROR || state == Z_DATA_ERROR) {
        return truncated(path, err);
    }
    *out_size = (size_t)count;
    return ERR_OK;
}

static enum errc read_to_end(const struct store_scan *scan, struct str path, gzFile file,
                             struct err *err)
{
    static _Thread_local char data[READ_BYTES];
    size_t size = 1;
    while (size > 0) {
        const enum errc code = read_on(scan, path, file, data, sizeof data, &size, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (gzdirect(file)) {
        return err_set(err, ERR_SYNTAX,
                       STR_FORMAT ": is named .gz but is not compressed; rename it", STR_ARG(path));
    }
    return ERR_OK;
}

enum errc store_scan_whole(const struct store_scan *scan, struct str path, struct err *err)
{
    gzFile file = NULL;
    enum errc code = open_file(path, &file, err);
    if (code == ERR_OK && str_ends_with(path, STR(".gz"))) {
        code = read_to_end(scan, path, file, err);
    }
    if (file != NULL) {
        (void)gzclose(file);
    }
    return code;
}

/* Bytes of the first line, quoted line ends included; 0: it does not end here. */
static size_t header_size(struct str text, bool is_whole)
{
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        quoted = quoted != (c == '"');
        if (!quoted && (c == '\n' || c == '\r')) {
            return i;
        }
    }
    return is_whole ? text.size : 0;
}

static char find_delimiter(struct str header)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    size_t counts[sizeof candidates] = {0};
    bool quoted = false;
    for (size_t i = 0; i < header.size; i++) {
        quoted = quoted != (header.data[i] == '"');
        for (size_t c = 0; c < sizeof candidates && !quoted; c++) {
            counts[c] += header.data[i] == candidates[c];
        }
    }
    size_t best = 0;
    for (size_t c = 1; c < sizeof candidates; c++) {
        best = counts[c] > counts[best] ? c : best;
    }
    return candidates[best];
}

/* Cut one name off the header, "a ""b""" being a "b"; whether another follows it. */
static bool next_name(struct arena *arena, struct str *rest, char delimiter, struct str *out)
{
    const bool quoted = rest->size > 0 && rest->data[0] == '"';
    char *name = arena_new(arena, char, rest->size + 1);
    size_t size = 0;
    size_t i = quoted ? 1 : 0;
    for (; i < rest->size && name != NULL; i++) {
        const char c = rest->data[i];
        if (quoted && c == '"') {
            if (i + 1 == rest->size || rest->data[i + 1] != '"') {
                break;
            }
            i++;
        } else if (!quoted && c == delimiter) {
            break;
        }
        name[size++] = c;
    }
    *out = (struct str){name, size};
    while (i < rest->size && rest->data[i] != delimiter) {
        i++;
    }
    const bool more = i < rest->size;
    *rest = (struct str){rest->data + i + more, rest->size - i - more};
    return more;
}

static bool is_taken(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_fold(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* SQL does not tell "Cost" from "cost": the second of them becomes "cost_2". An empty name becomes
 * "column_<its place>". */
static struct str unique_name(struct arena *arena, const struct str *names, size_t count,
                              struct str name)
{
    struct str unique = name;
    for (size_t n = name.size > 0 ? 2 : count + 1;
         unique.data != NULL && (unique.size == 0 || is_taken(names, count, unique)); n++) {
        struct text text;
        text_init(&text, STORE_SCAN_PATH_BYTES_MAX + HEADER_BYTES_MAX);
        text_add(&text, name.size > 0 ? name : STR("column"));
        text_format(&text, "_%zu", n);
        unique = arena_copy(arena, text_str(&text));
        text_deinit(&text);
    }
    return unique;
}

static bool is_utf8(struct str text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *const end = at + text.size;
    while (at < end) {
        const int more = *at < 0x80             ? 0
                         : (*at & 0xe0) == 0xc0 ? 1
                         : (*at & 0xf0) == 0xe0 ? 2
                         : (*at & 0xf8) == 0xf0 ? 3
                                                : -1;
        if (more < 0 || end - at <= more) {
            return false;
        }
        for (int i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80) {
                return false;
            }
        }
        at += more + 1;
    }
    return true;
}

static enum errc split_header(struct arena *arena, const struct store_scan_file *file,
                              struct str header, char *delimiter, struct str *names,
                              size_t *out_count, struct err *err)
{
    if (memchr(header.data, '\0', header.size) != NULL || !is_utf8(header)) {
        return err_set(err, ERR_SYNTAX,
                       STR_FORMAT ":1: the header is not UTF-8 text; save the "
                                  "table as CSV in UTF-8",
                       STR_ARG(file->path));
    }
    const char separator = file->delimiter != 0                            ? file->delimiter
                           : str_find(file->path, STR(".tsv")) != SIZE_MAX ? '\t'
                                                                           : find_delimiter(header);
    struct str rest = header;
    size_t count = 0;
    bool more = true;
    while (more) {
        if (count == STORE_SCAN_COLUMNS_MAX) {
            return err_set(err, ERR_LIMIT, STR_FORMAT ":1: more than %d columns",
                           STR_ARG(file->path), STORE_SCAN_COLUMNS_MAX);
        }
        struct str name;
        more = next_name(arena, &rest, separator, &name);
        names[count] = name.data != NULL ? unique_name(arena, names, count, str_trim(name)) : name;
        if (names[count].data == NULL) {
            return err_set(err, ERR_LIMIT, STR_FORMAT ":1: the header is too large",
                           STR_ARG(file->path));
        }
        count++;
    }
    *delimiter = separator;
    *out_count = count;
    return ERR_OK;
}

/* The first line of an open file, copied into `arena`. */
static enum errc read_header(struct store_scan *scan, struct str path, gzFile file,
                             struct arena *arena, struct str *out, struct err *err)
{
    char *data = arena_new(arena, char, HEADER_BYTES_MAX);
    if (data == NULL) {
        return err_set(err, ERR_LIMIT, "no memory left to read a header");
    }
    size_t size = 0;
    size_t added = 1;
    while (added > 0 && size < HEADER_BYTES_MAX) {
        const enum errc code =
            read_on(scan, path, file, data + size, HEADER_BYTES_MAX - size, &added, err);
        if (code != ERR_OK) {
            return code;
        }
        size += added;
    }
    static const struct str bom = STR_STATIC("\xef\xbb\xbf");
    struct str text = {data, size};
    if (str_starts_with(text, bom)) {
        text = (struct str){text.data + bom.size, text.size - bom.size};
    }
    *out = (struct str){text.data, header_size(text, size < HEADER_BYTES_MAX)};
    if (str_trim(*out).size == 0) {
        return err_set(err, ERR_SYNTAX, STR_FORMAT ":1: %s", STR_ARG(path),
                       size == 0
                           ? "the file is empty; its first line must name the columns"
                           : "the first line is empty or never ends; it must name the columns");
    }
    return ERR_OK;
}

enum errc store_scan_header(struct store_scan *scan, const struct store_scan_file *file,
                            char *delimiter, struct str *names, size_t *out_count, struct err *err)
{
    CHECK(file->format == STORE_SCAN_CSV);
    CHECK(names != NULL);

    struct arena scratch;
    arena_init(&scratch, (size_t)HEADER_BYTES_MAX + 4096);
    struct str header;
    gzFile gz = NULL;
    enum errc code = open_file(file->path, &gz, err);
    if (code == ERR_OK) {
        code = read_header(scan, file->path, gz, &scratch, &header, err);
    }
    if (code == ERR_OK && str_ends_with(file->path, STR(".gz"))) {
        code = read_to_end(scan, file->path, gz, err);
    }
    if (code == ERR_OK) {
        code = split_header(scan->arena, file, header, delimiter, names, out_count, err);
    }
    if (gz != NULL) {
        (void)gzclose(gz);
    }
    arena_deinit(&scratch);
    return code;
}
