// What every code block of the documentation may use without saying so, and a look at what it prints.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <lockstep/lockstep.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace ls = lockstep;

// Pages say assert, as a reader would; here it is a check that counts, whatever NDEBUG says.
#undef assert
#define assert(...) REQUIRE((__VA_ARGS__))

/// Runs f and returns what it wrote to the standard output.
inline std::string printed_by(void (*f)()) {
  std::fflush(stdout);
  std::cout.flush();
  std::FILE* const file = std::tmpfile();
  if (!file) throw std::runtime_error("no temporary file");
  int const screen = dup(STDOUT_FILENO);
  dup2(fileno(file), STDOUT_FILENO);
  auto const restore = [&] {
    std::fflush(stdout);
    std::cout.flush();
    dup2(screen, STDOUT_FILENO);
    close(screen);
  };
  try {
    f();
  } catch (...) {
    restore();
    std::fclose(file);
    throw;
  }
  restore();
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  std::size_t const length = std::fread(text.data(), 1, text.size(), file);
  std::fclose(file);
  return text.substr(0, length);
}
