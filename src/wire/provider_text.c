/* Names and ids that a reply or a request tells of, copied and cut to a fixed size. */
#include "base/check.h"
#include "wire/provider_priv.h"

struct str provider_text_str(const struct provider_text *text)
{
    CHECK(text->size <= sizeof text->bytes);
    return (struct str){text->bytes, text->size};
}

void provider_text_keep(struct provider_text *out, struct str text)
{
    const size_t size = text.size < sizeof out->bytes ? text.size : sizeof out->bytes;
    if (size > 0) {
        memcpy(out->bytes, text.data, size);
        out->size = size;
    }
}
