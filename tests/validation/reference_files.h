// The input files of HPCC's ns-3 simulator as a Scenario of the profile hpcc-ns3.
#ifndef SLUICE_TESTS_VALIDATION_REFERENCE_FILES_H_
#define SLUICE_TESTS_VALIDATION_REFERENCE_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "lab/scenario.h"

namespace sluice::test {

struct Reference {
  lab::Scenario scenario;
  std::string algorithm;  // what the configuration says, in our words
};

// `directory` holds config_<scenario>_<variant>.txt and the files that it names.
absl::StatusOr<Reference> ReadReference(const std::string& directory, const std::string& scenario,
                                        const std::string& variant);

}  // namespace sluice::test

#endif  // SLUICE_TESTS_VALIDATION_REFERENCE_FILES_H_
