#pragma once

#include <unistd.h>

#include <exception>
#include <filesystem>
#include <system_error>

namespace margay::testing_support {

/// While it lives, the process has no more rights than any user: for root every folder is open.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0) is_changed_ = ::seteuid(kNobody) == 0;
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
  ~OrdinaryUser() {
    if (is_changed_ && ::seteuid(0) != 0) std::terminate();
  }

 private:
  bool is_changed_ = false;
};

/// Lets everybody look into `open`, and nobody but root into `closed`, until it goes.
class ClosedFolder {
 public:
  ClosedFolder(const std::filesystem::path& open, const std::filesystem::path& closed) : closed_(closed) {
    using std::filesystem::perms;
    std::filesystem::permissions(open, perms::owner_all | perms::group_all | perms::others_all);
    std::filesystem::permissions(closed, perms::none);
  }
  ClosedFolder(const ClosedFolder&) = delete;
  ClosedFolder& operator=(const ClosedFolder&) = delete;
  ~ClosedFolder() {
    std::error_code ignored;
    std::filesystem::permissions(closed_, std::filesystem::perms::owner_all, ignored);
  }

 private:
  std::filesystem::path closed_;
};

}  // namespace margay::testing_support
