// What somebody else writes against the installed library: two devices, one verified message.
#include <sluice/open.h>
#include <sluice/verbs.h>

#include <cstdio>
#include <cstring>

namespace verbs = sluice::verbs;

struct End {
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd = device->AllocateProtectionDomain();
  std::unique_ptr<verbs::CompletionQueue> cq = *device->CreateCompletionQueue(16);
  char memory[64] = {};
  std::unique_ptr<verbs::MemoryRegion> region =
      *device->Register(pd.get(), memory, sizeof(memory), verbs::kLocalWrite);
  verbs::QueuePairOptions options{cq.get(), cq.get()};
  std::unique_ptr<verbs::QueuePair> qp = *device->CreateQueuePair(pd.get(), options);
};

bool Connect(End& end, End& peer) {
  return end.qp
      ->Connect({.peer_qpn = peer.qp->qpn(),
                 .peer_mac = peer.device->mac(),
                 .peer_address = peer.device->address(),
                 .send_psn = end.qp->initial_psn(),
                 .receive_psn = peer.qp->initial_psn()})
      .ok();
}

int main() {
  auto pair = sluice::open::OpenRingPair({.address = "198.51.100.1"}, {.address = "198.51.100.2"});
  if (!pair.ok()) return std::fprintf(stderr, "%s\n", pair.status().ToString().c_str()), 1;
  End a{std::move(pair->first)}, b{std::move(pair->second)};
  if (!Connect(a, b) || !Connect(b, a)) return 2;
  std::strcpy(a.memory, "hello");
  const verbs::Segment to{b.memory, 64, b.region->lkey()}, from{a.memory, 6, a.region->lkey()};
  b.qp->PostReceive({1, {&to, 1}});
  a.qp->PostSend({.wr_id = 2, .segments = {&from, 1}});
  for (verbs::WorkCompletion c; b.cq->Poll({&c, 1}) == 0;) a.device->Poll(), b.device->Poll();
  std::printf("%s\n", b.memory);
}
