/* fuzz_protobuf: any bytes as a message, nested ones walked as far as they go. */
#include <stdlib.h>

#include "base/check.h"
#include "wire/protobuf.h"

enum { DEPTH_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct protobuf stack[DEPTH_MAX];
    struct err err;
    size_t depth = 1;
    size_t fields = 0;
    stack[0] = protobuf_open((struct str){(const char *)data, size});
    stack[0].is_head = size > 0 && data[0] % 2 == 1;
    while (depth > 0) {
        struct protobuf_field field = {0};
        struct protobuf *const reader = &stack[depth - 1];
        const size_t before = reader->rest.size;
        bool found = false;
        const enum errc code = protobuf_next(reader, &field, &found, &err);
        if (code != ERR_OK || !found) {
            CHECK(code != ERR_OK || reader->rest.size == 0);
            depth--;
            continue;
        }
        CHECK(reader->rest.size < before);
        CHECK(field.number >= 1);
        CHECK(field.number <= PROTOBUF_FIELD_MAX);
        CHECK(field.offset <= size);
        fields++;
        if (field.kind == PROTOBUF_BYTES) {
            CHECK(field.bytes.data >= (const char *)data);
            CHECK(field.bytes.data + field.bytes.size <= (const char *)data + size);
            CHECK((const char *)data + field.offset == field.bytes.data);
            if (depth < DEPTH_MAX) {
                stack[depth++] = protobuf_enter(&field);
            }
        }
    }
    CHECK(fields <= size * DEPTH_MAX);
    return 0;
}
