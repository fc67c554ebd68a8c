#include "base/be.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Be, MostSignificantByteLiesFirst) {
  Be16 a;
  a.set(0x0102);
  EXPECT_EQ(a.b[0], 1);
  EXPECT_EQ(a.b[1], 2);
  Be24 c;
  c.set(0x010203);
  EXPECT_EQ(c.b[0], 1);
  EXPECT_EQ(c.b[2], 3);
  Be64 d;
  d.set(0x0102030405060708ULL);
  EXPECT_EQ(d.b[0], 1);
  EXPECT_EQ(d.b[7], 8);
}

TEST(Be, GetUndoesSet) {
  Be16 a;
  a.set(0xfffe);
  EXPECT_EQ(a.get(), 0xfffe);
  Be24 b;
  b.set(0xfffffe);
  EXPECT_EQ(b.get(), 0xfffffeu);
  Be32 c;
  c.set(0xdeadbeef);
  EXPECT_EQ(c.get(), 0xdeadbeefu);
  Be64 d;
  d.set(0xdeadbeefcafef00dULL);
  EXPECT_EQ(d.get(), 0xdeadbeefcafef00dULL);
}

TEST(Be, TheIcrcIsLittleEndian) {
  uint8_t p[4];
  StoreLe32(p, 0x01020304);
  EXPECT_EQ(p[0], 4);
  EXPECT_EQ(LoadLe32(p), 0x01020304u);
}

}  // namespace
}  // namespace sluice
