#include "margay/collective/group.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "margay/collective/host_address.h"
#include "margay/core/error.h"
#include "margay/core/text.h"

namespace margay::collective {
namespace {

class Done : public Pending {
 public:
  void wait() override {}
};

class OneProcess : public Group {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(std::span<double> /*values*/) override { check(); }
  void maximum(std::span<double> /*values*/) override { check(); }
  void broadcast(std::span<std::byte> /*bytes*/, int /*root*/) override { check(); }
  std::vector<std::string> gather(const std::string& mine) override {
    check();
    return {mine};
  }
  void barrier() override { check(); }
  std::unique_ptr<Pending> start_sum(const at::Tensor& /*flat*/) override { return done(); }
  std::unique_ptr<Pending> start_exchange(const at::Tensor& sent, const at::Tensor& received,
                                          const Shares& /*shares*/) override {
    received.copy_(sent);
    return done();
  }
  std::unique_ptr<Pending> start_all_gather(const at::Tensor& mine, const at::Tensor& all) override {
    all.copy_(mine);
    return done();
  }

  void set_position(std::string position) override {
    const std::lock_guard lock(changing_);
    activity_ = {.position = std::move(position), .operation = {}, .since = std::chrono::steady_clock::now()};
  }
  Activity activity() const override {
    const std::lock_guard lock(changing_);
    return activity_;
  }
  void interrupt(const std::string& reason) override {
    const std::lock_guard lock(changing_);
    if (!reason_) reason_ = reason;
  }

 private:
  void check() const {
    const std::lock_guard lock(changing_);
    if (reason_) throw GroupInterrupted(*reason_);
  }
  std::unique_ptr<Pending> done() const {
    check();
    return std::make_unique<Done>();
  }

  mutable std::mutex changing_;
  Activity activity_;
  std::optional<std::string> reason_;
};

/// The value that most processes have; of several that are as frequent, that of the lowest rank.
std::string most_frequent(const std::vector<std::string>& values) {
  std::map<std::string, int> counts;
  for (const std::string& value : values) ++counts[value];
  return *std::max_element(values.begin(), values.end(),
                           [&](const std::string& a, const std::string& b) { return counts[a] < counts[b]; });
}

std::string named_rank(std::size_t rank, const std::vector<std::string>& hosts) {
  return rank < hosts.size() ? fmt::format("rank {} ({})", rank, hosts[rank]) : fmt::format("rank {}", rank);
}

/// Throws where one process has another value than most.
void check_alike(const std::string& name, const std::vector<std::string>& values,
                 const std::vector<std::string>& hosts) {
  const std::string usual = most_frequent(values);
  std::vector<std::string> others;
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != usual) others.push_back(fmt::format("{} has {}", named_rank(rank, hosts), values[rank]));
  }
  if (others.empty()) return;
  const auto first = static_cast<std::size_t>(std::find(values.begin(), values.end(), usual) - values.begin());
  throw std::invalid_argument(fmt::format("[distributed] {} must be the same in all processes: {} has {}, but {}", name,
                                          named_rank(first, hosts), usual, core::joined(others, ", ")));
}

/// Any texts as one, and back: each behind its length.
std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{}:{}", text.size(), text);
  return all;
}

std::vector<std::string> separated(std::string_view all) {
  std::vector<std::string> texts;
  while (!all.empty()) {
    const std::size_t colon = all.find(':');
    const std::size_t length = std::stoul(std::string(all.substr(0, colon)));
    texts.emplace_back(all.substr(colon + 1, length));
    all.remove_prefix(colon + 1 + length);
  }
  return texts;
}

}  // namespace

std::shared_ptr<Group> one_process() { return std::make_shared<OneProcess>(); }

bool any_of(Group& group, bool mine) {
  double value = mine ? 1 : 0;
  group.maximum({&value, 1});
  return value > 0;
}

bool all_of(Group& group, bool mine) { return !any_of(group, !mine); }

double from_first(Group& group, double mine) {
  group.broadcast(std::as_writable_bytes(std::span(&mine, 1)), 0);
  return mine;
}

std::string from_first(Group& group, const std::string& mine) {
  return group.gather(group.rank() == 0 ? mine : "").front();
}

void check_same(Group& group, const std::vector<SameThing>& mine, const std::vector<std::string>& hosts) {
  std::vector<std::string> values = {host_name()};
  for (const SameThing& thing : mine) values.push_back(thing.value);
  std::vector<std::vector<std::string>> of_ranks;
  for (const std::string& text : group.gather(joined(values))) of_ranks.push_back(separated(text));
  std::vector<std::string> names = hosts;
  if (names.empty()) {
    for (const auto& row : of_ranks) names.push_back(row.front());
  }
  for (std::size_t i = 0; i < mine.size(); ++i) {
    std::vector<std::string> column;
    for (const auto& row : of_ranks) column.push_back(i + 1 < row.size() ? row[i + 1] : "nothing");
    check_alike(mine[i].name, column, names);
  }
}

}  // namespace margay::collective
