#include "runtime/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[ORO_STATUS_COUNT] = {
    [ORO_OK] = "ok",
    [ORO_ENOMEM] = "out of memory",
    [ORO_EINVAL] = "invalid",
    [ORO_EMALFORMED] = "malformed",
    [ORO_ENOTFOUND] = "not found",
    [ORO_EEXISTS] = "already exists",
    [ORO_ECONFLICT] = "conflict",
    [ORO_EREFUSED] = "refused",
    [ORO_EIO] = "input/output error",
    [ORO_EFULL] = "full",
    [ORO_ECLOSED] = "closed",
    [ORO_EUSER] = "reducer error",
    [ORO_EINTERNAL] = "internal error",
    [ORO_ETIMEOUT] = "timed out",
    [ORO_ETYPE] = "wrong type",
};

const char *
oro_status_name(oro_status st)
{
    unsigned i = (unsigned)st;
    if (i >= ORO_STATUS_COUNT || status_names[i] == NULL)
        return "unknown status";
    return status_names[i];
}

/* The text may have been cut in the middle of a character; it goes to clients as a string, so it stays UTF-8. */
static void
trim_partial(char *text)
{
    size_t n = strlen(text), back = 0;
    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == n)
        return;
    unsigned char lead = (unsigned char)text[n - 1 - back];
    size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (back < want)
        text[n - 1 - back] = '\0';
}

oro_status
oro_err_set(struct oro_err *err, oro_status st, const char *fmt, ...)
{
    if (err == NULL)
        return st;
    /* An argument may be the text that is about to be overwritten, so it is written aside first. */
    char text[sizeof(err->text)];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(text))
        trim_partial(text);
    err->status = st;
    memcpy(err->text, text, strlen(text) + 1);
    return st;
}

oro_status
oro_err_wrap(struct oro_err *err, const char *fmt, ...)
{
    if (err == NULL)
        return ORO_EINTERNAL;
    char prefix[sizeof(err->text)], text[2 * sizeof(err->text) + 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    int n = snprintf(text, sizeof(text), "%s: %s", prefix, err->text);
    text[sizeof(err->text) - 1] = '\0';
    if (n >= (int)sizeof(err->text))
        trim_partial(text);
    memcpy(err->text, text, strlen(text) + 1);
    return err->status;
}
