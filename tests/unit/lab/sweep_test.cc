#include "lab/sweep.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "lab/batch.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

// FIPS 180-4's own examples (published by NIST): "abc", and the empty message.
TEST(Sha256, HasTheDigestsOfTheStandard) {
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Sweep MakeSweep(std::string commit = "abc") {
  Sweep sweep;
  sweep.experiment = "incast:size=20KB";
  sweep.grid = {{"senders", {"2", "4"}}};
  sweep.arms = {"tita", "fixed"};
  sweep.points = *MakePoints(sweep.experiment, sweep.grid, sweep.arms);
  sweep.seeds = 3;
  sweep.version = "1";
  sweep.commit = std::move(commit);
  return sweep;
}

TEST(RunsOf, AreNamedByTheirInputs) {
  const std::vector<SweepRun> runs = RunsOf(MakeSweep());
  ASSERT_EQ(runs.size(), 12u);
  std::set<std::string> names;
  for (const SweepRun& run : runs) {
    EXPECT_EQ(run.hash.size(), 16u);
    names.insert(run.hash);
  }
  EXPECT_EQ(names.size(), 12u);
  EXPECT_EQ(RunsOf(MakeSweep())[5].hash, runs[5].hash);
  EXPECT_NE(RunsOf(MakeSweep("abd"))[5].hash, runs[5].hash);
  // The same inputs written another way have the same name; the order of parameters is no input.
  Sweep other = MakeSweep();
  other.experiment = "incast:size=20000";
  other.points = *MakePoints(other.experiment, other.grid, other.arms);
  EXPECT_EQ(RunsOf(other)[5].hash, runs[5].hash);
}

class SweepFiles : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = testing::TempDir() + "/lab_sweep";
    std::filesystem::remove_all(directory_);
    ASSERT_TRUE(MakeDirectory(directory_).ok());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Execute(const Sweep& sweep, const SweepRun& run) {
    RunOrder order;
    order.experiment = &sweep.points[run.point].experiment;
    order.algorithm = sweep.points[run.point].arms[run.arm];
    order.seed = run.seed;
    order.directory = DirectoryOf(directory_, run);
    ASSERT_TRUE(RunOne(order, {1, sweep.version, sweep.commit, {}}, {}).ok());
  }

  std::string directory_;
};

TEST_F(SweepFiles, SurviveTheDisk) {
  const Sweep sweep = MakeSweep();
  ASSERT_TRUE(WriteText(directory_ + "/sweep.json", cli::JsonText(SweepJson(sweep))).ok());
  const auto read = ReadSweep(directory_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(SweepJson(*read), SweepJson(sweep));
  cli::Json many = SweepJson(sweep);
  many["seeds"] = (uint64_t{1} << 32) + 1;
  for (const std::string& text :
       std::vector<std::string>{"", "{}", "[1]", many.dump(), R"({"experiment":"incast"})",
                                R"({"experiment":"incast","primary":"jain","version":"","commit":"",
                               "seeds":1,"grid":{"senders":[2]},"arms":["tita","fixed"]})"}) {
    ASSERT_TRUE(WriteText(directory_ + "/sweep.json", text).ok());
    EXPECT_EQ(ReadSweep(directory_).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST_F(SweepFiles, MergeWhenAllRunsAreThere) {
  const Sweep sweep = MakeSweep();
  const std::vector<SweepRun> runs = RunsOf(sweep);
  for (size_t i = 0; i + 1 < runs.size(); ++i) Execute(sweep, runs[i]);
  EXPECT_EQ(Merge(sweep, directory_)->missing, 1u);
  Execute(sweep, runs.back());
  const auto merged = Merge(sweep, directory_);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->missing, 0u);
  ASSERT_EQ(merged->judgements.size(), 2u);
  EXPECT_EQ(merged->judgements[1].primary().a.size(), 3u);
  const cli::Json j = MergedJson(sweep, *merged);
  EXPECT_EQ(j["points"][1]["values"]["senders"], "4");
  EXPECT_EQ(std::count(merged->csv.begin(), merged->csv.end(), '\n'), 13);
  // What another commit made is no run of the sweep, nor is a directory that holds another run.
  Sweep other = sweep;
  other.commit = "abd";
  Execute(other, runs[2]);
  EXPECT_NE(Merge(sweep, directory_).status().ToString().find("another run"), std::string::npos);
  Execute(sweep, runs[2]);
  ASSERT_TRUE(Merge(sweep, directory_).ok());
  std::filesystem::copy(
      DirectoryOf(directory_, runs[0]), DirectoryOf(directory_, runs[1]),
      std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
  EXPECT_NE(Merge(sweep, directory_).status().ToString().find("another run"), std::string::npos);
}

// The rival takes no part in the axis: its three runs are those of both points.
TEST_F(SweepFiles, AnArmThatNoAxisChangesIsRunOnce) {
  Sweep sweep = MakeSweep();
  sweep.experiment = "incast:senders=2,size=20KB";
  sweep.grid = {{"tita.beta", {"0.004", "0.02"}}};
  sweep.points = *MakePoints(sweep.experiment, sweep.grid, sweep.arms);
  const std::vector<SweepRun> runs = RunsOf(sweep);
  ASSERT_EQ(runs.size(), 9u);
  const std::string lines = JobLines(sweep, "p", "/d");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 9);
  EXPECT_NE(lines.find(" -a tita:beta=0.02 --seed 3 "), std::string::npos);
  ASSERT_TRUE(WriteText(directory_ + "/sweep.json", cli::JsonText(SweepJson(sweep))).ok());
  const auto read = ReadSweep(directory_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(SweepJson(*read), SweepJson(sweep));

  for (const SweepRun& run : runs) Execute(sweep, run);
  const auto merged = Merge(sweep, directory_);
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_EQ(merged->judgements.size(), 2u);
  const MetricRow& one = merged->judgements[0].primary();
  const MetricRow& two = merged->judgements[1].primary();
  EXPECT_EQ(one.b, two.b);
  EXPECT_NE(one.a, two.a);
  const cli::Json j = MergedJson(sweep, *merged);
  EXPECT_EQ(j["points"][1]["values"]["tita.beta"], "0.02");
  EXPECT_EQ(j["points"][1]["a"], "tita:beta=0.02");
  EXPECT_EQ(j["points"][1]["b"], "fixed");
  EXPECT_EQ(std::count(merged->csv.begin(), merged->csv.end(), '\n'), 13);
  EXPECT_EQ(merged->csv.find("run,tita.beta,arm,seed,"), 0u);
  EXPECT_NE(MergedText(sweep, *merged).find("\ntita.beta=0.004 fixed "), std::string::npos);
}

TEST(JobLines, QuoteWhatAShellWouldRead) {
  const std::string lines = JobLines(MakeSweep(), "/a b/sluice-lab", "/tmp/it's");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 12);
  EXPECT_NE(lines.find("'/a b/sluice-lab' exec incast:senders=2,size=20KB,"), std::string::npos);
  EXPECT_NE(lines.find("'/tmp/it'\\''s/runs/"), std::string::npos);
}

// A file is named by its path, which means the same from every directory; its name and hash, which
// name it in results, are no experiment that a command takes.
TEST(JobLines, NameAnExperimentFileByItsPath) {
  const std::string path = testing::TempDir() + "/lab_sweep_file.json";
  ASSERT_TRUE(WriteText(path, R"({"format": "sluice-experiment/1", "name": "mine",
                                  "topology": {"kind": "star", "hosts": 2},
                                  "flows": [[0, 1, 1000, "0"]]})")
                  .ok());
  Sweep sweep = MakeSweep();
  sweep.grid = {};
  for (const std::string& text : {path, std::filesystem::relative(path).string()}) {
    sweep.experiment = text;
    const auto points = MakePoints(text, {}, sweep.arms);
    ASSERT_TRUE(points.ok()) << points.status();
    sweep.points = *points;
    const std::string place = std::filesystem::path(path).lexically_normal().string();
    EXPECT_NE(JobLines(sweep, "sluice-lab", "/d").find(" exec " + place + " -a "),
              std::string::npos);
  }
  const absl::Status refused = MakePoints(path, {{"hosts", {"2"}}}, sweep.arms).status();
  EXPECT_NE(refused.ToString().find("has no parameters"), std::string::npos);
  std::filesystem::remove(path);
}

// 1201 runs and more do not fit into an array of 1000 tasks: each takes two lines then.
TEST(SlurmScript, StaysWithinAnArray) {
  Sweep sweep = MakeSweep();
  EXPECT_NE(SlurmScript(sweep, "/d").find("--array=1-12\n"), std::string::npos);
  sweep.seeds = 301;
  EXPECT_NE(SlurmScript(sweep, "/d").find("--array=1-602\n"), std::string::npos);
}

// sbatch splits its lines like a shell, and reads %a as the number of the task.
TEST(SlurmScript, QuotesWhatIsNoWord) {
  const std::string script = SlurmScript(MakeSweep(), "/a b/100%");
  EXPECT_NE(script.find("\n#SBATCH --output='/a b/100%%/slurm-%a.log'\n"), std::string::npos);
  EXPECT_NE(script.find("sbatch '/a b/100%/array.sbatch'\n"), std::string::npos);
  EXPECT_NE(script.find("merge '/a b/100%'\n"), std::string::npos);
}

}  // namespace
}  // namespace sluice::lab
