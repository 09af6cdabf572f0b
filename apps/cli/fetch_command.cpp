#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/cli/command.h"
#include "apps/cli/models_table.h"
#include "apps/cli/network.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/core/text.h"
#include "margay/fetch/archive.h"
#include "margay/fetch/catalogue.h"
#include "margay/fetch/fetched_file.h"
#include "margay/model/architecture/architectures.h"
#include "margay/model/weights/pretrained.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDataWord = "data";

struct FetchOptions {
  std::vector<std::string> names;
  fs::path to;
  bool yes = false;
  bool list = false;
  bool keep_archive = false;
  fetch::DownloadOptions download;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "fetch", {core::field<&FetchOptions::to>(
                      "to", "folder for it; by default weights go to the user's cache, data to the present folder"),
                  core::field<&FetchOptions::yes>("yes", "do not ask: fetch, and agree to the licences that are shown"),
                  core::field<&FetchOptions::list>("list", "show what can be fetched, and fetch nothing"),
                  core::field<&FetchOptions::keep_archive>("keep_archive",
                                                           "data: leave the archive in the cache after unpacking"),
                  core::field<&FetchOptions::download>("download", "the network")});
    return table;
  }
};

/// One thing to fetch.
struct WantedFile {
  std::string name;
  std::string about;
  fetch::Published published;
  fs::path file;
  const fetch::PublishedData* data = nullptr;  ///< null: weights
  fs::path folder;                             ///< of data, unpacked
};

fs::path cache_or_fail() {
  fs::path cache = user_places().cache;
  if (cache.empty()) throw UsageError("there is no home folder for a cache; name a folder with --to");
  return cache;
}

/// With what the table of sets says of the same file.
fetch::Published published_set(const std::string& url) {
  fetch::Published published = fetch::published_weights(url);
  const auto& sets = model::weight_sets();
  const auto found = std::find_if(sets.begin(), sets.end(), [&](const auto& each) { return each.url == url; });
  if (published.licence.empty() && found != sets.end()) {
    published.licence = found->licence;
    published.licence_source = found->licence.empty() ? "" : found->source;
  }
  return published;
}

WantedFile wanted_weights(const std::string& name, const FetchOptions& options) {
  const auto& data = fetch::published_data();
  if (std::any_of(data.begin(), data.end(), [&](const fetch::PublishedData& each) { return each.name == name; })) {
    throw UsageError(fmt::format("{0} is a set of images: margay fetch data {0}", name));
  }
  const model::Architecture& known = model::find_architecture(name);
  if (known.weights_url.empty()) throw std::invalid_argument("[fetch] " + model::fetch_advice(known));
  const fs::path folder = options.to.empty() ? cache_or_fail() / "weights" : options.to;
  return {.name = name,
          .about = published_text(known),
          .published = published_set(known.weights_url),
          .file = model::place_for_weights(folder, known)};
}

WantedFile wanted_data(const std::string& name, const FetchOptions& options) {
  const fetch::PublishedData& known = fetch::find_data(name);
  const fs::path folder = options.to.empty() ? fs::path(name) : options.to / name;
  return {.name = name,
          .about = known.about,
          .published = known.archive,
          .file = cache_or_fail() / "archives" / fetch::parse_url(known.archive.url).file,
          .data = &known,
          .folder = folder};
}

std::vector<WantedFile> wanted_files(const FetchOptions& options) {
  const bool are_data = !options.names.empty() && options.names.front() == kDataWord;
  std::vector<WantedFile> wanted;
  for (std::size_t i = are_data ? 1 : 0; i < options.names.size(); ++i) {
    wanted.push_back(are_data ? wanted_data(options.names[i], options) : wanted_weights(options.names[i], options));
  }
  if (!wanted.empty()) return wanted;
  throw UsageError("name what to fetch: margay fetch resnet18, margay fetch data pets; --list shows what there is");
}

/// 811706944 as "811,706,944".
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string with_source(const std::string& fact, const std::string& source) {
  return source.empty() ? fact : fmt::format("{} ({})", fact, source);
}

std::string bytes_text(const fetch::Published& published) {
  return published.facts.bytes == 0 ? "not published" : grouped(published.facts.bytes);
}

std::string hash_text(const fetch::FileFacts& facts) {
  if (!facts.sha256.empty()) return "SHA-256 " + facts.sha256 + (facts.sha256.size() < 64 ? "…" : "");
  if (!facts.md5_of_first_mib.empty()) return "MD5 of the first MiB " + facts.md5_of_first_mib;
  return "none is stored; the server's is checked if it tells one, and that of the first fetch is kept";
}

std::string licence_text(const fetch::Published& published) {
  if (published.licence.empty()) return "not stored; see its publisher";
  return with_source(published.licence, published.licence_source);
}

void print_plan(const WantedFile& wanted) {
  const fetch::Published& published = wanted.published;
  print_out("{}: {}\n", wanted.name, wanted.about);
  print_out("  host     {}\n  address  {}\n", fetch::parse_url(published.url).host, published.url);
  print_out("  bytes    {}\n", bytes_text(published));
  print_out("  hash     {}\n", with_source(hash_text(published.facts), published.facts_source));
  print_out("  licence  {}\n", licence_text(published));
  print_out("  to       {}\n", shown_path(wanted.data != nullptr ? wanted.folder : wanted.file));
}

/// Whether the user says yes. Where nobody can be asked, --yes must have been given.
bool is_agreed(const FetchOptions& options) {
  if (options.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) throw UsageError("nobody can be asked here; --yes fetches without asking");
  print_out("Fetch it? [y/N]\n");
  std::string answer;
  std::getline(std::cin, answer);
  answer = core::lower_case(answer);
  return answer == "y" || answer == "yes";
}

/// Shows megabytes on the progress line.
class FetchProgress : public fetch::DownloadObserver, public fetch::ArchiveObserver {
 public:
  explicit FetchProgress(const std::string& task) { line_.begin(task); }

  void continues(std::uint64_t bytes) override {
    line_.clear();
    print_out("  goes on behind {} bytes that have arrived before\n", grouped(bytes));
  }
  void progressed(std::uint64_t done, std::uint64_t total) override {
    if (total == 0) return;
    line_.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "bytes");
  }
  void tries_again(const std::string& why) override {
    line_.clear();
    warn(why + "; trying again");
  }
  bool is_stop_wanted() const override { return cli::is_stop_wanted(); }

 private:
  ProgressLine line_;
};

void print_fetched(const WantedFile& wanted, const fetch::FetchedFile& fetched) {
  print_out("{} {}\n", fetched.was_there ? "Is here already:" : "Fetched:", shown_path(wanted.file));
  print_out("  SHA-256 {}\n", fetched.record.sha256);
  print_out("  {}\n", fetched.record.checked_by.empty()
                          ? "nothing to check it by is known; later fetches must agree with this one"
                          : "checked by " + fetched.record.checked_by);
}

std::string try_data_text(const WantedFile& wanted) {
  const fetch::PublishedData& data = *wanted.data;
  std::string command = "margay train " + core::shell_word((wanted.folder / data.images).string());
  if (!data.label_pattern.empty()) command += " --label-regex " + core::shell_word(data.label_pattern);
  if (!data.arch.empty()) command += " --arch " + data.arch;
  if (data.px > 0) command += fmt::format(" --resize {0} --size {0}", data.px);
  return command;
}

void unpack(const WantedFile& wanted, const FetchOptions& options) {
  fetch::Extracted extracted;
  {
    FetchProgress progress("unpacking " + wanted.name);
    extracted = fetch::extract(wanted.file, wanted.folder, {}, progress);
  }
  print_out("Unpacked: {}, {} files\n", shown_path(wanted.folder), grouped(extracted.files));
  std::error_code ignored;
  if (!options.keep_archive) fs::remove(wanted.file, ignored);
  print_out("Try it:   {}\n", try_data_text(wanted));
}

bool is_unpacked(const WantedFile& wanted) {
  std::error_code none;
  return wanted.data != nullptr && fs::is_directory(wanted.folder, none) && !fs::is_empty(wanted.folder, none);
}

void fetch_one(const WantedFile& wanted, const FetchOptions& options) {
  fetch::FetchedFile fetched;
  {
    FetchProgress progress(wanted.name);
    fetched = fetch::fetch_file(wanted.published, wanted.file, options.download, progress);
  }
  print_fetched(wanted, fetched);
  if (wanted.data != nullptr) return unpack(wanted, options);
  print_out("Try it:   margay train FOLDER --arch {} --weights {}\n", wanted.name,
            options.to.empty() ? std::string("cached") : core::shell_word(wanted.file.string()));
}

core::ExitCode list_all() {
  using enum core::TextTable::Align;
  core::TextTable table({{"fetch", kLeft}, {"what it is", kLeft}, {"bytes"}, {"licence", kLeft}});
  const auto licence = [](const fetch::Published& each) { return each.licence.empty() ? "–" : each.licence; };
  const auto bytes = [](const fetch::Published& each) {
    return each.facts.bytes == 0 ? std::string("–") : grouped(each.facts.bytes);
  };
  for (const fetch::PublishedData& each : fetch::published_data()) {
    table.add({"data " + each.name, each.about, bytes(each.archive), licence(each.archive)});
  }
  for (const model::Architecture& each : model::architectures()) {
    if (each.weights_url.empty()) continue;
    const fetch::Published published = published_set(each.weights_url);
    table.add({each.name, each.weights_name, bytes(published), licence(published)});
    for (const model::WeightSet* set : model::weight_sets_of(each.name)) {
      if (set->url == each.weights_url) continue;
      const fetch::Published other = published_set(set->url);
      table.add({set->name, set->publisher + ", top-1 " + (set->top1 > 0 ? fmt::format("{:.1f} %", set->top1) : "–"),
                 bytes(other), licence(other)});
    }
  }
  print_text(table.text());
  return core::ExitCode::kDone;
}

core::ExitCode fetch_all(FetchOptions options) {
  core::validate(options);
  if (options.list) return list_all();
  read_network_variables(options.download);
  std::vector<WantedFile> wanted = wanted_files(options);
  for (const WantedFile& each : wanted) {
    if (is_unpacked(each)) throw core::IoError(each.folder, "is there already; name another folder with --to");
  }
  std::vector<WantedFile> missing;
  for (const WantedFile& each : wanted) {
    print_plan(each);
    if (!fetch::file_at_hand(each.published, each.file)) missing.push_back(each);
  }
  if (!missing.empty() && options.download.offline) {
    throw core::Error(fmt::format("{} is not at hand, and --offline or HF_HUB_OFFLINE forbids to fetch it from {}",
                                  missing.front().name, missing.front().published.url));
  }
  if (!missing.empty() && !is_agreed(options)) {
    print_out("Nothing was fetched.\n");
    return core::ExitCode::kFailed;
  }
  listen_for_stop();
  for (const WantedFile& each : wanted) fetch_one(each, options);
  return core::ExitCode::kDone;
}

}  // namespace

void add_fetch(CommandLine& line) {
  Command& command = line.add("fetch", "Fetch pretrained weights, or a set of images, by name");
  const auto options = std::make_shared<FetchOptions>();
  command.argument("names", options->names,
                   "networks of `margay models` or weights of `margay models --weights`, or the word data and sets of "
                   "images");
  command.flags(*options);
  command.everyday({"--to", "--yes", "--list", "--offline", "--keep-archive"});
  command.footer(
      "Shows address, bytes, hash, licence and destination, and asks. What has arrived before an interruption is kept, "
      "and the next fetch goes on there.");
  command.does([options] { return fetch_all(*options); });
}

}  // namespace margay::cli
