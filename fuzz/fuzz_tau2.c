/* fuzz_tau2: any bytes as a log of that format; see wire_input.h. */
#include "wire_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return wire_input_all(WIRE_TAU2, "results.json", data, size);
}
