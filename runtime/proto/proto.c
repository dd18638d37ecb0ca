/* Which subprotocols there are. */
#include "runtime/proto/proto.h"

#include <string.h>

/* In the order in which we choose. */
static const struct oro_proto *const ours[] = {&oro_proto_v3, &oro_proto_v2, &oro_proto_v1};

bool
oro_proto_offers(const char *offered, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = offered; p != NULL;
         p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL) {
        p += strspn(p, " \t");
        if (strncmp(p, word, n) == 0 && (p[n] == '\0' || strchr(", \t", p[n]) != NULL))
            return true;
    }
    return false;
}

const struct oro_proto *
oro_proto_choose(const char *offered)
{
    for (size_t i = 0; i < ORO_ARRAY_LEN(ours); i++)
        if (oro_proto_offers(offered, ours[i]->name))
            return ours[i];
    return NULL;
}
