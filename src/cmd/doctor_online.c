/* doctor --online: whether each upstream answers, with the proxy and authorities the server would
 * use. Asked without any key: whatever it answers, it was reached. */
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "cmd/doctor.h"
#include "net/client.h"
#include "serve/gateway.h"

enum { WAIT_MS_MAX = 10000, SAID_BYTES_MAX = 512 };

/* One question; `done` is set on the loop's thread and waited for on ours. */
struct probe {
    struct net_client *client;
    struct net_loop *loop;
    struct net_post post;
    struct net_call_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    int status; /* 0: no answer, `said` tells why */
    char said[SAID_BYTES_MAX];
};

static void finish(struct probe *probe)
{
    pthread_mutex_lock(&probe->lock);
    probe->done = true;
    pthread_cond_signal(&probe->changed);
    pthread_mutex_unlock(&probe->lock);
}

static void on_head(void *context, const struct http_response_head *head)
{
    struct probe *const probe = context;
    probe->status = head->status;
}

static void on_body(void *context, struct str piece)
{
    (void)context;
    (void)piece;
}

static void on_end(void *context, const struct http_field *trailers, size_t trailer_count)
{
    (void)trailers;
    (void)trailer_count;
    finish(context);
}

static void on_error(void *context, const struct net_failure *failure)
{
    struct probe *const probe = context;
    snprintf(probe->said, sizeof probe->said, "%s", failure->text);
    finish(probe);
}

static const struct net_call_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_error = on_error};

static void start(void *context)
{
    struct probe *const probe = context;
    (void)net_call_start(probe->client, probe->loop, &probe->request, &events, probe);
}

static void ask(struct doctor *doctor, struct probe *probe,
                const struct settings_upstream *upstream)
{
    char check[128];
    char path[2048];
    struct str base;
    struct err err;
    snprintf(check, sizeof check, "online %.*s",
             (int)(upstream->name.size < 64 ? upstream->name.size : 64), upstream->name.data);
    if (net_target_parse(upstream->base_url, &probe->request.target, &base, &err) != ERR_OK) {
        return; /* said before */
    }
    const int size = snprintf(path, sizeof path, STR_FORMAT "/models", STR_ARG(base));
    probe->request.method = STR("GET");
    probe->request.path = (struct str){path, (size_t)size < sizeof path ? (size_t)size : 1};
    probe->request.deadlines =
        (struct net_deadlines){WAIT_MS_MAX, WAIT_MS_MAX, WAIT_MS_MAX, WAIT_MS_MAX};
    probe->done = false;
    probe->status = 0;
    probe->post = (struct net_post){.run = start, .context = probe};
    net_loop_post(probe->loop, &probe->post);
    pthread_mutex_lock(&probe->lock);
    while (!probe->done) { /* the call's own deadlines end this */
        pthread_cond_wait(&probe->changed, &probe->lock);
    }
    pthread_mutex_unlock(&probe->lock);
    if (probe->status == 0) {
        doctor_say(doctor, DOCTOR_PROBLEM, check, "see base_url, proxy and network", "%s",
                   probe->said);
    } else if (probe->status >= 500) {
        doctor_say(doctor, DOCTOR_NOTE, check, "ask again later", "answers %d", probe->status);
    } else {
        doctor_say(doctor, DOCTOR_OK, check, NULL, "answers (%d without a key)", probe->status);
    }
}

void doctor_check_online(struct doctor *doctor, const struct settings *settings)
{
    CHECK(doctor != NULL);
    CHECK(settings != NULL);
    const struct net_client_settings client = serve_gateway_client();
    struct probe probe = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct err err;
    struct net_loops *loops = net_loops_create(1);
    probe.loop = net_loops_at(loops, 0);
    if (net_client_create(loops, &client, &probe.client, &err) != ERR_OK) {
        doctor_say(doctor, DOCTOR_PROBLEM, "online", "mend it in the environment", "%s", err.text);
    } else {
        net_loops_start(loops);
        for (size_t i = 0; i < settings->upstreams.count; i++) {
            ask(doctor, &probe, &settings->upstreams.rows[i]);
        }
        net_loops_stop(loops);
        net_client_destroy(&probe.client);
    }
    net_loops_destroy(&loops);
}
