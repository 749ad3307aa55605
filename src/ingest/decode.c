#include "ingest/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"

#define PIECE_BYTES          ((size_t)512 << 10)
#define PACKED_BYTES         ((size_t)256 << 10)
#define FILE_ARENA_BYTES_MAX ((size_t)2 << 30)

void decode_tools_init(struct decode_tools *tools)
{
    CHECK(tools != NULL);
    json_parser_create(&tools->parser, WIRE_DOCUMENT_BYTES_MAX);
    tools->piece = memory_new_array(char, PIECE_BYTES + JSON_PADDING);
    tools->packed = memory_new_array(char, PACKED_BYTES);
}

void decode_tools_deinit(struct decode_tools *tools)
{
    CHECK(tools != NULL);
    json_parser_destroy(&tools->parser);
    memory_free(tools->piece);
    memory_free(tools->packed);
}

/* Bytes of a file, plain or unpacked, piece by piece. */
struct reader {
    int fd;
    bool gzip;
    bool ended;
    z_stream stream;
    bool failed; /* a read was refused */
    char *packed;
    const char *trouble;
};

static size_t read_some(struct reader *reader, char *out, size_t size)
{
    ssize_t got;
    do {
        got = read(reader->fd, out, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        reader->failed = true;
        reader->trouble = "the file cannot be read further; what was before is kept";
    }
    return got > 0 ? (size_t)got : 0;
}

/* Next member of a file of several; false: the data end here. */
static bool next_member(struct reader *reader)
{
    z_stream *const stream = &reader->stream;
    if (stream->avail_in == 0) {
        stream->next_in = (unsigned char *)reader->packed;
        stream->avail_in = (unsigned)read_some(reader, reader->packed, PACKED_BYTES);
    }
    return stream->avail_in > 0 && inflateReset(stream) == Z_OK;
}

static size_t unpack_some(struct reader *reader, char *out, size_t size)
{
    z_stream *const stream = &reader->stream;
    stream->next_out = (unsigned char *)out;
    stream->avail_out = (unsigned)size;
    while (stream->avail_out > 0 && !reader->ended) {
        if (stream->avail_in == 0) {
            stream->next_in = (unsigned char *)reader->packed;
            stream->avail_in = (unsigned)read_some(reader, reader->packed, PACKED_BYTES);
            if (stream->avail_in == 0) {
                reader->trouble = reader->failed
                                      ? reader->trouble
                                      : "the gzip data end too early; what was before is kept";
                reader->ended = true;
                break;
            }
        }
        const int code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END) {
            reader->ended = !next_member(reader);
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            reader->trouble = "the gzip data are damaged; what was before is kept";
            reader->ended = true;
        }
    }
    return size - stream->avail_out;
}

/* Fill the piece as far as the file goes. */
static size_t read_piece(struct reader *reader, char *piece, size_t size)
{
    size_t used = 0;
    while (used < size && !reader->ended) {
        const size_t got = reader->gzip ? unpack_some(reader, piece + used, size - used)
                                        : read_some(reader, piece + used, size - used);
        reader->ended = reader->ended || got == 0;
        used += got;
    }
    return used;
}

static enum errc open_reader(const struct import_file *file, struct decode_tools *tools,
                             struct reader *out, struct err *err)
{
    const int fd = open(file->path.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_set(err, ERR_IO, "%s", strerror(errno));
    }
    *out = (struct reader){.fd = fd, .gzip = file->gzip, .packed = tools->packed};
    if (out->gzip) { /* 15 bits of window, 16: a gzip header is wanted; the stream must not move */
        CHECK(inflateInit2(&out->stream, 15 + 16) == Z_OK);
    }
    return ERR_OK;
}

static void close_reader(struct reader *reader)
{
    if (reader->gzip) {
        inflateEnd(&reader->stream);
    }
    close(reader->fd);
}

/* Whether the file is the one that was read before, with something behind its old end. */
static bool has_only_grown(const struct import_file *file, struct str head)
{
    const struct file_known *const known = file->known;
    if (known == NULL || file->gzip || known->inode != file->inode || file->size < known->size ||
        known->head_bytes > (int64_t)head.size) {
        return false;
    }
    return hash64((struct str){head.data, (size_t)known->head_bytes}) == known->head_hash;
}

static enum errc feed(struct reader *reader, struct wire_decoder *decoder, char *piece,
                      struct str first, struct decoded *out, struct err *err)
{
    struct str bytes = first;
    enum errc code = ERR_OK;
    while (bytes.size > 0 && code == ERR_OK) {
        out->bytes_read += (int64_t)bytes.size;
        memset(piece + bytes.size, 0, JSON_PADDING);
        code = wire_feed(decoder, bytes, bytes.size + JSON_PADDING, err);
        if (out->bytes_read >= DECODE_STRETCH_BYTES_MAX && !reader->gzip && !reader->ended) {
            out->more = true;
            break;
        }
        bytes = (struct str){piece, read_piece(reader, piece, PIECE_BYTES)};
    }
    if (code == ERR_OK) {
        code = wire_finish(decoder, !reader->gzip, err);
    }
    return code;
}

static enum errc decode(struct reader *reader, const struct wire_options *options, char *piece,
                        struct str first, struct decoded *out, struct err *err)
{
    struct wire_decoder *decoder = NULL;
    enum errc code = wire_decoder_create(&decoder, options, err);
    if (code != ERR_OK) {
        return code;
    }
    code = feed(reader, decoder, piece, first, out, err);
    if (code == ERR_OK) {
        out->trace = *wire_trace(decoder);
        code = wire_position(decoder, &out->next, err);
    }
    wire_decoder_destroy(&decoder);
    out->unfinished = reader->failed;
    out->trouble = reader->trouble;
    if (code == ERR_OK && out->more && out->next.offset <= options->start.offset) {
        out->more = false; /* one document: no progress to be had */
        out->trouble = "the file is longer than can be read as one piece; its rest is left out";
    }
    return code;
}

enum errc decode_file(const struct import_file *file, enum wire_format forced,
                      const struct wire_position *from, const struct correlation *rules,
                      struct decode_tools *tools, struct decoded *out, struct err *err)
{
    CHECK(file != NULL);
    CHECK(tools != NULL);
    CHECK(out != NULL);

    *out = (struct decoded){0};
    arena_init(&out->arena, FILE_ARENA_BYTES_MAX);
    struct reader reader;
    enum errc code = open_reader(file, tools, &reader, err);
    if (code != ERR_OK) {
        return code;
    }
    struct str head = {tools->piece, read_piece(&reader, tools->piece, PIECE_BYTES)};
    const bool grown = has_only_grown(file, head);
    const size_t head_size = head.size < FILES_HEAD_BYTES_MAX ? head.size : FILES_HEAD_BYTES_MAX;
    out->head_bytes = (int64_t)head_size;
    out->head_hash = hash64((struct str){head.data, head_size});
    out->format = forced != WIRE_UNKNOWN ? forced
                  : grown                ? file->known->format
                                         : wire_detect(file->path, head);
    out->unknown = out->format == WIRE_UNKNOWN;
    const struct wire_position start = from != NULL ? *from
                                       : grown && file->known->format == out->format
                                           ? file->known->next
                                           : (struct wire_position){0};
    if (!out->unknown && start.offset > 0) {
        CHECK(!reader.gzip);
        reader.ended = lseek(reader.fd, start.offset, SEEK_SET) != start.offset;
        head = (struct str){tools->piece, read_piece(&reader, tools->piece, PIECE_BYTES)};
    }
    if (!out->unknown) {
        const struct wire_options options = {.format = out->format,
                                             .path = file->path,
                                             .arena = &out->arena,
                                             .parser = tools->parser,
                                             .start = start,
                                             .correlation = rules,
                                             .bytes_expected = file->size - start.offset};
        code = decode(&reader, &options, tools->piece, head, out, err);
    }
    out->more = out->more && code == ERR_OK;
    close_reader(&reader);
    return code;
}
