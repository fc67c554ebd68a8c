// SimPort: the port::Port of a simulated host.
//
// Packets are records of the simulation's pool. By default they carry headers only: the header span
// travels, everything behind it is accounted for by elided_length, and RxMeta says that the iCRC is
// good. With carry_payload the whole frame is copied into the record, the receiver finds it in one
// header span, and the iCRC is for the ends to compute and check (RxMeta: unknown).
//
// Transmit takes packets while fewer than `transmit_queue` wait for the line, so that pacing and
// not the port holds the backlog; a host whose packet was refused is polled again at the moment
// when a waiting one starts. Transmit writes into Packet::stamp of each packet that it takes the
// exact moment when its first bit leaves; it can, because nothing overtakes on this line, and
// TransmitStamp gives that of the packet that comes next. Where the line has several queues or is
// paused by PFC, the stamp is the moment that a single queue without pauses would give, so that a
// round trip holds the pause. The stamp of a received packet is the exact arrival of its last bit.
// With several queues `transmit_queue` packets may wait in each; a refused packet holds up those
// behind it in its burst, whatever their queue. A received packet may be given to Transmit again
// instead of Release.
#ifndef SLUICE_SIM_SIM_PORT_H_
#define SLUICE_SIM_SIM_PORT_H_

#include <cstdint>
#include <utility>

#include "base/optional_time.h"
#include "port/port.h"
#include "sim/context.h"
#include "sim/record.h"
#include "sim/simulation_config.h"
#include "sim/transmitter.h"
#include "switch/output_queues.h"

namespace sluice::sim {

class SimPort final : public port::Port {
 public:
  SimPort(Context& context, const SimPortConfig& config, const HostModel& model,
          const switching::SchedulerConfig& scheduler, const LinkConfig& link, Rng noise);

  size_t Receive(std::span<port::Packet> burst) override;
  size_t Allocate(std::span<port::Packet> burst) override;
  size_t Transmit(std::span<port::Packet> burst) override;
  void Release(std::span<port::Packet> burst) override;
  Time ReceiveStamp(Time now) override { return Noisy(now); }
  Time TransmitStamp(Time now) override;
  Pauses pauses() const override {
    const uint8_t paused = queue_.paused(0);
    return {(paused & 1) != 0, (paused >> (queue_.queues_per_port() - 1) & 1) != 0};
  }
  bool KeepsTimer() const override { return context_.ns3.exact; }
  void SetTimer(OptionalTime when) override;
  bool TakeTimer() override { return std::exchange(timer_fired_, false); }
  const port::Capabilities& capabilities() const override { return capabilities_; }

  // The simulation's side. The port's transmit queue, for the Transmitter that serves it; who that
  // is; a frame that has arrived; whether frames wait for Receive.
  switching::OutputQueues& queue() { return queue_; }
  void set_transmitter(Transmitter* transmitter) { transmitter_ = transmitter; }
  void set_timer_source(Source source) { timer_source_ = source; }
  // The event of SetTimer that has this order; false: another one took its place.
  bool OnTimer(uint64_t order) {
    timer_fired_ = order == timer_order_;
    return timer_fired_;
  }
  void Deliver(Record& record);
  bool has_received() const { return first_ != nullptr; }
  // Payload of data packets that were given to Transmit, as far as it was elided.
  uint64_t data_bytes() const { return data_bytes_; }
  // Since the last ClearRefused a packet was refused for want of room; when there is room again.
  bool refused() const { return refused_; }
  void ClearRefused() { refused_ = false; }
  void SetPaused(Time now, uint8_t priority, bool paused) {
    transmitter_->SetPaused(now, priority, paused);
  }
  OptionalTime RoomAt() const {
    if (context_.ns3.exact) return std::nullopt;  // the end of each transmission is an event
    if (context_.ns3.on && queue_.packets(0) == 0) return transmitter_->free_at();
    return transmitter_->NextStart();
  }

 private:
  uint8_t PriorityOf(const port::Packet& packet) const;
  bool HasRoom(uint8_t priority) const;
  bool Load(const port::Packet& packet, Record& record) const;
  Time Noisy(Time stamp);

  Context& context_;
  Transmitter* transmitter_ = nullptr;
  switching::SwitchPacket* first_ = nullptr;  // received
  switching::SwitchPacket* last_ = nullptr;
  uint32_t received_ = 0;
  uint64_t data_bytes_ = 0;
  bool refused_ = false;
  bool lent_ = false;  // ns-3 wire: a packet is out that was not sent yet
  bool timer_fired_ = false;
  Source timer_source_ = 0;
  uint64_t timer_order_ = 0;  // 0: it does not run
  SimPortConfig config_;
  HostModel model_;
  Rng noise_;
  switching::OutputQueues queue_;
  port::Capabilities capabilities_;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_SIM_PORT_H_
