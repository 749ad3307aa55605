#include "app/import.h"

#include "base/check.h"
#include "base/json.h"

enum errc import_begin(struct app *app, struct str about, struct store **out_store,
                       struct ingest **out, struct err *err)
{
    CHECK(out != NULL);
    const struct price_book *book = NULL;
    enum errc code = app_price_book(app, &book, err);
    if (code == ERR_OK) {
        code = app_open_writer(app, out_store, err);
    }
    if (code == ERR_OK) {
        ingest_create(out, *out_store, book, about, app->now_ns);
    }
    return code;
}

void import_end(struct app *app, struct store **store, struct ingest **ingest)
{
    CHECK(ingest != NULL);
    ingest_destroy(ingest);
    app_close_writer(app, store);
}

void import_put_texts(struct text *out, const char *name, const struct ingest_reject *texts,
                      size_t count)
{
    json_name(out, name);
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        json_put_text(out, texts[i].text);
    }
    json_close_array(out);
}

void import_print_rest(struct text *out, const struct ingest_summary *summary)
{
    const int64_t shown = (int64_t)summary->rejects_shown;
    if (summary->rejected > shown) {
        text_format(out, "  … and %lld more; all are in the table rejects of the ledger\n",
                    (long long)(summary->rejected - shown));
    }
}
