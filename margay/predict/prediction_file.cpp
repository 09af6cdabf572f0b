#include "margay/predict/prediction_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/image_files.h"
#include "margay/model/weights/safetensors.h"

namespace margay::predict {
namespace {

constexpr std::int64_t kPredictionFormat = 1;
constexpr const char* kChecksumKey = "margay.checksum";

[[noreturn]] void refuse_kept(const std::string& problem) { throw std::invalid_argument("[predictions] " + problem); }

std::string name_in_message(const KeptPredictions& kept, std::int64_t row) {
  return core::spelled_out(kept.names.text(static_cast<std::size_t>(row)));
}

/// The row of the first true value; bool [N].
std::int64_t first_true(const torch::Tensor& flags) { return flags.nonzero()[0][0].item<std::int64_t>(); }

void check_column(const char* name, const torch::Tensor& column, c10::ScalarType type, std::int64_t rows) {
  if (!column.defined()) return;
  if (column.dim() == 1 && column.size(0) == rows && column.scalar_type() == type) return;
  refuse_kept(fmt::format("`{}` must be {} [{}]", name, c10::toString(type), rows));
}

/// In parts, since the flags of all logits take a quarter of their memory.
void check_finite(const KeptPredictions& kept) {
  constexpr std::int64_t kRowsOfPart = 4096;
  std::int64_t broken = 0;
  std::optional<std::int64_t> first_broken;
  for (std::int64_t first = 0; first < kept.size(); first += kRowsOfPart) {
    const torch::Tensor part = kept.rows.logits.narrow(0, first, std::min(kRowsOfPart, kept.size() - first));
    const torch::Tensor is_broken = part.isfinite().all(1).logical_not();
    const auto count = is_broken.sum().item<std::int64_t>();
    if (count > 0 && !first_broken) first_broken = first + first_true(is_broken);
    broken += count;
  }
  if (!first_broken) return;
  refuse_kept(fmt::format(
      "the logits of {} of {} images are non-finite, first those of '{}': either the network's weights are, or "
      "its numbers overflow in this precision; predict with `precision` fp32",
      broken, kept.size(), name_in_message(kept, *first_broken)));
}

void check_class_targets(const KeptPredictions& kept) {
  check_column("targets", kept.rows.targets, torch::kLong, kept.size());
  const torch::Tensor is_outside = (kept.rows.targets < 0).logical_or(kept.rows.targets >= kept.num_classes());
  if (!is_outside.any().item<bool>()) return;
  const std::int64_t row = first_true(is_outside);
  refuse_kept(fmt::format("image '{}' has target {}, which is none of the {} classes; leave images without a label out",
                          name_in_message(kept, row), kept.rows.targets[row].item<std::int64_t>(), kept.num_classes()));
}

void check_targets(const KeptPredictions& kept) {
  if (!kept.has_labels() || kept.size() == 0) return;
  if (kept.task == data::Task::kSingleLabel) return check_class_targets(kept);
  if (kept.rows.targets.sizes() != kept.rows.logits.sizes()) {
    refuse_kept(fmt::format("targets of several labels must be [{},{}]", kept.size(), kept.num_classes()));
  }
}

void check_refusals(const KeptPredictions& kept) {
  check_column("p_known", kept.rows.p_known, torch::kDouble, kept.size());
  check_column("refused", kept.refused, torch::kBool, kept.size());
  if (!kept.rows.p_known.defined() || kept.size() == 0) return;
  const torch::Tensor is_share = (kept.rows.p_known >= 0).logical_and(kept.rows.p_known <= 1);
  if (!is_share.all().item<bool>()) refuse_kept("p_known must lie in 0 … 1");
}

}  // namespace

void KeptPredictions::check() const {
  if (num_classes() < 1) refuse_kept("there are no classes");
  if (!rows.logits.defined() || rows.logits.dim() != 2 || !rows.logits.is_floating_point() ||
      rows.logits.size(0) != size() || rows.logits.size(1) != num_classes()) {
    refuse_kept(fmt::format("logits must be float [{},{}]: images by classes", size(), num_classes()));
  }
  if (static_cast<std::int64_t>(names.size()) != size()) {
    refuse_kept(fmt::format("{} names for {} images", names.size(), size()));
  }
  if (!(rows.temperature > 0 && std::isfinite(rows.temperature))) {
    refuse_kept(fmt::format("temperature must be above 0 and finite, got {}", rows.temperature));
  }
  check_column("groups", groups, torch::kLong, size());
  check_refusals(*this);
  check_targets(*this);
  check_finite(*this);
}

KeptPredictions kept_predictions(Predictions rows, const data::Dataset& dataset, const data::Vocabulary& vocabulary,
                                 const std::filesystem::path& root) {
  KeptPredictions kept{.root = root, .vocabulary = vocabulary, .task = dataset.task()};
  const data::Root base(root);
  std::vector<std::int64_t> groups;
  for (const std::size_t id : rows.ids) {
    if (id >= dataset.size()) {
      refuse_kept(fmt::format("row {} is of image {}, but the dataset has {}", kept.names.size(), id, dataset.size()));
    }
    kept.names.add(root.empty() ? dataset.path(id).native() : base.relative(dataset.path(id).native()));
    if (const std::optional<std::int64_t> group = dataset.group(id)) groups.push_back(*group);
  }
  if (!groups.empty()) kept.groups = torch::tensor(groups);
  if (rows.p_known.defined()) kept.refused = rows.p_known <= rows.alpha;
  kept.rows = std::move(rows);
  return kept;
}

namespace {

/// Room for all rows of the kind of `part`.
torch::Tensor room_for(const torch::Tensor& part, std::int64_t rows) {
  std::vector<std::int64_t> sizes = part.sizes().vec();
  sizes[0] = rows;
  return torch::empty(sizes, part.options().device(torch::kCPU));
}

void append_rows(torch::Tensor& all, const torch::Tensor& part, std::int64_t at, std::int64_t capacity) {
  if (!all.defined()) {
    if (at > 0) refuse_kept("some batches have targets, others none");
    all = room_for(part, capacity);
  }
  if (all.dim() != part.dim() || (all.dim() == 2 && all.size(1) != part.size(1))) {
    refuse_kept("batches have another number of classes than those before");
  }
  all.narrow(0, at, part.size(0)).copy_(part);
}

}  // namespace

void PredictionGatherer::add(const Predictions& batch, const std::vector<std::int64_t>* rows) {
  skipped_.insert(skipped_.end(), batch.skipped.begin(), batch.skipped.end());
  const auto count = rows == nullptr ? batch.size() : static_cast<std::int64_t>(rows->size());
  if (count == 0) return;
  if (size() + count > capacity_) {
    refuse_kept(fmt::format("{} images were announced, now there are {}", capacity_, size() + count));
  }
  if (targets_.defined() && !batch.targets.defined()) refuse_kept("some batches have targets, others none");
  if (size() > 0 && p_known_.defined() != batch.p_known.defined())
    refuse_kept("some batches have p_known, others none");
  const torch::Tensor index = rows == nullptr ? torch::Tensor() : torch::tensor(*rows);
  const auto chosen = [&](const torch::Tensor& all) { return rows == nullptr ? all : all.index_select(0, index); };
  if (size() > 0 && batch.temperature != temperature_) refuse_kept("batches have different temperatures");
  temperature_ = batch.temperature;
  alpha_ = batch.alpha;
  append_rows(logits_, chosen(batch.logits), size(), capacity_);
  if (batch.p_known.defined()) append_rows(p_known_, chosen(batch.p_known), size(), capacity_);
  if (batch.targets.defined()) append_rows(targets_, chosen(batch.targets), size(), capacity_);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = rows == nullptr ? i : (*rows)[static_cast<std::size_t>(i)];
    ids_.push_back(batch.ids[static_cast<std::size_t>(row)]);
  }
}

Predictions PredictionGatherer::take() {
  Predictions all;
  if (logits_.defined()) all.logits = logits_.narrow(0, 0, size());
  if (targets_.defined()) all.targets = targets_.narrow(0, 0, size());
  if (p_known_.defined()) all.p_known = p_known_.narrow(0, 0, size());
  all.temperature = temperature_;
  all.alpha = alpha_;
  all.ids = std::exchange(ids_, {});
  all.skipped = std::exchange(skipped_, {});
  logits_ = torch::Tensor();
  targets_ = torch::Tensor();
  p_known_ = torch::Tensor();
  return all;
}

bool is_prediction_folder(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::is_regular_file(folder / kPredictionJsonFile, error) &&
         std::filesystem::is_regular_file(folder / kPredictionTensorsFile, error);
}

namespace {

torch::Tensor ids_tensor(const std::vector<std::size_t>& ids) {
  return torch::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), torch::kLong);
}

torch::Tensor names_tensor(const data::PathList& names) {
  std::string bytes;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.text(i).find('\0') != std::string_view::npos) {
      refuse_kept(fmt::format("the name '{}' holds a zero byte", core::spelled_out(names.text(i))));
    }
    bytes.append(names.text(i)).push_back('\0');
  }
  torch::Tensor tensor = torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

model::TensorMap tensors_of(const KeptPredictions& kept) {
  model::TensorMap tensors;
  tensors["logits"] = kept.rows.logits.to(torch::kFloat);
  if (kept.has_labels()) {
    tensors["targets"] =
        kept.task == data::Task::kSingleLabel ? kept.rows.targets : kept.rows.targets.to(torch::kFloat);
  }
  tensors["ids"] = ids_tensor(kept.rows.ids);
  tensors["names"] = names_tensor(kept.names);
  if (kept.groups.defined()) tensors["groups"] = kept.groups;
  if (kept.rows.p_known.defined()) tensors["p_known"] = kept.rows.p_known;
  if (kept.refused.defined()) tensors["refused"] = kept.refused;
  return tensors;
}

std::string checksum_of(const model::TensorMap& tensors) {
  std::string text;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor bytes = tensor.cpu().contiguous();
    const std::span<const std::uint8_t> all(static_cast<const std::uint8_t*>(bytes.data_ptr()),
                                            static_cast<std::size_t>(bytes.nbytes()));
    text += fmt::format("{} {:016x}\n", name, core::checksum(all));
  }
  return fmt::format("{:016x}", core::checksum(text));
}

nlohmann::ordered_json skipped_json(const std::vector<data::SkippedImage>& skipped) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const data::SkippedImage& each : skipped) {
    list.push_back({{"id", each.id}, {"problem", core::valid_utf8(each.problem)}});
  }
  return list;
}

nlohmann::ordered_json prediction_json(const KeptPredictions& kept, const std::string& checksum) {
  return {{"format_version", kPredictionFormat},
          {"images", kept.size()},
          {"classes", kept.num_classes()},
          {"task", core::to_text(kept.task)},
          {"vocabulary", kept.vocabulary.names()},
          {"root", core::path_json(kept.root.native())},
          {"temperature", kept.rows.temperature},
          {"origin", kept.origin},
          {"skipped", skipped_json(kept.rows.skipped)},
          {"checksum", checksum}};
}

}  // namespace

void save_predictions(const std::filesystem::path& folder, const KeptPredictions& predictions) {
  predictions.check();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw core::IoError(folder, "cannot make the folder", error.value());
  const model::TensorMap tensors = tensors_of(predictions);
  const std::string checksum = checksum_of(tensors);
  model::write_safetensors(folder / kPredictionTensorsFile, tensors, {{kChecksumKey, checksum}});
  core::write_file_atomically(folder / kPredictionJsonFile, prediction_json(predictions, checksum).dump(1) + "\n");
}

namespace {

/// Reads the two files of a folder and says what is wrong with which.
class PredictionReader {
 public:
  explicit PredictionReader(const std::filesystem::path& folder)
      : json_path_(folder / kPredictionJsonFile), tensors_path_(folder / kPredictionTensorsFile) {}

  KeptPredictions read() {
    try {
      return read_files();
    } catch (const core::NewerFormatError&) {
      throw;
    } catch (const core::FormatError& error) {
      throw core::FormatError(error.path(),
                              error.problem() + "; predict again, or copy both files of the folder again");
    }
  }

 private:
  KeptPredictions read_files() {
    read_json();
    KeptPredictions kept;
    try {
      take_json(kept);
    } catch (const nlohmann::json::exception& problem) {
      throw core::FormatError(json_path_, fmt::format("a field is missing or of another type: {}", problem.what()));
    } catch (const std::invalid_argument& problem) {
      throw core::FormatError(json_path_, problem.what());
    }
    take_tensors(kept);
    try {
      kept.check();
    } catch (const std::invalid_argument& problem) {
      throw core::FormatError(tensors_path_, problem.what());
    }
    return kept;
  }

  void read_json() {
    std::ifstream file(json_path_, std::ios::binary);
    if (!file) {
      throw core::DataError(json_path_,
                            "cannot be read; a folder of kept predictions holds predictions.json and "
                            "predictions.safetensors");
    }
    json_ = core::parsed_json(file);
    if (json_.is_discarded() || !json_.is_object()) throw core::FormatError(json_path_, "is no JSON object");
    const auto version = json_.find("format_version");
    if (version == json_.end() || !version->is_number_integer()) {
      throw core::FormatError(json_path_, "has no format_version; it is no file of kept predictions");
    }
    if (version->get<std::int64_t>() > kPredictionFormat) {
      throw core::NewerFormatError(json_path_, "was written by a newer Margay; predict again, or use that version");
    }
  }

  void take_json(KeptPredictions& kept) {
    kept.vocabulary = data::Vocabulary(json_.at("vocabulary").get<std::vector<std::string>>());
    kept.task = core::from_text<data::Task>(json_.at("task").get<std::string>());
    kept.root = core::path_of_json(json_.at("root"));
    kept.rows.temperature = json_.at("temperature").get<double>();
    kept.origin = json_.at("origin");
    images_ = json_.at("images").get<std::int64_t>();
    checksum_ = json_.value("checksum", "");
    for (const nlohmann::ordered_json& each : json_.at("skipped")) {
      kept.rows.skipped.push_back({each.at("id").get<std::size_t>(), each.at("problem").get<std::string>()});
    }
  }

  void take_tensors(KeptPredictions& kept) {
    model::SafetensorsFile file = model::read_safetensors(tensors_path_);
    const auto checksum = file.metadata.find(kChecksumKey);
    if (checksum == file.metadata.end() || checksum_ != checksum->second) {
      throw core::FormatError(tensors_path_, "does not belong to the predictions.json beside it");
    }
    if (checksum_of(file.tensors) != checksum->second)
      throw core::FormatError(tensors_path_, "its contents have changed");
    const auto take = [&](const char* name) {
      const auto found = file.tensors.find(name);
      return found == file.tensors.end() ? torch::Tensor() : found->second;
    };
    kept.rows.logits = take("logits");
    kept.rows.targets = take("targets");
    kept.groups = take("groups");
    kept.rows.p_known = take("p_known");
    kept.refused = take("refused");
    take_ids(kept, take("ids"));
    take_names(kept, take("names"));
  }

  void take_ids(KeptPredictions& kept, const torch::Tensor& ids) const {
    if (!ids.defined() || ids.dim() != 1 || ids.scalar_type() != torch::kLong || ids.size(0) != images_) {
      throw core::FormatError(tensors_path_, fmt::format("ids must be int64 [{}]", images_));
    }
    kept.rows.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + images_);
  }

  void take_names(KeptPredictions& kept, const torch::Tensor& names) const {
    if (!names.defined() || names.dim() != 1 || names.scalar_type() != torch::kUInt8) {
      throw core::FormatError(tensors_path_, "names must be uint8: the bytes of each name and a zero after it");
    }
    std::string_view rest(static_cast<const char*>(names.data_ptr()), static_cast<std::size_t>(names.size(0)));
    for (std::size_t end = rest.find('\0'); end != std::string_view::npos; end = rest.find('\0')) {
      kept.names.add(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    if (!rest.empty()) throw core::FormatError(tensors_path_, "names must end with a zero");
  }

  std::filesystem::path json_path_;
  std::filesystem::path tensors_path_;
  nlohmann::ordered_json json_;
  std::int64_t images_ = 0;
  std::string checksum_;
};

}  // namespace

KeptPredictions load_predictions(const std::filesystem::path& folder) { return PredictionReader(folder).read(); }

}  // namespace margay::predict
