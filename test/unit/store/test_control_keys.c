/* control_keys: a key is there after closing, another connection's change is seen, a name is one
 * key's at a time, and a store of the version before gains the table. */
#include "store/control_keys.h"

#include <sqlite3.h>
#include <stdio.h>

#include "support/home.h"
#include "support/test.h"

#define ARENA_BYTES ((size_t)1 << 20)

struct bench {
    struct home home;
    struct arena arena;
    struct control *control;
    struct control_keys keys;
    struct err err;
};

static const struct control_audit audit = {
    .at_ns = 50, .actor = STR_STATIC("ana"), .action = STR_STATIC("key create")};

static enum errc setup(struct bench *bench)
{
    *bench = (struct bench){0};
    home_make(&bench->home);
    arena_init(&bench->arena, ARENA_BYTES);
    return control_open(home_str(&bench->home), &bench->control, &bench->err);
}

static void teardown(struct bench *bench)
{
    control_close(&bench->control);
    arena_deinit(&bench->arena);
    home_remove(&bench->home);
}

static enum errc add(struct bench *bench, const char *id, const char *name)
{
    const struct control_key key = {.id = str_from(id),
                                    .name = str_from(name),
                                    .role = ROLE_APPROVER,
                                    .hash = {1, 2, 3, 0, 255},
                                    .created_ns = 7,
                                    .created_by = STR("ana"),
                                    .expires_ns = id[0] == 'b' ? 99 : CONTROL_KEY_NEVER,
                                    .workflow = STR("x'); DROP TABLE keys; --")};
    return control_add_key(bench->control, &key, &audit, &bench->err);
}

static enum errc list(struct bench *bench)
{
    return control_list_keys(bench->control, &bench->arena, &bench->keys, &bench->err);
}

static void a_name_in_use_and_an_unknown_id_are_refused_and_leave_no_trail(void)
{
    struct bench bench;
    enum errc code = setup(&bench);
    code = code == ERR_OK ? add(&bench, "a1", "agents") : code;
    const enum errc twice = code == ERR_OK ? add(&bench, "a2", "agents") : ERR_CONFLICT;
    const bool named = code != ERR_OK || strstr(bench.err.text, "agents") != NULL;
    const enum errc unknown = code == ERR_OK
                                  ? control_revoke_key(bench.control, STR("zz"), &audit, &bench.err)
                                  : ERR_NOT_FOUND;
    struct control_audits audits = {0};
    code =
        code == ERR_OK ? control_audits(bench.control, 9, &bench.arena, &audits, &bench.err) : code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(twice == ERR_CONFLICT);
    EXPECT(named);
    EXPECT(unknown == ERR_NOT_FOUND);
    EXPECT(audits.count == 1);
}

static void keys_come_back_after_closing_by_id_and_whole(void)
{
    struct bench bench;
    enum errc code = setup(&bench);
    code = code == ERR_OK ? add(&bench, "b", "second") : code;
    code = code == ERR_OK ? add(&bench, "a", "first") : code;
    control_close(&bench.control);
    code = code == ERR_OK ? control_open(home_str(&bench.home), &bench.control, &bench.err) : code;
    code = code == ERR_OK ? list(&bench) : code;
    bool right = code == ERR_OK && bench.keys.count == 2;
    if (right) {
        const struct control_key *const a = &bench.keys.rows[0];
        const struct control_key *const b = &bench.keys.rows[1];
        right = str_equal(a->id, STR("a")) && str_equal(b->id, STR("b")) &&
                str_equal(a->name, STR("first")) && a->role == ROLE_APPROVER && a->hash[4] == 255 &&
                a->hash[31] == 0 && a->created_ns == 7 && a->expires_ns == CONTROL_KEY_NEVER &&
                b->expires_ns == 99 && a->revoked_ns == CONTROL_KEY_NEVER &&
                a->last_used_ns == INT64_MIN &&
                str_equal(a->workflow, STR("x'); DROP TABLE keys; --")) && a->team.size == 0 &&
                str_equal(a->created_by, STR("ana"));
    }
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

static void a_revoked_key_stays_revoked_and_gives_its_name_free(void)
{
    struct bench bench;
    struct control_audit later = audit;
    later.at_ns = 80;
    enum errc code = setup(&bench);
    code = code == ERR_OK ? add(&bench, "a", "agents") : code;
    code = code == ERR_OK ? control_revoke_key(bench.control, STR("a"), &audit, &bench.err) : code;
    code = code == ERR_OK ? control_revoke_key(bench.control, STR("a"), &later, &bench.err) : code;
    code = code == ERR_OK ? add(&bench, "c", "agents") : code;
    code = code == ERR_OK ? list(&bench) : code;
    const bool right = code == ERR_OK && bench.keys.count == 2 &&
                       bench.keys.rows[0].revoked_ns == 50 &&
                       bench.keys.rows[1].revoked_ns == CONTROL_KEY_NEVER;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(right);
}

static void the_newest_use_stays(void)
{
    struct bench bench;
    enum errc code = setup(&bench);
    code = code == ERR_OK ? add(&bench, "a", "agents") : code;
    code = code == ERR_OK ? control_touch_key(bench.control, STR("a"), 10, &bench.err) : code;
    code = code == ERR_OK ? control_touch_key(bench.control, STR("a"), 30, &bench.err) : code;
    code = code == ERR_OK ? control_touch_key(bench.control, STR("a"), 20, &bench.err) : code;
    code = code == ERR_OK ? list(&bench) : code;
    const int64_t used_ns = code == ERR_OK ? bench.keys.rows[0].last_used_ns : 30;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(used_ns == 30);
}

static void only_what_another_connection_changed_moves_the_count(void)
{
    struct bench bench;
    struct control *other = NULL;
    int64_t counts[4] = {0};
    enum errc code = setup(&bench);
    code = code == ERR_OK ? control_open(home_str(&bench.home), &other, &bench.err) : code;
    code = code == ERR_OK ? control_change_count(other, &counts[0], &bench.err) : code;
    code = code == ERR_OK ? control_change_count(other, &counts[1], &bench.err) : code;
    code = code == ERR_OK ? add(&bench, "a", "agents") : code;
    code = code == ERR_OK ? control_change_count(other, &counts[2], &bench.err) : code;
    code = code == ERR_OK ? control_touch_key(other, STR("a"), 5, &bench.err) : code;
    code = code == ERR_OK ? control_change_count(other, &counts[3], &bench.err) : code;
    control_close(&other);
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(counts[0] == counts[1]);
    EXPECT(counts[2] != counts[1]);
    EXPECT(counts[3] == counts[2]);
}

static void a_store_of_the_first_version_keeps_its_trail_and_gains_keys(void)
{
    struct bench bench;
    char path[HOME_BYTES_MAX + 32];
    sqlite3 *database = NULL;
    struct control_audits audits = {0};
    enum errc code = setup(&bench);
    code = code == ERR_OK ? control_add_audit(bench.control, &audit, &bench.err) : code;
    control_close(&bench.control);
    snprintf(path, sizeof path, "%s/control.sqlite", bench.home.path);
    CHECK(sqlite3_open(path, &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, "DROP TABLE keys; PRAGMA user_version = 1", NULL, NULL, NULL) ==
          SQLITE_OK);
    sqlite3_close(database);
    code = code == ERR_OK ? control_open(home_str(&bench.home), &bench.control, &bench.err) : code;
    code = code == ERR_OK ? add(&bench, "a", "agents") : code;
    code =
        code == ERR_OK ? control_audits(bench.control, 9, &bench.arena, &audits, &bench.err) : code;
    teardown(&bench);
    EXPECT(code == ERR_OK);
    EXPECT(audits.count == 2);
}

static void roles_have_names_and_other_words_are_none(void)
{
    for (enum key_role role = 0; role < ROLE_COUNT; role++) {
        EXPECT(key_role_find(str_from(key_role_name(role))) == role);
    }
    EXPECT(key_role_find(STR("")) == ROLE_COUNT);
    EXPECT(key_role_find(STR("Admin")) == ROLE_COUNT);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(a_name_in_use_and_an_unknown_id_are_refused_and_leave_no_trail),
        TEST(keys_come_back_after_closing_by_id_and_whole),
        TEST(a_revoked_key_stays_revoked_and_gives_its_name_free),
        TEST(the_newest_use_stays),
        TEST(only_what_another_connection_changed_moves_the_count),
        TEST(a_store_of_the_first_version_keeps_its_trail_and_gains_keys),
        TEST(roles_have_names_and_other_words_are_none),
    };
    return test_main(tests, COUNT_OF(tests));
}
