#include "replay/table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string_view>

namespace sluice::replay {
namespace {

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) out.push_back(part);
  return out;
}

// "3xsend:64" or, for receives, "3x64" and "1x64@57"; several with commas.
std::vector<Posts> ReadPosts(const std::string& value, bool receives) {
  std::vector<Posts> out;
  for (const std::string& part : Split(value, ',')) {
    Posts p;
    size_t end = 0;
    p.count = std::stoi(part, &end);
    std::string rest = part.substr(end + 1);
    if (!receives) {
      const size_t colon = rest.find(':');
      p.op = rest.substr(0, colon);
      rest = rest.substr(colon + 1);
    }
    p.length = static_cast<uint32_t>(std::stoul(rest, &end));
    if (end < rest.size()) p.before = std::stoull(rest.substr(end + 1));
    out.push_back(p);
  }
  return out;
}

// "9,11-13".
std::set<uint64_t> ReadFrames(const std::string& value) {
  std::set<uint64_t> out;
  for (const std::string& part : Split(value, ',')) {
    const size_t dash = part.find('-');
    const uint64_t first = std::stoull(part);
    const uint64_t last = dash == std::string::npos ? first : std::stoull(part.substr(dash + 1));
    for (uint64_t i = first; i <= last; ++i) out.insert(i);
  }
  return out;
}

std::set<std::string> ReadWords(const std::string& value) {
  const std::vector<std::string> words = Split(value, ',');
  return {words.begin(), words.end()};
}

bool Set(const std::string& key, const std::string& value, Row* row) {
  if (key == "left-to") {
    row->left_to = value;
  } else if (key == "service") {
    EXPECT_TRUE(value == "rc" || value == "uc" || value == "ud") << value;
    row->service = value;
  } else if (key == "qkey") {
    row->qkey = static_cast<uint32_t>(std::stoul(value, nullptr, 0));
  } else if (key == "completed") {
    row->completed = std::stoi(value);
  } else if (key == "mtu") {
    row->mtu = static_cast<uint32_t>(std::stoul(value));
  } else if (key == "posts") {
    row->posts = ReadPosts(value, false);
  } else if (key == "receives") {
    row->receives = ReadPosts(value, true);
  } else if (key == "region") {
    row->region = std::stoul(value);
    row->writes_region = true;
  } else if (key == "qpns") {
    for (const std::string& q : Split(value, ',')) {
      row->qpns.push_back(static_cast<uint32_t>(std::stoul(q)));
    }
  } else if (key == "frames") {
    row->frames = ReadFrames(value);
  } else if (key == "twice") {
    row->twice = ReadFrames(value);
  } else if (key == "lost") {
    row->lost = ReadFrames(value);
  } else if (key == "made") {
    row->made = ReadFrames(value);
  } else if (key == "flags") {
    row->flags = ReadWords(value);
  } else if (key == "data") {
    row->data = static_cast<uint32_t>(std::stoul(value));
  } else if (key == "reads") {
    row->reads = static_cast<uint8_t>(std::stoul(value));
  } else if (key == "timeout") {
    row->timeout = static_cast<uint8_t>(std::stoul(value));
  } else if (key == "retry") {
    row->retry = static_cast<uint8_t>(std::stoul(value));
  } else if (key == "rnr") {
    row->rnr = static_cast<uint8_t>(std::stoul(value));
  } else if (key == "rnr_timer") {
    row->rnr_timer = static_cast<uint8_t>(std::stoul(value));
  } else if (key == "algorithm") {
    row->algorithm = value;
  } else if (key == "differs") {
    row->differs = ReadWords(value);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<Row> ReadTable(const std::string& path) {
  std::vector<Row> rows;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    Row row;
    std::string plays;
    words >> row.capture >> plays;
    EXPECT_EQ(plays.size(), 1u) << line;
    row.plays = plays.empty() ? '-' : plays[0];
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      EXPECT_NE(equals, std::string::npos) << line;
      if (equals == std::string::npos) continue;
      EXPECT_TRUE(Set(word.substr(0, equals), word.substr(equals + 1), &row)) << line;
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::string> CapturesOfReadme(const std::string& path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("|---", 0) == 0) {
      in_table = true;
    } else if (in_table && line.rfind("| ", 0) == 0) {
      out.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  return out;
}

}  // namespace sluice::replay
