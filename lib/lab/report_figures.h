// The figures of a report, each as HTML: a <figure> with its picture and a caption.
#ifndef SLUICE_LAB_REPORT_FIGURES_H_
#define SLUICE_LAB_REPORT_FIGURES_H_

#include <string>

#include "cli/json.h"
#include "lab/report_data.h"

namespace sluice::lab {

// The colour of an arm, as a CSS class.
std::string CssOf(const ReportArm& arm);
// "worse" and "better" colour what they stand on, other verdicts do not.
std::string CssOfVerdict(const std::string& verdict);

// Ratio and interval of every metric against one rival; the primary one first.
std::string ForestFigure(const std::string& a, const cli::Json& rival);
// Of the primary metric at every point of a sweep.
std::string SweepForest(const cli::Json& merged);
// Slowdown by size of flow at p50, p95 and p99, every seed a dot.
std::string SlowdownFigures(const ReportData& data);
// Distributions of completion times and of the queue, all arms.
std::string DistributionFigures(const ReportData& data);
// Seed 1 over time: the queue, and each sender's rate in a picture per arm.
std::string TimeFigures(const ReportData& data);
// Jain, utilisation, pauses, notifications, retransmissions, every seed a dot.
std::string CountFigures(const ReportData& data);
// CPU time per packet hop, every seed a dot.
std::string CostFigure(const ReportData& data);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_REPORT_FIGURES_H_
