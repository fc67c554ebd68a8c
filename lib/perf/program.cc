#include "perf/program.h"

#include <string>
#include <utility>
#include <vector>

#include "cli/exit.h"
#include "perf/loopback.h"
#include "perf/network.h"

namespace sluice::perf {
namespace {

std::string Message(const absl::Status& s) {
  const absl::string_view m = s.message();
  return std::string(m.data(), m.size());
}

// What is sent.
std::vector<cli::Option> TrafficOptions() {
  using K = cli::Kind;
  return {
      {.name = "test",
       .kind = K::kChoice,
       .help = "bandwidth, or one message each way",
       .default_text = "bw",
       .choices = {"bw", "lat"}},
      {.name = "op",
       .kind = K::kChoice,
       .help = "what a message is; atomics (fadd, cas) have 8 bytes",
       .default_text = "send",
       .choices = {"send", "write", "read", "fadd", "cas"}},
      {.name = "size", .kind = K::kSize, .help = "bytes per message", .default_text = "64"},
      {.name = "qps",
       .kind = K::kInteger,
       .help = "queue pairs",
       .default_text = "1",
       .min = "1",
       .max = kMaxQpsText},
      {.name = "depth",
       .kind = K::kInteger,
       .help = "messages outstanding per queue pair",
       .default_text = "64",
       .min = "1",
       .max = "32768"},
      {.name = "order",
       .kind = K::kChoice,
       .help = "in which queue pairs post: as they become free, or drawn at random from the seed",
       .default_text = "free",
       .choices = {"free", "random"}},
      {.name = "mtu",
       .kind = K::kInteger,
       .help = "payload bytes per packet: 256, 512, 1024, 2048, 4096",
       .default_text = "4096"},
      {.name = "cc",
       .kind = K::kText,
       .help = "congestion control, NAME[:key=value,...]",
       .default_text = "dcqcn"},
      {.name = "icrc",
       .kind = K::kBoolean,
       .help = "compute and check the invariant CRC",
       .default_text = "on"},
      {.name = "messages", .kind = K::kInteger, .help = "end after this many messages", .min = "1"},
      {.name = "seconds", .kind = K::kTime, .help = "end after this long", .default_text = "1s"},
      {.name = "seed",
       .kind = K::kUnsigned,
       .help = "of pattern, faults, QPNs and PSNs",
       .default_text = "1"},
      {.name = "noverify",
       .kind = K::kSwitch,
       .help = "do not compare what arrived",
       .default_text = ""},
  };
}

// Faults of the wire, and how the transport answers them.
std::vector<cli::Option> WireOptions() {
  using K = cli::Kind;
  return {
      {.name = "loss",
       .kind = K::kProbability,
       .help = "of each packet, in each direction",
       .default_text = "0",
       .group = "Faults"},
      {.name = "duplicate",
       .kind = K::kProbability,
       .help = "likewise",
       .default_text = "0",
       .group = "Faults"},
      {.name = "reorder",
       .kind = K::kProbability,
       .help = "held back by 1-8 packets",
       .default_text = "0",
       .group = "Faults"},
      {.name = "corrupt",
       .kind = K::kProbability,
       .help = "1-3 bits flipped",
       .default_text = "0",
       .group = "Faults"},
      {.name = "reliability",
       .kind = K::kChoice,
       .help =
           "base: go-back-N of IBTA 1.4; extended: selective repeat; auto: extended if both can",
       .default_text = "auto",
       .group = "Transport",
       .choices = {"auto", "base", "extended"}},
      {.name = "relaxed-ordering",
       .kind = K::kSwitch,
       .help = "WRITEs to overlapping ranges do not wait for each other; not with base",
       .default_text = "",
       .group = "Transport"},
      {.name = "timeout",
       .kind = K::kInteger,
       .help = "4.096 us * 2^timeout; default 14, loopback 8",
       .group = "Transport",
       .min = "1",
       .max = "31"},
      {.name = "retry",
       .kind = K::kInteger,
       .help = "answers missed before a queue pair fails",
       .default_text = "7",
       .group = "Transport",
       .min = "0",
       .max = "7"},
      {.name = "line-rate",
       .kind = K::kRate,
       .help = "default: the NIC's; 400Gbps on virtual devices",
       .group = "Transport"},
      {.name = "capture",
       .kind = K::kText,
       .help = "write the initiator's frames to a pcap file",
       .placeholder = "FILE",
       .group = "Transport"},
  };
}

// Options of every command.
std::vector<cli::Option> CommonOptions() {
  std::vector<cli::Option> options = TrafficOptions();
  for (cli::Option& o : WireOptions()) options.push_back(std::move(o));
  return options;
}

// The report and exit status of a run that was made.
int Conclude(const Options& options, const Result& result, const std::string& why,
             cli::Report& report) {
  report.set_json(ToJson(options, result));
  report.text() << ToText(options, result);
  if (why == "interrupted") return report.Fail(cli::kExitInterrupted, "interrupted");
  if (!why.empty()) return report.Fail(cli::kExitFailed, why);
  if (result.mismatches > 0) return report.Fail(cli::kExitFailed, "bytes differ from the pattern");
  if (!result.good()) return report.Fail(cli::kExitFailed, "messages, packets or queue pairs lost");
  return cli::kExitOk;
}

int RunLoopbackCommand(const Context& context, const cli::Arguments& arguments,
                       cli::Report& report) {
  const absl::StatusOr<Options> options = ReadOptions(arguments, true);
  if (!options.ok()) return report.Fail(cli::kExitUsage, Message(options.status()));
  absl::StatusOr<std::unique_ptr<PortSource>> source = context.make();
  if (!source.ok()) return report.Fail(context.exit_of(source.status()), Message(source.status()));
  std::string why;
  absl::StatusOr<Result> result = RunLoopback(*options, source->get(), &report, &why);
  if (!result.ok()) {
    return report.Fail(context.exit_of(result.status()), Message(result.status()));
  }
  result->version = context.version;
  return Conclude(*options, *result, why, report);
}

absl::StatusOr<NetworkOptions> ReadNetwork(const cli::Arguments& a, bool client) {
  NetworkOptions n;
  n.vdev = a.Text("vdev");
  n.control = a.Address("control");
  n.addressing.address = a.Text("ip");
  if (a.Has("gateway")) n.addressing.gateway = a.Text("gateway");
  verbs::DeviceParts parts;
  if (absl::Status s = verbs::SetAddressing(n.addressing, &parts); !s.ok()) {
    return absl::InvalidArgumentError("--ip and --gateway: " + Message(s));
  }
  n.ip = parts.address;
  if (client) {
    absl::StatusOr<wire::IpAddress> to = wire::IpAddress::Parse(a.Text("to"));
    if (!to.ok()) return absl::InvalidArgumentError("--to " + Message(to.status()));
    n.to = *to;
    if (n.to.is_v4() != n.ip.is_v4()) {
      return absl::InvalidArgumentError("--ip and --to must be of one family, IPv4 or IPv6");
    }
  } else {
    n.clients = static_cast<uint64_t>(a.Integer("clients"));
  }
  return n;
}

int RunNetworkCommand(const Context& context, bool client, const cli::Arguments& arguments,
                      cli::Report& report) {
  const absl::StatusOr<Options> options = ReadOptions(arguments, false);
  if (!options.ok()) return report.Fail(cli::kExitUsage, Message(options.status()));
  const absl::StatusOr<NetworkOptions> network = ReadNetwork(arguments, client);
  if (!network.ok()) return report.Fail(cli::kExitUsage, Message(network.status()));
  absl::StatusOr<std::unique_ptr<PortSource>> source = context.make();
  if (!source.ok()) return report.Fail(context.exit_of(source.status()), Message(source.status()));
  if (client) {
    std::string why;
    absl::StatusOr<Result> result = RunClient(*options, *network, source->get(), &report, &why);
    if (!result.ok()) {
      return report.Fail(context.exit_of(result.status()), Message(result.status()));
    }
    result->version = context.version;
    return Conclude(*options, *result, why, report);
  }
  int status = cli::kExitOk;
  const absl::Status ended =
      RunServer(*options, *network, source->get(), &report,
                [&](const Options& o, const Result& r, const std::string& why) {
                  Result named = r;
                  named.version = context.version;
                  report.set_json(ToJson(o, named));
                  report.text() << ToText(o, named) << std::flush;
                  if (!why.empty()) report.messages() << "client: " << why << "\n";
                  status = why.empty() && r.mismatches == 0 ? cli::kExitOk : cli::kExitFailed;
                });
  if (!ended.ok()) return report.Fail(context.exit_of(ended), Message(ended));
  return status;
}

cli::Command LoopbackCommand(const Context& context) {
  cli::Command c;
  c.name = "loopback";
  c.summary = "both ends in this process, over cross-connected net_ring";
  c.examples = {
      {"sluice-perf loopback", "64 B SENDs for a second, every byte verified"},
      {"sluice-perf loopback --op write --size 64KiB --loss 1%", "the same under loss"},
      {"sluice-perf loopback --op read --size 64KiB", "the initiator fetches the bytes"},
      {"sluice-perf loopback --test lat --json -", "round trips, as JSON"},
  };
  c.options = CommonOptions();
  c.options.push_back({.name = "cores",
                       .kind = cli::Kind::kInteger,
                       .help = "1: both ends on one core; 2: one each",
                       .default_text = "1",
                       .min = "1",
                       .max = "2"});
  c.options.push_back({.name = "churn",
                       .kind = cli::Kind::kInteger,
                       .help = "remake the queue pairs after this many messages; 0: never",
                       .default_text = "0",
                       .group = "Transport",
                       .min = "0"});
  c.run = [context](const cli::Arguments& a, cli::Report& r) {
    return RunLoopbackCommand(context, a, r);
  };
  return c;
}

cli::Command NetworkCommand(const Context& context, bool client) {
  cli::Command c;
  c.name = client ? "client" : "server";
  c.summary = client ? "sends to a server over a virtual device, and reports"
                     : "receives and verifies; what is sent, and --cc, is each client's choice";
  if (client) {
    c.examples = {
        {"sluice-perf client --vdev net_virtio_user0,path=/tmp/s.sock --ip 198.51.100.1 "
         "--to 198.51.100.2",
         "over vhost-user: no root, no hugepages"}};
  } else {
    c.examples = {{"sluice-perf server --vdev net_vhost0,iface=/tmp/s.sock --ip 198.51.100.2",
                   "over vhost-user: no root, no hugepages"}};
  }
  c.options = CommonOptions();
  c.options.push_back({.name = "vdev",
                       .kind = cli::Kind::kText,
                       .help = "device, as DPDK's --vdev takes it",
                       .placeholder = "DRIVER0,KEY=VALUE",
                       .required = true});
  c.options.push_back({.name = "ip",
                       .kind = cli::Kind::kText,
                       .help = "our address, which no kernel may own; with the link's prefix if "
                               "there is a --gateway",
                       .placeholder = "ADDRESS[/BITS]",
                       .required = true});
  c.options.push_back({.name = "gateway",
                       .kind = cli::Kind::kText,
                       .help = "the router to peers beyond the link",
                       .placeholder = "ADDRESS"});
  if (client) {
    c.options.push_back({.name = "to",
                         .kind = cli::Kind::kText,
                         .help = "the server's address",
                         .placeholder = "ADDRESS",
                         .required = true});
  } else {
    c.options.push_back({.name = "clients",
                         .kind = cli::Kind::kInteger,
                         .help = "end after this many clients; 0: never",
                         .default_text = "0",
                         .min = "0"});
  }
  c.options.push_back({.name = "control",
                       .kind = cli::Kind::kHostPort,
                       .help = "where the two exchange addresses and counts, over TCP",
                       .default_text = "127.0.0.1:18516"});
  c.run = [context, client](const cli::Arguments& a, cli::Report& r) {
    return RunNetworkCommand(context, client, a, r);
  };
  return c;
}

}  // namespace

cli::Program PerfProgram(const Context& context) {
  cli::Program program;
  program.name = "sluice-perf";
  program.summary = "moves verified messages over RoCEv2 and says what they cost";
  program.version = context.version;
  program.foreign_words = {{"-D", "--seconds"}, {"-P", "--qps"},      {"-C", "--cc"},
                           {"-s", "--size"},    {"-n", "--messages"}, {"-m", "--mtu"}};
  program.commands = {LoopbackCommand(context), NetworkCommand(context, false),
                      NetworkCommand(context, true)};
  return program;
}

}  // namespace sluice::perf
