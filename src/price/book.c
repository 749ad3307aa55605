/*
 * book: read the text of a price book.
 *
 * A line is a word and its value. `provider` opens a provider, `model` a model of it, and each
 * `price` is one row of the model above it; the words between describe what was opened last.
 */
#include "price/price_priv.h"

#include "base/check.h"
#include "base/clock.h"

enum { SOURCES_MAX = 1000 };

#define FORMAT "bursar.prices/1"

struct sources {
    struct str *rows;
    size_t count;
    size_t capacity;
};

struct reader {
    struct price_book *book;
    struct sources sources;
    struct arena *arena;
    struct price_provider *provider; /* opened last; NULL: none yet */
    struct price_model *model;       /* of that provider; NULL: none yet */
    bool has_format;
};

static enum errc full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the price book is larger than the memory set aside for it");
}

static enum errc read_format(struct reader *r, struct str value, struct err *err)
{
    if (!str_equal(value, STR(FORMAT))) {
        return err_set(err, ERR_SYNTAX, "the format is not " FORMAT ", the only one known");
    }
    r->has_format = true;
    return ERR_OK;
}

/* "source 3 https://…", numbered from 1 without gaps. */
static enum errc read_source(struct reader *r, struct str value, struct err *err)
{
    int64_t number;
    if (!str_to_int64(str_cut(&value, ' '), &number) || number < 1 ||
        (uint64_t)number != r->sources.count + 1 || number > SOURCES_MAX) {
        return err_set(err, ERR_SYNTAX, "sources are numbered 1, 2, 3 … up to %d", SOURCES_MAX);
    }
    const size_t at = arena_push(r->arena, &r->sources);
    if (at == SIZE_MAX) {
        return full(err);
    }
    r->sources.rows[at] = value;
    return ERR_OK;
}

/* "alias azure azure*|az.ai*". */
static enum errc read_rule(struct reader *r, bool is_alias, struct str value, struct err *err)
{
    const struct price_rule rule = {.id = str_cut(&value, ' '), .patterns = value};
    if (rule.id.size == 0 || rule.patterns.size == 0) {
        return err_set(err, ERR_SYNTAX, "a provider and patterns are wanted here");
    }
    const size_t at =
        is_alias ? arena_push(r->arena, &r->book->aliases) : arena_push(r->arena, &r->book->infers);
    if (at == SIZE_MAX) {
        return full(err);
    }
    (is_alias ? r->book->aliases.rows : r->book->infers.rows)[at] = rule;
    return ERR_OK;
}

static enum errc read_alias(struct reader *r, struct str value, struct err *err)
{
    return read_rule(r, true, value, err);
}

static enum errc read_infer(struct reader *r, struct str value, struct err *err)
{
    return read_rule(r, false, value, err);
}

static enum errc want_name(struct str value, struct err *err)
{
    if (value.size == 0 || value.size > PRICE_NAME_BYTES_MAX ||
        memchr(value.data, ' ', value.size) != NULL) {
        return err_set(err, ERR_SYNTAX, "a name of 1 to %d bytes without spaces is wanted here",
                       PRICE_NAME_BYTES_MAX);
    }
    return ERR_OK;
}

static enum errc read_provider(struct reader *r, struct str value, struct err *err)
{
    const enum errc code = want_name(value, err);
    if (code != ERR_OK) {
        return code;
    }
    if (price_provider_by_id(r->book, value) != PRICE_NONE) {
        return err_set(err, ERR_CONFLICT, "provider " STR_FORMAT " is in the book twice",
                       STR_ARG(value));
    }
    if (r->book->providers.count == PRICE_PROVIDERS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d providers", PRICE_PROVIDERS_MAX);
    }
    const size_t at = arena_push(r->arena, &r->book->providers);
    if (at == SIZE_MAX) {
        return full(err);
    }
    r->provider = &r->book->providers.rows[at];
    *r->provider =
        (struct price_provider){.id = value, .name = value, .model_first = r->book->models.count};
    r->model = NULL;
    return ERR_OK;
}

static enum errc read_model(struct reader *r, struct str value, struct err *err)
{
    const enum errc code = want_name(value, err);
    if (code != ERR_OK) {
        return code;
    }
    if (r->provider == NULL) {
        return err_set(err, ERR_SYNTAX, "a model needs a provider above it");
    }
    if (r->book->models.count == PRICE_MODELS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d models", PRICE_MODELS_MAX);
    }
    const size_t at = arena_push(r->arena, &r->book->models);
    if (at == SIZE_MAX) {
        return full(err);
    }
    r->model = &r->book->models.rows[at];
    CHECK(r->book->providers.count > 0);
    *r->model = (struct price_model){.id = value,
                                     .match = value,
                                     .provider = r->book->providers.count - 1,
                                     .row_first = r->book->rows.count};
    r->provider->model_count++;
    return ERR_OK;
}

/* The words that only describe: what they fill, of a model where one is open. */
static enum errc read_text(struct reader *r, struct str word, struct str value, struct err *err)
{
    const struct {
        const char *word;
        struct str *place;
    } places[] = {
        {"name", r->provider != NULL && r->model == NULL ? &r->provider->name : NULL},
        {"aka", r->provider != NULL && r->model == NULL ? &r->provider->aka : NULL},
        {"means", r->provider != NULL && r->model == NULL ? &r->provider->means : NULL},
        {"like", r->provider != NULL && r->model == NULL ? &r->provider->like : NULL},
        {"see", r->provider != NULL && r->model == NULL ? &r->provider->see : NULL},
        {"match", r->model != NULL ? &r->model->match : NULL},
        {"note", r->model != NULL      ? &r->model->note
                 : r->provider != NULL ? &r->provider->note
                                       : NULL},
    };
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (str_equal(word, str_from(places[i].word)) && places[i].place != NULL) {
            *places[i].place = value;
            return ERR_OK;
        }
    }
    return err_set(err, ERR_SYNTAX, "\"%.*s\" does not belong here",
                   (int)(word.size > 40 ? 40 : word.size), word.data);
}

/* "01:00:00" in seconds of the day. */
static bool read_clock(struct str text, int32_t *out)
{
    CHECK(out != NULL);
    static const int64_t limits[] = {24, 60, 60};
    int64_t seconds = 0;
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        int64_t part;
        if (!str_to_int64(str_cut(&text, ':'), &part) || part < 0 || part >= limits[i]) {
            return false;
        }
        seconds = seconds * 60 + part;
    }
    *out = (int32_t)seconds;
    return text.size == 0;
}

static bool read_window(struct str text, struct price_row *row)
{
    const struct str from = str_cut(&text, '-');
    return read_clock(from, &row->window_from_s) && read_clock(text, &row->window_until_s) &&
           row->window_from_s != row->window_until_s;
}

/* "1-5": Monday to Friday. */
static bool read_days(struct str text, uint32_t *out)
{
    int64_t first;
    int64_t last;
    if (!str_to_int64(str_cut(&text, '-'), &first) || !str_to_int64(text, &last) || first < 1 ||
        last > 7 || first > last) {
        return false;
    }
    *out = 0;
    for (int64_t day = first; day <= last; day++) {
        *out |= 1u << (day - 1);
    }
    return true;
}

static enum errc read_rate(struct price_rates *rates, struct str name, struct str value,
                           struct err *err)
{
    const int class = price_class_of(name);
    if (class == PRICE_CLASS_COUNT) {
        return err_set(err, ERR_SYNTAX, "a price has no \"%.*s\"",
                       (int)(name.size > 40 ? 40 : name.size), name.data);
    }
    if (((rates->known | rates->unknown) >> class & 1) != 0) {
        return err_set(err, ERR_SYNTAX, "%s is given twice", price_class_name(class));
    }
    if (str_equal(value, STR("?"))) {
        rates->unknown |= 1u << class;
        return ERR_OK;
    }
    const enum errc code = price_rate_parse(value, class, &rates->pusd[class], err);
    if (code == ERR_OK) {
        rates->known |= 1u << class;
    }
    return code;
}

/* One NAME=VALUE of a price. */
static enum errc read_part(const struct reader *r, struct price_row *row, struct str name,
                           struct str value, struct err *err)
{
    int64_t number;
    bool good = true;
    if (str_equal(name, STR("from"))) {
        good = clock_parse(value, &row->from_ns, err) == ERR_OK;
    } else if (str_equal(name, STR("until"))) {
        good = clock_parse(value, &row->until_ns, err) == ERR_OK;
    } else if (str_equal(name, STR("window"))) {
        good = read_window(value, row);
    } else if (str_equal(name, STR("days"))) {
        good = read_days(value, &row->days);
    } else if (str_equal(name, STR("region"))) {
        row->region = value;
    } else if (str_equal(name, STR("tier"))) {
        row->tier = price_tier_of(value);
        good = row->tier != TIER_COUNT;
    } else if (str_equal(name, STR("over"))) {
        good = str_to_int64(value, &row->context_over) && row->context_over >= 0;
    } else if (str_equal(name, STR("other"))) {
        row->other = value;
    } else if (str_equal(name, STR("source"))) {
        good = str_to_int64(value, &number) && number >= 1 && (uint64_t)number <= r->sources.count;
        row->source = good ? r->sources.rows[number - 1] : row->source;
    } else {
        return read_rate(&row->rates, name, value, err);
    }
    return good ? ERR_OK
                : err_set(err, ERR_SYNTAX, STR_FORMAT "=%.*s is not understood", STR_ARG(name),
                          (int)(value.size > 60 ? 60 : value.size), value.data);
}

static enum errc read_price(struct reader *r, struct str value, struct err *err)
{
    CHECK(r->has_format);
    if (r->model == NULL) {
        return err_set(err, ERR_SYNTAX, "a price needs a model above it");
    }
    struct price_row row = {.model = r->book->models.count - 1,
                            .from_ns = INT64_MIN,
                            .until_ns = INT64_MAX,
                            .days = PRICE_DAYS_ALL,
                            .tier = TIER_STANDARD};
    row.source = r->sources.count > 0 ? r->sources.rows[0] : row.source;
    while (value.size > 0) {
        struct str part = str_cut(&value, ' ');
        const struct str name = str_cut(&part, '=');
        const enum errc code = name.size == 0 ? ERR_OK : read_part(r, &row, name, part, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (row.until_ns <= row.from_ns) {
        return err_set(err, ERR_SYNTAX, "the price ends before it begins");
    }
    if (r->model->row_count == PRICE_MODEL_ROWS_MAX || r->book->rows.count == PRICE_ROWS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d prices of one model, or %d in all",
                       PRICE_MODEL_ROWS_MAX, PRICE_ROWS_MAX);
    }
    row.id = price_row_id(r->book, &row);
    const size_t at = arena_push(r->arena, &r->book->rows);
    if (at == SIZE_MAX) {
        return full(err);
    }
    r->book->rows.rows[at] = row;
    r->model->row_count++;
    /* Quadratic in the rows of one model, of which there are a few dozen at most. */
    for (size_t i = r->model->row_first; i < at; i++) {
        const struct price_row *const other = &r->book->rows.rows[i];
        if (other->tier == row.tier && str_equal(other->region, row.region) &&
            other->context_over == row.context_over && other->window_from_s == row.window_from_s &&
            other->window_until_s == row.window_until_s && (other->days & row.days) != 0 &&
            other->from_ns < row.until_ns && row.from_ns < other->until_ns) {
            return err_set(err, ERR_CONFLICT,
                           "this price of " STR_FORMAT
                           " holds at the same time as another one above it",
                           STR_ARG(r->model->id));
        }
    }
    return ERR_OK;
}

static enum errc read_line(struct reader *r, struct str line, struct err *err)
{
    static const struct {
        const char *word;
        enum errc (*read)(struct reader *, struct str, struct err *);
    } readers[] = {
        {"price", read_price},   {"model", read_model},   {"provider", read_provider},
        {"alias", read_alias},   {"source", read_source}, {"infer", read_infer},
        {"format", read_format},
    };
    struct str value = line;
    const struct str word = str_cut(&value, ' ');
    if (!r->has_format && !str_equal(word, STR("format"))) {
        return err_set(err, ERR_SYNTAX, "a price book begins with \"format " FORMAT "\"");
    }
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        if (str_equal(word, str_from(readers[i].word))) {
            return readers[i].read(r, value, err);
        }
    }
    return read_text(r, word, value, err);
}

/* Names of providers used before, or after, they are opened. */
static enum errc resolve_names(struct price_book *book, struct err *err)
{
    struct {
        struct price_rule *rows;
        size_t count;
    } lists[] = {{book->aliases.rows, book->aliases.count},
                 {book->infers.rows, book->infers.count}};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (size_t j = 0; j < lists[i].count; j++) {
            struct price_rule *const rule = &lists[i].rows[j];
            rule->provider = price_provider_by_id(book, rule->id);
            if (rule->provider == PRICE_NONE) {
                return err_set(err, ERR_SYNTAX, "the price book has no provider \"%.*s\"",
                               (int)(rule->id.size > 60 ? 60 : rule->id.size), rule->id.data);
            }
        }
    }
    return ERR_OK;
}

enum errc price_book_parse(struct str text, struct arena *arena, const struct price_book **out,
                           struct err *err)
{
    CHECK(arena != NULL);
    CHECK(out != NULL);
    if (text.size > PRICE_BOOK_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "the price book is longer than %zu bytes",
                       PRICE_BOOK_BYTES_MAX);
    }
    struct reader r = {.book = arena_new(arena, struct price_book, 1), .arena = arena};
    if (r.book == NULL) {
        return full(err);
    }
    for (int line_number = 1; text.size > 0; line_number++) {
        const struct str line = str_trim(str_cut(&text, '\n'));
        const enum errc code =
            line.size == 0 || line.data[0] == '#' ? ERR_OK : read_line(&r, line, err);
        if (code != ERR_OK) {
            err_prefix(err, "line %d: ", line_number);
            return code;
        }
    }
    const enum errc code = resolve_names(r.book, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!price_index(r.book, arena)) {
        return full(err);
    }
    *out = r.book;
    return ERR_OK;
}
