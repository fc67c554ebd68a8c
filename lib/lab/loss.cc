#include "lab/loss.h"

#include "absl/strings/str_format.h"
#include "lab/ideal.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr std::string_view kReliabilities[] = {"base", "extended"};

constexpr std::string_view kDetails =
    "Host 0 posts `messages` RDMA WRITEs to host 1 on one queue pair, through one switch. The "
    "link\n"
    "between the switch and host 1 loses packets, data and acknowledgements alike. `base` "
    "recovers\n"
    "by go-back-N as RoCEv2 does, `extended` by selective repeat (docs/wire-formats.md).\n"
    "The seed varies which packets are lost, QPNs, PSNs and keys. Without congestion control use\n"
    "`fixed`, which sends at line rate.";

std::vector<ParameterSpec> Specs() {
  return {
      {"p", K::kProbability, "0.001", "", "", "that a packet is lost, each way"},
      {"reliability", K::kChoice, "extended", "", "", "of the queue pair", {}, kReliabilities},
      {"messages", K::kInteger, "64", "1", "4096", "RDMA WRITEs, all posted at once"},
      {"size", K::kSize, "4MiB", "1", "2GiB", "bytes of each"},
      {"rate", K::kRate, "400Gbps", "1Gbps", "1600Gbps", "of every link"},
      {"delay", K::kTime, "5us", "0", "1ms", "propagation of every link, one way; there are two"},
      {"mtu", K::kInteger, "1024", "256", "4096", "payload bytes per packet, a multiple of 4"},
      {"window", K::kInteger, "16384", "64", "16384",
       "packets outstanding at most (extended); a power of two"},
      {"buffer", K::kSize, "32MiB", "16KB", "1GB", "of the switch"},
      {"kmin", K::kSize, "400KB", "0", "1GB", "ECN: no mark up to this queue"},
      {"kmax", K::kSize, "1600KB", "0", "1GB", "ECN: every packet is marked above this queue"},
      {"pmax", K::kProbability, "0.2", "", "", "ECN: probability of a mark at kmax"},
      {"timeout", K::kInteger, "auto", "1", "31",
       "retransmission timer 4.096us * 2^code; auto: longer than the whole buffer drains", "auto"},
      {"sample", K::kTime, "1us", "10ns", "1s", "between two points of queues.csv and rates.csv"},
      {"limit", K::kTime, "10s", "1us", "1000s",
       "virtual time after which a message counts as unfinished"},
  };
}

absl::StatusOr<Scenario> Build(const Parameters& p, uint64_t) {
  Scenario s;
  sim::LinkConfig link;
  link.rate = p.Rate("rate");
  link.delay = p.Time("delay");
  s.topology = sim::Star(2, link);
  s.topology.links[1].forward.loss = s.topology.links[1].backward.loss = p.Number("p");
  s.switches.buffer = p.Size("buffer");
  s.switches.ecn = {switching::EcnProfile::Mode::kDequeue, p.Size("kmin"), p.Size("kmax"),
                    p.Number("pmax")};
  if (s.switches.ecn.kmin > s.switches.ecn.kmax) {
    return absl::InvalidArgumentError("experiment loss: kmin exceeds kmax; lower kmin");
  }
  s.mtu = static_cast<uint32_t>(p.Integer("mtu"));
  if (s.mtu % 4 != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "experiment loss: mtu=%d is no multiple of 4; choose %d", s.mtu, s.mtu / 4 * 4));
  }
  s.extended = p.Text("reliability") == "extended";
  s.tracking_window = static_cast<uint32_t>(p.Integer("window"));
  if ((s.tracking_window & (s.tracking_window - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "experiment loss: window=%d is no power of two; choose 16384", s.tracking_window));
  }
  s.one_queue_pair = true;
  const Paths paths(s.topology);
  s.timeout = p.Has("timeout")
                  ? static_cast<uint8_t>(p.Integer("timeout"))
                  : TimeoutCode(s.switches.buffer, link.rate, paths.BaseRtt(0, 1, s.mtu));
  s.sample = p.Time("sample");
  s.watched_node = 2;  // the switch
  s.watched_port = 1;
  s.flows.assign(static_cast<size_t>(p.Integer("messages")), {0, 1, p.Size("size"), Time::Zero()});
  s.limit = p.Time("limit");
  return s;
}

}  // namespace

Experiment LossExperiment() {
  return {"loss", "one queue pair on a path that loses packets both ways", kDetails, Specs(),
          Build};
}

}  // namespace sluice::lab
