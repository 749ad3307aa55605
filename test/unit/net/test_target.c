/* target, proxy: URLs and NO_PROXY as people write them, wrong ones first. */
#include "net/client.h"
#include "net/proxy_priv.h"
#include "support/test.h"

static void what_is_no_url_is_refused(void)
{
    static const char *const urls[] = {
        "",
        "api.example.com",
        "ftp://a",
        "https://",
        "https:///v1",
        "http://a:0",
        "http://a:65536",
        "http://a:",
        "http://a b",
        "http://a/\r\n",
        "http://[::1",
        "http://[::1]x:80",
        "http://[::1]:",
        "http://u:p@host",
        "http://a/x?y",
    };
    struct net_target target;
    struct str path;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        EXPECT(net_target_parse(str_from(urls[i]), &target, &path, &err) == ERR_SYNTAX);
    }
}

static void urls_are_read(void)
{
    static const struct {
        const char *url;
        bool tls;
        const char *host;
        int port;
        const char *path;
    } cases[] = {
        {"https://api.example.com", true, "api.example.com", 443, ""},
        {"https://api.example.com/", true, "api.example.com", 443, ""},
        {"https://api.example.com/v1/", true, "api.example.com", 443, "/v1"},
        {"http://localhost:8080/a/b", false, "localhost", 8080, "/a/b"},
        {"http://[::1]:8080", false, "::1", 8080, ""},
        {"http://[::1]/x", false, "::1", 80, "/x"},
        {"http://127.0.0.1", false, "127.0.0.1", 80, ""},
    };
    struct net_target target;
    struct str path;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        EXPECT(net_target_parse(str_from(cases[i].url), &target, &path, &err) == ERR_OK);
        EXPECT(target.tls == cases[i].tls);
        EXPECT(str_equal(target.host, str_from(cases[i].host)));
        EXPECT(target.port == cases[i].port);
        EXPECT(str_equal(path, str_from(cases[i].path)));
    }
}

static void no_proxy_names_hosts_and_networks(void)
{
    static const struct {
        const char *no_proxy;
        const char *host;
        int port;
        bool bypassed;
    } cases[] = {
        {NULL, "a.example", 443, false},
        {"", "a.example", 443, false},
        {"*", "a.example", 443, true},
        {"example", "a.example", 443, true},
        {".example", "a.example", 443, true},
        {"*.example", "a.example", 443, true},
        {"example", "notexample", 443, false},
        {"ample", "a.example", 443, false},
        {" b.example , A.EXAMPLE ", "a.example", 443, true},
        {"a.example:443", "a.example", 443, true},
        {"a.example:8443", "a.example", 443, false},
        {"10.0.0.0/8", "10.1.2.3", 443, true},
        {"10.0.0.0/8", "11.1.2.3", 443, false},
        {"10.0.0.0/33", "10.1.2.3", 443, false},
        {"192.168.1.7", "192.168.1.7", 80, true},
        {"::1", "::1", 80, true},
        {"[::1]:80", "::1", 80, true},
        {"fd00::/8", "fd12::3", 80, true},
        {"fd00::/8", "fe12::3", 80, false},
        {"0.0.0.0/0", "::1", 80, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        EXPECT(proxy_is_bypassed(cases[i].no_proxy, str_from(cases[i].host), cases[i].port) ==
               cases[i].bypassed);
    }
}

static void a_proxy_is_read_and_its_password_not_repeated(void)
{
    struct proxy proxy;
    struct err err;
    EXPECT(proxy_parse("http://user:secret@bad host:80", &proxy, &err) == ERR_CONFIG);
    EXPECT(strstr(err.text, "secret") == NULL);
    EXPECT(proxy_parse("socks5://h:1", &proxy, &err) == ERR_CONFIG);
    EXPECT(proxy_parse("http://u:%zz@h", &proxy, &err) == ERR_CONFIG);
    EXPECT(proxy_parse(NULL, &proxy, &err) == ERR_OK);
    EXPECT(proxy.host[0] == '\0');
    EXPECT(proxy_parse("http://aladdin:opensesame@p.example:3128/", &proxy, &err) == ERR_OK);
    EXPECT(strcmp(proxy.host, "p.example") == 0);
    EXPECT(proxy.port == 3128);
    EXPECT(strcmp(proxy.authorization, "Basic YWxhZGRpbjpvcGVuc2VzYW1l") == 0);
    EXPECT(proxy_parse("p.example", &proxy, &err) == ERR_OK);
    EXPECT(proxy.port == 80);
}

int main(void)
{
    static const struct test tests[] = {
        TEST(what_is_no_url_is_refused),
        TEST(urls_are_read),
        TEST(no_proxy_names_hosts_and_networks),
        TEST(a_proxy_is_read_and_its_password_not_repeated),
    };
    return test_main(tests, COUNT_OF(tests));
}
