/* The business figures there are: "bursar.kpis/1". */
#include <math.h>

#include "api/api_priv.h"
#include "base/check.h"

enum errc api_kpis(struct store *store, struct arena *arena, struct text *out, struct err *err)
{
    enum { WORKFLOW, NAME, SERIES, UNIT, COUNT, FIRST, LAST, NEWEST };
    CHECK(store != NULL);
    CHECK(out != NULL);
    struct store_result exists;
    struct store_result rows = {0};
    enum errc code = store_run(store, QUERY_kpis_exist, NULL, 0, arena, &exists, err);
    if (code == ERR_OK && store_int64(&exists, 0, 0, 0) > 0) {
        code = store_run(store, QUERY_kpis_list, NULL, 0, arena, &rows, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_open_object(out);
    json_name(out, "schema");
    json_put_text(out, "bursar.kpis/1");
    json_name(out, "kpis");
    json_open_array(out);
    for (size_t row = 0; row < rows.rows; row++) {
        json_open_object(out);
        put_str(out, "workflow", store_text(&rows, row, WORKFLOW));
        put_str(out, "name", store_text(&rows, row, NAME));
        put_str(out, "series", store_text(&rows, row, SERIES));
        put_str(out, "unit", store_text(&rows, row, UNIT));
        put_count(out, "values", store_int64(&rows, row, COUNT, 0));
        put_time(out, "first", store_int64(&rows, row, FIRST, INT64_MIN), INT64_MIN);
        put_time(out, "last", store_int64(&rows, row, LAST, INT64_MIN), INT64_MIN);
        put_number(out, "newest", store_real(&rows, row, NEWEST, NAN));
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
    return ERR_OK;
}
