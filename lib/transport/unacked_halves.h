// UnackedHalves: what an unreliable queue pair (UC, UD) has in place of the requester and responder
// of a reliable one. It lies behind one pointer, so that a reliable queue pair does not pay for it.
#ifndef SLUICE_TRANSPORT_UNACKED_HALVES_H_
#define SLUICE_TRANSPORT_UNACKED_HALVES_H_

#include <cstdint>

#include "transport/qp_states.h"
#include "transport/uc_responder.h"
#include "transport/ud_responder.h"
#include "transport/unacked_requester.h"

namespace sluice::transport {

struct UnackedHalves {
  UnackedHalves(QpType t, SendQueue* sends, ReceiveQueue* receives, SharedReceiveQueue* shared,
                CompletionRing* send_completions, CompletionRing* receive_completions, uint32_t qpn)
      : type(t),
        requester(t, sends, send_completions, qpn),
        uc(receives, shared, receive_completions, qpn),
        ud(receives, shared, receive_completions, qpn) {}

  void SetQkey(uint32_t qkey) {
    requester.SetQkey(qkey);
    ud.SetQkey(qkey);
  }

  const QpType type;
  UnackedRequester requester;
  UcResponder uc;  // of a UC queue pair
  UdResponder ud;  // of a UD queue pair
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_UNACKED_HALVES_H_
