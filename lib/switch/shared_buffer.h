// SharedBuffer: who may use the packet memory of one switch, and when PFC pauses a sender.
//
// The memory is cut into headroom and a reserve for each (port, priority) that is lossless, and one
// pool for everything else.
//   lossy     a packet is admitted if the pool has room and its egress queue stays within
//             alpha x (free pool). Choudhury and Hahne, "Dynamic Queue Length Thresholds for
//             Shared-Memory Packet Switches", IEEE/ACM ToN 6(2), 1998.
//             Of the pool a part may be kept for one priority: that of cut packets (trim.h), which
//             come just when everything else is full.
//   lossless  counted at the ingress (port, priority): the reserve first, then the pool up to the
//             threshold pfc_alpha x (free pool), then the headroom, and only then it is dropped.
//             At the threshold the sender is paused; it may go on once the headroom is empty and
//             the part in the pool is resume_offset below the threshold, or zero.
//             IEEE 802.1Q-2018 clause 36 and annex N (headroom); the rules with their numbers are
//             those of the HPCC simulator (alpha 1/8, reserve 4 KiB, offset 3 KiB).
// Knows no time and no queue order. Nothing is allocated after construction. One thread.
#ifndef SLUICE_SWITCH_SHARED_BUFFER_H_
#define SLUICE_SWITCH_SHARED_BUFFER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "base/units.h"
#include "switch/scheduler.h"
#include "switch/switch_packet.h"

namespace sluice::switching {

struct BufferConfig {
  Bytes size{32 << 20};
  double alpha = 0;  // of lossy queues, up to 1024; 0: nothing but the pool limits a queue
  // The last bytes of the pool are for lossy packets of this priority.
  Bytes kept{0};
  uint8_t kept_for = 0;
  uint8_t lossless = 0;  // mask of priorities under PFC
  double pfc_alpha = 0.125;
  Bytes reserve{4096};        // per lossless (port, priority)
  Bytes resume_offset{3072};  // below the threshold
  // Per lossless (port, priority); < 0: left to whoever knows the links (SetHeadroom).
  Bytes headroom{-1};

  absl::Status Validate() const;
};

class SharedBuffer {
 public:
  enum class Verdict : uint8_t { kPool, kHeadroom, kDrop };

  SharedBuffer(size_t ports, const BufferConfig& config);

  // At set-up, of each lossless priority of the port. The pool shrinks by it.
  void SetHeadroom(PortIndex port, Bytes headroom);

  bool lossless(uint8_t priority) const { return (config_.lossless >> priority & 1) != 0; }
  // `queue`: bytes that wait in the packet's egress queue.
  Verdict Judge(const SwitchPacket& packet, Bytes queue) const;
  // Whether the packet would be admitted to the pool and no pause follows: such a verdict stays
  // right if memory is freed first.
  bool Easy(const SwitchPacket& packet, Bytes queue) const;

  // The packet is stored, as Judge said, or leaves. True if its ingress (port, priority) must be
  // paused, or may go on, from now on; it then counts as paused, or not.
  bool Add(const SwitchPacket& packet, Verdict verdict);
  // The same for one of which Easy says yes.
  void AddEasy(const SwitchPacket& packet) {
    used_ += packet.length();
    if (lossless(packet.priority)) {
      AddToPool(ingress_[IndexOf(packet.ingress, packet.priority)], packet.length());
    } else {
      pool_used_ += packet.length();
    }
  }
  bool Remove(const SwitchPacket& packet);

  bool paused(PortIndex port, uint8_t priority) const {
    return config_.lossless != 0 && ingress_[IndexOf(port, priority)].paused;
  }
  // How many (port, priority) are paused.
  size_t paused_count() const { return paused_; }
  Bytes used() const { return used_; }
  Bytes size() const { return config_.size; }
  Bytes free_pool() const { return pool_ - pool_used_; }

 private:
  struct Ingress {
    Bytes stored;  // in the reserve and in the pool
    Bytes in_headroom;
    Bytes headroom;
    bool paused = false;
  };
  static size_t IndexOf(PortIndex port, uint8_t priority) { return port * kPriorities + priority; }
  Bytes InPool(const Ingress& in) const { return std::max(in.stored - config_.reserve, Bytes(0)); }
  void AddToPool(Ingress& in, Bytes length) {
    const Bytes before = InPool(in);
    in.stored += length;
    pool_used_ += InPool(in) - before;
  }
  Bytes Threshold(double alpha, Bytes used) const;

  BufferConfig config_;
  Bytes pool_;
  Bytes pool_used_;
  Bytes used_;
  size_t paused_ = 0;
  std::vector<Ingress> ingress_;  // empty without a lossless priority
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_SHARED_BUFFER_H_
