#include "apps/cli/program_words.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "apps/cli/launch.h"
#include "apps/cli/probe_text.h"
#include "apps/cli/process.h"
#include "apps/cli/serve_options.h"
#include "apps/cli/train_flags.h"
#include "margay/core/text.h"
#include "margay/data/check/check_data.h"
#include "margay/export/export_bundle.h"
#include "margay/export/quantize.h"
#include "margay/export/verify.h"
#include "margay/fetch/download.h"
#include "margay/interpret/fit_unknown.h"
#include "margay/run/evaluation_set.h"
#include "margay/run/label_check_options.h"
#include "margay/run/start_training.h"
#include "margay/run/train_options.h"

namespace margay::cli {
namespace {

using Words = std::map<std::string, std::string>;

void add_fields(const core::OptionTable& table, Words& words, const Renamed& renamed = train_flag_names()) {
  for (const core::Field& field : table) {
    if (field.type->kind == core::FieldType::Kind::kOptions) {
      add_fields(field.type->table(), words, renamed);
      continue;
    }
    const std::string name = field.name;
    const auto flag = flag_name(table.name(), name, renamed);
    if (!flag) continue;
    words.emplace(table.name() + ("." + name), *flag);
    if (*flag != flag_name(name)) continue;
    words.emplace(name, *flag);
    if (field.type->kind == core::FieldType::Kind::kSwitch) words.emplace("no_" + name, flag_name("no_" + name));
  }
}

Words all_words() {
  Words words = {{"accept_edited", "`margay clean --accept-edited`"},
                 {"all", "--all"},
                 {"recipe", "--recipe"},
                 {"action", "the action"},
                 {"calibrate", "`margay calibrate`"},
                 {"architectures", "`margay models`"},
                 {"check_data", "`margay check`"},
                 {"compare", "--compare"},
                 {"config", "--config"},
                 {"export_bundle", "`margay export`"},
                 {"label", "--label"},
                 {"lr_find", "`margay lr-find`"},
                 {"move_files", "--move-files"},
                 {"most_label_numbers", "that are allowed"},
                 {"none_of_these", "--none-of-these"},
                 {"overwrite", "--overwrite"},
                 {"probe", "`margay probe`"},
                 {"raw", "--raw"},
                 {"save_bundle", "`margay train`"},
                 {"unix_socket", "--unix"}};
  add_fields(run::TrainOptions::fields(), words);
  add_fields(data::CheckOptions::fields(), words);
  add_fields(ThreadOptions::fields(), words);
  add_fields(LaunchOptions::fields(), words);
  add_fields(run::ResumeOptions::fields(), words);
  add_fields(run::EvaluationOptions::fields(), words);
  add_fields(run::ProbeRunOptions::fields(), words, probe_flag_names());
  add_fields(fetch::DownloadOptions::fields(), words);
  add_fields(interpret::UnknownOptions::fields(), words);
  add_fields(run::LabelCheckOptions::fields(), words);
  add_fields(exporting::VerifyOptions::fields(), words);
  add_fields(ServeOptions::fields(), words, serve_flag_names());
  add_fields(exporting::OnnxOptions::fields(), words);
  add_fields(exporting::QuantizeOptions::fields(), words);
  return words;
}

/// The struct that a message begins with, "[resize] ": the one before `at`. Empty where there is none.
std::string struct_before(const std::string& text, std::size_t at) {
  const std::size_t close = text.rfind("] ", at);
  const std::size_t open = close == std::string::npos ? close : text.rfind('[', close);
  return open == std::string::npos ? "" : text.substr(open + 1, close - open - 1);
}

const Words& words() {
  static const Words words = all_words();
  return words;
}

/// "[resize] size must lie in …", as core::validate says it, with the flag.
std::string with_flag_out_of_range(std::string text) {
  const std::size_t end = text.find(" must lie in [");
  const std::size_t begin = end == std::string::npos ? end : text.rfind("] ", end);
  if (begin == std::string::npos) return text;
  const auto word = words().find(struct_before(text, begin) + "." + text.substr(begin + 2, end - begin - 2));
  return word == words().end() ? text : text.replace(begin + 2, end - begin - 2, word->second);
}

/// "fetch resnet34" or "fetch resnet34 to FOLDER", as messages of weights have it, as a command to paste.
std::optional<std::string> fetch_command_of(const std::string& text) {
  if (!text.starts_with("fetch ")) return std::nullopt;
  const std::size_t to = text.find(" to ");
  if (to == std::string::npos) return fmt::format("`margay {}`", text);
  const std::string folder = text.substr(to + 4);
  return fmt::format("`margay {} --to {}`", text.substr(0, to), folder == "FOLDER" ? folder : core::shell_word(folder));
}

std::optional<std::string> word_of_program(const std::string& name, const std::string& options) {
  if (const auto command = fetch_command_of(name)) return command;
  auto found = words().find(options + "." + name);
  if (found == words().end()) found = words().find(name);
  return found == words().end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

std::string replace_quoted(const std::string& text, const WordFor& word_for) {
  std::string told;
  std::size_t from = 0;
  while (true) {
    const std::size_t open = text.find('`', from);
    const std::size_t close = open == std::string::npos ? open : text.find('`', open + 1);
    if (close == std::string::npos) return told.append(text, from);
    told.append(text, from, open - from);
    const auto word = word_for(text.substr(open + 1, close - open - 1), struct_before(text, open));
    told += word.value_or("`");
    from = word ? close + 1 : open + 1;
  }
}

std::string program_words(const std::string& library_text) {
  return replace_quoted(with_flag_out_of_range(library_text), word_of_program);
}

}  // namespace margay::cli
