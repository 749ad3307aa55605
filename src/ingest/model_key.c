/* Which names of a model are one. */
#include <ctype.h>

#include "base/check.h"
#include "ingest/ingest_priv.h"

/* A date behind a name: -20250929, @20250929, -2025-09-29. */
static struct str without_date(struct str name)
{
    static const struct str shapes[] = {STR_STATIC("-dddd-dd-dd"), STR_STATIC("-dddddddd"),
                                        STR_STATIC("@dddddddd"), STR_STATIC("-latest")};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        const struct str shape = shapes[i];
        bool fits = name.size > shape.size;
        for (size_t k = 0; k < shape.size && fits; k++) {
            const char c = name.data[name.size - shape.size + k];
            const bool any_digit = shape.data[k] == 'd' && shape.data[1] == 'd';
            fits = any_digit ? c >= '0' && c <= '9' : c == shape.data[k];
        }
        if (fits) {
            return (struct str){name.data, name.size - shape.size};
        }
    }
    return name;
}

uint64_t ingest_model_key(struct str model)
{
    enum { NAME_BYTES_MAX = 256 };
    char text[NAME_BYTES_MAX];
    for (size_t i = model.size; i > 0; i--) {
        if (model.data[i - 1] == '/') {
            model = (struct str){model.data + i, model.size - i};
            break;
        }
    }
    if (model.size == 0) {
        return 0;
    }
    if (model.size > sizeof text) {
        return hash64(model);
    }
    for (size_t i = 0; i < model.size; i++) {
        text[i] = (char)tolower((unsigned char)model.data[i]);
    }
    return hash64(without_date((struct str){text, model.size}));
}
