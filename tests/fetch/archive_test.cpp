#include "margay/fetch/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::fetch {
namespace {

using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

struct ArchivedFile {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
  std::string link;  ///< of a symbolic link
  std::string hard_link;
  unsigned rights = 0644;
};

enum class ArchiveKind { kTarGz, kTar, kZip };

void write_archive(const std::filesystem::path& path, const std::vector<ArchivedFile>& files,
                   ArchiveKind kind = ArchiveKind::kTarGz) {
  archive* const writer = archive_write_new();
  if (kind == ArchiveKind::kTarGz) archive_write_add_filter_gzip(writer);
  kind == ArchiveKind::kZip ? archive_write_set_format_zip(writer) : archive_write_set_format_gnutar(writer);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const ArchivedFile& each : files) {
    archive_entry* const entry = archive_entry_new();
    archive_entry_set_pathname(entry, each.name.c_str());
    archive_entry_set_filetype(entry, each.type);
    archive_entry_set_perm(entry, each.rights);
    archive_entry_set_size(entry, static_cast<la_int64_t>(each.content.size()));
    if (!each.link.empty()) archive_entry_set_symlink(entry, each.link.c_str());
    if (!each.hard_link.empty()) archive_entry_set_hardlink(entry, each.hard_link.c_str());
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    archive_write_data(writer, each.content.data(), each.content.size());
    archive_entry_free(entry);
  }
  archive_write_free(writer);
}

class Archives : public testing::Test {
 protected:
  Extracted unpack(const ArchiveLimits& limits = {}) {
    ArchiveObserver quiet;
    return extract(path_, folder_ / "in/data", limits, quiet);
  }

  /// The message; nothing may be left, inside or outside.
  template <class Error = core::FormatError>
  std::string refusal(const std::vector<ArchivedFile>& files, const ArchiveLimits& limits = {},
                      ArchiveKind kind = ArchiveKind::kTarGz) {
    write_archive(path_, files, kind);
    std::string message = thrown_message<Error>([&] { unpack(limits); });
    EXPECT_FALSE(std::filesystem::exists(folder_ / "in/data"));
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "in")) << message;
    EXPECT_EQ(folder_.size(), 2U) << message;  // the archive and `in`
    return message;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "archive";
};

TEST_F(Archives, BecomeFoldersOfFilesWithoutTheirTopFolder) {
  write_archive(path_, {{"./top/", "", AE_IFDIR, "", "", 0},
                        {"./top/images/a b.jpg", "one", AE_IFREG, "", "", 04777},
                        {"top/images/ü.jpg", "two"}});
  const Extracted extracted = unpack();
  EXPECT_EQ(extracted.files, 2U);
  EXPECT_EQ(extracted.bytes, 6U);
  EXPECT_EQ(file_content(folder_ / "in/data/images/a b.jpg"), "one");
  EXPECT_EQ(file_content(folder_ / "in/data/images/ü.jpg"), "two");
  const auto rights = std::filesystem::status(folder_ / "in/data/images/a b.jpg").permissions();
  EXPECT_EQ(rights & std::filesystem::perms::mask & ~std::filesystem::perms(0666), std::filesystem::perms::none);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_ / "in"), {}), 1);
}

TEST_F(Archives, KeepTheLevelWhereThereAreSeveralTops) {
  write_archive(path_, {{"train/a.jpg", "one"}, {"valid/b.jpg", "two"}}, ArchiveKind::kZip);
  unpack();
  EXPECT_EQ(file_content(folder_ / "in/data/train/a.jpg"), "one");
  EXPECT_EQ(file_content(folder_ / "in/data/valid/b.jpg"), "two");
}

TEST_F(Archives, ThatLeadOutAreRefused) {
  EXPECT_NE(refusal({{"fine.jpg", "x"}, {"../out.jpg", "x"}}).find("'../out.jpg' in it leads out of the folder"),
            std::string::npos);
  EXPECT_NE(refusal({{"a/../../out.jpg", "x"}}).find("leads out"), std::string::npos);
  EXPECT_NE(refusal({{"a/..", "", AE_IFDIR}}).find("leads out"), std::string::npos);
  EXPECT_NE(refusal({{(folder_ / "out.jpg").string(), "x"}}).find("is an absolute name"), std::string::npos);
  EXPECT_NE(refusal({{"../out.jpg", "x"}}, {}, ArchiveKind::kZip).find("leads out"), std::string::npos);
}

TEST_F(Archives, WithLinksAreRefused) {
  EXPECT_NE(refusal({{"link", "", AE_IFLNK, "/etc"}, {"link/out.jpg", "x"}}).find("'link' in it is a link"),
            std::string::npos);
  EXPECT_NE(refusal({{"link", "", AE_IFLNK, "../.."}}).find("is a link"), std::string::npos);
  EXPECT_NE(refusal({{"passwd", "", AE_IFREG, "", "/etc/passwd"}}).find("is a link"), std::string::npos);
}

TEST_F(Archives, WithDevicesAndPipesAreRefused) {
  for (const unsigned type : {AE_IFCHR, AE_IFBLK, AE_IFIFO}) {
    EXPECT_NE(refusal({{"device", "", type}}).find("is neither a file nor a folder"), std::string::npos) << type;
  }
}

TEST_F(Archives, WithANameTwiceAreRefused) {
  EXPECT_NE(refusal({{"a.jpg", "one"}, {"a.jpg", "two"}}).find("'a.jpg' in it is there twice"), std::string::npos);
  EXPECT_NE(refusal<core::IoError>({{"a", "one"}, {"a/b", "two"}}).find("cannot be written"), std::string::npos);
}

TEST_F(Archives, ThatAreBombsAreRefused) {
  const std::string zeros(64U << 20U, '\0');
  EXPECT_NE(refusal({{"zeros", zeros}}).find("more than 100 times its own bytes, reached at 'zeros'"),
            std::string::npos);
  EXPECT_NE(refusal({{"a", "12345"}, {"b", "67890"}}, {.bytes = 9}).find("more than 9 bytes, reached at 'b'"),
            std::string::npos);
  EXPECT_NE(refusal({{"a", ""}, {"b", ""}, {"c", ""}}, {.entries = 2}).find("more than 2 entries"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "d/";
  EXPECT_NE(refusal({{deep + "x", "x"}}).find("more than 32 folders deep"), std::string::npos);
}

TEST_F(Archives, ThatClaimAHugeFileAreRefusedBeforeItIsMade) {
  write_archive(path_, {{"huge", "x"}}, ArchiveKind::kTar);
  std::string bytes = file_content(path_);
  bytes.replace(124, 12, "77777777777\0", 12);  // the header's size, octal: 8 GiB
  unsigned sum = 0;
  bytes.replace(148, 8, "        ");
  for (int i = 0; i < 512; ++i) sum += static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  char field[8];  // NOLINT(modernize-avoid-c-arrays)
  std::snprintf(field, sizeof(field), "%06o", sum);
  bytes.replace(148, 8, std::string(field, 7) + " ");
  testing_support::write(path_, bytes);
  const std::string message = thrown_message<core::FormatError>([&] { unpack(); });
  EXPECT_NE(message.find("times its own bytes"), std::string::npos) << message;
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "in"));
}

TEST_F(Archives, ThatAreCutOrNoneAreRefused) {
  std::string noise(100'000, '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>((i * 2654435761U) >> 13U);
  write_archive(path_, {{"a", noise}, {"b", noise}});
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_NE(thrown_message<core::FormatError>([&] { unpack(); }).find("is no whole archive"), std::string::npos);
  for (const char* text : {"<html>no archive</html>", ""}) {
    testing_support::write(path_, text);
    EXPECT_THROW(unpack(), core::FormatError) << text;
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "in"));
}

TEST_F(Archives, DoNotTouchAFolderWithFilesInIt) {
  write_archive(path_, {{"a", "new"}});
  testing_support::write(folder_ / "in/data/a", "old");
  EXPECT_NE(thrown_message<core::IoError>([&] { unpack(); }).find("is there already"), std::string::npos);
  EXPECT_EQ(file_content(folder_ / "in/data/a"), "old");
}

TEST_F(Archives, TakeTheirPlaceThoughAKilledProcessLeftHalfOfIt) {
  write_archive(path_, {{"a", "new"}});
  testing_support::write(folder_ / "in/.data.unpacking/old", "old");
  std::filesystem::create_directories(folder_ / "in/data");  // empty
  unpack();
  EXPECT_EQ(file_content(folder_ / "in/data/a"), "new");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "in/data/old"));
}

TEST_F(Archives, LeaveNothingOnAFullDisk) {
  write_archive(path_, {{"a", std::string(50'000, 'x')}});
  const testing_support::FileSizeLimit limit(10'000);
  EXPECT_THROW(unpack(), core::IoError);
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "in"));
}

}  // namespace
}  // namespace margay::fetch
