/* fuzz_gemini_cli: any bytes as a log of that format; see wire_input.h. */
#include "wire_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_input_all(WIRE_GEMINI_CLI, "session-1.json", data, size);
}
