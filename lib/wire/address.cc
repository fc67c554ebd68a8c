#include "wire/address.h"

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::wire {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::Status Bad(const char* what, std::string_view text, const char* example) {
  return absl::InvalidArgumentError(absl::StrCat(what, " \"",
                                                 absl::string_view(text.data(), text.size()),
                                                 "\" cannot be read; expected e.g. ", example));
}

}  // namespace

absl::StatusOr<MacAddress> MacAddress::Parse(std::string_view text) {
  const absl::Status bad = Bad("MAC address", text, "52:54:00:00:00:0a");
  if (text.size() != 17) return bad;
  MacAddress m;
  for (size_t i = 0; i < 6; ++i) {
    const int high = HexDigit(text[3 * i]);
    const int low = HexDigit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) return bad;
    m.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return m;
}

std::string MacAddress::ToString() const {
  std::string s;
  for (const uint8_t b : bytes) {
    if (!s.empty()) s += ':';
    s += kHex[b >> 4];
    s += kHex[b & 15];
  }
  return s;
}

absl::StatusOr<IpAddress> IpAddress::Parse(std::string_view text) {
  // inet_pton wants a C string: a NUL inside would cut the text short.
  const std::string copy(text);
  if (text.find('\0') == std::string_view::npos) {
    uint8_t b[16];
    if (inet_pton(AF_INET, copy.c_str(), b) == 1) return ReadV4(b);
    if (inet_pton(AF_INET6, copy.c_str(), b) == 1) return Read(b);
  }
  return Bad("IP address", text, "198.51.100.1 or fd00:51::1");
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
  }
  return text;
}

}  // namespace sluice::wire
