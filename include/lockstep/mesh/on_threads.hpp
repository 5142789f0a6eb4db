// on_threads: runs one function for several ranks at once, and keeps what each throws.
#pragma once

#include <exception>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/threads.hpp"

namespace lockstep {

/// Calls body(i) for every i < count at the same time, 0 in this thread, every other in a thread of its own;
/// failed(i, why) when that throws, and then done(i). Returns what each has thrown.
template <class Body, class Failed, class Done>
std::vector<std::exception_ptr> on_threads(std::size_t count, Body const& body, Failed const& failed,
                                           Done const& done) {
  std::vector<std::exception_ptr> thrown(count);
  auto const attempt = [&](std::size_t i, auto const& what) {
    try {
      what();
    } catch (std::exception const& e) {
      thrown[i] = std::current_exception();
      failed(i, text_of({" failed: ", e.what()}));
    } catch (...) {
      thrown[i] = std::current_exception();
      failed(i, std::string(" failed with an exception that is not a std::exception"));
    }
  };
  auto const run = [&](std::size_t i) noexcept {
    attempt(i, [&] { body(i); });
    done(i);
  };
  std::vector<std::thread> threads;
  attempt(0, [&] {  // which fails when there is no thread for one of them
    threads.reserve(count);
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back(run, i);
    body(0);
  });
  done(0);
  for (std::thread& thread : threads) thread.join();
  return thrown;
}

}  // namespace lockstep
