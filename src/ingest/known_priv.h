/* ingest/known_priv: which readings of a step stay, as known.c judges and known_settle.c does. */
#ifndef INGEST_KNOWN_PRIV_H
#define INGEST_KNOWN_PRIV_H

#include "ingest/ingest_priv.h"

struct known_verdict {
    struct names names;
    struct store_result known;
    bool *is_known; /* [steps of the group] the group's texts of it may not be all there are */
    bool *keep;     /* [steps of the group] still to be added */
    struct ledger_probes *gone; /* steps of the ledger that give way */
    size_t gone_count;
    struct ledger_step_aliases *moves; /* of them: those whose step goes on under another key */
    size_t move_count;
};

/* These keys into the table of probes; none: it is as it was. Errors: ERR_STORE. */
MUST_CHECK enum errc known_stage_probes(struct ingest *ingest, const struct ledger_probes *probes,
                                        size_t count, struct err *err);

/* Steps of the ledger give way. Errors: ERR_STORE. */
MUST_CHECK enum errc known_supersede(struct ingest *ingest, const struct known_verdict *verdict,
                                     struct err *err);
/* What stays in the group, under the keys of the families: its index is not used again.
 * Errors: ERR_LIMIT. */
MUST_CHECK enum errc known_leave_kept(struct ingest *ingest, const struct known_verdict *verdict,
                                      struct err *err);
/* Two steps of the ledger turned out to be one: what belongs to the one that went.
 * Errors: ERR_STORE. */
MUST_CHECK enum errc known_move_belongings(struct ingest *ingest,
                                           const struct known_verdict *verdict, struct err *err);
/* Names the ledger does not have yet. Errors: ERR_STORE, ERR_LIMIT. */
MUST_CHECK enum errc known_add_names(struct ingest *ingest, const struct names *names,
                                     struct err *err);

#endif
