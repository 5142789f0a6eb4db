// Every exception that lockstep throws. Messages say what was found, what was expected and what to do.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "text.hpp"

namespace lockstep {

/// Root of all exceptions thrown by this library.
struct error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws an Error with the pieces as its message. Strings that were put together where it is called would take several
/// times as much code there: each must also be freed when another fails.
template <class Error>
[[noreturn, gnu::cold, gnu::noinline]] void throw_text(std::initializer_list<text_piece> pieces) {
  throw Error(text_of(pieces));
}

/// Extents that do not fit together.
struct shape_error : error {
  using error::error;
};

/// A device that is missing, cannot do what was asked, or failed.
struct device_error : error {
  using error::error;
};

/// Memory that a device cannot give.
struct out_of_memory : error {
  using error::error;
};

/// A collective that failed on this or on another rank, or that waited too long.
struct communication_error : error {
  using error::error;
};

/// A file or a byte stream that is not what it should be.
struct format_error : error {
  /// `where` names the file, `offset` is in bytes from its start, `problem` says what was found and expected.
  format_error(std::string const& where, std::uint64_t offset, std::string const& problem)
      : error(text_of({where, ", byte ", offset, ": ", problem})) {}
};

}  // namespace lockstep
