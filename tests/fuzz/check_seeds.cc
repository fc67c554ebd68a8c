#include "check_seeds.h"

#include <cstdint>
#include <vector>

#include "wire/headers.h"

namespace sluice::fuzz {
namespace {

using wire::Opcode;

// Where things lie in an untagged IPv4 frame.
enum Offset : uint8_t {
  kIpVersion = 14,
  kIpFragment = 20,
  kIpTtl = 22,
  kIpDestination = 33,
  kUdpLength = 39,
  kOpcode = 42,
  kPadAndVersion = 43,
  kQpn = 49,
  kPsnHigh = 51,
  kAtomicVa = 61,
  // Of the extension.
  kXtMessage = 57,
  kXtOffsetHigh = 60,
  kXtOffset = 61,
  kXtLengthHigh = 62,
  kXtLength = 65,
  kXtVa = 85,
  kXtCompleted = 93,
};
// The queue pairs of UC and UD, and one of the extension where kWorldExtended is set.
constexpr uint8_t kUc = 6, kUd = 7, kXt = 0;
// The fourth byte of Do::kAlter: lengths and checksum are made right after it.
constexpr uint8_t kRepaired = 2;
constexpr uint8_t kWhole = 200;           // the payload code of a whole packet
constexpr uint8_t kPlace = 1;             // the RETH's address code: inside the region
constexpr uint8_t kOtherDomain = 1 << 3;  // and its key codes
constexpr uint8_t kNoRemoteWrite = 2 << 3;
constexpr uint8_t kUnknownKey = 3 << 3;
constexpr uint8_t kThreePackets = 4 << 5;

constexpr Instruction Alter(uint8_t where, uint8_t bits, uint8_t how = 0) {
  return {Do::kAlter, 0, where, 0, bits, how};
}
constexpr Instruction Request(uint8_t qp, Opcode opcode, uint8_t payload, uint8_t reth = 0,
                              uint8_t bend = 0, uint8_t psn = 0) {
  return {Do::kRequest, qp, static_cast<uint8_t>(opcode), psn, payload, bend, reth};
}
constexpr Instruction Response(uint8_t syndrome, uint8_t psn, uint8_t kind = 0, uint8_t bend = 0,
                               uint8_t qp = 0) {
  return {Do::kResponse, qp, syndrome, psn, 0, bend, kind, 8};
}

using Program = std::vector<Instruction>;

Program Altered(uint8_t where, uint8_t bits, uint8_t how = 0) {
  return {Alter(where, bits, how), Request(0, Opcode::kRcSendOnly, 8)};
}

Program FrameOrQueuePair(Check check) {
  const Instruction send = Request(0, Opcode::kRcSendOnly, 8);
  switch (check) {
    case Check::kIpHeader:
      return Altered(kIpVersion, 0x10);
    case Check::kFragment:
      return Altered(kIpFragment, 0x20, kRepaired);
    case Check::kIpChecksum:
      return Altered(kIpTtl, 1);
    case Check::kIpLength:
      return Altered(kUdpLength, 4);
    case Check::kTransportVersion:
      return Altered(kPadAndVersion, 1);
    case Check::kOpcode:
      return Altered(kOpcode, 0x1b);
    case Check::kTransportLength:
      return Altered(kPadAndVersion, 0x30);
    case Check::kQpn:
      return Altered(kQpn, 1);
    case Check::kPkey:
      return {Request(0, Opcode::kRcSendOnly, 8, 0, kBadPkey)};
    case Check::kService:
      return {Request(0, Opcode::kUcSendOnly, 8)};
    case Check::kState:
      return {Request(3, Opcode::kRcSendOnly, 8), Request(4, Opcode::kRcSendOnly, 8)};
    case Check::kSourceAddress:
      return {Request(0, Opcode::kRcSendOnly, 8, 0, kBadSource)};
    case Check::kDestinationAddress:
      return Altered(kIpDestination, 3, kRepaired);
    default:
      return {send};
  }
}

Program Requests(Check check) {
  const Instruction first = Request(0, Opcode::kRcWriteFirst, kWhole, kThreePackets | kPlace);
  Program p;
  switch (check) {
    case Check::kRequestIcrc:
      return {Request(0, Opcode::kRcSendOnly, 8, 0, kBadIcrc)};
    case Check::kPsnAhead:
      return Altered(kPsnHigh, 0x20);
    case Check::kPsnBehind:
      return Altered(kPsnHigh, 0xe0);
    case Check::kPsnOrder:
      return {Request(0, Opcode::kRcSendOnly, 8, 0, 0, 3),
              Request(0, Opcode::kRcWriteOnly, 8, kPlace, 0, 0xff)};
    case Check::kOpcodeSequence:
      return {first, Request(0, Opcode::kRcSendLast, 8)};
    case Check::kPacketLength:
      return {Request(0, Opcode::kRcSendFirst, 8)};
    case Check::kReceiverReady:
      return {Request(1, Opcode::kRcSendOnly, 8)};
    case Check::kCompletionRoom:
      for (int i = 0; i < 5; ++i) p.push_back(Request(5, Opcode::kRcSendOnly, 8));
      return p;
    case Check::kReceiveLength:
      for (int i = 0; i < 5; ++i) {
        p.push_back(Request(0, i == 0 ? Opcode::kRcSendFirst : Opcode::kRcSendMiddle, kWhole));
      }
      return p;
    case Check::kWriteLength:
      return {first, Request(0, Opcode::kRcWriteLast, kWhole)};
    case Check::kKey:
      return {Request(0, Opcode::kRcWriteOnly, 8, kUnknownKey | kPlace)};
    case Check::kDomain:
      return {Request(0, Opcode::kRcWriteOnly, 8, kOtherDomain | kPlace)};
    case Check::kRights:
      return {Request(0, Opcode::kRcWriteOnly, 8, kNoRemoteWrite | kPlace)};
    case Check::kBounds:
      return {Request(0, Opcode::kRcWriteOnly, 8, 3), Request(5, Opcode::kRcWriteOnly, 8, 4)};
    case Check::kStillRegistered:
      return {first,
              {Do::kControl, 0, static_cast<uint8_t>(Control::kDeregister)},
              Request(0, Opcode::kRcWriteMiddle, kWhole)};
    case Check::kAtomicAlignment:
      return {Alter(kAtomicVa, 4), Request(0, Opcode::kRcFetchAdd, 0, kPlace)};
    case Check::kDuplicateRange:
      return {Request(0, Opcode::kRcReadRequest, 0, kPlace),
              Request(0, Opcode::kRcReadRequest, 0, kThreePackets | kPlace, 0, 0xff)};
    default:
      return {first};
  }
}

Program Answers(Check check) {
  const Instruction nak = Response(0x60, 0);
  switch (check) {
    case Check::kResponseIcrc:
      return {Response(31, 0, 0, kBadIcrc)};
    case Check::kSyndrome:
      return {Response(0x40, 0), Response(0x65, 0)};
    case Check::kAckOutstanding:
      return {Response(31, 9), Response(31, 0x80)};
    case Check::kResponseOutstanding:
      return {Response(31, 9, 4), Response(31, 9, 3)};
    case Check::kResponseFits:
      return {Response(31, 0, 4), Response(31, 0, 5), Response(31, 0, 3)};
    case Check::kNakCurrent:
      return {Response(31, 0xff), Response(0x61, 0xff)};
    case Check::kNakOncePerRoundTrip:
      return {nak, nak};
    case Check::kRetryBudget:
      return {nak, {Do::kTime, 0, 22, 9}, nak, {Do::kAgain, 0, 9}, {Do::kTime, 0, 22, 9}, nak};
    case Check::kStreamPatience: {
      // A READ whose first response is missing, and later ones again and again.
      Program p = {{Do::kPostSend, 0, 4, 0xd0, 7, 0, 1}};
      for (uint8_t i = 0; i < 20; ++i) {
        p.push_back(Response(31, static_cast<uint8_t>(i % 2), 5));
        p.push_back({Do::kTime, 0, 29, 9});
      }
      return p;
    }
    case Check::kCnpOutstanding:
      return {Response(0, 0, 2, kBecn, 1)};
    case Check::kCnpRate:
      return {Response(0, 0, 2, kBecn), {Do::kAgain, 0, 39}};
    case Check::kNakRate: {
      Program p;
      for (uint8_t i = 0; i < 12; ++i) {
        p.push_back(Request(0, Opcode::kRcSendOnly, 8, 0, 0, static_cast<uint8_t>(13 - i)));
      }
      return p;
    }
    case Check::kRnrRate:
      return {Request(1, Opcode::kRcSendOnly, 8),
              {Do::kAgain, 1, 39},
              {Do::kTime, 0, 22, 9},
              {Do::kAgain, 1, 39}};
    default:  // Check::kDuplicateRate
      return {Request(0, Opcode::kRcSendOnly, 8), {Do::kAgain, 0, 39}, {Do::kAgain, 0, 39}};
  }
}

Program Unacked(Check check) {
  const Instruction uc = Request(kUc, Opcode::kUcSendOnly, 8);
  const Instruction ud = Request(kUd, Opcode::kUdSendOnly, 8);
  const Instruction first = Request(kUc, Opcode::kUcWriteFirst, kWhole, kThreePackets | kPlace);
  switch (check) {
    case Check::kUnackedPkey:
      return {Request(kUc, Opcode::kUcSendOnly, 8, 0, kBadPkey),
              Request(kUd, Opcode::kUdSendOnly, 8, 0, kBadPkey)};
    case Check::kUnackedService:
      return {Request(kUc, Opcode::kUdSendOnly, 8), Request(kUd, Opcode::kRcWriteOnly, 8, kPlace)};
    case Check::kUnackedState:
      return {{Do::kControl, kUc, static_cast<uint8_t>(Control::kFail)}, uc, first};
    case Check::kUcSourceAddress:
      return {Request(kUc, Opcode::kUcSendOnly, 8, 0, kBadSource)};
    case Check::kUnackedDestinationAddress:
      return {Alter(kIpDestination, 3, kRepaired), uc, Alter(kIpDestination, 3, kRepaired), ud};
    case Check::kUnackedIcrc:
      return {Request(kUc, Opcode::kUcSendOnly, 8, 0, kBadIcrc),
              Request(kUd, Opcode::kUdSendOnly, 8, 0, kBadIcrc)};
    case Check::kUnackedCnpRecent:
      return {{Do::kTime, 0, 30, 9}, Response(0, 0, 2, kBecn, kUc), Response(0, 0, 2, kBecn, kUd)};
    default:  // Check::kUnackedCnpRate
      return {Response(0, 0, 2, kBecn, kUc), {Do::kAgain, 0, 39}};
  }
}

Program Uc(Check check) {
  const Instruction first = Request(kUc, Opcode::kUcWriteFirst, kWhole, kThreePackets | kPlace);
  Program p;
  switch (check) {
    case Check::kUcPsnOrder:
      return {Request(kUc, Opcode::kUcSendFirst, kWhole),
              Request(kUc, Opcode::kUcSendLast, 8, 0, 0, 3)};
    case Check::kUcOpcodeSequence:
      return {first, Request(kUc, Opcode::kUcSendLast, 8)};
    case Check::kUcPacketLength:
      return {Request(kUc, Opcode::kUcSendFirst, 8)};
    case Check::kUcReceiverReady:
    case Check::kUcCompletionRoom:
      for (int i = 0; i < 9; ++i) p.push_back(Request(kUc, Opcode::kUcSendOnly, 8));
      return p;
    case Check::kUcReceiveLength:
      for (int i = 0; i < 5; ++i) {
        p.push_back(Request(kUc, i == 0 ? Opcode::kUcSendFirst : Opcode::kUcSendMiddle, kWhole));
      }
      return p;
    case Check::kUcWriteLength:
      return {first, Request(kUc, Opcode::kUcWriteLast, kWhole)};
    case Check::kUcWriteRange:
      return {Request(kUc, Opcode::kUcWriteFirst, kWhole, kThreePackets | 3),
              Request(kUc, Opcode::kUcWriteOnly, 8, kUnknownKey | kPlace)};
    case Check::kUcStillRegistered:
      return {first,
              {Do::kControl, 0, static_cast<uint8_t>(Control::kDeregister)},
              Request(kUc, Opcode::kUcWriteMiddle, kWhole)};
    default:  // Check::kUcWriteEnabled
      return {first, Request(kUc, Opcode::kUcWriteOnlyImm, 8, kPlace)};
  }
}

Program Ud(Check check) {
  Program p;
  switch (check) {
    case Check::kUdQkey:
      return {Request(kUd, Opcode::kUdSendOnly, 8, 5)};
    case Check::kUdPacketLength:
    case Check::kUdReceiveLength:
      return {Request(kUd, Opcode::kUdSendOnly, 255), Request(kUd, Opcode::kUdSendOnlyImm, kWhole)};
    default:  // no receive, no room
      for (int i = 0; i < 9; ++i) p.push_back(Request(kUd, Opcode::kUdSendOnly, 8));
      return p;
  }
}

Program ExtendedData(Check check) {
  const Instruction write = Request(kXt, Opcode::kXtWrite, 8, kPlace);
  const Instruction send = Request(kXt, Opcode::kXtSend, 8);
  Program p;
  switch (check) {
    case Check::kXtIcrc:
      return {Request(kXt, Opcode::kXtWrite, 8, kPlace, kBadIcrc)};
    case Check::kXtWindow:
      return {Request(kXt, Opcode::kXtWrite, 8, kPlace, 0, 64),
              Request(kXt, Opcode::kXtWrite, 8, kPlace, 0, 63)};
    case Check::kXtBehind:
      return {Request(kXt, Opcode::kXtWrite, 8, kPlace, 0, 0x80)};
    case Check::kXtDuplicate:
      return {send, {Do::kAgain, kXt, 2}};
    case Check::kXtDuplicateRate:
      return {write, {Do::kAgain, kXt, 39}, {Do::kAgain, kXt, 39}};
    case Check::kXtHeader:
      for (const uint8_t where : {kXtOffset, kXtOffsetHigh, kXtLengthHigh, kXtLength}) {
        p.push_back(Alter(where, 0xfc));
        p.push_back(write);
        p.push_back(Alter(where, 1));
        p.push_back(send);
      }
      return p;
    case Check::kXtTurn:
      return {Alter(kXtMessage, 4), write};
    case Check::kXtReceiveLength:
      return {send, Request(kXt, Opcode::kXtSend, kWhole, kThreePackets)};
    case Check::kXtWriteRange:
      return {Request(kXt, Opcode::kXtWrite, 8, kUnknownKey | kPlace),
              Request(kXt, Opcode::kXtWrite, 8, kOtherDomain | kPlace),
              Request(kXt, Opcode::kXtWrite, 8, 3)};
    case Check::kXtReceiverReady:
    case Check::kXtCompletionRoom:
      for (int i = 0; i < 9; ++i) {
        p.push_back(send);
        p.push_back(Request(5, Opcode::kXtSend, 8));
      }
      return p;
    case Check::kXtRefusalRate:
      // Behind a gap, and without a receive: refused before its turn.
      return {Request(1, Opcode::kXtSend, 8, 0, 0, 1), {Do::kAgain, 1, 39}, {Do::kAgain, 1, 39}};
    case Check::kXtRnrRate:
      return {Request(1, Opcode::kXtSend, 8), {Do::kAgain, 1, 39}, {Do::kAgain, 1, 39}};
    case Check::kXtBlocks:
      for (const uint8_t qp : {0, 1, 2, 5}) {
        for (uint8_t i = 1; i < 60; i += 19) {
          p.push_back(Request(qp, Opcode::kXtSend, 8, 0, 0, i));
        }
      }
      return p;
    default:  // Check::kXtWriteEnabled
      return {write, Request(kXt, Opcode::kXtWriteImm, 8, kPlace)};
  }
}

// READs and atomics of the peer.
Program ExtendedFetches(Check check) {
  const Instruction read = Request(kXt, Opcode::kXtRead, 0, kThreePackets | kPlace);
  const Instruction add = Request(kXt, Opcode::kXtFetchAdd, 0, kPlace);
  Program p;
  switch (check) {
    case Check::kXtFetchAhead:
      return {Request(kXt, Opcode::kXtRead, 0, kPlace, 0, 16),
              Request(kXt, Opcode::kXtFetchAdd, 0, kPlace, 0, 15)};
    case Check::kXtAtomicAlignment:
      return {Alter(kXtVa, 4), add, Alter(kXtLength, 4), add};
    case Check::kXtFetchLength:
      return {Alter(kXtLengthHigh, 0x80), read, Alter(kXtLengthHigh, 0x7f), read};
    case Check::kXtFetchCompleted:
      return {Alter(kXtCompleted, 0x10), read, read, Alter(kXtCompleted, 0x11), add};
    case Check::kXtFetchMemory:
      return {Request(kXt, Opcode::kXtRead, 0, kThreePackets | 3),
              Request(1, Opcode::kXtFetchAdd, 0, kUnknownKey | kPlace),
              Request(5, Opcode::kXtRead, 0, kThreePackets | kOtherDomain | kPlace)};
    case Check::kXtFetchResources:
      for (int i = 0; i < 20; ++i) p.push_back(i % 2 == 0 ? read : add);
      return p;
    case Check::kXtPeerReadBytes:
      for (const uint8_t qp : {0, 1, 0, 1}) {
        p.push_back(Request(qp, Opcode::kXtRead, 0, kThreePackets | kPlace));
      }
      return p;
    default:  // Check::kXtFetchEnabled
      return {read, add, Request(kXt, Opcode::kXtCompareSwap, 0, kPlace)};
  }
}

// Responses to what was posted, and acknowledgements of what was answered.
Program ExtendedResponses(Check check) {
  constexpr uint8_t kAck = 8, kSack = 9, kRead = 10, kAtomic = 11;
  const Instruction read = Request(kXt, Opcode::kXtRead, 0, kThreePackets | kPlace);
  const Instruction post{Do::kPostSend, 0, 4, 8, 0, 0, 1};  // a READ of 8 bytes
  switch (check) {
    case Check::kXtResponseWindow:
      return {{Do::kPostSend, 0, 4, 0xd0, 7, 0, 1}, Response(0, 64, kRead), Response(0, 63, kRead)};
    case Check::kXtResponseBehind:
      return {Response(0, 0x80, kRead), Response(0, 0xc0, kRead)};
    case Check::kXtResponseDuplicate:
      return {post, Response(0, 0, kRead), Response(0, 0, kRead), {Do::kAgain, kXt, 39}};
    case Check::kXtResponseFits:
      return {post,
              Response(0, 0, kAtomic),
              Alter(kXtMessage, 1),
              Response(0, 0, kRead),
              Alter(kXtLength, 4),
              Response(0, 0, kRead),
              Alter(kXtOffset, 4),
              Response(0, 0, kRead)};
    case Check::kXtResponseSyndrome:
      return {read, Response(0x62, 0, kAck), Response(0x21, 0, kSack), Response(0x40, 0, kAck)};
    case Check::kXtResponseAckOutstanding:
      return {Response(0, 0, kAck), Response(0, 0, kSack), read, Response(0, 9, kAck)};
    default:  // Check::kXtResponseOutstanding
      return {Response(0, 0, kRead), post, Response(0, 9, kRead), Response(0, 9, kAtomic)};
  }
}

Program ExtendedAnswers(Check check) {
  constexpr uint8_t kAck = 6, kSack = 7;
  switch (check) {
    case Check::kXtSyndrome:
      return {Response(0x40, 0, kAck), Response(0x80, 0, kSack)};
    case Check::kXtAckOutstanding:
      return {Response(0, 9, kAck), Response(0, 0x80, kAck)};
    case Check::kXtBlockOutstanding:
      return {Response(0, 0xff, kSack), Response(0, 0x40, kSack)};
    case Check::kXtEchoOutstanding: {
      Instruction ahead = Response(0, 0xff, kAck);
      ahead.f = 15;  // it echoes a packet seven further
      return {ahead};
    }
    case Check::kXtNotReadyCurrent:
      return {Response(0x21, 0xfe, kAck), {Do::kTime, 0, 26, 9}};
    default: {  // Check::kXtRetryBudget
      Program p;
      for (int i = 0; i < 12; ++i) p.push_back({Do::kTime, 0, 0});
      return p;
    }
  }
}

// The fourth byte of Do::kAlter: a switch cuts the frame.
constexpr uint8_t kCut = 4;

// Cut packets, and reports of them, to queue pairs with the extension.
Program Trims(Check check) {
  const Instruction cut = Alter(0, 0, kCut);
  const auto write = [](uint8_t psn) {
    return Request(kXt, Opcode::kXtWrite, kWhole, kPlace, 0, psn);
  };
  switch (check) {
    case Check::kXtTrimLength:
      return {Alter(kUdpLength, 0xff, kCut), Request(kXt, Opcode::kXtSend, 100)};
    case Check::kXtTrimWindow:
      return {write(0), cut, write(0xff), cut, write(0x7f), cut, write(0x80)};
    case Check::kXtTrimRate:
      return {cut, write(0), {Do::kAgain, 0, 39}, {Do::kAgain, 0, 39}, write(0)};
    case Check::kXtTrimOutstanding:
      return {{Do::kPostSend, 0, 2, 100, 0, 0, 1}, Response(0, 9, 12), Response(0, 0xff, 12)};
    default:  // Check::kXtTrimCopy
      return {{Do::kPostSend, 0, 2, 100, 0, 0, 1}, Response(0, 0, 12), Response(0, 0, 13)};
  }
}

Program PeerLimits(Check check) {
  Program p;
  if (check == Check::kPeerQueuePairs) {
    for (const Control c : {Control::kDestroy, Control::kCreate, Control::kConnect}) {
      p.push_back({Do::kControl, 0, static_cast<uint8_t>(c)});
    }
    return p;
  }
  for (uint8_t i = 0; i < 12; ++i)
    p.push_back(Request(0, Opcode::kRcReadRequest, 0, kThreePackets));
  p.push_back({Do::kAgain, 0, 39});
  p.push_back({Do::kAgain, 0, 39});
  return p;
}

}  // namespace

ProgramWriter SeedOf(Check check) {
  const bool extended = check >= Check::kXtIcrc && check < Check::kPeerQueuePairs;
  ProgramWriter program({extended ? kWorldExtended : uint8_t{0}, 0, 1, 1});
  program.Add({Do::kPoll, 0, 3});
  if (check == Check::kRunt) {
    const std::vector<uint8_t> cut(53, 0x45);
    program.AddRaw(0, 0, cut);
    return program;
  }
  const Program p = check < Check::kRequestIcrc             ? FrameOrQueuePair(check)
                    : check < Check::kResponseIcrc          ? Requests(check)
                    : check < Check::kUnackedPkey           ? Answers(check)
                    : check < Check::kUcPsnOrder            ? Unacked(check)
                    : check < Check::kUdQkey                ? Uc(check)
                    : check < Check::kXtIcrc                ? Ud(check)
                    : check < Check::kXtFetchAhead          ? ExtendedData(check)
                    : check < Check::kXtTrimLength          ? ExtendedFetches(check)
                    : check < Check::kXtSyndrome            ? Trims(check)
                    : check < Check::kXtTrimOutstanding     ? ExtendedAnswers(check)
                    : check < Check::kXtResponseOutstanding ? Trims(check)
                    : check < Check::kPeerQueuePairs        ? ExtendedResponses(check)
                                                            : PeerLimits(check);
  for (const Instruction& i : p) program.Add(i);
  program.Add({Do::kTime, 0, 0});
  program.Add({Do::kPoll, 0, 3});
  return program;
}

}  // namespace sluice::fuzz
