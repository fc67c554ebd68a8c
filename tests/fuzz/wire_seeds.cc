// seeds_wire DIR: writes the first corpus of fuzz_wire, one file per idea: every opcode in both
// families with and without a tag, frames that miss by one rule, datagrams of connection
// management, addresses as text.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "../unit/wire/frames.h"
#include "wire/cm_messages.h"

namespace sluice::wire {
namespace {

class Corpus {
 public:
  explicit Corpus(std::string dir) : dir_(std::move(dir)) {}
  void Add(uint8_t mode, const std::vector<uint8_t>& bytes) {
    std::ofstream out(dir_ + "/seed-" + std::to_string(count_++), std::ios::binary);
    out.put(static_cast<char>(mode));
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    ok_ = ok_ && out.good();
  }
  void Add(const std::string& text) { Add(0, std::vector<uint8_t>(text.begin(), text.end())); }
  bool ok() const { return ok_; }

 private:
  std::string dir_;
  int count_ = 0;
  bool ok_ = true;
};

void AddOpcodes(Corpus* corpus) {
  for (int op = 0; op < 256; ++op) {
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    if (!t.known && op % 16 != 15) continue;
    Bth bth{.opcode = static_cast<Opcode>(op), .becn = t.service == Service::kCnp};
    bth.pad_count = t.payload_allowed ? 3 : 0;
    for (const bool ipv6 : {false, true}) {
      for (const bool tagged : {false, true}) {
        const size_t payload = t.payload_allowed ? (ipv6 ? 33 : 401) : 0;
        corpus->Add(0x80, BuildFrame(TestPath(ipv6, tagged), bth, payload));
      }
    }
  }
}

void AddDamaged(Corpus* corpus) {
  // Place and value in the golden SEND (IPv4) and WRITE (IPv6).
  const struct {
    int frame;
    size_t at;
    uint8_t value;
    uint8_t mode;
  } damage[] = {
      {0, 13, 6, 0}, {0, 14, 0x46, 1}, {0, 20, 0x20, 1}, {0, 23, 6, 1},    {0, 24, 0, 0},
      {0, 37, 0, 0}, {0, 39, 0, 0},    {0, 42, 0x0b, 0}, {0, 43, 0x31, 0}, {0, 43, 0x00, 2},
      {0, 17, 0, 1}, {1, 14, 0x40, 0}, {1, 20, 44, 0},   {1, 20, 6, 0},    {1, 57, 0, 0},
      {1, 59, 1, 0}, {1, 62, 0x0c, 0}, {1, 60, 1, 0},    {0, 40, 0x12, 0}, {0, 61, 1, 0},
      {0, 21, 1, 1}, {1, 63, 0x20, 0}, {0, 14, 0x44, 1}, {0, 14, 0x65, 1},
  };
  for (const auto& d : damage) {
    auto bytes = kGoldenFrames[d.frame].bytes();
    bytes[d.at] = d.value;
    corpus->Add(d.mode, bytes);
  }
  for (const GoldenFrame& g : kGoldenFrames) {
    for (const uint8_t mode : {0, 3, 0x43, 0x83}) corpus->Add(mode, g.bytes());
    auto padded = g.bytes();
    padded.resize(padded.size() + 8);
    corpus->Add(0, padded);
  }
}

// Every message of connection management, alone and as the payload of a datagram to queue pair 1,
// and the IP addresses of a REQ.
void AddMads(Corpus* corpus) {
  for (uint16_t attribute = 0x0f; attribute <= 0x1b; ++attribute) {
    MadHeader header;
    header.attribute_id = attribute;
    std::vector<uint8_t> mad(kMadBytes);
    header.Write(mad.data());
    for (size_t i = MadHeader::kSize; i < mad.size(); ++i) mad[i] = static_cast<uint8_t>(7 * i);
    corpus->Add(0, mad);
    Bth bth{.opcode = Opcode::kUdSendOnly, .dest_qpn = kGsiQpn, .ack_request = true};
    std::vector<uint8_t> frame = BuildFrame(TestPath(false, false), bth, mad.size());
    std::copy(mad.begin(), mad.end(), frame.end() - static_cast<ptrdiff_t>(mad.size() + 4));
    corpus->Add(0, frame);
  }
  for (const uint8_t version : {4, 6}) {
    std::vector<uint8_t> ip(IpCmHeader::kSize);
    IpCmHeader{version, 7, IpAddress::FromV4(0x01020304), IpAddress::FromV4(5)}.Write(ip.data());
    corpus->Add(0, ip);
  }
}

void AddText(Corpus* corpus) {
  for (const char* text : {"198.51.100.1", "::ffff:198.51.100.1", "fd00:51::1", "::", "1.2.3.256",
                           "52:54:00:00:00:0A", "52:54:00:00:00:0g", "52:54:00:00:00-0a"}) {
    corpus->Add(text);
  }
}

}  // namespace
}  // namespace sluice::wire

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: seeds_wire DIRECTORY (which exists)\n");
    return 2;
  }
  sluice::wire::Corpus corpus(argv[1]);
  sluice::wire::AddOpcodes(&corpus);
  sluice::wire::AddDamaged(&corpus);
  sluice::wire::AddMads(&corpus);
  sluice::wire::AddText(&corpus);
  if (!corpus.ok()) std::fprintf(stderr, "seeds_wire: cannot write into %s\n", argv[1]);
  return corpus.ok() ? 0 : 1;
}
