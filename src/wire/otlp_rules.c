/* What came with a request, and the operator's rules -> facts of whose work it is. */
#include "base/check.h"
#include "wire/context.h"
#include "wire/otlp_priv.h"

void otlp_use(struct otlp *otlp, const struct correlation *correlation)
{
    CHECK(otlp != NULL);
    CHECK(correlation == NULL || correlation->slots != NULL);
    otlp->correlation = correlation;
}

/* Headers that say it outright, as the attributes they stand for. */
static const struct {
    struct str header;
    struct str attribute;
} own_headers[] = {
    {STR_STATIC("header.x-bursar-workflow"), STR_STATIC("bursar.workflow")},
    {STR_STATIC("header.x-bursar-case"), STR_STATIC("bursar.case.id")},
    {STR_STATIC("header.x-bursar-attempt"), STR_STATIC("bursar.attempt")},
    {STR_STATIC("header.x-bursar-input-key"), STR_STATIC("bursar.input_key")},
};

static const struct {
    struct str key;
    struct str attribute;
} own_keys[] = {
    {STR_STATIC("key.workflow"), STR_STATIC("bursar.workflow")},
    {STR_STATIC("key.team"), STR_STATIC("bursar.case.attr.team")},
    {STR_STATIC("key.user"), STR_STATIC("bursar.case.attr.user")},
};

static void add_text(struct otlp_attributes *attributes, struct str name, struct str value)
{
    if (value.size > 0) {
        otlp_attribute_add(attributes, name, (struct otlp_value){.type = OTLP_TEXT, .text = value});
    }
}

/* The value a rule's name has with the request. */
static void note_value(struct otlp *otlp, struct str prefix, struct str name, struct str value)
{
    char whole[WIRE_ID_BYTES_MAX];
    if (otlp->correlation == NULL || prefix.size + name.size > sizeof whole) {
        return;
    }
    memcpy(whole, prefix.data, prefix.size);
    memcpy(whole + prefix.size, name.data, name.size);
    const size_t at =
        correlation_find(otlp->correlation, (struct str){whole, prefix.size + name.size});
    if (at != SIZE_MAX && otlp->request_values != NULL) {
        otlp->request_values[at] = otlp_intern(otlp, value);
    }
}

/* A `baggage` header; what it says of other things than Bursar's is left to the rules. */
static void take_baggage(struct otlp *otlp, struct str baggage, struct otlp_attributes *told)
{
    size_t members = 0;
    struct baggage_member member;
    baggage.size = baggage.size < BAGGAGE_BYTES_MAX ? baggage.size : BAGGAGE_BYTES_MAX;
    while (baggage_next(&baggage, &members, &member)) {
        char value[WIRE_ID_BYTES_MAX];
        const size_t size = baggage_decode(member.encoded, value, sizeof value);
        if (size == SIZE_MAX) {
            continue;
        }
        const struct str kept = otlp_intern(otlp, (struct str){value, size});
        if (str_starts_with(member.name, STR("bursar."))) {
            add_text(told, otlp_intern(otlp, member.name), kept);
        }
        note_value(otlp, STR("baggage."), member.name, kept);
    }
}

static const struct otlp_facts *facts_of(struct otlp *otlp, const struct otlp_attributes *from)
{
    otlp_roles(otlp, from, OTLP_DIALECT_ANY);
    return otlp_facts_of(otlp, from, NULL);
}

void otlp_context(struct otlp *otlp, struct str context)
{
    CHECK(otlp->rows != NULL);
    otlp->told = NULL;
    otlp->bound = NULL;
    otlp->request_values = NULL;
    if (otlp->is_check || otlp->rows->full) {
        return;
    }
    if (otlp->correlation != NULL) {
        otlp->request_values =
            arena_new(otlp->rows->arena, struct str, otlp->correlation->name_count + 1);
        otlp->rows->full = otlp->rows->full || otlp->request_values == NULL;
    }
    struct str name;
    struct str value;
    struct str rest = context;
    struct otlp_attributes *const told = &otlp->attributes; /* free: no record is open */
    told->count = 0;
    while (context_next(&rest, &name, &value)) { /* first, so that Bursar's own headers go before */
        if (str_equal(name, STR("header.baggage"))) {
            take_baggage(otlp, value, told);
        }
        note_value(otlp, STR(""), name, value);
    }
    rest = context;
    while (context_next(&rest, &name, &value)) {
        for (size_t i = 0; i < COUNT_OF(own_headers); i++) {
            if (str_equal(name, own_headers[i].header)) {
                add_text(told, own_headers[i].attribute, value);
            }
        }
    }
    otlp->told = facts_of(otlp, told);
    told->count = 0;
    rest = context;
    while (context_next(&rest, &name, &value)) {
        for (size_t i = 0; i < COUNT_OF(own_keys); i++) {
            if (str_equal(name, own_keys[i].key)) {
                add_text(told, own_keys[i].attribute, value);
            }
        }
    }
    otlp->bound = facts_of(otlp, told);
    told->count = 0;
}

/* A value a rule looks at: as text, of which a rule sees the beginning. */
static struct str text_of(struct otlp *otlp, const struct otlp_value *value)
{
    if (value->type == OTLP_TEXT || value->type == OTLP_LIST) {
        const size_t size =
            value->text.size < WIRE_ID_BYTES_MAX ? value->text.size : WIRE_ID_BYTES_MAX;
        return (struct str){value->text.data, size};
    }
    return otlp_intern_value(otlp, value);
}

static void note_values(struct otlp *otlp, struct str *values)
{
    for (size_t i = 0; i < otlp->attributes.count; i++) {
        const struct otlp_attribute *const attribute = &otlp->attributes.rows[i];
        const size_t at = correlation_find(otlp->correlation, attribute->key);
        if (at == SIZE_MAX) {
            continue;
        }
        const struct str text = text_of(otlp, &attribute->value);
        values[at] = text.size > 0 ? text : values[at];
    }
}

const struct str *otlp_source_values(struct otlp *otlp)
{
    const struct correlation *const rules = otlp->correlation;
    if (rules == NULL || otlp->rows->full) {
        return NULL;
    }
    struct str *const values = arena_new(otlp->rows->arena, struct str, rules->name_count + 1);
    if (values == NULL) {
        otlp->rows->full = true;
        return NULL;
    }
    if (otlp->request_values != NULL) {
        memcpy(values, otlp->request_values, rules->name_count * sizeof *values);
    }
    note_values(otlp, values);
    for (size_t i = 0; i < rules->name_count; i++) {
        values[i] = otlp_intern(otlp, values[i]);
    }
    return values;
}

static void note_name(struct otlp *otlp, struct str *values, struct str name, struct str value)
{
    const size_t at = correlation_find(otlp->correlation, name);
    if (at != SIZE_MAX && value.size > 0) {
        values[at] = value;
    }
}

void otlp_correlate(struct otlp *otlp, enum otlp_signal signal)
{
    static const struct str names[OTLP_SIGNAL_COUNT] = {[OTLP_TRACES] = STR_STATIC("span.name"),
                                                        [OTLP_LOGS] = STR_STATIC("event.name"),
                                                        [OTLP_METRICS] = STR_STATIC("metric.name")};
    const struct correlation *const rules = otlp->correlation;
    const struct otlp_source *const source = otlp->batch.source;
    CHECK(source != NULL);
    otlp->is_correlated = rules != NULL && source->values != NULL;
    if (!otlp->is_correlated) {
        return;
    }
    struct str values[CORRELATION_NAMES_MAX];
    memcpy(values, source->values, rules->name_count * sizeof *values);
    note_name(otlp, values, STR("scope.name"), otlp->scope);
    note_name(otlp, values, names[signal], otlp->record.name);
    note_values(otlp, values);
    correlation_apply(rules, &otlp->correlator, values, &otlp->correlated);
}

bool otlp_rule_outcome(const struct otlp *otlp, struct str *out)
{
    CHECK(out != NULL);
    if (!otlp->is_correlated || otlp->correlated.fields[CORRELATION_OUTCOME].size == 0) {
        return false;
    }
    *out = otlp->correlated.fields[CORRELATION_OUTCOME];
    return true;
}
