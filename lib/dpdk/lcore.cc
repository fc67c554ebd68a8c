#include "dpdk/lcore.h"

#include <pthread.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::dpdk {

std::vector<int> AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (pthread_getaffinity_np(pthread_self(), sizeof(set), &set) != 0) return cores;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cores.push_back(i);
  }
  return cores;
}

absl::Status BindToCore(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (core >= 0 && core < CPU_SETSIZE) CPU_SET(core, &set);
  if (CPU_COUNT(&set) == 0 || pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("core ", core, ": this process cannot run there; see `taskset -p $$`"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Lcore>> Lcore::Start(int core, std::function<void()> run) {
  std::promise<absl::Status> standing;
  std::future<absl::Status> stands = standing.get_future();
  std::thread thread([core, run = std::move(run), &standing] {
    absl::Status status = BindToCore(core);
    if (status.ok() && rte_thread_register() != 0) {
      status = absl::InternalError(
          absl::StrCat("DPDK does not take one more thread: ", rte_strerror(rte_errno)));
    }
    const bool ok = status.ok();
    standing.set_value(std::move(status));  // `standing` is gone once the starter has read it
    if (!ok) return;
    run();
    rte_thread_unregister();
  });
  absl::Status status = stands.get();
  if (!status.ok()) {
    thread.join();
    return status;
  }
  return std::unique_ptr<Lcore>(new Lcore(std::move(thread)));
}

Lcore::~Lcore() { Join(); }

void Lcore::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace sluice::dpdk
