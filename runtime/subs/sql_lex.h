/* runtime/subs/sql_lex.h - the tokens of our SQL (docs/semantics.md#queries), handed out one at a time. Borrows the text;
 * quoted names and strings with a doubled quote are copied into the arena. */
#ifndef ORO_SUBS_SQL_LEX_H
#define ORO_SUBS_SQL_LEX_H

#include "runtime/base/bytes.h"
#include "runtime/base/mem.h"
#include "runtime/base/status.h"

enum sql_tok_kind {
    SQL_END,
    SQL_NAME,   /* identifier or keyword, as written */
    SQL_QUOTED, /* "name": never a keyword */
    SQL_NUMBER,
    SQL_STRING,
    SQL_HEX,    /* 0x.. and X'..': value is the digits */
    SQL_PARAM,  /* :name */
    SQL_SYMBOL, /* one or two characters of punctuation */
    SQL_ODD,    /* B'..', $1, ? ... : known SQL that is not ours */
};

struct sql_tok {
    enum sql_tok_kind kind;
    struct oro_bytes text;  /* as written */
    struct oro_bytes value; /* without quotes and prefixes */
};

struct sql_lex {
    const uint8_t *start, *at, *end;
    struct oro_arena *arena;
};

/* ORO_EMALFORMED: a quote or comment that does not end, or a character that begins nothing. */
ORO_MUST_CHECK oro_status sql_next(struct sql_lex *lx, struct sql_tok *out, struct oro_err *err);
bool sql_is_word(const struct sql_tok *t,
                 const char *keyword); /* upper case keyword; any case matches */
bool sql_is_symbol(const struct sql_tok *t, const char *symbol);
/* At most `most` bytes of a text for a message, for %.*s: not less than whole characters. */
int sql_cut(struct oro_bytes text, size_t most);

#endif
