#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "margay/http/request.h"

namespace margay::http {

/// How one process gives the connections of its clients to another: each with what was received of it and not
/// answered, so that the client notices nothing (SCM_RIGHTS, unix(7)). A program that takes long to begin has another
/// one accept and answer what that can until it is there itself.
///
///     const std::array<int, 2> ends = hand_over_pair();   // before the processes part
///     Server({.inherited = sockets}, handler, {.successor = {ends[0], takes}});   // the predecessor
///     Server({.inherited = sockets, .predecessor = ends[1]}, …);                  // the successor
///
/// Both listen on the same sockets. The predecessor waits for the successor's start (wait_until_succeeded) and drains,
/// which hands over all that it has not begun to answer.
std::array<int, 2> hand_over_pair();

/// Waits until the successor serves, or has ended.
void wait_until_succeeded(int end);

/// To whom a server gives what it does not answer itself.
struct Successor {
  int end = -1;                                              ///< of the pair; -1: there is none
  std::function<bool(const Request& head)> takes = nullptr;  ///< whether that request is the successor's to answer
};

/// A connection and what was received over it. socket: -1 if there is none now.
struct HandedOver {
  int socket = -1;
  std::string received;
  bool is_last = false;  ///< the predecessor has ended: none will come
};

/// False if the successor has ended or has too many of them waiting. The socket stays open here, too.
bool hand_over(int end, int socket, std::string_view received);
/// Does not wait.
HandedOver take_over(int end);

}  // namespace margay::http
