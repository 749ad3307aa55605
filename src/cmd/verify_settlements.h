/*
 * cmd/verify_settlements: the calls that the log of holds says are settled, beside the ledger.
 *
 *     holds.NNNNNNNN.log, inbox --> staged_settlements, for QUERY_verify_settlements
 */
#ifndef CMD_VERIFY_SETTLEMENTS_H
#define CMD_VERIFY_SETTLEMENTS_H

#include "app/app.h"

/*
 * Stage them: as far back as the log reaches, whether a server is writing it or not. Those whose
 * row is on its way to the ledger are marked.
 *
 * Errors: those of hold_log_look(); ERR_SYNTAX  a record is none; ERR_LIMIT, ERR_STORE.
 */
MUST_CHECK enum errc verify_stage_settlements(struct app *app, struct store *store,
                                              struct arena *arena, struct err *err);

#endif
