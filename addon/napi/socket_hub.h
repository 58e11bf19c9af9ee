#pragma once

#include <napi.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "core/lane/fd_disposal.h"
#include "core/socket/readiness_loop.h"
#include "napi/thread_door.h"

namespace holdfast::js {

/// All fd-carrying sockets of one JavaScript environment: one native thread says which are ready,
/// JavaScript's reads and writes them. While there is a socket the process stays.
class SocketHub {
 public:
  class Owner {
   public:
    /// The socket is ready for `events` (epoll), or called() itself.
    virtual void ready(Napi::Env env, uint32_t events) = 0;

   protected:
    ~Owner() = default;
  };

  /// The environment's. Null: an exception is pending.
  static std::shared_ptr<SocketHub> of(Napi::Env env);

  explicit SocketHub(Napi::Env env);

  /// `owner` stays until remove().
  uint64_t add(Napi::Env env, Owner& owner);
  void remove(Napi::Env env, uint64_t id);

  /// The owner's ready() comes once.
  void arm(int fd, uint64_t id, uint32_t events) { (void)loop_->arm(fd, id, events); }
  void armLater(int fd, uint64_t id, uint32_t events, int milliseconds) {
    loop_->armLater(fd, id, events, milliseconds);
  }
  /// The owner's ready() comes soon, with no event.
  void call(uint64_t id);
  /// Closes an armed socket.
  void close(UniqueFd socket, uint64_t id);
  /// Closes what a peer sent.
  void dispose(UniqueFd fd) { disposal_.add(std::move(fd)); }

 private:
  void dispatch(Napi::Env env);

  FdDisposal disposal_;
  std::unordered_map<uint64_t, Owner*> owners_;
  std::deque<ReadinessLoop::Ready> waiting_;
  uint64_t nextId_ = 1;
  ThreadDoor door_;
  std::unique_ptr<ReadinessLoop> loop_;  // last: its thread knocks at the door
};

}  // namespace holdfast::js
