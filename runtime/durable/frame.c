/* What the tables are, once more, in a small file beside them (NAME.db-frame): where the tables begin, which SQLite keeps on the
 * first page, and our catalog. Without either, rows that are whole on their pages would be bytes that nobody can name. It is SQL,
 * in two parts, behind a line with a checksum; written when the files are opened and after each checkpoint, and read
 * by `orochi repair` alone, where the tables' own file does not say it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/crc.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/durable/durable_priv.h"

#define HEAD "orochi frame 1 %08x\n"
#define HEAD_LEN 24
#define DIVIDER "\n-- catalog\n"
#define MOST ((size_t)64 << 20)

static const char pages_sql[] =
    "SELECT coalesce(group_concat('INSERT INTO sqlite_schema VALUES (' || quote(type) || ', ' || "
    "quote(name) || ', ' || quote(tbl_name) || ', ' || rootpage || ', ' || quote(sql) || ');', "
    "char(10)), '') FROM sqlite_schema";

static const char catalog_sql[] =
    "SELECT coalesce(group_concat(line, char(10)), '') FROM ("
    "SELECT 'INSERT OR REPLACE INTO _orochi_meta VALUES (' || quote(key) || ', ' || quote(value) "
    "|| ');' AS line FROM _orochi_meta UNION ALL "
    "SELECT 'INSERT OR REPLACE INTO _orochi_schema VALUES (' || id || ', ' || quote(name) || ', ' "
    "|| quote(sql_name) || ', ' || pk || ');' FROM _orochi_schema UNION ALL "
    "SELECT 'INSERT OR REPLACE INTO _orochi_columns VALUES (' || table_id || ', ' || position || "
    "', ' || quote(name) || ', ' || quote(type) || ', ' || quote(initial) || ');' FROM "
    "_orochi_columns UNION ALL "
    "SELECT 'INSERT OR REPLACE INTO _orochi_types VALUES (' || position || ', ' || quote(type) || "
    "');' FROM _orochi_types)";

char *
frame_path_of(const char *path)
{
    return oro_asprintf("%s-frame", path);
}

void
frame_keep(struct oro_durable *d)
{
    struct oro_err err = {0};
    char *pages = NULL, *catalog = NULL, *path = frame_path_of(d->path), head[HEAD_LEN + 1];
    oro_status st = db_text(d->tables, pages_sql, &pages, &err);
    if (st == ORO_OK)
        st = db_text(d->tables, catalog_sql, &catalog, &err);
    if (st == ORO_OK && pages != NULL && catalog != NULL) {
        struct oro_bb text = {0};
        oro_bb_printf(&text, "%s" DIVIDER "%s", pages, catalog);
        snprintf(head, sizeof(head), HEAD, crc32c(0, oro_bb_bytes(&text)));
        struct oro_bb all = {0};
        oro_bb_put_bytes(&all, oro_bytes_str(head));
        oro_bb_put_bytes(&all, oro_bb_bytes(&text));
        st = oro_file_put(path, oro_bb_bytes(&all), &err);
        oro_bb_fini(&all);
        oro_bb_fini(&text);
    }
    if (st != ORO_OK) /* nothing of the data depends on it */
        oro_log_limited(ORO_LOG_WARN, "durable", "%s: %s; repairing would save less", path,
                        err.text);
    oro_free(path);
    oro_free(pages);
    oro_free(catalog);
}

bool
frame_read(const char *of, struct frame *f)
{
    char *path = frame_path_of(of), *text = NULL, *end;
    bool fine = oro_file_get(path, MOST, &text, NULL) == ORO_OK && strlen(text) > HEAD_LEN &&
                strncmp(text, HEAD, 15) == 0 && text[HEAD_LEN - 1] == '\n';
    oro_free(path);
    if (fine)
        fine = strtoul(text + 15, NULL, 16) == crc32c(0, oro_bytes_str(text + HEAD_LEN));
    end = fine ? strstr(text, DIVIDER) : NULL;
    if (end == NULL) {
        oro_free(text);
        return false;
    }
    *end = '\0';
    *f = (struct frame){.text = text, .pages = text + HEAD_LEN, .catalog = end + strlen(DIVIDER)};
    return true;
}
