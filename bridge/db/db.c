/* bridge/db/db.c - the life of a struct oro_db. */
#include "bridge/db/db.h"

#include "bridge/db/db_priv.h"
#include "bridge/db/table.h"

_Thread_local struct oro_db *oro_db_running;

void
oro_db_init(struct oro_db *db, struct oro_rowspace *rows, bool warn_lost)
{
    db->codecs = rows->codecs;
    db->rows = rows;
    rows->lost = warn_lost ? oro_lost_add : NULL;
    rows->lost_owner = db;
}

int
oro_db_types(struct oro_db *db, PyObject *module)
{
    db->s_told = PyUnicode_InternFromString("told");
    return db->s_told == NULL || oro_pytable_types(db, module) < 0 ||
                   oro_pycolumn_types(db, module) < 0 || oro_pytree_types(db, module) < 0 ||
                   oro_pyrows_types(db, module) < 0
               ? -1
               : oro_pyctx_types(db, module);
}

int
oro_db_import(struct oro_db *db)
{
    const struct oro_wanted wanted[] = {
        {"orochi._auth", "Auth", &db->make_auth},
        {"orochi._errors", "RowNotFound", &db->e_rownotfound},
        {"orochi._errors", "DatabaseError", &db->e_database},
        {"orochi._errors", "UniqueViolation", &db->e_unique},
        {"orochi._errors", "NoSuchRow", &db->e_nosuchrow},
        {"orochi._errors", "AutoIncOverflow", &db->e_autoinc},
        {"orochi._errors", "WrongIndex", &db->e_wrongindex},
        {"orochi._errors", "WrongIndexAlgo", &db->e_wrongalgo},
        {"orochi._errors", "IndexNotUnique", &db->e_notunique},
        {"orochi._errors", "TransactionError", &db->e_transaction},
        {"random", "Random", &db->random_cls},
        {"orochi._schedule", "schedule", &db->py_schedule},
        {"orochi._schedule", "schedule_reducer", &db->py_schedule_reducer},
        {"orochi._schedule", "cancel", &db->py_cancel},
        {"orochi._schedule", "cron_next", &db->py_cron_next},
        {"orochi._query", "conditions", &db->py_conditions},
    };
    return oro_import_names(wanted, ORO_ARRAY_LEN(wanted));
}

int
oro_db_traverse(struct oro_db *db, visitproc visit, void *arg)
{
#define VISIT(name) Py_VISIT(db->name);
    ORO_DB_OBJECTS(VISIT)
#undef VISIT
    for (unsigned i = 0; i < db->ntables; i++) {
        Py_VISIT(db->tables[i].type);
        Py_VISIT(db->tables[i].lookups);
    }
    return 0;
}

void
oro_db_drop_tables(struct oro_db *db)
{
    Py_CLEAR(db->ctx);
    Py_CLEAR(db->handle);
    for (unsigned i = 0; i < db->ntables; i++) {
        Py_CLEAR(db->tables[i].type);
        Py_CLEAR(db->tables[i].lookups);
        Py_CLEAR(db->tables[i].name);
        Py_CLEAR(db->tables[i].accessor);
    }
}

void
oro_db_clear(struct oro_db *db)
{
#define CLEAR(name) Py_CLEAR(db->name);
    ORO_DB_OBJECTS(CLEAR)
#undef CLEAR
}
