#include "runtime/pairs/counted_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/printable.h"

namespace whoholds {
namespace {

constexpr std::string_view kInstead = "; --kind heap shows the memory behind such objects by the code that made them";

// Functions whose very purpose is to count.
constexpr auto kCountingEnds = std::to_array<std::string_view>({
    "_up_ref",
    "_ref",
    "_unref",
    "_ref_sink",
    "_addref",
    "_add_ref",
    "_incref",
    "_decref",
    "_retain",
    "IncRef",
    "DecRef",
    "AddRef",
    "up_ref",
});

struct CountedObject {
    std::string_view name;
    std::string_view taken_by;
    std::string_view why;
};

// Objects whose free is called once for each reference, most of which the library takes itself.
constexpr auto kObjects = std::to_array<CountedObject>({
    {"SSL_CTX", "SSL_CTX_new,SSL_CTX_new_ex,SSL_CTX_free", "every SSL made from it holds one reference"},
    {"BIO", "BIO_new,BIO_new_ex,BIO_free,BIO_free_all,BIO_vfree", "SSL_set_bio takes a second one for both directions"},
    {"X509", "X509_new,X509_new_ex,X509_free", "stores, contexts and connections hold references of their own"},
    {"X509_CRL", "X509_CRL_new,X509_CRL_free", "stores hold references of their own"},
    {"X509_STORE", "X509_STORE_new,X509_STORE_free", "contexts hold references of their own"},
    {"EVP_PKEY", "EVP_PKEY_new,EVP_PKEY_free", "contexts and certificates hold references of their own"},
    {"SSL_SESSION", "SSL_SESSION_new,SSL_get1_session,SSL_SESSION_free",
     "the cache of sessions holds a reference of its own"},
    {"RSA", "RSA_new,RSA_free", "an EVP_PKEY holds a reference of its own"},
    {"DH", "DH_new,DH_free", "an EVP_PKEY holds a reference of its own"},
    {"DSA", "DSA_new,DSA_free", "an EVP_PKEY holds a reference of its own"},
    {"EC_KEY", "EC_KEY_new,EC_KEY_new_by_curve_name,EC_KEY_free", "an EVP_PKEY holds a reference of its own"},
    {"EVP_MD", "EVP_MD_fetch,EVP_MD_free", "contexts hold references of their own"},
    {"EVP_CIPHER", "EVP_CIPHER_fetch,EVP_CIPHER_free", "contexts hold references of their own"},
    {"GObject", "g_object_new,g_object_new_with_properties", "g_object_ref and g_object_unref decide when it goes"},
    {"dlopen", "dlopen,dlmopen,dlclose",
     "a library that is opened twice gives the same handle twice, and stays until it is closed as often"},
});

bool is_listed(std::string_view list, std::string_view symbol) {
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        if (list.substr(0, comma) == symbol) return true;
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return false;
}

}  // namespace

std::vector<std::string_view> counted_objects() {
    std::vector<std::string_view> names;
    for (const CountedObject& object : kObjects) names.push_back(object.name);
    return names;
}

std::string reference_counting_refusal(std::string_view name) {
    for (const std::string_view end : kCountingEnds) {
        if (name.ends_with(end))
            return fmt::format("{} counts references: how often it is called does not say what is still held{}",
                               printable(name), kInstead);
    }
    for (const CountedObject& object : kObjects) {
        if (is_listed(object.taken_by, name) || name == object.name)
            return fmt::format("{} counts references ({}): calls do not say what is still held{}", object.name,
                               object.why, kInstead);
    }
    return {};
}

}  // namespace whoholds
