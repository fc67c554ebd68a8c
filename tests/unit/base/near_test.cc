#include "base/near.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

TEST(EditDistance, CountsTheFourEdits) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("dcqcn", "dcqcn"), 0u);
  EXPECT_EQ(EditDistance("dcqcn", "dcqn"), 1u);    // delete
  EXPECT_EQ(EditDistance("dcqcn", "dcxqcn"), 1u);  // insert
  EXPECT_EQ(EditDistance("dcqcn", "dcqxn"), 1u);   // substitute
  EXPECT_EQ(EditDistance("dcqcn", "dcqnc"), 1u);   // swap
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  // A swap with a letter inserted between: 2 where the restricted distance says 3.
  EXPECT_EQ(EditDistance("ca", "abc"), 2u);
}

TEST(EditDistance, IsAMetricOnShortWords) {
  std::vector<std::string> words = {""};
  for (size_t i = 0; words[i].size() < 3; ++i) {
    for (char c : {'a', 'b'}) words.push_back(words[i] + c);
  }
  for (const std::string& a : words) {
    for (const std::string& b : words) {
      const size_t ab = EditDistance(a, b);
      EXPECT_EQ(ab, EditDistance(b, a)) << a << " " << b;
      EXPECT_EQ(ab == 0, a == b);
      for (const std::string& c : words) {
        EXPECT_LE(ab, EditDistance(a, c) + EditDistance(c, b)) << a << " " << b << " " << c;
      }
    }
  }
}

constexpr std::string_view kNames[] = {"dcqcn", "swift", "timely", "hpcc", "fixed", "messages"};

TEST(NearestName, TakesOneEditInShortWordsAndAThirdInLongOnes) {
  EXPECT_EQ(NearestName("dcqnc", kNames), "dcqcn");
  EXPECT_EQ(NearestName("Swift", kNames), "swift");
  EXPECT_EQ(NearestName("HPCC", kNames), "hpcc");
  EXPECT_EQ(NearestName("mesages", kNames), "messages");
  EXPECT_EQ(NearestName("mssagse", kNames), "messages");  // two edits of seven letters
  EXPECT_EQ(NearestName("sw", kNames), "");
  EXPECT_EQ(NearestName("zzzzz", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName(std::string(1 << 20, 'x'), kNames), "");
}

TEST(NearestName, FindsEveryOneEditTypo) {
  for (std::string_view name : kNames) {
    for (size_t i = 0; i < name.size(); ++i) {
      std::string typo(name);
      typo[i] = '#';
      EXPECT_EQ(NearestName(typo, kNames), name);
      typo = name;
      typo.erase(i, 1);
      EXPECT_EQ(NearestName(typo, kNames), name);
      typo = std::string(name.substr(0, i)) + '#' + std::string(name.substr(i));
      EXPECT_EQ(NearestName(typo, kNames), name);
      typo = name;
      if (i > 0) std::swap(typo[i], typo[i - 1]);
      EXPECT_EQ(NearestName(typo, kNames), name);
    }
  }
}

TEST(DidYouMean, IsATailOrNothing) {
  EXPECT_EQ(DidYouMean("timley", kNames), "; did you mean 'timely'?");
  EXPECT_EQ(DidYouMean("quic", kNames), "");
}

}  // namespace
}  // namespace sluice
