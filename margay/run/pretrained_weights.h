#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/fetch/known_places.h"
#include "margay/model/architecture/architectures.h"

namespace margay::run {

/// The value of `weights` that means: what lies on this machine, or else none.
inline constexpr const char* kAutoWeights = "auto";

/// Weights of a network that lie on this machine.
struct WeightsAtHand {
  std::filesystem::path file;
  std::string name;    ///< their publisher's, such as "timm/resnet18.tv_in1k"
  std::string place;   ///< "Margay's cache", "the torch hub's cache", "the Hugging Face cache"
  std::string sha256;  ///< of the file, 64 digits; "": it is a folder
};

/// What a search for weights has found.
struct WeightsSearch {
  std::optional<WeightsAtHand> found;
  std::vector<std::string> warnings;  ///< of files that were left out, and why

  /// Puts the file, by its absolute path, in place of `weights`; "" where none was found. Its hash becomes `sha256`
  /// where that is empty.
  void fill_in(std::filesystem::path& weights, std::string& sha256) const;
};

/// Looks for the weights of a network, without a network: first in weights/ of Margay's cache, then for those that the
/// table of architectures names in the Hugging Face cache and the torch hub's, then for the only ones of another recipe
/// that these have and that are the network's by their tensors. Of several other recipes none is guessed. A file whose
/// bytes do not bear the hash that its place or its record tells is left out.
WeightsSearch find_weights_at_hand(const model::Architecture& architecture, const fetch::KnownPlaces& places);

/// What a model began from, for its provenance: name, publisher and licence of the published weights, as far as they
/// are known by `arch`, by the file's name or by the record of its fetching; of another model of Margay's what that
/// began from. Null without weights and for those of
/// nobody that is known. "licence" is null where no source states one.
nlohmann::ordered_json pretrained_record(const std::string& arch, const std::filesystem::path& weights);

/// Keeps that record in a run's folder (pretrained.json), unless it is null. A run that goes on after its weights have
/// gone then still knows it.
void keep_pretrained_record(const std::filesystem::path& run, const std::string& arch,
                            const std::filesystem::path& weights);

/// The kept record, or where there is none what pretrained_record tells now. Throws core::FormatError for a file that
/// cannot be read.
nlohmann::ordered_json kept_pretrained_record(const std::filesystem::path& run, const std::string& arch,
                                              const std::filesystem::path& weights);

/// "timm/resnet18.tv_in1k from the Hugging Face cache: PATH, SHA-256 694f673df652…".
std::string weights_text(const WeightsAtHand& weights);

}  // namespace margay::run
