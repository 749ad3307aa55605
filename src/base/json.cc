#include "base/json.h"

#include <simdjson.h>

#include <climits>
#include <cmath>
#include <cstring>
#include <new>
#include <string>

#include "base/check.h"

/* A DOM element is a document pointer and a tape place, which is what struct json carries across
 * the border. */
using simdjson::dom::element;

static_assert(sizeof(element) == sizeof(struct json), "struct json carries a simdjson element");
static_assert(std::is_trivially_copyable<element>::value, "elements are copied as bytes");
static_assert(JSON_PADDING >= simdjson::SIMDJSON_PADDING, "callers pad enough");

struct json_parser {
    simdjson::dom::parser dom;
    size_t size_max;
};

static struct json from_element(const element &value)
{
    struct json node;
    std::memcpy(&node, &value, sizeof node);
    return node;
}

static bool to_element(struct json node, element *out)
{
    if (node.document == nullptr) {
        return false;
    }
    std::memcpy(static_cast<void *>(out), &node, sizeof node);
    return true;
}

void json_parser_create(struct json_parser **out, size_t size_max)
{
    CHECK(out != nullptr);
    CHECK(size_max > 0);
    CHECK(size_max <= JSON_BYTES_MAX);
    struct json_parser *parser = new (std::nothrow) json_parser();
    CHECK(parser != nullptr);
    parser->size_max = size_max;
    *out = parser;
}

void json_parser_destroy(struct json_parser **parser)
{
    CHECK(parser != nullptr);
    delete *parser;
    *parser = nullptr;
}

enum errc json_parse(struct json_parser *parser, struct str text, size_t readable, struct json *out,
                     struct err *err)
{
    CHECK(parser != nullptr);
    CHECK(out != nullptr);

    if (text.size > parser->size_max) {
        return err_set(err, ERR_LIMIT,
                       "a JSON document of %zu bytes is larger than the %zu "
                       "allowed",
                       text.size, parser->size_max);
    }
    if (text.size >= 3 && std::memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text = {text.data + 3, text.size - 3}; /* a byte order mark, which RFC 8259 lets us skip */
        readable -= readable < 3 ? readable : 3;
    }
    if (text.size == 0) {
        return err_set(err, ERR_SYNTAX, "not JSON: empty");
    }
    if (parser->dom.capacity() < text.size || parser->dom.max_depth() != JSON_DEPTH_MAX) {
        size_t capacity = parser->dom.capacity() < 65536 ? 65536 : parser->dom.capacity();
        while (capacity < text.size) {
            capacity *= 2;
        }
        CHECK(parser->dom.allocate(capacity, JSON_DEPTH_MAX) == simdjson::SUCCESS);
    }
    element root;
    const bool padded = readable >= text.size + JSON_PADDING;
    const auto code = parser->dom.parse(text.data, text.size, !padded).get(root);
    if (code == simdjson::DEPTH_ERROR) {
        return err_set(err, ERR_LIMIT, "JSON nested deeper than %d", JSON_DEPTH_MAX);
    }
    if (code != simdjson::SUCCESS) {
        return err_set(err, ERR_SYNTAX, "not JSON: %s", simdjson::error_message(code));
    }
    *out = from_element(root);
    return ERR_OK;
}

enum json_kind json_kind(struct json node)
{
    element value;
    if (!to_element(node, &value)) {
        return JSON_ABSENT;
    }
    switch (value.type()) {
    case simdjson::dom::element_type::ARRAY:
        return JSON_ARRAY;
    case simdjson::dom::element_type::OBJECT:
        return JSON_OBJECT;
    case simdjson::dom::element_type::INT64:
        return JSON_INT64;
    case simdjson::dom::element_type::UINT64:
        return JSON_UINT64;
    case simdjson::dom::element_type::DOUBLE:
        return JSON_DOUBLE;
    case simdjson::dom::element_type::STRING:
        return JSON_STRING;
    case simdjson::dom::element_type::BOOL:
        return JSON_BOOL;
    case simdjson::dom::element_type::NULL_VALUE:
        return JSON_NULL;
    }
    return JSON_ABSENT;
}

static struct json get(struct json node, std::string_view name)
{
    element value;
    simdjson::dom::object object;
    element found;
    if (to_element(node, &value) && value.get(object) == simdjson::SUCCESS &&
        object.at_key(name).get(found) == simdjson::SUCCESS) {
        return from_element(found);
    }
    return {};
}

struct json json_get(struct json node, const char *name)
{
    CHECK(name != nullptr);
    return get(node, name);
}

struct json json_path(struct json node, const char *path)
{
    CHECK(path != nullptr);
    for (const char *dot = std::strchr(path, '.'); dot != nullptr; dot = std::strchr(path, '.')) {
        node = get(node, std::string_view(path, static_cast<size_t>(dot - path)));
        path = dot + 1;
    }
    return get(node, path);
}

struct str json_str(struct json node)
{
    element value;
    std::string_view text;
    if (to_element(node, &value) && value.get(text) == simdjson::SUCCESS) {
        return {text.data(), text.size()};
    }
    return {nullptr, 0};
}

bool json_bool(struct json node, bool absent)
{
    element value;
    bool out;
    return to_element(node, &value) && value.get(out) == simdjson::SUCCESS ? out : absent;
}

int64_t json_int64(struct json node, int64_t absent)
{
    element value;
    int64_t out;
    double real;
    if (!to_element(node, &value)) {
        return absent;
    }
    if (value.get_int64().get(out) == simdjson::SUCCESS) {
        return out;
    }
    if (value.is_double() && value.get_double().get(real) == simdjson::SUCCESS) {
        const bool whole = real >= -9007199254740992.0 && real <= 9007199254740992.0 &&
                           !(real < std::floor(real)) && !(real > std::floor(real));
        return whole ? static_cast<int64_t>(real) : absent;
    }
    return str_to_int64(json_str(node), &out) ? out : absent;
}

double json_double(struct json node, double absent)
{
    element value;
    double out;
    return to_element(node, &value) && value.get_double().get(out) == simdjson::SUCCESS ? out
                                                                                        : absent;
}

bool json_is_number(struct json node)
{
    element value;
    return to_element(node, &value) && value.is_number();
}

/* The tape holds one word for an atom, two for a number, and for a container the index behind it:
 * iteration walks element by element through simdjson's own iterators, which hold just a place. */
struct json_cursor json_iter(struct json node)
{
    struct json_cursor iter = {};
    element value;
    simdjson::dom::array array;
    simdjson::dom::object object;
    if (!to_element(node, &value)) {
        return iter;
    }
    if (value.get(array) == simdjson::SUCCESS) {
        auto begin = array.begin();
        auto end = array.end();
        static_assert(sizeof begin == sizeof(struct json), "an iterator is a place");
        struct json at;
        std::memcpy(&at, &begin, sizeof at);
        iter.node = at;
        iter.next = at.place;
        std::memcpy(&at, &end, sizeof at);
        iter.end = at.place;
    } else if (value.get(object) == simdjson::SUCCESS) {
        auto begin = object.begin();
        auto end = object.end();
        static_assert(sizeof begin == sizeof(struct json), "an iterator is a place");
        struct json at;
        std::memcpy(&at, &begin, sizeof at);
        iter.node = at;
        iter.next = at.place;
        std::memcpy(&at, &end, sizeof at);
        iter.end = at.place;
        iter.object = true;
    }
    return iter;
}

bool json_next(struct json_cursor *iter, struct str *key, struct json *value)
{
    CHECK(iter != nullptr);
    CHECK(value != nullptr);
    if (iter->next >= iter->end) {
        return false;
    }
    const struct json at = {iter->node.document, iter->next};
    if (iter->object) {
        simdjson::dom::object object;
        auto place = object.begin();
        std::memcpy(static_cast<void *>(&place), &at, sizeof at);
        const std::string_view name = place.key();
        if (key != nullptr) {
            *key = {name.data(), name.size()};
        }
        *value = from_element(place.value());
        ++place;
        struct json next;
        std::memcpy(&next, &place, sizeof next);
        iter->next = next.place;
    } else {
        simdjson::dom::array array;
        auto place = array.begin();
        std::memcpy(static_cast<void *>(&place), &at, sizeof at);
        if (key != nullptr) {
            *key = {nullptr, 0};
        }
        *value = from_element(*place);
        ++place;
        struct json next;
        std::memcpy(&next, &place, sizeof next);
        iter->next = next.place;
    }
    return true;
}

size_t json_count(struct json node)
{
    size_t count = 0;
    struct json_cursor iter = json_iter(node);
    struct json value;
    while (json_next(&iter, nullptr, &value)) {
        count++;
    }
    return count;
}

size_t json_minify(struct json node, char *out, size_t size)
{
    CHECK(out != nullptr || size == 0);
    element value;
    if (!to_element(node, &value)) {
        return 0;
    }
    const std::string text = simdjson::minify(value);
    if (size > 0) {
        std::memcpy(out, text.data(), text.size() < size ? text.size() : size);
    }
    return text.size();
}
