#include "wire/extension.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "frames.h"
#include "wire/headers.h"
#include "wire/icrc.h"
#include "wire/packet_value.h"
#include "wire/path_probe.h"
#include "wire/peer_hello.h"

namespace sluice::wire {
namespace {

using Cells = std::vector<std::string>;

std::string Trimmed(const std::string& s) {
  const size_t a = s.find_first_not_of(' ');
  return a == std::string::npos ? "" : s.substr(a, s.find_last_not_of(' ') - a + 1);
}

// The rows of the table that follows `heading` in docs/wire-formats.md, without its head.
std::vector<Cells> TableAfter(const std::string& heading) {
  std::ifstream in(SLUICE_WIRE_FORMATS);
  EXPECT_TRUE(in.good()) << SLUICE_WIRE_FORMATS;
  std::vector<Cells> rows;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind('#', 0) == 0) inside = Trimmed(line.substr(line.find(' '))) == heading;
    if (!inside || line.rfind('|', 0) != 0) continue;
    Cells cells;
    std::istringstream split(line.substr(1));
    for (std::string cell; std::getline(split, cell, '|');) cells.push_back(Trimmed(cell));
    rows.push_back(cells);
  }
  EXPECT_GT(rows.size(), 2u) << heading;
  rows.erase(rows.begin(), rows.begin() + 2);
  return rows;
}

constexpr uint32_t kOnes = 0xffffffff;

template <typename Header>
using Setters = std::map<std::string, std::function<void(Header*)>>;

// Each field of the table, set to all ones, fills its bytes and no others; the fields fill the
// header; and what is read is what was written.
template <typename Header>
void CheckTable(const std::string& heading, const Setters<Header>& setters) {
  const std::vector<Cells> rows = TableAfter(heading);
  ASSERT_EQ(rows.size(), setters.size());
  size_t next = 0;
  for (const Cells& row : rows) {
    SCOPED_TRACE(heading + ": " + row[2]);
    const size_t offset = std::stoul(row[0]);
    const size_t size = std::stoul(row[1]);
    EXPECT_EQ(offset, next);
    next = offset + size;
    ASSERT_LE(next, Header::kSize);
    ASSERT_EQ(setters.count(row[2]), 1u);
    Header h;
    setters.at(row[2])(&h);
    std::vector<uint8_t> bytes(Header::kSize, 0x55);
    h.Write(bytes.data());
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_EQ(bytes[i], i >= offset && i < next ? 0xff : 0) << "byte " << i;
    }
    EXPECT_EQ(Header::Read(bytes.data()), h);
  }
  EXPECT_EQ(next, Header::kSize);
}

TEST(ExtensionTest, DataHeaderIsAsTheDocumentSays) {
  CheckTable<ExtendedData>("Header `data`", {{"message", [](auto* h) { h->message = kOnes; }},
                                             {"offset", [](auto* h) { h->offset = kOnes; }},
                                             {"length", [](auto* h) { h->length = kOnes; }},
                                             {"receive", [](auto* h) { h->receive = kOnes; }},
                                             {"sent", [](auto* h) { h->sent = Stamp(kOnes); }},
                                             {"attempt", [](auto* h) { h->attempt = 0xff; }},
                                             {"backlog", [](auto* h) { h->backlog = 0xffffff; }}});
}

TEST(ExtensionTest, TargetHeaderIsAsTheDocumentSays) {
  CheckTable<ExtendedTarget>("Header `target`", {{"va", [](auto* h) { h->va = ~uint64_t{0}; }},
                                                 {"rkey", [](auto* h) { h->rkey = kOnes; }}});
}

TEST(ExtensionTest, RequestHeaderIsAsTheDocumentSays) {
  CheckTable<ExtendedRequest>("Header `request`",
                              {{"completed", [](auto* h) { h->completed = kOnes; }}});
}

TEST(ExtensionTest, OperandsHeaderIsAsTheDocumentSays) {
  CheckTable<ExtendedOperands>("Header `operands`",
                               {{"swap_or_add", [](auto* h) { h->swap_or_add = ~uint64_t{0}; }},
                                {"compare", [](auto* h) { h->compare = ~uint64_t{0}; }}});
}

TEST(ExtensionTest, AckHeaderIsAsTheDocumentSays) {
  CheckTable<ExtendedAck>("Header `ack`",
                          {{"syndrome", [](auto* h) { h->syndrome = 0xff; }},
                           {"msn", [](auto* h) { h->msn = 0xffffff; }},
                           {"receives", [](auto* h) { h->receives = kOnes; }},
                           {"sent", [](auto* h) { h->sent = Stamp(kOnes); }},
                           {"arrived", [](auto* h) { h->arrived = Stamp(kOnes); }},
                           {"departed", [](auto* h) { h->departed = Stamp(kOnes); }},
                           {"ce_packets", [](auto* h) { h->ce_packets = kOnes; }},
                           {"ce_bytes", [](auto* h) { h->ce_bytes = kOnes; }},
                           {"duplicates", [](auto* h) { h->duplicates = kOnes; }},
                           {"active_senders", [](auto* h) { h->active_senders = 0xffff; }},
                           {"flags", [](auto* h) { h->flags = 0xffff; }},
                           {"attempt", [](auto* h) { h->attempt = 0xff; }},
                           {"psn", [](auto* h) { h->psn = Psn(kOnes); }}});
  ExtendedAck ack;
  EXPECT_FALSE(ack.echoes());
  ack.flags = 1u << 15;
  EXPECT_TRUE(ack.echoes() && !ack.shares());
  ack.flags = 1u << 14;
  EXPECT_TRUE(ack.shares() && !ack.echoes());
}

TEST(ExtensionTest, PeerHelloIsAsTheDocumentSays) {
  CheckTable<PeerHello>("Block `hello`", {{"magic", [](auto* h) { h->magic = ~uint64_t{0}; }},
                                          {"version", [](auto* h) { h->version = 0xff; }},
                                          {"flags", [](auto* h) { h->flags = 0xff; }},
                                          {"window", [](auto* h) { h->window = 0xff; }},
                                          {"reserved8", [](auto* h) { h->reserved8 = 0xff; }},
                                          {"reserved32", [](auto* h) { h->reserved32 = kOnes; }}});
}

TEST(ExtensionTest, PathProbeIsAsTheDocumentSays) {
  CheckTable<PathProbe>("Block `probe`", {{"magic", [](auto* h) { h->magic = ~uint64_t{0}; }},
                                          {"version", [](auto* h) { h->version = 0xff; }},
                                          {"kind", [](auto* h) { h->kind = 0xff; }},
                                          {"mtu", [](auto* h) { h->mtu = 0xff; }},
                                          {"reserved8", [](auto* h) { h->reserved8 = 0xff; }},
                                          {"reserved32", [](auto* h) { h->reserved32 = kOnes; }},
                                          {"nonce", [](auto* h) { h->nonce = ~uint64_t{0}; }}});
  EXPECT_EQ(ProbePayload(5), 4096u + 32);
  EXPECT_EQ(ProbePayload(5) + Deth::kSize, 4096u + kMaxExtendedDataBytes);
}

TEST(ExtensionTest, AHelloIsFoundAtTheEndOnlyAndOnlyOfOurVersion) {
  std::vector<uint8_t> data(56, 0);
  PeerHello found;
  EXPECT_FALSE(PeerHello::Find(data, &found));
  const PeerHello hello{PeerHello::kMagic, PeerHello::kVersion, PeerHello::kExtension, 14};
  hello.Write(data.data() + 40);
  ASSERT_TRUE(PeerHello::Find(data, &found));
  EXPECT_EQ(found, hello);
  // As the document has it: 53 4c 55 49 43 45 0d 0a.
  EXPECT_EQ(std::string(data.begin() + 40, data.begin() + 48), "SLUICE\r\n");
  for (int bit = 0; bit < 72; ++bit) {
    std::vector<uint8_t> other = data;
    other[40 + static_cast<size_t>(bit / 8)] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(PeerHello::Find(other, &found)) << bit;
  }
  data.push_back(0);
  EXPECT_FALSE(PeerHello::Find(data, &found));
  EXPECT_FALSE(PeerHello::Find(std::span(data).first(15), &found));
}

TEST(ExtensionTest, SackHeaderIsAsTheDocumentSays) {
  CheckTable<SackBlock>("Header `sack`", {{"reserved8", [](auto* h) { h->reserved8 = 0xff; }},
                                          {"first", [](auto* h) { h->first = Psn(kOnes); }},
                                          {"words", [](auto* h) { h->words.fill(~uint64_t{0}); }}});
  // Bit i has the value 2^i in an integer of 32 bytes, big endian.
  for (uint32_t i = 0; i < SackBlock::kPackets; ++i) {
    SackBlock b;
    b.Set(i);
    uint8_t bytes[SackBlock::kSize];
    b.Write(bytes);
    for (uint32_t k = 0; k < 32; ++k) {
      EXPECT_EQ(bytes[4 + k], k == 31 - i / 8 ? 1 << i % 8 : 0) << i;
    }
    EXPECT_TRUE(SackBlock::Read(bytes).Has(i));
    EXPECT_FALSE(SackBlock::Read(bytes).Has((i + 1) % SackBlock::kPackets));
  }
}

TEST(ExtensionTest, TelemetryIsAsTheDocumentSays) {
  CheckTable<HopReport>("Report of a hop", {{"stamp", [](auto* h) { h->stamp = kOnes; }},
                                            {"sent", [](auto* h) { h->sent = kOnes; }},
                                            {"queue", [](auto* h) { h->queue = 0xffff; }},
                                            {"speed", [](auto* h) { h->speed = 0xffff; }}});
  CheckTable<TelemetryShim>("Header `telemetry`",
                            {{"hops", [](auto* h) { h->hops = 0xff; }},
                             {"uncounted", [](auto* h) { h->uncounted = 0xff; }},
                             {"wait", [](auto* h) { h->wait = 0xffff; }},
                             {"hop", [](auto* h) {
                                h->hop.fill({kOnes, kOnes, 0xffff, 0xffff});
                              }}});
}

TEST(TelemetryShimTest, EightSwitchesReportAndTheRestAreCounted) {
  std::vector<uint8_t> bytes(TelemetryShim::kSize + 1, 0);
  bytes.back() = 0x55;
  for (uint32_t i = 0; i < 300; ++i) {
    // The longest wait is that of the hundredth, who has no room for a report.
    const uint16_t wait = static_cast<uint16_t>(i < 100 ? i : 299 - i);
    TelemetryShim::Append(bytes.data(), {.stamp = i, .sent = 2 * i, .queue = 3, .speed = 1000},
                          i == 100 ? uint16_t{777} : wait);
  }
  const TelemetryShim shim = TelemetryShim::Read(bytes.data());
  EXPECT_EQ(shim.hops, 8);
  EXPECT_EQ(shim.uncounted, 255);
  EXPECT_EQ(shim.wait, 777);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(shim.hop[i], (HopReport{.stamp = i, .sent = 2 * i, .queue = 3, .speed = 1000}));
  }
  EXPECT_EQ(bytes.back(), 0x55);
}

// Whatever a switch writes leaves the iCRC right; a byte beside the shim does not.
TEST(TelemetryShimTest, TheShimIsMaskedInTheIcrc) {
  for (const bool ipv6 : {false, true}) {
    for (const Opcode plain :
         {Opcode::kXtSend, Opcode::kXtWriteImm, Opcode::kXtAck, Opcode::kXtSack}) {
      SCOPED_TRACE(NameOf(plain));
      const Opcode op = WithShim(plain);
      EXPECT_EQ(WithoutShim(op), plain);
      const size_t payload = TraitsOf(op).payload_allowed ? 64 : 0;
      std::vector<uint8_t> bytes = BuildFrame(TestPath(ipv6, false), {.opcode = op}, payload);
      FrameView view;
      const auto intact = [&] {
        EXPECT_EQ(ParseFrame(bytes, static_cast<uint32_t>(bytes.size()), &view), DropCause::kNone);
        return IcrcGood(view);
      };
      ASSERT_TRUE(intact());
      ASSERT_NE(view.shim(), nullptr);
      const auto shim = static_cast<size_t>(view.shim() - bytes.data());
      EXPECT_EQ(shim + TelemetryShim::kSize, view.header_bytes);
      for (size_t i = 0; i < TelemetryShim::kSize; ++i) bytes[shim + i] ^= 0xa5;
      EXPECT_TRUE(intact());
      bytes[shim - 1] ^= 1;
      EXPECT_FALSE(intact());
      bytes[shim - 1] ^= 1;
      if (payload == 0) continue;
      bytes[shim + TelemetryShim::kSize] ^= 1;
      EXPECT_FALSE(intact());
    }
  }
}

TEST(ExtensionTest, OpcodesAreAsTheDocumentSays) {
  const std::map<std::string, size_t> sizes = {
      {"data", ExtendedData::kSize},       {"target", ExtendedTarget::kSize},
      {"request", ExtendedRequest::kSize}, {"operands", ExtendedOperands::kSize},
      {"original", AtomicAckEth::kSize},   {"key", Ieth::kSize},
      {"immediate", ImmDt::kSize},         {"ack", ExtendedAck::kSize},
      {"sack", SackBlock::kSize},          {"telemetry", TelemetryShim::kSize}};
  std::map<int, Cells> rows;
  for (const Cells& row : TableAfter("Packets")) rows[std::stoi(row[0], nullptr, 16)] = row;
  for (int op = 0xc0; op <= 0xff; ++op) {
    SCOPED_TRACE(op);
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    const auto it = rows.find(op);
    ASSERT_EQ(t.known, it != rows.end());
    EXPECT_EQ(t.extended, t.known);
    if (!t.known) continue;
    const Cells& row = it->second;
    EXPECT_EQ(t.name, row[1]);
    size_t bytes = 0;
    std::istringstream headers(row[2]);
    for (std::string h; std::getline(headers, h, ',');) bytes += sizes.at(Trimmed(h));
    EXPECT_EQ(t.extension_bytes, bytes);
    EXPECT_EQ(bytes, std::stoul(row[3]));
    EXPECT_EQ(t.payload_allowed, row[4] == "yes");
    EXPECT_EQ(t.imm, row[2].find("immediate") != std::string::npos);
    // Nothing that a base queue pair would act upon.
    EXPECT_FALSE(t.starts() || t.middle || t.ends() || t.send || t.write || t.acknowledge ||
                 t.request || t.reth || t.aeth);
  }
}

// View and value give the fields of whole frames, and the bytes come back.
TEST(ExtensionTest, FramesAreDecodedAndRebuilt) {
  for (const Cells& row : TableAfter("Packets")) {
    SCOPED_TRACE(row[1]);
    const auto op = static_cast<Opcode>(std::stoi(row[0], nullptr, 16));
    const OpcodeTraits& t = TraitsOf(op);
    Bth bth{.opcode = op, .pad_count = static_cast<uint8_t>(t.payload_allowed ? 3 : 0)};
    const auto bytes = BuildFrame(TestPath(true, false), bth, t.payload_allowed ? 33 : 0);
    FrameView view;
    ASSERT_EQ(ParseFrame(bytes, static_cast<uint32_t>(bytes.size()), &view), DropCause::kNone);
    const auto value = Decode(bytes);
    ASSERT_TRUE(value.ok());
    EXPECT_TRUE(value->IcrcOk());
    EXPECT_EQ(value->Encode(), bytes);
    const auto names = [&row](const char* header) {
      return (" " + row[2] + ",").find(" " + std::string(header) + ",") != std::string::npos;
    };
    EXPECT_EQ(value->extended_data.has_value(), names("data"));
    EXPECT_EQ(value->extended_ack.has_value(), names("ack"));
    EXPECT_EQ(value->extended_target.has_value(), names("target"));
    EXPECT_EQ(value->extended_request.has_value(), names("request"));
    EXPECT_EQ(value->extended_operands.has_value(), names("operands"));
    EXPECT_EQ(value->extended_original.has_value(), names("original"));
    EXPECT_EQ(value->extended_key.has_value(), names("key"));
    EXPECT_EQ(value->sack_block.has_value(), names("sack"));
    EXPECT_EQ(value->shim.has_value(), names("telemetry"));
    ASSERT_EQ(view.shim() != nullptr, value->shim.has_value());
    if (value->shim) {
      EXPECT_EQ(TelemetryShim::Read(view.shim()), *value->shim);
    }
    if (value->extended_request) {
      EXPECT_EQ(view.extended_request(), *value->extended_request);
    }
    if (value->extended_operands) {
      EXPECT_EQ(view.extended_operands(), *value->extended_operands);
    }
    if (value->extended_original) {
      EXPECT_EQ(view.extended_original(), *value->extended_original);
    }
    if (value->extended_key) {
      EXPECT_EQ(view.extended_key(), *value->extended_key);
    }
    if (value->extended_data) {
      EXPECT_EQ(view.extended_data(), *value->extended_data);
    }
    if (value->extended_target) {
      EXPECT_EQ(view.extended_target(), *value->extended_target);
    }
    if (value->extended_ack) {
      EXPECT_EQ(view.extended_ack(), *value->extended_ack);
    }
    if (value->sack_block) {
      EXPECT_EQ(view.sack_block(), *value->sack_block);
    }
    if (value->imm) {
      EXPECT_EQ(view.imm(), value->imm->value);
    }
  }
}

TEST(StampTest, DifferencesCrossTheWrap) {
  const Time before = Time::FromPs((uint64_t{1} << 42) - 1024);
  const Time after = before + Duration::Microseconds(3);
  EXPECT_EQ((Stamp::Of(after) - Stamp::Of(before)).ps(), 2'999'296) << "2929 units of 1024 ps";
  EXPECT_EQ((Stamp::Of(before) - Stamp::Of(after)).ps(), -2'999'296);
}

}  // namespace
}  // namespace sluice::wire
