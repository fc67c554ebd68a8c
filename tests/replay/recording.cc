#include "replay/recording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "pcap/capture.h"
#include "wire/opcode.h"

namespace sluice::replay {
namespace {

// 198.51.100.1 and fd00:51::1 are machine a, by the last byte of the source address.
bool IsA(std::span<const uint8_t> frame) {
  const bool v6 = frame[12] == 0x86;
  return frame[v6 ? 37 : 29] == 1;
}

// "RXV qpn=23 psn=.. gid=.. va=0x.. rkey=0x.. len=..", somewhere in a TCP segment.
void ReadIntroduction(std::span<const uint8_t> bytes, Recording* out) {
  const std::string text(bytes.begin(), bytes.end());
  const size_t at = text.find("RXV qpn=");
  if (at == std::string::npos || bytes.size() < 38) return;
  Introduction in;
  unsigned long long va = 0;
  unsigned psn = 0;
  if (std::sscanf(text.c_str() + at, "RXV qpn=%u psn=%u gid=%*s va=0x%llx rkey=0x%x", &in.qpn, &psn,
                  &va, &in.rkey) != 4) {
    return;
  }
  in.va = va;
  in.given = true;
  out->said[IsA(bytes) ? 0 : 1] = in;
}

bool IsOf(const std::string& service, const wire::DecodedFrame& f) {
  const wire::Service s = wire::TraitsOf(f.bth.opcode).service;
  return s == (service == "ud"   ? wire::Service::kUd
               : service == "uc" ? wire::Service::kUc
                                 : wire::Service::kRc);
}

}  // namespace

Recording Read(const std::string& path, const Row& row) {
  Recording out;
  absl::StatusOr<pcap::Capture> capture = pcap::Capture::Open(path);
  EXPECT_TRUE(capture.ok()) << capture.status();
  if (!capture.ok()) return out;
  pcap::CapturedFrame raw;
  int64_t start = -1;
  std::vector<RecordedFrame> all;
  while (*capture->Next(&raw)) {
    absl::StatusOr<wire::DecodedFrame> d = wire::Decode(raw.bytes);
    if (!d.ok()) {
      ReadIntroduction(raw.bytes, &out);
      continue;
    }
    if (!row.frames.empty() && row.frames.count(raw.number) == 0) continue;
    if (start < 0) start = raw.time_ns;
    RecordedFrame f;
    f.number = raw.number;
    // Stamps of two machines: a later frame may bear an earlier one.
    f.at = std::max(all.empty() ? Duration::Zero() : all.back().at,
                    Duration::Nanoseconds(raw.time_ns - start));
    f.from = IsA(raw.bytes) ? 'a' : 'b';
    f.frame = *std::move(d);
    out.of_applications += f.frame.bth.dest_qpn != 1 ? 1 : 0;
    all.push_back(std::move(f));
  }
  if (row.qpns.size() == 2) {
    out.qpn[0] = row.qpns[0];
    out.qpn[1] = row.qpns[1];
  } else {
    for (int i : {0, 1}) {
      const char other = i == 0 ? 'b' : 'a';
      if (out.said[i].given) out.qpn[i] = out.said[i].qpn;
      for (const RecordedFrame& f : all) {
        if (out.qpn[i] == 0 && f.from == other && IsOf(row.service, f.frame)) {
          out.qpn[i] = f.frame.bth.dest_qpn;
        }
      }
    }
  }
  // Frames to other queue pairs of the capture belong to other conversations, those that the hub
  // made with a wrong number belong to this one.
  for (RecordedFrame& f : all) {
    const int to = f.from == 'a' ? 1 : 0;
    if (f.frame.bth.dest_qpn == out.qpn[to] || row.made.count(f.number) > 0) {
      out.frames.push_back(std::move(f));
    }
  }
  return out;
}

}  // namespace sluice::replay
