// Errors of the laboratory: made of a text, and back.
#ifndef SLUICE_LAB_STATUS_H_
#define SLUICE_LAB_STATUS_H_

#include <string>

#include "absl/status/status.h"

namespace sluice::lab {

inline absl::Status Invalid(const std::string& why) { return absl::InvalidArgumentError(why); }

inline std::string MessageOf(const absl::Status& status) {
  const absl::string_view m = status.message();
  return std::string(m.data(), m.size());
}

}  // namespace sluice::lab

#endif  // SLUICE_LAB_STATUS_H_
