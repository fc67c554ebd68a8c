#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/unit/cli/demo_program.h"

DEFINE_int32(demo_level, 0, "stands for a flag of a library");

namespace sluice::cli {
namespace {

TEST(RunProgram, TableOfTheDemoIsSound) { EXPECT_TRUE(CheckTable(Demo().Table()).ok()); }

TEST(RunProgram, StatusOfTheRunnerIsTheExitStatus) {
  for (int status : {kExitOk, kExitFailed, kExitGate, kExitUndecided, kExitMachine}) {
    Demo d;
    d.status = status;
    EXPECT_EQ(d.Run({"run", "x"}), status);
    EXPECT_EQ(d.Run({"run", "x", "--json=-"}), status);
    EXPECT_EQ(d.out, "[]\n");  // found something, so the document stands
    EXPECT_EQ(d.err, "");
  }
}

TEST(RunProgram, JsonOnStandardOutputStandsAlone) {
  Demo d;
  d.json = {{"gbps", 1.5}};
  EXPECT_EQ(d.Run({"--json", "-", "run", "x"}), kExitOk);
  EXPECT_EQ(Json::parse(d.out), d.json);
}

TEST(RunProgram, JsonToAFileLeavesTheTextOnStandardOutput) {
  Demo d;
  const std::string path = testing::TempDir() + "/sluice_program_test.json";
  EXPECT_EQ(d.Run({"run", "x", "--json", path}), kExitOk);
  EXPECT_EQ(d.out, "text\n");
  std::ifstream file(path);
  EXPECT_EQ(Json::parse(file), Json::array());
  std::remove(path.c_str());
}

TEST(RunProgram, AFailureIsInTheJsonWithItsStatus) {
  Demo d;
  d.status = kExitFailed;
  d.failure = "peer lost";
  EXPECT_EQ(d.Run({"run", "x", "--json=-"}), kExitFailed);
  EXPECT_EQ(d.err, "demo: peer lost\n");
  EXPECT_EQ(Json::parse(d.out), Json::parse(R"({"error": "peer lost", "exit": 1})"));
  d.json = {{"messages", 7}, {"complete", false}};
  EXPECT_EQ(d.Run({"run", "x", "--json=-"}), kExitFailed);
  EXPECT_EQ(Json::parse(d.out),
            Json::parse(R"({"messages": 7, "complete": false, "error": "peer lost", "exit": 1})"));
}

TEST(RunProgram, WrongUsageIsInTheJsonToo) {
  for (const auto& words :
       std::vector<std::vector<std::string_view>>{{"run", "x", "--szie=1", "--json", "-"},
                                                  {"--json=-", "run", "x", "--size=5X"},
                                                  {"rnu", "--json=-"},
                                                  {"--json=-"},
                                                  {"run", "--json=-"}}) {
    Demo d;
    EXPECT_EQ(d.Run(words), kExitUsage);
    const Json j = Json::parse(d.out);
    EXPECT_EQ(j["exit"], kExitUsage);
    EXPECT_EQ("demo: " + j["error"].get<std::string>() + "\n", d.err);
  }
}

TEST(RunProgram, AnUnwritableJsonPathIsFoundBeforeTheWork) {
  Demo d;
  EXPECT_EQ(d.Run({"run", "x", "--json=/no/such/dir/x"}), kExitUsage);
  EXPECT_EQ(d.ran, "");
  EXPECT_NE(d.err.find("--json=/no/such/dir/x: No such file"), std::string::npos) << d.err;
  EXPECT_EQ(d.Run({"run", "x", "--json="}), kExitUsage);
}

TEST(RunProgram, AFullDiskIsAFailure) {
  Demo d;
  EXPECT_EQ(d.Run({"run", "x", "--json=/dev/full"}), kExitFailed);
  std::ofstream full("/dev/full");
  std::ostringstream err;
  EXPECT_EQ(RunProgram(d.Table(), {"run", "x"}, full, err), kExitFailed);
  EXPECT_NE(err.str().find("cannot write to standard output"), std::string::npos);
}

TEST(RunProgram, ALibraryFlagIsSetThroughGflags) {
  gflags::FlagSaver saver;
  Demo d;
  EXPECT_EQ(d.Run({"sweep", "f", "--grid=a"}), kExitOk);
  EXPECT_EQ(FLAGS_demo_level, 0);
  EXPECT_EQ(d.Run({"sweep", "f", "--grid=a", "-v", "3"}), kExitOk) << d.err;
  EXPECT_EQ(FLAGS_demo_level, 3);
  // Ours takes 64 bits, the library's 32.
  EXPECT_EQ(d.Run({"sweep", "f", "--grid=a", "-v", "99999999999"}), kExitUsage);
  EXPECT_EQ(d.ran, "");
}

TEST(RunProgram, VersionAndHelpGoToStandardOutput) {
  for (const auto& words : std::vector<std::vector<std::string_view>>{{"--version"},
                                                                      {"run", "--version"},
                                                                      {"-h"},
                                                                      {"--help"},
                                                                      {"help"},
                                                                      {"run", "-h"},
                                                                      {"-h", "run"},
                                                                      {"run", "x", "--help"},
                                                                      {"help", "run"},
                                                                      {"help", "units"},
                                                                      {"help", "exit-codes"},
                                                                      {"run", "--wrong", "-h"}}) {
    Demo d;
    EXPECT_EQ(d.Run(words), kExitOk) << words[0];
    EXPECT_EQ(d.err, "");
    EXPECT_FALSE(d.out.empty());
    EXPECT_EQ(d.ran, "");
  }
  Demo d;
  d.Run({"--version"});
  EXPECT_EQ(d.out, "demo 1.2.3\n");
}

TEST(RunProgram, NoCommandShowsTheOverviewToo) {
  Demo d;
  EXPECT_EQ(d.Run({}), kExitUsage);
  EXPECT_NE(d.out.find("Commands:"), std::string::npos);
}

TEST(Help, ComesFromTheTable) {
  Demo d;
  d.Run({"run", "--help"});
  const std::string all = d.out;
  const Program table = d.Table();
  for (const Option& o : table.commands[0].options) {
    EXPECT_NE(all.find("--" + std::string(o.name)), std::string::npos) << o.name;
  }
  EXPECT_NE(all.find("Wire:"), std::string::npos);
  EXPECT_NE(all.find("message size, 1 to 1GiB [64]"), std::string::npos) << all;
  EXPECT_NE(all.find("-n, --depth N"), std::string::npos);
  EXPECT_NE(all.find("--op send|write|read"), std::string::npos);
  EXPECT_LT(all.find("demo run incast"), all.find("--size")) << "examples first";
  d.Run({"run", "-h"});
  EXPECT_EQ(d.out.find("--rate"), std::string::npos);
  EXPECT_NE(d.out.find("2 more options: demo run --help"), std::string::npos) << d.out;
  EXPECT_LE(std::count(d.out.begin(), d.out.end(), '\n'), 26);
  d.Run({"help", "run"});
  const std::string by_help = d.out;
  d.Run({"run", "-h"});
  EXPECT_EQ(d.out, by_help);
  d.Run({"help"});
  EXPECT_LE(std::count(d.out.begin(), d.out.end(), '\n'), 24);
}

TEST(CheckTable, FindsWhatIsWrongWithATable) {
  const auto broken = [](auto change) {
    Demo d;
    Program p = d.Table();
    change(p);
    return !CheckTable(p).ok();
  };
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].default_text = "5X"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].default_text = "2GiB"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].max = "1M"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].name = "op"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].name = "json"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].short_name = 'h'; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].short_name = 'n'; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[0].help = ""; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].options[1].choices.clear(); }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[1].options[0].name = "noverify"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].name = "help"; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].run = nullptr; }));
  EXPECT_TRUE(broken([](Program& p) { p.commands[0].positionals[0].repeated = true; }));
}

TEST(ArgumentsDeathTest, AskingForWhatTheTableLacksIsABug) {
  Demo d;
  ASSERT_EQ(d.Run({"run", "x"}), kExitOk);
  EXPECT_DEATH(static_cast<void>(d.seen.Size("sizes")), "has no value");
  EXPECT_DEATH(static_cast<void>(d.seen.Rate("size")), "another kind");
}

}  // namespace
}  // namespace sluice::cli
