/* runtime/base/annot.h - compiler annotations, so that a contract is checked where it can be. */
#ifndef ORO_BASE_ANNOT_H
#define ORO_BASE_ANNOT_H

#define ORO_MUST_CHECK __attribute__((warn_unused_result))
#define ORO_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define ORO_NORETURN __attribute__((noreturn))
#define ORO_LIKELY(x) __builtin_expect(!!(x), 1)
#define ORO_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ORO_CACHE_LINE 64
#define ORO_CACHE_ALIGNED __attribute__((aligned(ORO_CACHE_LINE)))
#define ORO_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object of type `type` whose member `member` is at `ptr`. */
#define ORO_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
