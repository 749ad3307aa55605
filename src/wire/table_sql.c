#include "base/check.h"
#include "wire/table_value.h"

struct lexer {
    struct str sql;
    size_t at;
    char open[64]; /* brackets not yet closed */
    size_t depth;
};

static bool behind(const struct lexer *lexer, const char *text)
{
    const struct str rest = {lexer->sql.data + lexer->at, lexer->sql.size - lexer->at};
    return str_starts_with(rest, str_from(text));
}

/* Move to the quote that ends the run starting at `at`. A doubled quote ends one run and starts the
 * next, which comes to the same. */
static bool skip_quoted(struct lexer *lexer)
{
    const char quote = lexer->sql.data[lexer->at];
    const char *const start = lexer->sql.data + lexer->at + 1;
    const char *const end = memchr(start, quote, lexer->sql.size - lexer->at - 1);
    if (end == NULL) {
        return false;
    }
    lexer->at = (size_t)(end - lexer->sql.data);
    return true;
}

/* E'…', in which a backslash hides a quote from skip_quoted(). */
static bool starts_escaped(const struct lexer *lexer)
{
    const char before = lexer->at > 0 ? lexer->sql.data[lexer->at - 1] : ' ';
    const bool in_name = (before >= 'a' && before <= 'z') || (before >= 'A' && before <= 'Z') ||
                         (before >= '0' && before <= '9') || before == '_';
    return !in_name && (behind(lexer, "e'") || behind(lexer, "E'"));
}

static bool bracket(struct lexer *lexer, char c)
{
    if (c == '(' || c == '[' || c == '{') {
        if (lexer->depth == COUNT_OF(lexer->open)) {
            return false;
        }
        lexer->open[lexer->depth++] = (char)(c == '(' ? ')' : c == '[' ? ']' : '}');
        return true;
    }
    return lexer->depth > 0 && lexer->open[--lexer->depth] == c;
}

enum errc table_sql_check(struct str sql, struct err *err)
{
    CHECK(err != NULL);
    struct lexer lexer = {.sql = sql};
    if (str_trim(sql).size == 0) {
        return err_set(err, ERR_SYNTAX, "the SQL is empty");
    }
    if (sql.size > TABLE_SQL_BYTES_MAX || memchr(sql.data, '\0', sql.size) != NULL) {
        return err_set(err, ERR_SYNTAX, "the SQL is longer than %d bytes or holds a NUL byte",
                       TABLE_SQL_BYTES_MAX);
    }
    for (; lexer.at < sql.size; lexer.at++) {
        const char c = sql.data[lexer.at];
        if ((c == '\'' || c == '"') && !skip_quoted(&lexer)) {
            return err_set(err, ERR_SYNTAX, "a quote in the SQL is not closed");
        }
        if (starts_escaped(&lexer)) {
            return err_set(err, ERR_SYNTAX, "the SQL holds E'…'; write '…'");
        }
        if (c == ';' || c == '$' || behind(&lexer, "--") || behind(&lexer, "/*")) {
            return err_set(err, ERR_SYNTAX,
                           "the SQL holds ;, $, -- or /*; write one expression, without comments");
        }
        if (strchr("()[]{}", c) != NULL && !bracket(&lexer, c)) {
            return err_set(err, ERR_SYNTAX, "the brackets of the SQL do not match");
        }
    }
    if (lexer.depth > 0) {
        return err_set(err, ERR_SYNTAX, "a bracket of the SQL is not closed");
    }
    return ERR_OK;
}
