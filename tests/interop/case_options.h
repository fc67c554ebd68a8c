// CaseOptions: one case of the matrix, from words `key=value`.
#ifndef SLUICE_TESTS_INTEROP_CASE_OPTIONS_H_
#define SLUICE_TESTS_INTEROP_CASE_OPTIONS_H_

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "port/fault_port.h"

namespace sluice::interop {

enum class Op : uint8_t { kSend, kSendImm, kWrite, kWriteImm, kRead, kFetchAdd, kCompareSwap };

struct CaseOptions {
  uint64_t id = 1;  // of the agent's lines
  std::string service = "rc";
  std::string op_name = "send";
  Op op = Op::kSend;
  bool we_initiate = true;
  bool ipv6 = false;
  uint32_t size = 64;
  uint32_t count = 1;  // messages of each queue pair
  uint32_t depth = 1;  // of them posted at the same time
  uint32_t mtu = 1024;
  uint32_t queue_pairs = 1;
  uint32_t psn = 0;       // our first; the guest's is the same
  uint32_t delay_ms = 0;  // the target posts its receives so late: RNR
  uint8_t rd_atomic = 4;
  uint64_t seed = 1;
  uint8_t our_timeout = 16;  // 4.096 us * 2^16: 268 ms; the emulated guest may stand still for long
  uint8_t guest_timeout = 15;
  std::string algorithm;  // of our requester; empty: the default of the service
  uint32_t limit_s = 30;
  bool lossy = false;  // messages may be missing (UC, UD): each that arrives must be whole
  // What must go wrong, and the number (enum ibv_wc_status) with which the first request ends then.
  uint32_t expect = 0;         // 0: nothing goes wrong
  bool bad_rkey = false;       // the initiator names a region that there is not
  bool short_receive = false;  // the target's receives are one byte too short
  bool no_receive = false;     // the target never posts one
  uint8_t retry = 7;
  uint8_t rnr_retry = 7;
  bool plant = false;       // the two ends disagree of what a message holds: must be found
  uint32_t inject = 0;      // an opcode to slip into the flow half-way; 0: none
  port::FaultRates faults;  // in both directions
  std::string our_socket;   // of DatagramPort
  std::string guest_socket;
  std::string capture;  // prefix of two capture files; empty: none
  int agent = -1;       // descriptor of the agent's channel

  bool atomic() const { return op == Op::kFetchAdd || op == Op::kCompareSwap; }
  bool with_imm() const { return op == Op::kSendImm || op == Op::kWriteImm; }
  bool takes_receive() const { return with_imm() || op == Op::kSend; }
  uint64_t messages() const { return uint64_t{count} * queue_pairs; }
  bool reliable() const { return service == "rc"; }
  bool datagram() const { return service == "ud"; }
  bool faulty() const {
    return faults.drop > 0 || faults.duplicate > 0 || faults.reorder > 0 || faults.corrupt > 0;
  }
};

// InvalidArgument names the word.
absl::StatusOr<CaseOptions> ParseCase(std::span<char* const> words);

}  // namespace sluice::interop

#endif  // SLUICE_TESTS_INTEROP_CASE_OPTIONS_H_
