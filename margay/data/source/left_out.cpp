#include "margay/data/source/left_out.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "margay/core/text.h"
#include "margay/data/source/image_files.h"

namespace margay::data {
namespace {

/// remedy: "" for what any folder may hold.
struct LeftOutText {
  LeftOutKind kind;
  const char* one;
  const char* many;
  const char* remedy;
  bool is_image;
};

constexpr std::array kLeftOutTexts = {
    LeftOutText{LeftOutKind::kLooseImage, "image that lies beside the class folders",
                "images that lie beside the class folders",
                "move them into the folder of a class, or say with `label_regex` or `labels_csv` what they are", true},
    LeftOutText{LeftOutKind::kTestImage, "image of the test set", "images of the test set",
                "neither training nor validation sees them", true},
    LeftOutText{LeftOutKind::kUnlistedImage, "image that the table does not list",
                "images that the table does not list", "only what has a row is used", true},
    LeftOutText{LeftOutKind::kDeletedImage, "image that decisions delete", "images that decisions delete",
                "without `edits` they are used", true},
    LeftOutText{LeftOutKind::kOtherImage, "image outside the folders of `train_folder` and `valid_folder`",
                "images outside the folders of `train_folder` and `valid_folder`", "none of them is used", true},
    LeftOutText{LeftOutKind::kHiddenImage, "hidden image", "hidden images",
                "rename them if they belong to the data: a name that begins with a dot is hidden", true},
    LeftOutText{LeftOutKind::kUnreadImage, "image of a format that is not read", "images of formats that are not read",
                "convert them to JPEG or PNG", true},
    LeftOutText{LeftOutKind::kDanglingLink, "link to a file that is missing", "links to files that are missing",
                "fetch the files, as 'git annex get' or 'dvc checkout' do, or delete the links", true},
    LeftOutText{LeftOutKind::kClosedFile, "file that may not be read and may be an image",
                "files that may not be read and may be images", "allow reading them, or delete them", true},
    LeftOutText{LeftOutKind::kEmptyFolder, "folder without an image", "folders without an image",
                "a class needs images", false},
    LeftOutText{LeftOutKind::kSecondLink, "link to a folder that is read by another path",
                "links to folders that are read by another path", "each folder is read once", false},
    LeftOutText{LeftOutKind::kOtherFile, "file that is no image", "files that are no images", "", false},
    LeftOutText{LeftOutKind::kDocument, "document", "documents", "", false},
    LeftOutText{LeftOutKind::kDecisions, "folder of decisions", "folders of decisions", "", false},
    LeftOutText{LeftOutKind::kSystem, "system file or folder", "system files or folders", "", false},
    LeftOutText{LeftOutKind::kHidden, "hidden file or folder", "hidden files or folders", "", false},
    LeftOutText{LeftOutKind::kRun, "folder of a run", "folders of runs", "", false},
    LeftOutText{LeftOutKind::kSpecial, "pipe, socket or device", "pipes, sockets or devices", "", false},
};

constexpr bool left_out_texts_stand_in_order() {
  for (std::size_t i = 0; i < kLeftOutTexts.size(); ++i) {
    if (kLeftOutTexts[i].kind != static_cast<LeftOutKind>(i)) return false;
  }
  return true;
}
static_assert(left_out_texts_stand_in_order());

std::string counted_kind(const LeftOutText& text, std::size_t count) {
  return fmt::format("{} {}", count, count == 1 ? text.one : text.many);
}

// In lower case. Folders that file systems, systems, NAS, archives and tools make beside data.
constexpr std::array<std::string_view, 23> kSystemFolders = {"lost+found",
                                                             "lost.dir",
                                                             "system volume information",
                                                             "$recycle.bin",
                                                             "recycler",
                                                             "msdownld.tmp",
                                                             "@eadir",
                                                             "@tmp",
                                                             "@recycle",
                                                             "@recently-snapshot",
                                                             "@snapshot",
                                                             "@sharebin",
                                                             "#recycle",
                                                             "#snapshot",
                                                             "~snapshot",
                                                             "__macosx",
                                                             "__pycache__",
                                                             "node_modules",
                                                             "network trash folder",
                                                             "temporary items",
                                                             "thumbs.db",
                                                             "$extend",
                                                             "wpsystem"};

// In lower case. Files that a file manager writes into every folder that it shows.
constexpr std::array<std::string_view, 9> kSystemFiles = {"thumbs.db",    "ehthumbs.db",      "ehthumbs_vista.db",
                                                          "desktop.ini",  "icon\r",           "picasa.ini",
                                                          "pspbrwse.jbf", "zbthumbnail.info", "autorun.inf"};

// In lower case, without the dot. Hidden names that are known to hold no data of the user's.
constexpr std::array<std::string_view, 42> kSystemHidden = {"ds_store",
                                                            "localized",
                                                            "apdisk",
                                                            "volumeicon.icns",
                                                            "directory",
                                                            "nomedia",
                                                            "picasa.ini",
                                                            "picasaoriginals",
                                                            "appledouble",
                                                            "temporaryitems",
                                                            "fseventsd",
                                                            "spotlight-v100",
                                                            "documentrevisions-v100",
                                                            "trash",
                                                            "trashes",
                                                            "thumbnails",
                                                            "thumbs",
                                                            "@__thumb",
                                                            "@upload_cache",
                                                            "recycle",
                                                            "snapshot",
                                                            "snapshots",
                                                            "zfs",
                                                            "stfolder",
                                                            "stversions",
                                                            "dropbox",
                                                            "dropbox.cache",
                                                            "git",
                                                            "gitignore",
                                                            "gitattributes",
                                                            "gitkeep",
                                                            "keep",
                                                            "svn",
                                                            "hg",
                                                            "dvc",
                                                            "dvcignore",
                                                            "datalad",
                                                            "ipynb_checkpoints",
                                                            "cache",
                                                            "venv",
                                                            "vscode",
                                                            "idea"};

/// known: in lower case. Makes no text: it is asked for every file.
bool is_among_names(std::string_view name, std::span<const std::string_view> known) {
  return std::any_of(known.begin(), known.end(), [name](std::string_view each) {
    return std::equal(name.begin(), name.end(), each.begin(), each.end(),
                      [](char a, char b) { return core::lower_case(a) == b; });
  });
}

/// ".Trash-1000" of a user, "._a.jpg" with the attributes of a.jpg (AppleDouble), ".nfs000…" of a deleted file.
bool is_system_hidden(std::string_view name) {
  for (const std::string_view prefix : {"._", ".Trash-", ".nfs0", ".fuse_hidden"}) {
    if (name.starts_with(prefix)) return true;
  }
  return is_among_names(name.substr(1), kSystemHidden);
}

/// "FOUND.000", where a check of a Windows disk puts what it found.
bool is_found_folder(std::string_view name) {
  return name.size() == 9 && is_among_names(name.substr(0, 6), std::array<std::string_view, 1>{"found."}) &&
         name.find_first_not_of("0123456789", 6) == std::string_view::npos;
}

}  // namespace

void LeftOut::add(LeftOutKind kind, std::string_view path) { of(kind).add(std::string(path)); }

bool LeftOut::empty() const {
  return std::all_of(names_.begin(), names_.end(), [](const NameList& names) { return names.empty(); });
}

bool LeftOut::holds_images() const {
  return std::any_of(kLeftOutTexts.begin(), kLeftOutTexts.end(),
                     [this](const LeftOutText& text) { return text.is_image && count(text.kind) > 0; });
}

std::vector<std::string> LeftOut::sentences() const {
  std::vector<std::string> sentences;
  std::vector<std::string> others;
  for (const LeftOutText& text : kLeftOutTexts) {
    const NameList& names = of(text.kind);
    const bool is_no_news = text.kind == LeftOutKind::kDocument || text.kind == LeftOutKind::kDecisions;
    if (names.empty() || is_no_news) continue;
    const std::string counted = counted_kind(text, names.size());
    const std::string_view remedy = text.remedy;
    if (remedy.empty()) {
      others.push_back(fmt::format("{} ({})", counted, names.text()));
    } else {
      sentences.push_back(fmt::format("left out {}: {}; {}", counted, names.text(), remedy));
    }
  }
  if (!others.empty()) sentences.push_back(fmt::format("left out {}", core::joined(others, ", ")));
  return sentences;
}

std::optional<LeftOutKind> left_out_by_name(std::string_view name, EntryKind kind) {
  if (name.starts_with('.')) {
    if (name == ".margay" && kind == EntryKind::kFolder) return LeftOutKind::kDecisions;
    if (is_system_hidden(name)) return LeftOutKind::kSystem;
    const bool is_image = kind == EntryKind::kFile && !image_extension(name).empty();
    return is_image ? LeftOutKind::kHiddenImage : LeftOutKind::kHidden;
  }
  const bool is_system = kind == EntryKind::kFolder ? is_among_names(name, kSystemFolders) || is_found_folder(name)
                                                    : is_among_names(name, kSystemFiles);
  return is_system ? std::optional(LeftOutKind::kSystem) : std::nullopt;
}

}  // namespace margay::data
