// How much longer than curl a fetch takes, which hashes and syncs what it gets: fetch FOLDER [MEGABYTES [ROUNDS]]. A
// server of its own gives the file over loopback; both write it into FOLDER, in turns, and the fastest of the rounds
// count.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "benchmarks/timing.h"
#include "margay/fetch/download.h"
#include "tests/support/test_server.h"

namespace {

using benchmarks::seconds_of;

using margay::testing_support::SeenRequest;
using margay::testing_support::ServerConnection;

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: fetch FOLDER [MEGABYTES [ROUNDS]]\n", stderr);
    return 2;
  }
  const std::filesystem::path file = std::filesystem::path(argv[1]) / "fetched.bin";
  const std::size_t megabytes = argc > 2 ? std::stoul(argv[2]) : 1000;
  const int rounds = argc > 3 ? std::stoi(argv[3]) : 5;
  std::string content(megabytes * 1'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); i += 64) content[i] = static_cast<char>(i * 2654435761U >> 24U);
  const margay::testing_support::TestServer server([&](ServerConnection& connection, const SeenRequest& request) {
    margay::testing_support::answer_honestly(connection, request, content);
  });
  double curl = std::numeric_limits<double>::max();
  double curl_and_sum = curl;
  double ours = curl;
  margay::fetch::DownloadObserver quiet;
  for (int i = 0; i < rounds; ++i) {
    const std::string get = fmt::format("curl -s -o {} {}", file.string(), server.url("file"));
    curl = std::min(curl, seconds_of([&] { run(get); }));
    curl_and_sum = std::min(curl_and_sum, seconds_of([&] {
                              run(get + " && sha256sum " + file.string() + " >/dev/null && sync " + file.string());
                            }));
    std::filesystem::remove(file);
    ours = std::min(ours, seconds_of([&] { margay::fetch::download(server.url("file"), file, {}, {}, quiet); }));
    std::filesystem::remove(file);
  }
  fmt::print("{} MB: curl {:.2f} s, curl with sha256sum and sync {:.2f} s, fetch {:.2f} s: {:+.1f} % of curl\n",
             megabytes, curl, curl_and_sum, ours, 100 * (ours / curl - 1));
}
