/* runtime/base/status.h - the one error idiom: what can fail returns an oro_status, gives results through
 * `out` pointers left untouched on failure, and takes `struct oro_err *err` last when a person will read why. */
#ifndef ORO_BASE_STATUS_H
#define ORO_BASE_STATUS_H

#include "runtime/base/annot.h"

typedef enum oro_status {
    ORO_OK = 0,
    ORO_ENOMEM,     /* a size that a stranger chose could not be allocated */
    ORO_EINVAL,     /* bad argument, configuration or declaration */
    ORO_EMALFORMED, /* bytes or text from outside that do not decode */
    ORO_ENOTFOUND,  /* no such name, row, connection ... */
    ORO_EEXISTS,    /* unique constraint, or a name in use */
    ORO_ECONFLICT,  /* the transaction read what another one has changed since: run it again */
    ORO_EREFUSED,   /* not allowed: permissions, private function, refused connection */
    ORO_EIO,        /* the operating system or the disk said no; err has its words */
    ORO_EFULL,      /* a bound was reached: queue, sequence, disk */
    ORO_ECLOSED,    /* the other side is gone, or we are stopping */
    ORO_EUSER,      /* the reducer raised ReducerError: the text is for the caller */
    ORO_EINTERNAL,  /* any other exception in module code, or our own failure */
    ORO_ETIMEOUT,   /* a time budget ran out */
    ORO_ETYPE,      /* wrong kind of index, column or value */
    ORO_STATUS_COUNT
} oro_status;

/* The text holds one line for people; it is cut, never overflowed. */
struct oro_err {
    oro_status status;
    char text[1000];
};

/* A short English name ("not found"), never NULL. */
const char *oro_status_name(oro_status st);

/* Fills *err (which may be NULL) and returns st, so that `return oro_err_set(err, st, ...)` reads well. */
ORO_PRINTF(3, 4) oro_status oro_err_set(struct oro_err *err, oro_status st, const char *fmt, ...);

/* Puts "prefix: " before the text that is there. Returns err->status (ORO_EINTERNAL if err is NULL). */
ORO_PRINTF(2, 3) oro_status oro_err_wrap(struct oro_err *err, const char *fmt, ...);

#endif
