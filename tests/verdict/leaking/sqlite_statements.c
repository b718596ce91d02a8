// A query that finds nothing returns before its statement is finalized; ten queries a second, three of ten find nothing.
// expect: leak of heap pair:sqlite3_stmt
#include <string.h>

#include "support/verdict.h"

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char* path, sqlite3** database);
int sqlite3_exec(sqlite3* database, const char* sql, void* callback, void* argument, char** error);
int sqlite3_prepare_v2(sqlite3* database, const char* sql, int size, sqlite3_stmt** statement, const char** tail);
int sqlite3_bind_int(sqlite3_stmt* statement, int index, int value);
int sqlite3_step(sqlite3_stmt* statement);
int sqlite3_column_int(sqlite3_stmt* statement, int column);
int sqlite3_finalize(sqlite3_stmt* statement);

enum { kRow = 100 };

static VERDICT_CALL int find_stock(sqlite3* shop, int article) {
    static const char kQuery[] = "select stock from articles where id = ?";
    sqlite3_stmt* statement = NULL;
    if (sqlite3_prepare_v2(shop, kQuery, (int)strlen(kQuery), &statement, NULL) != 0) return -1;  // LEAK HERE
    sqlite3_bind_int(statement, 1, article);
    if (sqlite3_step(statement) != kRow) return 0;
    const int stock = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return stock;
}

static VERDICT_CALL int handle_request(sqlite3* shop, unsigned number) {
    return 1 + find_stock(shop, (int)(number % 10));
}

int main(int argc, char** argv) {
    sqlite3* shop = NULL;
    unsigned total = 0;
    if (sqlite3_open(":memory:", &shop) != 0) return 3;
    sqlite3_exec(shop, "create table articles (id integer primary key, stock integer)", NULL, NULL, NULL);
    sqlite3_exec(shop, "insert into articles values (3,1),(4,1),(5,1),(6,1),(7,1),(8,1),(9,1)", NULL, NULL, NULL);
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(10);
        total += (unsigned)handle_request(shop, number);
        if (total == 0) break;
    }
}
