/* keeper: where the queue is full or the disk refuses, calls go on and it is counted; many threads
 * may offer at once while another erases; what was offered is there after the end. */
#include "bodies/bodies.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "support/home.h"
#include "support/test.h"

enum { THREADS = 4, CALLS = 50 };

static const struct bodies_policy as_it_is = {.days = 2, .kib = 64};

struct seen {
    int records;
    int dropped;
    int hits; /* with the text looked for */
    const char *wanted;
};

static bool see(void *context, const struct body_record *record)
{
    struct seen *const seen = context;
    char *const bytes = memory_new_array(char, record->bytes.size + 1);
    memcpy(bytes, record->bytes.data, record->bytes.size);
    seen->records++;
    seen->dropped += strstr(bytes, "\"dropped\"") != NULL;
    seen->hits += strstr(bytes, seen->wanted) != NULL;
    memory_free(bytes);
    return true;
}

static struct seen look(const struct home *home, const char *wanted, int64_t now_ns)
{
    struct seen seen = {.wanted = wanted};
    const struct body_log_query query = {.now_ns = now_ns, .with_bytes = true};
    struct body_log_walked walked;
    struct err err;
    CHECK(body_log_walk(home_str(home), &query, see, &seen, &walked, &err) == ERR_OK);
    return seen;
}

static void count_release(void *context)
{
    atomic_fetch_add((_Atomic int *)context, 1);
}

static struct bodies_call call_of(const char *identity, struct str request, _Atomic int *released)
{
    return (struct bodies_call){.policy = &as_it_is,
                                .released = count_release,
                                .context = released,
                                .identity = str_from(identity),
                                .request_id = STR("req_1"),
                                .workflow = STR("claims"),
                                .case_id = STR("C-1"),
                                .api = PROVIDER_CHAT,
                                .at_ns = clock_now_ns(),
                                .status = 200,
                                .request = request,
                                .answer_kind = BODIES_ANSWER_JSON,
                                .answer = STR("{\"answer\":true}")};
}

static void too_much_at_once_is_dropped_and_says_so(void)
{
    struct home home;
    struct bodies_keeper *keeper = NULL;
    _Atomic int released = 0;
    const size_t size = (size_t)BODIES_REQUEST_BYTES_MAX + 2;
    char *const large = memory_new_array(char, size + 1);
    memset(large, ' ', size);
    large[0] = '{';
    large[size - 1] = '}';
    home_make(&home);
    const struct bodies_settings settings = {.home = home_str(&home)};
    bodies_keeper_create(&settings, &keeper);
    const struct bodies_call call = call_of("one", (struct str){large, size}, &released);
    bodies_offer(keeper, &call);
    bodies_drain(keeper);
    const struct bodies_counts counts = bodies_counts(keeper);
    bodies_keeper_destroy(&keeper);
    const struct seen seen = look(&home, "16777218", clock_now_ns());
    home_remove(&home);
    memory_free(large);
    EXPECT(counts.dropped == 1);
    EXPECT(counts.waiting == 0);
    EXPECT(counts.waiting_bytes == 0);
    EXPECT(released == 1);
    EXPECT(seen.records == 1);
    EXPECT(seen.dropped == 1);
    EXPECT(seen.hits == 1);
}

struct notices {
    int count;
    char last[ERR_TEXT_BYTES_MAX];
};

static void tell(void *context, const char *text)
{
    struct notices *const told = context;
    told->count++;
    snprintf(told->last, sizeof told->last, "%s", text);
}

static void a_folder_that_is_none_fails_and_is_told_once(void)
{
    struct home home;
    char path[HOME_BYTES_MAX + 16];
    struct bodies_keeper *keeper = NULL;
    _Atomic int released = 0;
    struct notices told = {0};
    home_make(&home);
    snprintf(path, sizeof path, "%s/bodies", home.path);
    FILE *const file = fopen(path, "w");
    CHECK(file != NULL);
    fclose(file);
    const struct bodies_settings settings = {
        .home = home_str(&home), .tell = tell, .context = &told};
    bodies_keeper_create(&settings, &keeper);
    const struct bodies_call call = call_of("one", STR("{}"), &released);
    bodies_offer(keeper, &call);
    bodies_offer(keeper, &call);
    bodies_drain(keeper);
    const struct bodies_counts counts = bodies_counts(keeper);
    bodies_keeper_destroy(&keeper);
    home_remove(&home);
    EXPECT(counts.failed == 2);
    EXPECT(told.count == 1);
    EXPECT(strstr(told.last, "calls go on") != NULL);
    EXPECT(strstr(told.last, path) != NULL);
    EXPECT(released == 2);
}

static void a_limit_that_is_reached_is_told_with_what_mends_it_and_so_is_its_end(void)
{
    struct home home;
    struct bodies_keeper *keeper = NULL;
    _Atomic int released = 0;
    static struct notices told;
    static struct notices full;
    home_make(&home);
    told = (struct notices){0};
    const struct bodies_settings settings = {
        .home = home_str(&home), .tell = tell, .context = &told};
    bodies_keeper_create(&settings, &keeper);
    const struct bodies_call call = call_of("one", STR("{}"), &released);
    bodies_set_limit(keeper, 1);
    bodies_offer(keeper, &call);
    bodies_offer(keeper, &call);
    bodies_drain(keeper);
    full = told;
    bodies_set_limit(keeper, 1 << 20);
    bodies_offer(keeper, &call);
    bodies_drain(keeper);
    const struct bodies_counts counts = bodies_counts(keeper);
    bodies_keeper_destroy(&keeper);
    home_remove(&home);
    EXPECT(full.count == 1);
    EXPECT(strstr(full.last, "bodies_mib is reached; raise it") != NULL);
    EXPECT(told.count == 2);
    EXPECT(strcmp(told.last, "bodies are kept again") == 0);
    EXPECT(counts.failed == 2);
}

static void what_exceeds_the_limit_is_not_kept(void)
{
    struct home home;
    struct bodies_keeper *keeper = NULL;
    _Atomic int released = 0;
    home_make(&home);
    const struct bodies_settings settings = {.home = home_str(&home)};
    bodies_keeper_create(&settings, &keeper);
    bodies_set_limit(keeper, 100);
    const struct bodies_call call = call_of("one", STR("{}"), &released);
    bodies_offer(keeper, &call);
    bodies_drain(keeper);
    const struct bodies_counts counts = bodies_counts(keeper);
    bodies_keeper_destroy(&keeper);
    home_remove(&home);
    EXPECT(counts.failed == 1);
}

struct offering {
    struct bodies_keeper *keeper;
    _Atomic int *released;
    int number;
};

static void *offer_many(void *context)
{
    const struct offering *const own = context;
    for (int i = 0; i < CALLS; i++) {
        char identity[32];
        char request[64];
        snprintf(identity, sizeof identity, "%d-%d", own->number, i);
        const int size =
            snprintf(request, sizeof request, "{\"thread\":%d,\"call\":%d}", own->number, i);
        const struct bodies_call call =
            call_of(identity, (struct str){request, (size_t)size}, own->released);
        bodies_offer(own->keeper, &call);
    }
    return NULL;
}

static void many_threads_offer_while_another_erases(void)
{
    struct home home;
    struct bodies_keeper *keeper = NULL;
    struct err err;
    struct body_log_erased erased;
    _Atomic int released = 0;
    pthread_t threads[THREADS];
    struct offering offerings[THREADS];
    const uint64_t other = hash64(STR("other"));
    const struct body_log_choice none = {.workflow_hash = &other};
    home_make(&home);
    const struct bodies_settings settings = {.home = home_str(&home)};
    bodies_keeper_create(&settings, &keeper);
    for (int i = 0; i < THREADS; i++) {
        offerings[i] = (struct offering){keeper, &released, i};
        CHECK(pthread_create(&threads[i], NULL, offer_many, &offerings[i]) == 0);
    }
    const enum errc code = bodies_erase(keeper, &none, &erased, &err);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    bodies_keeper_destroy(&keeper); /* without waiting: it writes what waits */
    const struct seen seen = look(&home, "\"thread\":3,\"call\":49", clock_now_ns());
    const struct seen later = look(&home, "", clock_now_ns() + 2 * CLOCK_NS_PER_DAY + 1);
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(erased.records == 0);
    EXPECT(seen.records == THREADS * CALLS);
    EXPECT(seen.hits == 1);
    EXPECT(released == THREADS * CALLS);
    EXPECT(later.records == 0);
}

static void erasing_takes_a_case_and_leaves_the_others(void)
{
    struct home home;
    struct bodies_keeper *keeper = NULL;
    struct err err;
    struct body_log_erased erased;
    struct stat status;
    char path[HOME_BYTES_MAX + 16];
    _Atomic int released = 0;
    const uint64_t case_hash = hash64(STR("C-2"));
    const struct hash128 key = hash128_of(STR("id"), STR("third"));
    const struct body_log_choice choice = {.keys = &key, .key_count = 1, .case_hash = &case_hash};
    home_make(&home);
    const struct bodies_settings settings = {.home = home_str(&home)};
    bodies_keeper_create(&settings, &keeper);
    struct bodies_call call = call_of("first", STR("{\"n\":1}"), &released);
    bodies_offer(keeper, &call);
    call = call_of("second", STR("{\"n\":2}"), &released);
    call.case_id = STR("C-2");
    bodies_offer(keeper, &call);
    call = call_of("third", STR("{\"n\":3}"), &released);
    bodies_offer(keeper, &call);
    const enum errc code = bodies_erase(keeper, &choice, &erased, &err);
    call = call_of("fourth", STR("{\"n\":4}"), &released);
    bodies_offer(keeper, &call);
    bodies_keeper_destroy(&keeper);
    snprintf(path, sizeof path, "%s/bodies", home.path);
    CHECK(stat(path, &status) == 0);
    const struct seen all = look(&home, "\"n\":1", clock_now_ns());
    const struct seen gone = look(&home, "\"n\":3", clock_now_ns());
    const struct seen last = look(&home, "\"n\":4", clock_now_ns());
    home_remove(&home);
    EXPECT(code == ERR_OK);
    EXPECT(erased.records == 2);
    EXPECT(erased.files == 1);
    EXPECT(all.records == 2);
    EXPECT(all.hits == 1);
    EXPECT(gone.hits == 0);
    EXPECT(last.hits == 1);
    EXPECT((status.st_mode & 0777) == 0700);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(too_much_at_once_is_dropped_and_says_so),
        TEST(a_folder_that_is_none_fails_and_is_told_once),
        TEST(a_limit_that_is_reached_is_told_with_what_mends_it_and_so_is_its_end),
        TEST(what_exceeds_the_limit_is_not_kept),
        TEST(many_threads_offer_while_another_erases),
        TEST(erasing_takes_a_case_and_leaves_the_others),
    };
    return test_main(tests, COUNT_OF(tests));
}
