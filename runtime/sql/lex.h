/* runtime/sql/lex.h - the words of SQLite's dialect, as far as literal.c wants to know them. What SQLite itself would refuse
 * comes out as some token or other: it will refuse it. Pure functions; any thread. */
#ifndef ORO_SQL_LEX_H
#define ORO_SQL_LEX_H

#include "runtime/base/bytes.h"

enum sql_token_kind {
    SQL_T_NAME,   /* value: without quotes; quoted ones are no words of the language */
    SQL_T_STRING, /* value: between the quotes, doubled ones as they are */
    SQL_T_BLOB,   /* X'..': value: the digits */
    SQL_T_NUMBER, /* without a sign */
    SQL_T_HEX,    /* 0x..: value: the digits */
    SQL_T_PARAM,  /* :name, @name, $name, ? */
    SQL_T_SYMBOL,
};

struct sql_token {
    enum sql_token_kind kind;
    bool quoted;                  /* a name in quotes */
    struct oro_bytes text, value; /* text: as written */
};

/* The token at or after *at, which goes on behind it. False: there is none. */
bool sql_token_next(struct oro_bytes sql, size_t *at, struct sql_token *out);
/* The position, from 1, of a comment that is not closed; 0: there is none. SQLite takes the rest of the text for it. */
size_t sql_open_comment(struct oro_bytes sql);
bool sql_token_is(const struct sql_token *t,
                  const char *word); /* a word or a symbol, in any case */

#endif
