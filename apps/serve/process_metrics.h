#pragma once

#include <vector>

#include <prometheus/metric_family.h>

namespace margay::routes {

/// The numbers that Prometheus's guidelines for client libraries name for every process: process_cpu_seconds_total,
/// process_resident_memory_bytes, process_virtual_memory_bytes, process_open_fds, process_max_fds, process_threads and
/// process_start_time_seconds. From /proc; what cannot be read there is left out.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace margay::routes
