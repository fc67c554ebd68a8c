#include "cli/parse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/cli/demo_program.h"

namespace sluice::cli {
namespace {

TEST(Parse, BothSpellingsAndAnyPlace) {
  const std::vector<std::vector<std::string_view>> lines = {
      {"run", "incast", "--size=4KiB", "--op=read"},
      {"run", "--size", "4KiB", "incast", "--op", "read"},
      {"--size", "4KiB", "--op=read", "run", "incast"},
      {"--op", "read", "run", "--size=4KiB", "--", "incast"},
  };
  for (const auto& words : lines) {
    Demo d;
    EXPECT_EQ(d.Run(words), kExitOk) << d.err;
    EXPECT_EQ(d.ran, "run");
    EXPECT_EQ(d.seen.Size("size").count(), 4096);
    EXPECT_EQ(d.seen.Text("op"), "read");
    EXPECT_TRUE(d.seen.Given("size"));
    EXPECT_EQ(d.seen.positionals(), std::vector<std::string>{"incast"});
    EXPECT_EQ(d.err, "");
    EXPECT_EQ(d.out, "text\n");
  }
}

TEST(Parse, DefaultsAreTypedAndNotGiven) {
  Demo d;
  ASSERT_EQ(d.Run({"run", "x"}), kExitOk);
  EXPECT_EQ(d.seen.Size("size").count(), 64);
  EXPECT_FALSE(d.seen.Given("size"));
  EXPECT_TRUE(d.seen.Has("size"));
  EXPECT_FALSE(d.seen.Has("seed"));
  EXPECT_EQ(d.seen.Number("loss"), 0.0);
  EXPECT_TRUE(d.seen.Flag("icrc"));
  EXPECT_FALSE(d.seen.Flag("noverify"));
  EXPECT_TRUE(d.seen.All("vdev").empty());
}

TEST(Parse, EveryKindArrives) {
  Demo d;
  ASSERT_EQ(d.Run({"run", "x", "--seconds=1.5ms", "--rate", "40Mbps", "--loss=1%", "-n", "7",
                   "--seed=0xff", "--gain=-2.5", "--icrc=off", "--noverify", "--control=h:80",
                   "--vdev=a", "--vdev", "b"}),
            kExitOk)
      << d.err;
  EXPECT_EQ(d.seen.Time("seconds").ps(), 1'500'000'000);
  EXPECT_EQ(d.seen.Rate("rate").bps(), 40'000'000);
  EXPECT_EQ(d.seen.Number("loss"), 0.01);
  EXPECT_EQ(d.seen.Integer("depth"), 7);
  EXPECT_EQ(d.seen.Unsigned("seed"), 255u);
  EXPECT_EQ(d.seen.Number("gain"), -2.5);
  EXPECT_FALSE(d.seen.Flag("icrc"));
  EXPECT_TRUE(d.seen.Flag("noverify"));
  EXPECT_EQ(d.seen.Address("control").port, 80);
  ASSERT_EQ(d.seen.All("vdev").size(), 2u);
  EXPECT_EQ(std::get<std::string>(d.seen.All("vdev")[1]), "b");
}

TEST(Parse, WordsThatLookOdd) {
  Demo d;
  EXPECT_EQ(d.Run({"run", "-"}), kExitOk);
  EXPECT_EQ(d.Run({"run", "--", "--size"}), kExitOk);
  EXPECT_EQ(d.seen.positionals(), std::vector<std::string>{"--size"});
  EXPECT_EQ(d.Run({"run", "x", "--gain", "-2.5"}), kExitOk) << d.err;
  EXPECT_EQ(d.Run({"run", "x", "--vdev=--y"}), kExitOk) << d.err;
  EXPECT_EQ(d.Run({"run", "x", "--vdev=a=b,c=d"}), kExitOk) << d.err;
  EXPECT_EQ(std::get<std::string>(d.seen.All("vdev")[0]), "a=b,c=d");
  EXPECT_EQ(d.Run({"run", "run"}), kExitOk) << d.err;
}

struct Wrong {
  std::vector<std::string_view> words;
  std::string_view says;
};

// What is wrong, where, the nearest name or the cure: one line, status 2, and the command not run.
TEST(Parse, WrongUsageIsOneLineThatHelps) {
  const Wrong wrong[] = {
      {{"rnu", "x"}, "unknown command 'rnu'; did you mean 'run'? (see demo --help)"},
      {{"frobnicate"}, "unknown command 'frobnicate' (see demo --help)"},
      {{"hlep"}, "did you mean 'help'?"},
      {{"run", "x", "--szie=64"}, "unknown option '--szie' of 'run'; did you mean '--size'?"},
      {{"--szie=64", "run", "x"}, "unknown option '--szie' of 'run'; did you mean '--size'?"},
      {{"--szie=64"}, "unknown option '--szie'; did you mean '--size'?"},
      {{"run", "x", "--siz", "64"}, "did you mean '--size'?"},
      {{"run", "x", "--jsn", "-"}, "did you mean '--json'?"},
      {{"run", "x", "--no-verify"}, "did you mean '--noverify'?"},
      {{"run", "x", "--xyzzy"}, "unknown option '--xyzzy' of 'run' (see demo run --help)"},
      {{"run", "x", "-z"}, "unknown option '-z'"},
      {{"run", "x", "-n7"}, "unknown option '-n7'"},
      {{"run", "x", "-D", "5"}, "unknown option '-D' of 'run'; say --seconds"},
      {{"run", "x", "--grid=a"}, "it belongs to 'sweep'"},
      {{"run", "x", "--size"}, "option '--size' has no value; say --size=SIZE"},
      {{"run", "x", "--size", "--op=read"}, "option '--size' has no value"},
      {{"run", "x", "-n", "-h2"}, "option '-n' has no value"},
      {{"run", "x", "--size="}, "--size=: empty value"},
      {{"run", "x", "--size=64", "--size=64"}, "option '--size' given twice"},
      {{"run", "x", "-n", "1", "--depth=2"}, "option '--depth' given twice"},
      {{"run", "x", "--noverify", "--noverify"}, "option '--noverify' given twice"},
      {{"run", "x", "--noverify=on"}, "takes no value"},
      {{"run", "x", "--size=5X"}, "--size=5X: unknown unit 'X'"},
      {{"run", "x", "--size", "1M"}, "--size=1M: unknown unit 'M'; say MB (10^6) or MiB (2^20)"},
      {{"run", "x", "--size=0"}, "--size=0: too small, at least 1"},
      {{"run", "x", "--size=2GiB"}, "--size=2GiB: too large, at most 1GiB"},
      {{"run", "x", "--seconds=1001"}, "too large, at most 1000"},
      {{"run", "x", "--depth=-5"}, "--depth=-5: too small, at least 1"},
      {{"run", "x", "--depth", "-5"}, "--depth=-5: too small, at least 1"},
      {{"run", "x", "--loss=2"}, "--loss=2: out of range"},
      {{"run", "x", "--op=raed"}, "--op=raed: unknown value; did you mean 'read'?"},
      {{"run", "x", "--icrc=maybe"}, "say on or off"},
      {{"run", "x", "--control=h"}, "no port"},
      {{"run"}, "no EXPERIMENT given to 'run'"},
      {{"run", ""}, "empty word"},
      {{"run", "x", "y", "z"}, "unexpected word 'z' after 'run'"},
      {{"sweep", "x"}, "option '--grid' is required by 'sweep'"},
      {{"sweep", "--grid=a"}, "no FILE given"},
      {{"help", "rnu"}, "no help on 'rnu'; did you mean 'run'?"},
      {{"help", "run", "x"}, "unexpected word 'x'"},
      {{}, "no command; say one of run, sweep (see demo --help)"},
      {{"--size=64"}, "no command"},
      {{"--", "run"}, "no command"},
      {{""}, "unknown command ''"},
      {{"run\n\x1b[31m"}, "unknown command 'run??[31m'"},
      {{"run", "x", "--"}, ""},
  };
  for (const Wrong& w : wrong) {
    Demo d;
    const int status = d.Run(w.words);
    if (w.says.empty()) {  // the last one is right
      EXPECT_EQ(status, kExitOk);
      continue;
    }
    EXPECT_EQ(status, kExitUsage) << w.says;
    EXPECT_EQ(d.ran, "");
    EXPECT_NE(d.err.find(w.says), std::string::npos) << d.err << "wanted: " << w.says;
    EXPECT_EQ(d.err.rfind("demo: ", 0), 0u) << d.err;
    EXPECT_EQ(std::count(d.err.begin(), d.err.end(), '\n'), 1) << d.err;
  }
}

TEST(Parse, NoAbbreviations) {
  Demo d;
  EXPECT_EQ(d.Run({"run", "x", "--nover"}), kExitUsage);
  EXPECT_EQ(d.Run({"swee", "x", "--grid=1"}), kExitUsage);
}

// Every one-edit typo of every option is refused and answered with the right name.
TEST(Parse, EveryOneEditTypoOfAnOptionGetsItsName) {
  Demo d;
  const Program table = d.Table();
  for (const Option& o : table.commands[0].options) {
    for (size_t i = 0; i < o.name.size(); ++i) {
      std::string typo = "--" + std::string(o.name);
      typo[2 + i] = '#';
      EXPECT_EQ(d.Run({"run", "x", typo}), kExitUsage);
      EXPECT_NE(d.err.find("'--" + std::string(o.name) + "'"), std::string::npos) << d.err;
    }
  }
}

TEST(Parse, LongForeignWordsAreCut) {
  Demo d;
  const std::string junk(1'000'000, 'x');
  for (const auto& words : std::vector<std::vector<std::string_view>>{
           {junk}, {"run", "x", "--size", junk}, {"run", "a", "b", junk}}) {
    EXPECT_EQ(d.Run(words), kExitUsage);
    EXPECT_LT(d.err.size(), 400u);
  }
  EXPECT_EQ(d.Run({"run", "x", "--" + junk}), kExitUsage);
  EXPECT_LT(d.err.size(), 400u);
}

}  // namespace
}  // namespace sluice::cli
