/* tls, proxy: a server whose certificate is wrong in any way is not spoken to, a proxy that refuses
 * is told from a server that does; then both ways through. */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificates.h"
#include "net/server.h"
#include "peer.h"

static struct certificates certificates;
static struct net_server *server;
static struct net_loops *loops;
static struct net_client *client;
static struct outcome o;
static struct peer peer;
static char proxy_url[128];

static void handle(void *context, const struct net_request *request, struct net_reply *reply)
{
    (void)context;
    net_reply_send(reply,
                   &(struct net_response){.status = 200,
                                          .content_type = STR("text/plain"),
                                          .body = request->body.size > 0 ? request->body
                                                                         : request->head->target});
}

static void open_server(const char *certificate)
{
    const struct net_settings settings = {.address = "127.0.0.1",
                                          .loops = 1,
                                          .limits = net_limits_default,
                                          .certificate = certificate,
                                          .private_key = certificates.key};
    struct err err;
    CHECK(net_server_create(&settings, handle, NULL, &server, &err) == ERR_OK);
    net_server_start(server);
}

static void open_client(const char *ca_file, const char *proxy, const char *no_proxy)
{
    struct net_client_settings settings = net_client_settings_default;
    struct err err;
    settings.ca_file = ca_file;
    settings.http_proxy = proxy;
    settings.https_proxy = proxy;
    settings.no_proxy = no_proxy;
    loops = net_loops_create(1);
    CHECK(net_client_create(loops, &settings, &client, &err) == ERR_OK);
    net_loops_start(loops);
    memset(&o, 0, sizeof o);
}

static void close_client(void)
{
    net_loops_stop(loops);
    net_client_destroy(&client);
    net_loops_destroy(&loops);
}

static struct net_call_request secure_get(int port, struct str tls_name)
{
    struct net_call_request request = peer_get(port);
    request.target.tls = true;
    request.target.tls_name = tls_name;
    return request;
}

static void run(struct net_call_request request)
{
    CHECK(outcome_run(&o, client, net_loops_at(loops, 0), request));
}

static void a_certificate_that_is_wrong_in_any_way_is_refused(void)
{
    certificates_make(&certificates);
    const struct {
        const char *certificate;
        const char *trusted;
        struct str name;
        const char *why;
    } cases[] = {
        {certificates.other, certificates.authority, STR("localhost"), "hostname mismatch"},
        {certificates.good, certificates.authority, STR("good.example"), "hostname mismatch"},
        {certificates.other, certificates.authority, STR(""), "IP address mismatch"},
        {certificates.expired, certificates.authority, STR("localhost"), "expired"},
        {certificates.own, certificates.authority, STR("localhost"), "self-signed"},
        {certificates.good, NULL, STR("localhost"), "unable to get local issuer"},
    };
    bool refused = true;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        open_server(cases[i].certificate);
        open_client(cases[i].trusted, NULL, NULL);
        run(secure_get(net_server_port(server), cases[i].name));
        const bool as_told = outcome_failed_with(&o, NET_TLS_UNTRUSTED) &&
                             strstr(o.text, cases[i].why) != NULL && !o.request_was_sent;
        if (!as_told) {
            test_note(o.text);
        }
        refused = as_told && refused;
        const struct net_counts counts = net_server_counts(server);
        refused = counts.requests == 0 && refused;
        close_client();
        net_server_destroy(&server);
    }
    certificates_remove(&certificates);
    EXPECT(refused);
}

static void say_hello(int fd, int index)
{
    (void)index;
    peer_put_text(fd, "220 this is no TLS\r\n");
    peer_sees_close(fd, 500);
}

static void hold(int fd, int index)
{
    (void)index;
    peer_sees_close(fd, PEER_WAIT_MS);
}

static void what_speaks_no_tls_is_told_so(void)
{
    peer_open(&peer, say_hello);
    open_client(NULL, NULL, NULL);
    run(secure_get(peer.port, STR("")));
    const bool failed = outcome_failed_with(&o, NET_TLS_FAILED);
    close_client();
    peer_close(&peer);
    peer_open(&peer, hold);
    open_client(NULL, NULL, NULL);
    struct net_call_request request = secure_get(peer.port, STR(""));
    request.deadlines.connect_ms = 400;
    run(request);
    const bool late =
        outcome_failed_with(&o, NET_CONNECT_TIMEOUT) && strstr(o.text, "shake hands") != NULL;
    close_client();
    peer_close(&peer);
    EXPECT(failed);
    EXPECT(late);
}

static void an_authority_that_cannot_be_read_is_named(void)
{
    struct net_client_settings settings = net_client_settings_default;
    struct net_client *none = NULL;
    struct err err;
    loops = net_loops_create(1);
    settings.ca_file = "/nonexistent.pem";
    const enum errc file = net_client_create(loops, &settings, &none, &err);
    const bool named = strstr(err.text, "/nonexistent.pem") != NULL;
    settings.ca_file = NULL;
    settings.https_proxy = "socks5://localhost";
    const enum errc proxy = net_client_create(loops, &settings, &none, &err);
    net_loops_destroy(&loops);
    EXPECT(file == ERR_CONFIG && named);
    EXPECT(proxy == ERR_CONFIG);
}

static void a_trusted_server_is_spoken_to(void)
{
    enum { BYTES = 3 << 20 };
    static char much[BYTES];
    memset(much, 'q', sizeof much);
    const struct str body = {much, sizeof much};
    certificates_make(&certificates);
    open_server(certificates.good);
    open_client(certificates.authority, NULL, NULL);
    bool whole = true;
    for (int i = 0; i < 3; i++) {
        struct net_call_request request = secure_get(net_server_port(server), STR("localhost"));
        request.method = STR("POST");
        request.body = &body;
        request.body_count = 1;
        run(request);
        whole = o.ended && o.body_size == sizeof much && whole;
    }
    const struct net_client_counts counts = net_client_counts(client);
    run(secure_get(net_server_port(server), STR(""))); /* the address is in the certificate */
    const bool by_address = o.ended;
    close_client();
    net_server_destroy(&server);
    certificates_remove(&certificates);
    EXPECT(whole);
    EXPECT(counts.connections_opened == 1);
    EXPECT(by_address);
}

/* ---- Proxies ----------------------------------------------------------------------------------
 */

static char asked[4096];

static void refuse(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    snprintf(asked, sizeof asked, "%.4000s", peer_request);
    peer_put_text(fd, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
}

static void forge(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    peer_put_text(fd, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    peer_sees_close(fd, 500);
}

static void leave(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
}

/* A proxy as it should be, to the server of this test. */
static void relay(int fd, int index)
{
    (void)index;
    peer_read_request(fd);
    snprintf(asked, sizeof asked, "%.4000s", peer_request);
    const int to = peer_dial(net_server_port(server));
    peer_put_text(fd, "HTTP/1.1 200 Connection established\r\n\r\n");
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = to, .events = POLLIN}};
    bool open = true;
    while (open && poll(both, 2, PEER_WAIT_MS) > 0) {
        for (int i = 0; i < 2 && open; i++) {
            char bytes[4096];
            const ssize_t got =
                both[i].revents != 0 ? recv(both[i].fd, bytes, sizeof bytes, 0) : -2;
            open = got == -2 ||
                   (got > 0 && peer_put(both[1 - i].fd, (struct str){bytes, (size_t)got}));
        }
    }
    close(to);
}

static void answer_all(int fd, int index)
{
    (void)index;
    while (peer_read_request(fd)) {
        snprintf(asked, sizeof asked, "%.4000s", peer_request);
        peer_put_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static void use_proxy(peer_script *script, const char *user)
{
    peer_open(&peer, script);
    snprintf(proxy_url, sizeof proxy_url, "http://%s127.0.0.1:%d/", user, peer.port);
}

static void a_proxy_that_does_not_connect_is_named(void)
{
    static peer_script *const scripts[] = {refuse, forge, leave};
    bool told = true;
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        use_proxy(scripts[i], "");
        open_client(NULL, proxy_url, "elsewhere.example,.internal,10.0.0.0/8");
        struct net_call_request request = secure_get(443, STR(""));
        request.target.host = STR("api.example.com");
        run(request);
        told = outcome_failed_with(&o, NET_PROXY_REFUSED) &&
               strstr(o.text, "api.example.com:443") != NULL && told;
        close_client();
        peer_close(&peer);
    }
    EXPECT(told);
    EXPECT(strstr(asked, "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n") !=
           NULL);
}

static void https_goes_through_a_proxy_and_is_verified(void)
{
    certificates_make(&certificates);
    open_server(certificates.good);
    use_proxy(relay, "user:p%40ss@");
    open_client(certificates.authority, proxy_url, NULL);
    struct net_call_request request = secure_get(8443, STR(""));
    request.target.host = STR("localhost");
    run(request);
    const bool through = o.ended && o.status == 200;
    request.target.host = STR("wrong.example");
    run(request);
    const bool verified = outcome_failed_with(&o, NET_TLS_UNTRUSTED);
    close_client();
    net_server_destroy(&server);
    peer_close(&peer);
    certificates_remove(&certificates);
    EXPECT(through);
    EXPECT(verified);
    EXPECT(strstr(asked, "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n") != NULL);
}

static void http_is_asked_of_a_proxy_in_absolute_form(void)
{
    use_proxy(answer_all, "");
    open_client(NULL, proxy_url, "127.0.0.0/8");
    struct net_call_request request = peer_get(8080);
    request.target.host = STR("api.example.com");
    run(request);
    const bool by_proxy =
        o.ended && strstr(asked, "GET http://api.example.com:8080/x?y=1 HTTP/1.1\r\n"
                                 "Host: api.example.com:8080\r\n") != NULL;
    run(peer_get(peer.port)); /* NO_PROXY */
    const bool direct = o.ended && strncmp(asked, "GET /x?y=1 HTTP/1.1\r\n", 20) == 0;
    close_client();
    peer_close(&peer);
    EXPECT(by_proxy);
    EXPECT(direct);
}

int main(void)
{
    static const struct test tests[] = {
        TEST_SPARSE(a_certificate_that_is_wrong_in_any_way_is_refused),
        TEST_SPARSE(what_speaks_no_tls_is_told_so),
        TEST_SPARSE(an_authority_that_cannot_be_read_is_named),
        TEST_SPARSE(a_proxy_that_does_not_connect_is_named),
        TEST_SPARSE(a_trusted_server_is_spoken_to),
        TEST_SPARSE(https_goes_through_a_proxy_and_is_verified),
        TEST_SPARSE(http_is_asked_of_a_proxy_in_absolute_form),
    };
    return test_main(tests, COUNT_OF(tests));
}
