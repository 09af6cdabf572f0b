#pragma once

#include <cstdint>
#include <string>

namespace margay::collective {

/// The name of this machine, for messages.
std::string host_name();

/// "gpu7:29500", "[fe80::1]:29500".
std::string address_text(const std::string& host, std::uint16_t port);

/// The address of this machine from which the system would send to the host; "" where it knows no way. The address of
/// the machine's own name, which Gloo takes by itself, is 127.0.1.1 on a fresh Debian, where no other machine finds it.
std::string own_address(const std::string& host, std::uint16_t port);

}  // namespace margay::collective
