#include "apps/serve/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace margay::routes {
namespace {

namespace fs = std::filesystem;

prometheus::MetricFamily process_family(const char* name, const char* help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {name, help, type, {metric}};
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The fields of /proc/self/stat that are read here (proc(5)).
struct ProcessStat {
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  std::uint64_t threads = 0;
  std::uint64_t start_ticks = 0;  ///< after boot
  std::uint64_t virtual_bytes = 0;
  std::uint64_t resident_pages = 0;
};

/// The second field, the program's name, may hold blanks and brackets, so counting begins behind its last bracket.
std::optional<ProcessStat> process_stat() {
  const std::string text = file_text("/proc/self/stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessStat stat;
  std::string skipped;
  const auto skip = [&](int count) {
    for (int i = 0; i < count; ++i) fields >> skipped;
  };
  skip(11);  // fields 3 … 13
  fields >> stat.user_ticks >> stat.system_ticks;
  skip(4);  // 16 … 19
  fields >> stat.threads;
  skip(1);
  fields >> stat.start_ticks >> stat.virtual_bytes >> stat.resident_pages;
  return fields ? std::optional(stat) : std::nullopt;
}

/// Seconds since 1970 (the line "btime N" of /proc/stat).
std::optional<double> boot_time() {
  std::istringstream lines(file_text("/proc/stat"));
  for (std::string word; lines >> word;) {
    double seconds = 0;
    if (word == "btime" && lines >> seconds) return seconds;
  }
  return std::nullopt;
}

std::optional<double> open_files() {
  std::error_code error;
  double count = 0;
  for (fs::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error)) ++count;
  return error ? std::nullopt : std::optional(count - 1);  // without the folder's own
}

}  // namespace

std::vector<prometheus::MetricFamily> process_metrics() {
  constexpr auto kGauge = prometheus::MetricType::Gauge;
  std::vector<prometheus::MetricFamily> all;
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (const auto stat = process_stat()) {
    const double cpu_s = static_cast<double>(stat->user_ticks + stat->system_ticks) / ticks_per_s;
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    all.push_back(process_family("process_cpu_seconds_total", "User and system time spent.",
                                 prometheus::MetricType::Counter, cpu_s));
    all.push_back(process_family("process_resident_memory_bytes", "Resident memory.", kGauge,
                                 static_cast<double>(stat->resident_pages) * page));
    all.push_back(process_family("process_virtual_memory_bytes", "Virtual memory.", kGauge,
                                 static_cast<double>(stat->virtual_bytes)));
    all.push_back(process_family("process_threads", "Threads.", kGauge, static_cast<double>(stat->threads)));
    if (const auto boot = boot_time()) {
      all.push_back(process_family("process_start_time_seconds", "Start of the process, seconds since 1970.", kGauge,
                                   *boot + static_cast<double>(stat->start_ticks) / ticks_per_s));
    }
  }
  if (const auto files = open_files()) {
    all.push_back(process_family("process_open_fds", "Open file descriptors.", kGauge, *files));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    all.push_back(process_family("process_max_fds", "The most file descriptors that may be open.", kGauge,
                                 static_cast<double>(limit.rlim_cur)));
  }
  return all;
}

}  // namespace margay::routes
