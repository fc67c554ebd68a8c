#include "sim/sim_port.h"

#include <cstring>
#include <limits>

namespace sluice::sim {
namespace {

constexpr uint32_t kIcrcBytes = 4;
// The port counts packets, not bytes: its queue never drops.
constexpr Bytes kUnlimited{std::numeric_limits<int64_t>::max() / 2};

}  // namespace

SimPort::SimPort(Context& context, const SimPortConfig& config, const HostModel& model,
                 const switching::SchedulerConfig& scheduler, const LinkConfig& link, Rng noise)
    : context_(context),
      config_(config),
      model_(model),
      noise_(noise),
      queue_(1, switching::BufferConfig{.size = kUnlimited}, scheduler, 0, 0) {
  capabilities_.linear_room = context.pool.room();
  capabilities_.max_frame = config.max_frame;
  capabilities_.segments = config.carry_payload;
  capabilities_.elides_payload = !config.carry_payload;
  capabilities_.hardware_stamps = model.nic_stamps;
  capabilities_.burst_stamps = !model.nic_stamps;
  capabilities_.line_rate = link.rate;
}

void SimPort::Deliver(Record& record) {
  if (received_ >= config_.receive_queue) {
    ++context_.counters.receive_drops;
    context_.pool.Put(&record);
    return;
  }
  record.next = nullptr;
  if (first_ == nullptr) {
    first_ = &record;
  } else {
    last_->next = &record;
  }
  last_ = &record;
  ++received_;
}

size_t SimPort::Receive(std::span<port::Packet> burst) {
  size_t count = 0;
  for (; count < burst.size() && first_ != nullptr; ++count) {
    auto* record = static_cast<Record*>(first_);
    first_ = record->next;
    port::Packet& packet = burst[count];
    packet = port::Packet();
    packet.handle = record;
    packet.header = record->header;
    packet.header_length = record->header_length;
    packet.elided_length = record->elided_length;
    packet.frame_length = record->header_length + record->elided_length;
    packet.stamp = Noisy(record->arrival - model_.receive_delay);
    packet.rx.icrc = config_.carry_payload ? port::IcrcState::kUnknown : port::IcrcState::kGood;
  }
  received_ -= static_cast<uint32_t>(count);
  return count;
}

size_t SimPort::Allocate(std::span<port::Packet> burst) {
  size_t count = 0;
  if (context_.ns3.on) {
    // One packet at a time, when the line is free for it.
    transmitter_->Advance(context_.clock.now());
    if (lent_ || transmitter_->free_at() > context_.clock.now()) {
      refused_ = true;
      return 0;
    }
    burst = burst.first(1);
  }
  for (; count < burst.size(); ++count) {
    Record* record = context_.pool.Take();
    if (record == nullptr) break;
    burst[count] = port::Packet();
    burst[count].handle = record;
    burst[count].header = record->bytes();
  }
  if (context_.ns3.on) lent_ = count > 0;
  return count;
}

Time SimPort::TransmitStamp(Time now) {
  if (!model_.nic_stamps) return Noisy(now);
  transmitter_->Advance(now);
  return Noisy(transmitter_->StartOfNext(now) + model_.transmit_delay);
}

void SimPort::SetTimer(OptionalTime when) {
  timer_order_ = 0;
  if (!when) return;
  timer_order_ = context_.planned.Next(timer_source_);
  context_.arrivals.Push(context_.arrivals.Make(*when, timer_order_, nullptr));
}

Time SimPort::Noisy(Time stamp) {
  const int64_t width = model_.stamp_noise.ps();
  if (width == 0) [[likely]]
    return stamp;
  const auto draw = static_cast<int64_t>(noise_.Below(static_cast<uint64_t>(width) + 1));
  return stamp + Duration::Picoseconds(draw - width / 2);
}

void SimPort::Release(std::span<port::Packet> burst) {
  for (const port::Packet& packet : burst) {
    context_.pool.Put(static_cast<Record*>(packet.handle));
  }
}

// Makes the record what the packet says. False: such a frame cannot be.
bool SimPort::Load(const port::Packet& packet, Record& record) const {
  const uint8_t* const begin = record.bytes();
  const uint8_t* const end = begin + context_.pool.room();
  if (packet.frame_length > config_.max_frame || packet.header_length > packet.frame_length ||
      packet.header < begin || packet.header > end || packet.header_length > end - packet.header) {
    return false;
  }
  record.header = packet.header;
  record.header_length = packet.header_length;
  record.wire_length = packet.frame_length;
  record.elided_length = packet.frame_length - packet.header_length;
  if (!config_.carry_payload) return true;

  size_t room = static_cast<size_t>(end - packet.header) - packet.header_length;
  uint8_t* to = packet.header + packet.header_length;
  const auto append = [&](const uint8_t* data, size_t length) {
    if (length > room) return false;
    if (length > 0) std::memcpy(to, data, length);
    to += length;
    room -= length;
    return true;
  };
  if (!append(packet.payload, packet.payload_length)) return false;
  for (uint8_t i = 0; i < packet.more_count; ++i) {
    if (!append(packet.more[i].data, packet.more[i].length)) return false;
  }
  if (to - packet.header > packet.frame_length) return false;
  record.header_length = static_cast<uint16_t>(to - packet.header);
  record.elided_length = packet.frame_length - record.header_length;
  return true;
}

uint8_t SimPort::PriorityOf(const port::Packet& packet) const {
  if (queue_.queues_per_port() == 1) return 0;
  const std::span<const uint8_t> header(packet.header, packet.header_length);
  const uint8_t offset = switching::FindNetworkHeader(header);
  if (context_.ns3.on) return TrafficOf(header, offset) == Traffic::kData ? 0 : 1;
  return offset == 0 ? uint8_t{0} : context_.priorities[switching::DscpOf(header, offset)];
}

bool SimPort::HasRoom(uint8_t priority) const {
  if (context_.ns3.on) {
    return queue_.head(0, priority) == nullptr && transmitter_->free_at() <= context_.clock.now();
  }
  if (queue_.queues_per_port() == 1) return queue_.packets(0) < config_.transmit_queue;
  uint32_t waiting = 0;
  for (const auto* p = queue_.head(0, priority); p != nullptr; p = p->next) ++waiting;
  return waiting < config_.transmit_queue;
}

size_t SimPort::Transmit(std::span<port::Packet> burst) {
  const Time now = context_.clock.now();
  transmitter_->Advance(now);
  size_t count = 0;
  for (; count < burst.size(); ++count) {
    port::Packet& packet = burst[count];
    const uint8_t priority = PriorityOf(packet);
    if (!HasRoom(priority)) {
      refused_ = true;
      break;
    }
    auto* record = static_cast<Record*>(packet.handle);
    lent_ = false;
    if (!Load(packet, *record)) {
      ++context_.counters.malformed;
      context_.pool.Put(record);
      continue;
    }
    switching::Classify(context_.addresses, *record);
    record->priority = priority;
    record->traffic = TrafficOf(record->header_span(), record->network_offset);
    if (record->traffic == Traffic::kData && record->elided_length > kIcrcBytes) {
      data_bytes_ += record->elided_length - kIcrcBytes;
    }
    if (context_.ns3.on) {
      record->wire_length =
          Ns3Length(context_.ns3, record->traffic, packet, record->network_offset);
    }
    constexpr bool kEasy = true;  // its memory has no end
    transmitter_->Enqueue(now, *record, kEasy);
    packet.stamp = Noisy(transmitter_->last_start() + model_.transmit_delay);
  }
  return count;
}

}  // namespace sluice::sim
