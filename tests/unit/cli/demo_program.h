// A program like ours, for the tests of the command table: what its commands got is in `seen`.
#ifndef SLUICE_TESTS_UNIT_CLI_DEMO_PROGRAM_H_
#define SLUICE_TESTS_UNIT_CLI_DEMO_PROGRAM_H_

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/exit.h"

namespace sluice::cli {

struct Demo {
  Arguments seen;
  std::string ran;
  std::string out;
  std::string err;
  int status = kExitOk;  // what `run` and `sweep` return
  std::string failure;   // with this message, if not empty
  Json json = Json::array();

  Program Table() {
    const auto runner = [this](std::string_view name) {
      return [this, name](const Arguments& arguments, Report& report) {
        seen = arguments;
        ran = name;
        report.text() << "text\n";
        report.set_json(json);
        return failure.empty() ? status : report.Fail(status, failure);
      };
    };
    Program p;
    p.name = "demo";
    p.summary = "shows the table";
    p.version = "1.2.3";
    p.foreign_words = {{"-D", "--seconds"}};
    p.commands = {
        {.name = "run",
         .summary = "runs an experiment",
         .examples = {{"demo run incast", "one run"}, {"demo run incast --op=read", "READs"}},
         .positionals = {{.name = "EXPERIMENT", .help = "what to run"},
                         {.name = "EXTRA", .help = "more", .optional = true}},
         .options =
             {{.name = "size",
               .kind = Kind::kSize,
               .help = "message size",
               .default_text = "64",
               .min = "1",
               .max = "1GiB"},
              {.name = "op",
               .kind = Kind::kChoice,
               .help = "operation",
               .default_text = "send",
               .choices = {"send", "write", "read"}},
              {.name = "seconds", .kind = Kind::kTime, .help = "how long", .max = "1000"},
              {.name = "rate", .kind = Kind::kRate, .help = "rate", .group = "Wire"},
              {.name = "loss",
               .kind = Kind::kProbability,
               .help = "loss",
               .default_text = "0",
               .group = "Wire"},
              {.name = "depth",
               .short_name = 'n',
               .kind = Kind::kInteger,
               .help = "depth",
               .default_text = "64",
               .min = "1"},
              {.name = "seed", .kind = Kind::kUnsigned, .help = "seed"},
              {.name = "gain", .kind = Kind::kNumber, .help = "gain"},
              {.name = "icrc", .kind = Kind::kBoolean, .help = "check", .default_text = "on"},
              {.name = "noverify", .kind = Kind::kSwitch, .help = "do not verify"},
              {.name = "control", .kind = Kind::kHostPort, .help = "where"},
              {.name = "vdev", .help = "device", .repeated = true}},
         .run = runner("run")},
        {.name = "sweep",
         .summary = "runs many",
         .positionals = {{.name = "FILE", .help = "files", .repeated = true}},
         .options = {{.name = "grid", .help = "what to vary", .required = true},
                     {.name = "verbosity",
                      .short_name = 'v',
                      .kind = Kind::kInteger,
                      .help = "log level",
                      .gflag = "demo_level"}},
         .run = runner("sweep")},
    };
    return p;
  }

  int Run(const std::vector<std::string_view>& words) {
    std::ostringstream o, e;
    ran.clear();
    const int exit_status = RunProgram(Table(), words, o, e);
    out = o.str();
    err = e.str();
    return exit_status;
  }
};

}  // namespace sluice::cli

#endif  // SLUICE_TESTS_UNIT_CLI_DEMO_PROGRAM_H_
