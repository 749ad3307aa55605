/*
 * Whose workflow it is: a key that is bound to a team spends from the budgets of that team's
 * workflows, and of those that are open to it, whatever its holder names.
 *
 * The refusal is on record with the team that asked. The workflow's own cases are not touched, so
 * that nobody can make cases in the books of another team.
 */
#include <stdio.h>

#include "base/check.h"
#include "gateway/gateway_priv.h"

bool gateway_is_of_another_team(const struct exchange *exchange)
{
    const struct gateway_who *const who = &exchange->who;
    CHECK(exchange->table != NULL);
    if (!who->is_of_team || who->workflow.size == 0) {
        return false;
    }
    const struct settings_workflow *const workflow =
        settings_workflow(exchange->table->settings, provider_text_str(&who->workflow));
    if (workflow == NULL || (workflow->team.size == 0 && workflow->caller_count == 0)) {
        return false;
    }
    const struct str team = provider_text_str(&who->team);
    bool is_theirs = str_equal(workflow->team, team);
    for (size_t i = 0; i < workflow->caller_count; i++) {
        is_theirs = is_theirs || str_equal(workflow->callers[i], team);
    }
    return !is_theirs;
}

enum gateway_step gateway_refuse_team(struct exchange *exchange)
{
    struct gateway_who *const who = &exchange->who;
    char rule[HOLD_SCOPE_BYTES_MAX + 64];
    const int size =
        snprintf(rule, sizeof rule, "team of workflow:" STR_FORMAT ", key " STR_FORMAT,
                 STR_ARG(provider_text_str(&who->workflow)), STR_ARG(provider_text_str(&who->key)));
    CHECK(size > 0);
    gateway_say(
        exchange,
        "Workflow \"" STR_FORMAT "\" is not of team \"" STR_FORMAT
        "\", which this key is bound to. Name a workflow of that team; or let its owner add "
        "the team to the workflow's callers in bursar.yaml.",
        STR_ARG(provider_text_str(&who->workflow)), STR_ARG(provider_text_str(&who->team)));
    const struct gateway_decision decision = {
        .choice = "refused", .rule = rule, .reason = exchange->message, .wanted_pusd = -1};
    who->workflow.size = 0;
    who->is_session = true;
    who->case_id.size = strlen(exchange->id);
    memcpy(who->case_id.bytes, exchange->id, who->case_id.size);
    who->attempt = who->case_id;
    who->attempt_number = 0;
    gateway_record_refusal(exchange, &decision);
    atomic_fetch_add(&exchange->home->gateway->counts.refused, 1);
    return gateway_refuse(exchange, REFUSE_TEAM);
}
