// What does the priority of the loading threads cost, on a quiet machine and beside other programs? Trains with threads
// that are always idle, always normal, and chosen by themselves (auto), in turn; auto is to lose no more than a tenth
// of the better of the others.
//
//   worker_priority FOLDER [ARCH [SIDE [EPOCHS [ROUNDS [OTHERS]]]]]
//
// FOLDER: images in folders named by their class. SIDE: of the network's input, pixels. OTHERS: how many processes
// compute without end on the busy machine; as many as there are cores unless given.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "benchmarks/timing.h"
#include "margay/margay.h"

namespace {

using benchmarks::median;

/// Processes that compute without end while they are let.
class OtherPrograms {
 public:
  explicit OtherPrograms(int count) {
    for (int i = 0; i < count; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::raise(SIGSTOP);
        for (std::atomic<unsigned> work = 0;; ++work) {
        }
      }
      children_.push_back(child);
    }
  }
  OtherPrograms(const OtherPrograms&) = delete;
  OtherPrograms& operator=(const OtherPrograms&) = delete;
  ~OtherPrograms() {
    signal(SIGKILL);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

  void run() const { signal(SIGCONT); }
  void pause() const { signal(SIGSTOP); }

 private:
  void signal(int number) const {
    for (const pid_t child : children_) ::kill(child, number);
  }

  std::vector<pid_t> children_;
};

struct Training {
  std::string folder;
  std::string arch = "resnet18";
  int side = 224;
  int epochs = 1;
};

/// Training images per second over all epochs of a new training, its beginning included.
double images_per_s(const Training& training, margay::WorkerPriority priority) {
  const auto block = margay::DataBlock()
                         .items(margay::image_files(training.folder))
                         .label(margay::folder_labels())
                         .split(margay::no_split())
                         .item_transform(margay::resize({.size = training.side * 2}))
                         .batch_transform(margay::augment({.size = training.side, .min_scale = 0.75}));
  auto learner = margay::vision_learner(block.loaders({.worker_priority = priority}), training.arch);
  learner.unfreeze();
  learner.fit(training.epochs, 1e-4);
  double seconds = 0;
  double images = 0;
  for (const margay::EpochRecord& epoch : learner.history()) {
    seconds += epoch.seconds;
    images += epoch.seconds * epoch.train_images_per_s;
  }
  return images / seconds;
}

constexpr std::array kPriorities = {margay::WorkerPriority::kIdle, margay::WorkerPriority::kNormal,
                                    margay::WorkerPriority::kAuto};

void compare(const char* machine, const Training& training, int rounds) {
  std::map<margay::WorkerPriority, std::vector<double>> speeds;
  for (int round = 0; round < rounds; ++round) {
    for (const margay::WorkerPriority priority : kPriorities) {
      speeds[priority].push_back(images_per_s(training, priority));
    }
  }
  const double idle = median(speeds[margay::WorkerPriority::kIdle]);
  const double normal = median(speeds[margay::WorkerPriority::kNormal]);
  const double chosen = median(speeds[margay::WorkerPriority::kAuto]);
  fmt::print("{:6}  {:8.1f}  {:8.1f}  {:8.1f}  {:6.2f}\n", machine, idle, normal, chosen,
             chosen / std::max(idle, normal));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: worker_priority FOLDER [ARCH [SIDE [EPOCHS [ROUNDS [OTHERS]]]]]\n");
    return 2;
  }
  const auto number = [&](int i, int otherwise) { return argc > i ? std::stoi(argv[i]) : otherwise; };
  const OtherPrograms others(number(6, margay::available_cpus()));  // before this process has threads
  margay::use_cpu_threads(margay::available_cpus(), margay::ThreadPlacement::kPinned);
  margay::keep_cpu_memory();
  const Training training = {argv[1], argc > 2 ? argv[2] : "resnet18", number(3, 224), number(4, 1)};
  const int rounds = number(5, 3);
  fmt::print("{} threads, {}, {} pixels, {} epochs; images/s, median of {}\n", margay::available_cpus(), training.arch,
             training.side, training.epochs, rounds);
  fmt::print("machine     idle    normal      auto  auto/better\n");
  images_per_s({training.folder, training.arch, training.side, 1}, margay::WorkerPriority::kAuto);  // warms up
  compare("quiet", training, rounds);
  others.run();
  compare("busy", training, rounds);
  others.pause();
}
