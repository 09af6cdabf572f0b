#include "apps/cli/program_words.h"

#include <map>
#include <type_traits>

#include "apps/cli/train_options.h"
#include "margay/data/check/check_options.h"

namespace margay::cli {
namespace {

using Words = std::map<std::string, std::string>;

template <core::Options T>
void add_fields(Words& words) {
  core::for_each_field<T>([&](const auto& field) {
    using Value = std::decay_t<decltype(T{}.*(field.member))>;
    if constexpr (core::Options<Value>) {
      add_fields<Value>(words);
    } else {
      const std::optional<std::string> flag = flag_name(T::kName, field.name, train_flag_names());
      if (!flag) return;
      words.emplace(std::string(T::kName) + "." + field.name, *flag);
      if (*flag == flag_name(field.name)) words.emplace(field.name, *flag);
    }
  });
}

Words all_words() {
  Words words = {{"all", "--all"},
                 {"recipe", "--recipe"},
                 {"architectures", "`margay models`"},
                 {"check_data", "`margay check`"},
                 {"save_bundle", "`margay train`"}};
  add_fields<TrainOptions>(words);
  add_fields<data::CheckOptions>(words);
  return words;
}

}  // namespace

std::string program_words(const std::string& text) {
  static const Words words = all_words();
  std::string told;
  std::size_t from = 0;
  for (std::size_t open = text.find('`'); open != std::string::npos; open = text.find('`', from)) {
    told.append(text, from, open - from);
    const std::size_t close = text.find('`', open + 1);
    if (close == std::string::npos) {
      from = open;
      break;
    }
    const auto word = words.find(text.substr(open + 1, close - open - 1));
    told += word == words.end() ? "`" : word->second;
    from = word == words.end() ? open + 1 : close + 1;
  }
  return told.append(text, from);
}

}  // namespace margay::cli
