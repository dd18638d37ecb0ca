/* runtime/base/assert.h - for what only our own bug can cause; stays on in release builds.
 * What a client or a module can cause is an oro_status instead. */
#ifndef ORO_BASE_ASSERT_H
#define ORO_BASE_ASSERT_H

#include "runtime/base/annot.h"

ORO_NORETURN void oro_assert_fail(const char *expr, const char *file, int line);

#define ORO_ASSERT(expr)                                \
    do {                                                \
        if (ORO_UNLIKELY(!(expr)))                      \
            oro_assert_fail(#expr, __FILE__, __LINE__); \
    } while (0)

/* For what is asked so often that a release is not to pay for it: threads and locks on hot paths. */
#ifndef ORO_DEBUG
#define ORO_ASSERT_DEBUG(expr) ((void)sizeof(!(expr)))
#else
#define ORO_ASSERT_DEBUG(expr) ORO_ASSERT(expr)
#endif

#endif
