// seeds_engine DIR: writes the first corpus of fuzz_engine: one program for each idea, in every
// world where it means something, and the frames of the RoCEv2 captures, sent to our queue pairs.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "check_seeds.h"
#include "engine_program.h"
#include "pcap/capture.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::fuzz {
namespace {

using wire::Aeth;
using wire::NakCode;

class Corpus {
 public:
  explicit Corpus(std::string dir) : dir_(std::move(dir)) {}
  void Add(const ProgramWriter& p) { Add("seed-" + std::to_string(count_++), p); }
  void Add(const std::string& name, const ProgramWriter& p) {
    std::ofstream out(dir_ + "/" + name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(p.bytes().data()),
              static_cast<std::streamsize>(p.bytes().size()));
    ok_ = ok_ && out.good();
  }
  bool ok() const { return ok_; }

 private:
  std::string dir_;
  int count_ = 0;
  bool ok_ = true;
};

constexpr uint8_t Byte(wire::Opcode o) { return static_cast<uint8_t>(o); }
constexpr Instruction Request(uint8_t qp, wire::Opcode opcode, uint8_t payload, uint8_t reth = 0,
                              uint8_t bend = 0, uint8_t psn = 0) {
  return {Do::kRequest, qp, Byte(opcode), psn, payload, bend, reth};
}
constexpr Instruction Response(uint8_t qp, uint8_t syndrome, uint8_t psn = 0, uint8_t kind = 0) {
  return {Do::kResponse, qp, syndrome, psn, 0, 0, kind};
}
constexpr uint8_t kMtu = 200;          // the payload code of a whole packet
constexpr uint8_t kThreeMtu = 4 << 5;  // the RETH of three packets
constexpr uint8_t kPlace = 1;          // its address: not at the edge

// Each opcode alone, and whole messages of three packets.
void AddMessages(Corpus* corpus, uint8_t world, uint8_t choice) {
  using enum wire::Opcode;
  ProgramWriter p({world, choice, 5, 40});
  for (const wire::Opcode o : {kRcSendOnly, kRcSendOnlyImm}) p.Add(Request(0, o, 37));
  p.Add({Do::kDrain});
  for (const wire::Opcode o : {kRcSendFirst, kRcSendMiddle}) p.Add(Request(5, o, kMtu));
  p.Add(Request(5, kRcSendLastImm, 3));
  p.Add({Do::kPostReceive, 0, 0, 0xd0, 7, 0, 2});
  for (const wire::Opcode o : {kRcWriteOnly, kRcWriteOnlyImm}) p.Add(Request(0, o, 99, kPlace));
  p.Add(Request(0, kRcWriteFirst, kMtu, kThreeMtu | kPlace));
  p.Add(Request(0, kRcWriteMiddle, kMtu));
  p.Add(Request(0, kRcWriteLast, kMtu));
  p.Add(Request(2, kRcWriteOnly, 99, kPlace));
  p.Add({Do::kTime, 0, 0});
  p.Add({Do::kPoll});
  corpus->Add(p);
  ProgramWriter q({world, choice, 0, 0});
  q.Add(Request(0, kRcWriteFirst, kMtu, kThreeMtu | kPlace));
  q.Add(Request(0, kRcWriteMiddle, kMtu, 0, kBadIcrc));
  q.Add(Request(0, kRcWriteMiddle, kMtu, 0, kCe));
  q.Add(Request(0, kRcWriteLastImm, kMtu));
  q.Add({Do::kAgain, 0, 3});
  q.Add({Do::kPoll, 0, 7});
  corpus->Add(q);
}

void AddRefusals(Corpus* corpus, uint8_t world) {
  using enum wire::Opcode;
  for (uint8_t reth = 0; reth != 255; ++reth) {
    if ((reth & 7) > 6 && (reth >> 3 & 3) != 0) continue;
    ProgramWriter p({world, 0, 1, 1});
    p.Add(Request(0, (reth & 32) != 0 ? kRcWriteFirst : kRcWriteOnly, (reth & 32) != 0 ? kMtu : 48,
                  reth));
    p.Add(Request(0, kRcWriteLast, 9));
    corpus->Add(p);
  }
  for (const uint8_t bend : {kBadPkey, kBadSource, kBadIcrc, kTagged, kCe, kBecn, kSolicited}) {
    ProgramWriter p({world, 1, 2, 3});
    for (uint8_t qp = 0; qp < 6; ++qp) {
      p.Add(Request(qp, kRcSendOnly, 8, 0, bend));
      p.Add(Request(qp | kBurst, kRcSendOnly, 8, 0, bend, 3));
      p.Add(Request(qp, kRcWriteOnly, 1, kPlace, bend, 0xfe));
    }
    p.Add({Do::kPoll});
    corpus->Add(p);
  }
  // Sequences of opcodes that are none, too long for the receive, of other services.
  for (const wire::Opcode o : {kRcSendMiddle, kRcSendLast, kRcWriteLast, kRcReadRequest,
                               kRcFetchAdd, kUcSendOnly, kUdSendOnly, kRcSendOnlyInvalidate}) {
    ProgramWriter p({world, 0, 0, 0});
    p.Add(Request(0, kRcSendOnly, 250));
    p.Add(Request(0, o, 20));
    p.Add(Request(1, kRcSendFirst, kMtu));
    p.Add({Do::kTime, 0, 0});
    p.Add({Do::kPostReceive, 1, 0, 20, 0, 0, 1});
    p.Add(Request(1, kRcSendFirst, kMtu));
    p.Add(Request(1, o, 20));
    corpus->Add(p);
  }
}

void AddAnswers(Corpus* corpus, uint8_t world, uint8_t choice) {
  for (const uint8_t qp : {0, 5}) {
    ProgramWriter p({world, choice, 1, 1});
    p.Add({Do::kPoll, 0, 3});
    p.Add(Response(qp, Aeth::AckSyndrome(31), 0xfe));
    p.Add(Response(qp, Aeth::RnrSyndrome(1), 0xff));
    p.Add({Do::kTime, 0, 0});
    p.Add({Do::kTime, 0, 30, 9});
    p.Add(Response(qp, Aeth::NakSyndrome(NakCode::kPsnSequenceError), 0));
    p.Add({Do::kTime, 0, 22, 9});
    p.Add(Response(qp, Aeth::AckSyndrome(2), 0));
    p.Add({Do::kPostSend, qp, 2, 0, 9, 0, 2});
    p.Add(Response(qp, 0, 0, 2));
    p.Add({Do::kTime, 0, 26, 3});
    p.Add(Response(qp, Aeth::AckSyndrome(31), 0));
    p.Add({Do::kDrain});
    p.Add({Do::kControl, 0, static_cast<uint8_t>(Control::kDeregister)});
    corpus->Add(p);
    for (uint8_t nak = 0; nak < 5; ++nak) {
      ProgramWriter q({world, choice, 9, 9});
      q.Add({Do::kPoll, 0, 3});
      q.Add(Response(qp, Aeth::NakSyndrome(static_cast<NakCode>(nak)), 0xff));
      q.Add(Response(qp, 0x40, 0));
      q.Add(Response(qp, Aeth::AckSyndrome(0), 9));
      q.Add(Response(qp, 0, 0, 3));
      for (int i = 0; i < 9; ++i) q.Add({Do::kTime, 0, 0});
      corpus->Add(q);
    }
  }
}

// Selective repeat: messages in order and out of it, requests whose responses nobody or everybody
// acknowledges, responses to what was asked for, and answers that fit nothing.
void AddExtended(Corpus* corpus, uint8_t world, uint8_t choice) {
  using enum wire::Opcode;
  ProgramWriter p({static_cast<uint8_t>(world | kWorldExtended), choice, 5, 40});
  for (const wire::Opcode o : {kXtSend, kXtSendImm, kXtSendInvalidate}) p.Add(Request(0, o, 37));
  p.Add(Request(0, kXtWrite, kMtu, kThreeMtu | kPlace));
  p.Add(Request(0, kXtWrite, kMtu));
  p.Add(Request(0, kXtWriteImm, kMtu));
  // One that is missing, those behind it, and it.
  for (const uint8_t ahead : {1, 3, 2, 2, 0, 0, 0, 0}) {
    p.Add(Request(5 | kBurst, kXtSend, 20, 0, 0, ahead));
  }
  p.Add({Do::kPoll});
  p.Add({Do::kTime, 0, 0});
  corpus->Add(p);
  ProgramWriter q({static_cast<uint8_t>(world | kWorldExtended), choice, 0, 0});
  for (const wire::Opcode o : {kXtRead, kXtFetchAdd, kXtCompareSwap, kXtRead}) {
    q.Add(Request(0, o, 0, kThreeMtu | kPlace));
    q.Add(Response(0, 0, 0, 8));  // XT_RESPONSE_ACK
  }
  for (const uint8_t ahead : {2, 1, 0}) q.Add(Request(1, kXtRead, 0, kPlace, 0, ahead));
  for (int n = 0; n < 4; ++n) q.Add({Do::kTime, 0, 0});
  q.Add({Do::kControl, 0, static_cast<uint8_t>(Control::kDeregister)});
  q.Add(Request(0, kXtRead, 0, kPlace));
  q.Add({Do::kPoll, 0, 3});
  corpus->Add(q);
  ProgramWriter r({static_cast<uint8_t>(world | kWorldExtended), choice, 1, 1});
  r.Add({Do::kPostSend, 0, 4, 100, 8, 0, 2});
  r.Add({Do::kPostSend, 0, 5, 8, 0, 0, 1});
  for (const uint8_t kind : {6, 7, 8, 9, 10, 11, 12, 13}) {
    for (const uint8_t psn : {0, 1, 2, 0xff}) r.Add(Response(0, 0, psn, kind));
    r.Add(Response(0, Aeth::NakSyndrome(NakCode::kRemoteAccessError), 0, kind));
    r.Add(Response(5, Aeth::RnrSyndrome(1), 0xff, kind));
    r.Add({Do::kTime, 0, 0});
  }
  corpus->Add(r);
}

void AddStates(Corpus* corpus, uint8_t world) {
  using enum wire::Opcode;
  ProgramWriter p({world, 0, 0, 0});
  constexpr Control kOrder[] = {Control::kConnect,  Control::kFail,    Control::kDestroy,
                                Control::kCreate,   Control::kConnect, Control::kDeregister,
                                Control::kRegister, Control::kForget};
  for (const Control c : kOrder) {
    for (uint8_t qp : {0, 4}) {
      p.Add({Do::kControl, qp, static_cast<uint8_t>(c)});
      p.Add({Do::kPostSend, qp, 0, 0, 3, 0, 1});
      p.Add({Do::kPostReceive, qp, 0, 0, 3, 0, 0x81});
      p.Add(Request(qp, kRcSendOnly, 12));
      p.Add(Request(qp, kRcWriteFirst, kMtu, kThreeMtu | kPlace));
    }
    p.Add({Do::kDrain});
  }
  corpus->Add(p);
  ProgramWriter q({static_cast<uint8_t>(world | kWorldSmallPool), 0x40, 0, 0});
  for (int i = 0; i < 4; ++i) {
    q.Add({Do::kPoll, 0, 1, static_cast<uint8_t>(i + 1), static_cast<uint8_t>(4 - i)});
    q.Add({Do::kPostReceive, 5, 0, 64, 0, 0, 1});
    for (int n = 0; n < 3; ++n) q.Add(Request(5 | kBurst, kRcSendOnly, 12));
    q.Add(Response(5, Aeth::AckSyndrome(31)));
  }
  corpus->Add(q);
  ProgramWriter r({world, 0, 0, 0});
  for (uint8_t meta = 0; meta < 32; ++meta) {
    r.Add({Do::kMeta, 0, meta, 90, 0});
    r.Add(Request(0, kRcSendOnly, 12));
    r.Add({Do::kAlter, 0, static_cast<uint8_t>(meta * 2), 0, 1, static_cast<uint8_t>(meta & 3)});
    r.Add(Request(0, kRcWriteOnly, 12, kPlace));
  }
  corpus->Add(r);
}

// The first frame of each opcode in a capture, and all of a kind that no queue pair of ours has.
bool AddCapture(Corpus* corpus, const std::string& path) {
  auto capture = pcap::Capture::Open(path);
  if (!capture.ok()) return false;
  std::set<uint8_t> seen;
  ProgramWriter v4({0, 0, 1, 1});
  ProgramWriter v6({kWorldIpv6 | 1 << kWorldCutShift, 1, 1, 1});
  pcap::CapturedFrame frame;
  for (int n = 0; n < 6;) {
    const auto more = capture->Next(&frame);
    if (!more.ok()) return false;
    if (!*more) break;
    wire::FrameView v;
    const auto cause = wire::ParseFrame(frame.bytes, frame.length, &v);
    if (cause == wire::DropCause::kNone && !seen.insert(Byte(v.opcode)).second) continue;
    if (frame.bytes.size() > 4400) continue;
    ++n;
    ProgramWriter& p = v.ipv6 ? v6 : v4;
    p.AddRaw(static_cast<uint8_t>(n % 3 == 2 ? 5 : 0), kRedirect | kSeal, frame.bytes);
    p.AddRaw(0, 0, frame.bytes);
  }
  for (ProgramWriter* p : {&v4, &v6}) {
    if (p->bytes().size() > kWorldBytes) corpus->Add(*p);
  }
  return true;
}

}  // namespace
}  // namespace sluice::fuzz

int main(int argc, char** argv) {
  using namespace sluice::fuzz;
  if (argc != 2) {
    std::fprintf(stderr, "usage: seeds_engine DIRECTORY (which exists)\n");
    return 2;
  }
  Corpus corpus(argv[1]);
  for (const uint8_t cut : {0x00, 0x10, 0x20, 0x30}) {
    for (const uint8_t kind : {0, 1, 2, 4, 8}) {
      const auto world = static_cast<uint8_t>(cut | kind);
      for (const uint8_t choice : {0, 1, 2, 3, 0x17, 0x2d, 0xc9}) {
        AddMessages(&corpus, world, choice);
        AddExtended(&corpus, world, choice);
        if (cut == 0) AddAnswers(&corpus, world, choice);
      }
      AddStates(&corpus, world);
    }
  }
  for (size_t i = 0; i < sluice::kChecks; ++i) {
    corpus.Add(std::string("check-") + sluice::kCheckInfos[i].name,
               SeedOf(static_cast<sluice::Check>(i)));
  }
  AddRefusals(&corpus, 0);
  AddRefusals(&corpus, kWorldIpv6 | 0x20);
  std::set<std::string> captures;
  for (const auto& entry : std::filesystem::directory_iterator(SLUICE_ROCE_CAPTURES)) {
    if (entry.path().extension() == ".pcap") captures.insert(entry.path().string());
  }
  for (const std::string& path : captures) {
    if (AddCapture(&corpus, path)) continue;
    std::fprintf(stderr, "seeds_engine: cannot read %s\n", path.c_str());
    return 1;
  }
  if (!corpus.ok()) std::fprintf(stderr, "seeds_engine: cannot write into %s\n", argv[1]);
  return corpus.ok() ? 0 : 1;
}
