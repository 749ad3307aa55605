/* inbox_lend: the ledger of the moving thread, lent between two loads. */
#include "base/check.h"
#include "ingest/inbox_priv.h"

enum errc inbox_reopen(struct inbox *inbox, struct err *err)
{
    CHECK(inbox != NULL);
    resident_doubt(inbox->resident);
    const enum errc code = inbox->settings.reopen != NULL
                               ? inbox->settings.reopen(inbox->settings.context, err)
                               : ERR_OK;
    pthread_mutex_lock(&inbox->lock);
    inbox->broken = code != ERR_OK;
    pthread_mutex_unlock(&inbox->lock);
    return code;
}

static void give_back(struct inbox *inbox)
{
    resident_doubt(inbox->resident); /* whoever had the store may have written */
    pthread_mutex_lock(&inbox->lock);
    CHECK(inbox->is_borrowed);
    inbox->is_borrowed = false;
    inbox->owes_a_move = true;
    inbox->borrowing--;
    pthread_cond_broadcast(&inbox->moved);
    if (inbox->broken) {
        pthread_cond_signal(&inbox->committed); /* the moving thread goes on trying */
    }
    pthread_mutex_unlock(&inbox->lock);
}

enum errc inbox_borrow_store(struct inbox *inbox, struct store **out, struct err *err)
{
    CHECK(inbox != NULL);
    CHECK(out != NULL);
    pthread_mutex_lock(&inbox->lock);
    inbox->borrowing++;
    while (inbox->is_moving || inbox->is_borrowed ||
           (inbox->owes_a_move && inbox->counts.waiting > 0)) {
        pthread_cond_wait(&inbox->moved, &inbox->lock);
    }
    inbox->is_borrowed = true;
    const bool broken = inbox->broken;
    pthread_mutex_unlock(&inbox->lock);
    const enum errc code = broken ? inbox_reopen(inbox, err) : ERR_OK;
    if (code != ERR_OK) {
        give_back(inbox);
        return code;
    }
    *out = inbox->settings.store;
    return ERR_OK;
}

void inbox_return_store(struct inbox *inbox)
{
    CHECK(inbox != NULL);
    if (store_is_broken(inbox->settings.store)) {
        struct err err;
        if (inbox_reopen(inbox, &err) != ERR_OK) {
            inbox_tell(inbox, err.text);
        }
    }
    give_back(inbox);
}
