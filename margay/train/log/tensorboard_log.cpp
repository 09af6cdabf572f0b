#include "margay/train/log/tensorboard_log.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/protobuf_writer.h"
#include "margay/train/learner.h"

namespace margay::train {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41 with its bits in the other order

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1U) ^ ((rest & 1U) != 0 ? kPolynomial : 0U);
    table[byte] = rest;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) crc = (crc >> 8U) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xFFU];
  return ~crc;
}

namespace {

/// Turned and shifted, so that a checksum of data that holds checksums stays a good one.
std::uint32_t masked_crc32c(std::string_view bytes) {
  constexpr std::uint32_t kMaskDelta = 0xA282EAD8;
  return std::rotr(crc32c(bytes), 15) + kMaskDelta;
}

}  // namespace

std::string tf_record(std::string_view data) {
  std::string record;
  core::append_little_endian(record, std::uint64_t{data.size()});
  core::append_little_endian(record, masked_crc32c(record));
  record += data;
  core::append_little_endian(record, masked_crc32c(data));
  return record;
}

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
  const std::string name = core::host_name();
  return name.empty() ? "localhost" : name;
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

core::ProtobufMessage event_now() { return core::ProtobufMessage().add_double(kEventWallTime, now_s()); }

std::string head(std::optional<std::int64_t> first_step) {
  std::string bytes = tf_record(event_now().add_bytes(kEventFileVersion, "brain.Event:2").bytes());
  if (first_step) {
    const core::ProtobufMessage start = core::ProtobufMessage().add_integer(kSessionLogStatus, kSessionStart);
    bytes += tf_record(event_now().add_integer(kEventStep, *first_step).add_message(kEventSessionLog, start).bytes());
  }
  return bytes;
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::optional<std::int64_t> first_step)
    : file_(create_file(folder)), head_(head(first_step)) {}

void EventFile::write_scalars(std::int64_t step, std::span<const LoggedScalar> scalars) {
  core::ProtobufMessage all;
  for (const LoggedScalar& scalar : scalars) {
    all.add_message(kSummaryValue, core::ProtobufMessage()
                                       .add_bytes(kValueTag, scalar.tag)
                                       .add_float(kValueSimpleValue, static_cast<float>(scalar.value)));
  }
  write_summary(step, all);
}

void EventFile::write_image(std::int64_t step, const LoggedImage& image) {
  const core::ProtobufMessage encoded = core::ProtobufMessage()
                                            .add_integer(kImageHeight, image.height)
                                            .add_integer(kImageWidth, image.width)
                                            .add_integer(kImageColorspace, image.channels)
                                            .add_bytes(kImageEncoded, image.encoded);
  const core::ProtobufMessage entry =
      core::ProtobufMessage().add_bytes(kValueTag, image.tag).add_message(kValueImage, encoded);
  write_summary(step, core::ProtobufMessage().add_message(kSummaryValue, entry));
}

void EventFile::write_summary(std::int64_t step, const core::ProtobufMessage& summary) {
  const core::ProtobufMessage whole = event_now().add_integer(kEventStep, step).add_message(kEventSummary, summary);
  file_.append(head_ + tf_record(whole.bytes()));
  head_.clear();
}

TensorBoardLog::TensorBoardLog(std::filesystem::path folder, LogFailureListener on_failure, const LogOptions& options)
    : folder_(std::move(folder)), failure_(std::move(on_failure)), options_(options) {
  core::validate(options_);
}

void TensorBoardLog::after_batch(Learner& learner, const Progress& at) {
  if (!at.is_training || ++step_ % options_.log_every != 0) return;
  // The loss from the record: at.loss would make a GPU be waited for once more.
  std::vector<LoggedScalar> scalars = {{"loss/train", learner.steps().back().loss}, {"loss/smooth", at.smooth_loss}};
  for (std::size_t i = 0; i < at.lrs.size(); ++i) scalars.push_back({fmt::format("lr/{}", i), at.lrs[i]});
  scalars.push_back({"momentum", at.momentum});
  scalars.push_back({"images_per_s", at.images_per_s});
  write(scalars);
}

void TensorBoardLog::after_epoch(Learner& learner, const Progress& /*at*/, const EpochRecord& record) {
  std::vector<LoggedScalar> scalars;
  const auto add = [&](std::string tag, double value) {
    if (!std::isnan(value)) scalars.push_back({std::move(tag), value});  // NaN: there was nothing to measure
  };
  add("loss/valid", record.valid_loss);
  for (std::size_t i = 0; i < record.metrics.size(); ++i) {
    add("metric/" + learner.metrics()[i]->name(), record.metrics[i]);
  }
  if (!scalars.empty()) write(scalars);
}

void TensorBoardLog::write(const std::vector<LoggedScalar>& scalars) {
  failure_.guard([&] {
    if (!file_) file_.emplace(folder_, first_step_);
    file_->write_scalars(step_, scalars);
  });
}

void TensorBoardLog::load_state(const CallbackState& state, const std::filesystem::path& source) {
  step_ = count_at(state.values, "step", source);
  first_step_ = step_ + 1;
  file_.reset();
}

}  // namespace margay::train
