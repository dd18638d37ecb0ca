#include "runtime/base/id.h"

#include <sys/random.h>

#include "runtime/base/bytes.h"

static void
le_text(const uint8_t *le, size_t n, char *out)
{
    uint8_t be[32];
    for (size_t i = 0; i < n; i++)
        be[i] = le[n - 1 - i];
    oro_hex(oro_bytes(be, n), out);
}

static bool
le_parse(const char *text, uint8_t *le, size_t n)
{
    uint8_t be[32];
    if (text[0] == '0' && text[1] == 'x')
        text += 2;
    if (!oro_unhex(text, strlen(text), be, n))
        return false;
    for (size_t i = 0; i < n; i++)
        le[i] = be[n - 1 - i];
    return true;
}

void
oro_identity_text(const struct oro_identity *id, char out[65])
{
    le_text(id->le, sizeof(id->le), out);
}

void
oro_connection_id_text(const struct oro_connection_id *id, char out[33])
{
    le_text(id->le, sizeof(id->le), out);
}

bool
oro_identity_parse(const char *text, struct oro_identity *out)
{
    return le_parse(text, out->le, sizeof(out->le));
}

bool
oro_connection_id_parse(const char *text, struct oro_connection_id *out)
{
    return le_parse(text, out->le, sizeof(out->le));
}

void
oro_connection_id_random(struct oro_connection_id *out)
{
    do {
        if (getrandom(out->le, sizeof(out->le), 0) != (ssize_t)sizeof(out->le))
            continue;
    } while (oro_connection_id_is_none(out));
}
