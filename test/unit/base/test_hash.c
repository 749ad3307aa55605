/* hash: keys are XXH3's, for ever; parts are told apart however their bytes are divided.
 * Values of the empty text and of "a" are those that the xxHash project publishes. */
#include "base/hash.h"

#include "support/test.h"

static void keys_are_those_of_xxh3(void)
{
    EXPECT(hash64(STR("")) == UINT64_C(0x2d06800538d394c2));
    EXPECT(hash64((struct str){0}) == UINT64_C(0x2d06800538d394c2));
    EXPECT(hash64(STR("a")) == UINT64_C(0xe6c632b61e964e1f));
    const struct hash128 empty = hash128(STR(""));
    EXPECT(empty.high == UINT64_C(0x99aa06d3014798d8));
    EXPECT(empty.low == UINT64_C(0x6001c324468d497f));
    const struct hash128 a = hash128(STR("a"));
    EXPECT(a.high == UINT64_C(0xa96faf705af16834));
    EXPECT(a.low == UINT64_C(0xe6c632b61e964e1f));
}

static void parts_are_told_apart_however_bytes_are_divided(void)
{
    const struct hash128 ab_c = hash128_of(STR("ab"), STR("c"));
    EXPECT(!hash128_equal(ab_c, hash128_of(STR("a"), STR("bc"))));
    EXPECT(!hash128_equal(ab_c, hash128_of(STR("abc"))));
    EXPECT(!hash128_equal(ab_c, hash128_of(STR("ab"), STR("c"), STR(""))));
    EXPECT(!hash128_equal(ab_c, hash128_of(STR("c"), STR("ab"))));
    EXPECT(hash128_equal(ab_c, hash128_of(STR("ab"), STR("c"))));
    EXPECT(hash64_of(STR("ab"), STR("c")) == ab_c.low);
    EXPECT(hash128_equal(hash128_of(STR("")), hash128_of((struct str){0})));
}

static void long_parts_are_told_apart_too(void)
{
    char a[200];
    char b[200];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    b[199] = 'y';
    const struct str long_a = {a, sizeof a};
    const struct str long_b = {b, sizeof b};
    EXPECT(!hash128_equal(hash128_of(long_a), hash128_of(long_b)));
    EXPECT(!hash128_equal(hash128_of(long_a, STR("")), hash128_of(long_a)));
    /* A short part that is the hash of a long one is not taken for it. */
    const struct hash128 inner = hash128(long_a);
    const struct str digest = {(const char *)&inner, sizeof inner};
    EXPECT(!hash128_equal(hash128_of(long_a), hash128_of(digest)));
    for (size_t size = 60; size < 70; size++) {
        const struct str one = {a, size};
        const struct str two = {a, size + 1};
        EXPECT(!hash128_equal(hash128_of(one), hash128_of(two)));
    }
}

static void as_many_long_parts_as_allowed_fit(void)
{
    char x[64];
    memset(x, 'x', sizeof x);
    struct str parts[HASH_PARTS_MAX];
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        parts[i] = (struct str){x, sizeof x};
    }
    const struct hash128 all = hash128_parts(parts, COUNT_OF(parts));
    EXPECT(!hash128_equal(all, hash128_parts(parts, COUNT_OF(parts) - 1)));
}

static void every_one_of_many_parts_counts(void)
{
    struct str parts[3 * HASH_PARTS_MAX];
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        parts[i] = STR("part");
    }
    for (size_t count = 1; count <= COUNT_OF(parts); count++) {
        const struct hash128 before = hash128_parts(parts, count);
        EXPECT(!hash128_equal(before, hash128_parts(parts, count - 1)));
        for (size_t i = 0; i < count; i++) {
            parts[i] = STR("other");
            EXPECT(!hash128_equal(before, hash128_parts(parts, count)));
            parts[i] = STR("part");
        }
    }
}

int main(void)
{
    static const struct test tests[] = {
        TEST(keys_are_those_of_xxh3),         TEST(parts_are_told_apart_however_bytes_are_divided),
        TEST(long_parts_are_told_apart_too),  TEST(as_many_long_parts_as_allowed_fit),
        TEST(every_one_of_many_parts_counts),
    };
    return test_main(tests, COUNT_OF(tests));
}
