// Counters with one writer, readable from any thread without locks; groups of them that a reader
// enumerates by name; the registry where readers find the groups.
//
// A write is a relaxed load and a relaxed store: the code of a plain integer, no lock prefix. A
// reader sees each value whole and never running backwards, but no common instant of several.
#ifndef SLUICE_TELEMETRY_COUNTER_H_
#define SLUICE_TELEMETRY_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sluice::telemetry {

// A number that its one writer thread adds to or sets.
class Counter {
 public:
  void Add(uint64_t n = 1) { Set(value() + n); }
  // For gauges, and for restoring a count.
  void Set(uint64_t v) { value_.store(v, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

enum class Kind : uint8_t {
  kCounter,  // only grows
  kGauge,    // a level, set to any value
};

// What a reader must know of a counter. The texts are literals: they outlive everything.
struct CounterInfo {
  // snake_case in the manner of Prometheus, without the prefix "sluice_" that the exporter puts
  // first, with the suffix that the unit and kind ask for: "cnp_packets_sent_total",
  // "rx_bytes_total", "pfc_pause_seconds_total".
  std::string_view name;
  // "packets", "bytes", "picoseconds", ...: of the value as stored.
  std::string_view unit;
  std::string_view help;
  Kind kind = Kind::kCounter;
};

// What a reader gets of a group. Valid as long as the group lives.
struct CounterView {
  std::string_view group;
  std::span<const CounterInfo> infos;
  std::span<const Counter> counters;  // as many as infos
};

// The counters of one part of the program and one writer thread, by an enum E whose values are
// 0, 1, ... N-1. `infos` is a constexpr array in the order of the enum.
template <typename E, size_t N>
class CounterGroup {
 public:
  CounterGroup(std::string_view name, const std::array<CounterInfo, N>& infos)
      : name_(name), infos_(infos) {}
  CounterGroup(const CounterGroup&) = delete;
  CounterGroup& operator=(const CounterGroup&) = delete;

  Counter& operator[](E i) { return counters_[static_cast<size_t>(i)]; }
  const Counter& operator[](E i) const { return counters_[static_cast<size_t>(i)]; }
  void Add(E i, uint64_t n = 1) { (*this)[i].Add(n); }
  uint64_t value(E i) const { return (*this)[i].value(); }

  CounterView View() const { return {name_, infos_, counters_}; }

 private:
  // Lines of its own, so that two writers never share one.
  alignas(64) std::array<Counter, N> counters_{};
  std::string_view name_;
  std::span<const CounterInfo> infos_;
};

// Where readers find groups. Any thread may add or enumerate, without locks. Never removes: a group
// must outlive the registry's last reader. Capacity is fixed; allocates at construction, and
// Add copies the instance's name.
class Registry {
 public:
  struct Item {
    CounterView view;
    // Which one of several of its kind, for example "worker=\"0\"": Prometheus labels or empty.
    std::string instance;
  };

  explicit Registry(size_t capacity);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // False when full.
  bool Add(const CounterView& view, std::string_view instance);

  // Upper bound for the index of Get; only grows.
  size_t size() const;
  // The i-th group; null while another thread is still adding it. i < size().
  const Item* Get(size_t i) const;

 private:
  struct Slot;
  const size_t capacity_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<size_t> reserved_{0};
};

}  // namespace sluice::telemetry

#endif  // SLUICE_TELEMETRY_COUNTER_H_
