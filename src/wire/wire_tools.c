#include "base/check.h"
#include "base/hash.h"
#include "wire/wire_priv.h"

enum { COMMITS_MAX = 16, SHA_SIZE_MIN = 7, SHA_SIZE_MAX = 64 };

enum step_effect wire_effect(struct str tool)
{
    static const struct {
        const char *name;
        enum step_effect effect;
    } known[] = {
        /* Claude Code */
        {"Read", EFFECT_READ},
        {"Grep", EFFECT_READ},
        {"Glob", EFFECT_READ},
        {"LS", EFFECT_READ},
        {"WebFetch", EFFECT_READ},
        {"WebSearch", EFFECT_READ},
        {"web_search", EFFECT_READ},
        {"web_fetch", EFFECT_READ},
        {"NotebookRead", EFFECT_READ},
        {"TodoRead", EFFECT_READ},
        {"BashOutput", EFFECT_READ},
        {"TaskOutput", EFFECT_READ},
        {"ToolSearch", EFFECT_READ},
        {"Edit", EFFECT_WRITE},
        {"Write", EFFECT_WRITE},
        {"MultiEdit", EFFECT_WRITE},
        {"NotebookEdit", EFFECT_WRITE},
        /* Codex CLI */
        {"web_search_call", EFFECT_READ},
        {"view_image", EFFECT_READ},
        {"apply_patch", EFFECT_WRITE},
        /* Gemini CLI */
        {"read_file", EFFECT_READ},
        {"read_many_files", EFFECT_READ},
        {"list_directory", EFFECT_READ},
        {"search_file_content", EFFECT_READ},
        {"grep_search", EFFECT_READ},
        {"glob", EFFECT_READ},
        {"google_web_search", EFFECT_READ},
        {"write_file", EFFECT_WRITE},
        {"replace", EFFECT_WRITE},
        {"save_memory", EFFECT_WRITE},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (str_equal(tool, str_from(known[i].name))) {
            return known[i].effect;
        }
    }
    return EFFECT_UNKNOWN;
}

void wire_arguments(struct step *step, struct str arguments)
{
    CHECK(step != NULL);
    const uint64_t hash = hash64_of(step->name, arguments);
    step->args_hash = hash != 0 ? hash : 1;
    step->args_bytes = (int64_t)arguments.size;
}

static uint64_t mix(uint64_t hash, uint64_t with)
{
    const uint64_t both[2] = {hash, with};
    return hash64((struct str){(const char *)both, sizeof both});
}

/* One node without what it holds: its share of the hash and of the size. */
static void add_node(struct json node, struct str key, uint64_t *hash, int64_t *bytes,
                     struct fingerprints *prints)
{
    CHECK(hash != NULL);
    const struct str text = json_str(node);
    const enum json_kind kind = json_kind(node);
    *hash = mix(*hash, (uint64_t)kind);
    if (key.data != NULL) {
        *hash = mix(*hash, hash64(key));
        *bytes += (int64_t)key.size + 3; /* quotes and colon */
    }
    if (kind == JSON_STRING) {
        *hash = mix(*hash, hash64(text));
        *bytes += (int64_t)text.size + 3; /* quotes and comma */
        if (prints != NULL) {
            fingerprints_add(prints, text);
        }
    } else if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        *bytes += 3;
    } else {
        char shown[64];
        const size_t size = json_minify(node, shown, sizeof shown);
        const size_t kept = size < sizeof shown ? size : sizeof shown;
        *hash = mix(*hash, hash64((struct str){shown, kept}));
        *bytes += (int64_t)kept + 1;
    }
}

/* Depth first, with the open containers on a stack: several times faster than to write them out. */
void wire_arguments_json(struct step *step, struct json arguments, struct fingerprints *prints)
{
    CHECK(step != NULL);
    struct json_cursor open[JSON_DEPTH_MAX];
    size_t depth = 0;
    uint64_t hash = hash64(step->name);
    int64_t bytes = -1; /* no comma behind the last */
    struct json node = arguments;
    struct str key = {0};
    bool more = json_kind(arguments) != JSON_ABSENT;
    while (more) {
        add_node(node, key, &hash, &bytes, prints);
        const enum json_kind kind = json_kind(node);
        if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
            CHECK(depth < JSON_DEPTH_MAX);
            open[depth] = json_iter(node);
            bytes -= open[depth].next < open[depth].end; /* no comma behind the last member */
            depth++;
        }
        more = false;
        while (depth > 0 && !more) {
            more = json_next(&open[depth - 1], &key, &node);
            if (!more) {
                depth--;
                hash = mix(hash, JSON_ABSENT);
            }
        }
    }
    step->args_hash = hash != 0 ? hash : 1;
    step->args_bytes = bytes > 0 ? bytes : 0;
}

void wire_command(struct wire_decoder *decoder, size_t step, struct str command)
{
    CHECK(step < decoder->trace.steps.count);
    const struct shell shell = wire_shell(command);
    struct step *row = wire_step(decoder, step);
    row->effect = shell.effect;
    decoder->extras.rows[step].commits = shell.commits;
    decoder->extras.rows[step].opens_pull = shell.opens_pull;
    if (shell.commits || shell.opens_pull) {
        row->note = shell.commits ? STR("git commit") : STR("pull request");
    }
}

/* Some tools say first whose output it is. */
static struct str strip_label(struct str line)
{
    static const struct str labels[] = {STR_STATIC("Output: "), STR_STATIC("Stdout: ")};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        if (str_starts_with(line, labels[i])) {
            line.data += labels[i].size;
            line.size -= labels[i].size;
        }
    }
    return line;
}

/* "[main 1a2b3c4] subject" or "[main (root-commit) 1a2b3c4] subject" -> "1a2b3c4". */
static struct str commit_of(struct str line)
{
    const char *close =
        line.size > 0 && line.data[0] == '[' ? memchr(line.data, ']', line.size) : NULL;
    const char *space = close != NULL ? memrchr(line.data, ' ', (size_t)(close - line.data)) : NULL;
    if (space == NULL) {
        return (struct str){0};
    }
    const struct str sha = {space + 1, (size_t)(close - space) - 1};
    bool hex = sha.size >= SHA_SIZE_MIN && sha.size <= SHA_SIZE_MAX;
    for (size_t i = 0; i < sha.size && hex; i++) {
        const char c = sha.data[i];
        hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return hex ? sha : (struct str){0};
}

/* The same short hash may stand for commits of two repositories, hence the project. */
static struct str commit_id(struct wire_decoder *decoder, struct str case_id, struct str sha)
{
    const size_t row = wire_index_find(&decoder->sessions, case_id);
    const struct str project =
        row != SIZE_MAX ? decoder->contexts.rows[row].project : (struct str){0};
    return wire_format_copy(decoder, "git:" STR_FORMAT "%s" STR_FORMAT, STR_ARG(project),
                            project.size > 0 ? "/" : "", STR_ARG(sha));
}

static void find_commits(struct wire_decoder *decoder, size_t step, struct str output)
{
    CHECK(step < decoder->trace.steps.count);
    const struct step row = *wire_step(decoder, step);
    const size_t case_index = decoder->trace.attempts.rows[row.attempt_index].case_index;
    const struct str case_id = decoder->trace.cases.rows[case_index].id;
    const int64_t time_ns = row.ended_ns != TIME_UNKNOWN ? row.ended_ns : row.started_ns;
    struct str rest = output;
    int count = 0;
    while (rest.size > 0 && count < COMMITS_MAX && !decoder->full) {
        const struct str sha = commit_of(strip_label(str_trim(str_cut(&rest, '\n'))));
        if (sha.size > 0) {
            const struct str id = commit_id(decoder, case_id, sha);
            if (id.size > 0) {
                wire_candidate(decoder, id, row.attempt_index, "git commit", sha, time_ns);
                wire_step(decoder, step)->note =
                    wire_format_copy(decoder, "commit " STR_FORMAT, STR_ARG(sha));
            }
            count++;
        }
    }
    const bool nothing = wire_contains(output, "nothing to commit") ||
                         wire_contains(output, "nothing added to commit") ||
                         wire_contains(output, "no changes added to commit");
    if (count == 0 && !nothing) {
        wire_candidate(decoder, row.identity, row.attempt_index, "git commit", (struct str){0},
                       time_ns);
    }
}

/* The last https address in the output that is a pull or merge request. */
static struct str pull_of(struct str output)
{
    static const struct str scheme = STR_STATIC("https://");
    struct str found = {0};
    size_t at = str_find(output, scheme);
    while (at != SIZE_MAX) {
        size_t end = at;
        while (end < output.size && strchr(" \t\r\n\"'<>()", output.data[end]) == NULL) {
            end++;
        }
        const struct str address = {output.data + at, end - at};
        if (wire_contains(address, "/pull/") || wire_contains(address, "/merge_requests/")) {
            found = address;
        }
        const struct str rest = {output.data + end, output.size - end};
        const size_t next = str_find(rest, scheme);
        at = next == SIZE_MAX ? SIZE_MAX : end + next;
    }
    return found.size <= WIRE_ID_BYTES_MAX - 3 ? found : (struct str){0};
}

void wire_command_result(struct wire_decoder *decoder, size_t step, struct str output)
{
    CHECK(step < decoder->extras.count);
    const struct step_extra extra = decoder->extras.rows[step];
    if (extra.commits) {
        find_commits(decoder, step, output);
    }
    if (extra.opens_pull && !decoder->full) {
        const struct step row = *wire_step(decoder, step);
        const int64_t time_ns = row.ended_ns != TIME_UNKNOWN ? row.ended_ns : row.started_ns;
        const struct str pull = pull_of(output);
        char buffer[WIRE_ID_BYTES_MAX];
        const struct str id = pull.size > 0 ? wire_identity(buffer, "pr:", pull) : row.identity;
        wire_candidate(decoder, id, row.attempt_index, "pull request", pull, time_ns);
    }
    decoder->extras.rows[step].commits = false;
    decoder->extras.rows[step].opens_pull = false;
}
