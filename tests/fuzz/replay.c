/* Runs the seeds of a fuzz target as a test, with every compiler and sanitizer: each file of the folders that are named as it
 * is, cut short at every place, with every byte changed, and in random mutations that are the same in every run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST 300 /* of a seed that is cut and changed everywhere */
#define RANDOM 1500 /* mutations of each seed */
#define MORE 64     /* bytes by which a mutation may grow */

struct seed {
    uint8_t *data;
    size_t size;
};

static struct seed *seeds;
static size_t nseeds;
static unsigned long inputs;
static uint64_t state = 0x9e3779b97f4a7c15;

static size_t
below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n > 0 ? (size_t)(state >> 11) % n : 0;
}

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
everywhere(const struct seed *s)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    uint8_t copy[LONGEST];
    for (size_t n = 0; n < s->size && n < LONGEST; n++)
        one(s->data, n);
    if (s->size > LONGEST)
        return;
    memcpy(copy, s->data, s->size);
    for (size_t i = 0; i < s->size; i++) {
        for (size_t k = 0; k < sizeof(changes); k++) {
            copy[i] = s->data[i] ^ changes[k];
            one(copy, s->size);
        }
        copy[i] = s->data[i];
    }
}

/* One change of n bytes in a buffer that has room for `room`. */
static size_t
mutate(uint8_t *p, size_t n, size_t room)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '"', '\\', '.', '\r', '\n'};
    size_t at = below(n), k = below(9) + 1;
    switch (below(5)) {
    case 0:
        if (n > 0)
            p[at] = (uint8_t)below(256);
        return n;
    case 1:
        if (n > 0)
            p[at] = odd[below(sizeof(odd))];
        return n;
    case 2: /* take out */
        k = k < n - at ? k : n - at;
        memmove(p + at, p + at + k, n - at - k);
        return n - k;
    case 3: /* double */
        if (n + k > room || at + k > n)
            return n;
        memmove(p + at + k, p + at, n - at);
        return n + k;
    default: { /* from another seed */
        const struct seed *other = &seeds[below(nseeds)];
        size_t from = below(other->size);
        k = k * 4 < other->size - from ? k * 4 : other->size - from;
        if (at + k > room)
            return n;
        memcpy(p + at, other->data + from, k);
        return at + k > n ? at + k : n;
    }
    }
}

static void
at_random(const struct seed *s)
{
    size_t room = s->size + MORE;
    uint8_t *copy = malloc(room);
    if (copy == NULL)
        abort();
    for (int i = 0; i < RANDOM; i++) {
        size_t n = s->size;
        memcpy(copy, s->data, n);
        for (size_t k = below(6) + 1; k > 0; k--)
            n = mutate(copy, n, room);
        one(copy, n);
    }
    free(copy);
}

static void
load(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    seeds = realloc(seeds, (nseeds + 1) * sizeof(*seeds));
    if (f == NULL || data == NULL || seeds == NULL) {
        perror(path);
        exit(1);
    }
    seeds[nseeds++] = (struct seed){data, fread(data, 1, 1 << 20, f)};
    fclose(f);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void
load_folder(const char *folder)
{
    struct dirent **files;
    int n = scandir(folder, &files, NULL, by_name); /* the order decides what is mutated how */
    for (int i = 0; i < n; i++) {
        char path[1000];
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]->d_name);
        if (files[i]->d_name[0] != '.')
            load(path);
        free(files[i]);
    }
    if (n >= 0)
        free(files);
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        load_folder(argv[i]);
    for (size_t i = 0; i < nseeds; i++) {
        one(seeds[i].data, seeds[i].size);
        everywhere(&seeds[i]);
        at_random(&seeds[i]);
    }
    printf("%zu seeds, %lu inputs\n", nseeds, inputs);
    fflush(stdout);
    _Exit(nseeds > 0 ? 0 : 1); /* what the targets keep for the whole run is no leak */
}
