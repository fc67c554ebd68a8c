#include "verbs/agreement.h"

#include <algorithm>
#include <bit>

#include "transport/sr_scoreboard.h"
#include "wire/extension.h"

namespace sluice::verbs {
namespace {

constexpr int64_t kBaseHeaders = 18 + 40 + 8 + 12 + 4;  // a tag, IPv6, UDP, BTH, iCRC

uint8_t WindowCode(uint32_t window) {
  const uint32_t w =
      std::clamp(window, transport::kLeastTrackingWindow, transport::kMostTrackingWindow);
  return static_cast<uint8_t>(std::bit_width(w) - 1);
}

}  // namespace

std::optional<wire::PeerHello> TakeHello(std::vector<uint8_t>* private_data) {
  wire::PeerHello hello;
  if (!wire::PeerHello::Find(*private_data, &hello)) return std::nullopt;
  std::fill(private_data->end() - wire::PeerHello::kSize, private_data->end(), uint8_t{0});
  return hello;
}

bool PutHello(const wire::PeerHello& hello, size_t room, std::vector<uint8_t>* private_data) {
  if (private_data->size() + wire::PeerHello::kSize > room) return false;
  private_data->resize(room);
  hello.Write(private_data->data() + room - wire::PeerHello::kSize);
  return true;
}

bool CanExtend(const QueuePair::Impl& qp, const CmOptions& options, uint32_t mtu) {
  if (options.connect.reliability == Reliability::kBase) return false;
  if (qp.qp->type() != transport::QpType::kRc) return false;
  const port::Capabilities& port = qp.device->parts.port->capabilities();
  const int64_t longest = kBaseHeaders + static_cast<int64_t>(wire::kMaxExtendedDataBytes) + mtu;
  return longest <= port.max_frame && (port.elides_payload || longest <= port.linear_room);
}

wire::PeerHello HelloOf(const CmOptions& options, bool can_extend) {
  wire::PeerHello hello{wire::PeerHello::kMagic, wire::PeerHello::kVersion,
                        wire::PeerHello::kProbes};
  if (!can_extend) return hello;
  hello.flags |= wire::PeerHello::kExtension;
  if (options.connect.relaxed_ordering) hello.flags |= wire::PeerHello::kRelaxed;
  if (options.connect.telemetry) hello.flags |= wire::PeerHello::kTelemetry;
  hello.window = WindowCode(options.connect.tracking_window);
  return hello;
}

wire::PeerHello AnswerTo(const wire::PeerHello& request, const CmOptions& options,
                         bool can_extend) {
  const uint8_t window = std::min(request.window, WindowCode(options.connect.tracking_window));
  const bool sane = window >= WindowCode(transport::kLeastTrackingWindow);
  const bool extends = can_extend && request.Has(wire::PeerHello::kExtension) && sane;
  wire::PeerHello hello = HelloOf(options, extends);
  if (extends) hello.window = window;
  // What only one end asked for is not done.
  constexpr uint8_t kBoth = wire::PeerHello::kRelaxed | wire::PeerHello::kTelemetry;
  hello.flags &= static_cast<uint8_t>(request.flags | ~kBoth);
  return hello;
}

absl::Status Agree(const std::optional<wire::PeerHello>& hello, ConnectOptions* o) {
  const bool said = hello && hello->Has(wire::PeerHello::kExtension);
  const bool sane = said && hello->window >= WindowCode(transport::kLeastTrackingWindow) &&
                    hello->window <= WindowCode(o->tracking_window);
  if (sane && o->reliability != Reliability::kBase) {
    o->reliability = Reliability::kExtended;
    o->tracking_window = uint32_t{1} << hello->window;
    o->relaxed_ordering = o->relaxed_ordering && hello->Has(wire::PeerHello::kRelaxed);
    o->telemetry = o->telemetry && hello->Has(wire::PeerHello::kTelemetry);
    return absl::OkStatus();
  }
  if (said && !sane && o->reliability != Reliability::kBase) {
    return absl::FailedPreconditionError(
        "the peer chose a tracking window of the extension that was not offered");
  }
  if (o->reliability == Reliability::kExtended) {
    return absl::FailedPreconditionError(
        "the peer does not use the extension, which ConnectOptions::reliability insists on: choose "
        "kAuto, or kExtended at the peer as well");
  }
  o->reliability = Reliability::kBase;
  return absl::OkStatus();
}

}  // namespace sluice::verbs
