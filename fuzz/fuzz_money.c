/* fuzz_money: any bytes as an amount. What is read prints as a text that reads back the same. */
#include "base/money.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_at_every_precision(int64_t amount_pusd)
{
    char text[MONEY_TEXT_BYTES_MAX];
    for (int decimals = 0; decimals <= MONEY_DECIMALS; decimals++) {
        const size_t used = money_print_rounded(amount_pusd, decimals, text);
        CHECK(used > 0);
        CHECK(text[used] == '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = {(const char *)data, size};
    struct err err;
    int64_t amount = 0;
    if (money_parse(text, &amount, &err) == ERR_OK) {
        char printed[MONEY_TEXT_BYTES_MAX];
        int64_t back = 0;
        const size_t used = money_print(amount, printed);
        CHECK(money_parse((struct str){printed, used}, &back, &err) == ERR_OK);
        CHECK(back == amount);
        print_at_every_precision(amount);
        /* Half of twice the amount is the amount, whatever the rounding. */
        CHECK(money_scale((money_sum)amount * 2, 7, 14) == amount);
    }
    int64_t units = 0;
    int64_t millis = 0;
    if (money_parse_scaled(text, 0, &units, &err) == ERR_OK &&
        money_parse_scaled(text, 3, &millis, &err) == ERR_OK) {
        /* The coarser reading is the finer one, rounded: at most half a unit apart. */
        const money_sum apart = (money_sum)units * 1000 - millis;
        CHECK(apart <= 500);
        CHECK(apart >= -500);
    }
    return 0;
}
