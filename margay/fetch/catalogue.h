#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "margay/fetch/file_check.h"

namespace margay::fetch {

/// What is published of a file on the web, with the source of each fact. What no source says stays empty.
struct Published {
  std::string url;
  FileFacts facts;
  std::string facts_source;  ///< of bytes and hash, such as "fastai/data/download_checks.py"
  std::string licence;       ///< as its source writes it: "bsd-3-clause"
  std::string licence_source;
};

/// A set of images that is fetched by name.
struct PublishedData {
  std::string name;           ///< "pets"
  std::string about;          ///< one line
  Published archive;          ///< a .tgz
  std::string images;         ///< the folder of images in it; "": all of it
  std::string label_pattern;  ///< of the names of its images; "": folders are classes, or nobody says
  std::string arch;           ///< the network of the book that goes with it; "": any
  int px = 0;                 ///< the side of all of its images; 0: they differ
};

/// Everything that is known of the file at this address: hashes in names as PyTorch's hub writes them (torch.hub,
/// check_hash: the first digits of the SHA-256), and the licences of timm's weights.
Published published_weights(const std::string& url);

/// The sets of images that fast.ai publishes (fastai/data/external.py, URLs).
const std::vector<PublishedData>& published_data();

/// Throws std::invalid_argument, which suggests the nearest name, for an unknown one.
const PublishedData& find_data(std::string_view name);

}  // namespace margay::fetch
