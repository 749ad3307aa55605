#include "reporting.h"

#include "support/home.h"

int reporting_main(reporting_make *make, struct store **store, const struct test *tests,
                   size_t count)
{
    struct home home;
    struct err err;
    home_make(&home);
    make(home_str(&home), 1);
    CHECK(store_open(home_str(&home), STORE_READ, store, &err) == ERR_OK);
    const int failed = test_main(tests, count);
    store_close(store);
    home_remove(&home);
    return failed;
}

void reporting_fill(struct str home, const struct reporting_rows *rows, size_t count)
{
    struct store *store = NULL;
    struct err err;
    CHECK(store_open(home, STORE_WRITE, &store, &err) == ERR_OK);
    CHECK(store_begin(store, &err) == ERR_OK);
    for (size_t i = 0; i < count; i++) {
        CHECK(store_append(store, rows[i].table, rows[i].rows, rows[i].count, &err) == ERR_OK);
    }
    CHECK(store_commit(store, &err) == ERR_OK);
    store_close(&store);
}
