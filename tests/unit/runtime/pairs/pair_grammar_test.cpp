#include "runtime/pairs/pair_grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

using ::testing::HasSubstr;
using NameKind = PairFunction::NameKind;
using Role = PairFunction::Role;

Pair parsed(std::string_view text) {
    auto pair = parse_pair(text);
    EXPECT_TRUE(pair) << text << ": " << (pair ? "" : pair.error().message);
    return pair ? *pair : Pair{"", std::vector<PairFunction>(8)};
}

std::string refusal(std::string_view text) {
    auto pair = parse_pair(text);
    EXPECT_FALSE(pair) << text;
    return pair ? "" : pair.error().message;
}

std::string shape(const Pair& pair, size_t function) { return shape_to_text(pair.functions[function].shape); }

TEST(PairGrammar, a_plain_pair_returns_its_handle_and_takes_it_first) {
    const Pair pair = parsed("SSL_new/SSL_free");

    EXPECT_EQ(pair.name, "SSL");
    ASSERT_EQ(pair.functions.size(), 2U);
    EXPECT_EQ(pair.functions[0].symbol, "SSL_new");
    EXPECT_EQ(pair.functions[0].role, Role::kAcquire);
    EXPECT_EQ(pair.functions[1].role, Role::kRelease);
    EXPECT_EQ(shape(pair, 0), "acquire pair key=return if not 0");
    EXPECT_EQ(shape(pair, 1), "release pair key=arg1");
}

TEST(PairGrammar, says_where_handles_sizes_and_results_are) {
    const Pair pair = parsed(
        "job=libjob.so*!job_open:out2:size=arg3*arg4,job_init:arg1:ok=always,job_map:ok=not-1,job_grow:old=arg1:size="
        "arg2"
        "/job_close:arg2,job_end:ok=zero,job_run:hides");

    EXPECT_EQ(pair.name, "job");
    EXPECT_EQ(pair.functions[0].module, "libjob.so*");
    EXPECT_EQ(shape(pair, 0), "acquire pair size=arg3*arg4 key=*arg2 if 0");
    EXPECT_EQ(shape(pair, 1), "acquire pair key=arg1");
    EXPECT_EQ(shape(pair, 2), "acquire pair key=return if not -1");
    EXPECT_EQ(shape(pair, 3), "reacquire pair size=arg2 key=return old=arg1 if not 0");
    EXPECT_EQ(shape(pair, 4), "release pair key=arg2");
    EXPECT_EQ(shape(pair, 5), "try_release pair key=arg1 if 0");
    EXPECT_EQ(shape(pair, 6), "hide pair calls inside");
    EXPECT_EQ(pair.functions[6].role, Role::kHide);
}

TEST(PairGrammar, names_come_from_what_the_functions_share) {
    EXPECT_EQ(parsed("EVP_MD_CTX_new/EVP_MD_CTX_free").name, "EVP_MD_CTX");
    EXPECT_EQ(parsed("fopen/fclose").name, "fopen");
    EXPECT_EQ(parsed("Pool::take/Pool::give").name, "Pool");
    EXPECT_EQ(parsed("__make/__drop").name, "__make");
    EXPECT_EQ(parsed("my.pair = fopen / fclose").name, "my.pair");
    EXPECT_EQ(parsed("take:size=arg1/give").name, "take");
}

TEST(PairGrammar, knows_cpp_names_and_globs) {
    const Pair pair = parsed("maps=Map<int, char>::make,pool_*_new:ret / ns::Pool::drop:arg2,_ZN3Foo5closeEv");

    EXPECT_EQ(pair.functions[0].symbol, "Map<int, char>::make");
    EXPECT_EQ(pair.functions[0].name_kind, NameKind::kCppName);
    EXPECT_EQ(pair.functions[1].name_kind, NameKind::kGlob);
    EXPECT_EQ(pair.functions[2].symbol, "ns::Pool::drop");
    EXPECT_EQ(shape(pair, 2), "release pair key=arg2");
    EXPECT_EQ(pair.functions[3].name_kind, NameKind::kSymbol);
}

TEST(PairGrammar, knows_go_names) {
    const auto pair = parse_pair("google.golang.org/grpc.NewClient / (*ClientConn).Close");

    ASSERT_TRUE(pair) << pair.error().message;
    EXPECT_EQ(pair->name, "grpc.NewClient");
    ASSERT_EQ(pair->functions.size(), 2U);
    EXPECT_EQ(pair->functions[0].symbol, "google.golang.org/grpc.NewClient");
    EXPECT_EQ(pair->functions[1].symbol, "google.golang.org/grpc.(*ClientConn).Close");
    for (const PairFunction& function : pair->functions) EXPECT_EQ(function.name_kind, PairFunction::NameKind::kGoName);
    EXPECT_EQ(parse_pair("a.org/x.(*Pool).Get / a.org/y.Put[...]")->name, "x.Pool.Get");
    EXPECT_EQ(parse_pair("a.org/x.(*Pool).Get / (*Pool).Put")->functions[1].symbol, "a.org/x.(*Pool).Put");
    EXPECT_EQ(parse_pair("x=time.NewTicker / time.(*Ticker).Stop")->name, "x");
    EXPECT_FALSE(parse_pair("time.NewTicker:out2 / (*Ticker).Stop"));
    EXPECT_FALSE(parse_pair("time.NewTicker:size=arg1 / (*Ticker).Stop"));
    EXPECT_FALSE(parse_pair("time.NewTicker,time.Of:hides / (*Ticker).Stop"));
    EXPECT_FALSE(parse_pair("main / (*Ticker).Stop"));
}

TEST(PairGrammar, words_of_go_functions_can_be_told) {
    const Pair told = parsed("bufs.(*Pool).Get:ret2 / (*Pool).Put:arg3");
    EXPECT_EQ(told.functions[0].go_word, 2U);
    EXPECT_EQ(told.functions[1].go_word, 3U);
    EXPECT_EQ(parsed("bufs.(*Pool).Get:ret / (*Pool).Put").functions[0].go_word, 0U);
    EXPECT_THAT(parse_pair("a.Get:ret7 / a.Put").error().message, HasSubstr("ret1 to ret6"));
    EXPECT_THAT(parse_pair("a.Get:arg1 / a.Put").error().message, HasSubstr("ret1 to ret6"));
    EXPECT_THAT(parse_pair("a.Get / a.Put:ret1").error().message, HasSubstr("arg1 to arg6"));
    EXPECT_FALSE(parse_pair("get:ret2 / put")) << "of C there is one result";
}

TEST(PairGrammar, one_sentence_for_what_makes_no_sense) {
    const struct {
        const char* text;
        const char* why;
    } kCases[] = {{"", "is not a pair"},
                  {"SSL_new", "is not a pair"},
                  {"/f", "a function is missing"},
                  {"f/", "a function is missing"},
                  {"f,,g/h", "a function is missing"},
                  {"f:out7/g", "means nothing"},
                  {"f:arg0/g", "means nothing"},
                  {"f:what/g", "means nothing"},
                  {"f:ret:arg1/g", "says twice"},
                  {"f:size=arg1:size=arg2/g", "says size= twice"},
                  {"f:size=4/g", "is no argument"},
                  {"f:ok=maybe/g", "is no rule"},
                  {"f/g:ret", "takes its handle as an argument"},
                  {"f/g:out1", "takes its handle as an argument"},
                  {"f/g:size=arg1", "belong to the functions that acquire"},
                  {"f:hides/g", "no function that acquires"},
                  {"f/g:hides", "no function that releases"},
                  {"f,g:hides:ok=zero/h", "has no handle"},
                  {"!f/g", "names no module"},
                  {"/usr/lib/libf.so!f/g", "without folders"},
                  {"lib/f.so!f / g", "without folders"},
                  {"*/g", "would match every function"},
                  {"Foo::make(int)/g", "leave the parameters away"},
                  {"f\n/g", "is not the name of a function"}};

    for (const auto& [text, why] : kCases) {
        const std::string sentence = refusal(text);

        EXPECT_THAT(sentence, HasSubstr(why)) << text;
        EXPECT_EQ(sentence.find('\n'), std::string::npos) << text;
    }
    EXPECT_THAT(refusal(std::string(kMaxPairTextBytes + 1, 'f')), HasSubstr("at most 8192"));
}

TEST(PairGrammar, counted_references_are_refused_with_the_reason) {
    for (const char* text :
         {"g_object_new/g_object_unref", "g_object_ref/g_free", "SSL_up_ref/SSL_free", "X509_new/X509_free",
          "Py_IncRef/Py_DecRef", "thing_retain/thing_release", "dlopen/dlclose"}) {
        EXPECT_THAT(refusal(text), HasSubstr("counts references")) << text;
    }
}

TEST(PairGrammar, at_most_as_many_pairs_as_there_are_kinds_and_each_name_once) {
    std::vector<Pair> pairs(WH_KIND_PAIR_COUNT);
    for (size_t i = 0; i < pairs.size(); ++i) pairs[i].name = std::to_string(i);

    EXPECT_TRUE(check_pairs(pairs));
    pairs.push_back({"another", {}});
    EXPECT_FALSE(check_pairs(pairs));
    EXPECT_FALSE(check_pairs({{"same", {}}, {"same", {}}}));
}

TEST(PairGrammar, globs) {
    EXPECT_TRUE(matches_glob("pool_*_new", "pool_big_new"));
    EXPECT_TRUE(matches_glob("*new*", "pool_new"));
    EXPECT_TRUE(matches_glob("libssl.so.3", "libssl.so.3"));
    EXPECT_TRUE(matches_glob("a*b*c", "a_b_b_c"));
    EXPECT_FALSE(matches_glob("pool_*_new", "pool_new"));
    EXPECT_FALSE(matches_glob("pool", "pool_new"));
    EXPECT_FALSE(matches_glob("", "x"));
}

}  // namespace
}  // namespace whoholds
