#pragma once

#include "core/base/status.h"
#include "loadgen/options.h"
#include "loadgen/report.h"

namespace holdfast::loadgen {

/// Connects, generates the load and measures it. Errors: the back end can't be reached, lacks what
/// the options ask for, goes away, or doesn't answer. Failed requests are no Error: they are
/// counted in the report.
Result<Report> runLoad(const Options& options);

}  // namespace holdfast::loadgen
