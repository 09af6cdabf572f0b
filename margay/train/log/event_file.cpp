#include "margay/train/log/event_file.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/train/log/tf_record.h"

namespace margay::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEventPrefix = "events.out.tfevents.";

// Field numbers of tensorflow/core/util/event.proto and tensorflow/core/framework/summary.proto.
constexpr int kEventWallTime = 1;
constexpr int kEventStep = 2;
constexpr int kEventFileVersion = 3;
constexpr int kEventSummary = 5;
constexpr int kEventSessionLog = 7;
constexpr int kSessionLogStatus = 1;
constexpr int kSummaryValue = 1;
constexpr int kValueTag = 1;
constexpr int kValueSimpleValue = 2;
constexpr int kValueImage = 4;
constexpr int kImageHeight = 1;
constexpr int kImageWidth = 2;
constexpr int kImageColorspace = 3;
constexpr int kImageEncoded = 4;

constexpr int kSessionStart = 1;  // of SessionLog's enum

double now_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

std::string event_host_name() {
  char name[256] = {};
  const bool is_known = ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0';
  return is_known ? name : "localhost";
}

/// The seconds in an event file's name; 0 for other files, and for numbers longer than a name of ours has.
std::int64_t seconds_in(std::string_view name) {
  if (!name.starts_with(kEventPrefix)) return 0;
  name.remove_prefix(kEventPrefix.size());
  constexpr std::int64_t kHighest = 9'999'999'998;
  std::int64_t seconds = 0;
  std::from_chars(name.data(), name.data() + name.size(), seconds);
  return seconds <= kHighest ? seconds : 0;
}

std::int64_t last_seconds(const fs::path& folder) {
  std::int64_t last = 0;
  std::error_code ignored;  // then the clock alone decides
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    last = std::max(last, seconds_in(entry->path().filename().string()));
  }
  return last;
}

RecordFile create_file(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw core::IoError(folder, "cannot make the folder of TensorBoard's files", error.value());
  for (std::int64_t seconds = std::max(static_cast<std::int64_t>(now_s()), last_seconds(folder) + 1);; ++seconds) {
    auto file = RecordFile::create(folder / fmt::format("{}{:010}.{}", kEventPrefix, seconds, event_host_name()));
    if (file) return std::move(*file);  // else another process has just made it
  }
}

WireMessage event_now() { return WireMessage().add_double(kEventWallTime, now_s()); }

std::string head(std::optional<std::int64_t> first_step) {
  std::string bytes = tf_record(event_now().add_bytes(kEventFileVersion, "brain.Event:2").bytes());
  if (first_step) {
    const WireMessage start = WireMessage().add_integer(kSessionLogStatus, kSessionStart);
    bytes += tf_record(event_now().add_integer(kEventStep, *first_step).add_message(kEventSessionLog, start).bytes());
  }
  return bytes;
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::optional<std::int64_t> first_step)
    : file_(create_file(folder)), head_(head(first_step)) {}

void EventFile::write_scalars(std::int64_t step, std::span<const LoggedScalar> scalars) {
  WireMessage all;
  for (const LoggedScalar& scalar : scalars) {
    all.add_message(
        kSummaryValue,
        WireMessage().add_bytes(kValueTag, scalar.tag).add_float(kValueSimpleValue, static_cast<float>(scalar.value)));
  }
  write_summary(step, all);
}

void EventFile::write_image(std::int64_t step, const LoggedImage& image) {
  const WireMessage encoded = WireMessage()
                                  .add_integer(kImageHeight, image.height)
                                  .add_integer(kImageWidth, image.width)
                                  .add_integer(kImageColorspace, image.channels)
                                  .add_bytes(kImageEncoded, image.encoded);
  const WireMessage entry = WireMessage().add_bytes(kValueTag, image.tag).add_message(kValueImage, encoded);
  write_summary(step, WireMessage().add_message(kSummaryValue, entry));
}

void EventFile::write_summary(std::int64_t step, const WireMessage& summary) {
  const WireMessage whole = event_now().add_integer(kEventStep, step).add_message(kEventSummary, summary);
  file_.append(head_ + tf_record(whole.bytes()));
  head_.clear();
}

}  // namespace margay::train
