#include "net/resolve_priv.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"

enum { NS_PER_MS = 1000000 };

struct resolve_wait {
    struct net_post post;
    struct net_loop *loop;
    void (*done)(void *context, const struct addresses *addresses); /* NULL: cancelled */
    void *context;
    struct addresses addresses;
    struct resolve_wait *next;
};

/* What is known of a name. */
struct name {
    char host[NET_HOST_BYTES_MAX + 1];
    int64_t asked_ns; /* when the answer came; 0: none yet */
    bool is_asked;    /* it is queued, or with a thread */
    struct addresses addresses;
    struct resolve_wait *waits;
    struct name *next;
    struct name *next_queued;
};

struct resolver {
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t queued;
    int users; /* its threads, and whoever created it */
    int threads;
    int idle_threads;
    bool stopped;
    struct name *names;
    size_t name_count;
    struct name *first;
    struct name *last;
};

static void put_addresses(struct addresses *out, const struct addrinfo *found)
{
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        if (out->count < RESOLVE_ADDRESSES_MAX && a->ai_addrlen <= sizeof out->all[0].to) {
            struct address *const address = &out->all[out->count++];
            memcpy(&address->to, a->ai_addr, a->ai_addrlen);
            address->size = a->ai_addrlen;
        }
    }
}

/* The other family goes second, so that a family which leads nowhere costs one attempt only.
 * Source: RFC 8305 4. */
static void interleave(struct addresses *all)
{
    for (size_t i = 1; i < all->count; i++) {
        const sa_family_t before = all->all[i - 1].to.ss_family;
        size_t other = i;
        while (other < all->count && all->all[other].to.ss_family == before) {
            other++;
        }
        if (other < all->count && other > i) {
            const struct address chosen = all->all[other];
            memmove(&all->all[i + 1], &all->all[i], (other - i) * sizeof chosen);
            all->all[i] = chosen;
        }
    }
}

static void look_up(const char *host, int flags, struct addresses *out)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    out->count = 0;
    const int failed = getaddrinfo(host, NULL, &hints, &found);
    if (failed == 0) {
        put_addresses(out, found);
        interleave(out);
        freeaddrinfo(found);
    }
    snprintf(out->why, sizeof out->why, "%s",
             failed != 0 ? gai_strerror(failed) : "it has no address");
}

static void free_unlocked(struct resolver *r)
{
    while (r->names != NULL) {
        struct name *const name = r->names;
        r->names = name->next;
        while (name->waits != NULL) {
            struct resolve_wait *const wait = name->waits;
            name->waits = wait->next;
            memory_free(wait);
        }
        memory_free(name);
    }
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->queued);
    memory_free(r);
}

static void leave(struct resolver *r)
{
    if (--r->users == 0) {
        free_unlocked(r);
    } else {
        pthread_mutex_unlock(&r->lock);
    }
}

static void tell(void *context)
{
    struct resolve_wait *const wait = context;
    if (wait->done != NULL) {
        wait->done(wait->context, &wait->addresses);
    }
    memory_free(wait);
}

static void answer(struct name *name, const struct addresses *found)
{
    /* A name that was known does not become unknown by a hiccup of the resolver. */
    if (found->count > 0 || name->addresses.count == 0 || name->waits != NULL) {
        name->addresses = *found;
    }
    name->asked_ns = clock_monotonic_ns();
    name->is_asked = false;
    while (name->waits != NULL) {
        struct resolve_wait *const wait = name->waits;
        name->waits = wait->next;
        wait->addresses = *found;
        wait->post = (struct net_post){.run = tell, .context = wait};
        net_loop_post(wait->loop, &wait->post);
    }
}

static void *work(void *context)
{
    struct resolver *const r = context;
    pthread_mutex_lock(&r->lock);
    while (!r->stopped) {
        struct name *const name = r->first;
        if (name == NULL) {
            r->idle_threads++;
            pthread_cond_wait(&r->queued, &r->lock);
            r->idle_threads--;
            continue;
        }
        r->first = name->next_queued;
        char host[sizeof name->host];
        memcpy(host, name->host, sizeof host);
        pthread_mutex_unlock(&r->lock);
        struct addresses found;
        look_up(host, AI_ADDRCONFIG, &found);
        pthread_mutex_lock(&r->lock);
        if (!r->stopped) {
            answer(name, &found);
        }
    }
    leave(r);
    return NULL;
}

struct resolver *resolver_create(void)
{
    struct resolver *const r = memory_new(struct resolver);
    CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
    CHECK(pthread_cond_init(&r->queued, NULL) == 0);
    r->users = 1;
    return r;
}

void resolver_destroy(struct resolver **resolver)
{
    CHECK(resolver != NULL);
    struct resolver *const r = *resolver;
    if (r != NULL) {
        pthread_mutex_lock(&r->lock);
        r->stopped = true;
        pthread_cond_broadcast(&r->queued);
        leave(r);
        *resolver = NULL;
    }
}

/* The entry of a name: its own, a new one, or one that was not asked for longest. NULL: there is no
 * room, all are being asked for. */
static struct name *find_name(struct resolver *r, struct str host)
{
    struct name *oldest = NULL;
    for (struct name *name = r->names; name != NULL; name = name->next) {
        if (str_equal_fold(str_from(name->host), host)) {
            return name;
        }
        if (!name->is_asked && (oldest == NULL || name->asked_ns < oldest->asked_ns)) {
            oldest = name;
        }
    }
    if (r->name_count < RESOLVE_NAMES_MAX) {
        oldest = memory_new(struct name);
        oldest->next = r->names;
        r->names = oldest;
        r->name_count++;
    }
    if (oldest != NULL) {
        memcpy(oldest->host, host.data, host.size);
        oldest->host[host.size] = '\0';
        oldest->asked_ns = 0;
        oldest->addresses.count = 0;
    }
    return oldest;
}

static void queue(struct resolver *r, struct name *name)
{
    name->is_asked = true;
    name->next_queued = NULL;
    if (r->first == NULL) {
        r->first = name;
    } else {
        r->last->next_queued = name;
    }
    r->last = name;
    if (r->idle_threads > 0 || r->threads == RESOLVE_THREADS_MAX) {
        pthread_cond_signal(&r->queued);
        return;
    }
    pthread_t thread;
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
    r->users++;
    r->threads++;
    CHECK(pthread_create(&thread, &attributes, work, r) == 0);
    pthread_attr_destroy(&attributes);
}

bool resolver_ask(struct resolver *resolver, struct net_loop *loop, struct str host, int64_t now_ns,
                  struct addresses *out, struct resolve_wait **out_wait,
                  void (*done)(void *context, const struct addresses *addresses), void *context)
{
    CHECK(resolver != NULL);
    CHECK(host.size > 0);
    CHECK(host.size <= NET_HOST_BYTES_MAX);
    char text[NET_HOST_BYTES_MAX + 1];
    memcpy(text, host.data, host.size);
    text[host.size] = '\0';
    *out_wait = NULL;
    look_up(text, AI_NUMERICHOST, out);
    if (out->count > 0) {
        return true;
    }
    pthread_mutex_lock(&resolver->lock);
    struct name *const name = find_name(resolver, host);
    const int64_t age_ms =
        name != NULL && name->asked_ns > 0 ? (now_ns - name->asked_ns) / NS_PER_MS : INT64_MAX;
    if (name == NULL) {
        out->count = 0;
        snprintf(out->why, sizeof out->why, "too many names are being looked up");
        pthread_mutex_unlock(&resolver->lock);
        return true;
    }
    const bool resolved = name->addresses.count > 0;
    const bool is_known = age_ms < (resolved ? RESOLVE_STALE_MS : RESOLVE_FAILED_MS);
    if (!name->is_asked && (!is_known || (resolved && age_ms >= RESOLVE_FRESH_MS))) {
        queue(resolver, name);
    }
    if (is_known) {
        *out = name->addresses;
    } else {
        struct resolve_wait *const wait = memory_new(struct resolve_wait);
        wait->loop = loop;
        wait->done = done;
        wait->context = context;
        wait->next = name->waits;
        name->waits = wait;
        *out_wait = wait;
    }
    pthread_mutex_unlock(&resolver->lock);
    return is_known;
}

void resolver_cancel(struct resolve_wait *wait)
{
    CHECK(wait != NULL);
    wait->done = NULL; /* only the loop's thread reads it, and frees the wait when its post runs */
}
