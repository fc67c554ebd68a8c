// All protocol headers of a RoCEv2 frame.
#ifndef SLUICE_WIRE_HEADERS_H_
#define SLUICE_WIRE_HEADERS_H_

#include "wire/aeth.h"               // IWYU pragma: export
#include "wire/bth.h"                // IWYU pragma: export
#include "wire/extension.h"          // IWYU pragma: export
#include "wire/extension_headers.h"  // IWYU pragma: export
#include "wire/ip_headers.h"         // IWYU pragma: export

#endif  // SLUICE_WIRE_HEADERS_H_
