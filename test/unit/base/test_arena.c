/* arena: what does not fit is refused and nothing else changes; marks undo; rows come zeroed.
 * Limits, growth and rewinding are walked through directly. */
#include "base/arena.h"

#include "support/test.h"

enum { LIMIT_BYTES = 100000 };

/* Static, so that a test that ends early leaves nothing unreachable. */
static struct arena arena;

static void start(size_t size_max)
{
    arena_deinit(&arena);
    arena_init(&arena, size_max);
}

static bool is_zero(const void *memory, size_t size)
{
    const unsigned char *const bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static void what_is_over_the_limit_is_refused_and_the_rest_still_fits(void)
{
    start(LIMIT_BYTES);
    EXPECT(arena_new(&arena, char, LIMIT_BYTES + 1) == NULL);
    EXPECT(arena_new(&arena, uint64_t, SIZE_MAX / 4) == NULL);
    EXPECT(arena_new(&arena, char, SIZE_MAX) == NULL);
    EXPECT(arena.size == 0);
    EXPECT(arena_new(&arena, char, LIMIT_BYTES / 2) != NULL);
    EXPECT(arena_new(&arena, char, LIMIT_BYTES) == NULL);
    EXPECT(arena_new(&arena, char, LIMIT_BYTES / 4) != NULL);
    EXPECT(arena.size <= LIMIT_BYTES);
}

static void an_arena_never_holds_more_than_its_limit(void)
{
    start(LIMIT_BYTES);
    size_t count = 0;
    while (arena_new(&arena, char, 100) != NULL) {
        count++;
    }
    EXPECT(arena.size <= LIMIT_BYTES);
    EXPECT(count >= LIMIT_BYTES / 2 / 100);
    EXPECT(count <= LIMIT_BYTES / 100);
}

static void objects_are_zeroed_aligned_and_apart(void)
{
    start(LIMIT_BYTES);
    char *const odd = arena_new(&arena, char, 3);
    EXPECT(odd != NULL);
    memset(odd, 0xff, 3);
    uint64_t *const aligned = arena_new(&arena, uint64_t, 4);
    EXPECT(aligned != NULL);
    EXPECT((uintptr_t)aligned % _Alignof(uint64_t) == 0);
    EXPECT(is_zero(aligned, 4 * sizeof *aligned));
    memset(aligned, 0xff, 4 * sizeof *aligned);
    max_align_t *const widest = arena_new(&arena, max_align_t, 1);
    EXPECT(widest != NULL);
    EXPECT((uintptr_t)widest % _Alignof(max_align_t) == 0);
    EXPECT(is_zero(widest, sizeof *widest));
    EXPECT((unsigned char)odd[2] == 0xff);
}

static void a_rewind_gives_back_what_came_after_the_mark(void)
{
    start(LIMIT_BYTES);
    char *const before = arena_new(&arena, char, 10);
    EXPECT(before != NULL);
    before[0] = 'x';
    const size_t size = arena.size;
    const struct arena_position mark = arena_mark(&arena);
    char *const first = arena_new(&arena, char, 100);
    EXPECT(first != NULL);
    memset(first, 0xff, 100);
    EXPECT(arena_new(&arena, char, 50000) != NULL);
    EXPECT(arena.size > size);
    arena_rewind(&arena, mark);
    EXPECT(arena.size == size);
    EXPECT(before[0] == 'x');
    char *const again = arena_new(&arena, char, 100);
    EXPECT(again == first);
    EXPECT(is_zero(again, 100));
}

static void rows_keep_their_values_while_the_array_grows(void)
{
    struct row {
        int64_t a;
        char b;
    };
    struct {
        struct row *rows;
        size_t count;
        size_t capacity;
    } array = {0};
    start(LIMIT_BYTES);
    for (int64_t i = 0; i < 500; i++) {
        const size_t index = arena_push(&arena, &array);
        EXPECT(index == (size_t)i);
        EXPECT(is_zero(&array.rows[index], sizeof *array.rows));
        memset(&array.rows[index], 0xff, sizeof *array.rows);
        array.rows[index].a = i;
    }
    for (int64_t i = 0; i < 500; i++) {
        EXPECT(array.rows[i].a == i);
    }
    array.count = 0; /* used again for the next batch */
    EXPECT(arena_push(&arena, &array) == 0);
    EXPECT(is_zero(&array.rows[0], sizeof *array.rows));
}

static void an_array_with_reserved_room_stays_where_it_is_until_that_is_used_up(void)
{
    enum { RESERVED = 300 };
    struct {
        uint64_t *rows;
        size_t count;
        size_t capacity;
    } array = {0};
    start(LIMIT_BYTES);
    arena_reserve(&arena, &array, SIZE_MAX / 16); /* more than there is: as if not asked for */
    EXPECT(array.rows == NULL);
    EXPECT(array.capacity == 0);
    arena_reserve(&arena, &array, RESERVED);
    EXPECT(array.capacity == RESERVED);
    const uint64_t *const reserved = array.rows;
    for (uint64_t i = 0; i < RESERVED; i++) {
        EXPECT(arena_push(&arena, &array) == i);
        EXPECT(array.rows == reserved);
        EXPECT(array.rows[i] == 0);
        array.rows[i] = i;
    }
    EXPECT(arena_push(&arena, &array) == RESERVED);
    for (uint64_t i = 0; i < RESERVED; i++) {
        EXPECT(array.rows[i] == i);
    }
}

static void an_array_that_cannot_grow_keeps_its_rows(void)
{
    struct {
        uint64_t *rows;
        size_t count;
        size_t capacity;
    } array = {0};
    start(4096);
    uint64_t pushed = 0;
    for (size_t index = 0; (index = arena_push(&arena, &array)) != SIZE_MAX;) {
        array.rows[index] = pushed++;
    }
    EXPECT(array.count == pushed);
    for (uint64_t i = 0; i < pushed; i++) {
        EXPECT(array.rows[i] == i);
    }
}

static void a_copy_ends_with_a_zero_byte_and_may_be_empty(void)
{
    start(LIMIT_BYTES);
    const struct str copy = arena_copy(&arena, STR("picodollar"));
    EXPECT(copy.data != NULL);
    EXPECT(str_equal(copy, STR("picodollar")));
    EXPECT(copy.data[copy.size] == '\0');
    const struct str empty = arena_copy(&arena, (struct str){0});
    EXPECT(empty.data != NULL);
    EXPECT(empty.size == 0);
    EXPECT(empty.data[0] == '\0');
    EXPECT(arena_copy(&arena, (struct str){copy.data, 0}).size == 0);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_over_the_limit_is_refused_and_the_rest_still_fits),
        TEST(an_arena_never_holds_more_than_its_limit),
        TEST(objects_are_zeroed_aligned_and_apart),
        TEST(a_rewind_gives_back_what_came_after_the_mark),
        TEST(rows_keep_their_values_while_the_array_grows),
        TEST(an_array_with_reserved_room_stays_where_it_is_until_that_is_used_up),
        TEST(an_array_that_cannot_grow_keeps_its_rows),
        TEST(a_copy_ends_with_a_zero_byte_and_may_be_empty),
    };
    arena_init(&arena, 1);
    return test_main(tests, COUNT_OF(tests));
}
