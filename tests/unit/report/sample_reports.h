// Hand-made reports that every format is written from: golden files, widths, schema.
#pragma once

#include <string>
#include <vector>

#include "report/report.h"

namespace whoholds {

struct SampleReport {
    std::string name;  // of the golden file
    Report report;
};

std::vector<SampleReport> sample_reports();
Report sample_report(const std::string& name);

}  // namespace whoholds
