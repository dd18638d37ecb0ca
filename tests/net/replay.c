/* Runs the seeds of a fuzz target as a test: every file of the folders that are named. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(1 << 20);
    if (f == NULL || data == NULL) {
        perror(path);
        exit(1);
    }
    size_t n = fread(data, 1, 1 << 20, f);
    fclose(f);
    uint8_t *exact = malloc(n > 0 ? n : 1); /* so that the sanitizer sees a read past the end */
    for (size_t i = 0; i < n; i++)
        exact[i] = data[i];
    free(data);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

int
main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        struct dirent *e;
        while (d != NULL && (e = readdir(d)) != NULL) {
            char path[1000];
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            replay(path);
            files++;
        }
        if (d != NULL)
            closedir(d);
    }
    printf("%d seeds\n", files);
    return files > 0 ? 0 : 1;
}
