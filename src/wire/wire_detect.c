/* Formats by the member names in a file's first bytes. A name inside a string is not mistaken for
 * one: there its quotes are escaped. */
#include "base/check.h"
#include "wire/otlp_priv.h"

/* "name" as a whole quoted string. */
static bool has(struct str head, const char *name)
{
    char quoted[48];
    const size_t size = strlen(name);
    CHECK(size + 2 <= sizeof quoted);
    quoted[0] = '"';
    memcpy(quoted + 1, name, size);
    quoted[size + 1] = '"';
    return memmem(head.data, head.size, quoted, size + 2) != NULL;
}

static bool has_any(struct str head, const char *const *names)
{
    CHECK(names != NULL);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (has(head, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_codex(struct str head)
{
    static const char *const types[] = {"session_meta", "response_item", "event_msg",
                                        "turn_context", "compacted",     NULL};
    return has(head, "payload") && has_any(head, types);
}

/* Before the envelope: {"id":…,"timestamp":…,"instructions":…} and bare items. */
static bool is_old_codex(struct str path, struct str line)
{
    return wire_starts_with(wire_last_component(path), "rollout-") && has(line, "id") &&
           has(line, "timestamp") && has(line, "instructions");
}

static bool is_gemini(struct str head)
{
    return has(head, "sessionId") && has(head, "projectHash");
}

static bool is_tau2(struct str head)
{
    static const char *const run[] = {"agent_info", "user_info", "num_trials", NULL};
    return (has(head, "git_commit") && has_any(head, run)) ||
           (has(head, "task_id") && has(head, "termination_reason"));
}

static bool is_claude(struct str line)
{
    static const char *const types[] = {
        "file-history-snapshot", "queue-operation", "summary", "pr-link", "custom-title", NULL};
    return has(line, "type") &&
           ((has(line, "sessionId") && !has(line, "projectHash")) || has_any(line, types));
}

/* The collector's file exporter writes one request a line; other files hold one. */
static bool is_otlp(struct str head)
{
    static const char *const envelopes[] = {"resourceSpans",
                                            "resourceLogs",
                                            "resourceMetrics",
                                            "resource_spans",
                                            "resource_logs",
                                            "resource_metrics",
                                            NULL};
    return has_any(head, envelopes);
}

enum wire_format wire_detect(struct str path, struct str head)
{
    head.size = head.size < WIRE_DETECT_BYTES_MAX ? head.size : WIRE_DETECT_BYTES_MAX;
    if (wire_starts_with(head, "\xef\xbb\xbf")) {
        head.data += 3;
        head.size -= 3;
    }
    enum otlp_signal signal;
    struct str rest_of_sized = head;
    struct str sized = {0};
    if (head.size > 0 &&
        head.data[0] < 8) { /* behind its size, of which there is a part at least */
        (void)otlp_cut_sized(&rest_of_sized, &sized);
        if (otlp_protobuf_sniff(sized, &signal)) {
            return WIRE_OTLP;
        }
    }
    if (otlp_protobuf_sniff(head, &signal)) {
        return WIRE_OTLP;
    }
    head = str_trim(head);
    if (head.size == 0 || head.data[0] != '{') {
        return WIRE_UNKNOWN;
    }
    struct str rest = head;
    const struct str line = str_cut(&rest, '\n');
    if (is_codex(line) || is_old_codex(path, line)) {
        return WIRE_CODEX;
    }
    if (is_gemini(head) && !has(line, "parentUuid")) {
        return WIRE_GEMINI_CLI;
    }
    if (is_otlp(line)) {
        return WIRE_OTLP;
    }
    if (is_tau2(head)) {
        return WIRE_TAU2;
    }
    if (is_otlp(head) && !is_claude(line)) {
        return WIRE_OTLP;
    }
    return is_claude(line) ? WIRE_CLAUDE_CODE : WIRE_UNKNOWN;
}
