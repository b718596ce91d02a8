#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "symbolize/shorten_name.h"
#include "symbolize/symbolizer.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

TEST(Demangle, names_become_readable) {
    const struct {
        const char* raw;
        const char* shown;
    } cases[] = {
        // C and what the linker makes
        {"malloc", "malloc"},
        {"", ""},
        {"_start", "_start"},
        {"__libc_start_main", "__libc_start_main"},
        {"_GLOBAL__sub_I_main", "_GLOBAL__sub_I_main"},
        {"parse.isra.0", "parse"},
        {"parse.constprop.0.isra.1", "parse"},
        {"parse.part.3.cold", "parse"},
        {"read_config.lto_priv.12", "read_config"},
        {"do_it.llvm.1234567890", "do_it"},
        {"foo.c", "foo.c"},
        {".L1", ".L1"},
        {"malloc@plt", "malloc@plt"},
        // C++
        {"_Z3fooi", "foo"},
        {"_ZN3FooC1Ev", "Foo::Foo"},
        {"_ZN3FooC4Ev", "Foo::Foo"},
        {"_ZN3FooD0Ev", "Foo::~Foo"},
        {"_Znwm", "operator new"},
        {"_ZnamSt11align_val_tRKSt9nothrow_t", "operator new[]"},
        {"_ZdlPvm", "operator delete"},
        {"_ZlsRSoRK3Foo", "operator<<"},
        {"_ZN3FoocvbEv", "Foo::operator bool"},
        {"_ZN3FoocvSt6vectorIiSaIiEEEv", "Foo::operator std::vector<int>"},
        {"_ZNSt6vectorINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEESaIS5_EE9push_backEOS5_",
         "std::vector<std::string>::push_back"},
        {"_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE9_M_createERmm", "std::string::_M_create"},
        {"_ZNSt13basic_filebufIcSt11char_traitsIcEE4openEPKcSt13_Ios_Openmode", "std::filebuf::open"},
        {"_ZNSt3__112basic_stringIcNS_11char_traitsIcEENS_9allocatorIcEEE6appendEPKc", "std::string::append"},
        {"_ZNSt8_Rb_treeIiSt4pairIKiiESt10_Select1stIS2_ESt4lessIiESaIS2_EE11_M_get_nodeEv",
         "std::_Rb_tree<int, std::pair<int const, int>, std::_Select1st<std::pair<int const, int>>>::_M_get_node"},
        {"_ZNKSt8functionIFviEEclEi", "std::function<void (int)>::operator()"},
        {"_ZZ4mainENKUliE_clEi", "main::{lambda#1}::operator()"},
        {"_ZZN3foo3barEiENKUlvE_clEv", "foo::bar::{lambda#1}::operator()"},
        {"_ZZN3foo3barEiENKUlvE0_clEv", "foo::bar::{lambda#2}::operator()"},
        {"_ZSt4sortIN9__gnu_cxx17__normal_iteratorIPiSt6vectorIiSaIiEEEEZ3fooiEUliiE_EvT_S8_T0_",
         "std::sort<__gnu_cxx::__normal_iterator<int*, std::vector<int>>, foo::{lambda#1}>"},
        {"_ZN12_GLOBAL__N_13fooEi", "(anonymous namespace)::foo"},
        {"_ZN12_GLOBAL__N_13fooEi.isra.0", "(anonymous namespace)::foo"},
        {"_ZN3FooltERKS_", "Foo::operator<"},
        {"_ZltIiEbRK3FooIT_ES4_", "operator< <int>"},
        {"_ZN3FooB5cxx11Ev", "Foo"},
        {"_ZTv0_n24_N3FooD1Ev", "virtual thunk to Foo::~Foo"},
        // Rust, both manglings
        {"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"},
        {"_ZN5alloc7raw_vec19RawVec$LT$T$C$A$GT$16reserve_for_push17h52a3c3d5d1d1e5b7E",
         "alloc::raw_vec::RawVec<T,A>::reserve_for_push"},
        {"_ZN67_$LT$core..iter..adapters..Map$LT$I$C$F$GT$$u20$as$u20$Iterator$GT$4next17h0123456789abcdefE",
         "<core::iter::adapters::Map<I,F> as Iterator>::next"},
        {"_RNvCs1234_7mycrate3foo", "mycrate::foo"},
        {"_RNCNvCs1234_7mycrate3foo0B3_", "mycrate::foo::{closure#0}"},
        {"_RNvMs_NtCs1234_7mycrate5storeNtB4_5Store3add", "<mycrate::store::Store>::add"},
        {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
        // What debug information says
        {"shop::Basket::add", "shop::Basket::add"},
        {"main::<lambda(int, int)>::operator()", "main::{lambda}::operator()"},
        {"std::sort<std::vector<int, std::allocator<int> > >", "std::sort<std::vector<int>>"},
        // Go and others pass untouched
        {"main.(*API).CreateUser", "main.(*API).CreateUser"},
        {"_Znotmangled", "_Znotmangled"},
    };

    for (const auto& [raw, shown] : cases) EXPECT_EQ(demangle_short(raw), shown) << raw;
}

TEST(Demangle, long_names_lose_their_innermost_arguments_first) {
    std::string name = "a_rather_long_namespace::Container<";
    for (int i = 0; i < 8; ++i) name += "Element<number_" + std::to_string(i) + ">, ";
    name += "Last>::insert";

    EXPECT_EQ(elide_template_arguments(name, 200), name);
    EXPECT_EQ(
        elide_template_arguments(name, 160),
        "a_rather_long_namespace::Container<Element<…>, Element<…>, Element<…>, Element<…>, Element<…>, Element<…>, "
        "Element<…>, Element<…>, Last>::insert");
    EXPECT_EQ(elide_template_arguments(name, 100), "a_rather_long_namespace::Container<…>::insert");
    EXPECT_EQ(elide_template_arguments(name, 30), "…::Container<…>::insert");
    EXPECT_EQ(elide_template_arguments("a::operator<< <int>", 17), "a::operator<< <…>");
}

TEST(Demangle, hostile_names_stay_small_and_fast) {
    std::string doubling = "_Z1fI4pairI1AS0_E";  // each pair holds two of the one before
    for (int i = 0; i < 30; ++i) {
        const auto sequence = [](int n) {
            return "S" + std::string(1, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n]) + "_";
        };
        doubling += "S_I" + sequence(1 + i) + sequence(1 + i) + "E";
    }
    const std::string repeated_types(4000, 'P');
    const std::string names[] = {doubling + "Evv",
                                 "_Z1f" + repeated_types + "i",
                                 "_R" + std::string(4000, 'N'),
                                 "_Z1f" + std::string(4000, 'I'),
                                 "_Z" + std::string(4000, 'L'),
                                 std::string(100'000, '<'),
                                 std::string(4000, '<') + std::string(4000, '>'),
                                 "_Z" + std::string(100'000, 'N'),
                                 std::string("_Z3f\0oo", 7),
                                 "\x1b[31mred\n",
                                 "\xff\xfe"};

    for (const std::string& name : names) {
        const std::string shown = demangle_short(name);

        EXPECT_LE(shown.size(), 500U);
        EXPECT_EQ(shown.find('\x1b'), std::string::npos);
        EXPECT_EQ(shown.find('\n'), std::string::npos);
    }
}

class DemangleCompiled : public CompiledFixture {};

TEST_F(DemangleCompiled, what_the_compiler_emits_comes_out_short) {
    WH_NEEDS_TOOL("c++");
    WH_NEEDS_TOOL("nm");
    ASSERT_TRUE(compile(R"(
        #include <functional>
        #include <map>
        #include <string>
        #include <unordered_map>
        #include <vector>
        namespace shop {
        struct Item { std::string name; };
        template <class Key> struct Stock {
            std::map<Key, std::vector<Item>> items;
            __attribute__((noinline)) void put(const Key& key, Item item) { items[key].push_back(item); }
        };
        template struct Stock<std::string>;
        __attribute__((noinline)) void each(const std::function<void(int)>& f) { f(1); }
        std::unordered_map<std::string, Item> index;
        __attribute__((noinline)) Item& find(const std::string& name) { return index[name]; }
        }
        int main() { int sum = 0; shop::each([&sum](int n) { sum += n; shop::find("x"); }); return sum; })",
                        "-O0 -c", "names.o"));
    ASSERT_TRUE(run("nm --defined-only names.o | awk '$2 ~ /[tTwW]/ {print $3}' >names"));
    std::ifstream file(path("names"));
    std::map<std::string, std::string> shown;
    for (std::string raw; std::getline(file, raw);) shown[demangle_short(raw)] = raw;

    ASSERT_GT(shown.size(), 50U);
    for (const auto& [name, raw] : shown) {
        EXPECT_FALSE(name.starts_with("_Z")) << raw;
        EXPECT_EQ(name.find("std::__cxx11::basic_string"), std::string::npos) << raw << " -> " << name;
        // As the last argument it is left out; only this one class has it in the middle.
        const bool in_the_middle = name.find("_Hashtable_ebo_helper") != std::string::npos;
        EXPECT_TRUE(in_the_middle || name.find(", std::allocator<") == std::string::npos) << raw << " -> " << name;
    }
    for (const char* expected :
         {"shop::Stock<std::string>::put", "shop::each", "shop::find", "main::{lambda#1}::operator()",
          "std::map<std::string, std::vector<shop::Item>>::operator[]",
          "std::unordered_map<std::string, shop::Item>::operator[]"}) {
        EXPECT_TRUE(shown.contains(expected)) << expected;
    }
}

}  // namespace
}  // namespace whoholds
