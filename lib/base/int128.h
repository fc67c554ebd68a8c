// 128-bit integers, a compiler extension that every compiler we build with has.
#ifndef SLUICE_BASE_INT128_H_
#define SLUICE_BASE_INT128_H_

namespace sluice {

__extension__ typedef unsigned __int128 Uint128;
__extension__ typedef __int128 Int128;

}  // namespace sluice

#endif  // SLUICE_BASE_INT128_H_
