#include "apps/cli/lesson_text.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/help.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using interpret::SigmoidRow;
using interpret::SigmoidTerm;
using interpret::signed_text;
using interpret::SoftmaxRow;
using interpret::SoftmaxTerm;
using LessonAlign = core::TextTable::Align;

constexpr std::size_t kLessonColumns = 100;
constexpr const char* kLessonIndent = "   ";

/// Numbered sections, one after another.
class LessonSections {
 public:
  void begin(const std::string& title) { text_ += fmt::format("\n{}. {}\n", ++count_, title); }
  void say(const std::string& sentences) {
    if (sentences.empty()) return;
    for (const std::string& line : wrapped(core::one_line(sentences), kLessonColumns))
      text_ += kLessonIndent + line + "\n";
  }
  /// A line as it is.
  void show(const std::string& line) { text_ += kLessonIndent + core::one_line(line) + "\n"; }
  void show(const core::TextTable& table) { text_ += table.text(kLessonIndent); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  int count_ = 0;
};

std::string name_of(const SoftmaxRow& row, std::size_t k) { return core::one_line(row.classes[k].name); }

std::string class_mark(const std::string& name, bool is_target) {
  return fmt::format("{} {}", is_target ? '>' : ' ', core::one_line(name));
}

void tell_label(LessonSections& text, const run::Lesson& lesson) {
  text.begin("The label");
  text.say(lesson.label.words);
  const auto* softmax = std::get_if<interpret::SoftmaxXray>(&lesson.xray);
  if (softmax == nullptr || !softmax->rows[0].target) return;
  text.say(
      fmt::format("It is class {} of 0 … {}: the network knows classes by their number, and the model keeps their "
                  "names.",
                  softmax->rows[0].target->index, lesson.classes.size() - 1));
}

void tell_steps(LessonSections& text, const run::Lesson& lesson) {
  text.begin("From the file to the network's input");
  core::TextTable table({{"step", LessonAlign::kLeft}, {"", LessonAlign::kLeft}, {"result", LessonAlign::kLeft}});
  for (const run::LessonStep& step : lesson.steps) table.add({step.name, step.what, step.size});
  text.show(table);
  text.say(
      "Presizing: the item transform leaves more pixels than the network takes, so that the crop, the flip, the turn "
      "and the zoom of training are one interpolation of real pixels.");
}

/// What exp is taken of instead of the logits, so that none overflows; 0 where none does.
double shift_of(const SoftmaxRow& row) {
  constexpr double kLargestShown = 30;
  const double highest = row.classes[row.best_class()].activation;
  return std::abs(highest) > kLargestShown ? highest : 0;
}

std::string exp_title(double shift) {
  return shift == 0 ? "exp(z)" : fmt::format("exp(z - {})", interpret::number_text(shift));
}

double sum_of_exps(const SoftmaxRow& row, double shift) {
  double sum = 0;
  for (const SoftmaxTerm& term : row.classes) sum += std::exp(term.activation - shift);
  return sum;
}

void show_softmax_table(LessonSections& text, const SoftmaxRow& row, const std::vector<std::size_t>& shown) {
  const double shift = shift_of(row);
  core::TextTable table({{"  class", LessonAlign::kLeft},
                         {"logit z"},
                         {exp_title(shift)},
                         {"softmax"},
                         {"-log p"},
                         {row.target ? "gradient" : ""}});
  for (const std::size_t k : shown) {
    const SoftmaxTerm& term = row.classes[k];
    table.add({class_mark(term.name, row.target && row.target->index == k), interpret::number_text(term.activation),
               interpret::number_text(std::exp(term.activation - shift)), interpret::number_text(term.probability),
               interpret::number_text(term.negative_log), row.target ? signed_text(term.gradient) : ""});
  }
  table.add({fmt::format("  sum of all {}", row.classes.size()), "", interpret::number_text(sum_of_exps(row, shift)),
             interpret::number_text(row.sum(&SoftmaxTerm::probability)), "",
             row.target ? signed_text(row.sum(&SoftmaxTerm::gradient)) : ""});
  text.show(table);
}

/// exp and softmax of one class with a calculator's steps.
void show_by_hand(LessonSections& text, const SoftmaxRow& row, std::size_t k) {
  const double shift = shift_of(row);
  const double z = row.classes[k].activation;
  const std::string power = shift == 0
                                ? interpret::number_text(z)
                                : fmt::format("{} - {}", interpret::number_text(z), interpret::number_text(shift));
  text.say(fmt::format("By hand for '{}': exp({}) = {}; divided by the sum, {}, it is {}.", name_of(row, k), power,
                       interpret::number_text(std::exp(z - shift)), interpret::number_text(sum_of_exps(row, shift)),
                       interpret::number_text(row.classes[k].probability)));
}

void tell_calibration(LessonSections& text, const predict::Calibration& calibration) {
  if (!calibration.is_fitted()) return;
  text.say(
      fmt::format("Before that all logits are divided by the model's temperature, {}, which was fitted to {}, so "
                  "that the probabilities mean what they say; z is the logit so divided.",
                  interpret::number_text(calibration.temperature), core::counted(calibration.images, "image")));
}

void tell_softmax(LessonSections& text, const run::Lesson& lesson, const SoftmaxRow& row, interpret::Extent extent) {
  text.begin("From logits to probabilities");
  text.say(
      fmt::format("{} gives each of the {} a logit, a number of any size and sign. exp makes it positive, so that "
                  "larger ones grow most, and divided by the sum of all the exps it is a share of 1: the softmax.",
                  lesson.architecture, core::counted(row.classes.size(), "class", "classes")));
  tell_calibration(text, lesson.calibration);
  const std::vector<std::size_t> shown = interpret::shown_classes(row, extent);
  show_softmax_table(text, row, shown);
  text.say(interpret::left_out_words(row, shown));
  show_by_hand(text, row, row.target ? row.target->index : row.best_class());
}

void tell_loss(LessonSections& text, const SoftmaxRow& row) {
  text.begin("The loss");
  if (!row.target) return text.say("Without a label there is none; the column -log p has the loss for each label.");
  text.say(
      fmt::format("Of all probabilities only the label's is picked, and the loss is its negative logarithm: "
                  "-log {} = {}. p = 1 would cost nothing, p = 1/2 costs 0.6931, and there is no limit as p nears 0.",
                  interpret::number_text(row.target->probability), interpret::number_text(row.target->loss)));
  text.say(interpret::verdict(row));
}

void tell_gradient(LessonSections& text, const SoftmaxRow& row, double step) {
  if (!row.target) return;
  text.begin("The gradient");
  const std::size_t target = row.target->index;
  text.say(
      fmt::format("It is the softmax, less 1 for the label: {} - 1 = {} for '{}'. A step against it raises this "
                  "logit and lowers all others, each by its share; the sum is 0. No push is larger than 1, however "
                  "wrong the prediction is.",
                  interpret::number_text(row.classes[target].probability), signed_text(row.classes[target].gradient),
                  name_of(row, target)));
  text.say(interpret::step_words(row, step));
}

void tell_other_labels(LessonSections& text, const SoftmaxRow& row) {
  if (!row.target || row.classes.size() < 2) return;
  const std::size_t target = row.target->index;
  const auto costs = [&](std::size_t a, std::size_t b) {
    return row.classes[a].negative_log < row.classes[b].negative_log;
  };
  std::vector<std::size_t> others;
  for (std::size_t k = 0; k < row.classes.size(); ++k) {
    if (k != target) others.push_back(k);
  }
  const auto [least, most] = std::minmax_element(others.begin(), others.end(), costs);
  text.begin("What another label would cost");
  text.say(
      fmt::format("If the image were labelled '{}', its loss would be {}, the least of the other classes; labelled "
                  "'{}', {}, the most. A wrong label is learnt as eagerly as a right one, and images whose loss "
                  "stays high are where to look for them.",
                  name_of(row, *least), interpret::number_text(row.classes[*least].negative_log), name_of(row, *most),
                  interpret::number_text(row.classes[*most].negative_log)));
}

void show_guesses(LessonSections& text, std::vector<std::pair<double, std::string>> guesses) {
  constexpr std::size_t kGuesses = 3;
  std::stable_sort(guesses.begin(), guesses.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  guesses.resize(std::min(kGuesses, guesses.size()));
  core::TextTable table({{"p"}, {"class", LessonAlign::kLeft}});
  for (const auto& [probability, name] : guesses)
    table.add({interpret::number_text(probability), core::one_line(name)});
  text.begin("The best guesses");
  text.show(table);
}

template <class Row>
std::vector<std::pair<double, std::string>> guesses_of(const Row& row) {
  std::vector<std::pair<double, std::string>> guesses;
  for (const auto& term : row.classes) guesses.emplace_back(term.probability, term.name);
  return guesses;
}

void tell_answer(LessonSections& text, const run::Lesson& lesson, const interpret::SoftmaxXray& xray,
                 interpret::Extent extent) {
  const SoftmaxRow& row = xray.rows[0];
  tell_softmax(text, lesson, row, extent);
  tell_loss(text, row);
  tell_gradient(text, row, xray.step);
  tell_other_labels(text, row);
  show_guesses(text, guesses_of(row));
}

void show_sigmoid_table(LessonSections& text, const SigmoidRow& row, const std::vector<std::size_t>& shown) {
  core::TextTable table({{"  class", LessonAlign::kLeft},
                         {"logit z"},
                         {"sigmoid"},
                         {row.target ? "loss" : "-log p"},
                         {row.target ? "gradient" : "-log(1-p)"}});
  for (const std::size_t k : shown) {
    const SigmoidTerm& term = row.classes[k];
    table.add({class_mark(term.name, term.is_there), interpret::number_text(term.activation),
               interpret::number_text(term.probability),
               interpret::number_text(row.target ? term.loss : term.loss_if_yes),
               row.target ? signed_text(term.gradient) : interpret::number_text(term.loss_if_no)});
  }
  text.show(table);
}

void tell_answer(LessonSections& text, const run::Lesson& lesson, const interpret::SigmoidXray& xray,
                 interpret::Extent extent) {
  const SigmoidRow& row = xray.rows[0];
  text.begin("From logits to probabilities");
  text.say(
      fmt::format("{} gives each of the {} a logit. An image may have several labels or none, so each class is a "
                  "yes-no question of its own: its sigmoid, 1 / (1 + exp(-z)). They need not sum to 1.",
                  lesson.architecture, core::counted(row.classes.size(), "class", "classes")));
  tell_calibration(text, lesson.calibration);
  const std::vector<std::size_t> shown = interpret::shown_classes(row, extent);
  show_sigmoid_table(text, row, shown);
  text.say(interpret::left_out_words(row, shown));
  text.begin("The loss and its gradient");
  if (row.target) {
    text.say(
        fmt::format("A class that is there costs -log p, another -log(1 - p); the loss is their mean, {}. The "
                    "gradient is (p - target) / {}.",
                    interpret::number_text(row.target->loss), row.classes.size()));
  }
  text.say(interpret::verdict(row));
  text.say(interpret::step_words(row, xray.step));
  show_guesses(text, guesses_of(row));
}

std::string counts_text(const std::vector<std::pair<std::string, std::int64_t>>& counts) {
  std::vector<std::string> texts;
  for (const auto& [name, count] : counts) texts.push_back(fmt::format("'{}' ({})", core::one_line(name), count));
  return core::joined(texts, ", ");
}

void tell_confusion(LessonSections& text, const run::Lesson& lesson) {
  text.begin("Confusion so far");
  if (!lesson.confusion) {
    return text.say(std::holds_alternative<interpret::SigmoidXray>(lesson.xray)
                        ? "Where an image may have several labels, no class is mistaken for another: each is right or "
                          "wrong by itself."
                        : "--data FOLDER, the training's images, also shows what this class is confused with.");
  }
  const run::LessonConfusion& confusion = *lesson.confusion;
  text.say(confusion.images + ".");
  text.say(confusion.called.empty()
               ? fmt::format("None of them is labelled '{}'.", confusion.label)
               : fmt::format("Those labelled '{}' are taken for {}.", confusion.label, counts_text(confusion.called)));
  if (!confusion.taken.empty()) {
    text.say(fmt::format("Taken for '{}' are also {}.", confusion.label, counts_text(confusion.taken)));
  }
}

std::string trained_text(const run::LessonStage& stage) {
  if (stage.first_trained == 0) return "everything";
  return stage.first_trained == model::Classifier::kHeadGroup ? "the head" : "the head and the later layers";
}

/// The rates of the groups that train.
std::string rates_text(const run::LessonStage& stage) {
  if (stage.peak_lrs.empty()) return "solved at once";
  const auto first = std::min<std::ptrdiff_t>(stage.first_trained, std::ssize(stage.peak_lrs) - 1);
  return fmt::format("{:.3g}", fmt::join(stage.peak_lrs.begin() + first, stage.peak_lrs.end(), ", "));
}

void show_stages(LessonSections& text, const std::vector<run::LessonStage>& stages) {
  core::TextTable table({{"stage", LessonAlign::kLeft},
                         {"epochs"},
                         {"trains", LessonAlign::kLeft},
                         {"peak rates by group", LessonAlign::kLeft},
                         {"schedule", LessonAlign::kLeft},
                         {"the head's rate", LessonAlign::kLeft}});
  for (const run::LessonStage& stage : stages) {
    const std::string course = stage.peak_lrs.empty() ? "" : fmt::format("{:.2g}", fmt::join(stage.lr, " > "));
    table.add({stage.name, stage.epochs == 0 ? "" : std::to_string(stage.epochs), trained_text(stage),
               rates_text(stage), stage.schedule, course});
  }
  text.show(table);
}

/// The last ones, unless all are wanted.
void show_epochs(LessonSections& text, const std::vector<run::RunEpoch>& epochs, interpret::Extent extent) {
  if (epochs.empty()) return;
  const bool shows_all = extent == interpret::Extent::kAll || epochs.size() <= interpret::kMostShown;
  const std::size_t hidden = shows_all ? 0 : epochs.size() - interpret::kMostShown;
  std::vector<core::TextTable::Column> columns = {
      {"stage", LessonAlign::kLeft}, {"epoch"}, {"train_loss"}, {"valid_loss"}};
  for (const auto& [name, value] : epochs.back().metrics) columns.push_back({name});
  core::TextTable table(columns);
  for (std::size_t i = hidden; i < epochs.size(); ++i) {
    const run::RunEpoch& epoch = epochs[i];
    std::vector<std::string> cells = {epoch.stage, std::to_string(epoch.epoch),
                                      interpret::number_text(epoch.train_loss),
                                      interpret::number_text(epoch.valid_loss)};
    for (const auto& [name, ignored] : epochs.back().metrics) {
      const auto found = std::find_if(epoch.metrics.begin(), epoch.metrics.end(),
                                      [&](const auto& metric) { return metric.first == name; });
      cells.push_back(found == epoch.metrics.end() ? "" : interpret::number_text(found->second));
    }
    table.add(cells);
  }
  text.show(table);
  if (hidden > 0) text.say(fmt::format("{} before them; `all` shows them.", core::counted(hidden, "epoch")));
}

void tell_training(LessonSections& text, const run::Lesson& lesson, interpret::Extent extent) {
  text.begin("How it was trained");
  if (lesson.stages.empty()) {
    return text.say("This model does not know: an earlier version of the program made it.");
  }
  show_stages(text, lesson.stages);
  if (std::any_of(lesson.stages.begin(), lesson.stages.end(), [](const auto& stage) { return stage.epochs > 0; })) {
    text.say("Frozen groups keep their weights; batch norms train all the time.");
  }
  show_epochs(text, lesson.epochs, extent);
}

void tell_p_known(LessonSections& text, const run::Lesson& lesson) {
  if (!lesson.p_known) return text.say("`calibrate` with `none_of_these` gives the model a threshold for such images.");
  text.say(fmt::format(
      "This model has a threshold for that: of images of its classes a share p = {:.2g} looks as "
      "unusual as this one. {}",
      *lesson.p_known,
      *lesson.p_known <= lesson.alpha ? fmt::format("That is at most {}, so it says none of these.", lesson.alpha)
                                      : fmt::format("That is more than {}, so it answers.", lesson.alpha)));
}

void tell_none_of_these(LessonSections& text, const run::Lesson& lesson) {
  text.begin("None of these");
  const auto* softmax = std::get_if<interpret::SoftmaxXray>(&lesson.xray);
  if (softmax == nullptr) {
    text.say("An image of none of the classes has no sigmoid above 1/2; nothing has to be shared out.");
    return tell_p_known(text, lesson);
  }
  const SoftmaxRow& row = softmax->rows[0];
  const SoftmaxTerm& best = row.classes[row.best_class()];
  text.say(
      fmt::format("Softmax has to share out 1 among these {}, whatever the image shows, and sees only differences: "
                  "with 10 less for every logit the best would be {} instead of {}, and p still {}. So p says how "
                  "much better one class fits than the others, not that any of them does.",
                  core::counted(row.classes.size(), "class", "classes"), interpret::number_text(best.activation - 10),
                  interpret::number_text(best.activation), interpret::number_text(best.probability)));
  tell_p_known(text, lesson);
}

}  // namespace

std::string lesson_text(const run::Lesson& lesson, interpret::Extent extent) {
  LessonSections text;
  tell_label(text, lesson);
  tell_steps(text, lesson);
  std::visit([&](const auto& xray) { tell_answer(text, lesson, xray, extent); }, lesson.xray);
  tell_confusion(text, lesson);
  tell_training(text, lesson, extent);
  tell_none_of_these(text, lesson);
  return core::one_line(lesson.image) + "\n" + text.text();
}

}  // namespace margay::cli
