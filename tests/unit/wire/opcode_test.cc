#include "wire/opcode.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>

namespace sluice::wire {
namespace {

// IBTA 1.4, table 38. place: F(irst) M(iddle) L(ast) O(nly) or none. kind: S(end) W(rite)
// R(ead request) r(ead response) A(cknowledge) X (atomic) N(otification). payload: may carry some.
struct Row {
  char place;
  char kind;
  bool payload;
  const char* headers;  // in the order of the packet
  int bytes;            // their sum
  const char* name;
};

const std::map<int, Row>& Rows() {
  static const auto* rows = new std::map<int, Row>{
      {0x00, {'F', 'S', true, "", 0, "RC_SEND_FIRST"}},
      {0x01, {'M', 'S', true, "", 0, "RC_SEND_MIDDLE"}},
      {0x02, {'L', 'S', true, "", 0, "RC_SEND_LAST"}},
      {0x03, {'L', 'S', true, "imm", 4, "RC_SEND_LAST_IMM"}},
      {0x04, {'O', 'S', true, "", 0, "RC_SEND_ONLY"}},
      {0x05, {'O', 'S', true, "imm", 4, "RC_SEND_ONLY_IMM"}},
      {0x06, {'F', 'W', true, "reth", 16, "RC_WRITE_FIRST"}},
      {0x07, {'M', 'W', true, "", 0, "RC_WRITE_MIDDLE"}},
      {0x08, {'L', 'W', true, "", 0, "RC_WRITE_LAST"}},
      {0x09, {'L', 'W', true, "imm", 4, "RC_WRITE_LAST_IMM"}},
      {0x0a, {'O', 'W', true, "reth", 16, "RC_WRITE_ONLY"}},
      {0x0b, {'O', 'W', true, "reth imm", 20, "RC_WRITE_ONLY_IMM"}},
      {0x0c, {'O', 'R', false, "reth", 16, "RC_READ_REQUEST"}},
      {0x0d, {'F', 'r', true, "aeth", 4, "RC_READ_RESPONSE_FIRST"}},
      {0x0e, {'M', 'r', true, "", 0, "RC_READ_RESPONSE_MIDDLE"}},
      {0x0f, {'L', 'r', true, "aeth", 4, "RC_READ_RESPONSE_LAST"}},
      {0x10, {'O', 'r', true, "aeth", 4, "RC_READ_RESPONSE_ONLY"}},
      {0x11, {'-', 'A', false, "aeth", 4, "RC_ACKNOWLEDGE"}},
      {0x12, {'-', 'A', false, "aeth atomic_ack", 12, "RC_ATOMIC_ACKNOWLEDGE"}},
      {0x13, {'O', 'X', false, "atomic", 28, "RC_COMPARE_SWAP"}},
      {0x14, {'O', 'X', false, "atomic", 28, "RC_FETCH_ADD"}},
      {0x16, {'L', 'S', true, "ieth", 4, "RC_SEND_LAST_INVALIDATE"}},
      {0x17, {'O', 'S', true, "ieth", 4, "RC_SEND_ONLY_INVALIDATE"}},
      {0x20, {'F', 'S', true, "", 0, "UC_SEND_FIRST"}},
      {0x21, {'M', 'S', true, "", 0, "UC_SEND_MIDDLE"}},
      {0x22, {'L', 'S', true, "", 0, "UC_SEND_LAST"}},
      {0x23, {'L', 'S', true, "imm", 4, "UC_SEND_LAST_IMM"}},
      {0x24, {'O', 'S', true, "", 0, "UC_SEND_ONLY"}},
      {0x25, {'O', 'S', true, "imm", 4, "UC_SEND_ONLY_IMM"}},
      {0x26, {'F', 'W', true, "reth", 16, "UC_WRITE_FIRST"}},
      {0x27, {'M', 'W', true, "", 0, "UC_WRITE_MIDDLE"}},
      {0x28, {'L', 'W', true, "", 0, "UC_WRITE_LAST"}},
      {0x29, {'L', 'W', true, "imm", 4, "UC_WRITE_LAST_IMM"}},
      {0x2a, {'O', 'W', true, "reth", 16, "UC_WRITE_ONLY"}},
      {0x2b, {'O', 'W', true, "reth imm", 20, "UC_WRITE_ONLY_IMM"}},
      {0x64, {'O', 'S', true, "deth", 8, "UD_SEND_ONLY"}},
      {0x65, {'O', 'S', true, "deth imm", 12, "UD_SEND_ONLY_IMM"}},
      {0x81, {'-', 'N', false, "", 16, "CNP"}},
  };
  return *rows;
}

std::string HeadersOf(const OpcodeTraits& t) {
  std::string s;
  const auto add = [&s](bool has, const char* name) {
    if (!has) return;
    if (!s.empty()) s += ' ';
    s += name;
  };
  add(t.deth, "deth");
  add(t.reth, "reth");
  add(t.atomic_eth, "atomic");
  add(t.aeth, "aeth");
  add(t.atomic_ack_eth, "atomic_ack");
  add(t.ieth, "ieth");
  add(t.imm, "imm");
  return s;
}

// Those of the extension are held against their document by extension_test.cc.
constexpr int kManufacturers = 0xc0;

TEST(OpcodeTest, EveryOpcodeIsAsTable38SaysOrUnknown) {
  for (int op = 0; op < kManufacturers; ++op) {
    SCOPED_TRACE(op);
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    const auto it = Rows().find(op);
    ASSERT_EQ(t.known, it != Rows().end());
    if (!t.known) continue;
    const Row& r = it->second;
    EXPECT_STREQ(t.name, r.name);
    EXPECT_EQ(t.first, r.place == 'F');
    EXPECT_EQ(t.middle, r.place == 'M');
    EXPECT_EQ(t.last, r.place == 'L');
    EXPECT_EQ(t.only, r.place == 'O');
    EXPECT_EQ(t.starts(), r.place == 'F' || r.place == 'O');
    EXPECT_EQ(t.ends(), r.place == 'L' || r.place == 'O');
    EXPECT_EQ(t.send, r.kind == 'S');
    EXPECT_EQ(t.write, r.kind == 'W');
    EXPECT_EQ(t.read_request, r.kind == 'R');
    EXPECT_EQ(t.read_response, r.kind == 'r');
    EXPECT_EQ(t.acknowledge, r.kind == 'A');
    EXPECT_EQ(t.atomic, r.kind == 'X');
    EXPECT_EQ(t.request, std::string("SWRX").find(r.kind) != std::string::npos);
    EXPECT_EQ(t.payload_allowed, r.payload);
    EXPECT_EQ(HeadersOf(t), r.headers);
    EXPECT_EQ(t.extension_bytes, r.bytes);
  }
}

TEST(OpcodeTest, UnknownOpcodesPromiseNothing) {
  for (int op = 0; op < 256; ++op) {
    const OpcodeTraits& t = TraitsOf(static_cast<uint8_t>(op));
    if (Rows().count(op) != 0 || (op >= kManufacturers && t.known)) continue;
    SCOPED_TRACE(op);
    EXPECT_FALSE(t.starts() || t.middle || t.ends() || t.send || t.write || t.read_request ||
                 t.read_response || t.acknowledge || t.atomic || t.request || t.payload_allowed);
    EXPECT_EQ(HeadersOf(t), "");
    EXPECT_EQ(t.extension_bytes, 0);
    EXPECT_STRNE(t.name, "");
  }
}

// The upper three bits name the service; 0xC0-0xFF is the manufacturer's.
TEST(OpcodeTest, ServiceFollowsTheUpperBits) {
  const Service by_bits[] = {Service::kRc,           Service::kUc,          Service::kRd,
                             Service::kUd,           Service::kCnp,         Service::kXrc,
                             Service::kManufacturer, Service::kManufacturer};
  for (int op = 0; op < 256; ++op) {
    EXPECT_EQ(TraitsOf(static_cast<uint8_t>(op)).service, by_bits[op >> 5]) << op;
  }
}

TEST(OpcodeTest, EnumValuesAreThoseOfTheStandard) {
  EXPECT_EQ(static_cast<int>(Opcode::kRcAcknowledge), 0x11);
  EXPECT_EQ(static_cast<int>(Opcode::kRcSendOnlyInvalidate), 0x17);
  EXPECT_EQ(static_cast<int>(Opcode::kUcWriteOnlyImm), 0x2b);
  EXPECT_EQ(static_cast<int>(Opcode::kUdSendOnly), 0x64);
  EXPECT_STREQ(NameOf(Opcode::kRcReadResponseMiddle), "RC_READ_RESPONSE_MIDDLE");
  EXPECT_STREQ(NameOf(static_cast<Opcode>(0x1f)), "RESERVED");
  EXPECT_STREQ(NameOf(static_cast<Opcode>(0x1c)), "RESERVED");
  EXPECT_STREQ(NameOf(static_cast<Opcode>(0x44)), "RD");
  EXPECT_STREQ(NameOf(static_cast<Opcode>(0xa0)), "XRC");
  EXPECT_STREQ(NameOf(static_cast<Opcode>(0xff)), "MANUFACTURER");
}

}  // namespace
}  // namespace sluice::wire
