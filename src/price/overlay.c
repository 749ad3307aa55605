/*
 * overlay: the contract prices and discounts of bursar.yaml, put over a book.
 *
 * An entry is turned into rows beside those of the book: each row of the book that holds at some
 * time of the entry is copied, cut to that time, and given the entry's rates or discount, and a
 * rank above the book's. So context tiers, time windows and classes the contract does not name
 * stay as the book has them.
 */
#include "price/overlay_priv.h"

#include "base/check.h"
#include "base/money.h"

static enum errc full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the prices need more memory than is set aside for them");
}

static bool is_pattern(struct str model)
{
    return model.size > 0 && memchr(model.data, '*', model.size) != NULL;
}

/* Whether the entry is about that model of the base, which `provider` sells. */
static bool entry_means(const struct builder *b, const struct entry *entry, size_t provider,
                        size_t base_model)
{
    if (entry->like.size > 0 || entry->provider != provider) {
        return false;
    }
    return entry->model.size == 0 || entry->target == base_model ||
           (is_pattern(entry->model) &&
            price_matches(entry->model, b->base->models.rows[base_model].id));
}

/* A call that names no provider finds the model of that place by its name. */
static bool push_named(struct builder *b, size_t model)
{
    CHECK(model < b->book->models.count);
    const size_t at = arena_push(b->arena, &b->book->named);
    if (at != SIZE_MAX) {
        b->book->named.rows[at] = (struct price_named){model};
    }
    return at != SIZE_MAX;
}

static enum errc push_row(struct builder *b, struct price_row row, struct err *err)
{
    struct price_book *const book = b->book;
    CHECK(row.model == book->models.count - 1); /* rows of a model lie side by side */
    struct price_model *const model = &book->models.rows[row.model];
    if (book->rows.count == PRICE_ROWS_MAX || model->row_count == PRICE_MODEL_ROWS_MAX) {
        return err_set(err, ERR_LIMIT,
                       "the prices of bursar.yaml make more than %d rows of one "
                       "model, or %d in all",
                       PRICE_MODEL_ROWS_MAX, PRICE_ROWS_MAX);
    }
    const size_t at = arena_push(b->arena, &book->rows);
    if (at == SIZE_MAX) {
        return full(err);
    }
    row.id = price_row_id(book, &row);
    book->rows.rows[at] = row;
    model->row_count++;
    return ERR_OK;
}

/* What the entry makes of one row of the book. */
static struct price_row put_over(const struct entry *entry, struct price_row row)
{
    CHECK(entry->like.size == 0);
    CHECK(entry->keep >= 0 && entry->keep <= DISCOUNT_WHOLE);
    row.from_ns = row.from_ns > entry->from_ns ? row.from_ns : entry->from_ns;
    row.until_ns = row.until_ns < entry->until_ns ? row.until_ns : entry->until_ns;
    row.rank = entry->rank;
    row.source = entry->source;
    row.region = entry->region.size > 0 ? entry->region : row.region;
    row.context_over = entry->over >= 0 ? entry->over : row.context_over;
    for (int class = 0; class < PRICE_CLASS_COUNT; class ++) {
        if (entry->is_discount) {
            row.rates.pusd[class] =
                (int64_t)money_scale(row.rates.pusd[class], entry->keep, DISCOUNT_WHOLE);
        } else if ((entry->rates.known >> class & 1) != 0) {
            row.rates.pusd[class] = entry->rates.pusd[class];
            row.rates.unknown &= ~(1u << class);
        }
    }
    row.rates.known |= entry->rates.known;
    return row;
}

/* Whether `row` is the one of its kind that holds just above the entry's context size. */
static bool holds_above(const struct price_book *base, const struct price_model *model,
                        const struct price_row *row, int64_t over)
{
    if (row->context_over > over) {
        return false;
    }
    for (size_t i = model->row_first; i < model->row_first + model->row_count; i++) {
        const struct price_row *const other = &base->rows.rows[i];
        if (other->context_over > row->context_over && other->context_over <= over &&
            other->tier == row->tier && str_equal(other->region, row->region) &&
            other->window_from_s == row->window_from_s &&
            other->window_until_s == row->window_until_s && other->from_ns < row->until_ns &&
            row->from_ns < other->until_ns) {
            return false;
        }
    }
    return true;
}

/* The row of an entry that has none of the book beneath it. */
static struct price_row fresh_row(const struct entry *entry, size_t model)
{
    struct price_row row = put_over(entry, (struct price_row){.from_ns = INT64_MIN,
                                                              .until_ns = INT64_MAX,
                                                              .days = PRICE_DAYS_ALL,
                                                              .tier = entry->tier});
    row.model = model;
    return row;
}

/* The rows an entry makes beside those of a model of the base. */
static enum errc apply_entry(struct builder *b, const struct entry *entry, size_t base_model,
                             size_t to, struct err *err)
{
    const struct price_model *const model = &b->base->models.rows[base_model];
    enum errc code = ERR_OK;
    bool any = false;
    for (size_t i = model->row_first; i < model->row_first + model->row_count && code == ERR_OK;
         i++) {
        const struct price_row *const row = &b->base->rows.rows[i];
        const bool tier = entry->has_tier      ? row->tier == entry->tier
                          : entry->is_discount ? true
                                               : row->tier == TIER_STANDARD;
        const bool region = entry->region.size > 0
                                ? row->region.size == 0 || str_equal(row->region, entry->region)
                                : true;
        if (tier && region && row->from_ns < entry->until_ns && entry->from_ns < row->until_ns &&
            (entry->over < 0 || holds_above(b->base, model, row, entry->over))) {
            struct price_row made = put_over(entry, *row);
            made.model = to;
            code = push_row(b, made, err);
            any = true;
        }
    }
    if (code == ERR_OK && !any && !entry->is_discount) {
        code = push_row(b, fresh_row(entry, to), err);
    }
    return code;
}

/* A model the book does not have, with the rows of the entries that name it. */
static enum errc add_model(struct builder *b, size_t first_entry, struct err *err)
{
    struct price_book *const book = b->book;
    const struct entry *const first = &b->entries.rows[first_entry];
    if (book->models.count == PRICE_MODELS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d models", PRICE_MODELS_MAX);
    }
    const size_t at = arena_push(b->arena, &book->models);
    if (at == SIZE_MAX) {
        return full(err);
    }
    book->models.rows[at] = (struct price_model){.id = first->model,
                                                 .match = first->model,
                                                 .provider = first->provider,
                                                 .row_first = book->rows.count};
    enum errc code = push_named(b, at) ? ERR_OK : full(err);
    for (size_t i = first_entry; i < b->entries.count && code == ERR_OK; i++) {
        const struct entry *const entry = &b->entries.rows[i];
        if (entry->provider == first->provider && entry->rates.known != 0 &&
            str_equal(entry->model, first->model)) {
            code = push_row(b, fresh_row(entry, at), err);
        }
    }
    return code;
}

/* Whether the entry is the first one to name a model the book does not have. */
static bool makes_model(const struct builder *b, size_t index)
{
    const struct entry *const entry = &b->entries.rows[index];
    if (entry->rates.known == 0 || entry->target != PRICE_NONE || is_pattern(entry->model)) {
        return false;
    }
    for (size_t i = 0; i < index; i++) {
        const struct entry *const other = &b->entries.rows[i];
        if (other->provider == entry->provider && other->rates.known != 0 &&
            str_equal(other->model, entry->model)) {
            return false;
        }
    }
    return true;
}

/* A model of the base among those of `provider`, with what the file says of it. */
static enum errc copy_model(struct builder *b, size_t base_model, size_t provider, struct err *err)
{
    struct price_book *const book = b->book;
    const struct price_model *const from = &b->base->models.rows[base_model];
    if (book->models.count == PRICE_MODELS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d models", PRICE_MODELS_MAX);
    }
    const size_t at = arena_push(b->arena, &book->models);
    if (at == SIZE_MAX) {
        return full(err);
    }
    book->models.rows[at] = *from;
    book->models.rows[at].provider = provider;
    book->models.rows[at].row_first = book->rows.count;
    book->models.rows[at].row_count = 0;
    enum errc code = ERR_OK;
    for (size_t i = 0; i < from->row_count && code == ERR_OK; i++) {
        struct price_row row = b->base->rows.rows[from->row_first + i];
        row.model = at;
        code = push_row(b, row, err);
    }
    bool is_named = false;
    for (size_t i = 0; i < b->entries.count && code == ERR_OK; i++) {
        const struct entry *const entry = &b->entries.rows[i];
        if (entry_means(b, entry, provider, base_model)) {
            is_named = is_named || (entry->target == base_model && entry->rates.known != 0);
            code = apply_entry(b, entry, base_model, at, err);
        }
    }
    return code != ERR_OK || !is_named || push_named(b, at) ? code : full(err);
}

static enum errc copy_models_of(struct builder *b, size_t from, size_t to, struct err *err)
{
    CHECK(from < b->view.providers.count);
    CHECK(to < b->book->providers.count);
    const struct price_provider *const p = &b->view.providers.rows[from];
    enum errc code = ERR_OK;
    for (size_t i = p->model_first; i < p->model_first + p->model_count && code == ERR_OK; i++) {
        code = copy_model(b, i, to, err);
    }
    return code;
}

/*
 * The models of one provider. Those it sells at another one's prices become its own when the file
 * has something to say about this provider, so that a discount reaches them.
 */
static enum errc build_provider(struct builder *b, size_t provider, struct err *err)
{
    struct price_provider *const p = &b->book->providers.rows[provider];
    bool is_named = false;
    enum errc code = ERR_OK;
    p->model_first = b->book->models.count;
    for (size_t i = 0; i < b->entries.count && code == ERR_OK; i++) {
        const struct entry *const entry = &b->entries.rows[i];
        is_named = is_named || (entry->provider == provider && entry->like.size == 0);
        if (entry->provider == provider && makes_model(b, i)) {
            code = add_model(b, i, err);
        }
    }
    code = code == ERR_OK ? copy_models_of(b, provider, provider, err) : code;
    struct str like = is_named ? p->like : STR("");
    while (like.size > 0 && code == ERR_OK) {
        const size_t other = price_provider_by_id(&b->view, str_cut(&like, ' '));
        code = other != PRICE_NONE ? copy_models_of(b, other, provider, err) : ERR_OK;
    }
    p->model_count = b->book->models.count - p->model_first;
    return code;
}

/* Find the model each entry names, now that every provider of the file is known. */
static enum errc find_targets(struct builder *b, struct err *err)
{
    b->view = *b->base;
    b->view.providers = b->book->providers;
    b->view.providers.rows = arena_new(b->arena, struct price_provider, b->view.providers.count);
    if (b->view.providers.rows == NULL) {
        return full(err);
    }
    memcpy(b->view.providers.rows, b->book->providers.rows,
           b->view.providers.count * sizeof *b->view.providers.rows);
    for (size_t i = 0; i < b->entries.count; i++) {
        struct entry *const entry = &b->entries.rows[i];
        entry->target = PRICE_NONE;
        if (entry->model.size == 0 || is_pattern(entry->model)) {
            continue;
        }
        const struct price_model *const model =
            price_model_in(&b->view, entry->provider, entry->model);
        entry->target = model != NULL ? (size_t)(model - b->base->models.rows) : PRICE_NONE;
        if (model == NULL && entry->is_discount) {
            return yaml_error(yaml_get(entry->node, "model"), err,
                              "the price book has no such model to discount");
        }
    }
    return ERR_OK;
}

/* The base's providers, aliases and rules; its models and rows follow provider by provider. */
static bool start_book(struct builder *b)
{
    b->book = arena_new(b->arena, struct price_book, 1);
    if (b->book == NULL) {
        return false;
    }
    b->book->aliases = b->base->aliases;
    b->book->infers = b->base->infers;
    for (size_t i = 0; i < b->base->providers.count; i++) {
        if (arena_push(b->arena, &b->book->providers) == SIZE_MAX) {
            return false;
        }
        b->book->providers.rows[i] = b->base->providers.rows[i];
    }
    return true;
}

enum errc price_book_overlay(const struct price_book *base, const struct yaml *prices,
                             struct arena *arena, const struct price_book **out, struct err *err)
{
    CHECK(base != NULL);
    CHECK(out != NULL);
    if (prices == NULL) {
        *out = base;
        return ERR_OK;
    }
    struct builder b = {.base = base, .arena = arena};
    if (!start_book(&b)) {
        return full(err);
    }
    enum errc code = yaml_want(prices, YAML_SEQUENCE, err);
    for (const struct yaml *at = code == ERR_OK ? prices->first : NULL;
         at != NULL && code == ERR_OK; at = at->next) {
        code = price_entry_read(&b, at, err);
    }
    code = code == ERR_OK ? find_targets(&b, err) : code;
    for (size_t i = 0; code == ERR_OK && i < b.book->providers.count; i++) {
        code = build_provider(&b, i, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (!price_index(b.book, arena)) {
        return full(err);
    }
    *out = b.book;
    return ERR_OK;
}
