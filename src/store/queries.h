/* store/queries: the texts of queries.sql, by name. */
#ifndef STORE_QUERIES_H
#define STORE_QUERIES_H

enum store_query {
#define QUERY(name) QUERY_##name,
#include "store/queries.def"
#undef QUERY
    STORE_QUERY_COUNT,
};

extern const char *const store_query_texts[STORE_QUERY_COUNT];
extern const char *const store_query_names[STORE_QUERY_COUNT];

#endif
