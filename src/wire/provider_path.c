/* What a path asks of a provider: which of its APIs, and whether the work is done later. */
#include "base/check.h"
#include "wire/provider.h"

struct api_path {
    const char *path;
    enum provider_dialect dialect;
    enum provider_api api;
};

static int digit_of(char c)
{
    const char small = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* %XX as the bytes they mean; what does not fit is no path we know, and is cut. */
static size_t unquote(struct str path, char *out, size_t out_size)
{
    size_t size = 0;
    for (size_t i = 0; i < path.size && size < out_size; i++) {
        const bool has_digits = path.data[i] == '%' && i + 2 < path.size;
        const int high = has_digits ? digit_of(path.data[i + 1]) : -1;
        const int low = has_digits ? digit_of(path.data[i + 2]) : -1;
        const bool is_quoted = high >= 0 && low >= 0;
        out[size] = path.data[i];
        if (is_quoted) {
            out[size] = (char)(high << 4 | low);
        }
        size++;
        i += is_quoted ? 2 : 0;
    }
    return size;
}

/* What is put at the provider for later calls, which pay for reading it. */
static bool is_kept_only(struct str path)
{
    static const char *const folders[] = {"/files", "/uploads", "/conversations"};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        const struct str folder = str_from(folders[i]);
        if (str_starts_with(path, folder) &&
            (path.size == folder.size || path.data[folder.size] == '/')) {
            return true;
        }
    }
    return false;
}

enum provider_api provider_api_of(enum provider_dialect dialect, struct str path)
{
    static const struct api_path paths[] = {
        {"/chat/completions", PROVIDER_OPENAI, PROVIDER_CHAT},
        {"/completions", PROVIDER_OPENAI, PROVIDER_COMPLETIONS},
        {"/responses", PROVIDER_OPENAI, PROVIDER_RESPONSES},
        {"/responses/input_tokens", PROVIDER_OPENAI, PROVIDER_FREE},
        {"/messages", PROVIDER_OPENAI, PROVIDER_MESSAGES}, /* each speaks the other's, too */
        {"/messages/count_tokens", PROVIDER_OPENAI, PROVIDER_FREE},
        {"/chat/completions", PROVIDER_ANTHROPIC, PROVIDER_CHAT},
        {"/embeddings", PROVIDER_OPENAI, PROVIDER_EMBEDDINGS},
        {"/models", PROVIDER_OPENAI, PROVIDER_MODELS},
        {"/messages", PROVIDER_ANTHROPIC, PROVIDER_MESSAGES},
        {"/messages/count_tokens", PROVIDER_ANTHROPIC, PROVIDER_FREE},
        {"/models", PROVIDER_ANTHROPIC, PROVIDER_MODELS},
    };
    CHECK(dialect < PROVIDER_DIALECT_COUNT);
    char plain[128];
    const size_t size = unquote(path, plain, sizeof plain);
    const struct str found = {plain, size > 1 && plain[size - 1] == '/' ? size - 1 : size};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (paths[i].dialect == dialect && str_equal_fold(found, str_from(paths[i].path))) {
            return paths[i].api;
        }
    }
    if (str_starts_with(found, STR("/models/"))) {
        return PROVIDER_MODELS;
    }
    return is_kept_only(found) ? PROVIDER_FREE : PROVIDER_OTHER;
}

bool provider_is_job(struct str path)
{
    static const char *const parts[] = {"batch",      "batches", "fine_tuning",
                                        "fine-tunes", "jobs",    "runs"};
    char plain[128];
    struct str rest = {plain, unquote(path, plain, sizeof plain)};
    while (rest.size > 0) {
        const struct str part = str_cut(&rest, '/');
        for (size_t i = 0; i < COUNT_OF(parts); i++) {
            if (str_equal_fold(part, str_from(parts[i]))) {
                return true;
            }
        }
    }
    return false;
}
