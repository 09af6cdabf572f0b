#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/train_options.h"
#include "margay/data/image/write_image.h"
#include "margay/data/show_batch.h"

namespace margay::cli {
namespace {

struct ShowBatchOptions {
  std::filesystem::path out = "batch.png";
  int max_n = 9;
  BatchOptions batch;

  static constexpr const char* kName = "show_batch";
  static constexpr auto fields() {
    return std::tuple{core::field("out", &ShowBatchOptions::out, "the picture to write (PNG)"),
                      core::field("max_n", &ShowBatchOptions::max_n, "pictures to show", {1, 1024}),
                      core::field("batch", &ShowBatchOptions::batch, "the data")};
  }
};

core::ExitCode show_batch(const ShowBatchOptions& options) {
  const data::Loaders loaders = make_block(options.batch).loaders(options.batch.loader);
  data::LoaderPass pass = loaders.train.pass(0);
  const std::optional<data::Batch> batch = pass.next();
  if (!batch) throw core::DataError(options.batch.folder, "no batch can be made of it");
  const data::Image grid = data::show_batch(*batch, loaders.vocabulary, loaders.recipe().normalization, options.max_n);
  data::write_png(options.out, grid);
  fmt::print("{} ({}x{}, what the network sees: cropped, flipped, {} px)\n", options.out.string(), grid.width,
             grid.height, loaders.recipe().augment.size);
  return core::ExitCode::kDone;
}

}  // namespace

void add_show_batch(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("show-batch", "Draw a training batch as the network sees it");
  const auto options = std::make_shared<ShowBatchOptions>();
  command->add_option("folder", options->batch.folder, "the pictures")->required();
  add_flags(*command, *options, train_flag_names());
  command->callback([options, &action] { action = [options] { return show_batch(*options); }; });
}

}  // namespace margay::cli
