// sluice-lab worlds: the table entry; what it does is the wire world's (bridge/worlds.h).
#include <utility>

#include "lab/commands.h"

namespace sluice::lab {

cli::Command WorldsCommand(cli::Runner run) {
  cli::Command c;
  c.name = "worlds";
  c.summary = "virtual time beside the wire: throughput, RTT and marks of every algorithm in both";
  c.examples = {{"sluice-lab worlds incast:senders=8", "every algorithm, three times on the wire"},
                {"sluice-lab worlds incast:senders=8 -a dcqcn -a dctcp --repeats 5 --json -", ""}};
  c.positionals = {
      {"EXPERIMENT", "name from `sluice-lab list`, with NAME:name=value,..., or FILE.json"}};
  cli::Option algorithms = ArmOption('a', "a", "algorithm; default: each that there is", "");
  algorithms.repeated = true;
  c.options = {
      std::move(algorithms),
      {.name = "repeats",
       .kind = cli::Kind::kInteger,
       .help = "runs on the wire of the same inputs, whose spread is the wire's own (A/A)",
       .default_text = "3",
       .min = "3",
       .max = "100"},
      {.name = "seed",
       .kind = cli::Kind::kUnsigned,
       .help = "of starts, QPNs, PSNs and marking, in both worlds",
       .default_text = "1"},
      RttOption(),
  };
  c.run = std::move(run);
  return c;
}

}  // namespace sluice::lab
