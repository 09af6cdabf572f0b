#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace margay::fetch {

/// The folders where programs of the field keep what they have fetched. The library does not read the environment; a
/// program hands it over (known_places). Empty: not looked at.
struct KnownPlaces {
  std::filesystem::path cache;         ///< Margay's own, with weights/ in it
  std::filesystem::path torch_hub;     ///< torch.hub.get_dir()/checkpoints: NAME-HASH.pth
  std::filesystem::path hugging_face;  ///< of the Hugging Face Hub: models--OWNER--NAME/snapshots/COMMIT/FILE
};

/// What the environment says about them: the values of its variables, "" for those that are not set.
struct PlaceVariables {
  std::string home;                    ///< HOME
  std::string xdg_cache_home;          ///< XDG_CACHE_HOME
  std::string torch_home;              ///< TORCH_HOME
  std::string hf_home;                 ///< HF_HOME
  std::string hf_hub_cache;            ///< HF_HUB_CACHE
  std::string hugging_face_hub_cache;  ///< HUGGINGFACE_HUB_CACHE, the former name of the same
};

/// $XDG_CACHE_HOME or ~/.cache, with margay (XDG Base Directory Specification); $TORCH_HOME or the same with torch,
/// then hub/checkpoints (torch.hub.get_dir); $HF_HUB_CACHE, or $HF_HOME or the same with huggingface, then hub
/// (huggingface_hub, "Understand caching").
KnownPlaces known_places(const PlaceVariables& variables);

/// A file of weights that lies in one of them.
struct KnownFile {
  std::filesystem::path path;
  std::string name;    ///< its publisher's: "resnet18-f37072fd.pth", "timm/resnet18.tv_in1k"
  std::string place;   ///< "the torch hub's cache", "the Hugging Face cache"
  std::string sha256;  ///< all of it or its first digits, as the place's own names tell; "": they do not
};

/// The files that PyTorch's hub keeps of the network that torchvision calls `name`: NAME-HASH.pth. In the order of
/// names.
std::vector<KnownFile> in_torch_hub(const KnownPlaces& places, const std::string& name);

/// The files of weights that the Hugging Face cache keeps of OWNER/NAME, or of OWNER/NAME.TAG for every tag: that of
/// the commit that refs/main names, or else the newest. In the order of names.
std::vector<KnownFile> in_hugging_face_cache(const KnownPlaces& places, const std::string& owner,
                                             const std::string& name);

}  // namespace margay::fetch
