/* The seeds of fuzz_py_decode.c as a test: each as it is, cut short at every place, with every byte changed, and as a type of its
 * own. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void oro_fuzz_seeds(void (*run)(const uint8_t *data, size_t size));

#define LONGEST 200 /* of a seed that is varied: a deep one has thousands of bytes that are alike */

static unsigned long inputs;

static void
one(const uint8_t *data, size_t size)
{
    uint8_t *exact =
        malloc(size > 0 ? size : 1); /* so that the sanitizer sees a read past the end */
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    inputs++;
}

static void
vary(const uint8_t *data, size_t size)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    uint8_t copy[LONGEST];
    one(data, size);
    for (size_t n = 1; n < size && n < LONGEST; n++)
        one(data, n);
    if (size > LONGEST)
        return;
    memcpy(copy, data, size);
    for (size_t i = 1; i < size; i++) {
        for (size_t k = 0; k < sizeof(changes); k++) {
            copy[i] = data[i] ^ changes[k];
            one(copy, size);
        }
        copy[i] = data[i];
    }
    copy[0] = 255;
    one(copy, size);
}

int
main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    oro_fuzz_seeds(vary);
    printf("%lu inputs\n", inputs);
    fflush(stdout);
    _Exit(inputs > 1000 ? 0 : 1);
}
