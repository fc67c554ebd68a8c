// What a program's exit status says; the same with --json.
#ifndef SLUICE_CLI_EXIT_H_
#define SLUICE_CLI_EXIT_H_

namespace sluice::cli {

inline constexpr int kExitOk = 0;             // done, valid
inline constexpr int kExitFailed = 1;         // ran and failed: verification, peer lost
inline constexpr int kExitUsage = 2;          // wrong usage or input
inline constexpr int kExitGate = 3;           // a gate was not met: --expect, --fail-on
inline constexpr int kExitUndecided = 4;      // a gate cannot be decided: too few seeds
inline constexpr int kExitMachine = 5;        // this machine lacks what it needs
inline constexpr int kExitInterrupted = 130;  // Ctrl-C

}  // namespace sluice::cli

#endif  // SLUICE_CLI_EXIT_H_
