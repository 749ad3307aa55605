/* Limits that name a model otherwise than the price book does: one of its dated names, one with its
 * provider in front. They hold for the model, whatever a call names it. */
#include "base/check.h"
#include "base/memory.h"
#include "gateway/gateway_priv.h"

static bool is_known(const struct gateway_table *table, const struct gateway_name *name)
{
    for (size_t i = 0; i < table->name_count; i++) {
        const struct gateway_name *const other = &table->names[i];
        if (other->upstream == name->upstream && str_equal(other->limit, name->limit)) {
            return true;
        }
    }
    return false;
}

/* The name behind "model:" as that upstream's prices know it; false: they do not, or by the same.
 */
static bool resolve(const struct gateway_table *table, struct str scope,
                    const struct gateway_upstream *upstream, struct gateway_name *out)
{
    const char *why = NULL;
    struct str name = scope;
    if (!str_equal(str_cut(&name, ':'), STR("model"))) {
        return false;
    }
    const struct price_model *const model =
        price_find(table->book, upstream->provider, name, NULL, &why);
    if (model == NULL || str_equal(model->id, name)) {
        return false;
    }
    *out = (struct gateway_name){.limit = name, .model = model->id, .upstream = upstream};
    return true;
}

enum errc gateway_names_make(struct gateway_table *table, struct err *err)
{
    CHECK(table->names == NULL);
    const struct settings *const settings = table->settings;
    const size_t budgets = settings->budgets.count;
    table->names = memory_new_array(struct gateway_name, budgets * table->upstream_count + 1);
    for (size_t i = 0; i < budgets; i++) {
        for (size_t j = 0; j < table->upstream_count; j++) {
            struct gateway_name name;
            if (!resolve(table, settings->budgets.rows[i].scope, &table->upstreams[j], &name) ||
                is_known(table, &name)) {
                continue;
            }
            size_t same = 0;
            for (size_t k = 0; k < table->name_count; k++) {
                same += table->names[k].upstream == name.upstream &&
                                str_equal(table->names[k].model, name.model)
                            ? 1
                            : 0;
            }
            if (same == GATEWAY_NAMES_MAX) {
                return err_set(err, ERR_CONFIG,
                               "budgets: model " STR_FORMAT
                               " has limits under more than %d names; give them under one",
                               STR_ARG(name.model), (int)GATEWAY_NAMES_MAX);
            }
            table->names[table->name_count++] = name;
        }
    }
    return ERR_OK;
}
