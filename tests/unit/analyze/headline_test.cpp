#include "analyze/headline.h"

#include <gtest/gtest.h>

#include <vector>

namespace whoholds {
namespace {

constexpr const char* kExe = "/opt/shop/api";
constexpr const char* kLibc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
constexpr const char* kStdcxx = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30";
constexpr const char* kSsl = "/usr/lib/x86_64-linux-gnu/libssl.so.3";

Frame frame(std::string function, std::string module) {
    Frame result;
    result.function = std::move(function);
    result.module = std::move(module);
    return result;
}

TEST(Headline, tells_wrappers_from_their_users) {
    const struct {
        const char* function;
        bool wrapper;
    } kCases[] = {
        {"malloc", true},
        {"xmalloc", true},
        {"xmalloc.part.0", true},
        {"g_malloc0", true},
        {"g_malloc0_n", true},
        {"xnmalloc", true},
        {"g_strdup", true},
        {"g_strdup_printf", true},
        {"xstrdup", true},
        {"sqlite3Malloc", true},
        {"CRYPTO_malloc", true},
        {"PyMem_RawMalloc", true},
        {"ztrymalloc_usable_internal", true},
        {"je_malloc_default", true},
        {"Pool::xcalloc(unsigned long)", true},
        {"operator new", true},
        {"operator new[](unsigned long, std::align_val_t)", true},
        {"shop::Order::operator new", true},
        {"shop::Order::operator new[](unsigned long)", true},
        {"std::vector<std::string>::push_back", true},
        {"void std::__introsort_loop<int*, long>(int*, int*, long)", true},
        {"__gnu_cxx::new_allocator<char>::allocate", true},
        {"alloc::vec::Vec<T>::push", true},
        {"<alloc::string::String as core::clone::Clone>::clone", true},
        {"__rust_alloc", true},
        {"malloc_user", false},
        {"main", false},
        {"", false},
        {"api::Session::Session(std::string const&)", false},
        {"std_logger::open", false},
        {"api::handle<std::string>(std::string)", false},
        {"api::Cache::operator new_thing", false},
        {"recalloc_pools", false},
        {"shop::Order* shop::make<std::vector<int> >(int)", false},
    };
    for (const auto& c : kCases) {
        EXPECT_EQ(is_allocator_wrapper(c.function), c.wrapper) << c.function;
    }
}

TEST(Headline, knows_runtime_modules_by_file_name) {
    for (const char* path :
         {"/lib/x86_64-linux-gnu/libc.so.6", "/lib/libc-2.31.so", "/lib64/ld-linux-x86-64.so.2",
          "/lib/ld-musl-x86_64.so.1", "/lib/libc.musl-x86_64.so.1", "/usr/lib/libc++.so.1", "/usr/lib/libc++abi.so.1.0",
          "/opt/any/libjemalloc.so.2", "/usr/lib/libtcmalloc_minimal.so.4", "/usr/lib/libmimalloc.so.2.0",
          "/usr/lib/libgcc_s.so.1", "[vdso]"}) {
        EXPECT_TRUE(is_runtime_module(path)) << path;
    }
    for (const char* path : {"", "/usr/bin/ld", "/opt/libc", "/usr/lib/libcurl.so.4", "/usr/lib/libmagic.so.1",
                             "/usr/lib/libcrypto.so.3", "/usr/lib/libdlib.so.19", "[jit]", "/opt/shop/api"}) {
        EXPECT_FALSE(is_runtime_module(path)) << path;
    }
}

TEST(Headline, takes_the_innermost_frame_of_the_main_executable) {
    const std::vector<Frame> frames = {frame("operator new", kStdcxx), frame("std::string::reserve", kExe),
                                       frame("shop::add_item", kExe), frame("main", kExe),
                                       frame("__libc_start_main", kLibc)};

    EXPECT_EQ(headline_frame(frames, kExe), 2U);
    EXPECT_EQ(headline_of(frames, kExe), "shop::add_item");
}

TEST(Headline, prefers_the_executable_to_libraries_of_the_system) {
    const std::vector<Frame> frames = {frame("CRYPTO_malloc", kSsl), frame("SSL_new", kSsl),
                                       frame("accept_client", kExe), frame("main", kExe)};

    EXPECT_EQ(headline_of(frames, kExe), "accept_client");
}

TEST(Headline, takes_a_library_that_the_user_installed) {
    const std::vector<Frame> frames = {frame("SSL_new", kSsl), frame("plugin_open", "/opt/shop/plugins/tls.so"),
                                       frame("main", kExe)};

    EXPECT_EQ(headline_of(frames, kExe), "plugin_open");
}

TEST(Headline, takes_an_executable_that_lives_among_the_system_libraries) {
    const std::string postgres = "/usr/lib/postgresql/15/bin/postgres";
    const std::vector<Frame> frames = {frame("malloc", kLibc), frame("AllocSetAlloc", postgres),
                                       frame("main", postgres)};

    EXPECT_EQ(headline_of(frames, postgres), "AllocSetAlloc");
}

TEST(Headline, falls_back_to_a_library_when_no_user_code_is_on_the_stack) {
    const std::vector<Frame> frames = {frame("CRYPTO_malloc", kSsl), frame("SSL_new", kSsl),
                                       frame("start_thread", kLibc)};

    EXPECT_EQ(headline_of(frames, kExe), "SSL_new");
}

TEST(Headline, falls_back_to_the_outermost_wrapper_then_to_frame_0) {
    const std::vector<Frame> wrappers = {frame("xmalloc", kExe), frame("xstrdup", kExe), frame("_start", kExe)};
    const std::vector<Frame> libc = {frame("__fopen_internal", kLibc), frame("start_thread", kLibc)};

    EXPECT_EQ(headline_of(wrappers, kExe), "xstrdup");
    EXPECT_EQ(headline_of(libc, kExe), "__fopen_internal");
    EXPECT_EQ(headline_of(std::vector<Frame>{frame("calloc", kLibc), frame("allocate_dtv", kLibc)}, kExe),
              "allocate_dtv");
}

TEST(Headline, passes_over_rusts_library_wherever_it_is_compiled_in) {
    Frame library = frame("<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem", kExe);
    library.file = "/rustc/4a4ef493/library/alloc/src/vec/spec_from_elem.rs";

    EXPECT_EQ(headline_of(std::vector<Frame>{library, frame("app::remember", kExe)}, kExe), "app::remember");
}

TEST(Headline, names_frames_without_symbols) {
    Frame unnamed = frame("", kExe);
    unnamed.module_address = 0x1a2b;
    Frame unmapped;
    unmapped.address = 0x7f00;

    EXPECT_EQ(headline_of(std::vector<Frame>{frame("malloc", kLibc), unnamed}, kExe), "api+0x1a2b");
    EXPECT_EQ(headline_of(std::vector<Frame>{unmapped}, kExe), "0x7f00");
    EXPECT_EQ(headline_of({}, kExe), "");
    EXPECT_EQ(headline_frame({}, kExe), 0U);
}

Frame script_frame(std::string function, int line, ScriptOrigin origin = ScriptOrigin::kUser) {
    Frame result = frame(std::move(function), "[javascript]");
    result.file = "/srv/app.js";
    result.line = line;
    result.script = origin;
    return result;
}

TEST(Headline, of_javascript_it_is_who_made_an_object_and_not_its_constructor) {
    const std::vector<Frame> made = {script_frame("new Document", 4), script_frame("new Order", 9),
                                     script_frame("placeOrder", 20), script_frame("turn", 30)};
    const std::vector<Frame> by_callback = {script_frame("(anonymous)", 5), script_frame("new Order", 5),
                                            script_frame("placeOrder", 20)};
    const std::vector<Frame> by_library = {script_frame("new Session", 4),
                                           script_frame("emit", 5, ScriptOrigin::kStandard), script_frame("serve", 30)};
    const std::vector<Frame> in_constructor = {script_frame("fill", 4), script_frame("new Session", 9),
                                               script_frame("open", 20)};

    EXPECT_EQ(headline_frame(made, kExe), 2U);
    EXPECT_EQ(headline_frame(by_callback, kExe), 2U);
    EXPECT_EQ(headline_frame(by_library, kExe), 0U);
    EXPECT_EQ(headline_frame(in_constructor, kExe), 0U);
}

TEST(Headline, of_a_callback_without_a_name_or_a_line_it_is_its_caller) {
    const std::vector<Frame> unknown = {script_frame("(anonymous)", 0), script_frame("render", 9)};
    const std::vector<Frame> with_line = {script_frame("(anonymous)", 5), script_frame("render", 9)};
    const std::vector<Frame> with_name = {script_frame("row", 0), script_frame("render", 9)};

    EXPECT_EQ(headline_frame(unknown, kExe), 1U);
    EXPECT_EQ(headline_frame(with_line, kExe), 0U);
    EXPECT_EQ(headline_frame(with_name, kExe), 0U);
}

TEST(Headline, takes_jit_code_that_has_a_name) {
    const std::vector<Frame> frames = {frame("", "[jit]"), frame("LazyCompile:*handler server.js:10", "[jit]"),
                                       frame("node::Start", "/usr/bin/node")};

    EXPECT_EQ(headline_frame(frames, "/usr/bin/node"), 1U);
}

Frame go_frame(const char* function, const char* file = "") {
    Frame frame;
    frame.function = function;
    frame.file = file;
    frame.module = kExe;
    frame.go = go_origin_of(function, std::vector<std::string>{"example.com/shop"});
    return frame;
}

std::vector<Frame> go_stack(const std::vector<const char*>& functions) {
    std::vector<Frame> frames;
    for (const char* function : functions) frames.push_back(go_frame(function));
    return frames;
}

TEST(Headline, of_go_code_it_is_the_first_frame_of_the_programs_own_module) {
    EXPECT_EQ(headline_of(go_stack({"net.(*Dialer).DialContext", "google.golang.org/grpc.Dial",
                                    "example.com/shop/api.(*API).Create", "main.main", "runtime.main"}),
                          kExe),
              "example.com/shop/api.(*API).Create");
    EXPECT_EQ(
        headline_of(
            go_stack({"net.(*Dialer).DialContext", "google.golang.org/grpc.Dial", "google.golang.org/grpc.run"}), kExe),
        "google.golang.org/grpc.Dial");
    EXPECT_EQ(headline_of(go_stack({"net.sysSocket", "net.(*Dialer).DialContext", "net/http.(*Transport).dial",
                                    "net/http.(*Transport).dialConn"}),
                          kExe),
              "net/http.(*Transport).dial");
    EXPECT_EQ(headline_of(go_stack({"net.sysSocket", "net.(*Dialer).DialContext"}), kExe), "net.sysSocket");
}

// As Go 1.26 and grpc 1.67 have it: what is allocated for a connection is allocated in a goroutine of the library's.
TEST(Headline, of_a_grpc_connection_it_is_who_made_the_client_once_the_ancestry_is_known) {
    std::vector<Frame> frames = go_stack(
        {"google.golang.org/grpc/internal/transport.newBufWriter",
         "google.golang.org/grpc/internal/transport.newFramer",
         "google.golang.org/grpc/internal/transport.NewHTTP2Client",
         "google.golang.org/grpc.(*addrConn).createTransport", "google.golang.org/grpc.(*addrConn).tryAllAddrs",
         "google.golang.org/grpc.(*addrConn).resetTransport", "google.golang.org/grpc.(*addrConn).connect",
         "google.golang.org/grpc.(*acBalancerWrapper).Connect.gowrap1"});
    EXPECT_EQ(headline_of(frames, kExe), "google.golang.org/grpc/internal/transport.newBufWriter");

    for (const Frame& frame : go_stack(
             {"google.golang.org/grpc.(*acBalancerWrapper).Connect",
              "google.golang.org/grpc/balancer/pickfirst.(*pickfirstBalancer).UpdateClientConnState",
              "google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run",
              "google.golang.org/grpc/internal/grpcsync.NewCallbackSerializer",
              "google.golang.org/grpc.newCCBalancerWrapper", "google.golang.org/grpc.(*ClientConn).exitIdleMode",
              "google.golang.org/grpc.DialContext", "google.golang.org/grpc.Dial",
              "cloud.google.com/go/firestore.NewClientWithDatabase", "cloud.google.com/go/firestore.NewClient",
              "example.com/shop/api.(*API).CreateUser", "example.com/shop/api.(*API).Register.func1",
              "net/http.HandlerFunc.ServeHTTP", "net/http.(*ServeMux).ServeHTTP", "net/http.serverHandler.ServeHTTP",
              "net/http.(*conn).serve", "net/http.(*Server).Serve", "example.com/shop/internal/load.Run", "main.main"}))
        frames.push_back(frame);
    EXPECT_EQ(headline_of(frames, kExe), "example.com/shop/api.(*API).CreateUser");
}

TEST(Headline, of_an_idle_https_connection_it_is_the_job_that_made_the_request) {
    EXPECT_EQ(
        headline_of(go_stack({"net/http.(*Transport).dialConn", "net/http.(*Transport).dialConnFor",
                              "net/http.(*Transport).startDialConnForLocked.func1",
                              "net/http.(*Transport).startDialConnForLocked", "net/http.(*Transport).queueForDial",
                              "net/http.(*Transport).getConn", "net/http.(*Transport).roundTrip",
                              "net/http.(*Transport).RoundTrip", "net/http.send", "net/http.(*Client).send",
                              "net/http.(*Client).do", "net/http.(*Client).Do", "net/http.(*Client).Get", "main.fetch",
                              "main.refreshPrices", "main.main", "runtime.main"}),
                    kExe),
        "main.fetch");
}

TEST(Headline, passes_over_what_was_generated_into_the_programs_own_module) {
    const Frame stub = go_frame("example.com/shop/pb.(*ordersClient).Create", "/src/pb/orders_grpc.pb.go");
    const Frame caller = go_frame("example.com/shop/api.(*API).Order", "/src/api/orders.go");

    EXPECT_EQ(
        headline_of(std::vector<Frame>{go_frame("google.golang.org/grpc.(*ClientConn).Invoke"), stub, caller}, kExe),
        caller.function);
    EXPECT_EQ(headline_of(std::vector<Frame>{go_frame("google.golang.org/grpc.(*ClientConn).Invoke"), stub}, kExe),
              stub.function);
}

}  // namespace
}  // namespace whoholds
