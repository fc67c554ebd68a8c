#include "wire/extension.h"

#include <cstdint>

#include "base/be.h"

namespace sluice::wire {

ExtendedData ExtendedData::Read(const uint8_t* p) {
  ExtendedData h;
  h.message = LoadBe32(p);
  h.offset = LoadBe32(p + 4);
  h.length = LoadBe32(p + 8);
  h.receive = LoadBe32(p + 12);
  h.sent = Stamp(LoadBe32(p + 16));
  h.attempt = p[20];
  h.backlog = LoadBe24(p + 21);
  return h;
}

void ExtendedData::Write(uint8_t* p) const {
  StoreBe32(p, message);
  StoreBe32(p + 4, offset);
  StoreBe32(p + 8, length);
  StoreBe32(p + 12, receive);
  StoreBe32(p + 16, sent.value());
  p[20] = attempt;
  StoreBe24(p + 21, backlog);
}

ExtendedTarget ExtendedTarget::Read(const uint8_t* p) {
  ExtendedTarget h;
  h.va = LoadBe64(p);
  h.rkey = LoadBe32(p + 8);
  return h;
}

void ExtendedTarget::Write(uint8_t* p) const {
  StoreBe64(p, va);
  StoreBe32(p + 8, rkey);
}

ExtendedRequest ExtendedRequest::Read(const uint8_t* p) { return {LoadBe32(p)}; }

void ExtendedRequest::Write(uint8_t* p) const { StoreBe32(p, completed); }

ExtendedOperands ExtendedOperands::Read(const uint8_t* p) { return {LoadBe64(p), LoadBe64(p + 8)}; }

void ExtendedOperands::Write(uint8_t* p) const {
  StoreBe64(p, swap_or_add);
  StoreBe64(p + 8, compare);
}

ExtendedAck ExtendedAck::Read(const uint8_t* p) {
  ExtendedAck h;
  h.syndrome = p[0];
  h.msn = LoadBe24(p + 1);
  h.receives = LoadBe32(p + 4);
  h.sent = Stamp(LoadBe32(p + 8));
  h.arrived = Stamp(LoadBe32(p + 12));
  h.departed = Stamp(LoadBe32(p + 16));
  h.ce_packets = LoadBe32(p + 20);
  h.ce_bytes = LoadBe32(p + 24);
  h.duplicates = LoadBe32(p + 28);
  h.active_senders = LoadBe16(p + 32);
  h.flags = LoadBe16(p + 34);
  h.attempt = p[36];
  h.psn = Psn(LoadBe24(p + 37));
  return h;
}

void ExtendedAck::Write(uint8_t* p) const {
  p[0] = syndrome;
  StoreBe24(p + 1, msn);
  StoreBe32(p + 4, receives);
  StoreBe32(p + 8, sent.value());
  StoreBe32(p + 12, arrived.value());
  StoreBe32(p + 16, departed.value());
  StoreBe32(p + 20, ce_packets);
  StoreBe32(p + 24, ce_bytes);
  StoreBe32(p + 28, duplicates);
  StoreBe16(p + 32, active_senders);
  StoreBe16(p + 34, flags);
  p[36] = attempt;
  StoreBe24(p + 37, psn.value());
}

SackBlock SackBlock::Read(const uint8_t* p) {
  SackBlock b;
  b.reserved8 = p[0];
  b.first = Psn(LoadBe24(p + 1));
  for (size_t i = 0; i < kWords; ++i) {
    b.words[i] = LoadBe64(p + 4 + 8 * (kWords - 1 - i));
  }
  return b;
}

void SackBlock::Write(uint8_t* p) const {
  p[0] = reserved8;
  StoreBe24(p + 1, first.value());
  for (size_t i = 0; i < kWords; ++i) StoreBe64(p + 4 + 8 * (kWords - 1 - i), words[i]);
}

}  // namespace sluice::wire
