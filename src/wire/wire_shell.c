/*
 * A shell command line is cut into simple commands at its unquoted separators; quoted text, command
 * substitutions and here-documents are stepped over, so that "git commit" in a message is not a
 * commit. What cannot be told is EFFECT_UNKNOWN, never EFFECT_READ.
 */
#include "base/check.h"
#include "wire/wire_priv.h"

enum {
    WORDS_MAX = 48, /* of one simple command */
    NESTING_MAX = 24,
    HEREDOCS_MAX = 4,
};

struct scan {
    const char *at;
    const char *end;
    struct str heredocs[HEREDOCS_MAX]; /* delimiters whose bodies follow the next newline */
    size_t heredoc_count;
    struct str words[WORDS_MAX];
    size_t word_count;
    bool overflows;
    bool writes_file; /* a redirection into something but /dev/null */
    bool substitutes; /* runs commands inside words */
    bool reads_only;  /* so far */
    bool writes;
    struct shell found;
};

static char peek(const struct scan *scan, size_t ahead)
{
    return (size_t)(scan->end - scan->at) > ahead ? scan->at[ahead] : '\0';
}

static void advance(struct scan *scan, size_t count)
{
    const size_t left = (size_t)(scan->end - scan->at);
    scan->at += count < left ? count : left;
}

static void skip_single_quoted(struct scan *scan)
{
    advance(scan, 1);
    const char *quote = memchr(scan->at, '\'', (size_t)(scan->end - scan->at));
    scan->at = quote != NULL ? quote + 1 : scan->end;
}

/* At "<<": remember the delimiter of a here-document. "<<<" is a string: nothing to remember. */
static void note_heredoc(struct scan *scan)
{
    advance(scan, 2);
    if (peek(scan, 0) == '<') {
        advance(scan, 1);
        return;
    }
    if (peek(scan, 0) == '-') {
        advance(scan, 1);
    }
    while (peek(scan, 0) == ' ') {
        advance(scan, 1);
    }
    const char quote = peek(scan, 0);
    if (quote == '\'' || quote == '"' || quote == '\\') {
        advance(scan, 1);
    }
    const char *start = scan->at;
    while (scan->at < scan->end && strchr(" \t\n'\";|&)<>", *scan->at) == NULL) {
        scan->at++;
    }
    const struct str word = {start, (size_t)(scan->at - start)};
    if (peek(scan, 0) == quote) {
        advance(scan, quote == '\'' || quote == '"');
    }
    if (word.size > 0 && scan->heredoc_count < HEREDOCS_MAX) {
        scan->heredocs[scan->heredoc_count++] = word;
    }
}

/* At a newline: step over it and over the bodies of the here-documents that wait for it. */
static void pass_newline(struct scan *scan)
{
    advance(scan, 1);
    for (size_t i = 0; i < scan->heredoc_count; i++) {
        bool ended = false;
        while (!ended && scan->at < scan->end) {
            const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
            const char *line_end = newline != NULL ? newline : scan->end;
            const struct str line = {scan->at, (size_t)(line_end - scan->at)};
            ended = str_equal(str_trim(line), scan->heredocs[i]);
            scan->at = newline != NULL ? newline + 1 : scan->end;
        }
    }
    scan->heredoc_count = 0;
}

/* Behind an opening `"`, `(` or back quote: step over everything up to its end. */
static void skip_nested(struct scan *scan, char closing)
{
    CHECK(closing != '\0');
    char stack[NESTING_MAX];
    size_t depth = 0;
    stack[depth++] = closing;
    while (depth > 0 && scan->at < scan->end) {
        const char top = stack[depth - 1];
        const char c = *scan->at;
        char opened = '\0';
        if (c == '\\') {
            advance(scan, 2);
            continue;
        }
        if (c == top) {
            depth--;
        } else if (c == '$' && peek(scan, 1) == '(') {
            advance(scan, 1);
            opened = ')';
        } else if (c == '`') {
            opened = '`';
        } else if (top == ')' && c == '"') {
            opened = '"';
        } else if (top == ')' && c == '(') {
            opened = ')';
        } else if (top == ')' && c == '\'') {
            skip_single_quoted(scan);
            continue;
        } else if (top == ')' && c == '<' && peek(scan, 1) == '<') {
            note_heredoc(scan);
            continue;
        } else if (top == ')' && c == '\n') {
            pass_newline(scan);
            continue;
        }
        advance(scan, 1);
        if (opened != '\0') {
            scan->substitutes = scan->substitutes || opened != '"';
            if (depth == NESTING_MAX) {
                scan->at = scan->end; /* nobody writes that by hand */
                return;
            }
            stack[depth++] = opened;
        }
    }
}

static struct str read_word(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && strchr(" \t\r\n;|&<>()", *scan->at) == NULL) {
        const char c = *scan->at;
        if (c == '\'') {
            skip_single_quoted(scan);
        } else if (c == '"' || c == '`') {
            scan->substitutes = scan->substitutes || c == '`';
            advance(scan, 1);
            skip_nested(scan, c);
        } else if (c == '$' && peek(scan, 1) == '(') {
            scan->substitutes = true;
            advance(scan, 2);
            skip_nested(scan, ')');
        } else {
            advance(scan, c == '\\' ? 2 : 1);
        }
    }
    return (struct str){start, (size_t)(scan->at - start)};
}

static bool is_any(struct str word, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (str_equal(word, str_from(list[i]))) {
            return true;
        }
    }
    return false;
}

static bool has_word(const struct scan *scan, size_t from, const char *word)
{
    for (size_t i = from; i < scan->word_count; i++) {
        if (str_equal(scan->words[i], str_from(word))) {
            return true;
        }
    }
    return false;
}

/* Words before the program: assignments, and programs that run another. */
static size_t program_at(const struct scan *scan)
{
    CHECK(scan->word_count <= WORDS_MAX);
    static const char *const runners[] = {"sudo", "env",  "time",  "nohup",   "command",
                                          "do",   "then", "else",  "if",      "while",
                                          "!",    "{",    "until", "builtin", NULL};
    size_t at = 0;
    while (at < scan->word_count) {
        const struct str word = scan->words[at];
        const bool assigns = word.size > 0 && word.data[0] != '-' && word.data[0] != '"' &&
                             word.data[0] != '\'' && memchr(word.data, '=', word.size) != NULL;
        if (str_equal(word, STR("timeout"))) {
            at += 2;
        } else if (assigns || is_any(word, runners)) {
            at++;
        } else {
            break;
        }
    }
    return at;
}

static enum step_effect git_effect(struct scan *scan, size_t at)
{
    static const char *const with_value[] = {"-C", "-c", "--git-dir", "--work-tree", NULL};
    static const char *const reads[] = {"status",   "log",      "diff",     "show",      "blame",
                                        "grep",     "ls-files", "ls-tree",  "describe",  "shortlog",
                                        "cat-file", "reflog",   "rev-list", "rev-parse", NULL};
    static const char *const writes[] = {
        "add",    "push",    "pull",  "merge", "rebase", "checkout", "switch",
        "reset",  "restore", "rm",    "mv",    "stash",  "tag",      "cherry-pick",
        "revert", "clean",   "apply", "am",    "clone",  "init",     NULL};
    while (at < scan->word_count && scan->words[at].size > 0 && scan->words[at].data[0] == '-') {
        at += is_any(scan->words[at], with_value) ? 2 : 1;
    }
    if (at >= scan->word_count) {
        return EFFECT_UNKNOWN;
    }
    if (str_equal(scan->words[at], STR("commit"))) {
        const bool dry = has_word(scan, at, "--dry-run");
        scan->found.commits = scan->found.commits || !dry;
        return dry ? EFFECT_READ : EFFECT_WRITE;
    }
    if (is_any(scan->words[at], reads)) {
        return EFFECT_READ;
    }
    return is_any(scan->words[at], writes) ? EFFECT_WRITE : EFFECT_UNKNOWN;
}

/* gh pr create, glab mr create */
static enum step_effect forge_effect(struct scan *scan, size_t at, const char *noun)
{
    static const char *const reads[] = {"view", "list", "status", "diff", "checks", NULL};
    if (at + 1 >= scan->word_count) {
        return EFFECT_UNKNOWN;
    }
    if (str_equal(scan->words[at], str_from(noun)) &&
        str_equal(scan->words[at + 1], STR("create"))) {
        scan->found.opens_pull = scan->found.opens_pull || !has_word(scan, at, "--dry-run");
        return EFFECT_WRITE;
    }
    return is_any(scan->words[at + 1], reads) ? EFFECT_READ : EFFECT_UNKNOWN;
}

static enum step_effect command_effect(struct scan *scan)
{
    static const char *const reads[] = {
        "ls",   "cat",  "head",     "tail",     "grep",   "egrep", "rg",    "wc",       "pwd",
        "echo", "tree", "stat",     "file",     "which",  "type",  "du",    "df",       "ps",
        "date", "jq",   "cut",      "uniq",     "tr",     "diff",  "cmp",   "basename", "dirname",
        "true", "test", "[",        "[[",       "printf", "cd",    "nl",    "realpath", "readlink",
        "fd",   "id",   "hostname", "printenv", "whoami", "uname", "sleep", "column",   NULL};
    static const char *const writes[] = {"rm",    "mv",    "cp",       "mkdir",   "rmdir",
                                         "touch", "ln",    "tee",      "chmod",   "chown",
                                         "dd",    "patch", "truncate", "install", NULL};
    const size_t at = program_at(scan);
    if (at >= scan->word_count) {
        return EFFECT_READ; /* assignments, or nothing */
    }
    const struct str program = wire_last_component(scan->words[at]);
    if (str_equal(program, STR("git"))) {
        return git_effect(scan, at + 1);
    }
    if (str_equal(program, STR("gh")) || str_equal(program, STR("glab"))) {
        return forge_effect(scan, at + 1, program.size == 2 ? "pr" : "mr");
    }
    if (scan->overflows) {
        return EFFECT_UNKNOWN;
    }
    if (str_equal(program, STR("find"))) {
        static const char *const acts[] = {"-delete", "-exec", "-execdir", "-ok",      "-okdir",
                                           "-fprint", "-fls",  "-fprintf", "-fprint0", NULL};
        for (size_t i = at; i < scan->word_count; i++) {
            if (is_any(scan->words[i], acts)) {
                return EFFECT_UNKNOWN;
            }
        }
        return EFFECT_READ;
    }
    if (str_equal(program, STR("sed"))) {
        for (size_t i = at + 1; i < scan->word_count; i++) {
            if (wire_starts_with(scan->words[i], "-i") ||
                wire_starts_with(scan->words[i], "--in-place")) {
                return EFFECT_WRITE;
            }
        }
        return EFFECT_READ;
    }
    if (str_equal(program, STR("sort"))) {
        return has_word(scan, at, "-o") ? EFFECT_WRITE : EFFECT_READ;
    }
    if (is_any(program, reads)) {
        return EFFECT_READ;
    }
    return is_any(program, writes) ? EFFECT_WRITE : EFFECT_UNKNOWN;
}

static void end_command(struct scan *scan)
{
    if (scan->word_count > 0) {
        const enum step_effect effect = command_effect(scan);
        scan->writes = scan->writes || effect == EFFECT_WRITE;
        scan->reads_only = scan->reads_only && effect == EFFECT_READ;
    }
    scan->word_count = 0;
    scan->overflows = false;
}

/* At '>' or '<'. */
static void pass_redirection(struct scan *scan)
{
    if (peek(scan, 0) == '<') {
        if (peek(scan, 1) == '<') {
            note_heredoc(scan);
            return;
        }
        advance(scan, 1);
        return; /* the file it names counts as one more word, which changes nothing */
    }
    while (peek(scan, 0) == '>' || peek(scan, 0) == '|') {
        advance(scan, 1);
    }
    const bool duplicates = peek(scan, 0) == '&';
    advance(scan, duplicates);
    while (peek(scan, 0) == ' ') {
        advance(scan, 1);
    }
    const struct str target = read_word(scan);
    const bool harmless =
        str_equal(target, STR("/dev/null")) ||
        (duplicates && target.size == 1 && target.data[0] >= '0' && target.data[0] <= '9');
    scan->writes_file = scan->writes_file || !harmless;
}

struct shell wire_shell(struct str command)
{
    const char *start = command.size > 0 ? command.data : "";
    struct scan scan = {.at = start, .end = start + command.size, .reads_only = true};
    while (scan.at < scan.end) {
        const char c = *scan.at;
        if (c == ' ' || c == '\t' || c == '\r') {
            advance(&scan, 1);
        } else if (c == '\n') {
            end_command(&scan);
            pass_newline(&scan);
        } else if (c == '>' || c == '<') {
            pass_redirection(&scan);
        } else if (c == '&' && peek(&scan, 1) == '>') {
            advance(&scan, 1);
            pass_redirection(&scan);
        } else if (strchr(";|&()", c) != NULL) {
            end_command(&scan);
            advance(&scan, 1);
        } else if (c == '#') {
            const char *newline = memchr(scan.at, '\n', (size_t)(scan.end - scan.at));
            scan.at = newline != NULL ? newline : scan.end;
        } else {
            const struct str word = read_word(&scan);
            CHECK(word.size > 0);
            if (scan.word_count < WORDS_MAX) {
                scan.words[scan.word_count++] = word;
            }
            scan.overflows = scan.overflows || scan.word_count == WORDS_MAX;
        }
    }
    end_command(&scan);
    if (scan.writes || scan.writes_file) {
        scan.found.effect = EFFECT_WRITE;
    } else if (scan.reads_only && !scan.substitutes && command.size > 0) {
        scan.found.effect = EFFECT_READ;
    }
    return scan.found;
}
