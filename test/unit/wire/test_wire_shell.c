/* shell commands: what is read-only, what commits, what opens a pull request, and what only seems
 * to. Each command line against what a shell would run. */
#include "support/test.h"
#include "wire/wire_priv.h"

static enum step_effect effect(const char *command)
{
    return wire_shell(str_from(command)).effect;
}

static bool commits(const char *command)
{
    return wire_shell(str_from(command)).commits;
}

static bool opens_pull(const char *command)
{
    return wire_shell(str_from(command)).opens_pull;
}

static void text_about_a_commit_is_not_a_commit(void)
{
    EXPECT(!commits("echo 'git commit -m x'"));
    EXPECT(!commits("echo \"run; git commit\""));
    EXPECT(!commits("grep -r \"git commit\" ."));
    EXPECT(!commits("git log --grep commit"));
    EXPECT(!commits("# git commit\nls"));
    EXPECT(!commits("cat <<'EOF'\ngit commit -m x\nEOF\n"));
    EXPECT(!commits("cat <<-EOF > notes.md\n\tgit commit\n\tEOF\nls"));
    EXPECT(!commits("git commit --dry-run"));
    EXPECT(!commits("git commit-tree HEAD"));
    EXPECT(!commits("mygit commit"));
    EXPECT(!commits(""));
}

static void a_commit_is_found_wherever_it_stands(void)
{
    EXPECT(commits("git commit -m 'x'"));
    EXPECT(commits("git add -A && git commit -m x"));
    EXPECT(commits("cd app; git -C . -c user.name=me commit --amend --no-edit 2>&1"));
    EXPECT(commits("GIT_AUTHOR_DATE=now git commit -m x"));
    EXPECT(commits("(cd x && git commit -m y) || true"));
    EXPECT(commits("/usr/bin/git commit -qm y | tail -1"));
    EXPECT(commits("git add x && git commit -m \"$(cat <<'EOF'\n"
                   "feat: don't stop (see #1)\n\nbody with \"quotes\"\nEOF\n)\" && git push"));
}

static void pull_requests_are_found(void)
{
    EXPECT(
        opens_pull("git push && gh pr create --title x --body \"$(cat <<'EOF'\na ) b\nEOF\n)\""));
    EXPECT(opens_pull("glab mr create -f"));
    EXPECT(!opens_pull("gh pr view 12"));
    EXPECT(!opens_pull("gh pr create --dry-run"));
    EXPECT(!opens_pull("echo gh pr create"));
}

static void only_commands_known_to_read_are_read_only(void)
{
    EXPECT(effect("ls -la && git status") == EFFECT_READ);
    EXPECT(effect("cd app && rg -n x src | head -5 2>/dev/null") == EFFECT_READ);
    EXPECT(effect("find . -name '*.c' | xargs wc -l") == EFFECT_UNKNOWN);
    EXPECT(effect("find . -name '*.o' -delete") == EFFECT_UNKNOWN);
    EXPECT(effect("find . -name '*.o'") == EFFECT_READ);
    EXPECT(effect("sed -n 1,5p x") == EFFECT_READ);
    EXPECT(effect("sed -i s/a/b/ x") == EFFECT_WRITE);
    EXPECT(effect("cat x > y") == EFFECT_WRITE);
    EXPECT(effect("cat x 2>&1") == EFFECT_READ);
    EXPECT(effect("cat x &> y") == EFFECT_WRITE);
    EXPECT(effect("echo $(rm -rf x)") == EFFECT_UNKNOWN);
    EXPECT(effect("echo `rm x`") == EFFECT_UNKNOWN);
    EXPECT(effect("echo \"$(rm x)\"") == EFFECT_UNKNOWN);
    EXPECT(effect("rm x") == EFFECT_WRITE);
    EXPECT(effect("make test") == EFFECT_UNKNOWN);
    EXPECT(effect("ls; make") == EFFECT_UNKNOWN);
    EXPECT(effect("git push") == EFFECT_WRITE);
    EXPECT(effect("git branch") == EFFECT_UNKNOWN);
    EXPECT(effect("gh pr list") == EFFECT_READ);
    EXPECT(effect("") == EFFECT_UNKNOWN);
}

static void broken_command_lines_end(void)
{
    static const char *const broken[] = {"'",
                                         "\"",
                                         "`",
                                         "$(",
                                         "git commit \"",
                                         "<<",
                                         "<<EOF",
                                         "<<EOF\n",
                                         ">",
                                         "\\",
                                         "a\\",
                                         "((((((((",
                                         "))))",
                                         "&&&&",
                                         "|",
                                         "<<<",
                                         "\"$(\"$(\"$(\"$(",
                                         "&>",
                                         "git",
                                         "git -C",
                                         "gh pr",
                                         "timeout",
                                         "sudo env",
                                         "{",
                                         "\n\n<<'x"};
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        EXPECT(!opens_pull(broken[i]));
    }
    static char deep[4096];
    memset(deep, '(', sizeof deep - 1);
    EXPECT(!commits(deep));
    for (size_t i = 0; i + 2 < sizeof deep; i += 2) {
        memcpy(deep + i, "$(", 2);
    }
    EXPECT(!commits(deep));
    const struct shell zero = wire_shell((struct str){"ls\0git commit", 13});
    EXPECT(zero.commits); /* a NUL ends a command as a newline does */
}

int main(void)
{
    const struct test tests[] = {
        TEST(text_about_a_commit_is_not_a_commit),       TEST(broken_command_lines_end),
        TEST(a_commit_is_found_wherever_it_stands),      TEST(pull_requests_are_found),
        TEST(only_commands_known_to_read_are_read_only),
    };
    return test_main(tests, COUNT_OF(tests));
}
