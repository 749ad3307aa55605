/* match: patterns of names. No recursion: a glob is matched with one place to go back to. */
#include "price/price_priv.h"

#include "base/check.h"

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool fits(char pattern, char c)
{
    return pattern == '#' ? c >= '0' && c <= '9' : lower(pattern) == lower(c);
}

static bool glob_matches(struct str glob, struct str name)
{
    size_t at = 0;
    size_t place = 0;
    size_t star = SIZE_MAX; /* the last *, where a failed try starts over */
    size_t star_place = 0;  /* how much of the name it has taken */
    while (place < name.size) {
        if (at < glob.size && glob.data[at] == '*') {
            star = at++;
            star_place = place;
        } else if (at < glob.size && fits(glob.data[at], name.data[place])) {
            at++;
            place++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            place = ++star_place;
        } else {
            return false;
        }
    }
    while (at < glob.size && glob.data[at] == '*') {
        at++;
    }
    return at == glob.size;
}

static bool terms_match(struct str terms, struct str name)
{
    while (terms.size > 0) {
        struct str term = str_cut(&terms, '&');
        const bool wanted = term.size == 0 || term.data[0] != '!';
        if (!wanted) {
            term.data++;
            term.size--;
        }
        if (glob_matches(term, name) != wanted) {
            return false;
        }
    }
    return true;
}

bool price_matches(struct str patterns, struct str name)
{
    CHECK(name.size <= PRICE_NAME_BYTES_MAX);
    while (patterns.size > 0) {
        const struct str terms = str_cut(&patterns, '|');
        if (terms.size > 0 && terms_match(terms, name)) {
            return true;
        }
    }
    return false;
}
