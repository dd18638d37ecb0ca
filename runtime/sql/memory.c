/* SQLite's allocator with a limit for a while: of what the thread takes and has not given back since the beginning. Memory of
 * one engine is taken and given back on the thread that uses it, but for what it has before and keeps after. */
#include "runtime/sql/sql_priv.h"

#include "runtime/base/mem.h"

static sqlite3_mem_methods below; /* written once, before any thread */
static bool installed;

static _Thread_local struct {
    bool limited, refused;
    int64_t taken, most;
} mine;

static bool
may_take(int64_t n)
{
    if (!mine.limited)
        return true;
    if (mine.taken + n > mine.most) {
        mine.refused = true;
        return false;
    }
    mine.taken += n;
    return true;
}

static void *
limited_malloc(int n)
{
    if (!may_take(n))
        return NULL;
    void *p = below.xMalloc(n);
    if (mine.limited)
        mine.taken += (p != NULL ? below.xSize(p) : 0) - n;
    return p;
}

static void
limited_free(void *p)
{
    if (mine.limited && p != NULL)
        mine.taken -= below.xSize(p);
    below.xFree(p);
}

static void *
limited_realloc(void *p, int n)
{
    int had = mine.limited && p != NULL ? below.xSize(p) : 0;
    if (n > had && !may_take(n - had))
        return NULL;
    void *q = below.xRealloc(p, n);
    if (mine.limited)
        mine.taken += (q != NULL ? below.xSize(q) : had) - (n > had ? n : had);
    return q;
}

void
oro_sql_init(void)
{
    if (installed)
        return;
    int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below);
    sqlite3_mem_methods ours = below;
    ours.xMalloc = limited_malloc;
    ours.xFree = limited_free;
    ours.xRealloc = limited_realloc;
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &ours);
    installed = rc == SQLITE_OK; /* else the Python that we are part of has used SQLite already */
}

void
sql_memory_begin(uint64_t most)
{
    mine.limited = most > 0 && installed;
    mine.refused = false;
    mine.taken = 0;
    mine.most = (int64_t)most;
}

bool
sql_memory_end(void)
{
    mine.limited = false;
    return mine.refused;
}
