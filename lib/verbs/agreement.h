// What two ends of Sluice agree on beside RDMA-CM's own fields: the extension, its window and
// order, by a wire::PeerHello at the end of the private data. For this folder's files.
#ifndef SLUICE_VERBS_AGREEMENT_H_
#define SLUICE_VERBS_AGREEMENT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "verbs/cm.h"
#include "verbs/internal.h"
#include "wire/peer_hello.h"

namespace sluice::verbs {

// Takes the hello out of a message's private data, where zeros remain; nothing if there is none.
std::optional<wire::PeerHello> TakeHello(std::vector<uint8_t>* private_data);

// Puts it into the last bytes of private data that is `room` bytes long on the wire; false and no
// change if the application's own data needs them.
bool PutHello(const wire::PeerHello& hello, size_t room, std::vector<uint8_t>* private_data);

// Whether this end can use the extension on `qp` with packets of `mtu` bytes.
bool CanExtend(const QueuePair::Impl& qp, const CmOptions& options, uint32_t mtu);

// What a request says of this end.
wire::PeerHello HelloOf(const CmOptions& options, bool can_extend);

// What the acceptor answers to the requester's hello, or to none.
wire::PeerHello AnswerTo(const wire::PeerHello& request, const CmOptions& options, bool can_extend);

// The connection as it was agreed: reliability, tracking window, order and telemetry.
// FailedPrecondition: this end insists on the extension, and it was not agreed to.
absl::Status Agree(const std::optional<wire::PeerHello>& hello, ConnectOptions* options);

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_AGREEMENT_H_
