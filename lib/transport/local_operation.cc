#include "transport/local_operation.h"

#include <cstring>

namespace sluice::transport {
namespace {

Status BindWindow(Context& ctx, const SendWork& work, const uint8_t* room,
                  const memory::WindowUser& user) {
  WindowOperands operands;
  std::memcpy(&operands, room, sizeof(operands));
  const auto address = reinterpret_cast<uintptr_t>(work.segments[0].data);
  const memory::WindowBinding binding{work.rkey, operands.region_key, address, operands.length,
                                      operands.access};
  if (!ctx.regions.windows().Bind(user, binding)) return Status::kWindowBind;
  ctx.counters.Add(Count::kWindowBinds);
  return Status::kSuccess;
}

}  // namespace

Status RunLocalOperation(Context& ctx, const SendWork& work, const uint8_t* room,
                         const memory::WindowUser& user) {
  if (work.op == Op::kBindWindow) return BindWindow(ctx, work, room, user);
  if (!ctx.regions.Invalidate(work.rkey, user.pd, memory::kLocalRead) &&
      !ctx.regions.windows().Invalidate(work.rkey, user)) {
    return Status::kLocalQpOperation;
  }
  ctx.counters.Add(Count::kInvalidations);
  return Status::kSuccess;
}

bool RemoteInvalidate(Context& ctx, uint32_t key, const memory::WindowUser& user) {
  if (!ctx.regions.Invalidate(key, user.pd, memory::kRemoteInvalidate) &&
      !ctx.regions.windows().Invalidate(key, user)) {
    return false;
  }
  ctx.counters.Add(Count::kInvalidations);
  return true;
}

}  // namespace sluice::transport
