/* otlp_protobuf*.c, for themselves: messages and values. */
#ifndef WIRE_OTLP_PROTOBUF_PRIV_H
#define WIRE_OTLP_PROTOBUF_PRIV_H

#include "wire/otlp_priv.h"
#include "wire/protobuf.h"

typedef enum errc (*otlp_message_f)(struct otlp *otlp, struct protobuf reader, void *context,
                                    struct err *err);

/* Call `message` with each field of that number, which has to be a message. */
MUST_CHECK enum errc otlp_protobuf_each(struct otlp *otlp, struct protobuf reader, uint32_t number,
                                        otlp_message_f message, void *context, struct err *err);

/* A KeyValue without what is inside its lists. */
struct otlp_pair {
    struct str key;
    struct otlp_value value;
    struct protobuf_field list; /* the ArrayValue (5) or KeyValueList (6), else number 0 */
};
MUST_CHECK enum errc otlp_protobuf_pair(struct protobuf reader, struct otlp_pair *out,
                                        struct err *err);
/* An AnyValue likewise. */
MUST_CHECK enum errc otlp_protobuf_value(struct protobuf reader, struct otlp_value *out,
                                         struct protobuf_field *out_list, struct err *err);
/* A KeyValue into otlp->attributes; the members of a map with dotted keys. An otlp_message_f. */
MUST_CHECK enum errc otlp_protobuf_attribute(struct otlp *otlp, struct protobuf reader,
                                             void *context, struct err *err);

#endif
