/* The statistics as a program, for the oracle in Python: a case a line on stdin, its figures on
 * stdout. "quantile 0.5 3 1 2 9": the function, its numbers, and before an array its count. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/stats/stats.h"
#include "base/check.h"

#define ARENA_BYTES ((size_t)16 << 20)

enum { NUMBERS_MAX = 4096, LINE_BYTES_MAX = 1 << 17, NAME_BYTES_MAX = 64 };

struct numbers {
    double rows[NUMBERS_MAX];
    size_t count;
    size_t next;
};

static struct numbers in;
static struct arena arena;
static struct err err;

static double number(void)
{
    CHECK(in.next < in.count);
    return in.rows[in.next++];
}

static int64_t whole(void)
{
    return (int64_t)number();
}

static double *array(size_t count)
{
    double *const out = &in.rows[in.next];
    in.next += count;
    CHECK(in.next <= in.count);
    return out;
}

static void put(double value)
{
    printf("%.17g ", value);
}

static void put_interval(struct stats_interval x)
{
    put(x.value);
    put(x.low);
    put(x.high);
}

static struct stats_sums sums(void)
{
    return (struct stats_sums){
        .n = whole(), .y = number(), .x = number(), .yy = number(), .xy = number(), .xx = number()};
}

static void wilson(void)
{
    const int64_t a = whole();
    put_interval(stats_wilson(a, whole()));
}

static void newcombe(void)
{
    const double *const x = array(4);
    put_interval(stats_newcombe((int64_t)x[0], (int64_t)x[1], (int64_t)x[2], (int64_t)x[3]));
}

static void normal(void)
{
    const double z = number();
    put(stats_normal_cdf(z));
    put(stats_normal_quantile(number()));
}

static void student(void)
{
    const double t = number();
    const int freedom = (int)whole();
    put(stats_student_p(t, freedom));
    put(stats_student_quantile(number(), freedom));
}

static void ratio(void)
{
    const struct stats_sums s = sums();
    put_interval(stats_ratio(&s));
}

static void difference(void)
{
    const struct stats_sums a = sums();
    const struct stats_sums b = sums();
    put_interval(stats_ratio_difference(&a, &b));
}

static void quantile(void)
{
    const double q = number();
    const size_t n = (size_t)whole();
    double *const values = array(n);
    stats_sort(values, n);
    put(stats_quantile(values, n, q));
}

static void discovery(void)
{
    static double out[NUMBERS_MAX];
    const size_t n = (size_t)whole();
    CHECK(stats_false_discovery(array(n), n, out, &arena, &err) == ERR_OK);
    for (size_t i = 0; i < n; i++) {
        put(out[i]);
    }
}

static void sizes(void)
{
    const double *const x = array(4);
    put((double)stats_sample_size_non_inferior(x[0], x[1], x[2], x[3]));
}

static void hull(void)
{
    static size_t out[NUMBERS_MAX];
    const size_t n = (size_t)whole();
    const double *const x = array(n);
    const size_t count = stats_concave_hull(x, array(n), n, out);
    for (size_t i = 0; i < count; i++) {
        put((double)out[i]);
    }
}

static void segmented(void)
{
    struct stats_segmented out;
    const size_t n = (size_t)whole();
    const size_t at = (size_t)whole();
    const double *const t = array(n);
    CHECK(stats_segmented(t, array(n), n, at, &arena, &out, &err) == ERR_OK);
    put(out.trend.value);
    put(out.level.value);
    put(out.slope.value);
    put(out.lags);
    put(out.memory);
}

static void shapley(void)
{
    double out[STATS_SHAPLEY_MAX];
    const size_t parts = (size_t)whole();
    stats_shapley(array((size_t)1 << parts), parts, out);
    for (size_t i = 0; i < parts; i++) {
        put(out[i]);
    }
}

static const struct {
    const char *name;
    void (*run)(void);
} functions[] = {
    {"wilson", wilson},     {"newcombe", newcombe},   {"normal", normal},
    {"student", student},   {"ratio", ratio},         {"difference", difference},
    {"quantile", quantile}, {"discovery", discovery}, {"sizes", sizes},
    {"hull", hull},         {"segmented", segmented}, {"shapley", shapley},
};

int main(void)
{
    static char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char name[NAME_BYTES_MAX] = "";
        int used = 0;
        CHECK(sscanf(line, "%63s%n", name, &used) == 1);
        in.count = 0;
        in.next = 0;
        for (char *at = line + used, *end = NULL; in.count < NUMBERS_MAX; at = end) {
            const double value = strtod(at, &end);
            if (end == at) {
                break;
            }
            in.rows[in.count++] = value;
        }
        size_t i = 0;
        while (i < COUNT_OF(functions) && strcmp(functions[i].name, name) != 0) {
            i++;
        }
        CHECK(i < COUNT_OF(functions));
        arena_init(&arena, ARENA_BYTES);
        functions[i].run();
        arena_deinit(&arena);
        printf("\n");
    }
    return 0;
}
