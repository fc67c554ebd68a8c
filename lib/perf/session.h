// Session: what a client and a server say to each other over the control connection.
//
//   client -> {"hello": version, "options": {...}, "end": {mac, ip, qps}}
//   server -> {"end": {...}, "extended": whether with selective repeat}
//                                           its queue pairs are connected, receives are posted
//   client -> {"done": true, "end": counts}  after its final drain
//   server -> {"counts": {...}}
//
// An {"error": text} may take the place of any of them.
#ifndef SLUICE_PERF_SESSION_H_
#define SLUICE_PERF_SESSION_H_

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "perf/end.h"
#include "perf/options.h"
#include "perf/result.h"

namespace sluice::perf {

inline constexpr int kSessionVersion = 3;

// The part of the options on which both ends must agree.
cli::Json SharedOptionsJson(const Options& options);
// The server's own options with the client's shared ones; everything is checked again.
absl::StatusOr<Options> MergeShared(const Options& own, const cli::Json& j);

// Server: whether the two use selective repeat, from its merged options and the client's shared
// ones. Client: the same, as the server's answer says it.
absl::StatusOr<bool> AgreeWithClient(const Options& own, const cli::Json& shared);
absl::StatusOr<bool> ParseAgreement(const cli::Json& document, const Options& own);

cli::Json EndJson(const EndAddress& address);
absl::StatusOr<EndAddress> ParseEnd(const cli::Json& json);

// A result's counts that the other end adds to its own. Leaked packets are not among them: each
// process counts its own pools when it closes its port.
cli::Json CountsJson(const Result& result);
absl::Status AddCounts(const cli::Json& json, Result* result);

// The error that a document carries, or OK.
absl::Status ErrorOf(const cli::Json& document);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_SESSION_H_
