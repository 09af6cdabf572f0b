#include "margay/fetch/catalogue.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/fetch/transfer.h"

namespace margay::fetch {
namespace {

constexpr const char* kFastaiChecks = "fastai/data/download_checks.py (bytes, MD5 of the first MiB)";
constexpr const char* kHashInName = "the file's name, as torch.hub reads it";
constexpr const char* kTimmResNets = "timm/models/resnet.py";

/// timm's weights whose licence its own source states: torchvision's, converted.
constexpr std::array<std::string_view, 9> kBsdWeights = {
    "resnet18.tv_in1k",         "resnet34.tv_in1k",        "resnet50.tv_in1k",
    "resnet101.tv_in1k",        "resnet152.tv_in1k",       "resnext50_32x4d.tv_in1k",
    "resnext101_32x8d.tv_in1k", "wide_resnet50_2.tv_in1k", "wide_resnet101_2.tv_in1k"};

/// "resnet18.tv_in1k" of https://huggingface.co/timm/resnet18.tv_in1k/resolve/main/model.safetensors; "" of others.
std::string timm_name(const std::string& url) {
  constexpr std::string_view kHub = "https://huggingface.co/timm/";
  if (!url.starts_with(kHub)) return "";
  return url.substr(kHub.size(), url.find('/', kHub.size()) - kHub.size());
}

}  // namespace

Published published_weights(const std::string& url) {
  Published published{.url = url};
  const Url parsed = parse_url(url);
  published.facts.sha256 = hash_in_name(parsed.file);
  if (!published.facts.sha256.empty()) published.facts_source = kHashInName;
  const std::string name = timm_name(url);
  if (std::find(kBsdWeights.begin(), kBsdWeights.end(), name) != kBsdWeights.end()) {
    published.licence = "bsd-3-clause";
    published.licence_source = kTimmResNets;
  }
  return published;
}

namespace {

/// What the sets differ in.
struct FastaiRow {
  const char* name;
  const char* about;
  const char* path;  ///< behind the address of fast.ai's storage
  std::uint64_t bytes;
  const char* md5_of_first_mib;
};

PublishedData fastai_data(const FastaiRow& row) {
  return {.name = row.name,
          .about = row.about,
          .archive = {.url = std::string("https://s3.amazonaws.com/fast-ai-") + row.path,
                      .facts = {.bytes = row.bytes, .md5_of_first_mib = row.md5_of_first_mib},
                      .facts_source = kFastaiChecks}};
}

std::vector<PublishedData> make_data() {
  std::vector<PublishedData> data = {
      fastai_data({"pets", "Oxford-IIIT Pets: 37 breeds of cats and dogs", "imageclas/oxford-iiit-pet.tgz", 811'706'944,
                   "e4db5c768afd933bb91f5f594d7417a4"}),
      fastai_data({"flowers", "Oxford 102 Flowers", "imageclas/oxford-102-flowers.tgz", 345'236'087,
                   "5666e01c1311b4c67fcf20d2b3850a88"}),
      fastai_data({"imagenette", "10 classes of ImageNet that are easy to tell apart", "imageclas/imagenette2.tgz",
                   1'557'161'267, "2c774ecb40005b35d7937d50f5d42336"}),
      fastai_data({"imagenette_320", "the same, 320 pixels on the shorter side", "imageclas/imagenette2-320.tgz",
                   341'663'724, "1f1f74f133caff120e575856659b87a2"}),
      fastai_data({"imagenette_160", "the same, 160 pixels on the shorter side", "imageclas/imagenette2-160.tgz",
                   99'003'388, "c475f8f7617a200ba35b9facc48443c3"}),
      fastai_data({"mnist_sample", "handwritten 3s and 7s of MNIST, 28 pixels", "sample/mnist_sample.tgz", 3'214'948,
                   "2dbc7ec6f9259b583af0072c55816a88"})};
  data.front().images = "images";
  data.front().label_pattern = R"((.+)_\d+\.jpg$)";
  data.back().arch = "simple_net";
  data.back().px = 28;
  data.front().archive.licence = "CC BY-SA 4.0";
  data.front().archive.licence_source = "the card of timm/oxford-iiit-pet on the Hugging Face Hub";
  return data;
}

}  // namespace

const std::vector<PublishedData>& published_data() {
  static const std::vector<PublishedData> data = make_data();
  return data;
}

const PublishedData& find_data(std::string_view name) {
  std::vector<std::string> known;
  for (const PublishedData& each : published_data()) {
    if (each.name == name) return each;
    known.push_back(each.name);
  }
  throw std::invalid_argument(fmt::format("[fetch] there are the data sets {}, but no '{}'{}",
                                          core::joined(known, ", "), core::one_line(name),
                                          core::did_you_mean(name, known)));
}

}  // namespace margay::fetch
