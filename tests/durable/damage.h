/* tests/durable/damage.h - a data folder that is spoilt file by file, and what a start makes of it: for the tests that do so while
 * it is stopped (test_damage.c) and while a server runs (test_damage_live.c). */
#ifndef ORO_TESTS_DURABLE_DAMAGE_H
#define ORO_TESTS_DURABLE_DAMAGE_H

#include "runtime/durable/backup.h"
#include "runtime/durable/durable_priv.h"
#include "tests/durable/run.h"

extern const char *const damage_lines[];
extern char *dir;

/* What the other process says. */
struct shared {
    _Atomic uint64_t confirmed; /* entries 1 to this */
    _Atomic unsigned go, trouble;
};
extern struct shared *shared;

#define BEFORE 10 /* in the tables */
#define ALL 24    /* the rest in the log */

#define MOST_FILES 16
struct kept {
    char name[256];
    uint8_t *bytes;
    size_t len;
};
extern struct kept kept[MOST_FILES]; /* the folder, kept and put back */
extern size_t nkept;

void damage_setup(void);
void damage_teardown(void);
struct run_options options(enum oro_durability mode);
uint64_t add(struct run *r, uint64_t id);
void add_some(struct run *r, uint64_t from, uint64_t to);
void first_life(void);
void in_process(void (*body)(void));
void clean_stop(void);
char *path_in(const char *name);
void write_file(const char *name, const uint8_t *bytes, size_t len);
void keep_folder(void);
void put_back(void);
void forget_kept(void);
uint64_t entries_of(struct run *r);
void expect_told(const struct oro_err *err, const char *what);
bool full_or_refused(uint64_t want, const char *what);
void put_link(const char *path);

#endif
