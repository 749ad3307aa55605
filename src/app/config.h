/*
 * app/config: bursar.yaml -> struct settings. docs/configuration.md is its manual.
 *
 * Every error names file, line and key, what was found and what is allowed.
 */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "app/app.h"
#include "base/yaml.h"
#include "model/settings.h"

/*
 * Read the configuration this run goes by: app->settings where there are some, else
 * app->config_path, or the defaults where there is no such file and --config did not name it.
 *
 * out  owned by app->arena, or by whoever set app->settings.
 *
 * Errors: ERR_NOT_FOUND  --config names a file that is not there; ERR_IO.
 *         ERR_CONFIG     "file:line: key: what is wrong; what is allowed".
 *         ERR_LIMIT      too large, or the arena is full.
 */
MUST_CHECK enum errc config_open(struct app *app, const struct settings **out, struct err *err);

/*
 * The same from text. `file` names it in errors.
 *
 * out  [1] written only on ERR_OK; its texts and rows are owned by the arena.
 */
MUST_CHECK enum errc config_parse(struct str file, struct str text, struct arena *arena,
                                  struct settings *out, struct err *err);

#endif
