// A row of a comparison as compare.hpp keeps it: one line with one JSON object of strings, numbers and one object of
// numbers.
#pragma once

#include <cctype>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

namespace bench {

struct row {
  std::string family, task, type, best_peer;  ///< no best peer: ""
  double n = 0, threads = 0, limit_seconds = 0;
  std::map<std::string, double> seconds;

  double ours() const { return seconds.at("lockstep"); }
  /// Our time over the best peer's: below 1 we are ahead.
  double ratio() const { return ours() / seconds.at(best_peer); }
};

/// Reads what compare.hpp writes, and no other JSON. Throws std::runtime_error that says what it found instead.
class row_reader {
 public:
  explicit row_reader(std::string const& line) : text(line) {}

  row read() {
    row result;
    std::map<std::string, std::string> words;
    std::map<std::string, double> numbers;
    object([&](std::string const& key) {
      if (key == "seconds")
        object([&](std::string const& name) { result.seconds[name] = number(); });
      else if (at < text.size() && text[at] == '"')
        words[key] = word();
      else
        numbers[key] = number();
    });
    if (at != text.size()) fail("the end of the line");
    for (auto [key, place] : {std::pair{"family", &result.family},
                              {"task", &result.task},
                              {"type", &result.type},
                              {"best_peer", &result.best_peer}})
      *place = member(words, key);
    for (auto [key, place] :
         {std::pair{"n", &result.n}, {"threads", &result.threads}, {"limit_seconds", &result.limit_seconds}})
      *place = member(numbers, key);
    member(result.seconds, "lockstep");
    if (!result.best_peer.empty()) member(result.seconds, result.best_peer);
    for (auto const& [name, value] : result.seconds)
      if (!(value > 0)) throw std::runtime_error("found no positive time of " + name);
    return result;
  }

 private:
  std::string const& text;
  std::size_t at = 0;

  template <class Map>
  static typename Map::mapped_type member(Map const& map, std::string const& key) {
    auto const found = map.find(key);
    if (found == map.end()) throw std::runtime_error("expected a member \"" + key + "\", found none");
    return found->second;
  }
  [[noreturn]] void fail(std::string const& expected) const {
    std::string const found = at < text.size() ? "\"" + text.substr(at, 20) + "\"" : "the end of the line";
    throw std::runtime_error("column " + std::to_string(at + 1) + ": found " + found + ", expected " + expected);
  }
  void take(char c) {
    if (at >= text.size() || text[at] != c) fail(std::string("'") + c + "'");
    ++at;
  }
  std::string word() {
    take('"');
    std::size_t const end = text.find('"', at);
    if (end == std::string::npos) fail("a string that ends");
    std::string const result = text.substr(at, end - at);
    at = end + 1;
    return result;
  }
  double number() {
    char* end = nullptr;
    double const value = std::strtod(text.c_str() + at, &end);
    if (end == text.c_str() + at) fail("a number");
    at = static_cast<std::size_t>(end - text.c_str());
    return value;
  }
  /// `value(key)` reads what follows each key.
  template <class F>
  void object(F value) {
    take('{');
    for (bool first = true; at >= text.size() || text[at] != '}'; first = false) {
      if (!first) take(',');
      std::string const key = word();
      take(':');
      value(key);
    }
    take('}');
  }
};

}  // namespace bench
