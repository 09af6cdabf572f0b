#include "margay/run/given_probabilities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/image/read_image.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/names.h"
#include "margay/data/source/table.h"
#include "margay/model/weights/safetensors.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

constexpr std::array kNameColumns = {"image", "name", "file", "filename", "fname", "path"};

[[noreturn]] void refuse_table(const fs::path& path, const std::string& problem) {
  throw core::FormatError(path, problem);
}

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Where the names stand; the first column without a name is an index that pandas wrote.
std::optional<std::size_t> name_column(const data::Table& table) {
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    const std::string title = core::lower_case(table.columns()[c]);
    if (std::find(kNameColumns.begin(), kNameColumns.end(), title) != kNameColumns.end()) return c;
  }
  const bool has_index = table.columns()[0].empty();
  return has_index && !number_in(table.cell(0, 0)) ? std::optional<std::size_t>(0) : std::nullopt;
}

/// Whether the titles are 0, 1, … in order, as of a table that was written without names.
bool are_numbers(const std::vector<std::string>& titles) {
  for (std::size_t i = 0; i < titles.size(); ++i) {
    if (titles[i] != std::to_string(i)) return false;
  }
  return true;
}

GivenProbabilities from_table(const fs::path& path) {
  const data::Table table = data::read_table(path);
  GivenProbabilities given{.path = path, .rows = {}, .names = {}, .classes = {}};
  const std::optional<std::size_t> names = name_column(table);
  std::vector<std::size_t> columns;
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    if (c == names || (c == 0 && table.columns()[0].empty())) continue;
    columns.push_back(c);
    given.classes.push_back(table.columns()[c]);
  }
  const bool has_no_header = !given.classes.empty() && !are_numbers(given.classes) &&
                             std::all_of(given.classes.begin(), given.classes.end(),
                                         [](const std::string& title) { return number_in(title).has_value(); });
  if (has_no_header) {
    refuse_table(path, "the first line holds numbers; it must name the columns: the classes, and image for the names");
  }
  if (columns.empty()) refuse_table(path, "there is no column of probabilities, one for each class");
  given.rows = torch::empty({static_cast<std::int64_t>(table.size()), static_cast<std::int64_t>(columns.size())},
                            torch::kDouble);
  double* value = given.rows.data_ptr<double>();
  for (std::size_t row = 0; row < table.size(); ++row) {
    if (names) given.names.emplace_back(table.cell(row, *names));
    for (const std::size_t c : columns) {
      const std::optional<double> number = number_in(table.cell(row, c));
      if (!number) {
        refuse_table(path, fmt::format("line {}, column '{}': expected a probability, got '{}'", table.line(row),
                                       core::spelled_out(table.columns()[c]), core::spelled_out(table.cell(row, c))));
      }
      *value++ = *number;
    }
  }
  if (are_numbers(given.classes)) given.classes.clear();
  return given;
}

/// The text between two marks behind a key of a .npy header; nothing where it lacks them.
std::string_view npy_field(std::string_view header, std::string_view key, char open, char close) {
  std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  at = header.find(open, at + key.size());
  const std::size_t end = at == std::string_view::npos ? at : header.find(close, at + 1);
  return end == std::string_view::npos ? std::string_view() : header.substr(at + 1, end - at - 1);
}

std::vector<std::int64_t> npy_shape(std::string_view text) {
  std::vector<std::int64_t> shape;
  for (std::size_t at = 0; (at = text.find_first_of("0123456789", at)) != std::string_view::npos;) {
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), size);
    if (error != std::errc()) return {};
    shape.push_back(size);
    at = static_cast<std::size_t>(end - text.data());
  }
  return shape;
}

/// numpy's format (NEP 1): a magic text, the version, the length of a header, which is a literal of Python, the data.
GivenProbabilities from_npy(const fs::path& path) {
  constexpr std::string_view kMagic = "\x93NUMPY";
  const std::vector<std::uint8_t> bytes = data::ImageFile(path).read();
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!all.starts_with(kMagic) || bytes.size() < 12) refuse_table(path, "this is no .npy file of numpy");
  const bool is_first = bytes[6] == 1;
  const std::size_t begin = is_first ? 10 : 12;
  std::size_t length = bytes[8] + 256U * bytes[9];
  if (!is_first) length += 65536U * bytes[10] + (std::size_t{bytes[11]} << 24U);
  if (begin + length > bytes.size()) refuse_table(path, "the file ends within its header");
  const std::string_view header = all.substr(begin, length);
  const std::string_view type = npy_field(header, "'descr':", '\'', '\'');
  const std::vector<std::int64_t> shape = npy_shape(npy_field(header, "'shape':", '(', ')'));
  const std::map<std::string_view, c10::ScalarType> types = {
      {"<f2", torch::kHalf}, {"<f4", torch::kFloat}, {"<f8", torch::kDouble}};
  const auto known = types.find(type);
  if (known == types.end() || shape.size() != 2) {
    refuse_table(path, fmt::format("expected floats [N,K] of 2, 4 or 8 bytes, got {} of shape ({})", type,
                                   core::joined(shape, ",")));
  }
  const std::size_t width = c10::elementSize(known->second);
  const std::string_view data = all.substr(begin + length);
  const bool fits = shape[0] >= 0 && shape[1] > 0 && data.size() % width == 0 &&
                    static_cast<std::size_t>(shape[0]) == data.size() / width / static_cast<std::size_t>(shape[1]) &&
                    data.size() / width % static_cast<std::size_t>(shape[1]) == 0;
  if (!fits) {
    refuse_table(path,
                 fmt::format("the header says shape ({}), but {} bytes follow", core::joined(shape, ","), data.size()));
  }
  const bool is_fortran = header.find("'fortran_order': True") != std::string_view::npos;
  torch::Tensor rows = is_fortran ? torch::empty({shape[1], shape[0]}, known->second)
                                  : torch::empty({shape[0], shape[1]}, known->second);
  if (!data.empty()) std::memcpy(rows.data_ptr(), data.data(), data.size());
  if (is_fortran) rows = rows.t();
  return {.path = path, .rows = rows.to(torch::kDouble).contiguous(), .names = {}, .classes = {}};
}

std::vector<std::string> texts_in(const model::TensorMap& tensors, const char* name, const fs::path& path) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) return {};
  if (found->second.scalar_type() != torch::kByte || found->second.dim() != 1) {
    refuse_table(path, fmt::format("tensor '{}': expected uint8, the bytes of each name and a zero after it", name));
  }
  const torch::Tensor bytes = found->second.contiguous();
  std::string_view rest(reinterpret_cast<const char*>(bytes.data_ptr<std::uint8_t>()),
                        static_cast<std::size_t>(bytes.numel()));
  std::vector<std::string> texts;
  while (!rest.empty()) {
    const std::string_view text = rest.substr(0, rest.find('\0'));
    texts.emplace_back(text);
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
  }
  return texts;
}

GivenProbabilities from_safetensors(const fs::path& path) {
  const model::SafetensorsFile file = model::read_safetensors(path);
  GivenProbabilities given{.path = path, .rows = {}, .names = {}, .classes = {}};
  for (const char* name : {"probabilities", "pred_probs"}) {
    const auto found = file.tensors.find(name);
    if (found != file.tensors.end()) given.rows = found->second;
  }
  if (!given.rows.defined()) {
    refuse_table(path, "there is no tensor 'probabilities' or 'pred_probs'; logits become probabilities by softmax");
  }
  if (given.rows.dim() != 2 || !given.rows.is_floating_point()) {
    refuse_table(path, "the probabilities must be floats of shape [N,K]");
  }
  given.rows = given.rows.to(torch::kDouble).contiguous();
  given.names = texts_in(file.tensors, "names", path);
  given.classes = texts_in(file.tensors, "classes", path);
  const auto fits = [](const std::vector<std::string>& texts, std::int64_t size) {
    return texts.empty() || std::ssize(texts) == size;
  };
  if (!fits(given.names, given.rows.size(0)) || !fits(given.classes, given.rows.size(1))) {
    refuse_table(path, fmt::format("{} names and {} classes for probabilities of {} rows and {} columns",
                                   given.names.size(), given.classes.size(), given.rows.size(0), given.rows.size(1)));
  }
  return given;
}

[[noreturn]] void refuse_rows(const GivenProbabilities& given, const std::string& problem) {
  throw core::DataError(given.path, problem);
}

std::string column_list(const std::vector<std::string>& names) {
  data::NameList list;
  for (const std::string& name : names) list.add(core::spelled_out(name));
  return list.text();
}

/// The column of each class.
std::vector<std::int64_t> columns_of(const GivenProbabilities& given, const data::Vocabulary& vocabulary) {
  std::vector<std::int64_t> columns;
  if (given.rows.size(1) != vocabulary.size() && given.classes.empty()) {
    refuse_rows(given, fmt::format("there are {} columns of probabilities, but the data has {} classes: {}",
                                   given.rows.size(1), vocabulary.size(), column_list(vocabulary.names())));
  }
  std::vector<std::string> missing;
  std::set<std::string> wanted;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) {
    if (given.classes.empty()) {
      columns.push_back(k);
      continue;
    }
    const auto found = std::find(given.classes.begin(), given.classes.end(), vocabulary.name(k));
    if (found == given.classes.end()) missing.push_back(vocabulary.name(k));
    columns.push_back(found - given.classes.begin());
    wanted.insert(vocabulary.name(k));
  }
  if (!missing.empty()) {
    refuse_rows(given, fmt::format("there is no column of probabilities for {} of the {} classes: {}", missing.size(),
                                   vocabulary.size(), column_list(missing)));
  }
  std::vector<std::string> extra;
  for (const std::string& name : given.classes) {
    if (!wanted.contains(name)) extra.push_back(name);
  }
  if (!extra.empty()) {
    refuse_rows(given, fmt::format("{} of the columns are no classes of the data: {}; take them out", extra.size(),
                                   column_list(extra)));
  }
  return columns;
}

/// The rows of the table by the names of images.
class RowsByName {
 public:
  explicit RowsByName(const GivenProbabilities& given) {
    data::NameList twice;
    for (std::size_t row = 0; row < given.names.size(); ++row) {
      if (!row_of_.try_emplace(given.names[row], row).second) twice.add(core::spelled_out(given.names[row]));
    }
    if (!twice.empty()) refuse_rows(given, fmt::format("two rows have the same name: {}", twice.text()));
  }

  std::optional<std::size_t> find(const std::string& name) const {
    const auto found = row_of_.find(name);
    return found == row_of_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::map<std::string_view, std::size_t> row_of_;
};

std::map<std::string, int> counts_of_file_names(const data::Dataset& images) {
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < images.size(); ++i) ++counts[images.path(i).filename().string()];
  return counts;
}

/// The row of each image. left: how many rows no image has.
std::vector<std::int64_t> rows_by_name(const GivenProbabilities& given, const data::Dataset& images,
                                       const fs::path& root, std::size_t& left) {
  const RowsByName rows(given);
  const data::Root folder(root);
  const std::map<std::string, int> file_names = counts_of_file_names(images);
  std::vector<std::int64_t> found;
  data::NameList missing;
  std::set<std::size_t> used;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const fs::path path = images.path(i);
    const std::string name = folder.relative(path.string());
    std::optional<std::size_t> row = rows.find(name);
    if (!row) row = rows.find(path.string());
    const std::string file = path.filename().string();
    if (!row && file_names.at(file) == 1) row = rows.find(file);
    if (!row) {
      missing.add(core::spelled_out(name));
      continue;
    }
    used.insert(*row);
    found.push_back(static_cast<std::int64_t>(*row));
  }
  if (!missing.empty()) {
    refuse_rows(given, fmt::format("{} of the {} images have no row of probabilities: {}", missing.size(),
                                   images.size(), missing.text()));
  }
  left = given.names.size() - used.size();
  return found;
}

void check_values(const GivenProbabilities& given, const torch::Tensor& rows, const data::Dataset& images) {
  constexpr double kSumTolerance = 1e-3;
  const auto name = [&](const torch::Tensor& flags) {
    return core::spelled_out(
        core::shown_path(images.path(static_cast<std::size_t>(flags.nonzero()[0][0].item<std::int64_t>()))));
  };
  const torch::Tensor is_bad = rows.ge(0).logical_and(rows.le(1)).all(1).logical_not();  // NaN is neither
  if (is_bad.any().item<bool>()) {
    refuse_rows(given, fmt::format("the probabilities of {} of {} images are non-finite or outside 0 … 1, first those "
                                   "of '{}'; logits become probabilities by softmax",
                                   is_bad.sum().item<std::int64_t>(), rows.size(0), name(is_bad)));
  }
  if (images.task() != data::Task::kSingleLabel) return;
  const torch::Tensor is_off = (rows.sum(1) - 1).abs().gt(kSumTolerance);
  if (!is_off.any().item<bool>()) return;
  const auto first = is_off.nonzero()[0][0].item<std::int64_t>();
  refuse_rows(given, fmt::format("the probabilities of {} of {} images do not sum to 1, first those of '{}', whose sum "
                                 "is {:.6g}",
                                 is_off.sum().item<std::int64_t>(), rows.size(0), name(is_off),
                                 rows[first].sum().item<double>()));
}

}  // namespace

GivenProbabilities read_probabilities(const fs::path& path) {
  const std::string extension = core::lower_case(path.extension().string());
  if (extension == ".npy") return from_npy(path);
  if (extension == ".safetensors") return from_safetensors(path);
  if (extension == ".npz" || extension == ".pt" || extension == ".pkl") {
    refuse_table(path, "probabilities are read from CSV, JSON lines, .npy and .safetensors");
  }
  return from_table(path);
}

MatchedProbabilities match_probabilities(const GivenProbabilities& given, const data::Dataset& images,
                                         const data::Vocabulary& vocabulary, const fs::path& root) {
  const torch::Tensor columns = torch::tensor(columns_of(given, vocabulary), torch::kLong);
  torch::Tensor rows = given.rows.index_select(1, columns);
  std::size_t left = 0;
  if (!given.names.empty()) {
    rows = rows.index_select(0, torch::tensor(rows_by_name(given, images, root, left), torch::kLong));
  } else if (rows.size(0) != static_cast<std::int64_t>(images.size())) {
    refuse_rows(given, fmt::format("there are {} rows without names of images, but {} images; rows without names must "
                                   "be those of all images in their order",
                                   rows.size(0), images.size()));
  }
  check_values(given, rows, images);
  return {.rows = rows.to(torch::kFloat),
          .warning = left == 0 ? ""
                               : fmt::format("{} of the {} rows of {} are of no image in the data", left,
                                             given.names.size(), core::shown_path(given.path))};
}

}  // namespace margay::run
