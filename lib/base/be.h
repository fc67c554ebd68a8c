// Big-endian integers as they lie on the wire: trivial types of alignment 1, so that a header
// struct made of them can be laid over any byte, plus plain loads and stores.
#ifndef SLUICE_BASE_BE_H_
#define SLUICE_BASE_BE_H_

#include <cstdint>
#include <cstring>

namespace sluice {

constexpr uint16_t LoadBe16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
constexpr uint32_t LoadBe24(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 8 | p[2];
}
inline uint32_t LoadBe32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return __builtin_bswap32(v);
}
inline uint64_t LoadBe64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return __builtin_bswap64(v);
}
constexpr void StoreBe16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
constexpr void StoreBe24(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 16);
  p[1] = static_cast<uint8_t>(v >> 8);
  p[2] = static_cast<uint8_t>(v);
}
inline void StoreBe32(uint8_t* p, uint32_t v) {
  v = __builtin_bswap32(v);
  std::memcpy(p, &v, 4);
}
inline void StoreBe64(uint8_t* p, uint64_t v) {
  v = __builtin_bswap64(v);
  std::memcpy(p, &v, 8);
}
// The iCRC is the one little-endian field of a RoCEv2 packet.
inline uint32_t LoadLe32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
inline void StoreLe32(uint8_t* p, uint32_t v) { std::memcpy(p, &v, 4); }

struct Be16 {
  uint8_t b[2];
  constexpr uint16_t get() const { return LoadBe16(b); }
  constexpr void set(uint16_t v) { StoreBe16(b, v); }
};
struct Be24 {
  uint8_t b[3];
  constexpr uint32_t get() const { return LoadBe24(b); }
  constexpr void set(uint32_t v) { StoreBe24(b, v); }
};
struct Be32 {
  uint8_t b[4];
  uint32_t get() const { return LoadBe32(b); }
  void set(uint32_t v) { StoreBe32(b, v); }
};
struct Be64 {
  uint8_t b[8];
  uint64_t get() const { return LoadBe64(b); }
  void set(uint64_t v) { StoreBe64(b, v); }
};
static_assert(sizeof(Be16) == 2 && sizeof(Be24) == 3 && sizeof(Be32) == 4 && sizeof(Be64) == 8);
static_assert(alignof(Be64) == 1);

}  // namespace sluice

#endif  // SLUICE_BASE_BE_H_
