#include "store/queries.h"

const char *const store_query_texts[STORE_QUERY_COUNT] = {
#include "store/queries.inc"
};

const char *const store_query_names[STORE_QUERY_COUNT] = {
#define QUERY(name) [QUERY_##name] = #name,
#include "store/queries.def"
#undef QUERY
};
