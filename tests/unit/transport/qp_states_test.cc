// The table of transitions, exhausted: each type, each pair of states, each attribute; by the
// verbs, on real queue pairs.
#include "transport/qp_states.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

#include "support/unacked_end.h"

namespace sluice::test {
namespace {

using transport::QpAttribute;
using transport::QpAttributeSet;
using transport::QpState;
using transport::QpType;
using verbs::QueuePairAttributes;
using verbs::QueuePairState;
using verbs::QueuePairType;

// IBTA 1.4, 11.2.5.2: type, from, to, required | optional. What is not here is no transition, but
// for those to RESET and ERR.
constexpr char kTable[] = R"(
RC RESET INIT pkey access |
RC INIT INIT | pkey access
RC INIT RTR path mtu peer_qpn receive_psn responder_resources min_rnr_timer | pkey access algorithm
RC RTR RTS send_psn timeout retry_count rnr_retry max_rd_atomic | access min_rnr_timer
RC RTS RTS | access min_rnr_timer
RC RTS SQD |
RC SQD RTS | access min_rnr_timer
RC SQD SQD | path timeout retry_count rnr_retry max_rd_atomic responder_resources pkey access min_rnr_timer
UC RESET INIT pkey access |
UC INIT INIT | pkey access
UC INIT RTR path mtu peer_qpn receive_psn | pkey access algorithm
UC RTR RTS send_psn | access
UC RTS RTS | access
UC RTS SQD |
UC SQD RTS | access
UC SQD SQD | path pkey access
UC SQE RTS | access
UD RESET INIT pkey qkey |
UD INIT INIT | pkey qkey
UD INIT RTR | pkey qkey algorithm
UD RTR RTS send_psn | qkey
UD RTS RTS | qkey
UD RTS SQD |
UD SQD RTS | qkey
UD SQD SQD | pkey qkey
UD SQE RTS | qkey
)";

struct Row {
  std::set<std::string> required, optional;
};
using Key = std::tuple<std::string, std::string, std::string>;

std::map<Key, Row> ParseTable() {
  std::map<Key, Row> rows;
  std::istringstream lines(kTable);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string type, from, to;
    if (!(words >> type >> from >> to)) continue;
    Row row;
    bool optional = false;
    for (std::string w; words >> w;) {
      if (w == "|") {
        optional = true;
      } else {
        (optional ? row.optional : row.required).insert(w);
      }
    }
    rows[{type, from, to}] = row;
  }
  for (const char* type : {"RC", "UC", "UD"}) {
    for (const char* from : {"RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"}) {
      rows[{type, from, "RESET"}] = {};
      rows[{type, from, "ERR"}] = {};
    }
  }
  return rows;
}

constexpr const char* kTypes[] = {"RC", "UC", "UD"};

TEST(QpStates, TheTableIsThatOfTheSpecification) {
  const auto rows = ParseTable();
  for (size_t type = 0; type < transport::kQpTypes; ++type) {
    for (size_t from = 0; from < transport::kQpStates; ++from) {
      for (size_t to = 0; to < transport::kQpStates; ++to) {
        const auto f = static_cast<QpState>(from);
        const auto t = static_cast<QpState>(to);
        const transport::QpTransition got = TransitionOf(static_cast<QpType>(type), f, t);
        const auto it = rows.find({kTypes[type], NameOf(f), NameOf(t)});
        const std::string where = std::string(kTypes[type]) + " " + NameOf(f) + " to " + NameOf(t);
        ASSERT_EQ(got.allowed, it != rows.end()) << where;
        if (!got.allowed) continue;
        for (size_t a = 0; a < transport::kQpAttributes; ++a) {
          const auto which = static_cast<QpAttribute>(a);
          EXPECT_EQ(got.required.Has(which), it->second.required.contains(NameOf(which)))
              << where << " " << NameOf(which);
          EXPECT_EQ(got.optional.Has(which), it->second.optional.contains(NameOf(which)))
              << where << " " << NameOf(which);
        }
      }
    }
  }
}

void Set(const std::string& name, const UnackedEnd& end, QueuePairAttributes* a) {
  if (name == "pkey") a->pkey = 0xffff;
  if (name == "qkey") a->qkey = UnackedEnd::kQkey;
  if (name == "access") a->access = verbs::kRemoteWrite;
  if (name == "path") a->path = {"02:00:00:00:00:02", end.PeerAddress()};
  if (name == "mtu") a->mtu = 1024;
  if (name == "peer_qpn") a->peer_qpn = 5;
  if (name == "receive_psn") a->receive_psn = 6;
  if (name == "min_rnr_timer") a->min_rnr_timer = 7;
  if (name == "responder_resources") a->responder_resources = 1;
  if (name == "timeout") a->timeout = 9;
  if (name == "retry_count") a->retry_count = 3;
  if (name == "rnr_retry") a->rnr_retry = 3;
  if (name == "send_psn") a->send_psn = 4;
  if (name == "max_rd_atomic") a->max_rd_atomic = 1;
  if (name == "algorithm") a->algorithm = "fixed";
}

QueuePairAttributes All(const std::set<std::string>& names, const UnackedEnd& end) {
  QueuePairAttributes a;
  for (const std::string& n : names) Set(n, end, &a);
  return a;
}

// RC has no SQE, and of UC nothing that is posted can fail.
bool Reachable(size_t type, QpState s) { return s != QpState::kSendError || type == 2; }

void TryAll(size_t type, QpState from, QpState to, const Row* row) {
  const std::string where = std::string(kTypes[type]) + " " + NameOf(from) + " to " + NameOf(to);
  const auto make = [&] {
    UnackedEndOptions o;
    o.type = static_cast<QueuePairType>(type);
    auto end = std::make_unique<UnackedEnd>(o);
    end->GoTo(static_cast<QueuePairState>(from));
    return end;
  };
  const auto target = static_cast<QueuePairState>(to);
  const auto origin = static_cast<QueuePairState>(from);
  auto end = make();
  if (row == nullptr) {
    EXPECT_EQ(end->qp->Modify(target, {}).code(), absl::StatusCode::kFailedPrecondition) << where;
    EXPECT_EQ(end->qp->state(), origin) << where;
    return;
  }
  for (size_t i = 0; i < transport::kQpAttributes; ++i) {
    const std::string name = NameOf(static_cast<QpAttribute>(i));
    std::set<std::string> given = row->required;
    const bool required = given.contains(name);
    if (required) {
      given.erase(name);
    } else if (!row->optional.contains(name)) {
      given.insert(name);
    } else {
      // Alone with the required ones it is taken.
      given.insert(name);
      auto fresh = make();
      const absl::Status ok = fresh->qp->Modify(target, All(given, *fresh));
      EXPECT_TRUE(ok.ok()) << where << " with " << name << ": " << ok;
      EXPECT_EQ(fresh->qp->state(), target) << where;
      continue;
    }
    const absl::Status s = end->qp->Modify(target, All(given, *end));
    EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << where << " " << name;
    EXPECT_NE(s.message().find(name), absl::string_view::npos) << where << ": " << s;
    EXPECT_EQ(end->qp->state(), origin) << where;
  }
  const absl::Status s = end->qp->Modify(target, All(row->required, *end));
  EXPECT_TRUE(s.ok()) << where << ": " << s;
  EXPECT_EQ(end->qp->state(), target) << where;
}

TEST(QpStates, ModifyTakesExactlyWhatTheTableSays) {
  const auto rows = ParseTable();
  for (size_t type = 0; type < transport::kQpTypes; ++type) {
    for (size_t from = 0; from < transport::kQpStates; ++from) {
      const auto f = static_cast<QpState>(from);
      if (!Reachable(type, f)) continue;
      for (size_t to = 0; to < transport::kQpStates; ++to) {
        const auto t = static_cast<QpState>(to);
        const auto it = rows.find({kTypes[type], NameOf(f), NameOf(t)});
        TryAll(type, f, t, it == rows.end() ? nullptr : &it->second);
      }
    }
  }
}

TEST(QpStates, WrongValuesAreRefusedAndChangeNothing) {
  UnackedEndOptions o;
  o.type = QueuePairType::kRc;
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kInit);
  const auto refused = [&](const auto& alter) {
    QueuePairAttributes a = end.Needed(QueuePairState::kReadyToReceive);
    alter(&a);
    EXPECT_FALSE(end.qp->Modify(QueuePairState::kReadyToReceive, a).ok());
    EXPECT_EQ(end.qp->state(), QueuePairState::kInit);
  };
  refused([](QueuePairAttributes* a) { a->mtu = 1000; });
  refused([](QueuePairAttributes* a) { a->peer_qpn = 0x1000000; });
  refused([](QueuePairAttributes* a) { a->min_rnr_timer = 32; });
  refused([](QueuePairAttributes* a) { a->responder_resources = 17; });
  refused([](QueuePairAttributes* a) { a->path->peer_address = "2001:db8::2"; });
  refused([](QueuePairAttributes* a) { a->path->peer_mac = "x"; });
  refused([](QueuePairAttributes* a) { a->path->dscp = 64; });
  refused([](QueuePairAttributes* a) { a->algorithm = "nosuch"; });
  ASSERT_TRUE(
      end.qp->Modify(QueuePairState::kReadyToReceive, end.Needed(QueuePairState::kReadyToReceive))
          .ok());
  QueuePairAttributes a = end.Needed(QueuePairState::kReadyToSend);
  a.retry_count = 8;
  EXPECT_FALSE(end.qp->Modify(QueuePairState::kReadyToSend, a).ok());
  a.retry_count = 7;
  a.timeout = 32;
  EXPECT_FALSE(end.qp->Modify(QueuePairState::kReadyToSend, a).ok());
  a.timeout = 31;
  EXPECT_TRUE(end.qp->Modify(QueuePairState::kReadyToSend, a).ok());
}

}  // namespace
}  // namespace sluice::test
