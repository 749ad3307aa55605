/* What the bodies of requests have in common: their media type. */
#include "serve/serve.h"

#include "base/check.h"

bool serve_is_type(struct str value, struct str type)
{
    CHECK(type.size > 0);
    return str_equal_fold(str_trim(str_cut(&value, ';')), type);
}
