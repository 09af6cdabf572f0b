#include "margay/run/lesson.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/image/read_image.h"
#include "margay/run/moved_files.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;

std::string pixels_text(const core::Image& image) { return fmt::format("uint8 [{},{},3]", image.height, image.width); }

LessonStep read_step(const data::ImageSource& source, const core::Image& image) {
  const data::ImageSource::Bytes bytes = source.read();
  const data::ImageSize size = data::read_size(source);
  std::string what = fmt::format("{}, {}, {}x{} pixels", data::format_name(data::sniff_format(*bytes)),
                                 core::counted(bytes->size(), "byte"), size.width, size.height);
  if (image.width != size.width) what += ", decoded at a fraction of its size, which is faster";
  return {.name = "read", .what = what, .size = pixels_text(image)};
}

/// The part of the image that presizing takes; in words, since it may reach beyond the image.
std::string item_words(const core::Image& image, const data::ResizeOptions& options) {
  if (options.method == data::ResizeMethod::kRandomCrop) return "the middle, as random_crop takes it for validation";
  const data::Crop window =
      data::resize_window(options.method, image.height, image.width, options.size, options.size, 0.5, 0.5);
  switch (options.method) {
    case data::ResizeMethod::kSquish:
      return "the whole image, squeezed to a square";
    case data::ResizeMethod::kPad:
      return fmt::format("the whole image in a square of {0}x{0}, the rest filled", window.width);
    default:
      return fmt::format("the largest square, {}x{} pixels in the middle; in training anywhere", window.width,
                         window.height);
  }
}

/// What training does in place of the middle square.
std::string training_words(const data::AugmentOptions& options) {
  std::vector<std::string> changes;
  if (options.min_scale < 1) changes.push_back(fmt::format("a crop of {:.4g} or more", options.min_scale));
  if (options.do_flip) changes.emplace_back("flipped");
  if (options.policy.policy != data::Policy::kNone) {
    changes.push_back(core::to_text(options.policy.policy));
  } else if (options.p_affine > 0) {
    changes.push_back(fmt::format("turned up to {:.4g}°", options.max_rotate * options.mult));
  }
  return changes.empty() ? "" : fmt::format("; in training {}", core::joined(changes, ", "));
}

std::string values_text(const std::vector<float>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{:.2f} … {:.2f}", *low, *high);
}

}  // namespace

std::vector<LessonStep> lesson_steps(const data::ImageSource& source, const data::ImagePipeline& pipeline) {
  const data::Transforms& transforms = pipeline.transforms();
  core::Random random{0};  // validation draws nothing
  const core::Image image = pipeline.read(source);
  const core::Image item = pipeline.item_transform().apply(image, data::Phase::kValid, random);
  std::vector<float> input(static_cast<std::size_t>(pipeline.output_floats()));
  pipeline.finish(item, data::Phase::kValid, random, input.data());
  const int side = pipeline.output_size();
  return {read_step(source, image),
          {.name = "item transform", .what = item_words(image, transforms.resize), .size = pixels_text(item)},
          {.name = "batch transform",
           .what = "all of it" + training_words(transforms.augment),
           .size = fmt::format("float [{0},{0},3]", side)},
          {.name = "normalise",
           .what = fmt::format("(value / 255 - {:.3g}) / {:.3g}: {}", fmt::join(transforms.normalization.mean, ","),
                               fmt::join(transforms.normalization.std, ","), values_text(input)),
           .size = fmt::format("float [1,3,{0},{0}]", side)}};
}

namespace {

LessonStage fit_stage(const train::Stage& stage, int first_trained, double factor, std::size_t groups) {
  LessonStage lesson{.name = train::resolve(stage).name,
                     .epochs = stage.epochs,
                     .first_trained = first_trained,
                     .peak_lrs = stage.lr.for_groups(groups),
                     .schedule = core::to_text(stage.schedule.kind)};
  for (double& lr : lesson.peak_lrs) lr *= factor;
  const train::HyperSchedule schedule = train::hyper_schedule(stage, groups);
  lesson.lr = {schedule(0).lrs.back() * factor, lesson.peak_lrs.back(), schedule(1).lrs.back() * factor};
  return lesson;
}

}  // namespace

std::vector<LessonStage> lesson_stages(const TrainingHistory& history, std::size_t groups) {
  std::vector<LessonStage> stages;
  int first_trained = 0;
  for (const train::Stage& stage : history.recipe) {
    if (stage.type == train::StageKind::kProbe) {
      stages.push_back({.name = train::resolve(stage).name,
                        .first_trained = static_cast<int>(groups) - 1,
                        .peak_lrs = {},
                        .schedule = core::to_text(stage.type)});
      continue;
    }
    first_trained = train::first_trained_group(stage, groups).value_or(first_trained);
    stages.push_back(fit_stage(stage, first_trained, history.lr_factor, groups));
  }
  return stages;
}

namespace {

using ClassCounts = std::vector<std::pair<std::string, std::int64_t>>;

/// Of the classes with a count, the largest first; equal ones in their order.
ClassCounts counted_classes(const torch::Tensor& counts, const data::Vocabulary& vocabulary) {
  ClassCounts classes;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) {
    const auto count = counts[k].item<std::int64_t>();
    if (count > 0) classes.emplace_back(vocabulary.name(k), count);
  }
  std::stable_sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return classes;
}

}  // namespace

LessonConfusion lesson_confusion(const torch::Tensor& confusion, std::int64_t index, const data::Vocabulary& vocabulary,
                                 std::string images) {
  torch::Tensor others = confusion.select(1, index).clone();
  others[index] = 0;
  return {.images = std::move(images),
          .label = vocabulary.name(index),
          .called = counted_classes(confusion[index], vocabulary),
          .taken = counted_classes(others, vocabulary)};
}

namespace {

/// The class of a single label in the vocabulary, or -1; the sentence then says so.
std::int64_t known_class(LabelOrigin& label, const data::Vocabulary& vocabulary) {
  if (!label.labels || label.labels->empty()) return -1;
  const auto& names = vocabulary.names();
  if (std::find(names.begin(), names.end(), label.labels->front()) == names.end()) {
    label.words += " It is no class of this model, so there is no loss.";
    return -1;
  }
  return vocabulary.index(label.labels->front());
}

interpret::XrayOptions xray_options(const LessonSubject& subject, const data::Vocabulary& vocabulary) {
  return {.step = subject.step,
          .temperature = subject.calibration.temperature,
          .class_names = vocabulary.names(),
          .row_names = {subject.image.string()}};
}

interpret::SigmoidXray sigmoids(LabelOrigin& label, const torch::Tensor& logits, const data::Vocabulary& vocabulary,
                                const interpret::XrayOptions& options) {
  if (!label.labels) return interpret::sigmoid_xray(logits, {}, options);
  torch::Tensor targets = torch::zeros({1, vocabulary.size()});
  for (const std::string& name : *label.labels) {
    LabelOrigin one{.labels = data::Labels{name}, .words = ""};
    const std::int64_t index = known_class(one, vocabulary);
    if (index >= 0) targets[0][index] = 1;
    if (index < 0) label.words += fmt::format(" '{}' is no class of this model.", name);
  }
  return interpret::sigmoid_xray(logits, targets, options);
}

LabelOrigin label_of(const LessonSubject& subject, const bundle::Bundle& bundle) {
  if (subject.label) return {.labels = subject.label, .words = "`label` gives the label."};
  DataOptions options = remembered_options(bundle.provenance, subject.model);
  options.edits = false;  // the label that the data gives
  options.journal.clear();
  if (!subject.data.empty()) find_moved_tables(options, subject.model, subject.data);
  return label_origin(subject.image, options, subject.data);
}

void take_history(Lesson& lesson, const bundle::Bundle& bundle, const fs::path& model) {
  try {
    const std::optional<TrainingHistory> history = training_history(bundle.provenance);
    if (!history) return;
    lesson.stages = lesson_stages(*history, bundle.classifier->parameter_groups().size());
    lesson.epochs = history->epochs;
  } catch (const std::invalid_argument& error) {
    throw core::FormatError(model, fmt::format("what it remembers of its training cannot be used: {}", error.what()));
  }
}

}  // namespace

Lesson make_lesson(const bundle::Bundle& bundle, const LessonSubject& subject, const torch::Tensor& logits) {
  Lesson lesson{.image = subject.image.string(),
                .architecture = bundle.classifier->options().architecture,
                .classes = bundle.vocabulary.names(),
                .label = label_of(subject, bundle),
                .steps = lesson_steps(subject.image,
                                      data::ImagePipeline(bundle.transforms, subject.max_pixels, subject.decoding)),
                .calibration = subject.calibration};
  const torch::Tensor calibrated = subject.calibration.scaled(logits);
  const interpret::XrayOptions options = xray_options(subject, bundle.vocabulary);
  if (bundle.task == data::Task::kMultiLabel) {
    lesson.xray = sigmoids(lesson.label, calibrated, bundle.vocabulary, options);
  } else {
    const torch::Tensor target = torch::tensor({known_class(lesson.label, bundle.vocabulary)}, torch::kLong);
    lesson.xray = interpret::softmax_xray(calibrated, target, options);
  }
  take_history(lesson, bundle, subject.model);
  return lesson;
}

}  // namespace margay::run
