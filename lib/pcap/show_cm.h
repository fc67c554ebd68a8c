// What `sluice-pcap show` says of a datagram of connection management.
#ifndef SLUICE_PCAP_SHOW_CM_H_
#define SLUICE_PCAP_SHOW_CM_H_

#include <optional>
#include <string>

#include "cli/json.h"
#include "wire/cm_messages.h"
#include "wire/packet_value.h"

namespace sluice::pcap {

// nullopt for a frame that is not to queue pair 1, or whose datagram is none of this class.
std::optional<wire::CmMad> CmOf(const wire::DecodedFrame& frame);

// "REQ id=0x7f3caf26 tid=0x26af3c7f00000000 service=0x1061d2f qpn=20 psn=0x2685d0 mtu=4096 ...":
// the fields that tell one connection from another.
std::string CmText(const wire::CmMad& mad);
cli::Json CmJson(const wire::CmMad& mad);

}  // namespace sluice::pcap

#endif  // SLUICE_PCAP_SHOW_CM_H_
