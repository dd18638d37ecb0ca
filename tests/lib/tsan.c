/* Lets Criterion run under ThreadSanitizer.
 *
 * Its runner shares memory with the tests' processes at an address it draws by rand_r(), anywhere between 2^45 and
 * 3 * 2^45 in steps of 2^24. ThreadSanitizer lets a program have only small parts of that. This rand_r() draws from one
 * of them: 0x550000000000 to 0x554000000000, below the place where the program itself is loaded. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define UNDER_TSAN
#endif

typedef int not_empty; /* a translation unit must declare something */

#ifdef UNDER_TSAN
__attribute__((visibility("default"))) int rand_r(unsigned *seed);

int
rand_r(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return 0x350000 + (int)(*seed >> 16 & 0x3fff);
}

/* A report ends the test that it is about, as in leaks.c. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *
__tsan_default_options(void)
{
    return "halt_on_error=1:abort_on_error=1:second_deadlock_stack=1";
}
#endif
