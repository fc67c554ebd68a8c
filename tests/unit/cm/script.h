// A manager in any state, with a peer that the test plays by hand.
#ifndef SLUICE_TESTS_UNIT_CM_SCRIPT_H_
#define SLUICE_TESTS_UNIT_CM_SCRIPT_H_

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "cm/manager.h"

namespace sluice::cm {

inline const wire::IpAddress kOurIp = wire::IpAddress::FromV4(0xc6336401);
inline const wire::IpAddress kPeerIp = wire::IpAddress::FromV4(0xc6336402);
inline constexpr uint64_t kService = wire::IpServiceId(wire::kServiceTcp, 7174);
inline constexpr uint64_t kDatagram = wire::IpServiceId(wire::kServiceUdp, 7174);
inline constexpr uint32_t kPeerId = 0x70656572;
inline constexpr uint32_t kPeerQpn = 0x321;
inline constexpr uint32_t kOurQpn = 0x123;
inline constexpr uint64_t kPeerTransaction = 0x1122334455667788;

inline wire::CmReq PeerReq(uint32_t id = kPeerId, uint32_t qpn = kPeerQpn,
                           const wire::IpAddress& from = kPeerIp) {
  wire::CmReq m;
  m.local_comm_id = id;
  m.service_id = kService;
  m.local_qpn = qpn;
  m.mtu = 3;
  m.local_response_timeout = 18;
  m.max_cm_retries = 3;
  m.responder_resources = 1;
  m.primary.local_gid = from;
  m.primary.remote_gid = kOurIp;
  m.primary.ack_timeout = 14;
  wire::IpCmHeader{4, 7, from, kOurIp}.Write(m.private_data.data());
  return m;
}

inline wire::CmSidrReq PeerSidr(uint32_t id = kPeerId, const wire::IpAddress& from = kPeerIp) {
  wire::CmSidrReq m;
  m.request_id = id;
  m.service_id = kDatagram;
  wire::IpCmHeader{4, 7, from, kOurIp}.Write(m.private_data.data());
  return m;
}

inline Config OurConfig() {
  Config config;
  config.ip = kOurIp;
  config.seed = 5;
  config.max_retries = 3;
  return config;
}

class Script {
 public:
  explicit Script(const Config& config = OurConfig()) : manager(config) {}

  void Deliver(const wire::CmMessage& m, const wire::IpAddress& from = kPeerIp) {
    wire::CmMad mad;
    mad.header.transaction_id = kPeerTransaction;
    mad.message = m;
    manager.OnMad(now, {from, {}}, wire::EncodeCm(mad));
  }

  std::vector<wire::CmMad> Sent() {
    std::vector<wire::CmMad> all;
    for (MadOut out; manager.TakeMad(&out);) {
      wire::CmMad mad;
      EXPECT_EQ(wire::DecodeCm(out.bytes, &mad), wire::MadFault::kNone);
      all.push_back(mad);
    }
    return all;
  }
  std::vector<Event> Events() {
    std::vector<Event> all;
    for (Event e; manager.TakeEvent(&e);) all.push_back(e);
    return all;
  }

  // A fresh script brought to `state`; `passive` where both sides have it.
  static std::unique_ptr<Script> In(State state, bool passive) {
    auto s = std::make_unique<Script>();
    s->Bring(state, passive);
    EXPECT_EQ(s->manager.state(s->id), state) << NameOf(state);
    (void)s->Sent();
    (void)s->Events();
    return s;
  }

  template <typename M>
  M WithIds() const {
    M m;
    if constexpr (requires { m.local_comm_id; }) m.local_comm_id = kPeerId;
    if constexpr (requires { m.remote_comm_id; }) m.remote_comm_id = id;
    if constexpr (requires { m.request_id; }) m.request_id = id;
    if constexpr (requires { m.remote_qpn; }) m.remote_qpn = kOurQpn;
    if constexpr (requires { m.local_qpn; }) m.local_qpn = kPeerQpn;
    return m;
  }

  Manager manager;
  Time now;
  Id id = 0;

 private:
  static bool IsActive(State s) {
    return s == State::kReqSent || s == State::kMraReqReceived || s == State::kRepReceived ||
           s == State::kMraRepSent;
  }

  void Connect() {
    ConnectRequest r;
    r.peer.ip = kPeerIp;
    r.service_id = kService;
    r.qpn = kOurQpn;
    id = *manager.Connect(now, r);
  }

  void Bring(State state, bool passive) {
    if (state == State::kIdle) {
      id = 0x12345;
    } else if (state == State::kSidrReqSent) {
      DatagramRequest r;
      r.peer.ip = kPeerIp;
      r.service_id = kDatagram;
      id = *manager.RequestDatagram(now, r);
    } else if (state == State::kSidrReqReceived || state == State::kSidrAnswered) {
      EXPECT_TRUE(manager.Listen(kDatagram, true).ok());
      Deliver(PeerSidr());
      id = Events().at(0).id;
      if (state == State::kSidrAnswered) {
        EXPECT_TRUE(manager.AnswerDatagram(now, id, {}).ok());
      }
    } else if (IsActive(state) || !passive) {
      BringActive(state);
    } else {
      BringPassive(state);
    }
  }

  void BringActive(State state) {
    Connect();
    if (state == State::kReqSent) return;
    if (state == State::kMraReqReceived) return Deliver(WithIds<wire::CmMra>());
    Deliver(WithIds<wire::CmRep>());
    if (state == State::kRepReceived) return;
    if (state == State::kMraRepSent) return Deliver(WithIds<wire::CmRep>());
    EXPECT_TRUE(manager.Confirm(now, id, {}).ok());
    BringEnd(state);
  }

  void BringPassive(State state) {
    EXPECT_TRUE(manager.Listen(kService, false).ok());
    Deliver(PeerReq());
    id = Events().at(0).id;
    if (state == State::kReqReceived) return;
    if (state == State::kMraReqSent) return Deliver(PeerReq());
    AcceptRequest r;
    r.qpn = kOurQpn;
    EXPECT_TRUE(manager.Accept(now, id, r).ok());
    if (state == State::kRepSent) return;
    if (state == State::kMraRepReceived) {
      auto mra = WithIds<wire::CmMra>();
      mra.subject = wire::CmSubject::kRep;
      return Deliver(mra);
    }
    Deliver(WithIds<wire::CmRtu>());
    BringEnd(state);
  }

  void BringEnd(State state) {
    if (state == State::kDreqSent) {
      EXPECT_TRUE(manager.Disconnect(now, id, {}).ok());
    }
    if (state == State::kTimeWait) Deliver(WithIds<wire::CmDreq>());
  }
};

}  // namespace sluice::cm

#endif  // SLUICE_TESTS_UNIT_CM_SCRIPT_H_
