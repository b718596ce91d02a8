// SQLite, for the pairs puppet.
#include "pairs_puppet.h"

typedef void sqlite3;
typedef void sqlite3_stmt;

enum { kReadWriteCreate = 6 };

static sqlite3* shared_database(void) {
    static sqlite3* database;
    if (!database) FN(int, sqlite3_open, const char*, sqlite3**)(":memory:", &database);
    return database;
}

static int execute(const char* sql) {
    return FN(int, sqlite3_exec, sqlite3*, const char*, void*, void*, char**)(shared_database(), sql, NULL, NULL, NULL);
}

static void* make_database(int way) {
    static const unsigned short wide[] = {':', 'm', 'e', 'm', 'o', 'r', 'y', ':', 0};
    sqlite3* database = NULL;
    if (way == 0) FN(int, sqlite3_open, const char*, sqlite3**)(":memory:", &database);
    if (way == 1) FN(int, sqlite3_open_v2, const char*, sqlite3**, int, const char*)
    (":memory:", &database, kReadWriteCreate, NULL);
    if (way == 2) FN(int, sqlite3_open16, const void*, sqlite3**)(wide, &database);
    if (way == 3)
        FN(int, sqlite3_open, const char*, sqlite3**)("/nonexistent/folder/file", &database);  // fails, with a handle
    return database;
}

static void free_database(void* database, int way) {
    sqlite3_stmt* statement = NULL;
    switch (way) {
        case 0: FN(int, sqlite3_close, sqlite3*)(database); break;
        case 1: FN(int, sqlite3_close_v2, sqlite3*)(database); break;
        case 2:  // refused while a statement is there
            FN(int, sqlite3_prepare_v2, sqlite3*, const char*, int, sqlite3_stmt**, const char**)
            (database, "select 1", -1, &statement, NULL);
            FN(int, sqlite3_close, sqlite3*)(database);
            FN(int, sqlite3_finalize, sqlite3_stmt*)(statement);
            FN(int, sqlite3_close, sqlite3*)(database);
            break;
    }
}

static void* make_statement(int way) {
    static const unsigned short wide[] = {'s', 'e', 'l', 'e', 'c', 't', ' ', '1', 0};
    sqlite3* database = shared_database();
    sqlite3_stmt* statement = NULL;
    typedef int prepare(sqlite3*, const void*, int, sqlite3_stmt**, const void**);
    typedef int prepare_v3(sqlite3*, const void*, int, unsigned, sqlite3_stmt**, const void**);
    static const char* const kNames[] = {"sqlite3_prepare",      "sqlite3_prepare_v2", "sqlite3_prepare16",
                                         "sqlite3_prepare16_v2", "sqlite3_prepare_v3", "sqlite3_prepare16_v3"};
    void* function = pairs_symbol(kNames[way]);
    const int is_wide = way == 2 || way == 3 || way == 5;
    const void* sql = is_wide ? (const void*)wide : "select 1";
    if (way < 4)
        ((prepare*)function)(database, sql, -1, &statement, NULL);
    else
        ((prepare_v3*)function)(database, sql, -1, 0, &statement, NULL);
    return statement;
}

static void free_statement(void* statement, int way) {
    (void)way;
    FN(int, sqlite3_finalize, sqlite3_stmt*)(statement);
}

// What prepares inside: exec, tables of the library's own, a blob, an empty statement, one that fails.
static void use_statements(void) {
    execute("create table if not exists numbers(value)");
    execute("insert into numbers values(1); insert into numbers values(zeroblob(10)); select * from numbers");
    execute("create virtual table if not exists texts using fts5(body)");
    execute("insert into texts values('one two'); select * from texts where texts match 'two'");
    execute("vacuum");
    execute("no statement");
    sqlite3_stmt* statement = NULL;
    FN(int, sqlite3_prepare_v2, sqlite3*, const char*, int, sqlite3_stmt**, const char**)
    (shared_database(), "-- only a comment", -1, &statement, NULL);
    FN(int, sqlite3_prepare_v2, sqlite3*, const char*, int, sqlite3_stmt**, const char**)
    (shared_database(), "select nothing from nowhere", -1, &statement, NULL);
    char** rows = NULL;
    FN(int, sqlite3_get_table, sqlite3*, const char*, char***, int*, int*, char**)
    (shared_database(), "select 1", &rows, NULL, NULL, NULL);
    FN(void, sqlite3_free_table, char**)(rows);
    execute("drop table texts");  // statements of the virtual table
}

static void* make_backup(int way) {
    static sqlite3* to;
    (void)way;
    FN(int, sqlite3_open, const char*, sqlite3**)(":memory:", &to);
    return FN(void*, sqlite3_backup_init, sqlite3*, const char*, sqlite3*, const char*)(to, "main", shared_database(),
                                                                                        "main");
}

static void free_backup(void* backup, int way) {
    (void)way;
    FN(int, sqlite3_backup_finish, void*)(backup);
}

const struct pair_case kDatabaseCases[] = {
    {"sqlite3", "libsqlite3.so.0", 4, 3, make_database, free_database, NULL},
    {"sqlite3_stmt", "libsqlite3.so.0", 6, 1, make_statement, free_statement, use_statements},
    {"sqlite3_backup", "libsqlite3.so.0", 1, 1, make_backup, free_backup, use_statements},
    {0},
};
