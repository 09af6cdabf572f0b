#include "apps/studio/dataset_shelf.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "margay/data/check/check_data.h"
#include "margay/http/target.h"
#include "margay/run/data_options.h"

namespace margay::studio {

namespace fs = std::filesystem;

ShelvedDataset::ShelvedDataset(fs::path folder, const run::DataOptions& options, std::function<void()> on_read,
                               std::function<void(const Job::State&)> on_check)
    : folder_(std::move(folder)),
      options_(std::make_shared<run::DataOptions>(options)),
      reading_(std::move(on_read)),
      checking_([this, on_check = std::move(on_check)] { on_check(checking_.state()); }) {}

ShelvedDataset::~ShelvedDataset() = default;

std::pair<ShelvedDataset::State, ShelvedDataset::Checked> ShelvedDataset::now() const {
  const Job::State reading = reading_.state();  // first: what it has read is there when it says so
  const Job::State checking = checking_.state();
  const std::lock_guard lock(mutex_);
  Checked checked = checked_;
  checked.checking = checking;
  return std::pair(State{reading, dataset_, revision_}, std::move(checked));
}

ShelvedDataset::State ShelvedDataset::state() const { return now().first; }
ShelvedDataset::Checked ShelvedDataset::checked() const { return now().second; }

void ShelvedDataset::read(std::uint64_t after) {
  {
    const std::lock_guard lock(mutex_);
    if (revision_ > after) return;
  }
  reading_.start([this](const Job::Progress& /*progress*/) {
    auto opened = OpenedDataset::open(folder_, *options_);
    const std::lock_guard lock(mutex_);
    dataset_ = std::move(opened);
    ++revision_;
    selections_.clear();
    if (!checked_.findings) return;  // the images have other numbers now
    checked_.findings = std::make_shared<const ImageFindings>(*dataset_, checked_.findings->all());
    ++checked_.revision;
  });
}

void ShelvedDataset::follow() {
  const State now = state();
  const bool is_other = now.dataset && now.dataset->change() != FolderChange::kNone;
  if (is_other || now.reading.phase == Job::Phase::kFailed) read(now.revision);
}

std::shared_ptr<const OpenedDataset> ShelvedDataset::there() const {
  const std::lock_guard lock(mutex_);
  if (!dataset_) throw http::RequestError(409, "the images are still being read, or cannot be read");
  return dataset_;
}

void ShelvedDataset::check(const data::CheckOptions& options) {
  there();
  const bool is_started = checking_.start([this, options](const Job::Progress& progress) {
    const std::uint64_t revision = state().revision;
    const data::DataBlock block = run::make_block(folder_, *options_, data::Gaps::kKeep);
    data::DataReport report = data::check_data(block, folder_, options, [&](std::size_t done, std::size_t total) {
      progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
    });
    take_findings(std::move(report.findings), "check");
    const std::lock_guard lock(mutex_);
    checked_.of_revision = revision;
  });
  if (!is_started) throw http::RequestError(409, "a check of these images runs already");
}

void ShelvedDataset::take_findings(std::vector<data::Finding> findings, const std::string& origin) {
  const auto dataset = there();
  auto taken = std::make_shared<const ImageFindings>(*dataset, std::move(findings));
  const std::lock_guard lock(mutex_);
  if (dataset != dataset_) taken = std::make_shared<const ImageFindings>(*dataset_, taken->all());  // read meanwhile
  checked_.findings = std::move(taken);
  checked_.origin = origin;
  checked_.of_revision = revision_;
  ++checked_.revision;
  selections_.clear();
}

ShelvedDataset::Selection ShelvedDataset::selected(const State& state, const Checked& checked,
                                                   const ImageFilter& filter) const {
  constexpr std::size_t kKept = 8;
  const auto is_it = [&](const Selected& each) {
    return each.revision == state.revision && each.findings == checked.revision && each.filter == filter;
  };
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(selections_.begin(), selections_.end(), is_it);
    if (found != selections_.end()) return found->images;
  }
  auto images =
      std::make_shared<const std::vector<std::uint32_t>>(select(*state.dataset, checked.findings.get(), filter));
  const std::lock_guard lock(mutex_);
  selections_.push_front({state.revision, checked.revision, filter, images});
  if (selections_.size() > kKept) selections_.pop_back();
  return images;
}

bool ShelvedDataset::is_busy() const {
  return reading_.state().phase == Job::Phase::kRunning || checking_.state().phase == Job::Phase::kRunning;
}

void DatasetShelf::prepare(const std::string& id, const fs::path& folder, const run::DataOptions& options) {
  std::vector<std::shared_ptr<ShelvedDataset>> gone;
  const std::lock_guard lock(mutex_);
  if (shelf_.empty()) shelved(id, folder, options, gone).is_prepared = true;
}

std::shared_ptr<ShelvedDataset> DatasetShelf::at(const std::string& id, const fs::path& folder,
                                                 const run::DataOptions& options) {
  std::vector<std::shared_ptr<ShelvedDataset>> gone;  // ends after the lock, as it waits for its jobs
  std::unique_lock lock(mutex_);
  Shelved& found = shelved(id, folder, options, gone);
  const bool was_prepared = std::exchange(found.is_prepared, false);
  const std::shared_ptr<ShelvedDataset> dataset = found.dataset;
  lock.unlock();
  if (was_prepared) dataset->follow();
  return dataset;
}

/// It stands first in the shelf.
DatasetShelf::Shelved& DatasetShelf::shelved(const std::string& id, const fs::path& folder,
                                             const run::DataOptions& options,
                                             std::vector<std::shared_ptr<ShelvedDataset>>& gone) {
  const std::string text = core::to_json(options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto is_it = [&](const Shelved& each) { return each.id == id && each.options == text; };
  const auto found = std::find_if(shelf_.begin(), shelf_.end(), is_it);
  if (found != shelf_.end()) {
    std::rotate(shelf_.begin(), found, found + 1);
    return shelf_.front();
  }
  make_room(gone);
  auto dataset = std::make_shared<ShelvedDataset>(
      folder, options, [this, id] { on_read_(id); },
      [this, id](const Job::State& checking) { on_check_(id, checking); });
  dataset->read();
  shelf_.push_front({id, text, dataset});
  return shelf_.front();
}

void DatasetShelf::make_room(std::vector<std::shared_ptr<ShelvedDataset>>& gone) {
  while (shelf_.size() >= kMost) {
    const auto idle =
        std::find_if(shelf_.rbegin(), shelf_.rend(), [](const Shelved& each) { return !each.dataset->is_busy(); });
    if (idle == shelf_.rend()) throw http::RequestError(503, "too many datasets are being read; wait for one of them");
    gone.push_back(std::move(idle->dataset));
    shelf_.erase(std::next(idle).base());
  }
}

std::vector<std::pair<std::string, std::shared_ptr<ShelvedDataset>>> DatasetShelf::all() const {
  std::vector<std::pair<std::string, std::shared_ptr<ShelvedDataset>>> all;
  const std::lock_guard lock(mutex_);
  all.reserve(shelf_.size());
  for (const Shelved& each : shelf_) all.emplace_back(each.id, each.dataset);
  return all;
}

}  // namespace margay::studio
