/*
 * app/import: what the commands share that bring something into the ledger: import, kpi, outcome.
 *
 *     import_begin() -> ingest_…() -> print by ingest_summary() -> import_end()
 */
#ifndef APP_IMPORT_H
#define APP_IMPORT_H

#include "app/app.h"
#include "ingest/ingest.h"

/*
 * The ledger for writing, and an import into it by the price book of the configuration.
 *
 * about  command and arguments, for the imports table; borrowed until import_end().
 *
 * Errors: those of app_price_book() and app_open_writer().
 */
MUST_CHECK enum errc import_begin(struct app *app, struct str about, struct store **out_store,
                                  struct ingest **out, struct err *err);
/* What is not flushed is gone. */
void import_end(struct app *app, struct store **store, struct ingest **ingest);

/* A member of the JSON object that is open: a list of these texts. */
void import_put_texts(struct text *out, const char *name, const struct ingest_reject *texts,
                      size_t count);
/* The rejected rows that are not shown, if any, and where they are. */
void import_print_rest(struct text *out, const struct ingest_summary *summary);

#endif
