#include "runtime/log/confirmed.h"

#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/base/crc.h"

static const char magic[8] = {'o', 'r', 'o', 'c', 'h', 'i', ' ', 'c'};

/* As it is in the file; integers little-endian, as on every machine that this runs on. */
struct image {
    char magic[8];
    char log_id[36];
    char boot_id[40];
    uint32_t synced;
    uint64_t offset;
    uint32_t reserved[3];
    uint32_t sum; /* of what is before it */
};
static_assert(sizeof(struct image) == 112, "no padding");

static void
image_seal(struct image *i)
{
    i->sum = crc32c(0, oro_bytes(i, offsetof(struct image, sum)));
}

static struct image
image_of(const struct confirmed *c)
{
    struct image i = {.synced = c->synced, .offset = c->offset};
    memcpy(i.magic, magic, sizeof(magic));
    memcpy(i.log_id, c->log_id, sizeof(c->log_id));
    memcpy(i.boot_id, c->boot_id, sizeof(c->boot_id));
    image_seal(&i);
    return i;
}

char *
confirmed_path_of(const char *path)
{
    return oro_asprintf("%s-confirmed", path);
}

bool
confirmed_read(const char *path, struct confirmed *out)
{
    struct image i;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, &i, sizeof(i));
    close(fd);
    bool whole = n == (ssize_t)sizeof(i) && memcmp(i.magic, magic, sizeof(magic)) == 0 &&
                 i.sum == crc32c(0, oro_bytes(&i, offsetof(struct image, sum)));
    if (!whole) {
        oro_log(ORO_LOG_WARN, "durable",
                "%s is damaged: whether the log beside it is complete to the last transaction "
                "cannot be told",
                path);
        return false;
    }
    *out = (struct confirmed){.synced = i.synced != 0, .offset = i.offset};
    memcpy(out->log_id, i.log_id, sizeof(out->log_id) - 1);
    memcpy(out->boot_id, i.boot_id, sizeof(out->boot_id) - 1);
    return true;
}

/* Empty where the system has none. */
static void
read_boot_id(char out[37])
{
    char *text = NULL;
    memset(out, 0, 37);
    if (oro_file_get("/proc/sys/kernel/random/boot_id", 128, &text, NULL) != ORO_OK)
        return;
    text[strcspn(text, "\n")] = '\0';
    snprintf(out, 37, "%s", text);
    oro_free(text);
}

struct confirmed
confirmed_now(const char *log_id, bool synced, uint64_t offset)
{
    struct confirmed c = {.synced = synced, .offset = offset};
    snprintf(c.log_id, sizeof(c.log_id), "%s", log_id);
    read_boot_id(c.boot_id);
    return c;
}

bool
confirmed_is_exact(const struct confirmed *c)
{
    char boot[37];
    read_boot_id(boot);
    return boot[0] != '\0' && strcmp(boot, c->boot_id) == 0;
}

bool
confirmed_holds(const struct confirmed *c)
{
    return c->synced || confirmed_is_exact(c);
}

oro_status
confirmed_make(const char *path, const struct confirmed *c, int *fd, struct oro_err *err)
{
    struct image i = image_of(c);
    oro_status st = oro_file_put(path, oro_bytes(&i, sizeof(i)), err);
    if (st != ORO_OK)
        return st;
    *fd = open(path, O_WRONLY | O_CLOEXEC);
    return *fd >= 0 ? ORO_OK : oro_err_set(err, ORO_EIO, "cannot open %s: %m", path);
}

void
confirmed_write(int fd, struct confirmed *c, uint64_t offset)
{
    c->offset = offset;
    struct image i = image_of(c);
    if (pwrite(fd, &i, sizeof(i), 0) != (ssize_t)sizeof(i))
        oro_log_limited(ORO_LOG_WARN, "durable", "the file of what was confirmed: %m");
}
