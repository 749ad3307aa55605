#include "wire/wire.h"

#include "base/check.h"
#include "wire/otlp.h"
#include "wire/wire_priv.h"

/* To add a format: write wire/<format>.c, add its row here and its value in wire.h, write
 * fuzz/fuzz_<format>.c and a section in docs/formats.md. */
static const struct wire_ops *const formats[WIRE_FORMAT_COUNT] = {
    [WIRE_CLAUDE_CODE] = &wire_claude_code,
    [WIRE_CODEX] = &wire_codex,
    [WIRE_GEMINI_CLI] = &wire_gemini_cli,
    [WIRE_TAU2] = &wire_tau2,
    [WIRE_OTLP] = &wire_otlp,
};

enum { STATE_BYTES_MAX = 1 << 20 }; /* 16 sessions of five names, every byte escaped, fit */

const char *wire_format_name(enum wire_format format)
{
    CHECK(format < WIRE_FORMAT_COUNT);
    return formats[format] != NULL ? formats[format]->name : "unknown";
}

enum wire_format wire_format_named(struct str name)
{
    for (int i = WIRE_UNKNOWN + 1; i < WIRE_FORMAT_COUNT; i++) {
        if (str_equal(name, str_from(formats[i]->name))) {
            return (enum wire_format)i;
        }
    }
    return WIRE_UNKNOWN;
}

/* "dir/a.jsonl.gz" -> "a" */
static struct str stem_of(struct str path)
{
    static const struct str endings[] = {STR_STATIC(".gz"), STR_STATIC(".jsonl"),
                                         STR_STATIC(".json")};
    struct str stem = wire_last_component(path);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        if (stem.size > endings[i].size && str_ends_with(stem, endings[i])) {
            stem.size -= endings[i].size;
        }
    }
    return stem;
}

static enum errc load_state(struct wire_decoder *decoder, struct str state, struct err *err)
{
    if (state.size == 0) {
        return ERR_OK;
    }
    struct json root;
    if (json_parse(decoder->parser, state, state.size, &root, err) != ERR_OK ||
        json_kind(root) != JSON_OBJECT) {
        return err_set(err, ERR_SYNTAX,
                       "the saved position of " STR_FORMAT " cannot be read; import the file "
                       "from its beginning",
                       STR_ARG(decoder->path));
    }
    if (decoder->ops->load != NULL) {
        decoder->ops->load(decoder, root);
    }
    return ERR_OK;
}

/* Steps are large: growing to the many of a long file would touch as much memory again. */
static void reserve_steps(struct wire_decoder *decoder, int64_t bytes)
{
    enum { BYTES_A_STEP = 2048, RESERVED_MIN = 64, RESERVED_MAX = 16384 };
    const int64_t count = bytes / BYTES_A_STEP;
    if (count >= RESERVED_MIN) {
        arena_reserve(decoder->arena, &decoder->trace.steps,
                      count < RESERVED_MAX ? (size_t)count : (size_t)RESERVED_MAX);
    }
}

enum errc wire_decoder_create(struct wire_decoder **out, const struct wire_options *options,
                              struct err *err)
{
    CHECK(out != NULL);
    CHECK(options->format > WIRE_UNKNOWN);
    CHECK(options->format < WIRE_FORMAT_COUNT);
    CHECK(options->parser != NULL);
    CHECK(options->start.offset >= 0);
    CHECK(options->start.line >= 0);

    struct wire_decoder *decoder = arena_new(options->arena, struct wire_decoder, 1);
    if (decoder == NULL) {
        return err_set(err, ERR_LIMIT, "the arena has no room for a decoder");
    }
    decoder->ops = formats[options->format];
    decoder->arena = options->arena;
    decoder->parser = options->parser;
    decoder->correlation = options->correlation;
    decoder->path = wire_copy(decoder, options->path);
    decoder->stem = stem_of(decoder->path);
    decoder->is_document = decoder->ops->is_document;
    if (decoder->ops->document != NULL && !decoder->is_document) {
        struct str path = decoder->path;
        path.size -= str_ends_with(path, STR(".gz")) ? 3 : 0;
        decoder->is_document = !str_ends_with(path, STR(".jsonl"));
    }
    reserve_steps(decoder, options->bytes_expected);
    decoder->line = decoder->is_document ? 0 : options->start.line + 1;
    decoder->offset = decoder->is_document ? 0 : options->start.offset;
    text_init(&decoder->carry,
              (size_t)(decoder->is_document ? WIRE_DOCUMENT_BYTES_MAX : WIRE_LINE_BYTES_MAX) +
                  JSON_PADDING);
    text_init(&decoder->scratch, WIRE_LINE_BYTES_MAX);
    const enum errc code =
        decoder->is_document ? ERR_OK : load_state(decoder, options->start.state, err);
    if (code != ERR_OK || decoder->full) {
        wire_decoder_destroy(&decoder);
        return code != ERR_OK ? code : err_set(err, ERR_LIMIT, "the arena has no room");
    }
    *out = decoder;
    return ERR_OK;
}

void wire_decoder_destroy(struct wire_decoder **decoder)
{
    CHECK(decoder != NULL);
    if (*decoder != NULL) {
        text_deinit(&(*decoder)->carry);
        text_deinit(&(*decoder)->scratch);
        otlp_destroy(&(*decoder)->otlp);
        *decoder = NULL;
    }
}

static enum errc check_room(const struct wire_decoder *decoder, struct err *err)
{
    if (!decoder->full) {
        return ERR_OK;
    }
    return err_set(err, ERR_LIMIT,
                   "line %lld: the rows of this file need more than the %zu MiB allowed",
                   (long long)decoder->line, decoder->arena->size_max >> 20);
}

enum errc wire_feed(struct wire_decoder *decoder, struct str bytes, size_t readable,
                    struct err *err)
{
    CHECK(decoder != NULL);
    CHECK(!decoder->finished);
    CHECK(readable >= bytes.size);
    if (!decoder->is_document) {
        wire_lines_feed(decoder, bytes, readable);
    } else if (!decoder->skipping && decoder->carry.size + bytes.size > WIRE_DOCUMENT_BYTES_MAX) {
        wire_reject(decoder, 0, "the document is larger than the %d MiB allowed",
                    WIRE_DOCUMENT_BYTES_MAX >> 20);
        decoder->skipping = true;
        text_deinit(&decoder->carry);
    } else if (!decoder->skipping) {
        text_add(&decoder->carry, bytes);
    }
    return check_room(decoder, err);
}

/* Newer Gemini CLI logs are lines; a file whose name does not say so is known by its content. */
static bool is_lines(const struct wire_decoder *decoder, struct str text)
{
    struct str rest = text;
    const struct str first = str_trim(str_cut(&rest, '\n'));
    return decoder->ops->record != NULL && str_trim(rest).size > 0 && first.size > 1 &&
           first.data[0] == '{' && first.data[first.size - 1] == '}';
}

static void finish_document(struct wire_decoder *decoder, bool may_grow)
{
    struct text whole = decoder->carry;
    const size_t size = whole.size;
    if (decoder->skipping || str_trim(text_str(&whole)).size == 0) {
        return;
    }
    text_repeat(&whole, '\0', JSON_PADDING);
    CHECK(!text_is_full(&whole));
    decoder->carry = whole;
    const struct str text = {whole.data, size};
    const struct str trimmed = str_trim(text);
    struct err err;
    struct json root;
    if (is_lines(decoder, text)) {
        decoder->is_document = false;
        decoder->line = 1;
        text_init(&decoder->carry, (size_t)WIRE_LINE_BYTES_MAX + JSON_PADDING);
        wire_lines_feed(decoder, text, size + JSON_PADDING);
        wire_lines_finish(decoder, may_grow);
        text_deinit(&decoder->carry);
        decoder->carry = whole;
        return;
    }
    if (decoder->ops->binary != NULL && trimmed.data[0] != '{' && trimmed.data[0] != '[') {
        decoder->ops->binary(decoder, text);
    } else if (json_parse(decoder->parser, text, size + JSON_PADDING, &root, &err) != ERR_OK) {
        wire_reject(decoder, 0, "%s", err.text);
    } else if (json_kind(root) != JSON_OBJECT) {
        wire_reject(decoder, 0, "not a JSON object");
    } else {
        decoder->text = text;
        decoder->ops->document(decoder, root);
        decoder->text = (struct str){0};
    }
}

enum errc wire_finish(struct wire_decoder *decoder, bool may_grow, struct err *err)
{
    CHECK(decoder != NULL);
    CHECK(!decoder->finished);
    if (decoder->full) {
        return check_room(decoder, err);
    }
    if (decoder->is_document) {
        finish_document(decoder, may_grow);
    } else {
        wire_lines_finish(decoder, may_grow);
    }
    if (decoder->ops->finish != NULL && !decoder->full) {
        decoder->ops->finish(decoder, may_grow);
    }
    if (decoder->ops->program != NULL) {
        wire_sessions_complete(decoder, decoder->ops->program);
    }
    decoder->finished = true;
    return check_room(decoder, err);
}

const struct trace *wire_trace(const struct wire_decoder *decoder)
{
    CHECK(decoder != NULL);
    return &decoder->trace;
}

int64_t wire_ignored(const struct wire_decoder *decoder)
{
    CHECK(decoder != NULL);
    return decoder->ignored;
}

enum errc wire_position(struct wire_decoder *decoder, struct wire_position *out, struct err *err)
{
    CHECK(decoder != NULL);
    CHECK(out != NULL);
    CHECK(decoder->finished);
    *out = (struct wire_position){0};
    if (decoder->is_document || decoder->ops->is_document) {
        return ERR_OK;
    }
    struct wire_position position = {.offset = decoder->offset, .line = decoder->line - 1};
    const void *state = NULL;
    for (size_t i = decoder->unit_first; i < decoder->units.count; i++) {
        const struct unit *unit = &decoder->units.rows[i];
        if (!unit->closed && decoder->offset - unit->offset <= WIRE_WINDOW_BYTES_MAX) {
            position.offset = unit->offset;
            position.line = unit->line;
            state = unit->state;
            break;
        }
    }
    struct text text;
    text_init(&text, STATE_BYTES_MAX);
    if (decoder->ops->save != NULL) {
        json_open_object(&text);
        decoder->ops->save(decoder, state, &text);
        json_close_object(&text);
        CHECK(!text_is_full(&text));
    }
    position.state = wire_copy(decoder, text_str(&text));
    text_deinit(&text);
    const enum errc code = check_room(decoder, err);
    if (code == ERR_OK) {
        *out = position;
    }
    return code;
}

bool wire_step_is_fuller(const struct step *a, const struct step *b)
{
    CHECK(a != NULL);
    CHECK(b != NULL);
    const int64_t tokens_a = a->has_usage ? usage_tokens_total(&a->usage) : -1;
    const int64_t tokens_b = b->has_usage ? usage_tokens_total(&b->usage) : -1;
    if (tokens_a != tokens_b) {
        return tokens_b > tokens_a;
    }
    if ((a->agent.size == 0) != (b->agent.size == 0)) {
        return b->agent.size == 0;
    }
    if (a->started_ns != b->started_ns) {
        return false; /* a copy with another time stamp says nothing new */
    }
    if (a->ended_ns != b->ended_ns) {
        return b->ended_ns > a->ended_ns;
    }
    if (a->result_bytes != b->result_bytes) {
        return b->result_bytes > a->result_bytes;
    }
    return b->caller.size > 0 && a->caller.size == 0;
}
