/* fuzz_otlp_json: any bytes as an OTLP request in JSON; see otlp_input.h. */
#include "otlp_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return otlp_input_all(OTLP_JSON, data, size);
}
