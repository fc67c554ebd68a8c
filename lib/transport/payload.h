// Payload: moving bytes between an application's scattered memory and frames, with the invariant
// CRC taken in the same pass where the order of checks allows it.
//
// A frame's CRC is continued from the state over its headers (wire/icrc.h). With `icrc` false bytes
// are only copied.
#ifndef SLUICE_TRANSPORT_PAYLOAD_H_
#define SLUICE_TRANSPORT_PAYLOAD_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "port/packet.h"
#include "transport/work.h"
#include "wire/frame_view.h"

namespace sluice::transport {

// Copies `length` bytes that start `offset` bytes into the runs to `out`; continues `crc` over
// them. The runs must hold them.
uint32_t GatherCrc(uint32_t crc, std::span<const Segment> runs, uint32_t offset, uint32_t length,
                   uint8_t* out, bool icrc);

// The transport's part of a received frame behind its headers: payload, pad, iCRC. Linear frames
// (all of it in the header span) take a short way; chained ones are walked run by run.
class ReceivedPayload {
 public:
  // Both outlive it.
  ReceivedPayload(const port::Packet& packet, const wire::FrameView& view)
      : packet_(packet), view_(view) {
    const uint32_t bytes = view.payload_length + view.pad + kIcrcBytes;
    if (packet.header_length >= view.header_bytes + bytes) {
      linear_ = packet.header + view.header_bytes;
    }
  }

  // The frame stands for its bytes without carrying them (virtual time).
  bool elided() const { return packet_.elided_length > 0; }
  // Every byte that the frame carries is within reach: false for one in more than kMaxRuns pieces,
  // or whose pieces do not add up.
  bool whole() const {
    if (linear_ != nullptr || elided()) return true;
    Runs runs;
    return FindRuns(&runs);
  }

  // Recomputes the iCRC and compares it with the frame's; no byte is stored anywhere.
  bool IcrcMatches() const;

  // Copies the payload to the runs, starting `offset` bytes into them; the runs must have the room.
  void CopyTo(std::span<const MutableSegment> runs, uint32_t offset) const;

  // Both in one pass: false when the iCRC differs, and then the memory holds the bad bytes, which
  // the caller must not hand out.
  bool CopyToAndCheck(std::span<const MutableSegment> runs, uint32_t offset) const;

 private:
  static constexpr uint32_t kIcrcBytes = 4;
  static constexpr size_t kMaxRuns = 8;
  // Payload, pad and iCRC of a chained frame, cut where its buffers are cut.
  struct Runs {
    Segment run[kMaxRuns];
    size_t count = 0;
  };

  // False when the frame carries less than it says, or in too many pieces.
  bool FindRuns(Runs* runs) const;
  bool CheckRuns(const Runs& from) const;
  bool CopyRuns(const Runs& from, std::span<const MutableSegment> to, uint32_t offset,
                bool check) const;
  // Where `length` bytes at `offset` lie, if they lie in one run; else null.
  static uint8_t* OneRun(std::span<const MutableSegment> runs, uint32_t offset, uint32_t length);

  const port::Packet& packet_;
  const wire::FrameView& view_;
  const uint8_t* linear_ = nullptr;  // the payload of a linear frame
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_PAYLOAD_H_
