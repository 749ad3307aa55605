/* table_map_priv: what the files that read a map share. */
#ifndef WIRE_TABLE_MAP_PRIV_H
#define WIRE_TABLE_MAP_PRIV_H

#include "wire/table_map.h"

struct table_parser {
    struct arena *arena;
    struct table_map *map;
    struct table *table; /* being read */
    struct err *err;
};

/* "the map is too large", ERR_LIMIT. */
enum errc table_map_full(const struct table_parser *parser, const struct yaml *node);

/* Read where a field comes from and in what unit; `unit` is the default one of its type. */
MUST_CHECK enum errc table_parse_field(struct table_parser *parser, const struct yaml *node,
                                       enum table_type type, int unit, struct table_field *field);

#endif
