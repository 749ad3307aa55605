/*
 * tokens_priv: a text becomes pieces by the pattern of its encoding, a piece becomes tokens by the
 * ranks of its vocabulary.
 *
 * The tables are made by tools/embed_tokens.py and tools/embed_classes.py: read-only data of the
 * program, which take memory only where they are used.
 */
#ifndef WIRE_TOKENS_PRIV_H
#define WIRE_TOKENS_PRIV_H

#include "wire/tokens.h"

extern const uint32_t tokens_o200k_homes;
extern const uint64_t tokens_o200k_slots[];
extern const char tokens_o200k_bytes[];
extern const uint32_t tokens_cl100k_homes;
extern const uint64_t tokens_cl100k_slots[];
extern const char tokens_cl100k_bytes[];

/* What the patterns ask of a character: bits, so that a set is one test. */
enum glyph {
    GLYPH_END = 0,
    GLYPH_UPPER = 1,  /* Lu, Lt */
    GLYPH_LOWER = 2,  /* Ll */
    GLYPH_LETTER = 4, /* Lm, Lo */
    GLYPH_MARK = 8,   /* M */
    GLYPH_NUMBER = 16,
    GLYPH_SPACE = 32, /* White_Space, but for the next */
    GLYPH_LINE = 64,  /* \r, \n */
    GLYPH_OTHER = 128,
};

enum { TOKENS_BLOCK = 128 };
extern const uint8_t tokens_blocks[];  /* [0x110000 / TOKENS_BLOCK] which block of classes */
extern const uint8_t tokens_classes[]; /* enum glyph; the first block is that of ASCII */

/* The end of the piece that begins at `at`, which is before the text's end; never `at` itself. */
size_t tokens_piece_end(enum tokens_encoding encoding, struct str text, size_t at);

/* How many tokens a piece is, at least 1. piece.size 1.. */
int64_t tokens_of_piece(enum tokens_encoding encoding, struct str piece);

#endif
