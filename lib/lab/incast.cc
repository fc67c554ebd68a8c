#include "lab/incast.h"

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "lab/ideal.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kStartPurpose = 0x7374617274;

using K = cli::Kind;

std::vector<ParameterSpec> Specs(std::string_view buffer) {
  return {
      {"senders", K::kInteger, "16", "1", "1024", "hosts that send to the one receiver"},
      {"size", K::kSize, "1MB", "1", "2GiB", "bytes of each sender's one message (RDMA WRITE)"},
      {"rate", K::kRate, "100Gbps", "1Gbps", "1600Gbps", "of every link"},
      {"delay", K::kTime, "1us", "0", "1ms", "propagation of every link, one way"},
      {"buffer", K::kSize, buffer, "16KB", "1GB", "of the switch, shared by its ports"},
      {"kmin", K::kSize, "400KB", "0", "1GB", "ECN: no mark up to this queue"},
      {"kmax", K::kSize, "1600KB", "0", "1GB", "ECN: every packet is marked above this queue"},
      {"pmax", K::kProbability, "0.2", "", "", "ECN: probability of a mark at kmax"},
      {"mtu", K::kInteger, "1000", "256", "4096", "payload bytes per packet, a multiple of 4"},
      {"spread", K::kTime, "10us", "0", "1s", "starts are uniform in this time"},
      {"timeout", K::kInteger, "auto", "1", "31",
       "retransmission timer 4.096us * 2^code; auto: longer than the whole buffer drains", "auto"},
      {"sample", K::kTime, "1us", "10ns", "1s", "between two points of queues.csv and rates.csv"},
      {"limit", K::kTime, "auto", "1us", "1000s",
       "virtual time after which a flow counts as unfinished; auto: 20 times the fair share + 20ms",
       "auto"},
  };
}

constexpr std::string_view kDetails =
    "Hosts 0..N-1 and the receiver N stand around one store-and-forward switch. Each sender posts\n"
    "one RDMA WRITE to a queue pair of its own and is done when the last acknowledgement is back.\n"
    "The seed varies the starts (uniform in `spread`), QPNs, PSNs, keys and the ECN marking.\n"
    "The reported queue is that of the switch before the receiver; marking tests a packet when it\n"
    "leaves, by the bytes behind it.";

absl::StatusOr<Scenario> Build(const Parameters& p, uint64_t seed) {
  Scenario s;
  const auto senders = static_cast<size_t>(p.Integer("senders"));
  sim::LinkConfig link;
  link.rate = p.Rate("rate");
  link.delay = p.Time("delay");
  s.topology = sim::Star(senders + 1, link);
  s.switches.buffer = p.Size("buffer");
  s.switches.ecn = {switching::EcnProfile::Mode::kDequeue, p.Size("kmin"), p.Size("kmax"),
                    p.Number("pmax")};
  if (s.switches.ecn.kmin > s.switches.ecn.kmax) {
    return absl::InvalidArgumentError(
        "experiment incast: kmin exceeds kmax; lower kmin or raise kmax");
  }
  s.mtu = static_cast<uint32_t>(p.Integer("mtu"));
  if (s.mtu % 4 != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "experiment incast: mtu=%d is no multiple of 4; choose %d", s.mtu, s.mtu / 4 * 4));
  }
  const auto receiver = static_cast<sim::NodeId>(senders);
  const Paths paths(s.topology);
  const Duration rtt = paths.BaseRtt(0, receiver, s.mtu);
  s.timeout = p.Has("timeout") ? static_cast<uint8_t>(p.Integer("timeout"))
                               : TimeoutCode(s.switches.buffer, link.rate, rtt);
  s.sample = p.Time("sample");
  s.watched_node = receiver + 1;  // the switch
  s.watched_port = static_cast<sim::PortIndex>(receiver);
  const Bytes size = p.Size("size");
  const auto spread = static_cast<uint64_t>(p.Time("spread").ps());
  for (sim::NodeId i = 0; i < receiver; ++i) {
    Rng rng(seed, i, kStartPurpose);
    s.flows.push_back({i, receiver, size, Time::FromPs(rng.Below(spread + 1))});
  }
  s.limit = p.Has("limit")
                ? p.Time("limit")
                : paths.Ideal(0, receiver, size, s.mtu) * (20 * static_cast<int64_t>(senders)) +
                      p.Time("spread") + Duration::Milliseconds(20);
  return s;
}

Experiment Make(std::string_view name, std::string_view summary, std::string_view buffer) {
  return {name, summary, kDetails, Specs(buffer), Build};
}

}  // namespace

Experiment Incast() {
  return Make("incast", "N senders to one receiver, a buffer of 32 MiB that loses nothing",
              "32MiB");
}
Experiment IncastShallow() {
  return Make("incast-shallow", "the same with a buffer of 2 MiB, which overflows", "2MiB");
}

}  // namespace sluice::lab
