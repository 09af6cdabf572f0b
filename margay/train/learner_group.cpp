#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/threads.h"
#include "margay/data/dataset_digest.h"
#include "margay/train/checkpoint/fingerprint.h"
#include "margay/train/learner.h"

/// The processes that train together: what each computes, and whether they have the same things.
namespace margay::train {
namespace {

std::string digest_of(const std::string& text) {
  const auto* const begin = reinterpret_cast<const std::uint8_t*>(text.data());
  return fmt::format("{:016x}", core::checksum({begin, text.size()}));
}

/// Of the names, bytes and order of all parameters and buffers.
std::string weights_digest(const model::Classifier& classifier) {
  std::string sums;
  for (const auto& [name, tensor] : classifier.state()) {
    const torch::Tensor bytes = tensor.detach().cpu().contiguous();
    const auto* const begin = static_cast<const std::uint8_t*>(bytes.data_ptr());
    sums += fmt::format("{} {:016x}\n", name, core::checksum({begin, bytes.nbytes()}));
  }
  return digest_of(sums);
}

}  // namespace

void Learner::set_group(std::shared_ptr<collective::Group> group) {
  refuse_within_fit("set_group");
  if (!group) throw std::invalid_argument("[Learner] the group of processes is null");
  const MicroBatchOptions resolved = wanted_micro_batch_.resolved(group->size(), core::default_threads());
  const int batch_size = given_.train.options().batch_size;
  if (batch_size < 2 * *resolved.micro_batches) {
    throw std::invalid_argument(
        fmt::format("[Learner] a `batch_size` of {} for {} micro-batches leaves less than two images for each, which "
                    "batch norms need; it counts the images of all processes",
                    batch_size, *resolved.micro_batches));
  }
  group_ = std::move(group);
  micro_batch_ = resolved;
  micro_.reset();
  if (*resolved.micro_batches > 1)
    micro_ = std::make_unique<MicroBatches>(classifier_, group_, resolved, core::default_threads());
  loaders_ = shared_out(given_);
}

data::Loaders Learner::shared_out(data::Loaders loaders) const {
  if (!micro_) return loaders;
  const auto share = [&](const data::Loader& loader) {
    return loader.shared_out(group_->rank(), group_->size(), static_cast<int>(*micro_batch_.micro_batches));
  };
  loaders.train = share(loaders.train);
  if (loaders.valid) loaders.valid = share(*loaders.valid);
  return loaders;
}

std::unique_ptr<model::ThreadCount> Learner::micro_batch_threads() const {
  return micro_ ? std::make_unique<model::ThreadCount>(*micro_batch_.micro_batch_threads) : nullptr;
}

void Learner::check_same_in_all() const {
  if (group_->size() == 1) return;
  std::vector<collective::SameThing> things;
  const nlohmann::ordered_json settings = fingerprint(*this);
  for (const auto& [key, value] : settings.items()) {
    const std::string text = value.dump();
    constexpr std::size_t kShort = 60;
    things.push_back({key, text.size() <= kShort ? text : digest_of(text)});
  }
  const auto note_images = [&](const char* name, const data::Loader& loader) {
    things.push_back({name, data::dataset_digest(loader.dataset(), given_.root)});
  };
  things.push_back({"`reduce`", core::to_text(micro_batch_.reduce)});
  things.push_back({"the precision", core::to_text(precision_)});
  note_images("the training images", given_.train);
  if (given_.valid) note_images("the validation images", *given_.valid);
  things.push_back({"the weights", weights_digest(*classifier_)});
  collective::check_same(*group_, things);
}

void Learner::check_same_weights(const char* when) const {
  if (group_->size() == 1) return;
  collective::check_same(*group_, {{fmt::format("the weights after {}", when), weights_digest(*classifier_)}});
}

}  // namespace margay::train
