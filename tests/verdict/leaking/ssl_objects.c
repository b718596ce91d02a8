// A TLS object for each connection attempt; those whose handshake fails are not freed. Six a second, one of three fails.
// expect: leak of heap pair:SSL
#include "support/verdict.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
const SSL_METHOD* TLS_client_method(void);
SSL_CTX* SSL_CTX_new(const SSL_METHOD* method);
SSL* SSL_new(SSL_CTX* context);
int SSL_set_fd(SSL* tls, int descriptor);
int SSL_connect(SSL* tls);
void SSL_free(SSL* tls);
void ERR_clear_error(void);

static VERDICT_CALL SSL* begin_handshake(SSL_CTX* context) {
    SSL* tls = SSL_new(context);  // LEAK HERE
    if (!tls) abort();
    SSL_set_fd(tls, STDOUT_FILENO);
    return tls;
}

static VERDICT_CALL int connect_upstream(SSL_CTX* context, unsigned attempt) {
    SSL* tls = begin_handshake(context);
    if (attempt % 3 == 0) {  // refused
        ERR_clear_error();
        return -1;
    }
    SSL_free(tls);
    return 0;
}

int main(int argc, char** argv) {
    unsigned long failed = 0;
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (!context) return 3;
    verdict_start(argc, argv);
    for (unsigned attempt = 0;; attempt++) {
        verdict_pace(6);
        failed += connect_upstream(context, attempt) != 0;
        if (failed == (unsigned long)-1) break;
    }
}
