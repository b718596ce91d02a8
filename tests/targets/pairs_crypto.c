// OpenSSL, for the pairs puppet.
#include "pairs_puppet.h"

static void* ssl_context(void) {
    static void* context;
    if (!context) context = FN(void*, SSL_CTX_new, void*)(FN(void*, TLS_method, void)());
    return context;
}

static void* make_ssl(int way) {
    (void)way;
    return FN(void*, SSL_new, void*)(ssl_context());
}

static void free_ssl(void* ssl, int way) {
    (void)way;
    FN(void, SSL_free, void*)(ssl);
}

// A BIO that owns its connection, and a connection that owns its BIOs.
static void use_ssl(void) {
    void* bio = FN(void*, BIO_new_ssl, void*, int)(ssl_context(), 1);
    FN(void, BIO_free_all, void*)(bio);
    void* ssl = make_ssl(0);
    FN(int, SSL_set_fd, void*, int)(ssl, 0);
    free_ssl(ssl, 0);
}

static void* make_md(int way) {
    void* context = FN(void*, EVP_MD_CTX_new, void)();
    if (way == 1) FN(int, EVP_DigestInit_ex, void*, const void*, void*)(context, FN(void*, EVP_sha256, void)(), NULL);
    return context;
}

static void free_md(void* context, int way) {
    (void)way;
    FN(void, EVP_MD_CTX_free, void*)(context);
}

static void use_md(void) {
    unsigned char out[64];
    unsigned size = 0;
    FN(int, EVP_Digest, const void*, size_t, unsigned char*, unsigned*, const void*, void*)
    ("abc", 3, out, &size, FN(void*, EVP_sha256, void)(), NULL);
    FN(unsigned char*, HMAC, const void*, const void*, int, const void*, size_t, unsigned char*, unsigned*)
    (FN(void*, EVP_sha256, void)(), "key", 3, "abc", 3, out, &size);
    FN(int, RAND_bytes, unsigned char*, int)(out, sizeof out);
}

static void* make_cipher(int way) {
    void* context = FN(void*, EVP_CIPHER_CTX_new, void)();
    static const unsigned char key[32];
    if (way == 1) FN(int, EVP_EncryptInit_ex, void*, const void*, void*, const unsigned char*, const unsigned char*)
    (context, FN(void*, EVP_aes_128_cbc, void)(), NULL, key, key);
    return context;
}

static void free_cipher(void* context, int way) {
    (void)way;
    FN(void, EVP_CIPHER_CTX_free, void*)(context);
}

enum { kRsa = 6, kEc = 408 };  // NIDs

static void* make_pkey(int way) {
    if (way == 0) return FN(void*, EVP_PKEY_CTX_new_id, int, void*)(kRsa, NULL);
    if (way == 1) return FN(void*, EVP_PKEY_CTX_new_from_name, void*, const char*, const char*)(NULL, "X25519", NULL);
    void* first = FN(void*, EVP_PKEY_CTX_new_from_name, void*, const char*, const char*)(NULL, "X25519", NULL);
    void* second = FN(void*, EVP_PKEY_CTX_dup, const void*)(first);
    FN(void, EVP_PKEY_CTX_free, void*)(first);
    if (!second) return FN(void*, EVP_PKEY_CTX_new_id, int, void*)(kEc, NULL);
    return second;
}

static void free_pkey(void* context, int way) {
    (void)way;
    FN(void, EVP_PKEY_CTX_free, void*)(context);
}

// Makes a key, signs and verifies: contexts of all kinds come and go inside.
static void use_pkey(void) {
    void* key = NULL;
    void* context = FN(void*, EVP_PKEY_CTX_new_id, int, void*)(kEc, NULL);
    FN(int, EVP_PKEY_keygen_init, void*)(context);
    FN(int, EVP_PKEY_CTX_set_ec_paramgen_curve_nid, void*, int)(context, 415);
    FN(int, EVP_PKEY_keygen, void*, void**)(context, &key);
    free_pkey(context, 0);
    unsigned char out[256];
    size_t size = sizeof out;
    void* digest = make_md(0);
    FN(int, EVP_DigestSignInit, void*, void**, const void*, void*, void*)
    (digest, NULL, FN(void*, EVP_sha256, void)(), NULL, key);
    FN(int, EVP_DigestSign, void*, unsigned char*, size_t*, const unsigned char*, size_t)
    (digest, out, &size, (const unsigned char*)"abc", 3);
    free_md(digest, 0);
    FN(void, EVP_PKEY_free, void*)(key);
}

static void* make_mac(int way) {
    void* mac = FN(void*, EVP_MAC_fetch, void*, const char*, const char*)(NULL, "HMAC", NULL);
    void* context = FN(void*, EVP_MAC_CTX_new, void*)(mac);
    FN(void, EVP_MAC_free, void*)(mac);
    if (way == 0) return context;
    void* copy = FN(void*, EVP_MAC_CTX_dup, const void*)(context);
    FN(void, EVP_MAC_CTX_free, void*)(context);
    return copy;
}

static void free_mac(void* context, int way) {
    (void)way;
    FN(void, EVP_MAC_CTX_free, void*)(context);
}

static void* make_store(int way) {
    if (way == 0) return FN(void*, X509_STORE_CTX_new, void)();
    return FN(void*, X509_STORE_CTX_new_ex, void*, const char*)(NULL, NULL);
}

static void free_store(void* context, int way) {
    (void)way;
    FN(void, X509_STORE_CTX_free, void*)(context);
}

#define SSL_LIBRARY "libssl.so.3"
const struct pair_case kCryptoCases[] = {
    {"SSL", SSL_LIBRARY, 1, 1, make_ssl, free_ssl, use_ssl},
    {"EVP_MD_CTX", SSL_LIBRARY, 2, 1, make_md, free_md, use_md},
    {"EVP_CIPHER_CTX", SSL_LIBRARY, 2, 1, make_cipher, free_cipher, use_md},
    {"EVP_PKEY_CTX", SSL_LIBRARY, 3, 1, make_pkey, free_pkey, use_pkey},
    {"EVP_MAC_CTX", SSL_LIBRARY, 2, 1, make_mac, free_mac, use_md},
    {"X509_STORE_CTX", SSL_LIBRARY, 2, 1, make_store, free_store, NULL},
    {0},
};
