/* ingest/ingest_priv: the open group, shared by the files of ingest/. */
#ifndef INGEST_INGEST_PRIV_H
#define INGEST_INGEST_PRIV_H

#include "base/arena.h"
#include "ingest/ingest.h"
#include "ledger/ledger.h"

/* A group is written when it holds as many, and committed with the groups before it once together
 * they fill a row group of DuckDB: those are stored as they are, without going through its log. */
enum { GROUP_STEPS_MAX = 32768, TRANSACTION_STEPS_MAX = 122880 };

#define GROUP_ARENA_BYTES_MAX ((size_t)3 << 30)
#define RUN_ARENA_BYTES_MAX   ((size_t)64 << 20)

/* A growing set of 64-bit keys; false positives cost a look into the store, nothing else. */
struct key_set {
    uint64_t *slots; /* 0: free */
    size_t slot_count;
    size_t count;
    bool has_zero;
};

bool key_set_add(struct key_set *set, uint64_t key); /* true: it was not there */
bool key_set_has(const struct key_set *set, uint64_t key);
void key_set_deinit(struct key_set *set);

#define GROUP_ROWS(table)                                                                          \
    struct {                                                                                       \
        struct ledger_##table *rows;                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

struct group {
    struct arena arena; /* emptied with the group */
    struct arena kept;  /* steps and their index: the next group takes their place over */
    GROUP_ROWS(steps) steps;
    GROUP_ROWS(step_aliases) aliases;     /* as told: step_key is of the identity */
    GROUP_ROWS(probes) callers;           /* steps that called others of the group, not in it */
    GROUP_ROWS(fingerprints) texts;       /* of steps that were not seen before */
    GROUP_ROWS(fingerprints) texts_again; /* of others: some of them are known */
    GROUP_ROWS(decisions) decisions;
    GROUP_ROWS(cases) cases;
    GROUP_ROWS(case_attributes) attributes;
    GROUP_ROWS(attempts) attempts;
    GROUP_ROWS(outcomes) outcomes;
    GROUP_ROWS(kpis) kpis;
    GROUP_ROWS(trace_facts) facts;
    GROUP_ROWS(meters) meters;
    GROUP_ROWS(nameless) nameless; /* calls without a name that other channels know */
    GROUP_ROWS(placings) dropped; /* where loose steps were that are known: maybe nothing is left */
    GROUP_ROWS(rivals) rivals;    /* readings of steps that are not kept, and know something else */
    GROUP_ROWS(sources) sources;
    GROUP_ROWS(rejects) rejects;
    struct ledger_entries entries;
    bool changes_known;    /* rows of the ledger give way, or get another name */
    bool repeats_outcomes; /* one of them may have been seen in this run */
    /* Open addressing by step_key: place in steps + 1, below 32 bits of the key that tell nearly
     * every other one apart without a look at its row, which is seldom in the cache. */
    uint64_t *step_index;
    size_t step_index_size;
};

struct ingest {
    struct store *store;
    const struct price_book *book;
    struct arena memory;     /* of the whole run */
    struct price_memo *memo; /* names the book was asked for */
    struct str about;
    int64_t now_ns;
    int32_t next_import; /* 0: not read yet */
    bool ledger_was_new; /* nothing was ever imported into it */
    bool ledger_had_steps;
    bool ledger_had_aliases;
    bool ledger_has_facts; /* of traces */
    bool ledger_has_loose; /* steps that may have to move */
    bool ledger_had_nameless;
    bool ledger_has_meters;       /* readings of them */
    bool writing;                 /* a transaction is open */
    bool changed;                 /* the open transaction makes the ledger another one */
    bool is_stirring;             /* steps were moved to other cases, or sums corrected */
    struct resident_ledger adds;  /* what it may add, beyond what it had */
    int64_t transaction_steps;    /* added by the open transaction; meaningless without one */
    struct ingest_summary before; /* the open transaction */
    struct resident *resident;    /* what the ledger may hold; NULL: not known */
    struct key_set steps_seen;    /* low halves of the keys written in this run */
    struct key_set aliases_seen;  /* low halves of the names of steps, in this run */
    struct key_set cases_seen;    /* in this run */
    struct key_set attempts_seen; /* in this run */
    struct key_set outcomes_seen; /* low halves of the keys, in this run */
    struct key_set sources_seen;  /* in this run */
    struct key_set facts_seen;    /* of traces, in this run */
    int64_t group_rejected;
    int64_t group_files;
    struct group group;
    struct ingest_summary summary;
};

/* An entry to post: `amount_pusd` was spent, negative: is taken back. */
MUST_CHECK enum errc ingest_add_entry(struct ingest *ingest, int64_t started_ns,
                                      struct str workflow, struct str provider, int64_t amount_pusd,
                                      struct err *err);

/* known.c */

/* Leave in the group only the steps that the ledger does not know at least as well, one of each
 * whatever names it is told under; lesser ones in the ledger give way. */
MUST_CHECK enum errc ingest_drop_known(struct ingest *ingest, struct err *err);

/* start.c */

/* What the ledger has, unless this run knows. */
MUST_CHECK enum errc ingest_start(struct ingest *ingest, struct err *err);
/* What the group may add to the ledger that it had none of. */
void ingest_note_group(struct ingest *ingest);
/* It is committed: what the resident memory may say of the ledger from now on. */
void ingest_remember_ledger(struct ingest *ingest);

/* add.c: stage rows, then run the query that adds those the ledger does not have. Whatever the
 * ledger or the rows themselves have twice, whether of this group or not, is there once. */
MUST_CHECK enum errc ingest_add_new(struct ingest *ingest, enum ledger_table table,
                                    const void *rows, size_t count, enum store_query query,
                                    int64_t *out_added, struct err *err);
/* All rows of the group but its steps. out_changed: whether the ledger is another one now. */
MUST_CHECK enum errc ingest_add_others(struct ingest *ingest, bool *out_changed, struct err *err);

/*
 * places.c: steps whose trace says elsewhere whose work they are go there, those of the open import
 * and older ones. out_added: rows that count as brought by the import.
 */
MUST_CHECK enum errc ingest_place_steps(struct ingest *ingest, int64_t *out_added, struct err *err);

/* Post what moving steps cost to another workflow; costs: a query with the columns of
 * QUERY_places_costs. */
MUST_CHECK enum errc ingest_post_moves(struct ingest *ingest, enum store_query costs,
                                       struct err *err);
/* The number an attempt's name is; 0: none. */
int64_t ingest_attempt_number(struct str attempt);

/* rivals.c: steps go where other readings of them, noted in the group, better know whose work they
 * are. out_changed: the ledger is another one. out_added: rows that count as brought. */
MUST_CHECK enum errc ingest_hear_rivals(struct ingest *ingest, bool *out_changed,
                                        int64_t *out_added, struct err *err);

/* Leave out what is known of traces where a step that is to be written says the same. */
void ingest_drop_taught(struct ingest *ingest);

/* Say that the group's arena is full: ERR_LIMIT. */
MUST_CHECK enum errc ingest_full(const struct ingest *ingest, struct err *err);

/* convert_cost.c: fill in cost and provider. Errors: those of price_call(). */
MUST_CHECK enum errc ingest_set_cost(const struct ingest *ingest, const struct step *step,
                                     enum channel channel, struct ledger_steps *row,
                                     struct err *err);

/* alike.c */

/* Note a call that may be told without a name it shares. False: the arena is full. */
bool group_note_nameless(struct group *group, const struct step *step,
                         const struct ledger_steps *row);
/* Of the group's nameless calls, tell which are a call that the group or the ledger has from
 * another channel: as further names of it. */
MUST_CHECK enum errc ingest_match_nameless(struct ingest *ingest, struct err *err);

/* meters.c */

/* A model's name, however exactly it is told: without its date, the provider before it, and case;
 * 0: no name. */
uint64_t ingest_model_key(struct str model);
/* Count again what of the meters is spend, where the open import tells of them or of their calls.
 * out_added: rows that count as brought by the import. */
MUST_CHECK enum errc ingest_count_meters(struct ingest *ingest, int64_t *out_added,
                                         struct err *err);
/* places.c: of the attempts and cases named in rows, delete those that nothing is left of. */
MUST_CHECK enum errc ingest_delete_empty(struct ingest *ingest, const struct ledger_placings *rows,
                                         size_t count, struct err *err);

/* run.c */

/* What is written may be gone or changed: look again from here on, whatever this run has seen. */
void ingest_forget_seen(struct ingest *ingest);
/* What this run wrote is rolled back: it begins anew, with another look at what the ledger has. */
void ingest_forget_run(struct ingest *ingest);

/* remember.c */

/* Whether the ledger, the open transaction included, may hold a step or name of that key. */
bool ingest_may_have(const struct ingest *ingest, enum resident_kind kind, struct hash128 key);

/* Of rows of that table, `size` bytes each, put those first that are surely not in the ledger, and
 * say how many. */
size_t ingest_put_new_first(const struct ingest *ingest, enum ledger_table table, void *rows,
                            size_t size, size_t count);
/* Steps are written: those of the group or others. */
void ingest_remember_steps(struct ingest *ingest, const struct ledger_steps *rows, size_t count);
/* Cases or attempts are written; rows of other tables are nothing to remember. */
void ingest_remember_owners(struct ingest *ingest, enum ledger_table table, const void *rows,
                            size_t count);
/* The group is written. */
void ingest_remember_group(struct ingest *ingest);

/* names.c: keys that name one step, together. */

struct name {
    struct hash128 key;
    size_t parent; /* towards the leader of the family */
    bool is_alias; /* the ledger has it as a further name */
    /* Of a leader: readings of the step. */
    size_t rows;             /* in the group */
    size_t first;            /* of them; SIZE_MAX: none */
    size_t best;             /* the fullest; SIZE_MAX: none */
    size_t known;            /* in the ledger */
    size_t best_known;       /* row of the result that found them; SIZE_MAX: none */
    struct hash128 step_key; /* which they all have in the end */
};

struct names {
    struct name *rows;
    size_t count;
    size_t capacity;
    uint32_t *index; /* open addressing: place in rows + 1, by key */
    size_t index_size;
};

/* All names of the group's steps that have several, from the group and the ledger. */
MUST_CHECK enum errc ingest_find_names(struct ingest *ingest, struct names *out, struct err *err);
/* The leader of a key's family; NULL: the key is the step's only name. */
struct name *names_leader(const struct names *names, struct hash128 key);
/* The key under which a step is kept, by the low half of one of its names: its low half. */
uint64_t names_step_low(const struct names *names, uint64_t low);

/* texts.c */

struct step_place {
    struct hash128 key;
    bool is_new; /* to the open group */
};

/* The texts of a trace into the group. places[i]: of its step i. */
MUST_CHECK enum errc ingest_add_texts(struct ingest *ingest, const struct trace *trace,
                                      const struct step_place *places, struct err *err);
/* Set texts of steps that the ledger has seen apart: it may have them as well.
 * is_known: [steps of the group], whose index must still be that of these steps. */
MUST_CHECK enum errc ingest_sort_texts(struct ingest *ingest, const bool *is_known,
                                       struct err *err);
/* Write the group's texts, each once. */
MUST_CHECK enum errc ingest_write_texts(struct ingest *ingest, int64_t *out_added, struct err *err);

/* Add the open group's figures to the ledger, correct those it knows otherwise. */
MUST_CHECK enum errc ingest_write_kpis(struct ingest *ingest, int64_t *out_changed,
                                       struct err *err);

/* A directory with a map.yaml, or data for --map: flushes as it goes. */
MUST_CHECK enum errc ingest_table_files(struct ingest *ingest, struct str path,
                                        const struct ingest_options *options, struct err *err);

/* The row of a key within the open group, or SIZE_MAX. */
size_t group_find_step(const struct group *group, struct hash128 key);
/* Room for one more step under `key`; SIZE_MAX: the arena is full. */
size_t group_add_step(struct group *group, struct hash128 key);

/* Note where a loose step is that is left out: the one that is kept may be in another case, and
 * nothing be left there. False: the arena is full. */
bool group_note_dropped(struct group *group, const struct ledger_steps *step);

/* Note a reading that is not kept beside the one that is, if it may know something else of whose
 * work the step is. False: the arena is full. */
bool group_note_rival(struct group *group, struct hash128 key, const struct ledger_steps *kept,
                      const struct ledger_steps *rival);

/* What decides between two readings of one step. */
struct reading {
    uint8_t channel;
    uint8_t status;
    int64_t tokens;
    int64_t result_bytes;
    int64_t ended_ns; /* LEDGER_NULL: not known */
};
struct reading reading_of(const struct ledger_steps *step);
/* Whether `b` tells more than `a`: a better channel, then more tokens, then an end where none was.
 */
bool reading_is_fuller(const struct reading *a, const struct reading *b);

#endif
