/* table_value: the text of one field of a mapped table, in its unit or words -> a value. Pure. */
#ifndef WIRE_TABLE_VALUE_H
#define WIRE_TABLE_VALUE_H

#include "base/err.h"
#include "wire/table_map.h"

struct table_cell {
    bool present;
    int64_t number; /* count, p$, ns, millionths, 0|1, or the enum's value */
    uint64_t hash;
    struct str text;
};

/* The field's name in the map and its type and section; static storage. */
const char *table_field_key(enum table_name name);
enum table_section table_field_section(enum table_name name);
enum table_type table_field_type(enum table_name name);

/* Units of a type in the order of table_field.unit, ending with NULL; NULL where it has none. */
const char *const *table_units(enum table_type type);
int table_unit_default(enum table_name name);

/*
 * Read the text of a field. Missing text (data NULL or empty) goes through `words` and `default`
 * first; what is still missing then gives a cell that is not present.
 *
 * Errors: ERR_SYNTAX, ERR_RANGE with what was found and what is allowed.
 */
MUST_CHECK enum errc table_value(const struct table_field *field, struct str text,
                                 struct table_cell *out, struct err *err);

/* Whether `sql` is one expression or query and nothing behind it: no `;`, no comment, brackets and
 * quotes closed. Errors: ERR_SYNTAX. */
MUST_CHECK enum errc table_sql_check(struct str sql, struct err *err);

#endif
