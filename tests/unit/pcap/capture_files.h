// Captures for tests: the golden ones of tests/data/roce, and files made from bytes.
#ifndef SLUICE_TESTS_UNIT_PCAP_CAPTURE_FILES_H_
#define SLUICE_TESTS_UNIT_PCAP_CAPTURE_FILES_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace sluice::pcap {

inline std::string Golden(const std::string& name) {
  return std::string(SLUICE_TEST_DATA) + "/roce/" + name + ".pcap";
}

inline std::vector<std::string> AllGolden() {
  std::vector<std::string> paths;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(SLUICE_TEST_DATA) + "/roce")) {
    if (entry.path().extension() == ".pcap") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// A file that goes away with the object.
class MadeFile {
 public:
  explicit MadeFile(const std::string& bytes, const std::string& name = "made.pcap")
      : path_(testing::TempDir() + "/sluice_" + std::to_string(getpid()) + "_" + name) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~MadeFile() { std::remove(path_.c_str()); }
  MadeFile(const MadeFile&) = delete;
  MadeFile& operator=(const MadeFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void Put(std::string* s, uint64_t value, int bytes) {  // little endian
  for (int i = 0; i < bytes; ++i) s->push_back(static_cast<char>(value >> (8 * i)));
}

// The header of a pcap file with nanosecond times.
inline std::string PcapHeader(uint32_t link_type) {
  std::string s;
  Put(&s, 0xa1b23c4d, 4);
  Put(&s, 2, 2);
  Put(&s, 4, 2);
  Put(&s, 0, 8);
  Put(&s, 65535, 4);
  Put(&s, link_type, 4);
  return s;
}

// One record: what was kept of a frame that had `length` bytes on the wire.
inline std::string PcapRecord(uint32_t seconds, uint32_t ns, const std::string& kept,
                              size_t length) {
  std::string s;
  Put(&s, seconds, 4);
  Put(&s, ns, 4);
  Put(&s, kept.size(), 4);
  Put(&s, length, 4);
  return s + kept;
}

}  // namespace sluice::pcap

#endif  // SLUICE_TESTS_UNIT_PCAP_CAPTURE_FILES_H_
