// Player: our queue pair in the place of one end of a recorded conversation. The other end's frames
// are fed as they were recorded, at the times of the recording, with our numbers put in (queue
// pair, key, address) and the iCRC as right or wrong as it was; our end posts its verbs at the
// moments at which the recorded end began to send them.
#ifndef SLUICE_TESTS_REPLAY_PLAYER_H_
#define SLUICE_TESTS_REPLAY_PLAYER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "replay/recording.h"
#include "replay/table.h"
#include "support/device_pair.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::replay {

class Player {
 public:
  Player(const Row& row, const Recording& recording);

  // Plays the whole conversation; then sent() holds what our queue pair said.
  void Play();
  const std::vector<wire::DecodedFrame>& sent() const { return sent_; }
  // What the recorded end said.
  std::vector<wire::DecodedFrame> recorded() const;
  // Receives that completed.
  int completed() const { return completed_; }
  // Whether the client's pattern fills the first row.data bytes of our region, or of the receives.
  bool DataArrived() const;
  // Receives posted and not yet taken when sent()[i] was sent.
  const std::vector<uint32_t>& credits() const { return credits_; }

 private:
  bool Ours(const RecordedFrame& f) const { return f.from == row_.plays; }
  std::optional<Psn> FirstPsn(bool ours) const;
  void Connect();
  void ConnectDatagrams(const wire::DecodedFrame& sample, bool reversed);
  void FindRemote();
  void MakeRegions();
  void FillAtomics();
  void FillReads(const RecordedFrame& request);
  void FillAt(uint64_t va, uint32_t rkey, const uint8_t* data, size_t length);
  wire::DecodedFrame Rewrite(wire::DecodedFrame f) const;
  void AdvanceTo(Time t);
  void Poll();
  void Collect();
  void PostReceives(uint64_t before);
  void PostNext(const RecordedFrame& first);
  void SetAtomic(const wire::AtomicEth& sent, verbs::SendRequest* r) const;
  std::vector<uint8_t> Content(const RecordedFrame& first, uint32_t length) const;

  const Row& row_;
  const Recording& recording_;
  // What the recorded requests call one of our regions, and where it really lies.
  struct Region {
    uint32_t rkey = 0;
    uint64_t va = 0;
    std::vector<uint8_t> memory;
    std::unique_ptr<verbs::MemoryRegion> mr;
  };
  std::vector<uint8_t> send_memory_;
  std::vector<uint8_t> receive_memory_;
  test::VirtualClock clock_;
  test::FakePort port_;
  std::unique_ptr<verbs::Device> device_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::unique_ptr<verbs::CompletionQueue> sends_;
  std::unique_ptr<verbs::CompletionQueue> receives_;
  std::vector<Region> regions_;
  std::unique_ptr<verbs::MemoryRegion> send_region_;
  std::unique_ptr<verbs::MemoryRegion> receive_region_;
  std::unique_ptr<verbs::AddressHandle> peer_;  // of datagrams
  std::unique_ptr<verbs::QueuePair> qp_;
  Introduction theirs_;  // the region that our requests name

  std::vector<Posts> to_post_;  // one entry per verb
  size_t posted_ = 0;
  uint32_t receives_left_ = 0;
  int completed_ = 0;
  std::vector<wire::DecodedFrame> sent_;
  std::vector<uint32_t> credits_;
};

}  // namespace sluice::replay

#endif  // SLUICE_TESTS_REPLAY_PLAYER_H_
