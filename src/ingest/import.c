/*
 * Files -> groups. Workers decode files ahead; this thread takes their traces in the order of the
 * files, so that the same files give the same ledger, and is the only one that writes.
 */
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/processors.h"
#include "ingest/decode.h"
#include "ingest/ingest_priv.h"

/* Of decoded files, those that wait to be taken. The thread that takes them is what an import waits
 * for: more of them would not come earlier, take its processor, and be in memory. */
enum { WORKERS_MAX = 8, AHEAD_OF_A_WORKER = 2 };

#define FILES_ARENA_BYTES_MAX ((size_t)512 << 20)

struct job {
    struct decoded decoded;
    enum errc code;
    struct err err;
    bool done;
};

/* Shared by the workers and the taker; `lock` guards all but `files`, which nobody changes. */
struct pool {
    const struct import_files *files;
    enum wire_format forced;
    const struct correlation *rules;
    const atomic_bool *stop;
    struct job *jobs; /* [files->count] */
    pthread_mutex_t lock;
    pthread_cond_t decoded; /* a job is done */
    pthread_cond_t taken;   /* there is room to decode ahead */
    size_t next;            /* first file nobody decodes yet */
    size_t taken_count;     /* files the taker is done with */
    size_t ahead_max;
    bool closing;
};

static bool is_stopped(const atomic_bool *stop)
{
    return stop != NULL && atomic_load(stop);
}

/* Whether workers decode it: tables and what cannot be read are the taker's. */
static bool is_decoded(const struct import_file *file)
{
    return !file->table && file->trouble.size == 0;
}

/* The next file to decode, or files->count when there is none. Waits while too far ahead. */
static size_t claim(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing && pool->next >= pool->taken_count + pool->ahead_max) {
        pthread_cond_wait(&pool->taken, &pool->lock);
    }
    while (pool->next < pool->files->count && !is_decoded(&pool->files->rows[pool->next])) {
        pool->next++;
    }
    const size_t at = pool->closing ? pool->files->count : pool->next;
    pool->next += at < pool->files->count;
    pthread_mutex_unlock(&pool->lock);
    return at;
}

static void *work(void *context)
{
    struct pool *const pool = context;
    struct decode_tools tools;
    decode_tools_init(&tools);
    for (size_t at = claim(pool); at < pool->files->count; at = claim(pool)) {
        struct job job = {0};
        job.code = decode_file(&pool->files->rows[at], pool->forced, NULL, pool->rules, &tools,
                               &job.decoded, &job.err);
        pthread_mutex_lock(&pool->lock);
        pool->jobs[at] = job;
        pool->jobs[at].done = true;
        pthread_cond_broadcast(&pool->decoded);
        pthread_mutex_unlock(&pool->lock);
    }
    decode_tools_deinit(&tools);
    return NULL;
}

static void wait_for(struct pool *pool, size_t at)
{
    pthread_mutex_lock(&pool->lock);
    while (!pool->jobs[at].done) {
        pthread_cond_wait(&pool->decoded, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

static void move_on(struct pool *pool, size_t taken_count)
{
    pthread_mutex_lock(&pool->lock);
    pool->taken_count = taken_count;
    pthread_cond_broadcast(&pool->taken);
    pthread_mutex_unlock(&pool->lock);
}

static struct ingest_origin origin_of(const struct import_file *file, enum wire_format format,
                                      const struct ingest_options *options)
{
    const bool table_like = format == WIRE_TAU2; /* it states measured costs and names its cases */
    const bool names_cases = table_like || format == WIRE_OTLP; /* or says which it does not */
    return (struct ingest_origin){
        .path = file->path,
        .workflow =
            options->workflow.size > 0 ? options->workflow : str_from(wire_format_name(format)),
        .workflow_told = options->workflow.size > 0,
        .channel = table_like            ? CHANNEL_TABLE
                   : format == WIRE_OTLP ? CHANNEL_SPAN /* each step says its own */
                                         : CHANNEL_SESSION_LOG,
        .session = !names_cases,
    };
}

static enum errc add_position(struct ingest *ingest, const struct import_file *file,
                              const struct decoded *decoded, struct err *err)
{
    const struct ledger_sources source = {
        .source_id = hash64(file->path),
        .path = file->path,
        .format = str_from(wire_format_name(decoded->format)),
        .size = file->size,
        .mtime_ns = file->mtime_ns,
        .inode = file->inode,
        .head_hash = decoded->head_hash,
        .head_bytes = decoded->head_bytes,
        .next_offset = decoded->next.offset,
        .next_line = decoded->next.line,
        .state = decoded->next.state,
    };
    return ingest_add_source(ingest, &source, err);
}

/* One decoded stretch of a file into the open group. */
static enum errc take_stretch(struct ingest *ingest, const struct import_file *file,
                              const struct decoded *decoded, const struct ingest_options *options,
                              struct err *err)
{
    const struct ingest_origin origin = origin_of(file, decoded->format, options);
    enum errc code = ingest_add(ingest, &decoded->trace, &origin, err);
    if (code == ERR_OK && decoded->trouble != NULL) {
        code = ingest_add_reject(ingest, file->path, decoded->trace.lines,
                                 str_from(decoded->trouble), err);
    }
    if (code == ERR_OK && !decoded->more && !decoded->unfinished) {
        code = add_position(ingest, file, decoded, err);
    }
    ingest->summary.bytes += decoded->bytes_read;
    return code;
}

/* A file that cannot be read is told of, and the others go on; what is wrong beyond it ends all. */
static enum errc take_unreadable(struct ingest *ingest, const struct import_file *file,
                                 enum errc code, const struct err *why, struct err *err)
{
    if (code == ERR_IO || code == ERR_SYNTAX || code == ERR_LIMIT) {
        return ingest_add_reject(ingest, file->path, 0, str_from(why->text), err);
    }
    *err = *why;
    return code;
}

/* The rest of a file too long for one stretch: decoded here, each stretch a group. When it is
 * stopped in between, decoded->more stays set. */
static enum errc take_rest(struct ingest *ingest, const struct import_file *file,
                           struct decoded *decoded, const struct ingest_options *options,
                           struct err *err)
{
    struct decode_tools tools;
    decode_tools_init(&tools);
    enum errc code = ERR_OK;
    while (decoded->more && code == ERR_OK && !is_stopped(options->stop)) {
        code = ingest_write(ingest, err);
        if (code != ERR_OK) {
            break;
        }
        struct decoded next;
        struct err why;
        const enum errc read = decode_file(file, decoded->format, &decoded->next,
                                           options->correlation, &tools, &next, &why);
        arena_deinit(&decoded->arena);
        *decoded = next;
        code = read == ERR_OK ? take_stretch(ingest, file, decoded, options, err)
                              : take_unreadable(ingest, file, read, &why, err);
    }
    decode_tools_deinit(&tools);
    return code;
}

static enum errc take_job(struct ingest *ingest, const struct import_file *file, struct job *job,
                          const struct ingest_options *options, struct err *err)
{
    if (job->code != ERR_OK) {
        return take_unreadable(ingest, file, job->code, &job->err, err);
    }
    if (job->decoded.unknown && file->named) {
        return err_set(err, ERR_UNSUPPORTED,
                       STR_FORMAT " is of no known format; name one with --format, or describe a "
                                  "table with --map (see bursar import --help)",
                       STR_ARG(file->path));
    }
    if (job->decoded.unknown) {
        ingest->summary.files_ignored++;
        return ERR_OK;
    }
    ingest->summary.files++;
    enum errc code = take_stretch(ingest, file, &job->decoded, options, err);
    if (code == ERR_OK && job->decoded.more) {
        code = take_rest(ingest, file, &job->decoded, options, err);
    }
    return code;
}

/* The group borrows from the traces of files [first, end): they can go once it is flushed. */
static void drop_traces(struct pool *pool, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++) {
        if (pool->jobs[i].done) {
            arena_deinit(&pool->jobs[i].decoded.arena);
        }
    }
}

static void report_progress(const struct ingest *ingest, const struct ingest_options *options,
                            const struct import_files *files, size_t taken, int64_t bytes_done)
{
    if (options->progress != NULL) {
        const struct ingest_progress progress = {
            .files_done = (int64_t)taken,
            .files = (int64_t)files->count,
            .bytes_done = bytes_done,
            .bytes = files->bytes,
            .steps = ingest->summary.steps_added + (int64_t)ingest->group.steps.count,
        };
        options->progress(options->context, &progress);
    }
}

static enum errc take_all(struct ingest *ingest, struct pool *pool,
                          const struct ingest_options *options, struct err *err)
{
    const struct import_files *const files = pool->files;
    size_t first = 0; /* oldest file whose trace the group borrows */
    int64_t bytes_done = 0;
    enum errc code = ERR_OK;
    size_t at = 0;
    size_t cut = 0; /* 1: stopped within the last file taken */
    for (; at < files->count && code == ERR_OK && !is_stopped(options->stop); at++) {
        const struct import_file *const file = &files->rows[at];
        if (file->trouble.size > 0) {
            code = ingest_add_reject(ingest, file->path, 0, file->trouble, err);
        } else if (file->table) {
            code = ingest_table_files(ingest, file->path, options, err);
        } else {
            wait_for(pool, at);
            code = take_job(ingest, file, &pool->jobs[at], options, err);
            cut = pool->jobs[at].decoded.more;
        }
        if (code == ERR_OK && ingest_is_full(ingest)) {
            code = ingest_write(ingest, err);
            drop_traces(pool, first, at + 1);
            first = at + 1;
        }
        bytes_done += file->size;
        report_progress(ingest, options, files, at + 1, bytes_done);
        move_on(pool, at + 1);
    }
    if (code == ERR_OK) {
        code = ingest_flush(ingest, err);
    }
    drop_traces(pool, first, at);
    if (code == ERR_OK && at - cut < files->count) {
        code = err_set(err, ERR_INTERRUPTED,
                       "stopped after %zu of %zu files; what was read is in the ledger, run the "
                       "same import again for the rest",
                       at - cut, files->count);
    }
    return code;
}

static void close_pool(struct pool *pool, const pthread_t *workers, size_t worker_count)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->taken);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < worker_count; i++) {
        CHECK(pthread_join(workers[i], NULL) == 0);
    }
    for (size_t i = pool->taken_count; i < pool->files->count; i++) {
        if (pool->jobs[i].done) {
            arena_deinit(&pool->jobs[i].decoded.arena); /* decoded ahead of a stop or failure */
        }
    }
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->decoded);
    pthread_cond_destroy(&pool->taken);
}

static enum errc import_files(struct ingest *ingest, const struct import_files *files,
                              enum wire_format forced, const struct ingest_options *options,
                              struct err *err)
{
    struct pool pool = {
        .files = files, .forced = forced, .rules = options->correlation, .stop = options->stop};
    pool.jobs = memory_new_array(struct job, files->count + 1);
    CHECK(pthread_mutex_init(&pool.lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool.decoded, NULL) == 0);
    CHECK(pthread_cond_init(&pool.taken, NULL) == 0);

    const int cores = processors_count();
    size_t wanted = cores > WORKERS_MAX ? WORKERS_MAX : (size_t)cores;
    wanted = wanted > files->count ? files->count : wanted;
    pool.ahead_max = wanted * AHEAD_OF_A_WORKER;
    pthread_t workers[WORKERS_MAX];
    for (size_t i = 0; i < wanted; i++) {
        CHECK(pthread_create(&workers[i], NULL, work, &pool) == 0);
    }
    const enum errc code = take_all(ingest, &pool, options, err);
    close_pool(&pool, workers, wanted);
    memory_free(pool.jobs);
    return code;
}

enum errc ingest_paths(struct ingest *ingest, const struct ingest_options *options,
                       const char *const *paths, size_t path_count, struct err *err)
{
    CHECK(ingest != NULL);
    CHECK(options != NULL);
    CHECK(paths != NULL);

    const bool tables = options->map.size > 0 || str_equal(options->format, STR("table"));
    const enum wire_format forced = wire_format_named(options->format);
    if (options->format.size > 0 && forced == WIRE_UNKNOWN && !tables) {
        return err_set(err, ERR_USAGE,
                       "unknown format \"" STR_FORMAT "\"; known: claude-code, codex, gemini-cli, "
                       "tau2, otlp, table",
                       STR_ARG(options->format));
    }
    if (str_equal(options->format, STR("table")) && options->map.size == 0) {
        for (size_t i = 0; i < path_count; i++) {
            struct stat status;
            if (stat(paths[i], &status) == 0 && S_ISREG(status.st_mode)) {
                return err_set(err, ERR_USAGE,
                               "%s is a table: say which of its columns are what with --map FILE "
                               "(docs/table-maps.md)",
                               paths[i]);
            }
        }
    }
    struct arena arena;
    struct import_files files;
    arena_init(&arena, FILES_ARENA_BYTES_MAX);
    enum errc code = files_find(ingest->store, paths, path_count, tables, &arena, &files, err);
    if (code == ERR_OK) {
        ingest->summary.files_unchanged += files.unchanged;
        code = import_files(ingest, &files, forced, options, err);
    }
    arena_deinit(&arena);
    return code;
}
