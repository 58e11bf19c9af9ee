#include <cstddef>
#include <cstdio>
#include <span>

#include "loadgen/options.h"
#include "loadgen/report.h"
#include "loadgen/run.h"

namespace {

using namespace holdfast;

constexpr int kExitFailed = 1;
constexpr int kExitErrors = 2;

}  // namespace

int main(int argc, char** argv) {
  const Result<loadgen::Options> options =
      loadgen::parseOptions(std::span(argv, size_t(argc)).subspan(1));
  if (!options) {
    const bool help = options.error().code == 0;
    std::fprintf(help ? stdout : stderr, "%s%s\n",
                 help ? "" : "holdfast-loadgen: ", options.error().message.c_str());
    return help ? 0 : kExitFailed;
  }
  const Result<loadgen::Report> report = loadgen::runLoad(*options);
  if (!report) {
    std::fprintf(stderr, "holdfast-loadgen: %s\n", report.error().message.c_str());
    return kExitFailed;
  }
  std::printf("%s\n", loadgen::toJson(*report, *options).c_str());
  if (report->tally.errors == 0) return 0;
  std::fprintf(stderr, "holdfast-loadgen: %llu requests failed, the first: %s\n",
               static_cast<unsigned long long>(report->tally.errors),
               report->tally.firstError.c_str());
  return kExitErrors;
}
