#pragma once

#include <filesystem>
#include <stdexcept>

#include "tests/support/tiny_training.h"

namespace margay::testing_support {

/// A model and its images. One training serves all tests of a process; each works on copies. The contents of the
/// validation images are those of no training image.
class TrainedModel : public TinyTraining {
 protected:
  TrainedModel() {
    std::filesystem::copy_file(training().model(), model_);
    std::filesystem::remove_all(images_);
    std::filesystem::copy(training().images(), images_, std::filesystem::copy_options::recursive);
  }

  std::filesystem::path model_ = folder_ / "copied.margay";

 private:
  class OneTraining : public TinyTraining {
   public:
    OneTraining() {
      write_unseen_validation_images();
      const CommandResult result = train();
      if (result.status != 0) throw std::runtime_error(result.errors);
    }
    void TestBody() override {}
    std::filesystem::path images() const { return images_; }
    std::filesystem::path model() const { return run_folder() / "model.margay"; }
  };
  static OneTraining& training() {
    static OneTraining training;
    return training;
  }
};

}  // namespace margay::testing_support
