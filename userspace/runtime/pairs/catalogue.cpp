#include "runtime/pairs/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/printable.h"
#include "runtime/pairs/counted_references.h"
#include "runtime/pairs/pair_grammar.h"

namespace whoholds {
namespace {

constexpr std::string_view kInCallersMemory =
    "the handle is memory of the caller's: one set up twice at the same place without an end counts as one";

// Where a library frees its own objects by another way than the public function, the calls in which it makes them are hidden.
constexpr auto kCatalogue = std::to_array<CatalogueEntry>({
    {"openssl", "SSL", "SSL_new/SSL_free", ""},
    {"openssl", "EVP_MD_CTX", "EVP_MD_CTX_new/EVP_MD_CTX_free", ""},
    {"openssl", "EVP_CIPHER_CTX", "EVP_CIPHER_CTX_new/EVP_CIPHER_CTX_free", ""},
    {"openssl", "EVP_PKEY_CTX",
     "EVP_PKEY_CTX_new,EVP_PKEY_CTX_new_id,EVP_PKEY_CTX_new_from_name,EVP_PKEY_CTX_new_from_pkey,EVP_PKEY_CTX_dup"
     "/EVP_PKEY_CTX_free",
     ""},
    {"openssl", "EVP_MAC_CTX", "EVP_MAC_CTX_new,EVP_MAC_CTX_dup/EVP_MAC_CTX_free", ""},
    {"openssl", "X509_STORE_CTX", "X509_STORE_CTX_new,X509_STORE_CTX_new_ex/X509_STORE_CTX_free", ""},

    // Each cache of connections has a handle of its own, which goes with the cache.
    {"curl", "curl_easy",
     "curl_easy_init,curl_easy_duphandle,curl_multi_init:hides,curl_easy_perform:hides,curl_share_setopt:hides"
     "/curl_easy_cleanup",
     "what callbacks of curl_easy_perform make or free is not seen"},
    {"curl", "curl_multi", "curl_multi_init/curl_multi_cleanup:ok=zero", ""},
    {"curl", "curl_share", "curl_share_init/curl_share_cleanup:ok=zero", ""},
    {"curl", "curl_url", "curl_url,curl_url_dup/curl_url_cleanup", ""},
    {"curl", "curl_slist", "curl_slist_append:old=arg1/curl_slist_free_all",
     "one for each list, by the code that appended to it last"},

    // A database that could not be opened has a handle as well, which has to be closed.
    {"sqlite", "sqlite3",
     "sqlite3_open:out2:ok=always,sqlite3_open_v2:out2:ok=always,sqlite3_open16:out2:ok=always"
     "/sqlite3_close:ok=zero,sqlite3_close_v2",
     ""},
    {"sqlite", "sqlite3_stmt",
     "sqlite3_prepare:out4,sqlite3_prepare_v2:out4,sqlite3_prepare_v3:out5,sqlite3_prepare16:out4,"
     "sqlite3_prepare16_v2:out4,sqlite3_prepare16_v3:out5,sqlite3_exec:hides/sqlite3_finalize",
     "what a callback of sqlite3_exec prepares is not seen"},
    {"sqlite", "sqlite3_backup", "sqlite3_backup_init/sqlite3_backup_finish", ""},

    {"zlib", "inflate", "inflateInit_:arg1,inflateInit2_:arg1,inflateCopy:arg1/inflateEnd", kInCallersMemory},
    {"zlib", "deflate", "deflateInit_:arg1,deflateInit2_:arg1,deflateCopy:arg1/deflateEnd", kInCallersMemory},
    {"zlib", "inflateBack", "inflateBackInit_:arg1/inflateBackEnd", kInCallersMemory},
    {"zlib", "gzFile", "gzopen,gzopen64,gzdopen/gzclose,gzclose_r,gzclose_w", ""},

    {"libpq", "PGconn", "PQconnectdb,PQconnectdbParams,PQconnectStart,PQconnectStartParams,PQsetdbLogin/PQfinish", ""},
    // PQmakeEmptyPGresult is not here: the library calls it for results that PQgetResult hands out later.
    {"libpq", "PGresult",
     "PQexec,PQexecParams,PQexecPrepared,PQprepare,PQdescribePrepared,PQdescribePortal,PQgetResult,PQfn,PQcopyResult"
     "/PQclear",
     ""},
    {"libpq", "PGcancel", "PQgetCancel/PQfreeCancel", ""},

    {"libuv", "uv_loop", "uv_loop_init:arg1/uv_loop_close:ok=zero", "uv_default_loop is one of them"},
    // A loop's own handles are never closed by uv_close.
    {"libuv", "uv_handle",
     "uv_tcp_init:arg2,uv_tcp_init_ex:arg2,uv_udp_init:arg2,uv_udp_init_ex:arg2,uv_pipe_init:arg2,uv_tty_init:arg2,"
     "uv_timer_init:arg2,uv_prepare_init:arg2,uv_check_init:arg2,uv_idle_init:arg2,uv_async_init:arg2,"
     "uv_poll_init:arg2,uv_poll_init_socket:arg2,uv_signal_init:arg2,uv_fs_event_init:arg2,uv_fs_poll_init:arg2,"
     "uv_spawn:arg2,uv_loop_init:hides/uv_close",
     ""},

    {"glib", "GDir", "g_dir_open,g_dir_open_with_errno,g_dir_new_from_dirp/g_dir_close", ""},
    {"glib", "GTimer", "g_timer_new/g_timer_destroy", ""},
    {"glib", "GChecksum", "g_checksum_new,g_checksum_copy/g_checksum_free", ""},
    {"glib", "GString",
     "g_string_new,g_string_new_len,g_string_sized_new,g_string_new_take/g_string_free,g_string_free_and_steal", ""},
    {"glib", "GQueue", "g_queue_new,g_queue_copy/g_queue_free,g_queue_free_full", ""},
    {"glib", "GOptionContext", "g_option_context_new/g_option_context_free", ""},

    // Not freopen: the stream stays the one that was opened first.
    {"stdio", "FILE",
     "fopen,fopen64,fdopen,popen,tmpfile,tmpfile64,fmemopen,open_memstream,open_wmemstream,fopencookie/fclose,pclose",
     ""},
    {"dir", "DIR", "opendir,fdopendir/closedir", ""},
    {"regex", "regex_t", "regcomp:arg1/regfree", kInCallersMemory},
    {"iconv", "iconv_t", "iconv_open:ok=not-1/iconv_close", ""},
    {"getaddrinfo", "addrinfo", "getaddrinfo:out4/freeaddrinfo", ""},

    // Every parser makes its document by xmlNewDoc or htmlNewDocNoDtD. Only a reader frees its own by other means.
    {"libxml2", "xmlDoc", "xmlNewDoc,htmlNewDocNoDtD,xmlTextReaderRead:hides/xmlFreeDoc",
     "the document of an xmlTextReader belongs to the reader and does not count"},
    {"libxml2", "xmlParserCtxt",
     "xmlNewParserCtxt,xmlNewSAXParserCtxt,htmlNewParserCtxt,htmlNewSAXParserCtxt/xmlFreeParserCtxt", ""},
    {"libxml2", "xmlXPathContext", "xmlXPathNewContext/xmlXPathFreeContext", ""},
    {"libxml2", "xmlTextReader", "xmlNewTextReader,xmlReaderWalker/xmlFreeTextReader", ""},

    // Newer versions of grpc make a connection in NewClient, older ones in DialContext, which newer ones keep for both.
    {"go", "grpc.ClientConn",
     "google.golang.org/grpc.NewClient,google.golang.org/grpc.DialContext / (*ClientConn).Close", ""},
    {"go", "firestore.Client",
     "cloud.google.com/go/firestore.NewClient,cloud.google.com/go/firestore.NewClientWithDatabase / (*Client).Close",
     ""},
    {"go", "sql.DB", "database/sql.OpenDB / (*DB).Close", ""},
});

std::string names_of_groups() {
    std::string names;
    std::string_view last;
    for (const CatalogueEntry& entry : kCatalogue) {
        if (entry.group == last) continue;
        names += (names.empty() ? "" : ", ") + std::string(entry.group);
        last = entry.group;
    }
    return names;
}

Result<void> add_selected(std::string_view word, std::vector<Pair>& pairs) {
    bool found = false;
    for (const CatalogueEntry& entry : kCatalogue) {
        if (word != entry.group && word != entry.name) continue;
        found = true;
        if (std::ranges::find(pairs, entry.name, &Pair::name) != pairs.end()) continue;
        WH_TRY(Pair pair, parse_pair(entry.text));
        pair.name = entry.name;
        pair.is_ready_made = true;
        pairs.push_back(std::move(pair));
    }
    if (found) return {};
    if (std::string refusal = reference_counting_refusal(word); !refusal.empty())
        return Error{ErrorCode::kInvalidArgument, std::move(refusal)};
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" is not in the catalogue: give --pairs one or more of {}, or names of single pairs; "
                    "--pairs list shows them all",
                    printable(word), names_of_groups())};
}

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

Result<std::vector<Pair>> select_pairs(std::string_view text) {
    std::vector<Pair> pairs;
    for (size_t start = 0; start <= text.size();) {
        const size_t comma = std::min(text.find(',', start), text.size());
        WH_TRY_VOID(add_selected(text.substr(start, comma - start), pairs));
        start = comma + 1;
    }
    return pairs;
}

std::string catalogue_text() {
    std::string text =
        "Ready pairs: --pairs takes groups and names, with commas between them; at most 16 pairs at a time.\n";
    std::string_view group;
    for (const CatalogueEntry& entry : kCatalogue) {
        if (entry.group != group) text += fmt::format("\n{}\n", entry.group);
        group = entry.group;
        text += fmt::format("  {:<16} {}\n", entry.name, entry.text);
        if (!entry.note.empty()) text += fmt::format("  {:<16}   ({})\n", "", entry.note);
    }
    text += "\nLeft out, because calls do not say what is still held:\n";
    for (const std::string_view name : counted_objects())
        text += fmt::format("  {}\n", reference_counting_refusal(name));
    return text;
}

}  // namespace whoholds
