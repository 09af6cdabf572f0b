#include "apps/web/report_page.h"

#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/web/page_files.h"
#include "apps/web/thumbnail.h"
#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "tests/support/thrown_message.h"
#include "tests/web/written_page.h"

namespace margay::web {
namespace {

using testing_support::page_data;
using testing_support::ReadPage;
using testing_support::small_page;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::times_in;
using testing_support::write_and_read;
using testing_support::write_images;

std::vector<std::int64_t> counting(std::int64_t from, std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), from);
  return numbers;
}

std::vector<std::uint8_t> decoded(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<std::uint32_t>(digits.find(c));
    held += 6;
    if (held >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (held -= 8) & 255U));
  }
  return bytes;
}

/// The image in the element of that id.
core::Image shown_image(const std::string& html, const std::string& id) {
  const std::string begin = "id=\"" + id + "\">";
  const std::size_t at = html.find(begin);
  if (at == std::string::npos) throw std::runtime_error("the page has no image " + id);
  const std::size_t start = at + begin.size();
  return data::decode_image(decoded(html.substr(start, html.find('<', start) - start)), id);
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(Base64, GivesTheExamplesOfTheStandard) {
  const std::vector<std::pair<std::string, std::string>> examples = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, wanted] : examples) EXPECT_EQ(base64(bytes_of(text)), wanted);
}

TEST(ReportPage, AllowsNothingFromTheNetworkAndNoScriptButItsOwn) {
  const TemporaryFolder folder;
  const ReadPage read = write_and_read(folder, small_page(folder.path()));
  EXPECT_NE(read.html.find("default-src 'none'; img-src data:; script-src 'sha256-"), std::string::npos);
  EXPECT_EQ(read.html.find("unsafe-inline"), std::string::npos);
  for (const char* text : {" src=\"http", " href=\"http", "@import", "url("})
    EXPECT_EQ(times_in(read.html, text), 0U) << text;
  // The hash is that of the script as it stands between its tags.
  const std::string script(report_files().script);
  EXPECT_EQ(times_in(read.html, "<script>" + script + "</script>"), 1U);
  core::Sha256 sum;
  sum.update(bytes_of(script));
  const std::string hex = sum.finish();
  std::vector<std::uint8_t> hash;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    hash.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  EXPECT_NE(read.html.find("script-src 'sha256-" + base64(hash) + "'"), std::string::npos);
}

TEST(ReportPage, TakesNamesAsTextWhateverIsInThem) {
  const TemporaryFolder folder;
  const std::vector<std::string> names = {"</script><script>alert(1)</script>",
                                          "\"><img src=x onerror=alert(1)>",
                                          "<!-- <script>",
                                          "猫の写真.jpg",
                                          "קטבבב \u202Egpj.exe",
                                          "a\u2028b & 'c' \\ \n\t",
                                          "</SCRIPT >",
                                          "]]>"};
  ReportPage page = small_page(folder.path());
  page.title = names[0] + names[1];
  page.document["vocab"] = names;
  page.document["text"] = {names[0]};
  page.cells = {{0, 1, counting(0, static_cast<std::int64_t>(names.size()))}};
  page.image = [&names](std::int64_t row) {
    PageImage image;
    image.name = names[static_cast<std::size_t>(row)];
    return image;
  };
  const ReadPage read = write_and_read(folder, page);
  // One for the data, one for the code: no name has begun an element or ended one.
  EXPECT_EQ(times_in(read.html, "<script"), 2U);
  EXPECT_EQ(times_in(read.html, "</script"), 2U + times_in(std::string(report_files().script), "</script"));
  EXPECT_EQ(times_in(read.html, "<img"), 0U);
  EXPECT_EQ(times_in(read.html, "</SCRIPT"), 0U);
  EXPECT_NE(read.html.find("<title>&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&gt;&lt;img"),
            std::string::npos);
  EXPECT_EQ(read.data["document"]["vocab"], nlohmann::ordered_json(names));
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(read.data["images"][std::to_string(i)]["name"], names[i]);
}

TEST(ReportPage, ShowsBytesThatAreNoTextAsReplacements) {
  const TemporaryFolder folder;
  ReportPage page = small_page(folder.path());
  page.title = "caf\xE9";
  page.cells = {{0, 1, {0}}};
  page.image = [](std::int64_t /*row*/) {
    PageImage image;
    image.name = "caf\xE9.jpg";
    return image;
  };
  const ReadPage read = write_and_read(folder, page);
  EXPECT_EQ(read.data["images"]["0"]["name"], "caf\uFFFD.jpg");
  EXPECT_EQ(read.data["title"], "caf\uFFFD");
}

TEST(ReportPage, HoldsImagesAsSmallJpegs) {
  const TemporaryFolder folder;
  write_images(folder.path(), 2, 300);
  ReportPage page = small_page(folder.path());
  page.document["top_losses"]["highest"] = {{{"row", 1}}};
  page.cells = {{0, 1, {0, 1}}};
  page.maps = [](std::int64_t /*row*/) {
    return std::vector<PageMap>{{"dog 90 %", core::Image(500, 250)}, {"cat 10 %", core::Image(20, 10)}};
  };
  const ReadPage read = write_and_read(folder, page, {.thumbnail_px = 64});
  EXPECT_EQ(shown_image(read.html, "i0").width, 64);
  EXPECT_EQ(shown_image(read.html, "i1").width, 128);  // it is in a list
  EXPECT_EQ(shown_image(read.html, "i1-1").height, 128);
  EXPECT_EQ(shown_image(read.html, "i1-1").width, 64);
  EXPECT_EQ(shown_image(read.html, "i1-2").height, 20);  // never enlarged
  EXPECT_EQ(read.data["images"]["1"]["maps"], (nlohmann::ordered_json{"dog 90 %", "cat 10 %"}));
  EXPECT_FALSE(read.data["images"]["0"].contains("maps"));
  EXPECT_EQ(read.data["cells"], (nlohmann::ordered_json{{0, 1, {0, 1}}}));
  EXPECT_EQ(read.written.images, 2);
  EXPECT_EQ(read.written.left_out, 0);
}

TEST(ReportPage, ShowsAtMostTheChosenNumberOfImagesOfACell) {
  const TemporaryFolder folder;
  ReportPage page = small_page(folder.path());
  page.cells = {{0, 1, counting(0, 30)}, {1, 0, counting(40, 5)}};
  const ReadPage read = write_and_read(folder, page);
  EXPECT_EQ(read.data["cells"], (nlohmann::ordered_json{{0, 1, counting(0, 12)}, {1, 0, counting(40, 5)}}));
  const ReadPage none = write_and_read(folder, page, {.images_per_cell = 0});
  EXPECT_TRUE(none.data["cells"].empty());
  EXPECT_EQ(none.written.images, 0);
}

TEST(ReportPage, LeavesOutWhatHasNoRoomAndSaysSo) {
  const TemporaryFolder folder;
  write_images(folder.path(), 40, 120);
  ReportPage page = small_page(folder.path());
  page.document["top_losses"]["highest"] = {{{"row", 39}}};
  page.cells = {{0, 1, counting(0, 12)}, {1, 0, counting(12, 12)}};
  const std::int64_t empty = write_and_read(folder, page, {.max_bytes = 0}).written.bytes;
  const std::int64_t most = empty + 150'000;
  const ReadPage read = write_and_read(folder, page, {.max_bytes = most});
  EXPECT_LE(read.written.bytes, most);
  EXPECT_GT(read.written.images, 1);
  EXPECT_GT(read.written.left_out, 0);
  EXPECT_EQ(read.written.images + read.written.left_out, 25);
  EXPECT_EQ(read.data["left_out"], read.written.left_out);
  EXPECT_TRUE(read.data["images"].contains("39"));  // lists come first
  EXPECT_TRUE(read.data["images"].contains("0"));
  EXPECT_FALSE(read.data["images"].contains("23"));
  EXPECT_EQ(static_cast<std::int64_t>(times_in(read.html, "<script type=\"image/jpeg\"")), read.written.images);
}

TEST(ReportPage, NamesImagesThatCannotBeRead) {
  const TemporaryFolder folder;
  write_images(folder.path(), 1);
  testing_support::write(folder / "images/1.png", "no image");
  ReportPage page = small_page(folder.path());
  page.cells = {{0, 1, {0, 1, 2}}};
  const ReadPage read = write_and_read(folder, page);
  EXPECT_EQ(read.written.unreadable, 2);
  EXPECT_EQ(read.data["unreadable_names"], (nlohmann::ordered_json{"images/1.png", "images/2.png"}));
  EXPECT_EQ(read.data["images"]["0"]["has_thumbnail"], true);
  EXPECT_EQ(read.data["images"]["2"]["has_thumbnail"], false);
  EXPECT_EQ(read.data["images"]["2"]["loss"], 2.5);
}

TEST(ReportPage, TellsWhatIsWrongWithWhatItGets) {
  const TemporaryFolder folder;
  const auto message = [&](const ReportPage& page, const ReportPageOptions& options) {
    return thrown_message<std::invalid_argument>([&] { write_report_page(folder / "r.html", page, options); });
  };
  ReportPage page = small_page(folder.path());
  EXPECT_EQ(message(page, {.quality = 0}), "[write_report_page] quality must lie in 1 … 100, got 0");
  EXPECT_EQ(message(page, {.images_per_cell = -1}), "[write_report_page] images_per_cell must lie in 0 … 100, got -1");
  page.cells = {{0, 1, {0}}};
  page.image = nullptr;
  EXPECT_EQ(message(page, {}), "[write_report_page] there are images to show, but no `image` to get them from");
  page.document.erase("vocab");
  EXPECT_EQ(message(page, {}), "[write_report_page] the document must be an interpretation's; it has no \"vocab\"");
  EXPECT_EQ(folder.size(), 0U);
  EXPECT_THROW(write_report_page(folder / "no/r.html", small_page(folder.path())), core::IoError);
}

}  // namespace
}  // namespace margay::web
