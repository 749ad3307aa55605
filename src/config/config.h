/*
 * config: bursar.yaml -> struct settings. docs/configuration.md is its manual.
 *
 * Every error names file, line and key, what was found and what is allowed.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "model/settings.h"

/*
 * file  names the text in errors.
 * out   [1] written only on ERR_OK; its texts and rows are owned by the arena.
 *
 * Errors: ERR_CONFIG  "file:line: key: what is wrong; what is allowed". ERR_LIMIT.
 */
MUST_CHECK enum errc config_parse(struct str file, struct str text, struct arena *arena,
                                  struct settings *out, struct err *err);

#endif
