/* commands: the table that run_find() and the help go by. */
#include "app/run.h"
#include "base/check.h"

#define X(name) extern const struct command cmd_##name;
#include "cmd/commands.def"
#undef X

const struct command *const run_table[] = {
#define X(name) &cmd_##name,
#include "cmd/commands.def"
#undef X
};
const size_t run_table_count = COUNT_OF(run_table);
