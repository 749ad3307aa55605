#include "attribution/forecast/forecast.h"

#include <math.h>

#include "attribution/stats/stats.h"
#include "base/check.h"
#include "base/rng.h"

enum { WEEK = 7 };

/* The past as means of weekdays, and each day's share of its weekday's mean. */
struct season {
    double mean[WEEK];
    size_t count[WEEK];
    double ratio[FORECAST_HISTORY_MAX];
    size_t ratio_count;
};

/* The last day of the past is the day before `weekday`. */
static int weekday_of(const struct forecast_request *request, size_t day)
{
    const size_t back = request->history - day; /* days before the first day ahead */
    return (int)((size_t)request->weekday + WEEK * FORECAST_HISTORY_MAX - back) % WEEK;
}

static void read_season(const struct forecast_request *request, struct season *out)
{
    struct season season = {0};
    for (size_t i = 0; i < request->history; i++) {
        const int weekday = weekday_of(request, i);
        season.count[weekday]++;
        season.mean[weekday] += request->spend[i];
    }
    for (int weekday = 0; weekday < WEEK; weekday++) {
        CHECK(season.count[weekday] >= 2);
        season.mean[weekday] /= (double)season.count[weekday];
    }
    for (size_t i = 0; i < request->history; i++) {
        const int weekday = weekday_of(request, i);
        const double mean = season.mean[weekday];
        const double n = (double)season.count[weekday];
        if (mean > 0) {
            /* A day is part of its own mean and so nearer to it than a day ahead will be. */
            const double away = (request->spend[i] / mean - 1) * sqrt(n / (n - 1));
            season.ratio[season.ratio_count++] = away > -1 ? 1 + away : 0;
        }
    }
    *out = season;
}

static double draw_ratio(const struct season *season, struct rng *rng)
{
    return season->ratio_count > 0 ? season->ratio[rng_below(rng, season->ratio_count)] : 0;
}

/* What the weekdays' means may truly be: each drawn from as many days as it was taken from. */
static void draw_means(const struct season *season, struct rng *rng, double out[WEEK])
{
    for (int weekday = 0; weekday < WEEK; weekday++) {
        double sum = 0;
        for (size_t i = 0; i < season->count[weekday]; i++) {
            sum += draw_ratio(season, rng);
        }
        out[weekday] = season->mean[weekday] * sum / (double)season->count[weekday];
    }
}

struct path {
    double total;
    double exhausted; /* day; INFINITY: the limit was not passed */
};

static struct path draw_path(const struct forecast_request *request, const struct season *season,
                             struct rng *rng)
{
    double means[WEEK];
    struct path path = {.total = request->spent, .exhausted = INFINITY};
    draw_means(season, rng, means);
    for (size_t day = 0; day < request->days; day++) {
        const int weekday = (int)((size_t)request->weekday + day) % WEEK;
        double spend = means[weekday] * draw_ratio(season, rng);
        if (day == 0 && spend < request->begun) {
            spend = request->begun;
        }
        path.total += spend;
        if (isinf(path.exhausted) && path.total > request->limit) {
            path.exhausted = (double)day;
        }
    }
    return path;
}

/* The day by which a share q of the paths had passed the limit. */
static int day_at(const double *sorted, double q)
{
    const size_t at = (size_t)ceil(q * FORECAST_PATHS) - 1;
    CHECK(at < FORECAST_PATHS);
    return isinf(sorted[at]) ? -1 : (int)sorted[at];
}

enum errc forecast_run(const struct forecast_request *request, struct arena *arena,
                       struct forecast *out, struct err *err)
{
    CHECK(request->history >= FORECAST_HISTORY_LEAST);
    CHECK(request->history <= FORECAST_HISTORY_MAX);
    CHECK(request->days >= 1);
    CHECK(request->days <= FORECAST_DAYS_MAX);
    CHECK(request->weekday >= 0);
    CHECK(request->weekday < WEEK);

    const struct arena_position mark = arena_mark(arena);
    double *const totals = arena_new(arena, double, FORECAST_PATHS);
    double *const exhausted = arena_new(arena, double, FORECAST_PATHS);
    if (totals == NULL || exhausted == NULL) {
        return err_set(err, ERR_LIMIT, "no memory for %d paths", FORECAST_PATHS);
    }
    struct season season;
    struct rng rng;
    read_season(request, &season);
    rng_init_stream(&rng, request->seed, request->stream);
    size_t passed = 0;
    for (size_t i = 0; i < FORECAST_PATHS; i++) {
        const struct path path = draw_path(request, &season, &rng);
        totals[i] = path.total;
        exhausted[i] = path.exhausted;
        passed += !isinf(path.exhausted);
    }
    stats_sort(totals, FORECAST_PATHS);
    stats_sort(exhausted, FORECAST_PATHS);
    const double tail = (1 - FORECAST_LEVEL) / 2;
    *out = (struct forecast){
        .total = stats_quantile(totals, FORECAST_PATHS, 0.5),
        .low = stats_quantile(totals, FORECAST_PATHS, tail),
        .high = stats_quantile(totals, FORECAST_PATHS, 1 - tail),
        .exceeds = isnan(request->limit) ? (double)NAN : (double)passed / FORECAST_PATHS,
        .exhausted = day_at(exhausted, 0.5),
        .exhausted_low = day_at(exhausted, tail),
        .exhausted_high = day_at(exhausted, 1 - tail),
    };
    arena_rewind(arena, mark);
    return ERR_OK;
}

struct forecast_surge forecast_surge(const double *share, size_t n)
{
    CHECK(n >= 1);
    CHECK(n <= FORECAST_TRAILING_DAYS + 1);
    double before[FORECAST_TRAILING_DAYS];
    size_t count = 0;
    double mean = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (!isnan(share[i])) {
            before[count++] = share[i];
            mean += share[i];
        }
    }
    struct forecast_surge out = {.share = share[n - 1], .mean = NAN, .limit = NAN};
    if (count < FORECAST_TRAILING_LEAST || isnan(out.share)) {
        return out;
    }
    mean /= (double)count;
    stats_sort(before, count);
    const double median = stats_quantile(before, count, 0.5);
    for (size_t i = 0; i < count; i++) {
        before[i] = fabs(before[i] - median);
    }
    stats_sort(before, count);
    const double deviation = stats_quantile(before, count, 0.5);
    out.mean = mean;
    out.limit = mean + FORECAST_SURGE_MADS *
                           (deviation > FORECAST_MAD_LEAST ? deviation : FORECAST_MAD_LEAST);
    out.is_surge = out.share > out.limit;
    return out;
}
